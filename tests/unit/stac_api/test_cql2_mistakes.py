"""What is wrong with a CQL2 text, for who wrote it."""

import re

import pytest

from stac_api import filters
from stac_api.errors import BadRequest

DEPTH = 20
VALUE = (
    "a geometry, a property, a number, NOT, TRUE or FALSE, NULL, a text in single quotes, a bracket or a list"
)
OPERATOR = "NOT, AND, OR, an operator or IS NULL"
CLOSING = f"a closing bracket, {OPERATOR}"
TEXTS = (  # each is cut and mistyped at every place
    "gsd = 5 and platform = 'a' or not (a not between 1 + 2 and -3)",
    "a in (1, 2)\nand b not like 'x%'\r\nand c is not null",
    "casei(a) = casei('x') or a + 5 * (b - 2) >= 7 div 2 ^ 3 % 5",
    "T_DURING(INTERVAL(a, '..'), INTERVAL('2020-01-01', '..'))",
    "A_CONTAINS(labels, ('x', 'y')) and true <> false",
    "S_INTERSECTS(g, POINT Z EMPTY)",
    "S_INTERSECTS(g, POLYGON((1 2, 3 4, 5 6, 1 2), (1 2, 3 4, 5 6, 1 2)))",
    "S_INTERSECTS(g, MULTIPOINT((1 2), (3 4)))",
    "S_INTERSECTS(g, MULTIPOLYGON(((1 2, 3 4, 5 6, 1 2)), ((1 2, 3 4, 5 6, 1 2))))",
    "S_INTERSECTS(g, GEOMETRYCOLLECTION(POINT(1 2), LINESTRING ZM (1 2 3 4, 3 4 5 6)))",
)
ODD = ("(", ")", "'", ",", "=", "-", ".", "\r", " not ", " and ", " x ")
NAME_OF_THE_GRAMMAR = re.compile(r"[A-Z][A-Za-z]*[a-z]|\w+_\w+|[A-Z]{2,}")
OF_CQL2 = {"NOT", "AND", "OR", "TRUE", "FALSE", "NULL", "IS", "LIKE", "IN", "BETWEEN", "EMPTY"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gsd = 5 and flag =", f"at character 19, after 'gsd = 5 and flag =': expected {VALUE}"),
        ("a == 5", f"at character 4, after 'a =', at '= 5': expected {VALUE}"),
        ("a = 5)", f"at character 6, after 'a = 5', at ')': expected the end of the text, {OPERATOR}"),
        ("gsd = 5 and\nflag =", f"at character 7 of line 2, after 'flag =': expected {VALUE}"),
        ("a in ()", "at character 7, after 'a in (', at ')': expected a condition"),
        ("a = 1\rand b =", f"at character 14, after 'a = 1\\rand b =': expected {VALUE}"),
        ("a = 1\r\nand b = \r", f"at character 10 of line 2, after 'and b =': expected {VALUE}"),
        ("a between 1", "at character 12, after 'a between 1': expected AND or an operator"),
        ("a between 1 and", "at character 16, after 'a between 1 and': expected a value"),
        ("a between (1 + 2 and 3", f"at character 23, after 'a between (1 + 2 and 3': expected {CLOSING}"),
        ("(a = 1", f"at character 7, after '(a = 1': expected {CLOSING}"),
        ("f(a, 1", f"at character 7, after 'f(a, 1': expected {CLOSING}"),
        ("= 1", "at character 1, at '= 1': expected a condition"),
        ("x" * 300 + " = ", f"at character 304, after '…{'x' * 57} =': expected {VALUE}"),
        ("a = = " + "x" * 300, f"at character 5, after 'a =', at '= {'x' * 18}…': expected {VALUE}"),
        ("S_INTERSECTS(geometry, POINT EMPTY)", "A position must contain two or more elements, but got `0`"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_by_its_place(text: str, told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        filters.from_text(text, DEPTH)
    assert refused.value.description == f"filter: no CQL2 text: {told}"


@pytest.mark.parametrize("text", TEXTS)
def test_no_mistake_is_told_by_a_name_of_the_parser_s_grammar(text: str) -> None:
    places = range(len(text))
    cut = {text[:n] for n in places} | {text[:n] + text[n + 1 :] for n in places}
    told = set()
    for wrong in cut | {text[:n] + odd + text[n:] for n in places for odd in ODD}:
        try:
            filters.from_text(wrong, DEPTH)
        except BadRequest as refused:
            place, _, expected = refused.description.rpartition(": expected ")
            if place.startswith("filter: no CQL2 text: at character"):
                told.update(NAME_OF_THE_GRAMMAR.findall(expected))
    assert told
    assert told <= OF_CQL2
