"""Items and Collections: core, extensions listed, and what fields mean together."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstac.validation import Problem, unchecked_extensions, validate_collection, validate_item
from eventstac.validation.profiles import profiles
from tests.contracts.changed import REMOVED, changed, valid_item

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
BACKWARDS = SQUARE[::-1]
LINE = [[0, 0], [1, 1], [1, 1], [0, 0]]
BEYOND = [[175, 0], [185, 0], [185, 1], [175, 1], [175, 0]]
COLLECTION: dict[str, Any] = {
    "type": "Collection",
    "stac_version": "1.1.0",
    "stac_extensions": [PROJECTION],
    "id": "rmnp",
    "description": "Rocky Mountain National Park",
    "license": "other",
    "extent": {
        "spatial": {"bbox": [[-105.7, 40.2, -105.5, 40.4]]},
        "temporal": {"interval": [["2018-07-01T00:00:00Z", None]]},
    },
    "links": [],
    "item_assets": {"red": {"type": "image/tiff", "proj:code": "EPSG:32613"}},
}


def paths(problems: list[Problem], check: str) -> set[str]:
    return {problem.path for problem in problems if problem.schema == check}


def with_geometry(geometry: dict[str, Any], bbox: list[float]) -> dict[str, Any]:
    return changed(changed(valid_item("smallest"), "geometry", geometry), "bbox", bbox)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("type", "Item"),
        ("stac_version", "1.0.0"),
        ("id", REMOVED),
        ("links", REMOVED),
        ("assets", REMOVED),
        ("assets/red/href", REMOVED),
        ("properties/datetime", REMOVED),
        ("properties/datetime", "2018-07-01"),
        ("properties/datetime", "2018-07-01T25:00:00Z"),
        ("geometry", REMOVED),
        ("bbox", REMOVED),
        ("collection", REMOVED),
        ("links", []),
        ("properties/bands", "red"),
    ],
)
def test_the_core_schema_is_asked(path: str, value: object) -> None:
    problems = validate_item(changed(valid_item(), path, value))
    assert any(problem.schema == "stac/item.json" for problem in problems)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties/gsd", float("nan")),
        ("geometry/coordinates/0/0/0", float("inf")),
        ("assets/red/bands/0/nodata", float("nan")),
        ("properties/datetime", datetime(2018, 7, 1, tzinfo=UTC)),
    ],
)
def test_what_is_not_json_is_named_where_it_is(path: str, value: object) -> None:
    problems = validate_item(changed(valid_item(), path, value))
    assert [(problem.path, problem.schema) for problem in problems] == [(path, "json")]


def test_a_key_that_is_no_text_is_a_problem() -> None:
    item = valid_item()
    item["properties"][5] = "five"
    assert paths(validate_item(item), "json") == {"properties"}


def test_an_item_that_holds_itself_is_a_problem_and_no_crash() -> None:
    item = valid_item()
    item["properties"]["self"] = item
    assert [problem.schema for problem in validate_item(item)] == ["json"]


def test_fields_of_an_extension_that_is_not_listed_are_a_problem() -> None:
    item = valid_item()
    item["stac_extensions"].remove(PROJECTION)
    said = [problem for problem in validate_item(item) if problem.schema == "checks/extensions"]
    assert [problem.path for problem in said] == ["stac_extensions"]
    assert PROJECTION in said[0].message


def test_an_extension_that_is_listed_and_not_used_is_a_problem() -> None:
    item = changed(valid_item("smallest"), "stac_extensions/0", PROJECTION)
    assert paths(validate_item(item), "checks/extensions") == {"stac_extensions"}


def test_another_version_of_an_extension_does_not_count() -> None:
    older = PROJECTION.replace("v2.0.0", "v1.1.0")
    item = valid_item()
    item["stac_extensions"] = [older if url == PROJECTION else url for url in item["stac_extensions"]]
    assert paths(validate_item(item), "checks/extensions") == {"stac_extensions"}
    assert unchecked_extensions(item) == [older]


# As Earth Search publishes Sentinel-2; of these versions there are no profiles.
OTHERS: dict[str, dict[str, Any]] = {
    "eo/v1.1.0": {"eo:bands": [{"name": "red", "common_name": "red"}], "eo:cloud_cover": "some"},
    "file/v1.0.0": {"file:checksum": "no hex", "file:bits_per_sample": 16},
    "processing/v1.1.0": {"processing:software": 5},
    "projection/v1.1.0": {"proj:epsg": 32634, "proj:transform": [0, 0, 0], "proj:bbox": [1, 2, 3]},
    "raster/v1.1.0": {"raster:bands": [{"nodata": 0}], "raster:histogram": {"count": "two"}},
    "view/v1.0.0": {"view:sun_azimuth": -90},
}


@pytest.mark.parametrize("listed", OTHERS)
def test_of_others_documents_an_extension_in_another_version_is_not_checked(listed: str) -> None:
    url = f"https://stac-extensions.github.io/{listed}/schema.json"
    item, collection = valid_item("smallest"), changed(COLLECTION, "stac_extensions", [PROJECTION, url])
    item["stac_extensions"] = [url]
    item["properties"] |= OTHERS[listed]
    item["assets"]["data"] |= OTHERS[listed] | {"bands": [{"name": "red", **OTHERS[listed]}]}
    assert validate_item(item, published=False) == []
    assert unchecked_extensions(item) == [url]
    assert validate_item(item), "of what is published here every field is checked"
    assert validate_item({**item, "stac_extensions": []}, published=False), "an extension must be listed"
    current = next(each.url for each in profiles() if each.url.startswith(url.rpartition("/v")[0] + "/"))
    both = {**item, "stac_extensions": [url, current]}
    assert {each.schema.partition("/")[0] for each in validate_item(both, published=False)} == {"profiles"}
    collection["item_assets"] = {"red": {"type": "image/tiff"} | OTHERS[listed]}
    collection["stac_extensions"] = [url]
    assert validate_collection(collection, published=False) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "a b/é ü"),
        ("properties/datetime", "2021-01-01T00:00:00+00:00"),
        ("properties/created", "2021-01-01T00:00:00+00:00"),
        ("properties/title", ""),
        ("assets/", {"href": "a.tif", "title": "", "type": "", "roles": ["data", "data", ""]}),
        ("assets/data/bands", []),
        ("assets/data/bands", [{}, {"name": "", "unit": "", "statistics": {"median": 5}}]),
    ],
)
def test_the_style_of_what_is_published_here_is_not_asked_of_others_items(path: str, value: object) -> None:
    item = changed(valid_item("smallest"), path, value)
    assert validate_item(item, published=False) == []
    assert {problem.schema for problem in validate_item(item)} == {"profiles/style.json"}


def test_the_style_of_what_is_published_here_is_not_asked_of_others_collections() -> None:
    collection = changed(changed(COLLECTION, "id", "a b"), "item_assets/red/roles", ["data", "data"])
    assert validate_collection(collection, published=False) == []
    assert paths(validate_collection(collection), "profiles/style.json") == {"id", "item_assets/red/roles"}


def test_fields_of_bands_and_links_count_as_use() -> None:
    item = valid_item("smallest")
    item["assets"]["data"]["bands"] = [{"eo:common_name": "red"}]
    item["links"].append({"rel": "about", "href": "https://example.com/a", "file:size": 5})
    said = [problem.message for problem in validate_item(item)]
    assert len(said) == 2
    assert "prefix eo:" in said[0]
    assert "prefix file:" in said[1]


def test_extensions_without_a_profile_are_named() -> None:
    assert unchecked_extensions(valid_item("with-a-hole")) == [
        "https://stac-extensions.github.io/sat/v1.1.0/schema.json"
    ]
    assert unchecked_extensions(valid_item()) == []


@pytest.mark.parametrize(
    ("geometry", "bbox", "path"),
    [
        ({"type": "Polygon", "coordinates": [BACKWARDS]}, [0, 0, 1, 1], "geometry/coordinates/0"),
        (
            {"type": "Polygon", "coordinates": [[*SQUARE[:-1], [0, 0.1]]]},
            [0, 0, 1, 1],
            "geometry/coordinates/0",
        ),
        ({"type": "Polygon", "coordinates": [SQUARE, SQUARE]}, [0, 0, 1, 1], "geometry/coordinates/1"),
        ({"type": "Polygon", "coordinates": []}, [0, 0, 1, 1], "geometry/coordinates"),
        ({"type": "Polygon", "coordinates": [LINE]}, [0, 0, 1, 1], "geometry/coordinates/0"),
        (
            {"type": "MultiPolygon", "coordinates": [[SQUARE], [BACKWARDS]]},
            [0, 0, 1, 1],
            "geometry/coordinates/1/0",
        ),
        ({"type": "Polygon", "coordinates": [BEYOND]}, [175, 0, 180, 1], "geometry/coordinates"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [0, 0, 1, 2], "bbox"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [0, 0, 0.5, 1], "bbox"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [0, 1, 1, 0], "bbox"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [1, 0, 0, 1], "bbox"),
        ({"type": "Polygon", "coordinates": [SQUARE]}, [-181, 0, 1, 1], "bbox"),
        ({"type": "MultiPolygon", "coordinates": []}, [0, 0, 1, 1], "geometry/coordinates"),
    ],
)
def test_a_geometry_that_breaks_rfc_7946_is_refused(
    geometry: dict[str, Any], bbox: list[float], path: str
) -> None:
    assert path in {problem.path for problem in validate_item(with_geometry(geometry, bbox))}


@pytest.mark.parametrize("bbox", [[-180, -19, 180, -16], [-178, -19, 177, -16], [177, -19, -179, -16]])
def test_a_bbox_across_180_must_be_that_of_the_geometry(bbox: list[float]) -> None:
    problems = validate_item(changed(valid_item("across-180"), "bbox", bbox))
    assert (paths(problems, "checks/geometry") == {"bbox"}) == (bbox[0] != -180)


def test_a_bbox_with_heights_is_compared_without_them() -> None:
    item = changed(valid_item("smallest"), "bbox", [0, 0, -5, 1, 1, 100])
    assert validate_item(item) == []
    assert validate_item(changed(item, "bbox", [0, 0, 5, 1, 1, 5])) == []


def test_a_bbox_with_its_heights_the_wrong_way_round_is_told() -> None:
    [problem] = validate_item(changed(valid_item("smallest"), "bbox", [0, 0, 100, 1, 1, -5]))
    assert (problem.path, problem.message) == ("bbox", "the lower height 100 is above the upper -5")


def test_an_item_without_geometry_has_no_bbox() -> None:
    item = changed(changed(valid_item("smallest"), "geometry", None), "bbox", REMOVED)
    assert validate_item(item) == []
    for bbox in ([0, 0, 1, 1], None):
        told = {each.path: each.message for each in validate_item({**item, "bbox": bbox})}
        assert set(told) == {"bbox"}
        assert told["bbox"].startswith("an Item whose geometry is null has no bbox")


def test_an_item_with_a_geometry_has_a_bbox() -> None:
    [problem] = validate_item(changed(valid_item("smallest"), "bbox", REMOVED))
    assert (problem.path, problem.message) == ("bbox", "an Item with a geometry has a bbox, which is missing")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"datetime": None}, "properties/datetime"),
        ({"datetime": None, "start_datetime": "2020-01-01T00:00:00Z"}, "properties/datetime"),
        (
            {
                "datetime": None,
                "start_datetime": "2020-01-02T00:00:00Z",
                "end_datetime": "2020-01-01T00:00:00Z",
            },
            "properties/end_datetime",
        ),
        (
            {
                "datetime": "2021-01-01T00:00:00Z",
                "start_datetime": "2020-01-01T00:00:00Z",
                "end_datetime": "2020-01-02T00:00:00Z",
            },
            "properties/end_datetime",
        ),
        ({"datetime": "2016-12-31T23:59:60Z"}, "properties"),
    ],
)
def test_dates_out_of_order_are_refused(changes: dict[str, Any], path: str) -> None:
    item = valid_item("smallest")
    item["properties"] |= changes
    problems = validate_item(item)
    assert any(problem.path.startswith(("properties", path)) for problem in problems), problems


@pytest.mark.parametrize(
    ("end", "is_after"),
    [
        ("2016-12-31T23:59:60Z", True),
        ("2017-01-01t05:29:60.5+05:30", True),
        ("2016-12-31T23:59:58Z", False),
        ("9999-12-31T23:59:60Z", False),
    ],
)
def test_a_leap_second_of_others_is_a_time(end: str, is_after: bool) -> None:
    """It is RFC 3339, and the API takes it in `datetime`; what is published here has none."""
    item, start = valid_item("smallest"), "2016-12-31T23:59:59Z"
    item["properties"] = {"datetime": None, "start_datetime": start, "end_datetime": end}
    assert (paths(validate_item(item, published=False), "checks/dates") == set()) == is_after
    collection = changed(COLLECTION, "extent/temporal/interval/0", [start, end])
    assert (paths(validate_collection(collection, published=False), "checks/extent") == set()) == is_after
    assert validate_item(item)


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("assets/red/href", "./red.tif", "assets/red/href"),
        ("assets/red/href", "/vsicurl/red.tif", "assets/red/href"),
        ("links/1", {"rel": "derived_from", "href": "../other"}, "links/1/href"),
        ("links/1", {"rel": "collection", "href": "https://example.com/c"}, "links"),
        ("assets/red/bands/0/raster:histogram/count", 5, "assets/red/bands/0/raster:histogram"),
        ("assets/red/bands/0/raster:histogram/min", 5000, "assets/red/bands/0/raster:histogram"),
        ("assets/red/bands/0/statistics/minimum", 5000, "assets/red/bands/0/statistics"),
        ("assets/red/bands/0/statistics/mean", 4001, "assets/red/bands/0/statistics"),
        ("assets/red/bands/1", {"name": "red"}, "assets/red/bands"),
        ("assets/red/file:checksum", "1220e3b0c4", "assets/red/file:checksum"),
        ("assets/red/file:checksum", "d41d8cd98f00b204e9800998ecf8427e", "assets/red/file:checksum"),
        ("assets/red/file:checksum", "ffffff", "assets/red/file:checksum"),
        ("properties/proj:bbox", [10, 0, 0, 10], "properties/proj:bbox"),
        ("properties/proj:transform", [0, 0, 440000, 0, -10, 4472000], "properties/proj:transform"),
    ],
)
def test_what_no_schema_can_say_is_checked(path: str, value: object, at: str) -> None:
    assert [problem.path for problem in validate_item(changed(valid_item(), path, value))] == [at]


def test_an_item_shows_at_least_one_asset() -> None:
    problems = validate_item(changed(valid_item("smallest"), "assets", {}))
    assert [problem.path for problem in problems] == ["assets"]


def test_the_links_that_the_api_makes_may_be_relative() -> None:
    item = changed(valid_item(), "links/1", {"rel": "root", "href": "../.."})
    assert validate_item(item) == []


def test_a_long_value_does_not_fill_the_message() -> None:
    item = changed(valid_item(), "properties/proj:wkt2", "PROJCS[" + "x" * 10_000)
    assert all(len(problem.message) < 400 for problem in validate_item(item))


def test_a_broken_ring_is_told_where_it_is_broken() -> None:
    item = changed(valid_item(), "geometry/coordinates/0/1/0", "east")
    assert [problem.path for problem in validate_item(item)] == ["geometry/coordinates/0/1/0"]


def test_the_order_of_keys_changes_no_answer() -> None:
    item = changed(changed(valid_item(), "properties/eo:cloud_cover", 200), "assets/red/file:size", -1)
    backwards = json.loads(json.dumps(item), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert list(backwards) == list(item)[::-1]
    assert validate_item(item) == validate_item(backwards)
    assert len(validate_item(item)) == 2


def test_a_valid_collection_has_no_problems() -> None:
    assert validate_collection(COLLECTION) == []


@pytest.mark.parametrize(
    ("path", "value", "schema"),
    [
        ("license", REMOVED, "stac/collection.json"),
        ("description", "", "stac/collection.json"),
        ("extent/spatial/bbox", [], "stac/collection.json"),
        ("extent/spatial/bbox/0", [0, 1, 1, 0], "checks/extent"),
        ("extent/spatial/bbox/0", [0, 0, 361, 0], "checks/extent"),
        ("extent/spatial/bbox/0", [0, 0, 5, 1, 1, 4], "checks/extent"),
        ("extent/temporal/interval/0", ["2016-12-31T23:59:60Z", None], "checks/extent"),
        ("extent/temporal/interval/0", ["2020-01-01T00:00:00Z", "2019-01-01T00:00:00Z"], "checks/extent"),
        ("stac_extensions", [], "checks/extensions"),
        ("item_assets/red/proj:code", 32613, "profiles/projection.json"),
        ("item_assets", REMOVED, "checks/extensions"),
        ("assets", {"thumb": {"href": "thumb.png"}}, "checks/assets"),
        ("description", float("nan"), "json"),
    ],
)
def test_an_invalid_collection_is_refused(path: str, value: object, schema: str) -> None:
    problems = validate_collection(changed(COLLECTION, path, value))
    assert schema in {problem.schema for problem in problems}, problems


def test_the_world_without_time_is_a_valid_extent() -> None:
    world = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    assert validate_collection(changed(COLLECTION, "extent", world)) == []
