"""What a look makes of what a file states."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstac.blobs import BlobReader
from eventstac.errors import Rejected
from eventstac.facts import Match
from eventstac.looking import Looker, Reading
from tests.samples import url_of
from tests.twins.apps import WATCHED
from tests.twins.blobs import MemoryBlobs

URL = url_of("scenes/one/b1.tif")
MATCH = Match("scenes", "one", "b1")
ODD = "NUL \x00, half a pair \udc80, a satellite \U0001f6f0"
READABLE = "NUL \ufffd, half a pair \ufffd, a satellite \U0001f6f0"


def looker(read: Callable[[BlobReader, Match, bool], Reading]) -> Looker:
    blobs = MemoryBlobs()
    blobs.put(URL, b"raster")
    return Looker(blobs, WATCHED, read, lambda: blobs.now)


def test_text_of_a_file_that_no_database_takes_is_made_readable() -> None:
    def read(reader: BlobReader, match: Match, thumbnail: bool) -> Reading:
        return Reading({"properties": {ODD: [ODD, 1.5, None]}, "bbox": (1.0, 2.0)})

    finding = looker(read).look(URL, MATCH, 1)
    assert finding.metadata == {"properties": {READABLE: [READABLE, 1.5, None]}, "bbox": [1.0, 2.0]}
    json.dumps(finding.metadata, ensure_ascii=False).encode()


def test_a_reason_that_quotes_a_file_is_made_readable() -> None:
    def read(*_: Any) -> Reading:
        raise Rejected("bad-sidecar", ODD)

    finding = looker(read).look(URL, MATCH, 1)
    assert (finding.state, finding.detail) == ("rejected", READABLE)


@pytest.mark.parametrize("path_start", [None, datetime(2024, 5, 1, tzinfo=UTC)])
def test_a_time_that_is_not_understood_is_logged_where_the_path_states_none(
    path_start: datetime | None, caplog: pytest.LogCaptureFixture
) -> None:
    problem = {"reason": "datetime-not-understood", "detail": "SENSING_TIME is 'June 1st'"}
    looker(lambda *_: Reading({"datetime_problem": problem})).look(URL, replace(MATCH, start=path_start), 1)
    logged = [vars(each) for each in caplog.records if each.message == "datetime_not_understood"]
    assert [(each["blob"], each["detail"]) for each in logged] == (
        [] if path_start else [(URL, problem["detail"])]
    )


@pytest.mark.parametrize(
    ("name", "event"), [("nodata_problem", "nodata_not_taken"), ("thumbnail_problem", "thumbnail_not_drawn")]
)
def test_what_the_rule_asks_and_a_file_cannot_follow_is_logged(
    name: str, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    problem = {"reason": "some-reason", "detail": "the rule's nodata 300 is no value of uint8"}
    looker(lambda *_: Reading({name: problem})).look(URL, MATCH, 1)
    [logged] = [vars(each) for each in caplog.records if each.message == event]
    assert (logged["blob"], logged["detail"]) == (URL, problem["detail"])


@pytest.mark.parametrize("text", ["", "plain", "\U0001f6f0", "\u00e9\ufffd\ufeff"])
def test_other_text_stays_as_it_is(text: str) -> None:
    finding = looker(lambda *_: Reading({"note": text})).look(URL, MATCH, 1)
    assert finding.metadata == {"note": text}
