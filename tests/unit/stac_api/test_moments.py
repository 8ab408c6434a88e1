from typing import Any

import pytest

from stac_api import filters
from stac_api.errors import BadRequest

DEPTH = 20


@pytest.mark.parametrize(
    "text",
    [
        "datetime < TIMESTAMP('now')",
        "datetime < TIMESTAMP('infinity')",
        "datetime < TIMESTAMP('01/02/2021')",
        "datetime < TIMESTAMP('2021-01-01T25:00:00')",
        "datetime < DATE('now')",
        "datetime < DATE('2021-02-30')",
        "updated IN (TIMESTAMP('epoch'), TIMESTAMP('2021-01-01T00:00:00Z'))",
        "T_DURING(datetime, INTERVAL('epoch', '..'))",
        "T_DURING(datetime, INTERVAL('2021-01-01', 'now'))",
        "T_AFTER(datetime, 'yesterday')",
        "T_AFTER('today', updated)",
        "datetime > 'now'",
        "'tomorrow' > end_datetime",
        "properties.start_datetime = '01/02/2021'",
        "datetime BETWEEN '2021-01-01' AND 'now'",
        "datetime IN ('2021-01-01T00:00:00Z', 'epoch')",
    ],
)
def test_a_word_or_date_that_only_postgresql_takes_for_a_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^filter: at filter\.args\[[0-2]\].*: '.*' is no "):
        filters.from_text(text, DEPTH)


@pytest.mark.parametrize(
    ("operand", "at"),
    [({"timestamp": 5}, "args[1]"), ({"interval": [None, ".."]}, "args[1]"), ({"date": None}, "args[1]")],
)
def test_what_is_no_text_is_no_time(operand: Any, at: str) -> None:
    with pytest.raises(BadRequest) as refused:
        filters.from_json({"op": "t_after", "args": [{"property": "datetime"}, operand]}, DEPTH)
    assert at in refused.value.description


def during(span: object) -> Any:
    return filters.from_json({"op": "t_during", "args": [{"property": "datetime"}, span]}, DEPTH)


@pytest.mark.parametrize(
    "span", [["epoch", "now"], ["2021-01-01", "tomorrow"], "epoch/now", "2021-01-01/../.."]
)
def test_a_span_of_words_is_refused(span: object) -> None:
    with pytest.raises(BadRequest, match=r"^filter: .*args\[1\]"):
        during(span)


@pytest.mark.parametrize(
    "span", [["2021-01-01", ".."], "2021-01-01T00:00:00Z/2023-01-01T00:00:00Z", "../2023-01-01", "2021-01-01"]
)
def test_a_span_of_times_is_taken(span: object) -> None:
    assert during(span)


@pytest.mark.parametrize("tests", [{"gt": "now"}, {"in": ["2021-01-01", "now"]}])
def test_a_query_asks_with_times_too(tests: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r"^query: .*'now' is no time"):
        filters.from_query({"properties.datetime": tests})
    assert filters.from_query({"note": tests})


@pytest.mark.parametrize(
    "text",
    [
        "datetime < TIMESTAMP('2021-01-01T00:00:00Z')",
        "datetime < TIMESTAMP('2021-01-01T00:00:00')",
        "datetime < TIMESTAMP('2021-01-01')",
        "datetime < TIMESTAMP('2021-01-01 00:00Z')",
        "datetime < TIMESTAMP('2021-01-01t00:00:00.123456789+05:30')",
        "T_DURING(datetime, INTERVAL('..', '2021-01-01T23:59:60Z'))",
        "T_DURING(datetime, INTERVAL('2021-01-01', '2021-12-31'))",
        "T_DURING(INTERVAL(start_datetime, end_datetime), INTERVAL('2021-01-01', '..'))",
        "T_DURING(datetime, INTERVAL(DATE('2021-01-01'), TIMESTAMP('2021-02-01T00:00:00Z')))",
        "T_AFTER(datetime, DATE('2021-01-01'))",
        "datetime > '2021-01-01'",
        "datetime > '2021-01-01T00:00:00'",
        "datetime > '2021-01-01 00:00:00.5+00'",
        "note = 'now' OR note IN ('infinity', 'epoch')",
        "id = 'today'",
    ],
)
def test_times_are_taken(text: str) -> None:
    assert filters.from_text(text, DEPTH)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("datetime < TIMESTAMP('0000-01-01T00:00:00Z')", {"timestamp": "0001-01-01T00:00:00Z BC"}),
        ("updated < TIMESTAMP('0000-01-01T00:00:00')", {"timestamp": "0001-01-01T00:00:00Z BC"}),
        ("datetime < DATE('0000-02-29')", {"timestamp": "0001-02-29T00:00:00Z BC"}),
        ("datetime < '0000-01-01T00:00:00+05:00'", "0001-01-01T00:00:00+05:00 BC"),
        ("datetime < '0000-01-01'", "0001-01-01 BC"),
        ("T_AFTER(datetime, DATE('0000-02-29'))", {"date": "0001-02-29 BC"}),
        ("T_AFTER(datetime, '0000-02-29')", {"date": "0001-02-29 BC"}),
        ("T_AFTER(updated, TIMESTAMP('0000-01-01'))", {"timestamp": "0001-01-01 BC"}),
        (
            "T_DURING(datetime, INTERVAL('0000-01-01', '2021-01-01T00:00:00Z'))",
            {"interval": [{"date": "0001-01-01 BC"}, "2021-01-01T00:00:00Z"]},
        ),
        (
            "T_DURING(datetime, '0000-01-01T00:00:00Z/2021-01-01')",
            ["0001-01-01T00:00:00Z BC", "2021-01-01"],
        ),
        ("T_DURING(datetime, '2021-01-01/2021-02-01')", "2021-01-01/2021-02-01"),  # so are tokens made
        ('T_AFTER(datetime, "0000-01-01")', {"property": "0000-01-01"}),
        ("note = '0000-01-01T00:00:00Z'", "0000-01-01T00:00:00Z"),
        ("datetime < TIMESTAMP('9999-12-31T23:59:59-01:00')", {"timestamp": "9999-12-31T23:59:59-01:00"}),
    ],
)
def test_times_go_to_postgresql_as_it_reads_them(text: str, read: Any) -> None:
    assert filters.from_text(text, DEPTH)["args"][1] == read


def test_members_and_query_s_times_go_there_so_too() -> None:
    told = filters.from_text("datetime IN ('0000-01-01', TIMESTAMP('0000-01-01T00:00:00Z'))", DEPTH)
    assert told["args"][1] == ["0001-01-01 BC", {"timestamp": "0001-01-01T00:00:00Z BC"}]
    assert filters.from_query({"datetime": {"gte": "0000-01-01T00:00:00Z"}}) == {
        "op": ">=", "args": [{"property": "datetime"}, "0001-01-01T00:00:00Z BC"],
    }  # fmt: skip
