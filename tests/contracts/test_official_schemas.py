"""Our profiles are no laxer than the official schemas: what those refuse, ours refuse."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pyproj
import pytest

from eventstac.contracts import read_contract
from eventstac.validation import validate_item
from tests.contracts.changed import ITEMS, REMOVED, changed, damaged, valid_item
from tests.contracts.invalid_items import INVALID
from tests.contracts.official import FILE, PROJECTION, Official

pytestmark = pytest.mark.timeout(900)  # the first on a machine downloads them

OFFICIAL = {"projection.json": PROJECTION, "file.json": FILE}
CRS = valid_item("with-a-hole")["properties"]["proj:projjson"]
SYSTEMS = [
    "EPSG:32613",
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:2056",
    "EPSG:5972",
    "IAU_2015:30100",
    "EPSG:4978",
    "OGC:CRS84",
]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 1e300, "", "x", "EPSG:4326", "epsg", "ff", "FF", "a/b", "/a", "a//b", "a\\b",
    "big-endian", "little-endian", [], {}, [0], [1, 1], [0.5, 1], ["1", "1"], [1, 1, 1], [1] * 4, [1] * 5, [1] * 6,
    [1] * 7, [1] * 9, [None] * 4, ["1"] * 6, [[1, 1], [2, 2]], {"lat": 1}, {"lat": 1, "lon": 1},
    {"lat": 91, "lon": 1}, {"lat": 1, "lon": 181}, {"lat": "1", "lon": "1"}, {"type": "Point"},
    {"type": "Point", "coordinates": [1, 2]}, {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, [{}], [{"values": [1]}],
    [{"values": [], "summary": "none"}], [{"values": [1], "summary": ""}], [{"values": [1], "summary": "one"}],
    CRS, {**CRS, "type": "PROJCRS"}, {**CRS, "name": 5}, {**CRS, "coordinate_system": {"subtype": "ellipsoidal"}},
    {**CRS, "coordinate_system": {"subtype": "round", "axis": []}}, {**CRS, "id": {"code": 4326}},
    *({key: value for key, value in CRS.items() if key != left_out} for left_out in CRS),
]  # fmt: skip


@pytest.fixture(scope="module", params=sorted(OFFICIAL))
def profile(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def official(profile: str) -> jsonschema_rs.Draft7Validator:
    return OFFICIAL[profile].validator()


def uses(item: dict[str, Any], source: Official) -> bool:
    return source.url in item["stac_extensions"]


def test_our_valid_items_pass_the_official_schema(
    profile: str, official: jsonschema_rs.Draft7Validator
) -> None:
    items = [
        item
        for item in map(valid_item, (path.stem for path in ITEMS.glob("*.json")))
        if uses(item, OFFICIAL[profile])
    ]
    assert len(items) >= 2
    for item in items:
        assert validate_item(item) == []
        assert [error.message for error in official.iter_errors(item)] == []


def test_every_item_that_the_official_schema_refuses_ours_refuses(
    profile: str, official: jsonschema_rs.Draft7Validator
) -> None:
    refused = 0
    for item in variations(profile):
        if not official.is_valid(item):
            refused += 1
            assert validate_item(item), f"only the official schema refuses {item}"
    assert refused > 200


def test_we_refuse_more_than_the_official_schema(
    profile: str, official: jsonschema_rs.Draft7Validator
) -> None:
    stricter = [
        name
        for name, path, value in INVALID[profile]
        if official.is_valid(changed(valid_item(), path, value))
    ]
    assert stricter


def variations(profile: str) -> Iterator[dict[str, Any]]:
    """The valid scene with each field of the extension set to each value, and with our hand-made mistakes."""
    scene = valid_item()
    document = read_contract(f"profiles/{profile}")
    prefix = document["x-prefix"]
    places = ["assets/red"] if profile == "file.json" else ["properties", "assets/red"]
    for name in [*document["$defs"]["fields"]["properties"], f"{prefix}:unknown"]:
        for place in places:
            yield from (changed(scene, f"{place}/{name}", value) for value in VALUES)
    for _, path, value in INVALID[profile]:
        yield changed(scene, path, value)
    if profile == "projection.json":
        for system in SYSTEMS:
            for projjson in damaged(pyproj.CRS(system).to_json_dict()):
                yield changed(scene, "properties/proj:projjson", projjson)
    number = scene["stac_extensions"].index(document["x-extension"])
    yield changed(scene, f"stac_extensions/{number}", REMOVED)


@pytest.mark.parametrize("system", SYSTEMS)
def test_projjson_as_proj_writes_it_is_accepted(system: str) -> None:
    item = changed(valid_item(), "properties/proj:projjson", pyproj.CRS(system).to_json_dict())
    assert validate_item(item) == []
    assert PROJECTION.validator().is_valid(item)
