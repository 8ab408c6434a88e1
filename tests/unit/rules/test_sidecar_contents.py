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


@pytest.mark.parametrize(
    ("data", "how", "why"),
    [
        (b'{"v": 2.7}', {"path": "$.v", "type": "integer"}, "no whole number"),
        (b'{"v": true}', {"path": "$.v", "type": "integer"}, "true or false is no integer"),
        (b'{"v": true}', {"path": "$.v", "type": "number"}, "true or false is no number"),
        (b'{"v": "1_000"}', {"path": "$.v", "type": "integer"}, "of no number"),
        (b'{"v": {"a": 1}}', {"path": "$.v", "type": "string"}, "no string"),
        (b'{"v": {"a": [1, NaN]}}', "$.v", "nan is no number of JSON"),
        (b'{"v": [1e999]}', "$.v", "inf is no number of JSON"),
        (b'{"v": 1e308}', {"path": "$.v", "scale": 100}, "inf is no number of JSON"),
    ],
)
def test_a_value_that_is_not_of_its_type_or_of_json_is_a_bad_sidecar(data: bytes, how: Any, why: str) -> None:
    with pytest.raises(Rejected, match=why) as rejection:
        read_sidecar(data, {"format": "json", "properties": {"p": how}})
    assert rejection.value.reason == "bad-sidecar"


@pytest.mark.parametrize(
    ("value", "kind", "found"),
    [("2.0", "integer", 2), ("true", "string", "true"), ('"3"', "integer", 3), ("true", "boolean", True)],
)
def test_a_value_of_its_type_is_taken(value: str, kind: str, found: object) -> None:
    spec = {"format": "json", "properties": {"p": {"path": "$.v", "type": kind}}}
    assert read_sidecar(f'{{"v": {value}}}'.encode(), spec) == {"p": found}


def test_a_datetime_that_is_a_month_is_its_start_and_end() -> None:
    spec = {"format": "json", "datetime": "$.v"}
    assert read_sidecar(b'{"v": "2024-02"}', spec) == {
        "start_datetime": "2024-02-01T00:00:00Z",
        "end_datetime": "2024-02-29T23:59:59Z",
    }


@pytest.mark.parametrize("text", ["9:30", "0930", "09:30:00Z"])
def test_a_date_and_a_time_that_stand_apart_are_one_moment(text: str) -> None:
    spec = {"format": "json", "datetime": {"path": ["$.d", "$.t"]}}
    found = read_sidecar(f'{{"d": "2024-01-01", "t": "{text}"}}'.encode(), spec)
    assert found == {"datetime": "2024-01-01T09:30:00Z"}


def test_a_document_type_without_entities_is_read_and_its_address_is_not() -> None:
    data = b'<!DOCTYPE metadata SYSTEM "http://nowhere.invalid/fgdc.dtd"><metadata><t n="1">a</t></metadata>'
    spec = {"format": "xml", "properties": {"p": "//t", "q": "//t/@n"}}
    assert read_sidecar(data, spec) == {"p": "a", "q": "1"}
    with pytest.raises(Rejected, match="entities are forbidden"):
        read_sidecar(data.replace(b">a<", b">&a;<"), spec)


def test_a_number_of_what_is_not_there_is_left_out() -> None:
    spec = {
        "format": "xml",
        "properties": {"p": "number(//nosuch)", "q": "number(//n[2])", "r": "count(//n)"},
    }
    assert read_sidecar(XML, spec) == {"r": 2}
    required = {"format": "xml", "properties": {"p": {"path": "number(//nosuch)", "required": True}}}
    with pytest.raises(Rejected, match="has no number"):
        read_sidecar(XML, required)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_xml_is_read_in_its_own_encoding_and_namespaces(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><x:a xmlns:x="urn:x" x:k="\u00fc">\u00e9<!-- c -->l</x:a>'
    spec = {"format": "xml", "namespaces": {"n": "urn:x"}, "properties": {"p": "/n:a", "q": "/n:a/@n:k"}}
    assert read_sidecar(text.encode(encoding), spec) == {"p": "\u00e9l", "q": "\u00fc"}
