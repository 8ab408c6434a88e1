"""A sidecar whose content an expression cannot take is rejected with its reason; it crashes nothing."""

from typing import Any

import pytest

from eventstac.errors import Rejected
from eventstac.rules.sidecar import read_sidecar

XML = b"<a><d>no date</d><n>x</n><n>y</n></a>"
JSON = b'{"huge": 1e400, "none": NaN, "late": "9999-12-31T23:59:59-05:00"}'
NESTED = b'{"a":' * 3000 + b"1" + b"}" * 3000
DEEP = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        (XML, {"format": "xml", "properties": {"p": "xs:date(//d)"}}),
        (XML, {"format": "xml", "properties": {"p": "//d + 1"}}),
        (XML, {"format": "xml", "properties": {"p": "string(//n)"}}),
        (XML, {"format": "xml", "properties": {"p": "1 idiv 0"}}),
        (XML, {"format": "xml", "datetime": "xs:dateTime(//d)"}),
        (JSON, {"format": "json", "properties": {"p": "$.huge"}}),
        (JSON, {"format": "json", "properties": {"p": "$.none"}}),
        (JSON, {"format": "json", "properties": {"p": {"path": "$.huge", "type": "integer"}}}),
        (JSON, {"format": "json", "datetime": "$.late"}),
        (NESTED, {"format": "json", "properties": {"p": "$.a"}}),
        (DEEP, {"format": "json", "properties": {"p": "$..x"}}),
    ],
)
def test_content_that_an_expression_stumbles_over_is_a_bad_sidecar(data: bytes, spec: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as rejection:
        read_sidecar(data, spec)
    assert rejection.value.reason == "bad-sidecar"
