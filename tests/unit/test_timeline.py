"""How fresh an Item is: since when there was something to find, wherever its timeline begins."""

from datetime import UTC, datetime, timedelta

import pytest

from eventstac.events.timeline import freshness_s, passed, written
from eventstac.facts import Stage

START = datetime(2024, 6, 1, 12, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def timeline(*stages: tuple[str, float]) -> tuple[Stage, ...]:
    return tuple(Stage(at(second), name) for name, second in stages)


@pytest.mark.parametrize(
    ("begun", "last_write", "stages", "seconds"),
    [
        # an event told of the whole file, or of one that was written later, before or after the match
        ([("event", 10), ("matched", 11)], 9, ["event", "matched"], 90),
        ([("event", 10), ("matched", 11)], 60, ["event", "matched", "written"], 40),
        ([("event", 10), ("matched", 70)], 60, ["event", "written", "matched"], 40),
        # a later look found what no event tells of; a scan's is as late as the scan is
        ([("second-look", 80)], 60, ["written", "second-look"], 40),
        ([("scanned (cli)", 80)], 60, ["scanned (cli)"], None),
        ([], 60, [], None),
    ],
)
def test_an_item_is_as_fresh_as_the_last_write_that_there_was_to_find(
    begun: list[tuple[str, float]], last_write: float, stages: list[str], seconds: float | None
) -> None:
    found = written(timeline(*begun), at(last_write))
    assert [entry.stage for entry in found] == stages
    assert freshness_s(found) is None
    assert freshness_s(passed(found, "merged", at(100))) == seconds
