from typing import Any

import pytest

from stac_api.errors import BadRequest
from stac_api.fields import from_json, from_text

ITEM: dict[str, Any] = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "id": "a",
    "collection": "c",
    "geometry": {"type": "Point", "coordinates": [0, 0]},
    "bbox": [0, 0, 0, 0],
    "properties": {"datetime": "2020-01-01T00:00:00Z", "gsd": 10, "deep": {"x": 1, "y": 2}},
    "assets": {"data": {"href": "h", "title": "t"}, "other": {"href": "o"}},
    "links": [],
}
ALWAYS = {"type", "stac_version", "id", "collection"}


@pytest.mark.parametrize(
    "fields", [from_text(""), from_json({}), from_json({"include": [], "exclude": None})]
)
def test_nothing_named_means_a_minimal_valid_item(fields: Any) -> None:
    kept = fields.apply(ITEM)
    assert kept.keys() == ITEM.keys()
    assert kept["properties"] == {"datetime": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "fields", [from_text("-geometry,-properties.gsd"), from_json({"exclude": ["geometry", "properties.gsd"]})]
)
def test_excluded_members_are_left_out_of_the_whole(fields: Any) -> None:
    kept = fields.apply(ITEM)
    assert kept.keys() == ITEM.keys() - {"geometry"}
    assert kept["properties"].keys() == {"datetime", "deep"}
    assert ITEM["properties"]["gsd"] == 10


def test_included_members_are_all_there_is() -> None:
    kept = from_text("properties.deep.x,assets.data,+bbox").apply(ITEM)
    assert kept.keys() == ALWAYS | {"properties", "assets", "bbox"}
    assert kept["properties"] == {"deep": {"x": 1}}
    assert kept["assets"] == {"data": ITEM["assets"]["data"]}


def test_a_member_in_both_is_included_and_so_is_a_part_of_an_excluded_one() -> None:
    assert "geometry" in from_text("geometry,-geometry").apply(ITEM)
    kept = from_json({"include": ["properties.gsd"], "exclude": ["properties"]}).apply(ITEM)
    assert kept["properties"] == {"gsd": 10}


@pytest.mark.parametrize("asked", [{"include": []}, {"include": None}])
def test_of_what_is_excluded_the_least_item_has_no_part(asked: dict[str, Any]) -> None:
    """stac-api-validator asks for the least Item beside an empty `include`, unlike pystac-client, which sends it."""
    assert "properties" not in from_json(asked | {"exclude": ["properties"]}).apply(ITEM)
    kept = from_json(asked | {"exclude": ["properties.datetime", "extent"]}).apply(ITEM)
    assert kept.keys() == ITEM.keys() - {"properties"}


def test_members_that_are_not_there_are_no_error() -> None:
    assert from_text("nothing,properties.nothing.more,bbox.x").apply(ITEM).keys() == ALWAYS


def test_of_what_is_excluded_no_part_is_made_up() -> None:
    for name in ("nothing", "properties.nothing", "properties.deep.nothing"):
        asked = {"include": ["id", f"{name}.x", f"{name}.y.z"], "exclude": [name]}
        assert from_json(asked).apply(ITEM).keys() == ALWAYS
        assert from_text(f"{name}.x,-{name}").apply(ITEM).keys() == ALWAYS
    kept = from_json({"include": ["properties.deep.x", "properties.gsd"], "exclude": ["properties.deep"]})
    assert kept.apply({"properties": {"gsd": 10}}) == {"properties": {"gsd": 10}}
    kept = from_json({"include": ["properties", "properties.deep.z"], "exclude": ["properties.deep"]})
    for deep in (None, 5, {}, {"x": 1}):
        assert kept.apply({"properties": {"gsd": 10, "deep": deep}}) == {"properties": {"gsd": 10}}


@pytest.mark.parametrize("value", [None, [], "id", {"include": "id"}, {"exclude": [1]}])
def test_what_names_no_fields_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="fields"):
        from_json(value)


def test_what_tells_an_item_is_never_left_out() -> None:
    item = {"id": "a", "type": "Feature", "stac_version": "1.1.0", "collection": "c", "assets": {}}
    for asked in (from_text("-id,-assets"), from_json({"exclude": ["id", "type", "collection", "assets"]})):
        assert asked.apply(item) == {name: value for name, value in item.items() if name != "assets"}


@pytest.mark.parametrize(
    "asked", [{"include": ["a"] * 501}, {"include": ["a"] * 300, "exclude": ["b"] * 201}]
)
def test_so_many_names_are_refused(asked: dict[str, list[str]]) -> None:
    with pytest.raises(BadRequest, match="501 names"):
        from_json(asked)
    with pytest.raises(BadRequest, match="501 names"):
        from_text("a," * 501)


def test_a_name_has_an_end() -> None:
    with pytest.raises(BadRequest, match="1,000 characters"):
        from_text("a." * 501)
