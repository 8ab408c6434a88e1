import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_api.errors import BadRequest
from stac_api.orders import keyset
from stac_api.statements import Statement
from stac_api.tokens import PageToken, parse

values = st.lists(
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    min_size=1,
    max_size=5,
)


@given(back=st.booleans(), inclusive=st.booleans(), texts=values)
def test_a_token_is_read_as_it_was_written(back: bool, inclusive: bool, texts: list[str | None]) -> None:
    token = PageToken(back, tuple(texts), inclusive=inclusive)
    assert parse(str(token), len(texts)) == token


def test_a_token_needs_no_escaping_in_a_url() -> None:
    assert set(str(PageToken(True, ("2020-01-01 00:00:00+00", "ü?&=#/", None)))) <= set(
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
    ],
)
def test_what_this_api_did_not_write_is_refused(token: object) -> None:
    with pytest.raises(BadRequest, match="token"):
        parse(token, 1)


def test_a_token_of_another_sort_order_is_refused() -> None:
    with pytest.raises(BadRequest, match="sorted otherwise"):
        parse(str(PageToken(False, ("a", "b"))), 3)


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
