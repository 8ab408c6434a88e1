"""An Item is a pure function of its facts."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import pytest

from eventstac.compose import compose
from eventstac.facts import Fact, Finding, Match, fact_of, join
from eventstac.rules import AssetRule, CollectionRules, Rule, load_rules
from eventstac.validation import validate_item
from tests.samples import at, cog_fact, gone, metadata, present, rejected, storage, url_of

RULES = load_rules(
    """
collections:
  pairs:
    rules:
      - name: pairs
        pattern: pairs/{date}/{asset}.tif
        item: pair-{date}
        require: [red]
        assets:
          red: {title: Red, bands: [red]}
          nir: {bands: [nir]}
""",
    file="rules.yaml",
)
PAIRS = RULES.collection("pairs")


def match(asset: str, date: str = "2024-05-01") -> Match:
    found = RULES.match(url_of(f"pairs/{date}/{asset}.tif"))
    assert found is not None
    return found


def pair(asset: str, seconds: float = 1, etag: str = "e", **changes: Any) -> Fact:
    return fact_of(url_of(f"pairs/2024-05-01/{asset}.tif"), present(match(asset), seconds, etag, **changes))


def item_of(*facts: Fact, rules: CollectionRules | None = PAIRS) -> dict[str, Any]:
    composition = compose(facts, rules)
    assert composition.item is not None, composition
    return composition.item


def with_metadata(fact: Fact, **changes: Any) -> Fact:
    finding = replace(fact.finding, metadata={**(fact.finding.metadata or {}), **changes})
    return replace(fact, finding=finding)


def test_two_files_make_one_valid_item_with_assets_in_the_order_of_the_rule() -> None:
    item = item_of(pair("nir"), pair("red"))
    assert validate_item(item) == []
    assert list(item["assets"]) == ["red", "nir"]
    assert item["id"] == "pair-2024-05-01"
    assert item["properties"]["datetime"] == "2024-05-01T00:00:00Z"
    assert item["assets"]["red"]["title"] == "Red"
    assert item["assets"]["red"]["bands"][0]["eo:common_name"] == "red"


def test_the_software_that_read_all_data_assets_stands_on_the_item() -> None:
    one, other = ({"eventstac": "0.1.0", "GDAL": version} for version in ("3.12.2", "3.13.0"))
    item = item_of(with_metadata(pair("red"), software=one), with_metadata(pair("nir"), software=one))
    assert item["properties"]["processing:software"] == one
    assert "processing:software" not in item["assets"]["red"]
    assert "https://stac-extensions.github.io/processing/v1.2.0/schema.json" in item["stac_extensions"]
    mixed = item_of(with_metadata(pair("red"), software=one), with_metadata(pair("nir"), software=other))
    assert "processing:software" not in mixed["properties"]
    assert mixed["assets"]["nir"]["processing:software"] == other


def test_an_asset_says_where_its_statistics_are_not_of_every_pixel() -> None:
    item = item_of(with_metadata(pair("red"), statistics_exact=False), pair("nir"))
    assert item["assets"]["red"]["eventstac:statistics"] == "approximate"
    assert "eventstac:statistics" not in item["assets"]["nir"]
    assert validate_item(item) == []


def test_an_asset_says_where_its_footprint_is_the_frame_though_valid_data_was_asked_for() -> None:
    problem = {"reason": "no-valid-data", "detail": "no pixel holds data"}
    item = item_of(with_metadata(pair("red"), footprint_problem=problem), pair("nir"))
    assert item["assets"]["red"]["eventstac:footprint"] == "frame"
    assert "eventstac:footprint" not in item["assets"]["nir"]
    assert validate_item(item) == []


def test_an_asset_says_which_version_of_the_blob_was_read() -> None:
    fact = pair("red", etag="0x1")
    versioned = replace(fact.finding, storage={**storage(), "version_id": "2024-05-01T12:00:00.0Z"})
    item = item_of(replace(fact, finding=versioned), pair("nir", etag="0x2"))
    assert item["assets"]["red"]["eventstac:etag"] == "0x1"
    assert item["assets"]["red"]["eventstac:version_id"] == "2024-05-01T12:00:00.0Z"
    assert item["assets"]["nir"]["eventstac:etag"] == "0x2"
    assert "eventstac:version_id" not in item["assets"]["nir"]


@pytest.mark.parametrize(
    ("older", "newer"), [("3.9.0", "3.10.0"), ("3.12.2", "3.12.2.1"), ("0.1.0", "0.2.0")]
)
def test_a_new_version_of_the_software_alone_changes_nothing(older: str, newer: str) -> None:
    before, after = (with_metadata(pair("red"), software={"GDAL": version}) for version in (older, newer))
    assert join(before, after) == join(after, before) == before
    risen = replace(after, finding=replace(after.finding, revision=before.finding.revision + 1))
    assert (join(before, risen).finding.metadata or {})["software"] == {"GDAL": newer}


def test_the_order_of_the_facts_does_not_matter() -> None:
    facts = [pair("nir", west=10.2), pair("red"), pair("extra", south=50.3)]
    assert len({str(compose(order, PAIRS)) for order in permutations(facts)}) == 1


def test_an_item_without_a_required_asset_is_incomplete_and_says_which() -> None:
    composition = compose([pair("nir")], PAIRS)
    assert (composition.state, composition.missing, composition.item) == ("incomplete", ("red",), None)


def test_an_item_without_data_assets_is_empty() -> None:
    assert compose([], PAIRS).state == "empty"
    assert (
        compose([fact_of(url_of("pairs/2024-05-01/red.tif"), gone(match("red"), 1))], PAIRS).state == "empty"
    )


def test_a_rejected_file_leaves_the_item() -> None:
    broken = fact_of(url_of("pairs/2024-05-01/nir.tif"), rejected(match("nir"), 2, "b"))
    assert list(item_of(pair("red"), broken)["assets"]) == ["red"]


def test_a_rule_may_keep_the_last_good_reading_marked() -> None:
    assert PAIRS is not None
    keeping = replace(PAIRS, rules=tuple(replace(rule, keep_last_good=True) for rule in PAIRS.rules))
    broken = fact_of(url_of("pairs/2024-05-01/red.tif"), rejected(match("red"), 5, "b"))
    item = item_of(join(pair("red"), broken), rules=keeping)
    assert item["assets"]["red"]["eventstac:unreadable"].startswith("not-a-raster")
    deleted = fact_of(broken.url, gone(match("red"), 3))
    for order in permutations([pair("red"), deleted, broken]):
        assert compose([join(join(order[0], order[1]), order[2])], keeping).state == "empty"


def test_projection_is_on_the_item_where_all_agree_and_on_the_assets_where_not() -> None:
    fine, coarse = pair("red"), pair("nir", resolution=20.0)
    item = item_of(fine, coarse)
    assert item["properties"]["proj:code"] == "EPSG:32632"
    assert "proj:transform" not in item["properties"]
    assert item["assets"]["red"]["proj:transform"][0] == 10.0
    assert item["assets"]["nir"]["proj:transform"][0] == 20.0
    assert "proj:code" not in item["assets"]["red"]
    assert (item["assets"]["red"]["gsd"], item["assets"]["nir"]["gsd"]) == (10.0, 20.0)


def test_what_an_asset_that_is_no_data_has_in_common_with_the_data_is_the_items() -> None:
    rules = CollectionRules(
        "c",
        rules=(
            Rule(
                "r",
                properties={"gsd": 30},
                assets=(
                    AssetRule("red"),
                    AssetRule("mask", roles=("mask",)),
                    AssetRule("coarse", roles=("mask",)),
                    AssetRule("own", roles=("mask",), extra={"gsd": 10.0}),
                ),
            ),
        ),
    )
    facts = [
        fact_of(
            url_of(f"{key}.tif"),
            present(Match("c", "i", key, "r"), 1, "e", resolution=20.0 if key == "coarse" else 10.0),
        )
        for key in ("red", "mask", "coarse", "own")
    ]
    item = item_of(*facts, rules=rules)
    assert item["properties"]["gsd"] == 30
    told = {key: asset.get("gsd") for key, asset in item["assets"].items()}
    assert told == {"red": None, "mask": None, "coarse": 20.0, "own": 10.0}
    assert "proj:transform" not in item["assets"]["mask"]
    assert item["assets"]["coarse"]["proj:transform"][0] == 20.0


UTM = metadata()["projection"]
COARSE = metadata(resolution=20.0)["projection"]
CUSTOM = {**UTM, "proj:code": None, "proj:wkt2": "PROJCRS[own]"}
CONTROL_POINTS = {"proj:shape": [1000, 1000], "proj:code": None}
A_PICTURE = {"proj:shape": [100, 100], "proj:code": None}
NO_CRS = {**COARSE, "proj:code": None}
ANOTHER_CODE = {**COARSE, "proj:code": "EPSG:32633"}
PLACES = (UTM, COARSE, CUSTOM, CONTROL_POINTS, A_PICTURE, NO_CRS, ANOTHER_CODE)
WITH_A_MASK = CollectionRules(
    "c", rules=(Rule("r", assets=(AssetRule("red"), AssetRule("mask", roles=("mask",)))),)
)


def item_beside_a_mask(data: dict[str, Any], mask: dict[str, Any]) -> dict[str, Any]:
    facts = [
        with_metadata(
            fact_of(url_of(f"{key}.tif"), present(Match("c", "i", key, "r"), 1, "e")), projection=projection
        )
        for key, projection in {"red": data, "mask": mask}.items()
    ]
    item = item_of(*facts, rules=WITH_A_MASK)
    assert item == item_of(*reversed(facts), rules=WITH_A_MASK)
    return item


@pytest.mark.parametrize("data", PLACES)
@pytest.mark.parametrize("mask", PLACES)
def test_no_raster_has_the_place_of_another_by_the_item(data: dict[str, Any], mask: dict[str, Any]) -> None:
    item = item_beside_a_mask(data, mask)
    for key, own in {"red": data, "mask": mask}.items():
        shared = {name: value for name, value in item["properties"].items() if name.startswith("proj:")}
        asset = {name: value for name, value in item["assets"][key].items() if name.startswith("proj:")}
        assert {**shared, **asset} == own
        as_pystac_reads_it = {**shared, **{name: value for name, value in asset.items() if value is not None}}
        placed = "proj:transform" in as_pystac_reads_it
        assert not placed or as_pystac_reads_it.get("proj:code") == own["proj:code"]


@pytest.mark.parametrize("mask", [UTM, COARSE, CONTROL_POINTS, A_PICTURE, ANOTHER_CODE])
def test_the_code_of_the_data_is_the_items_beside_a_mask_of_any_place(mask: dict[str, Any]) -> None:
    properties = item_beside_a_mask(UTM, mask)["properties"]
    assert properties["proj:code"] == "EPSG:32632"
    assert ("proj:transform" in properties) == ("proj:transform" in mask)


def test_geometry_is_the_union_of_the_footprints_and_the_bbox_its_own() -> None:
    item = item_of(pair("red", west=10.0), pair("nir", west=10.25))
    assert item["bbox"] == [10.0, 50.0, 10.75, 50.5]
    assert validate_item(item) == []


def test_a_union_of_footprints_keeps_a_centimetre() -> None:
    edges = (10.1234567, 10.5000001, 10.7654321)
    boxes = [
        {"type": "Polygon", "coordinates": [[[w, 50], [e, 50], [e, 50.5], [w, 50.5], [w, 50]]]}
        for w, e in pairwise(edges)
    ]
    item = item_of(
        *(with_metadata(pair(key), footprint=box) for key, box in zip(("red", "nir"), boxes, strict=True))
    )
    assert item["bbox"] == [edges[0], 50, edges[2], 50.5]
    assert {x for x, _ in item["geometry"]["coordinates"][0]} >= {edges[0], edges[2]}


def test_an_item_across_the_antimeridian_has_a_bbox_with_west_greater_than_east() -> None:
    east = {"type": "Polygon", "coordinates": [[[179, 0], [180, 0], [180, 1], [179, 1], [179, 0]]]}
    west = {"type": "Polygon", "coordinates": [[[-180, 0], [-179, 0], [-179, 1], [-180, 1], [-180, 0]]]}
    item = item_of(with_metadata(pair("red"), footprint=east), with_metadata(pair("nir"), footprint=west))
    assert item["geometry"]["type"] == "MultiPolygon"
    assert item["bbox"] == [179.0, 0.0, -179.0, 1.0]
    assert validate_item(item) == []


def test_a_scene_across_180_and_one_beside_it_have_a_bbox_that_holds_both() -> None:
    def box(west: float, east: float) -> list[list[list[float]]]:
        return [[[west, 0], [east, 0], [east, 1], [west, 1], [west, 0]]]

    across = {"type": "MultiPolygon", "coordinates": [box(179, 180), box(-180, -179)]}
    beside = {"type": "Polygon", "coordinates": box(170, 171)}
    item = item_of(with_metadata(pair("red"), footprint=across), with_metadata(pair("nir"), footprint=beside))
    assert item["bbox"] == [170.0, 0.0, -179.0, 1.0]
    assert validate_item(item) == []


def test_two_values_for_one_property_reject_the_item_and_name_both_files() -> None:
    red = with_metadata(pair("red"), properties={"platform": "a"})
    nir = with_metadata(pair("nir"), properties={"platform": "b"})
    composition = compose([red, nir], PAIRS)
    assert (composition.state, composition.reason) == ("rejected", "conflicting-property")
    assert red.url in composition.detail
    assert nir.url in composition.detail


def test_an_item_without_a_footprint_is_rejected_with_what_the_file_lacks() -> None:
    problem = {"reason": "no-crs", "detail": "the file has no CRS"}
    composition = compose([with_metadata(pair("red"), footprint=None, footprint_problem=problem)], PAIRS)
    assert (composition.state, composition.reason) == ("rejected", "no-footprint")
    assert "the file has no CRS" in composition.detail


def test_an_invalid_item_is_a_rejection_and_never_a_document() -> None:
    bands = [{"name": "b1", "data_type": "int12"}]
    composition = compose([with_metadata(pair("red"), bands=bands)], PAIRS)
    assert (composition.state, composition.reason, composition.item) == ("rejected", "invalid-item", None)
    assert "int12" in composition.detail or "data_type" in composition.detail


def test_of_two_blobs_with_one_asset_key_the_first_url_is_shown_and_the_other_reported() -> None:
    first = pair("red")
    other = fact_of(url_of("zz/red.tif"), first.finding)
    composition = compose([other, first], PAIRS)
    assert composition.item is not None
    assert composition.item["assets"]["red"]["href"] == first.url
    assert composition.conflicts == (other.url,)


def test_created_and_updated_come_from_the_storage() -> None:
    item = item_of(pair("red", seconds=5), pair("nir", seconds=9))
    assert item["properties"]["created"] == "2024-05-01T12:00:05Z"
    assert item["properties"]["updated"] == "2024-05-01T12:00:09Z"


CERTAIN = {"source": "datetime", "start": "2020-02-03T04:05:06Z", "end": "2020-02-03T04:05:06Z"}
DOUBTFUL = {
    "source": "TIFFTAG_DATETIME",
    "start": "2021-02-03T04:05:06Z",
    "end": "2021-02-03T04:05:06Z",
    "doubtful": True,
}


class TestDatetime:
    SOURCES = ("path", "sidecar", "file", "last-modified")

    def compose_without_path_date(self, **changes: Any) -> dict[str, Any]:
        rules = CollectionRules(
            "c", rules=(Rule("r", assets=(AssetRule("red"),), datetime_sources=self.SOURCES),)
        )
        found = present(Match("c", "i", "red", "r"), 3, "e")
        item = item_of(with_metadata(fact_of(url_of("red.tif"), found), **changes), rules=rules)
        properties: dict[str, Any] = item["properties"]
        return properties

    def test_the_file_s_own_date_comes_before_the_storage_s(self) -> None:
        stated: list[dict[str, Any]] = [
            {"source": "TIFFTAG_DATETIME", "start": "2020-02-03T04:05:06Z", "end": "2020-02-03T04:05:06Z"}
        ]
        properties = self.compose_without_path_date(datetimes=stated)
        assert properties["datetime"] == "2020-02-03T04:05:06Z"
        assert "eventstac:datetime_source" not in properties
        stated[0]["doubtful"] = True
        properties = self.compose_without_path_date(datetimes=stated)
        assert properties["datetime"] == "2020-02-03T04:05:06Z"
        assert properties["eventstac:datetime_source"] == "TIFFTAG_DATETIME"

    def test_last_modified_is_said_to_be_one(self) -> None:
        properties = self.compose_without_path_date()
        assert properties["datetime"] == "2024-05-01T12:00:03Z"
        assert properties["eventstac:datetime_source"] == "last-modified"

    def of_several(self, *datetimes: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The properties of an Item of files, uploaded a second after each other, that state these datetimes."""
        rules = CollectionRules("c", rules=(Rule("r", datetime_sources=self.SOURCES),))
        facts = []
        for number, stated in enumerate(datetimes):
            found = present(Match("c", "i", f"a{number}", "r"), 3 + number, f"e{number}")
            facts.append(with_metadata(fact_of(url_of(f"{number}.tif"), found), datetimes=stated))
        composed = [item_of(*order, rules=rules)["properties"] for order in permutations(facts)]
        assert all(properties == composed[0] for properties in composed)
        return {name: value for name, value in composed[0].items() if "datetime" in name}

    def test_beside_a_certain_time_no_other_counts(self) -> None:
        assert self.of_several([CERTAIN], [], [DOUBTFUL]) == {"datetime": CERTAIN["start"]}
        later = {**CERTAIN, "start": "2020-02-04T00:00:00Z", "end": "2020-02-04T23:59:59Z"}
        assert self.of_several([CERTAIN], [], [later]) == {
            "datetime": None,
            "start_datetime": CERTAIN["start"],
            "end_datetime": later["end"],
        }

    def test_beside_a_doubtful_time_none_of_an_upload_counts(self) -> None:
        assert self.of_several([], [DOUBTFUL], []) == {
            "datetime": DOUBTFUL["start"],
            "eventstac:datetime_source": "TIFFTAG_DATETIME",
        }

    def test_each_doubtful_source_is_named(self) -> None:
        scanned = {**DOUBTFUL, "source": "EXIF_DateTimeDigitized"}
        assert self.of_several([DOUBTFUL], [scanned]) == {
            "datetime": DOUBTFUL["start"],
            "eventstac:datetime_source": "EXIF_DateTimeDigitized, TIFFTAG_DATETIME",
        }

    def test_files_without_times_are_no_period_of_their_uploads(self) -> None:
        assert self.of_several([], [], []) == {
            "datetime": "2024-05-01T12:00:03Z",
            "eventstac:datetime_source": "last-modified",
        }

    def test_a_file_whose_storage_tells_no_time_does_not_matter_beside_one_with_a_time(self) -> None:
        rules = CollectionRules("c", rules=(Rule("r", datetime_sources=self.SOURCES),))
        timeless, timed = (present(Match("c", "i", key, "r"), 3, "e") for key in ("a", "b"))
        timeless = replace(timeless, storage={**(timeless.storage or {}), "last_modified": None})
        dated = with_metadata(fact_of(url_of("b.tif"), timed), datetimes=[CERTAIN])
        item = item_of(fact_of(url_of("a.tif"), timeless), dated, rules=rules)
        assert item["properties"]["datetime"] == CERTAIN["start"]

    def test_the_time_of_processing_is_none(self) -> None:
        rules = CollectionRules("c", rules=(Rule("r", assets=(AssetRule("red"),)),))
        found = present(Match("c", "i", "red", "r"), 3, "e")
        found = replace(found, storage={**(found.storage or {}), "last_modified": None})
        composition = compose([fact_of(url_of("red.tif"), found)], rules)
        assert (composition.state, composition.reason) == ("rejected", "no-datetime")
        assert url_of("red.tif") in composition.detail

    def test_assets_of_different_times_give_a_span(self) -> None:
        early = fact_of(url_of("a.tif"), replace(present(match("red", "2024-05-01"), 1, "a")))
        late = fact_of(url_of("b.tif"), replace(present(match("nir", "2024-05-03"), 1, "b")))
        properties = item_of(early, late)["properties"]
        assert properties["datetime"] is None
        assert properties["start_datetime"] == "2024-05-01T00:00:00Z"
        assert properties["end_datetime"] == "2024-05-03T00:00:00Z"


