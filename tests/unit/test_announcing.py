from dataclasses import replace
from typing import Any

import pytest

from eventstac.catalog.announcing import Change, announcements_of, origins_of
from eventstac.catalog.item_rows import ItemRow
from eventstac.catalog.second_looks import SecondLook
from eventstac.compose import Composition
from eventstac.events import AssetRejected, Origin
from eventstac.facts import Fact, Finding, Match, Stage, fact_of
from tests.samples import at, present, url_of

KEY = ("scenes", "one")
ROW = ItemRow(KEY, "published", "a digest", bbox=(1.0, 2.0, 3.0, 4.0), start=at(0), end=at(5))


def told(
    before: ItemRow | None, after: ItemRow | None, seconds: float = 9, *facts: Fact, **more: Any
) -> dict[str, Any]:
    """The one event that tells of a change."""
    composition = Composition(after.state if after else "empty", **more)  # type: ignore[arg-type]
    change = Change(KEY, before, after, composition, facts)
    [announcement] = announcements_of([change], [], "loader", at(seconds))
    return announcement.event


def seen(name: str, seconds: float, item: str = "one", **changes: Any) -> Fact:
    finding = present(Match("scenes", item, "data"), seconds, "e")
    return fact_of(url_of(name), replace(finding, **changes))


def test_an_item_that_becomes_again_what_it_was_is_told_anew() -> None:
    """The bus drops a second event of the same id."""
    other = replace(ROW, digest="another")
    ids = [told(None, ROW, 0)["id"], told(ROW, other, 1)["id"], told(other, ROW, 2)["id"]]
    ids += [told(ROW, None, 3)["id"], told(None, ROW, 4)["id"], told(ROW, None, 5)["id"]]
    assert len(set(ids)) == 6
    assert told(None, ROW, 4)["id"] == ids[4]


def test_two_changes_by_one_message_are_two_events_of_one_story() -> None:
    origin = Origin.new("a message")
    change = Change(KEY, None, ROW, Composition("published"), ())
    first, second = (
        announcements_of([change], [], "loader", at(seconds), {KEY: origin})[0].event for seconds in (1, 2)
    )
    assert first["id"] != second["id"]
    assert first["correlationid"] == second["correlationid"] == origin.correlation


def test_that_a_blob_leaves_is_told_no_sooner_than_its_second_look_would_be() -> None:
    fact = seen("a.tif", 1)
    look = SecondLook(fact, AssetRejected(fact.url, fact.finding, "second-look"), at(20))
    first, second = (announcements_of([], [look], "loader", at(seconds))[0] for seconds in (9, 10))
    assert (first.topic, first.not_before) == ("asset-facts", at(20))
    assert first.event["id"] != second.event["id"]  # the bus would drop it


def test_where_and_when_a_removed_item_was_is_told() -> None:
    data = told(ROW, None)["data"]
    assert data["bbox"] == [1.0, 2.0, 3.0, 4.0]
    assert (data["start"], data["end"]) == ("2024-05-01T12:00:00Z", "2024-05-01T12:00:05Z")


def test_a_rejected_item_names_the_blobs_that_are_there() -> None:
    rejected = ItemRow(KEY, "rejected", "", reason="invalid-item", detail="why")
    gone = fact_of(url_of("a.tif"), Finding(Match(*KEY, "data"), 1, "gone", at(2)))
    data = told(None, rejected, 9, gone, seen("b.tif", 1), reason="invalid-item", detail="why")["data"]
    assert data["url"] == url_of("b.tif")
    assert data["event"]["urls"] == [url_of("b.tif")]


def test_the_timeline_is_that_of_the_blob_that_came_last() -> None:
    early, late = (Stage(at(1), "event"),), (Stage(at(2), "event"),)
    facts = [seen("a.tif", 1, timeline=late), seen("b.tif", 2, timeline=early)]
    timeline = told(None, ROW, 9, *facts)["data"]["timeline"]
    assert [(each["stage"], each["at"]) for each in timeline] == [
        ("event", "2024-05-01T12:00:02Z"),
        ("merged", "2024-05-01T12:00:09Z"),
    ]


def test_a_later_look_is_the_last_however_long_ago_its_file_was_written() -> None:
    late = (Stage(at(100), "written"), Stage(at(1500), "second-look"), Stage(at(1501), "looked"))
    other = (Stage(at(600), "event"), Stage(at(601), "looked"))
    facts = [seen("a.tif", 1501, timeline=late), seen("b.tif", 601, timeline=other)]
    timeline = told(None, ROW, 1502, *facts)["data"]["timeline"]
    assert [each["stage"] for each in timeline] == ["written", "second-look", "looked", "merged"]


def test_an_item_is_changed_by_the_message_of_its_last_look_however_they_arrive() -> None:
    first, last = (
        replace(seen(f"{seconds}.tif", seconds), origin=Origin.new(str(seconds))) for seconds in (1, 2)
    )
    for arrived in ([first, last], [last, first]):
        assert origins_of(arrived, {}) == {KEY: last.origin}
    moved = replace(seen("1.tif", 3, "two"), origin=Origin.new("moved"))
    assert origins_of([moved], {first.url: first}) == {KEY: moved.origin, ("scenes", "two"): moved.origin}


@pytest.mark.parametrize(
    ("before", "moved"),
    [
        (replace(ROW, start=at(1)), True),
        (ROW, False),
        (ItemRow(KEY, "incomplete", ""), False),
        (None, False),
    ],
)
def test_only_an_item_that_the_catalog_has_moves_in_time(before: ItemRow | None, moved: bool) -> None:
    """What moves is looked for in all of a Collection's partitions."""
    assert Change(KEY, before, ROW, Composition("published"), ()).is_moved_in_time == moved
