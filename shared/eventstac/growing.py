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
# At the last look, at least: what is written after it the daily reconcile finds.
RESTED_FOR = timedelta(minutes=50)
LONGEST_PAUSE = timedelta(hours=1)  # between two looks, with the time that they take

# Looks are made at times that a step divides, so that those of many events are one: 12 s, or as often doubled as it
# is less than twice the time that the blob has rested, and than a twentieth of its age: a log grows for days.
_STEP_S, _LARGEST_STEP_S, _AGES_SHARE = 12, 3072, 20
_LATER_S = 5  # than the look that has just been made, which may have been a little early


def is_being_written(look: Look) -> bool:
    """Whether somebody wrote to a blob that may grow so short a time ago that more may come."""
    return look.grows and rested(look) < WRITTEN_FOR


def is_looked_at_again(look: Look, known: Finding | None) -> bool:
    """Whether a look at a blob that may grow is still to come, by what is known of it; until it was read it waits."""
    if known is None or not was_growing(look, known):
        return is_being_written(look)
    is_soon = is_being_written(look) or look.seen - known.seen < LONGEST_PAUSE
    return is_soon and next_look(known, known.seen) is not None


def was_growing(look: Look, known: Finding) -> bool:
    """Whether what is known is of this very blob; one that took another's place was made after that was seen."""
    is_another = look.created is not None and look.created > known.seen
    return bool((known.storage or {}).get("grows")) and not is_another


def rested(look: Look) -> timedelta:
    """For how long nobody has written, by the storage's clock."""
    return look.seen - look.last_modified if look.last_modified else timedelta.max


def longest_wait(look: Look) -> timedelta:
    """By when one that cannot be read is tried again: it is late by no more than a share of what its writing took."""
    age = look.seen - look.created if look.created else timedelta(0)
    return max(timedelta(seconds=_STEP_S), age / _AGES_SHARE)


def next_look(finding: Finding, now: datetime) -> datetime | None:
    """When a blob that may grow is looked at again; None where it need not be.

    How long it has rested the storage's clock tells. Ours, too, may be behind that of the bus.
    """
    storage = finding.storage or {}
    if not storage.get("grows") or not storage.get("last_modified"):
        return None
    written = from_text(storage["last_modified"])
    made = from_text(storage["created"]) if storage.get("created") else written
    rest, age = finding.seen - written, finding.seen - made
    if rest > RESTED_FOR:
        return None
    step_s = _STEP_S
    while step_s < min(max(2 * rest, age / _AGES_SHARE).total_seconds(), _LARGEST_STEP_S):
        step_s *= 2
    soonest_s = max(now, finding.seen).timestamp() + _LATER_S
    return datetime.fromtimestamp(-(-soonest_s // step_s) * step_s, UTC)
