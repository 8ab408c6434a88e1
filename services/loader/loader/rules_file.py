"""The rules file in the storage is put in force, or refused with its mistakes."""

import logging
from collections.abc import Callable, Iterable, Sequence

from eventstac.bus import REJECTED, Outgoing
from eventstac.catalog.rules_blob import RulesFile, Taken
from eventstac.catalog.undone import Undone
from eventstac.errors import Stale
from eventstac.events import Envelope, EventRejected, storage_changes
from eventstac.rules import RULES_INVALID, RulesRefused

log = logging.getLogger("eventstac")

STAGE = "config-events/loader"

# Looks at the rules file, and puts it in force if it is valid and not known yet.
TakeIn = Callable[[], Taken]

# Puts back what differs from the rules in force; gives each when it was put back.
PutBack = Callable[[], Iterable[Undone]]


def handle(envelope: Envelope, *, url: str, take_in: TakeIn) -> Sequence[Outgoing]:
    """Take in the rules file that an event is about.

    Key: the file's URL. Stale rule: none; the event only causes a look, and the last look sees the last upload. Side
    effects: Collections, queryables and a revision of the rules in one commit. Rejected: a file with mistakes; the
    rules in force stay.
    """
    if url not in [change.url for change in storage_changes(envelope)]:
        raise Stale(f"no rules file: {url} is")
    taken = take_in()
    _tell(taken)
    if taken.file is not None and taken.file.mistakes:
        raise RulesRefused(taken.file.mistakes)
    return []


def look(*, take_in: TakeIn) -> Sequence[Outgoing]:
    """Take in a rules file whose event was lost; what is returned tells of one that is refused."""
    taken = take_in()
    if taken.outcome in ("absent", "same") or taken.file is None:
        return []
    _tell(taken)
    return [Outgoing(REJECTED, _rejection(taken.file))] if taken.file.mistakes else []


def restore(*, put_back: PutBack) -> None:
    """Put back what others took away in pgstac of what the rules in force state.

    Key: the Collection. Side effects: Collections and queryables. Run twice, the second finds nothing to do.
    """
    for each in put_back():
        log.warning("rules_undone", extra={"collection": each.collection, "detail": str(each)})


def _rejection(file: RulesFile) -> EventRejected:
    event = {"url": file.url, "etag": file.etag}
    return EventRejected(STAGE, RULES_INVALID, file.mistakes, file.url, 1, event)


def _tell(taken: Taken) -> None:
    file = taken.file
    extra: dict[str, str] = {"outcome": taken.outcome}
    if file:
        extra |= {
            "blob": file.url,
            "etag": file.etag,
            "revision": str(file.revision),
            "detail": file.mistakes,
        }
    log.log(logging.WARNING if taken.outcome == "refused" else logging.INFO, "rules_file", extra=extra)
