"""JSON texts of ours: what is read of them is what was written, wherever they are stored."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventstac.json_text import canonical_json, with_plain_floats

values = st.recursive(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**80), 2**80)
    | st.booleans()
    | st.none()
    | st.text(alphabet='ae+-.0123456789"\\[]{},: ü'),
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.text(alphabet='1e+6",\\'), inside, max_size=4)
    ),
)


def _without_exponent(digits: str) -> str:
    assert "e+" not in digits
    return digits


@given(values)
@example(-3.4028234663852886e38)
@example([1.7976931348623157e308, 1e16, 1e22, 1e-320, 5e-324, -0.0, 2**70, 9999999999999998.0])
@example({'"1e+16': ["[1e+16,", '\\"1e+16', "blue+1e+16", 1e16]})
def test_large_floats_are_written_out_and_nothing_else_changes(value: Any) -> None:
    for text in (canonical_json(value), json.dumps(value)):
        plain = with_plain_floats(text)
        assert repr(json.loads(plain)) == repr(json.loads(text))  # which tells 1.0 from 1
        json.loads(plain, parse_float=_without_exponent)


@pytest.mark.parametrize("number", [1e16, -3.4028234663852886e38, 1.7976931348623157e308])
def test_what_is_a_float_has_a_point(number: float) -> None:
    plain = with_plain_floats(canonical_json(number))
    assert plain.endswith("0.0")
    assert plain.removeprefix("-").removesuffix(".0").isdigit()
