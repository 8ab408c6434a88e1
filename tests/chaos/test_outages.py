"""A part that is away for minutes loses nothing, fills no dead-letter queue, and is not hammered on."""

import pytest

from tests.chaos.outages import Load, Tries, away, left, storage_away, tries
from tests.e2e.user import User

pytestmark = pytest.mark.timeout(1800)  # minutes of outage, and up to eleven until all is quiet

AWAY_S = 120.0
SHORTER_S = 40.0
LONGER_THAN_THE_SDK_TRIES_S = 100.0  # azure-storage-blob waits 57 seconds between its four attempts

# With waits that double from one second or two, two minutes take seven attempts or eight; a hot loop, hundreds.
_ON_AVERAGE = 12
_AT_MOST = 25


def test_a_database_that_is_away_for_two_minutes_under_load_loses_nothing(stormy: User) -> None:
    load = Load(stormy, "no-database-")
    load.upload(20)
    with load.going_on():
        away(stormy, ["postgres"], AWAY_S)
    assert load.uploaded > 40, "there was no load"
    assert left(stormy, load.prefix) == []
    found = tries(stormy, load.prefix)
    assert found["blob-events"].again > 20, "the database was not away for the scanner"
    assert patient(found) == found


def test_a_storage_that_is_away_while_blobs_wait_to_be_read_loses_nothing(stormy: User) -> None:
    load = Load(stormy, "no-storage-")
    stormy.stack.kill("extractor")
    load.upload(40)
    storage_away(stormy, LONGER_THAN_THE_SDK_TRIES_S, meanwhile=lambda: stormy.stack.restart("extractor"))
    assert left(stormy, load.prefix) == []
    found = tries(stormy, load.prefix)
    assert found["blobs-matched"].again > 0, "the storage was not away for the extractor"
    assert patient(found) == found


def test_an_event_grid_that_is_away_under_load_loses_nothing(stormy: User) -> None:
    load = Load(stormy, "no-event-grid-")
    load.upload(20)
    with load.going_on():
        away(stormy, ["eventgrid"], SHORTER_S)
    assert left(stormy, load.prefix) == []
    found = tries(stormy, load.prefix)
    told = {event["data"].get("item") for event in stormy.seen("catalog-events")}
    assert {f"{load.prefix}{number:04}" for number in range(load.uploaded)} <= told
    assert patient(found) == found


def patient(found: dict[str, Tries]) -> dict[str, Tries]:
    """The topics on which no message was tried too often."""
    return {
        topic: one
        for topic, one in found.items()
        if one.again <= _ON_AVERAGE * one.messages and one.most <= _AT_MOST
    }