class TestCog:
    SOURCE = url_of("pairs/2024-05-01/red.tif")
    URL = url_of("red.cog.tif", "cogs")

    def cog(self, source_etag: str = "", seconds: float = 3) -> Fact:
        finding: Finding = present(match("red"), seconds, "cog")
        return cog_fact(self.URL, finding, self.SOURCE, source_etag)

    def test_it_says_what_it_was_made_from(self) -> None:
        asset = item_of(pair("red", etag="s1"), self.cog("s1"))["assets"]["red_cog"]
        assert (asset["eventstac:source"], asset["eventstac:source_etag"]) == (self.SOURCE, "s1")

    def test_a_cog_is_an_asset_of_its_own_beside_its_source(self) -> None:
        item = item_of(pair("red"), self.cog())
        assert item["assets"]["red_cog"]["href"] == self.URL
        assert "cloud-optimized" in item["assets"]["red_cog"]["roles"]
        assert item["assets"]["red"]["href"] == self.SOURCE

    def test_a_rule_may_let_the_cog_replace_its_source(self) -> None:
        assert PAIRS is not None
        replacing = replace(PAIRS, rules=tuple(replace(rule, cog="replace") for rule in PAIRS.rules))
        item = item_of(pair("red"), self.cog(), rules=replacing)
        assert item["assets"]["red"]["href"] == self.URL
        assert "red_cog" not in item["assets"]

    def test_a_cog_that_replaces_its_source_takes_its_place(self) -> None:
        assert PAIRS is not None
        replacing = replace(PAIRS, rules=tuple(replace(rule, cog="replace") for rule in PAIRS.rules))
        assert list(item_of(pair("red"), pair("nir"), self.cog(), rules=replacing)["assets"]) == list(
            item_of(pair("red"), pair("nir"), rules=replacing)["assets"]
        )

    def test_a_cog_that_is_done_before_its_source_waits(self) -> None:
        assert compose([self.cog()], PAIRS).state == "empty"

    def test_a_cog_of_other_content_is_not_shown(self) -> None:
        source = join(pair("red", 1, "old", size=1), pair("red", 9, "new", size=2))
        composition = compose([source, self.cog("old")], PAIRS)
        assert composition.item is not None
        assert "red_cog" not in composition.item["assets"]
        assert composition.outdated == (self.URL,)

    def test_a_changed_etag_alone_does_not_hide_the_cog(self) -> None:
        source = join(pair("red", 1, "old", md5="aa"), pair("red", 9, "tagged", md5="aa"))
        assert "red_cog" in item_of(source, self.cog("old"))["assets"]

    def test_a_cog_made_of_the_present_content_is_shown_again(self) -> None:
        source = join(pair("red", 1, "old", size=1), pair("red", 9, "new", size=2))
        assert "red_cog" in item_of(source, self.cog("new"))["assets"]


