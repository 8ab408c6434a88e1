"""Blobs to which bytes are added without an event: append blobs and page blobs, and when they are looked at again.

GDAL writes what is larger than one of its chunks to `/vsiaz/` as an append blob: the event comes when it has no bytes
yet, and none when it has them all. So what cannot be read is waited for while somebody writes, and what can be read is
looked at again, ever more rarely, until nobody has written for about an hour. The daily reconcile finds the rest.
"""

from datetime import UTC, datetime, timedelta

from eventstac.blobs import Look
from eventstac.facts import Finding
from eventstac.times import from_text

# After the last write: what cannot be read by then will not be by waiting.
WRITTEN_FOR = timedelta(minutes=10)
LOOKED_AT_FOR = timedelta(hours=1)  # after the last write

_AGES_S = (12, 36, 108, 324, 972, 2916)  # of looks after the last write, which most files get without a pause
_LATER_BY, _LATER_S = 1.5, 5.0  # the next look is not the one that has just been made, a little early
_NEWS_FOR = timedelta(days=1)  # a message is tried for as long
_GRID_S = 12.0  # looks are made at times that this divides, so that those of many events are one
# Of the time since it was made, lies between two looks at least, up to a limit: what grows for days is looked at less.
_SHARE, _LARGEST_GRID_S = 1 / 20, 3072.0


def is_being_written(look: Look) -> bool:
    """Whether somebody wrote to a blob that may grow so short a time ago that more may come."""
    return look.grows and rested(look) < WRITTEN_FOR


def is_looked_at_again(look: Look, known: Finding | None) -> bool:
    """Whether a look at a blob that may grow is still to come, by what is known of it; until it was read it waits."""
    if known is None or not was_growing(look, known):
        return is_being_written(look)
    written = (known.storage or {}).get("last_modified")
    return look.grows and written is not None and look.seen - from_text(written) < LOOKED_AT_FOR


def was_growing(look: Look, known: Finding) -> bool:
    """Whether what is known is of this very blob; one that took another's place was made after that was seen."""
    is_another = look.created is not None and look.created > known.seen
    return bool((known.storage or {}).get("grows")) and not is_another


def rested(look: Look) -> timedelta:
    """For how long nobody has written, by the storage's clock."""
    return look.seen - look.last_modified if look.last_modified else timedelta.max


def next_look(finding: Finding, seen: datetime, now: datetime) -> datetime | None:
    """When a blob that may grow, and that was looked at last at `seen`, is looked at again; None where it need not be.

    It is a moment of a grid, the same for all looks of about that time: so that many looks, of many events, do not each
    begin a row of their own. What was found long ago and is only said anew (by other rules) begins none.
    """
    storage = finding.storage or {}
    if not storage.get("grows") or not storage.get("last_modified") or now - seen > _NEWS_FOR:
        return None
    written = from_text(storage["last_modified"])
    made = from_text(storage["created"]) if storage.get("created") else written
    soonest_s = (seen - written).total_seconds() * _LATER_BY + _LATER_S
    age_s = next((age for age in _AGES_S if age >= soonest_s), None)
    if age_s is None:
        return None
    grid_s = _GRID_S
    while grid_s < min((now - made).total_seconds() * _SHARE, _LARGEST_GRID_S):
        grid_s *= 2
    at = max(written.timestamp() + age_s, now.timestamp() + _LATER_S)  # merged late, it is due at once
    return datetime.fromtimestamp(-(-at // grid_s) * grid_s, UTC)
