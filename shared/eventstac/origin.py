"""Where a message comes from: what the messages that it causes inherit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from eventstac.url_secrets import told_url

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?:-.*)?"
)

_LONGEST_CORRELATION = 256  # characters: ours have 32


@dataclass(frozen=True)
class Origin:
    """Where a message comes from.

    `id` is the event's id, `correlation` that of the whole story of a blob, `traceparent` the W3C trace context: the
    trace, and the span that the next one is a child of. Ids of traces and spans are made from what they are about, as
    those of events are: what is delivered twice, or handled again after a crash, tells of one trace and one span.
    """

    id: str
    correlation: str
    traceparent: str

    @classmethod
    def new(cls, cause: str) -> "Origin":
        """The start of a story that no event began: a timer, a command."""
        return cls(
            cause, told_correlation(cause), f"00-{_hex(32, 'trace', cause)}-{_hex(16, 'begins', cause)}-01"
        )

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Origin":
        """What an event of ours says of it."""
        return cls(event["id"], event["correlationid"], event["traceparent"])

    @property
    def trace(self) -> str:
        """The trace's id: 32 hexadecimal digits."""
        return self.traceparent[3:35]

    @property
    def span(self) -> str:
        """The id of the span that what is sent is a child of: 16 hexadecimal digits."""
        return self.traceparent[36:52]

    @property
    def is_sampled(self) -> bool:
        """Whether who began the trace wants it to be kept."""
        return bool(int(self.traceparent[53:55], 16) & 1)

    def within(self, *parts: str) -> "Origin":
        """The same story inside a span that is named by what it is about."""
        span = _hex(16, "span", *parts)
        return Origin(self.id, self.correlation, f"00-{self.trace}-{span}-{self.traceparent[53:55]}")


def valid_traceparent(text: str | None) -> str | None:
    """A trace context that can be gone on with (W3C Trace Context, section 3.2), or None."""
    found = _TRACEPARENT.fullmatch(text or "")
    return f"00-{found['trace']}-{found['span']}-{found['flags']}" if found else None


def told_correlation(story: str) -> str:
    """What every event of a story carries: its name, or a hash of one that is too long for that, or has secrets."""
    is_told = len(story) <= _LONGEST_CORRELATION and told_url(story) == story
    return story if is_told else _hex(32, story)


def _hex(digits: int, *parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:digits]
