"""Properties out of sidecar files."""

import pytest

from eventstac.errors import Rejected
from eventstac.rules.sidecar import read_sidecar

JSON = b'{"a": {"cloud": "12.5", "sun": 30, "flag": "yes", "day": "2020-01-02", "time": "10:11:12.5Z", "none": null}}'
XML = b'<r xmlns:n="urn:x"><n:a q="3"> hi </n:a><cloud>12.5</cloud><empty/></r>'


def json_value(how: object, data: bytes = JSON) -> object:
    return read_sidecar(data, {"format": "json", "properties": {"p": how}}).get("p")


def xml_value(how: object, data: bytes = XML) -> object:
    spec = {"format": "xml", "namespaces": {"x": "urn:x"}, "properties": {"p": how}}
    return read_sidecar(data, spec).get("p")


def test_json_values_come_as_they_are_or_as_the_type_that_is_asked_for() -> None:
    assert json_value("$.a.cloud") == "12.5"
    assert json_value({"path": "$.a.cloud", "type": "number"}) == 12.5
    assert json_value("$.a.sun") == 30
    assert json_value({"path": "$.a.sun", "type": "string"}) == "30"
    assert json_value({"path": "$.a.flag", "type": "boolean"}) is True


def test_xml_elements_attributes_and_functions_are_found() -> None:
    assert xml_value("//x:a") == "hi"
    assert xml_value({"path": "//x:a/@q", "type": "integer"}) == 3
    assert xml_value({"path": "cloud/text()", "type": "number"}) == 12.5
    assert xml_value("count(//cloud)") == 1


def test_scale_offset_and_lookup_are_applied() -> None:
    assert json_value({"path": "$.a.sun", "scale": -1, "offset": 90}) == 60
    assert json_value({"path": "$.a.flag", "lookup": {"yes": "Y"}}) == "Y"
    assert json_value({"path": "$.a.flag", "lookup": {"no": "N"}}) is None


@pytest.mark.parametrize(
    ("written", "how", "azimuth"),
    [
        (b'"-133.3"', {}, 226.7),
        (b"149.14582911", {}, 149.14582911),
        (b"360", {}, 0),
        (b"-90", {"scale": -1, "offset": 300}, 30),
        (b"-1e-14", {}, 0),
    ],
)
def test_an_angle_that_is_counted_otherwise_becomes_what_is_left_of_the_modulo(
    written: bytes, how: dict[str, float], azimuth: float
) -> None:
    spec = {"path": "$.a", "type": "number", "modulo": 360, **how}
    assert json_value(spec, b'{"a": %s}' % written) == azimuth


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (b'"-1.00"', None),
        (b"-1", None),
        (b'"N/A"', None),
        (b"0", 0),
        (b'"-1.5"', -1.5),
        (b"true", "bad-sidecar"),
    ],
)
def test_a_value_that_stands_for_none_is_left_out(written: bytes, found: object) -> None:
    spec = {"path": "$.a", "type": "number", "missing": [-1, "N/A"]}
    data = b'{"a": %s}' % written
    if found == "bad-sidecar":
        with pytest.raises(Rejected):
            json_value(spec, data)
    else:
        assert json_value(spec, data) == found


@pytest.mark.parametrize(
    ("written", "none", "key"),
    [
        (b"false", False, "false"),
        (b"true", "true", "true"),
        (b'"true"', True, "true"),
        (b"NaN", "NaN", "NaN"),
        (b"1.0", "1", "1"),
    ],
)
def test_a_value_stands_for_none_or_is_in_a_table_by_what_json_writes(
    written: bytes, none: object, key: str
) -> None:
    data = b'{"a": %s}' % written
    assert json_value({"path": "$.a", "missing": [none]}, data) is None
    assert json_value({"path": "$.a", "lookup": {key: "x"}}, data) == "x"


@pytest.mark.parametrize("how", [{"modulo": 360}, {"scale": 2}, {"offset": 1}])
def test_a_text_to_calculate_with_is_told_to_be_no_number(how: dict[str, float]) -> None:
    with pytest.raises(Rejected, match="'N/A' is no number"):
        json_value({"path": "$.a", **how}, b'{"a": "N/A"}')


def test_true_or_false_is_no_number_that_stands_for_none() -> None:
    assert json_value({"path": "$.a", "missing": [0, 1]}, b'{"a": false}') is False
    assert json_value({"path": "$.a", "missing": [True, False]}, b'{"a": 1}') == 1


