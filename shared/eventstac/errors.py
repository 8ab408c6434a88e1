"""The three kinds of failure, and what each makes the pipeline do.

EventstacError
├── Rejected    this event or blob cannot become right by waiting: recorded with its reason, never retried
├── Transient   the world is away (database, throttling, time-out): the message is re-sent with a delay
│   ├── Busy    it answers, but somebody holds what this one needs, or it has no room: only this one waits
│   │   └── TablesHeld a Collection's tables cannot be changed (`catalog.pgstac_partitions`)
│   ├── Growing a blob that cannot be read is still being written: it is waited for
│   ├── Copying a blob is still being copied: it is what it will be only when that ends
│   └── Refused a whole container is missing or may not be read: a run over it stops, a message waits
├── Stale       an older look or a duplicate: done, counted
└── BlobChanged the blob was overwritten while it was read: look again at once, then Transient
"""

from datetime import timedelta

from eventstac.url_secrets import without_secrets


class EventstacError(Exception):
    """Whatever the pipeline can say about a failure it foresaw."""


class Rejected(EventstacError):
    """An input that no retry will mend, with a reason a person can act on.

    `reason` is a short kebab-case name that tools filter by (`not-a-raster`, `truncated`); `detail` says what,
    where and how to mend it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        detail = without_secrets(detail)  # it is logged, kept, and shown to whoever looks after the catalog
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Transient(EventstacError):
    """A failure that says nothing about the input: try again later.

    `after_s` is the delay that the far side asked for (Retry-After), if it did.
    """

    def __init__(self, detail: str, after_s: float | None = None) -> None:
        detail = without_secrets(detail)
        super().__init__(detail)
        self.detail = detail
        self.after_s = after_s


class Busy(Transient):
    """What was asked answers, but somebody holds what this one needs: nothing else has to wait for it."""


class Copying(Transient):
    """The blob is still being copied: it has no bytes yet, or not all."""


class Growing(Transient):
    """The blob cannot be read as it is, and somebody still adds bytes to it, or did a moment ago.

    `within`: it is tried again by then, if not sooner.
    """

    def __init__(self, detail: str, within: timedelta) -> None:
        super().__init__(detail)
        self.within = within


class Refused(Transient):
    """The storage refuses a container: it is not there, or these credentials may not read it.

    It says nothing about any blob, so a run over the container stops with this reason.
    """


class Stale(EventstacError):
    """An older look or a duplicate: there is nothing left to do."""


class BlobChanged(EventstacError):
    """The blob's ETag is no longer the one the read began with (412): the caller looks again."""
