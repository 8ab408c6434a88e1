import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_api.features import FeatureWriter, wrap

BASE = "https://a.example"
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
names = st.sampled_from(["links", "stac_version", "type", "id", "bbox", "pgstac:base_item", "gsd"]) | texts
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**50), 2**50)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
links = st.lists(
    st.fixed_dictionaries(
        {"rel": st.sampled_from(["self", "root", "via", "parent", "license"]), "href": texts}
    ),
    max_size=2,
)
contents = st.fixed_dictionaries(
    {"properties": st.dictionaries(names, values, max_size=4)},
    optional={
        "bbox": st.none() | st.lists(st.floats(-180, 180), min_size=4, max_size=4),
        "links": links,
        "assets": st.dictionaries(names, values, max_size=3),
        "stac_version": st.sampled_from(["1.0.0", "1.1.0"]),
        "stac_extensions": st.lists(texts, max_size=2),
        "type": st.just("Feature"),
        "id": st.just("stale"),
        "extra": values,
    },
)


class Known:
    """Bases that know one version."""

    def stac_version(self, collection: str) -> str:
        assert collection
        return "1.1.0"

    def version_member(self, collection: str) -> bytes:
        assert collection
        return b',"stac_version":"1.1.0",'


def as_jsonb_prints(value: Any) -> str:
    """Keys by length, then by bytes, with blanks, as PostgreSQL does it."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{json.dumps(key)}: {as_jsonb_prints(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_jsonb_prints(each) for each in value) + "]"
    return json.dumps(value)


def _from_root(href: str) -> str:
    """Where a link leads from the API's root; an address with a scheme, or none at all, is as it was stored."""
    if re.match("[A-Za-z][A-Za-z0-9+.-]*:", href):
        return href
    try:
        return urljoin(f"{BASE}/", href)
    except ValueError:
        return href


@given(content=contents, name=texts.filter(bool), collection=texts.filter(bool))
def test_an_item_is_whole_and_says_everything_once(
    content: dict[str, Any], name: str, collection: str
) -> None:
    geometry = {"type": "Point", "coordinates": [1, 2]}
    row = (name, collection, json.dumps(geometry).encode(), as_jsonb_prints(content).encode())
    text = FeatureWriter(BASE, Known()).feature(row)  # type: ignore[arg-type]  # rows and bases of this test
    item = json.loads(text, object_pairs_hook=_without_repetition)
    stored = {key: value for key, value in content.items() if key not in ("links", "type", "id")}
    if stored.get("bbox", ...) is None:
        del stored["bbox"]
    expected = (
        {"stac_version": "1.1.0", "bbox": [1, 2, 1, 2]}
        | stored
        | {"type": "Feature", "id": name, "collection": collection}
    )
    assert {key: value for key, value in item.items() if key != "links"} == expected | {"geometry": geometry}
    own = [link["rel"] for link in item["links"][:4]]
    assert own == ["self", "parent", "collection", "root"]
    kept = [link for link in content.get("links", []) if link["rel"] in ("via", "license")]
    assert item["links"][4:] == [link | {"href": _from_root(link["href"])} for link in kept]


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    assert len(made) == len(pairs), pairs
    return made


@pytest.mark.parametrize("matched", [None, 0, 7])
def test_a_number_that_is_not_known_is_left_out(matched: int | None) -> None:
    page = json.loads(wrap([(b'{"id":1}',), (b'{"id"', b":2}")], [], matched))
    assert page["numberReturned"] == 2
    assert page.get("numberMatched", "absent") == ("absent" if matched is None else matched)
    assert page["features"] == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    "links",
    [
        [{"rel": "collection", "href": "../c"}],
        [{"rel": "via", "href": "https://e.org/[a]"}, {"rel": "x", "href": "b", "title": '\\], "links": []'}],
        [{"rel": "via", "href": "https://e.org/a", "created": [1, [2]]}],
        [],
    ],
)
def test_links_with_brackets_in_them_are_the_same(links: list[dict[str, Any]]) -> None:
    content = {"bbox": [1.0, 2.0], "links": links, "assets": {"a": [1]}}
    row = ("a", "c", b'{"type": "Point"}', as_jsonb_prints(content).encode())
    item = json.loads(FeatureWriter(BASE, Known()).feature(row))  # type: ignore[arg-type]  # as above
    assert item["links"][4:] == [
        link | {"href": _from_root(link["href"])} for link in links if link["rel"] != "collection"
    ]
    assert item["assets"] == {"a": [1]}
    assert item["bbox"] == [1.0, 2.0]


def test_a_document_nested_deeper_than_orjson_writes_is_written() -> None:
    deep = b"[" * 300 + b"]" * 300
    content = b'{"links": [{"rel": "via", "href": "/a"}], "deep": ' + deep + b"}"
    row = ("a", "c", b"{}", content)
    text = FeatureWriter(BASE, Known()).feature(row)  # type: ignore[arg-type]  # as above
    assert b'"deep":' + deep in text


def test_an_item_that_is_an_answer_by_itself_leads_to_its_page() -> None:
    row = ("a b", "c", b"{}", b'{"bbox": [1], "links": [], "a": 1}')
    item = json.loads(FeatureWriter(BASE, Known()).feature(row, alone=True))  # type: ignore[arg-type]  # as above
    assert item["links"][4:] == [
        {"rel": "alternate", "type": "text/html", "href": f"{BASE}/collections/c/items/a%20b?f=html"}
    ]


def test_names_are_quoted_in_addresses() -> None:
    row = ("a/b ?#", "ü&c", b"{}", b'{"bbox": [1], "links": [], "a": 1}')
    item = json.loads(FeatureWriter(BASE, Known()).feature(row))  # type: ignore[arg-type]  # as above
    assert item["links"][0]["href"] == f"{BASE}/collections/%C3%BC%26c/items/a%2Fb%20%3F%23"
    assert item["id"] == "a/b ?#"


@pytest.mark.parametrize(
    "content",
    [
        b'{"links": [{"rel": ["self"], "href": 5}, {"rel": {}}], "assets": {}}',
        b'{"links": [], "extra": ' + b"[" * 1_100 + b"]" * 1_100 + b"}",
    ],
)
def test_odd_links_and_many_levels_are_passed_on(content: bytes) -> None:
    row = ("a", "c", b'{"type":"Point","coordinates":[1,2]}', content)
    item = json.loads(FeatureWriter(BASE, Known()).feature(row))  # type: ignore[arg-type]  # as above
    stored = json.loads(content)
    assert item["links"][4:] == stored.pop("links")
    assert {name: item[name] for name in stored} == stored


def test_a_box_that_is_null_is_that_of_the_geometry_or_left_out() -> None:
    for geometry, box in ((b'{"type":"Point","coordinates":[1,2]}', [1, 2, 1, 2]), (b"null", None)):
        row = ("a", "c", geometry, b'{"bbox": null, "links": []}')
        item = json.loads(FeatureWriter(BASE, Known()).feature(row))  # type: ignore[arg-type]  # as above
        assert item.get("bbox") == box
        assert ("bbox" in item) == bool(box)
