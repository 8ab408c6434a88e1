"""What the world is told when Items change: the events of one commit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from eventstac.bus import ASSET_FACTS, BLOBS_MATCHED, LIMIT_BYTES, size_of
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.port import Announcement
from eventstac.catalog.second_looks import SecondLook
from eventstac.compose import Composition
from eventstac.events import AssetRejected, EventRejected, ItemChanged, ItemRemoved, Origin, seal
from eventstac.events.timeline import passed
from eventstac.facts import Fact, ItemKey, Stage


@dataclass(frozen=True)
class Change:
    """An Item before and after a commit, which differ, with the facts that it is made of."""

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
        return self.is_published and not (self.after and self.after.is_published_as(self.before))

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

    @property
    def comes_to_show(self) -> set[str]:
        """The blobs that it shows and did not show before."""
        return set(self.composition.urls).difference(self.before.urls if self.before else ())


Origins = Mapping[ItemKey, Origin]


def origins_of(arrived: Iterable[Fact], known: Mapping[str, Fact]) -> dict[ItemKey, Origin]:
    """Which message changed each Item: that of the last look; a blob that moved changes two Items."""
    origins: dict[ItemKey, Origin] = {}
    for fact in sorted(arrived, key=lambda fact: fact.finding.seen):
        if fact.origin:
            before = known.get(fact.url)
            origins |= {one.item_key: fact.origin for one in (fact, before) if one}
    return origins


def announcements_of(
    changes: Sequence[Change],
    second_looks: Sequence[SecondLook],
    app: str,
    now: datetime,
    origins: Origins = MappingProxyType({}),
    *,
    repairing: bool = False,
) -> list[Announcement]:
    """The events of a commit: changed and removed Items, Items that cannot be, and looks to be repeated.

    Each goes on with the story of the message that changed its Item (`origins`); without one it begins its own. What
    is repaired begins its timeline now: the blobs' own are of the time when they came.
    """
    announcements = [
        _of_change(change, app, now, origins, repairing)
        for change in changes
        if change.is_written or change.is_removed
    ]
    announcements += [
        _of_rejection(change, app, now, origins)
        for change in changes
        if change.after and change.after.state == "rejected"
    ]
    return announcements + [_of_second_look(look, app, now, origins) for look in second_looks]


def _of_change(change: Change, app: str, now: datetime, origins: Origins, repairing: bool) -> Announcement:
    collection, item = change.key
    timeline = passed((), "repaired", now) if repairing else _timeline(change.facts, now)
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
    origin = _origin(origins, change.key, f"{version} {now.isoformat()}")
    announcement = _sealed("items-changed", event, app, now, origin)
    if isinstance(event, ItemChanged) and size_of(announcement.event) > LIMIT_BYTES:
        # The world must hear of it; thousands of URLs are in the Item, too.
        return _sealed("items-changed", replace(event, urls=None), app, now, origin)
    return announcement


def _of_rejection(change: Change, app: str, now: datetime, origins: Origins) -> Announcement:
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
    origin = _origin(origins, change.key, f"{collection}/{item} {now.isoformat()}")
    announcement = _sealed("rejected", event, app, now, origin)
    if size_of(announcement.event) > LIMIT_BYTES:
        named = replace(event, event={"collection": collection, "item": item, "blobs": len(urls)})
        return _sealed("rejected", named, app, now, origin)
    return announcement


def _of_second_look(look: SecondLook, app: str, now: datetime, origins: Origins) -> Announcement:
    finding = look.fact.finding
    cause = f"second look {finding.seen.isoformat()} {finding.etag} {now.isoformat()}"
    if look.is_of_growth:  # the same for all who want one then, so that the bus takes it once
        cause = f"look at growth {look.at.isoformat()}"
    origin = _origin(origins, look.fact.item_key, cause)
    if isinstance(look.event, AssetRejected):
        return _sealed(ASSET_FACTS, look.event, app, now, origin, look.at)
    event = replace(look.event, timeline=passed((), "second-look", now))
    return _sealed(BLOBS_MATCHED, event, app, now, origin, look.at)


def _origin(origins: Origins, key: ItemKey, cause: str) -> Origin:
    """The story that an event of a commit belongs to; its id is made from what it says."""
    origin = origins.get(key)
    return replace(origin, id=cause) if origin else Origin.new(cause)


def _sealed(
    topic: str, event: Any, app: str, now: datetime, origin: Origin, not_before: datetime | None = None
) -> Announcement:
    return Announcement(topic, seal(event, app=app, origin=origin, at=now), not_before)


def _timeline(facts: Sequence[Fact], now: datetime) -> tuple[Stage, ...]:
    """That of the blob that was on its way last: it made the change."""
    timelines = (fact.finding.timeline for fact in facts)
    latest = max(timelines, key=lambda timeline: (timeline[-1:], timeline), default=())
    return passed(latest, "merged", now)