def test_a_required_value_that_stands_for_none_is_a_bad_sidecar() -> None:
    with pytest.raises(Rejected, match="has no"):
        json_value({"path": "$.a", "missing": [1], "required": True}, b'{"a": true, "a": 1}')


def test_what_is_not_there_is_left_out_unless_required() -> None:
    assert json_value("$.a.missing") is None
    assert json_value("$.a.none") is None
    assert xml_value("//empty") is None
    assert xml_value("//missing") is None
    with pytest.raises(Rejected, match="has no //missing"):
        xml_value({"path": "//missing", "required": True})


def test_date_and_time_are_joined_in_utc() -> None:
    spec = {
        "format": "json",
        "datetime": {"path": ["$.a.day", "$.a.time"]},
        "start": "$.a.day",
        "end": {"path": "$.a.day", "format": "%Y-%m-%d"},
    }
    assert read_sidecar(JSON, spec) == {
        "datetime": "2020-01-02T10:11:12.500000Z",
        "start_datetime": "2020-01-02T00:00:00Z",
        "end_datetime": "2020-01-02T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("data", "spec", "why"),
    [
        (b"{", {"format": "json"}, "no JSON"),
        (b"[" * 100_000, {"format": "json"}, "no JSON"),
        (b"<r>", {"format": "xml"}, "no XML"),
        (b"", {"format": "xml"}, "no XML"),
        (b"\xff\xfe\x00", {"format": "xml"}, "no XML"),
        (b'<!DOCTYPE r [<!ENTITY e "x">]><r>&e;</r>', {"format": "xml"}, "forbidden"),
        (b'<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r>&e;</r>', {"format": "xml"}, "forbidden"),
        (
            JSON,
            {"format": "json", "properties": {"p": {"path": "$.a.day", "type": "number"}}},
            "'2020-01-02'",
        ),
        (
            b'{"v": "NaN"}',
            {"format": "json", "properties": {"p": {"path": "$.v", "type": "number"}}},
            "finite",
        ),
        (
            JSON,
            {"format": "json", "properties": {"p": {"path": "$.a.day", "type": "boolean"}}},
            "not true or",
        ),
        (JSON, {"format": "json", "datetime": "$.a.cloud"}, "datetime of the sidecar"),
        (b" " * (16 * 1024 * 1024 + 1), {"format": "json"}, "too large"),
        # Short texts that would be a gigabyte of objects, and a minute of searching.
        (b"<a>" * 10_000 + b"</a>" * 10_000, {"format": "xml"}, "inside each other"),
        (b"<a>" + b"<b/>" * 300_000 + b"</a>", {"format": "xml"}, "too many elements"),
        (b"<a " + b" ".join(b'x%d="1"' % n for n in range(300_000)) + b"/>", {"format": "xml"}, "attributes"),
        (b"[" + b"[]," * 300_000 + b"0]", {"format": "json"}, "too many values"),
        (
            b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>',
            {"format": "xml"},
            "forbidden",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(
    data: bytes, spec: dict[str, object], why: str
) -> None:
    with pytest.raises(Rejected, match=why) as caught:
        read_sidecar(data, spec)
    assert caught.value.reason == "bad-sidecar"


@pytest.mark.parametrize(
    ("data", "found"),
    [(b'{"a": true}', "yes"), (b'{"a": false}', "no"), (b'{"a": 2.0}', "two"), (b'{"a": 3}', None)],
)
def test_a_lookup_is_by_what_json_writes(data: bytes, found: str | None) -> None:
    how = {"path": "$.a", "lookup": {"true": "yes", "false": "no", "2": "two"}}
    assert read_sidecar(data, {"format": "json", "properties": {"p": how}}).get("p") == found


def test_a_required_value_that_the_lookup_lacks_is_a_bad_sidecar() -> None:
    how = {"path": "$.a", "lookup": {"x": 1}, "required": True}
    with pytest.raises(Rejected, match="'y', which is not in its lookup"):
        read_sidecar(b'{"a": "y"}', {"format": "json", "properties": {"p": how}})


@pytest.mark.parametrize(
    ("written", "kind", "why"),
    [(b'"1.0"', "integer", "'1.0' is no whole number"), (b'"12,5"', "number", "'12,5' is no number")],
)
def test_a_value_that_is_none_of_its_type_is_told_in_plain_words(written: bytes, kind: str, why: str) -> None:
    with pytest.raises(Rejected, match=f": {why}$"):
        json_value({"path": "$.a", "type": kind}, b'{"a": %s}' % written)
