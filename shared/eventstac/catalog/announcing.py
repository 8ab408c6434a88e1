"""What the world is told when Items change: the events of one commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from eventstac.catalog.item_rows import ItemKey, ItemRow
from eventstac.catalog.outbox import Announcement
from eventstac.compose import Composition
from eventstac.events import BlobMatched, EventRejected, ItemChanged, ItemRemoved, Origin, seal
from eventstac.events.blob import CogOf
from eventstac.events.timeline import passed
from eventstac.facts import NO_RULE, Fact, Stage


@dataclass(frozen=True)
class Change:
    """An Item before and after a commit, with the facts that it is made of."""

    key: ItemKey
    before: ItemRow | None
    after: ItemRow | None
    composition: Composition
    facts: tuple[Fact, ...]

    @property
    def was_published(self) -> bool:
        """Whether the catalog had it."""
        return self.before is not None and self.before.is_published

    @property
    def is_published(self) -> bool:
        """Whether the catalog has it now."""
        return self.after is not None and self.after.is_published

    @property
    def is_written(self) -> bool:
        """Whether its document in the catalog is another."""
        return self.is_published and not (
            self.was_published and self.before and self.after and self.before.digest == self.after.digest
        )

    @property
    def is_moved_in_time(self) -> bool:
        """Whether it was in the catalog with another datetime."""
        return bool(
            self.was_published and self.before and self.after and self.before.start != self.after.start
        )

    @property
    def is_removed(self) -> bool:
        """Whether it leaves the catalog."""
        return self.was_published and not self.is_published


def announcements_of(
    changes: Sequence[Change], second_looks: Sequence[Fact], app: str, now: datetime, wait: timedelta
) -> list[Announcement]:
    """The events of a commit: changed and removed Items, Items that cannot be, and looks to be repeated."""
    announcements = [
        _of_change(change, app, now) for change in changes if change.is_written or change.is_removed
    ]
    announcements += [
        _of_rejection(change, app, now)
        for change in changes
        if change.after and change.after.state == "rejected" and change.after != change.before
    ]
    # What no rule knows shows nothing, whichever look was the later one; and nothing says how to look at it.
    unsure = [fact for fact in second_looks if fact.finding.reason != NO_RULE]
    return announcements + [_of_second_look(fact, app, now, now + wait) for fact in unsure]


def _of_change(change: Change, app: str, now: datetime) -> Announcement:
    collection, item = change.key
    timeline = _timeline(change.facts, now)
    event: ItemChanged | ItemRemoved
    if change.is_published and change.after:
        event = ItemChanged(
            collection,
            item,
            change.after.bbox,
            change.after.start,
            change.after.end,
            "updated" if change.was_published else "created",
            now,
            change.after.urls,
            timeline,
        )
        version = change.after.digest
    else:
        row = change.before
        event = ItemRemoved(
            collection,
            item,
            row.bbox if row else None,
            row.start if row else None,
            row.end if row else None,
            timeline,
        )
        version = f"removed {row.digest if row else ''}"
    return _sealed("items-changed", event, app, now, f"{version} {now.isoformat()}")


def _of_rejection(change: Change, app: str, now: datetime) -> Announcement:
    collection, item = change.key
    urls = sorted(fact.url for fact in change.facts if fact.finding.state == "present")
    event = EventRejected(
        stage="compose",
        reason=change.composition.reason,
        detail=change.composition.detail,
        url=urls[0] if urls else None,
        attempts=1,
        event={"collection": collection, "item": item, "urls": urls},
    )
    return _sealed("rejected", event, app, now, f"{collection}/{item} {now.isoformat()}")


def _of_second_look(fact: Fact, app: str, now: datetime, at: datetime) -> Announcement:
    claim = fact.claim
    cog_of = CogOf(claim.source_url, claim.source_etag, claim.said) if claim else None
    event = BlobMatched(
        url=fact.url,
        match=fact.match,
        revision=fact.revision,
        cause="second-look",
        timeline=passed((), "second-look", now),
        cog_of=cog_of,
    )
    cause = f"second look {fact.finding.seen.isoformat()} {fact.finding.etag} {now.isoformat()}"
    return _sealed("blobs-matched", event, app, now, cause, at)


def _sealed(
    topic: str, event: Any, app: str, now: datetime, cause: str, not_before: datetime | None = None
) -> Announcement:
    return Announcement(topic, seal(event, app=app, origin=Origin.new(cause), at=now), not_before)


def _timeline(facts: Sequence[Fact], now: datetime) -> tuple[Stage, ...]:
    """That of the blob that was on its way last: it made the change."""
    latest = max((fact.finding.timeline for fact in facts), default=())
    return passed(latest, "merged", now)
