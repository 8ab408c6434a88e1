import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from stac_api.request_log import JsonLines


def written(created: float = 1_700_000_000.25, **extra: Any) -> dict[str, Any]:
    """A line of the log, read."""
    record = logging.LogRecord("stac_api", logging.INFO, "file", 1, "asked for %s", ("é",), None)
    record.created, record.msecs = created, created % 1 * 1000
    vars(record).update(extra)
    line: dict[str, Any] = json.loads(LINES.format(record))
    return line


LINES = JsonLines()
MESSAGE = {"level": "info", "logger": "stac_api", "message": "asked for é"}


def test_a_line_has_time_level_logger_message_and_what_was_given() -> None:
    told: dict[str, Any] = {"method": "GET", "status": 200, "duration_ms": 1.5, "traceparent": None}
    assert written(**told) == {"time": "2023-11-14T22:13:20.250+00:00", **MESSAGE, **told}


@pytest.mark.parametrize("created", [0.0, 1_700_000_000.0, 1_700_000_000.0625, 1_700_000_001.5, 86_399.75])
def test_its_time_is_that_of_the_record(created: float) -> None:
    time = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")
    assert written(created)["time"] == time


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**64, 2**64),
        ("\ud83c", "\ud83c"),
        ({1: "a"}, {"1": "a"}),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02 00:00:00+00:00"),
        (ValueError("what"), "what"),
    ],
)
def test_whatever_is_given_is_written(value: object, text: object) -> None:
    assert written(given=value)["given"] == text


def test_an_exception_is_in_its_line() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("here")
    line = written(exc_info=(caught.type, caught.value, caught.tb))
    assert line["exception"].endswith("RuntimeError: here")
