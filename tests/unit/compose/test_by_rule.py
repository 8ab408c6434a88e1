"""What a rule says of an Item and its assets stands in the Item."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from eventstac.compose import Composition, compose
from eventstac.facts import Fact, fact_of
from eventstac.rules import AssetRule, CollectionRules, collection_document, load_rules
from eventstac.validation import validate_item
from tests.samples import cog_fact, gone, metadata, present, url_of
from tests.unit.rules.asking import collection_of, rule_of

HEAD = "collections:\n  c:\n    rules:\n      - name: r\n        pattern: 's/{item}/{asset}'\n        "
SAR = "https://stac-extensions.github.io/sar/v1.3.0/schema.json"
OF_FILES = [
    f"https://stac-extensions.github.io/{each}/schema.json" for each in ("file/v2.1.0", "projection/v2.0.0")
]
OWN = "https://example.org/own/v1.0.0/schema.json"


def composed(rule: str, *names: str, lacking: Mapping[str, Any] | None = None) -> Composition:
    """The Item `one` of these files; `lacking` replaces what was read of some of them."""
    rules = load_rules(HEAD + rule, file="rules.yaml")
    facts = []
    for name in names:
        url = url_of(f"s/one/{name}")
        match = rules.match(url)
        assert match is not None
        read: Any = (lacking or {}).get(name, metadata() if match.read == "raster" else {})
        facts.append(fact_of(url, replace(present(match, 1, "e"), metadata=read)))
    return compose(facts, collection_of(rules, "c"))


def item_of(rule: str, *names: str, **more: Any) -> dict[str, Any]:
    composition = composed(rule, *names, **more)
    assert composition.item is not None, composition
    assert validate_item(composition.item) == []
    return composition.item


def test_the_media_type_of_a_rule_stands_over_what_the_file_seems_to_be() -> None:
    rule = "assets: {red: {match: red.tif, media_type: image/x-own}, nir: {match: nir.tif}}"
    assets = item_of(rule, "red.tif", "nir.tif")["assets"]
    assert assets["red"]["type"] == "image/x-own"
    assert assets["nir"]["type"] == "image/tiff; application=geotiff"


@pytest.mark.parametrize(
    ("asset", "stored", "told"),
    [
        (
            "match: m.xml, sidecar: {format: xml, properties: {}}",
            "application/octet-stream",
            "application/xml",
        ),
        ("match: m.SAFE, sidecar: {format: xml, properties: {}}", None, "application/xml"),
        ("match: m.met, sidecar: {format: json, properties: {}}", "binary/octet-stream", "application/json"),
        (
            "match: m.json, sidecar: {format: json, properties: {}}",
            "application/geo+json",
            "application/geo+json",
        ),
        ("match: m.PNG, read: file", "Application/Octet-Stream; x=1", "image/png"),
        ("match: m.geojson, read: file", None, "application/geo+json"),
        ("match: m.png, read: file", "image/apng", "image/apng"),
        ("match: m.odd, read: file", "application/octet-stream", "application/octet-stream"),
        ("match: m.odd, read: file", None, None),
        ("match: m.odd, read: file", " ", None),
        (
            "match: m.geojson, sidecar: {format: json, properties: {}}",
            "binary/octet-stream",
            "application/geo+json",
        ),
        (
            "match: m.kml, sidecar: {format: xml, properties: {}}",
            None,
            "application/vnd.google-earth.kml+xml",
        ),
        ("match: m.txt, sidecar: {format: xml, properties: {}}", None, "application/xml"),
        ("match: m.png, read: file, media_type: image/x-own", None, "image/x-own"),
    ],
)
def test_a_media_type_that_the_storage_does_not_know_is_that_of_the_sidecar_or_the_ending(
    asset: str, stored: str | None, told: str | None
) -> None:
    name = asset.split(",")[0].removeprefix("match: ")
    rules = load_rules(HEAD + f"assets: {{red: {{match: red.tif}}, more: {{{asset}}}}}", file="r.yaml")
    facts = []
    for each in ("red.tif", name):
        url = url_of(f"s/one/{each}")
        match = rules.match(url)
        assert match is not None
        found = present(match, 1, "e")
        if each == name:
            found = replace(found, metadata={}, storage={**(found.storage or {}), "content_type": stored})
        facts.append(fact_of(url, found))
    item = compose(facts, collection_of(rules, "c")).item
    assert item is not None
    assert item["assets"]["more"].get("type") == told


@pytest.mark.parametrize(
    ("bands", "common"),
    [
        ("[B8, B4, B3]", [None, None, None]),
        ("[{name: B8}, {name: B4, 'eo:common_name': red}, {name: Blue}]", [None, "red", "blue"]),
        ("[Band 8, Band 4, Band 3]", [None, None, None]),
        ("[Band1, Band2, Band3]", ["red", "green", "blue"]),
        ("[nir, red, green]", ["nir", "red", "green"]),
        ("[{name: b1, 'raster:scale': 2}, {'raster:scale': 2}]", ["red", "green", "blue"]),
    ],
)
def test_a_band_that_the_rule_names_has_no_common_name_of_the_file_beside_another(
    bands: str, common: list[str | None]
) -> None:
    colours = ("red", "green", "blue")
    read = [{"name": f"b{index + 1}", "eo:common_name": each} for index, each in enumerate(colours)]
    rgb = {**metadata(), "bands": read}
    item = item_of(
        f"assets: {{rgb: {{match: rgb.tif, bands: {bands}}}}}", "rgb.tif", lacking={"rgb.tif": rgb}
    )
    assert [band.get("eo:common_name") for band in item["assets"]["rgb"]["bands"]] == common


@pytest.mark.parametrize(
    ("found", "said", "shown"),
    [
        ({"data_type": "uint8"}, "data_type: float32, nodata: 0", {"data_type": "uint8", "nodata": 0}),
        ({"data_type": "uint8", "nodata": 255}, "nodata: 0", {"data_type": "uint8", "nodata": 255}),
        ({}, "data_type: int8", {"data_type": "int8"}),
    ],
)
def test_how_a_bands_numbers_are_stored_is_what_the_file_says(
    found: dict[str, Any], said: str, shown: dict[str, Any]
) -> None:
    read = {**metadata(), "bands": [{"name": "b1", **found}]}
    item = item_of(f"assets: {{b: {{bands: [{{{said}}}]}}}}", "b", lacking={"b": read})
    assert item["assets"]["b"]["bands"] == [{"name": "b1", **shown}]


def test_a_nodata_that_a_bands_type_cannot_hold_is_none_of_its() -> None:
    read = {**metadata(), "bands": [{"name": "b1", "data_type": "uint8"}], "nodata_problem": {"detail": "x"}}
    item = item_of("assets: {b: {bands: [{nodata: 300}]}}", "b", lacking={"b": read})
    assert "nodata" not in item["assets"]["b"]["bands"][0]


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("assets: {b: {bands: [{nodata: 0}, {nodata: 0}]}}", {"nodata": 0}),
        ("assets: {b: {bands: [{nodata: nan}]}}", {"nodata": "nan"}),
        ("read: {nodata: 1}\n        assets: {b: {bands: [{nodata: 0}]}}", {"nodata": 1}),
        ("assets: {b: {bands: [{nodata: 0}, {name: g}]}}", {}),
        ("assets: {b: {bands: [{nodata: 0}, {nodata: 1}]}}", {}),
        ("assets: {b: {bands: [red]}}", {}),
    ],
)
def test_a_file_is_read_by_the_nodata_that_the_rule_states_of_all_its_bands(
    rule: str, options: dict[str, Any]
) -> None:
    match = load_rules(HEAD + rule, file="rules.yaml").match(url_of("s/one/b"))
    assert match is not None
    assert match.options == options


@pytest.mark.parametrize("stated", [float("inf"), float("nan"), 10**400, True, "{item}", None])
def test_what_is_no_nodata_is_none_that_a_file_is_read_by(stated: Any) -> None:
    assert AssetRule("b", bands=({"nodata": stated},)).nodata is None


@pytest.mark.parametrize(("cog", "key"), [("add", "red_cog"), ("replace", "red")])
def test_a_cog_has_a_media_type_of_its_own(cog: str, key: str) -> None:
    rules = load_rules(
        HEAD + f"cog: {cog}\n        assets: {{red: {{match: red.jp2, media_type: image/jp2}}}}",
        file="r.yaml",
    )
    source = url_of("s/one/red.jp2")
    match = rules.match(source)
    assert match is not None
    facts = [
        fact_of(source, present(match, 1, "e")),
        cog_fact(url_of("one.tif", "cogs"), present(match, 2, "c"), source),
    ]
    item = compose(facts, collection_of(rules, "c")).item
    assert item is not None
    assert item["assets"][key]["type"] == "image/tiff; application=geotiff"


ALL = "assets: {red: {match: red.tif}, meta: {match: m.txt, read: file}, mask: {match: mask.tif, roles: [mask]}}"


@pytest.mark.parametrize(
    ("rule", "names", "missing"),
    [
        (ALL, ["m.txt"], ("red",)),
        (ALL, ["m.txt", "mask.tif"], ("red",)),
        (f"require: [red, mask]\n        {ALL}", ["m.txt"], ("mask", "red")),
        (f"require: [mask]\n        {ALL}", ["m.txt"], ("mask", "red")),
        (f"require: [meta]\n        {ALL}", ["mask.tif"], ("meta", "red")),
        ("assets: {red: {}, nir: {}, meta: {match: m.txt, read: file}}", ["m.txt"], ("a data asset",)),
        ("assets: {'*': {}, meta: {match: m.txt, read: file}}", ["m.txt"], ("a data asset",)),
        (
            "require: [red]\n        assets: {'*': {}, meta: {match: m.txt, read: file}}",
            ["m.txt"],
            ("red",),
        ),
    ],
)
def test_an_item_that_lacks_its_data_is_incomplete_and_says_what_it_waits_for(
    rule: str, names: list[str], missing: tuple[str, ...]
) -> None:
    composition = composed(rule, *names)
    assert (composition.state, composition.missing, composition.item) == ("incomplete", missing, None)


def test_an_item_waits_for_what_any_of_its_blobs_rules_require() -> None:
    rules = load_rules(
        "collections:\n  c:\n    rules:\n      - {name: one, pattern: 's/{item}/a_{asset}.tif'}\n"
        "      - {name: two, pattern: 's/{item}/b_{asset}.tif', require: [mask],\n"
        "         assets: {red: {}, mask: {roles: [mask]}}}\n",
        file="rules.yaml",
    )
    facts = [
        fact_of(url_of(f"s/one/{name}"), present(match, 1, "e"))
        for name in ("a_nir.tif", "b_red.tif")
        if (match := rules.match(url_of(f"s/one/{name}")))
    ]
    for order in (facts, facts[::-1]):
        composition = compose(order, collection_of(rules, "c"))
        assert (composition.state, composition.missing) == ("incomplete", ("mask",))


def test_an_item_of_which_nothing_is_left_is_empty() -> None:
    rules = load_rules(HEAD + ALL, file="rules.yaml")
    facts = [
        fact_of(url_of(f"s/one/{name}"), gone(match, 1))
        for name in ("red.tif", "m.txt")
        if (match := rules.match(url_of(f"s/one/{name}")))
    ]
    assert len(facts) == 2
    assert compose(facts, collection_of(rules, "c")).state == "empty"


@pytest.mark.parametrize(
    ("period", "nominal", "moment"),
    [
        ("2024-05-01/2024-05-03", "start", "2024-05-01T00:00:00Z"),
        ("2024-05", "middle", "2024-05-16T12:00:00Z"),
        ("2024", "end", "2024-12-31T23:59:59Z"),
        ("2024-05-01T00:00:00.2Z/2024-05-01T00:00:00.4Z", "middle", "2024-05-01T00:00:00.300000Z"),
    ],
)
def test_a_period_has_the_nominal_datetime_that_its_rule_asks_for(
    period: str, nominal: str, moment: str
) -> None:
    rule = f"datetime: [{{value: '{period}'}}]\n        nominal_datetime: {nominal}\n        {ALL}"
    without = item_of(rule.replace(f"nominal_datetime: {nominal}", "cog: add"), "red.tif")["properties"]
    properties = item_of(rule, "red.tif", "mask.tif")["properties"]
    assert (without["datetime"], properties["datetime"]) == (None, moment)
    assert [properties[name] for name in ENDS] == [without[name] for name in ENDS]


def test_a_moment_stays_what_it_is_whatever_is_nominal() -> None:
    rule = f"datetime: [{{value: 2024-05-01}}]\n        nominal_datetime: end\n        {ALL}"
    properties = item_of(rule, "red.tif")["properties"]
    assert properties["datetime"] == "2024-05-01T00:00:00Z"
    assert properties.keys().isdisjoint(ENDS)


ENDS = ("start_datetime", "end_datetime")
LINKS = """links:
          - {rel: license, href: 'https://example.org/by'}
          - {rel: via, href: 'https://example.org/{item}?f={asset}', title: '{asset} of {item}', type: text/html}
        """


def test_an_item_has_each_link_of_its_rule_once_in_its_order() -> None:
    expected = [
        {"rel": "collection", "href": "../c", "type": "application/json"},
        {"rel": "license", "href": "https://example.org/by"},
        *(
            {
                "rel": "via",
                "href": f"https://example.org/one?f={name}",
                "title": f"{name} of one",
                "type": "text/html",
            }
            for name in ("red.tif", "m.txt")
        ),
    ]
    assert item_of(LINKS + ALL, "red.tif", "m.txt")["links"] == expected
    assert item_of(LINKS + ALL, "m.txt", "red.tif")["links"] == expected


@pytest.mark.parametrize(
    ("href", "name", "shown"),
    [
        ("https://example.org/{asset}", "a b#ü%.tif", "https://example.org/a%20b%23%C3%BC%25.tif"),
        ("{base}", "x", "https://e.org/?f=a"),
        ("{base}&g={asset}#{base}", "a b#.tif", "https://e.org/?f=a&g=a%20b%23.tif#https%3A//e.org/%3Ff%3Da"),
    ],
)
def test_the_text_of_a_group_is_encoded_within_an_address(href: str, name: str, shown: str) -> None:
    base = "groups: {base: {template: 'https://e.org/?f=a'}}\n        "
    rule = rule_of(load_rules(f"{HEAD}{base}links: [{{rel: via, href: '{href}'}}]", file="r.yaml"), "c", "r")
    assert rule.links_for(rule.groups_for({"asset": name})) == [{"rel": "via", "href": shown}]


def test_a_link_that_lacks_a_group_of_an_optional_part_rejects_the_item() -> None:
    rules = load_rules(
        "collections:\n  c:\n    rules:\n      - name: r\n        pattern: 'regex:s/(?P<item>[a-z]+)(_(?P<v>.))?.tif'\n"
        "        links: [{rel: via, href: 'https://example.org/{v}'}]\n",
        file="r.yaml",
    )
    assert "The link 'via' needs the group 'v', which is optional" in str(rules.warnings[0])
    match = rules.match(url_of("s/one.tif"))
    assert match is not None
    composition = compose([fact_of(url_of("s/one.tif"), present(match, 1, "e"))], collection_of(rules, "c"))
    assert (composition.state, composition.reason) == ("rejected", "bad-link")


NOWHERE = {**metadata(), "footprint": None}


def test_the_footprint_asset_may_be_any_raster_of_the_item() -> None:
    item = item_of(
        f"footprint_asset: mask\n        {ALL}", "red.tif", "mask.tif", lacking={"red.tif": NOWHERE}
    )
    assert item["bbox"] == metadata()["bbox"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["red.tif"], "the footprint_asset mask is not there"),
        (["red.tif", "mask.tif"], "the footprint_asset mask has no footprint"),
    ],
)
def test_a_footprint_asset_that_gives_none_is_named(names: list[str], says: str) -> None:
    lacking = dict.fromkeys(names, NOWHERE)
    composition = composed(f"footprint_asset: mask\n        {ALL}", *names, lacking=lacking)
    assert (composition.state, composition.reason) == ("rejected", "no-footprint")
    assert says in composition.detail
    assert "another `footprint_asset:`" in composition.detail


def test_items_list_the_extensions_of_their_fields_and_of_their_rule() -> None:
    item = item_of(
        f'stac_extensions: ["{OWN}"]\n        properties: {{"sar:instrument_mode": IW}}\n        {ALL}',
        "red.tif",
    )
    assert item["stac_extensions"] == [OWN, *OF_FILES, SAR]


def test_an_extension_that_a_rule_names_is_listed_in_that_version() -> None:
    other = SAR.replace("/v1.", "/v0.")
    text = f'stac_extensions: ["{other}"]\n        properties: {{"sar:instrument_mode": IW}}\n        {ALL}'
    assert item_of(text, "red.tif")["stac_extensions"] == [*OF_FILES, other]


def test_a_collection_lists_the_extensions_that_it_names() -> None:
    text = f'collections: {{c: {{stac_extensions: ["{OWN}"], extra: {{"sci:doi": "10.1/x"}}}}}}'
    content, _ = collection_document(collection_of(load_rules(text, file="r.yaml"), "c"))
    assert content["stac_extensions"] == [
        OWN,
        "https://stac-extensions.github.io/scientific/v1.0.0/schema.json",
    ]


@pytest.mark.parametrize(
    ("builder", "listed"), [("name_extension", [OWN, *OF_FILES]), ("drop_extensions", OF_FILES)]
)
def test_what_a_builder_lists_is_kept_beside_what_the_fields_show(builder: str, listed: list[str]) -> None:
    item = item_of(f"builder: tests.unit.compose.builders:{builder}\n        {ALL}", "red.tif")
    assert item["stac_extensions"] == listed


def test_a_list_of_extensions_that_is_none_rejects_the_item() -> None:
    composition = composed(f"builder: tests.unit.compose.builders:spoil_extensions\n        {ALL}", "red.tif")
    assert (composition.state, composition.reason) == ("rejected", "invalid-item")
    assert "stac_extensions" in composition.detail


TEXTS = """properties: {instruments: ["{item}-msi"], "x:of": {scene: "{item}", parts: [1, "{{{item}}}"]}}
        assets:
          red:
            match: red.tif
            title: Band {asset} of {item}
            description: "{item}"
            media_type: "image/x-{item}"
            bands: [{name: "{item}-1"}]
            extra: {"x:names": ["{item}"]}"""


def test_groups_stand_in_all_texts_of_properties_and_assets() -> None:
    item = item_of(TEXTS, "red.tif")
    assert item["properties"]["instruments"] == ["one-msi"]
    assert item["properties"]["x:of"] == {"scene": "one", "parts": [1, "{one}"]}
    red = item["assets"]["red"]
    assert (red["title"], red["description"], red["x:names"]) == ("Band red.tif of one", "one", ["one"])
    assert (red["bands"][0]["name"], red["type"]) == ("one-1", "image/x-one")


def test_a_group_that_the_path_has_not_rejects_the_item_by_name() -> None:
    rules = load_rules(HEAD + TEXTS, file="rules.yaml")
    match = rules.match(url_of("s/one/red.tif"))
    assert match is not None
    older: Fact = fact_of(url_of("s/one/red.tif"), present(replace(match, groups={"item": "one"}), 1, "e"))
    composition = compose([older], collection_of(rules, "c"))
    assert (composition.state, composition.reason) == ("rejected", "bad-asset")
    assert "the path gives no 'asset'" in composition.detail


def test_the_assets_of_a_collection_have_no_text_of_one_path() -> None:
    rules: CollectionRules = collection_of(load_rules(HEAD + TEXTS, file="rules.yaml"), "c")
    _, private = collection_document(rules)
    assert private["item_assets"]["red"] == {"title": "red", "roles": ["data"]}


def test_the_software_that_a_rule_states_is_added_and_stands_over_a_files_own_version() -> None:
    read = {**metadata(), "software": {"eventstac": "0.1.0", "GDAL": "3.12.2"}}
    rule = """properties: {"processing:software": {GDAL: 3.9.0, sen2cor: '2.11'}}"""
    stated = item_of(rule, "red.tif", lacking={"red.tif": read})["properties"]["processing:software"]
    assert stated == {"eventstac": "0.1.0", "GDAL": "3.9.0", "sen2cor": "2.11"}


BANDS = "assets: {red: {match: red.tif}, nir: {match: nir.tif}}"
BESIDE = (
    "assets: {red: {match: red.tif}, nir: {match: nir.tif}, one: {match: one.json, sidecar: &cloud {format: json, "
    "properties: {eo:cloud_cover: {path: $.c, type: number}}}}, two: {match: two.json, sidecar: *cloud}}"
)


def cloudy(**stated: float) -> dict[str, Any]:
    """What was read of files, by name without suffix, that state a cloud cover each."""
    return {
        f"{name}.{'tif' if name in ('red', 'nir') else 'json'}": {
            **(metadata() if name in ("red", "nir") else {}),
            "properties": {"eo:cloud_cover": value},
        }
        for name, value in stated.items()
    }


@pytest.mark.parametrize(
    ("rule", "stated", "shown"),
    [
        (f'properties: {{"eo:cloud_cover": 5}}\n        {BANDS}', {"red": 10, "nir": 12}, 5),
        (f'properties: {{"eo:cloud_cover": 5}}\n        {BESIDE}', {"red": 10, "one": 11, "two": 12}, 5),
        (BESIDE, {"red": 12, "nir": 12, "one": 12.34}, 12.34),
        (BESIDE, {"red": 10, "nir": 12, "one": 12.34, "two": 12.34}, 12.34),
        (BESIDE, {"red": 10, "nir": 10}, 10),
    ],
)
def test_a_property_is_the_rules_then_the_sidecars_then_the_files(
    rule: str, stated: dict[str, float], shown: float
) -> None:
    read = cloudy(**stated)
    assert item_of(rule, *read, lacking=read)["properties"]["eo:cloud_cover"] == shown


@pytest.mark.parametrize(
    "stated", [{"red": 10, "nir": 12}, {"red": 10, "one": 11, "two": 12}], ids=["rasters", "sidecars"]
)
def test_two_values_of_one_rank_that_nothing_settles_are_a_conflict_that_a_rule_can_settle(
    stated: dict[str, float],
) -> None:
    read = cloudy(**stated)
    composition = composed(BESIDE, *read, lacking=read)
    assert (composition.state, composition.reason) == ("rejected", "conflicting-property")
    assert (
        "state the one that is meant in the rule's `properties: {'eo:cloud_cover': …}`" in composition.detail
    )


def test_rules_that_give_two_values_are_told_so() -> None:
    rule = """properties: {"eo:cloud_cover": {from: asset, lookup: {red.tif: 1, nir.tif: 2}}}"""
    composition = composed(rule, "red.tif", "nir.tif", lacking=cloudy(red=3, nir=3))
    assert (composition.state, composition.reason) == ("rejected", "conflicting-property")
    assert "let the rules of the Item's files give one value" in composition.detail