def test_a_thumbnail_is_an_asset_and_no_data() -> None:
    fact = pair("red")
    thumbnail = url_of("ab/cd.png", "thumbnails")
    fact = with_metadata(fact, thumbnail_shape=[300, 512])
    item = item_of(replace(fact, finding=replace(fact.finding, thumbnail=thumbnail)))
    own, (rows, columns) = (item["properties"][name] for name in ("proj:transform", "proj:shape"))
    assert item["assets"]["thumbnail"] == {
        "href": thumbnail,
        "type": "image/png",
        "roles": ["thumbnail"],
        "proj:code": None,  # else it had that of the Item
        "proj:shape": [300, 512],
        "proj:transform": pytest.approx([own[0] * columns / 512, 0, own[2], 0, own[4] * rows / 300, own[5]]),
    }
    assert {"proj:code", "proj:shape", "proj:transform", "proj:bbox"} <= set(item["properties"])


def test_a_sidecar_gives_properties_and_is_a_metadata_asset() -> None:
    sidecar = Match("pairs", "pair-2024-05-01", "mtl", "pairs", read="sidecar")
    stated = {"file": {"file:size": 9}, "properties": {"eo:cloud_cover": 12.5}, "datetimes": []}
    finding = Finding(sidecar, 1, "present", at(2), "m", storage=storage(), metadata=stated)
    item = item_of(pair("red"), fact_of(url_of("pairs/2024-05-01/mtl.json"), finding))
    assert item["properties"]["eo:cloud_cover"] == 12.5
    assert item["assets"]["mtl"]["roles"] == ["metadata"]


