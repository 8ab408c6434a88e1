"""What is wrong with a CQL2 text, for who wrote it."""

import pytest

from stac_api import filters
from stac_api.errors import BadRequest

DEPTH = 20
VALUE = (
    "a geometry, a property, a number, NOT, TRUE or FALSE, NULL, a text in single quotes, a bracket or a list"
)
OPERATOR = "NOT, AND, OR, an operator or IS NULL"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gsd = 5 and flag =", f"at character 19, after 'gsd = 5 and flag =': expected {VALUE}"),
        ("a == 5", f"at character 4, after 'a =', at '= 5': expected {VALUE}"),
        ("a = 5)", f"at character 6, after 'a = 5', at ')': expected the end of the text, {OPERATOR}"),
        ("gsd = 5 and\nflag =", f"at character 7 of line 2, after 'flag =': expected {VALUE}"),
        ("a in ()", "at character 7, after 'a in (', at ')': expected a condition"),
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
