"""Looks to be repeated: at blobs of which two looks say different things, and at those that grow without an event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from eventstac.events import AssetRejected, BlobMatched
from eventstac.facts import Fact
from eventstac.growing import next_look
from eventstac.matching import second_look
from eventstac.rules.applied import AppliedRules


@dataclass(frozen=True)
class SecondLook:
    """A look to be repeated, not before a time; `is_of_growth`: only because the blob may have grown by then."""

    fact: Fact
    event: BlobMatched | AssetRejected
    at: datetime
    is_of_growth: bool = False


def second_looks(
    unsure: Mapping[str, Fact],
    standing: Iterable[Fact],
    applied: AppliedRules,
    now: datetime,
    wait: timedelta,
) -> list[SecondLook]:
    """The looks to be repeated: after `wait` at what is `unsure`, in its time at what is `standing` and may grow."""
    found = [
        SecondLook(fact, event, now + wait)
        for fact in unsure.values()
        if (event := second_look(fact, applied))
    ]
    for fact in standing:
        at = next_look(fact.finding, now) if fact.url not in unsure else None
        event = second_look(fact, applied) if at else None
        if at and isinstance(event, BlobMatched):
            found.append(SecondLook(fact, event, at, is_of_growth=True))
    return found