def test_a_collection_that_the_rules_no_longer_have_still_composes() -> None:
    assert item_of(pair("red"), rules=None)["assets"]["red"]["roles"] == ["data"]


@pytest.mark.parametrize("changes", [{"gsd": 1e309}, {"bands": [{"name": "b", "nodata": float("nan")}]}])
def test_numbers_that_json_does_not_have_never_reach_the_catalog(changes: dict[str, Any]) -> None:
    assert compose([with_metadata(pair("red"), **changes)], PAIRS).state == "rejected"


def test_metadata_of_the_samples_is_what_the_tests_say() -> None:
    assert metadata(west=1.0)["bbox"][0] == 1.0


class TestBuilder:
    def compose_with(self, builder: str, facts: Sequence[Fact] = ()) -> Any:
        assert PAIRS is not None
        rules = replace(PAIRS, rules=tuple(replace(rule, builder=builder) for rule in PAIRS.rules))
        return compose(facts or [pair("red"), pair("nir")], rules)

    def test_a_builder_finishes_the_item(self) -> None:
        composition = self.compose_with("tests.unit.compose.builders:count_files")
        assert composition.item["properties"]["files"] == 2

    def test_a_builder_that_changes_the_facts_changes_its_own_copies(self) -> None:
        facts = [pair("red"), pair("nir")]
        before = deepcopy(facts)
        composition = self.compose_with("tests.unit.compose.builders:use_up", facts)
        assert composition.item["properties"]["drivers"] == ["GTiff", "GTiff"]
        assert facts == before

    def test_a_builder_may_want_no_item(self) -> None:
        assert self.compose_with("tests.unit.compose.builders:nothing").state == "empty"

    def test_what_a_builder_makes_is_validated(self) -> None:
        composition = self.compose_with("tests.unit.compose.builders:spoil")
        assert (composition.state, composition.reason) == ("rejected", "invalid-item")

    def test_a_builder_that_is_not_installed_is_named(self) -> None:
        composition = self.compose_with("no.such.package:function")
        assert (composition.state, composition.reason) == ("rejected", "no-builder")
