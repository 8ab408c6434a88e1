from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_api.errors import BadRequest
from stac_api.orders import keyset
from stac_api.searches import from_body
from stac_api.settings import Settings
from stac_api.statements import Statement
from stac_api.tokens import PageToken, parse

values = st.lists(
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    min_size=1,
    max_size=5,
)


@given(back=st.booleans(), inclusive=st.booleans(), texts=values)
def test_a_token_is_read_as_it_was_written(back: bool, inclusive: bool, texts: list[str | None]) -> None:
    token = PageToken(back, tuple(texts), "0123abcd", inclusive=inclusive)
    assert parse(str(token), "0123abcd", len(texts)) == token


def test_a_token_needs_no_escaping_in_a_url() -> None:
    assert set(str(PageToken(True, ("2020-01-01 00:00:00+00", "ü?&=#/", None), "0123abcd"))) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:"
    )


@pytest.mark.parametrize(
    "token",
    [
        "",
        "next:",
        "next:%",
        "back:WyJhIl0",
        "next:eyJhIjoxfQ",
        "next:WzFd",
        "next:" + "A" * 50_000,
        5,
        None,
        "upto:",
        "from:WzFd",
        "next:WyJhIl0!",
        str(PageToken(False, ("a\0",), "0123abcd")),
    ],
)
def test_what_this_api_did_not_write_is_refused(token: object) -> None:
    with pytest.raises(BadRequest, match="token"):
        parse(token, "0123abcd", 1)


@pytest.mark.parametrize("back", [True, False])
def test_a_page_without_items_leads_back_to_the_row_that_it_began_at(back: bool) -> None:
    turned = PageToken(back, ("a",), "0123abcd").turned()
    assert turned == PageToken(not back, ("a",), "0123abcd", inclusive=True)


def test_a_token_of_another_search_is_refused_with_what_to_do() -> None:
    token = str(PageToken(False, ("a", "b"), "0123abcd"))
    with pytest.raises(BadRequest, match="another search: send all that was asked for again"):
        parse(token, "0123abce", 2)


def test_a_token_from_before_they_named_their_search_is_read() -> None:
    old = str(PageToken(False, ("a", "b"), "")).rstrip(":")
    assert parse(old, "0123abcd", 2) == PageToken(False, ("a", "b"), "0123abcd")
    with pytest.raises(BadRequest, match="sorted otherwise"):
        parse(old, "0123abcd", 3)


def question(body: dict[str, Any]) -> str:
    return from_body(body, Settings("127.0.0.1", "catalog", "reader", "", "test", "Test")).question


def test_the_same_search_has_one_name_however_it_is_spelled() -> None:
    box = {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [1, 2, 3, 4]}]}
    same: list[dict[str, Any]] = [
        {"collections": ["a", "b"], "datetime": "2024-01-01T00:00:00Z/..", "filter": box},
        {"filter": {"args": [box], "op": "AND"}, "datetime": "2024-01-01T01:00:00+01:00/", "collections": ["b", "a"]},
        {"collections": ["a", "b"], "datetime": "2024-01-01T00:00:00.0Z/..", "limit": 3, "fields": {}, "token": "x",
         "filter": "S_INTERSECTS(geometry, BBOX(1,2.0,3,4))", "filter-lang": "cql2-text",
         "sortby": [{"field": "properties.datetime", "direction": "desc"}]},
    ]  # fmt: skip
    assert len({question(each) for each in same}) == 1
    point = {"type": "Point", "coordinates": [10.0, 0.5]}
    assert question({"intersects": point}) == question(
        {"intersects": {"coordinates": [10, 0.5], "type": "Point"}}
    )
    assert question({"bbox": [-0.0, 0, 1, -0.0]}) == question({"bbox": [0, 0, 1, 0]})
    query = {"b": {"lt": 10, "gte": 1}, "a": {"eq": "x"}}
    assert question({"query": query}) == question({"query": {"a": {"eq": "x"}, "b": {"gte": 1, "lt": 10}}})
    # from one release to the next: pages are under way
    assert question({}) == "7bb55aac"
    assert question(same[0]) == "de00c71e"


def test_rows_after_a_null_come_last_in_ascending_order_and_first_in_descending() -> None:
    ascending, descending = Statement(), Statement()
    assert keyset([("a", "int", False), ("id", "text", False)], [None, "x"], ascending) == (
        "((a IS NULL AND (id > $1::text::text OR id IS NULL)))"
    )
    assert keyset([("a", "int", True), ("id", "text", True)], [None, "x"], descending) == (
        "((a IS NOT NULL) OR (a IS NULL AND id < $1::text::text))"
    )
    assert ascending.args == descending.args == ["x"]


def test_an_inclusive_place_takes_the_row_itself() -> None:
    statement = Statement()
    assert keyset([("i.id", "text", False)], ["x"], statement, inclusive=True) == (
        "(((i.id > $1::text::text OR i.id IS NULL)) OR (i.id = $1::text::text))"
    )
