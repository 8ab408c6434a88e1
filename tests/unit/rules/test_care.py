"""What a rule says in vain, or says so that no Item can have it, is found before it is applied."""

import pytest

from eventstac.rules import RulesInvalid, load_rules
from eventstac.rules.automaton import Automaton
from eventstac.rules.checks.unused import is_covered
from tests.samples import url_of
from tests.unit.rules.asking import matched
from tests.unit.rules.test_mistakes import HEAD, mistakes

RULE = HEAD + "'{item}_{asset}'\n        "  # what follows begins in line 6


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        ("properties:\n          a: ['{itm}']", 7, "The property 'a' needs a group 'itm'", "asset, item"),
        ("properties:\n          a:\n            b: '{itm}'", 8, "needs a group 'itm'", "asset, item"),
        (
            "properties:\n          a:\n            from: item\n            lookup:\n              x: '{itm}'",
            10,
            "needs a group 'itm'",
            "asset, item",
        ),
        (
            "assets:\n          b:\n            title: '{x}'",
            8,
            "The title of the asset 'b' needs",
            "asset, item",
        ),
        (
            "links:\n          - {rel: via, href: 'https://a/{x}'}",
            7,
            "The link 'via' needs a group 'x'",
            "item",
        ),
        ("links:\n          - {rel: via, href: 'https://a/{item'}", 7, "part of no group", "{{"),
        ("links:\n          - {rel: via, href: scenes/x}", 7, "is no absolute URL: 'scenes/x'", "https://"),
        ("links:\n          - {rel: via, href: '{{x}}'}", 7, "is no absolute URL", "https://"),
        ("links:\n          - {rel: via, href: 'https://a/?f[id]={item}'}", 7, "is no URL", "%5B for ["),
        ("links:\n          - {rel: via, href: 'https://a/100%/{item}'}", 7, "is no URL", "%25 for a %"),
        ("links:\n          - {rel: via, href: 'https://a/%zz'}", 7, "is no URL", "%25 for a %"),
        ("links:\n          - {rel: via, href: 'https://a:{item}/'}", 7, "is no URL", "a number as the port"),
        ("links:\n          - {rel: via, href: '{item}#x#y'}", 7, "is no URL", "one # at most"),
        ("links:\n          - {rel: via, href: 'https://a/(1996)<0437>'}", 7, "is no URL", "%3C for <"),
        (
            "links:\n          - {rel: self, href: 'https://a/{item}'}",
            7,
            "The link 'self' is one that the API writes itself",
            "Leave it out",
        ),
        ("links:\n          - {rel: item, href: 'https://a/b'}", 7, "'item' is one that the API", "Leave it"),
        ("links:\n          - {rel: next, href: 'https://a/b'}", 7, "'next' is one that the API", "Leave it"),
        ("links:\n          - {rel: prev, href: 'https://a/b'}", 7, "'prev' is one that the API", "Leave it"),
        ("links:\n          - {rel: via}", 7, "`links[1]` has no `href`", "Add `href:`"),
        ("assets:\n          b:\n            description: 'a { b'", 8, "part of no group", "{{"),
        ("assets:\n          b:\n            bands:\n              - '{x}'", 9, "a group 'x'", "asset, item"),
        ("assets:\n          b:\n            media_type: 'image/{x}'", 8, "The media_type of", "asset, item"),
        ("assets:\n          b:\n            roles: [data, '{item}']", 8, "roles take no groups", "a word"),
        (
            "assets:\n          b:\n            extra:\n              c: [[d, '{x}']]",
            9,
            "The extra of the asset 'b' needs a group 'x'",
            "asset, item",
        ),
    ],
)
def test_a_group_without_a_source_is_found_in_every_text(
    text: str, line: int, what: str, instead: str
) -> None:
    told(text, line, what, instead)


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        (
            "groups:\n          x: {from: item, template: '{item}'}",
            7,
            "'x' has both `from` and `template`",
            "Keep one",
        ),
        (
            "properties:\n          a: {from: item, type: integer, lookup: {b: 1}}",
            7,
            "The `type` of 'a' says nothing",
            "Leave `type:` out",
        ),
        ("properties:\n          a: {from: item, default: b}", 7, "The `default` of 'a'", "Add `lookup:`"),
        (
            "footprint_asset: b\n        geometry: {type: Polygon, coordinates: [[[0,0],[1,0],[1,1],[0,0]]]}"
            "\n        assets: {b: }",
            6,
            "`footprint_asset` is not asked",
            "Keep one",
        ),
        ("assets:\n          b: {gsd: 1, extra: {gsd: 2}}", 7, "has its `gsd` twice", "beside `extra:`"),
        (
            "assets:\n          b: {match: '*'}\n          c: {match: 'c*'}",
            8,
            "The asset 'c' is never there",
            "Move 'c' above",
        ),
        (
            "assets:\n          b: {match: ['b?', 'bb*']}\n          c: {match: [b1, bbb]}",
            8,
            "'b1' or 'bbb'",
            "narrow",
        ),
        (
            "footprint_asset: c\n        assets:\n          b: \n          c: {read: file}",
            6,
            "'c' is to give the footprint but is read as 'file'",
            "one of: b",
        ),
        (
            "footprint_asset: c\n        assets:\n          b: \n          c: {sidecar: {format: json}}",
            6,
            "read as 'sidecar'",
            "one of: b",
        ),
    ],
)
def test_a_setting_that_another_one_takes_the_place_of_is_a_mistake(
    text: str, line: int, what: str, instead: str
) -> None:
    told(text, line, what, instead)


def told(text: str, line: int, what: str, instead: str) -> None:
    found = mistakes(RULE + text)
    assert any(
        each.startswith(f"c.yaml:{line}: ") and what in each and instead in each.split(". ", 1)[-1]
        for each in found
    ), found


def test_an_asset_that_is_hidden_in_part_is_none_that_is_never_there() -> None:
    load_rules(
        RULE + "assets: {b: {match: 'b?'}, c: {match: 'b*'}, d: {match: [b1, d]}, '*': {}}", file="c.yaml"
    )


@pytest.mark.parametrize(
    ("one", "other", "covered"),
    [
        ("b[^/]*", "[^/]*", True),
        ("[^/]*", "b[^/]*", False),
        ("[^/][^/]*", "[^a][^/]*", False),
        ("b[^/]*", "[^a][^/]*", True),
        ("a|b", "[a-c]", True),
        ("[a-c]", "a|b", False),
        ("[a-c]", "a|b|c", True),
        ("(?i:ab)", "ab|aB|Ab|AB", True),
        ("(?i:ab)", "ab|AB", False),
        ("a*", "(?:aa)*|a(?:aa)*", True),
        ("a*", "(?:aa)*", False),
    ],
)
def test_whether_all_texts_of_one_expression_are_of_another(one: str, other: str, covered: bool) -> None:
    assert is_covered(Automaton.of(one), Automaton.of(other)) is covered


@pytest.mark.parametrize(
    ("properties", "what"),
    [
        ('"eo:cloud_cover": many', '`eo:cloud_cover` cannot be `"many"`'),
        ("platform: 3", "`platform` cannot be `3`"),
        ("instruments: oli", "`instruments` cannot be"),
        ("gsd: -3", "`gsd` cannot be `-3`"),
        ("gsd: null", "`gsd` cannot be `null`"),
        ('"proj:code": 32613', "`proj:code` cannot be `32613`"),
        ('"eo:cloud_cover": "{item}"', "`eo:cloud_cover` cannot be text"),
        ('"eo:cloud_cover": {from: item}', "`eo:cloud_cover` cannot be text"),
        ("platform: {from: item, type: integer}", "`platform` cannot be a whole number"),
        ("gsd: {from: item, lookup: {a: 1, b: x}}", '`gsd` cannot be `"x"`'),
        ("gsd: {from: item, lookup: {a: 1}, default: x}", '`gsd` cannot be `"x"`'),
        ('"x:n": many', "queryable 'x:n'"),
    ],
)
def test_a_value_with_which_no_item_is_valid_is_a_mistake(properties: str, what: str) -> None:
    text = RULE.replace("    rules:", '    queryables: {"x:n": {type: number}}\n    rules:')
    found = mistakes(f"{text}properties:\n          {properties}\n")
    assert len(found) == 1
    assert found[0].startswith("c.yaml:8: ")
    assert what in found[0]


@pytest.mark.parametrize(
    ("asset", "line", "what"),
    [
        ('extra:\n              "eo:cloud_cover": lots', 9, "`eo:cloud_cover` of the asset `b` cannot be"),
        ("bands: [{name: r}, {name: r}]", 8, "band names must differ"),
        *(
            (
                f"bands: [{{nodata: {each}}}]",
                8,
                f': bands[1].nodata: {each} is none of: a number, "nan", "inf", "-inf". ',
            )
            for each in ("true", "null", "[]", "{}")
        ),
        ("bands: [{name: r}, {nodata: none}]", 8, '`: bands[2].nodata: "none" is none of: a number, "'),
        (
            "bands: [{data_type: Int16}]",
            8,
            '`: bands[1].data_type: "Int16" is not one of "int8", "int16", "int32", ',
        ),
        ("bands: [{name: r, 'eo:center_wavelength': x}]", 8, "`bands` of the asset `b` cannot be"),
    ],
)
def test_a_field_of_an_asset_with_which_no_item_is_valid_is_a_mistake(
    asset: str, line: int, what: str
) -> None:
    [found] = mistakes(f"{RULE}assets:\n          b:\n            {asset}\n")
    assert found.startswith(f"c.yaml:{line}: ")
    assert what in found


def test_of_several_values_only_the_wrong_ones_are_told() -> None:
    found = mistakes(RULE + 'properties: {gsd: 3, platform: 4, constellation: 5, "eo:cloud_cover": 6}')
    assert sorted(each.split("`")[1] for each in found) == ["constellation", "platform"]


@pytest.mark.parametrize(
    "properties",
    [
        'gsd: 3, instruments: [oli], "sat:orbit_state": whatever, "x:n": {a: [1]}, "a/b": c',
        'gsd: {from: item, type: number}, platform: "{item}", "proj:code": "{item}"',
        'note: "{{x}}", gsd: {from: item, lookup: {a: 1}, default: 2}',
    ],
)
def test_values_that_an_item_can_have_are_no_mistake(properties: str) -> None:
    load_rules(f"{RULE}properties: {{{properties}}}", file="c.yaml")


def with_sidecar(kind: str, properties: str, more: str = "") -> str:
    sidecar = f"sidecar: {{format: {kind}, properties: {{{properties}}}}}"
    data, meta = "data: {match: '*.tif'}", f"meta:\n            match: m\n            {sidecar}"
    return f"{RULE}assets:\n          {data}\n          {meta}\n{more}"


@pytest.mark.parametrize(
    ("kind", "properties", "what"),
    [
        ("xml", '"eo:cloud_cover": //CLOUD', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//A/CLOUD[1]/@percent"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "fn:string(//C)"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "xs:string(//C)"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//xml:C"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//xml:*"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//*:C"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//@xml:v"', "`eo:cloud_cover` cannot be text"),
        ("xml", '"eo:cloud_cover": "//child::xml:C"', "`eo:cloud_cover` cannot be text"),
        ("json", '"eo:cloud_cover": {path: $.c, type: string}', "Write {path: …, type: …}"),
        ("json", '"proj:epsg": $.epsg_code', "`proj:epsg` is no field that its extension has"),
        ("json", '"proj:epsg": {path: $.epsg_code, type: integer}', "('proj:epsg' was unexpected)"),
        ("json", "platform: {path: $.p, lookup: {A: 5}}", "`platform` cannot be `5`"),
        ("json", "gsd: {path: $.p, lookup: {A: high}, scale: 2}", "is rejected: 'high' is no number. Write"),
        ("json", "gsd: {path: $.g, lookup: {A: high}, modulo: 2}", "Write a value that goes with `modulo:`"),
        ("json", '"proj:code": {path: $.c, type: integer}', "`proj:code` cannot be a whole number"),
        ("json", "platform: {path: $.c, type: boolean}", "`platform` cannot be true or false"),
        ("json", "platform: {path: $.c, scale: 2}", "`platform` cannot be a number"),
        ("json", '"view:sun_azimuth": {path: $.c, lookup: {W: -90}}', "-90 is less than the minimum of 0"),
    ],
)
def test_a_value_of_a_sidecar_with_which_no_item_is_valid_is_a_mistake(
    kind: str, properties: str, what: str
) -> None:
    [found] = mistakes(with_sidecar(kind, properties))
    assert found.startswith("c.yaml:10: ")
    assert what in found


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("xml", '"eo:cloud_cover": "number(//CLOUD)", gsd: "//A * 2", "eo:snow_cover": "//A/number(.)"'),
        (
            "xml",
            'gsd: "xs:double(//C)", "eo:cloud_cover": "fn:number(//C)", "view:azimuth": "//C/xs:double(.)"',
        ),
        (
            "xml",
            'gsd: "fn:count(//C)", "eo:cloud_cover": "fn:sum(//C)", "eo:snow_cover": "(//C/fn:number(.))[1]"',
        ),
        ("xml", 'platform: //P, "proj:code": "concat(\'EPSG:\', //C)", "x:n": //N'),
        ("json", '"eo:cloud_cover": $.c, "proj:shape": $.s, gsd: {path: $.g, type: integer}'),
        (
            "json",
            '"view:sun_azimuth": {path: $.a, modulo: 360}, gsd: {path: $.g, lookup: {H: "2"}, type: number}',
        ),
        (
            "json",
            '"x:n": {path: $.n, type: number}, "eo:snow_cover": {path: $.s, lookup: {none: null, all: 100}}',
        ),
    ],
)
def test_values_of_a_sidecar_that_an_item_can_have_are_no_mistake(kind: str, properties: str) -> None:
    load_rules(with_sidecar(kind, properties), file="c.yaml")


def test_what_the_rule_states_over_its_sidecar_is_not_asked_of_it() -> None:
    load_rules(
        with_sidecar("json", "gsd: {path: $.g, type: string}", "        properties: {gsd: 3}"), file="c.yaml"
    )


def test_an_unknown_field_of_a_group_is_a_mistake() -> None:
    [found] = mistakes(RULE + 'properties: {"proj:epsg": {from: item, type: integer}}')
    assert "('proj:epsg' was unexpected)" in found


def test_rules_in_force_are_read_though_an_older_version_let_them_pass() -> None:
    text = RULE + "properties: {platform: 3}\n        assets: {b: {title: '{x}', options: {timeout_s: 600}}}"
    text += "\n        read: {timeout_s: 3600000}"
    rules = load_rules(text, file="c.yaml", checked=True)
    assert [collection.id for collection in rules.collections] == ["a", "bronze-tier"]


def test_a_wrong_value_that_stands_twice_is_found_twice() -> None:
    text = "assets:" + "".join(
        f"\n          {key}: {{extra: {{'eo:cloud_cover': much}}}}" for key in ("red", "blue")
    )
    found = mistakes(RULE + text)
    assert [int(mistake.split(":")[1]) for mistake in found] == [7, 8]


def test_a_builder_may_mend_what_the_rule_says() -> None:
    assert load_rules(
        RULE + "builder: 'tests.builders:any'\n        properties: {'eo:cloud_cover': much}", file="c.yaml"
    )


def test_many_open_names_are_compared_one_by_one() -> None:
    """Together they would take twice as long for each name more."""
    assets = "".join(f"\n          a{n}: {{match: ['*_B{n:02}_*', '*_C{n:02}_*']}}" for n in range(60))
    hidden = "\n          late: {match: ['x_B07_y', '*_C08_*']}"
    [mistake] = mistakes(RULE + "assets:" + assets + hidden)
    assert "'late' is never there" in mistake


@pytest.mark.parametrize(
    ("where", "line"), [("lookup: {Y: 'x{item}'}", 8), ("lookup: {Y: a}, default: '{item}'", 8)]
)
def test_a_group_that_a_table_of_groups_cannot_take_is_warned_of(where: str, line: int) -> None:
    rules = load_rules(f"{RULE}groups:\n          b:\n            {{{where}, from: item}}", file="c.yaml")
    [found] = map(str, rules.warnings)
    assert found.startswith(f"c.yaml:{line}: ")
    assert "no group is put into it" in found


@pytest.mark.parametrize(
    ("end", "then"),
    [(", end: $.e", "the Item has a start and an end then"), ("", "that is the Item's datetime then")],
)
def test_a_sidecar_that_gives_a_datetime_and_a_start_is_warned_of(end: str, then: str) -> None:
    sidecar = f"{{format: json, datetime: $.d, start: $.s{end}}}"
    assets = "assets:\n          data: {match: '*.tif'}\n          m:\n            read: sidecar\n            sidecar: "
    [found] = map(str, load_rules(RULE + assets + sidecar, file="c.yaml").warnings)
    assert found.startswith("c.yaml:10: ")
    assert "`datetime` of a sidecar is not taken" in found
    assert then in found


def test_an_optional_group_in_a_text_is_warned_of() -> None:
    text = HEAD + "'regex:(?P<item>[a-z]+)(?:_(?P<v>v[0-9]))?/(?P<asset>[a-z]+)'\n        "
    rules = load_rules(
        text + "properties: {'x:y': [a, '{v}']}\n        assets: {red: {title: 'Red {v}'}}", file="c.yaml"
    )
    assert [each.line for each in rules.warnings if "'v', which is optional" in str(each)] == [6, 7]


@pytest.mark.parametrize(
    ("text", "line", "what", "instead"),
    [
        (
            "read:\n          thumbnail:\n            stretch: [98, 2]",
            8,
            "The option `thumbnail.stretch` is [98, 2], so every file is rejected (`bad-options`)",
            "Write two percentiles, the smaller first",
        ),
        (
            "read:\n          thumbnail: {bands: [1, 2]}",
            7,
            "`thumbnail.bands` is [1, 2]",
            "one or three band",
        ),
        (
            "assets:\n          b:\n            options: {thumbnail: {bands: [1, 2]}}",
            8,
            "`thumbnail.bands` is [1, 2]",
            "one or three band",
        ),
        (
            "read:\n          timeout_s: 600",
            7,
            "The option `timeout_s` is 600, but no file may take longer than 300 s",
            "Write 300, or less",
        ),
        (
            "stac_extensions:\n          - https://stac-extensions.github.io/projection/v1.0.0/schema.json",
            7,
            "'https://stac-extensions.github.io/projection/v1.0.0/schema.json' is not the version that Items are",
            "Leave it out: https://stac-extensions.github.io/projection/v2.0.0/schema.json is listed by itself",
        ),
    ],
)
def test_what_no_file_can_become_an_item_with_is_found(text: str, line: int, what: str, instead: str) -> None:
    told(text, line, what, instead)


def extension(version: str) -> str:
    return f"https://stac-extensions.github.io/{version}/schema.json"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (
            "read:\n          crs: 'EPSG:99999'",
            7,
            "`crs` is 'EPSG:99999', which PROJ does not know: files that state none are rejected",
        ),
        (
            "assets:\n          b:\n            options: {crs: foo}",
            8,
            "`crs` is 'foo', which PROJ does not know: files that state none",
        ),
        (
            "read:\n          crs: 'EPSG:4978'",
            7,
            "`crs` is 'EPSG:4978', but the CRS 'WGS 84' is a Geocentric CRS, whose x and y are no place on a map",
        ),
        (
            "read:\n          crs: 'EPSG:5773'",
            7,
            "'EGM96 height' is a Vertical CRS, whose x and y are no place on a map",
        ),
        (
            "read:\n          crs: 'IAU_2015:30100'",
            7,
            "is on a body of radius 1737 km, not on the Earth",
        ),
        (
            "assets:\n          b:\n            bands:\n              - {common_name: red}",
            9,
            "`common_name` of a band is a name of STAC 1.0: readers of STAC 1.1 do not look for it. "
            "Write `eo:common_name`",
        ),
        (
            "assets:\n          b:\n            bands:\n              - {scale: 0.1}",
            9,
            "Write `raster:scale`",
        ),
        (
            "assets:\n          b:\n            bands:\n              - {name: r, nodata: 0}\n              - g",
            9,
            "The nodata of a band of 'b' is 0, but files that state none are read by no nodata",
        ),
        (
            "read: {nodata: 1}\n        assets:\n          b:\n            bands:\n              - {nodata: 0}",
            10,
            "files that state none are read by 1, that of `read:` or `options:`",
        ),
        (
            f"stac_extensions:\n          - {extension('eo/v1.1.0')}",
            7,
            "those with a field of it are rejected",
        ),
    ],
)
def test_what_only_some_files_are_rejected_for_is_warned_of(text: str, line: int, what: str) -> None:
    warned = [str(each) for each in load_rules(RULE + text, file="c.yaml").warnings]
    assert [each for each in warned if each.startswith(f"c.yaml:{line}: ") and what in each], warned


@pytest.mark.parametrize(
    "bands", ["[{name: r, nodata: 0}, {name: g, nodata: 0.0}]", "[{data_type: int8, gsd: 3, unit: m}]"]
)
def test_bands_of_one_nodata_and_of_stac_1_1_are_not_warned_of(bands: str) -> None:
    assert not load_rules(f"{RULE}assets: {{b: {{bands: {bands}}}}}", file="c.yaml").warnings


@pytest.mark.parametrize(
    "fields",
    [
        "properties: {'eo:cloud_cover': 3}",
        "assets: {b: {extra: {'eo:cloud_cover': 3}}}\n        require: [b]",
        "assets: {b: {bands: [{name: c, 'eo:common_name': red}]}}\n        require: [b]",
    ],
)
def test_another_version_of_an_extension_of_which_each_item_has_fields_is_a_mistake(fields: str) -> None:
    text = f"stac_extensions: ['{extension('eo/v1.1.0')}']\n        {fields}"
    assert "they are rejected" in mistakes(RULE + text)[0]


AREA = "{type: Polygon, coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]]}"


@pytest.mark.parametrize(
    "text",
    [
        f"read: {{crs: 'EPSG:4978', footprint: {{geometry: {AREA}}}}}",
        "read: {crs: 'IAU_2015:30100', allow_no_footprint: true}",
        f"read: {{crs: 'EPSG:4978'}}\n        geometry: {AREA}",
        "read: {allow_no_footprint: true}\n        assets: {b: {options: {crs: 'EPSG:4978'}}}",
        "footprint_asset: b\n        assets: {b: {}, c: {options: {crs: 'EPSG:4978'}}}",
    ],
)
def test_a_crs_beside_which_the_place_is_another_is_not_warned_of(text: str) -> None:
    assert not load_rules(RULE + text, file="c.yaml").warnings


def test_a_crs_that_proj_knows_is_not_advised_to_be_one() -> None:
    [warned] = load_rules(RULE + "read: {crs: 'EPSG:4978'}", file="c.yaml").warnings
    assert "files that state none are rejected (`local-crs`)" in warned.what
    assert "footprint.geometry" in warned.instead
    assert "PROJ knows" not in warned.instead


def test_options_that_files_can_be_read_with_and_other_extensions_are_no_mistakes() -> None:
    text = (
        "read: {crs: 'EPSG:4326', nodata: nan, thumbnail: {stretch: null}, footprint: {mode: valid-data}}\n"
        "        stac_extensions: ['https://stac-extensions.github.io/view/v1.0.0/schema.json']"
    )
    assert load_rules(RULE + text, file="c.yaml")


ONE_ASSET = "collections:\n  a:\n    rules:\n      - name: r\n        pattern: 'd/{item}.tif'\n        "
ANOTHER = "\n      - {name: s, pattern: 'm/{item}.tif', asset: zz}"


@pytest.mark.parametrize("required", ["my-image", "my image"])
def test_an_asset_key_that_is_made_safe_is_told_as_it_becomes(required: str) -> None:
    rule = ONE_ASSET + f"asset: my image\n        require: ['{required}']"
    [found] = mistakes(rule)
    key = found.partition("Write ")[2].partition(",")[0]
    assert key.startswith("my-image-")
    taken = load_rules(rule.replace(f"['{required}']", f"[{key}]"), file="c.yaml")
    assert matched(taken, url_of("d/x.tif")).asset == key


def test_a_footprint_asset_that_no_rule_gives_is_warned_of_as_the_others_footprints_are_taken() -> None:
    [warned] = load_rules(ONE_ASSET + "footprint_asset: zz", file="c.yaml").warnings
    assert "'zz' is to give the footprint, but the asset key of this rule's files is 'data'" in str(warned)
    assert not load_rules(ONE_ASSET + "footprint_asset: zz" + ANOTHER, file="c.yaml").warnings


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("require:\n          - zz", 7, "'zz' is required, but the asset key of this rule's files is 'data'"),
        ("asset: a\n        require: [data]", 7, "the asset key of this rule's files is 'a'"),
    ],
)
def test_an_asset_that_no_rule_gives_is_found_where_the_key_is_implied(
    text: str, line: int, what: str
) -> None:
    found = mistakes(ONE_ASSET + text)
    assert [each for each in found if each.startswith(f"c.yaml:{line}: ") and what in each], found
    wanted = text.replace("zz", "data").replace("[data]", "[a]")
    assert load_rules(ONE_ASSET + wanted, file="c.yaml")
    if "zz" in text:
        assert load_rules(ONE_ASSET + text + ANOTHER, file="c.yaml")


@pytest.mark.parametrize(
    "pattern", ["s/{item:a$}.tif", "s/{item:^a}", "s/{item:a(?:$|^)}/x", r"s/{item:\Aa}"]
)
def test_an_anchor_with_which_no_path_fits_is_found(pattern: str) -> None:
    found = mistakes(HEAD + f"'{pattern}'")
    assert "No path fits" in found[0]
    assert "Leave `^` and `$` out" in found[0]


@pytest.mark.parametrize(
    "pattern", ["s/{item:a$}", "{item:^a}.tif", "s/{item:a(?:$|b)}/x", "regex:^(?P<item>a+)$"]
)
def test_an_anchor_with_which_paths_fit_is_none(pattern: str) -> None:
    assert load_rules(HEAD + f"'{pattern}'", file="c.yaml")


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("z/%Y/%m/%d/{item}.tif", "has the text %Y, which stands for no part of a date there"),
        ("z/x_%j_{item}.tif", "has the text %j, which"),
        ("source/z/{item}.tif", "begins with 'source', which looks like the name of a container"),
        ("raw/z/{item}.tif", "begins with 'raw', which looks like the name of a container"),
    ],
)
def test_what_a_pattern_takes_for_a_text_but_looks_like_something_else_is_warned_of(
    pattern: str, what: str
) -> None:
    other = "      - {name: s, pattern: 'y/{item}', container: raw}\n"
    text = f"collections:\n  c:\n    rules:\n      - {{name: r, pattern: '{pattern}'}}\n{other}"
    warned = [str(each) for each in load_rules(text, file="c.yaml").warnings]
    assert any(what in each for each in warned), warned


def test_a_folder_that_is_called_as_the_rules_container_is_not_warned_of() -> None:
    text = "collections:\n  c:\n    rules:\n      - {name: r, pattern: 'source/{item}.tif', container: [raw, source]}\n"
    assert not load_rules(text, file="c.yaml").warnings


@pytest.mark.parametrize(
    "pattern", ["z/a%20b/{item}.tif", "z/%de/{item}.tif", "sources/{item}.tif", "source"]
)
def test_other_texts_of_a_pattern_are_not_warned_of(pattern: str) -> None:
    text = f"collections:\n  c:\n    rules:\n      - {{name: r, pattern: '{pattern}', item: a}}\n"
    assert not load_rules(text, file="c.yaml").warnings


SLASHED = "{top}collections:\n  c:\n    {own}rules:\n      - {{name: r, item: a, pattern: '{pattern}'}}\n"


@pytest.mark.parametrize(
    "pattern", [r"win\{item}.tif", r"a/[\]/*.tif", r"regex:a\\b(?P<item>\d+)", r"x\*.tif"]
)
@pytest.mark.parametrize("place", ["top", "own", "pattern"])
def test_a_pattern_that_asks_for_a_backslash_is_warned_of(pattern: str, place: str) -> None:
    ignoring = f"ignore: ['{pattern}']\n"
    parts = {"top": "", "own": "", "pattern": "a/{item}.tif"}
    parts[place] = pattern if place == "pattern" else ignoring + ("    " if place == "own" else "")
    [warned] = load_rules(SLASHED.format(**parts), file="c.yaml").warnings
    assert "which no name of a blob has" in warned.what
    assert "Write / " in warned.instead
    assert warned.line == {"top": 1, "own": 3, "pattern": 4}[place]


@pytest.mark.parametrize(
    "pattern", [r"a/{item:\d+}.tif", r"a/{item}[\/]b.tif", r"regex:(?P<item>a\.b)(?:\\x)?", "{item:**}.tif"]
)
def test_a_pattern_that_fits_without_a_backslash_is_not_warned_of(pattern: str) -> None:
    assert not load_rules(SLASHED.format(top="", own="", pattern=pattern), file="c.yaml").warnings


@pytest.mark.parametrize(
    ("groups", "href"),
    [
        ("", "{item}/{asset}"),
        ("", "{item}://a.org/"),
        ("base: {from: item}", "{base}/x"),
        ("base: {template: '{item}.org'}", "{base}/x"),
        ("base: {from: item, lookup: {a: 'https://a.org', b: 'javascript:b'}}", "{base}/x"),
        ("base: {from: item, lookup: {a: 'https://a.org'}, default: b}", "{base}/x"),
        ("base: {from: item, lookup: {a: https}, default: ''}", "{base}://a.org"),
        ("item: {template: 'x{item}'}", "{item}/x"),
        ("item: {template: '{item}'}", "{item}/x"),
    ],
)
def test_an_address_whose_first_group_need_not_be_the_beginning_of_one_is_warned_of(
    groups: str, href: str
) -> None:
    assert "begins with a group that need not be" in warnings_of_link(groups, href)


@pytest.mark.parametrize(
    ("groups", "href"),
    [
        ("", "https://a.org/{item}"),
        ("base: {template: 'https://{item}.org'}", "{base}/x"),
        ("base: {from: item, lookup: {a: 'https://a.org', b: 's3://b'}, default: 'ftp://c'}", "{base}/x"),
        ("base: {from: item, lookup: {a: https, b: http}}", "{base}://a.org"),
        ("item: {from: item, lookup: {a: 'https://a.org'}}", "{item}/x"),
        ("base: {template: 'https://{item}'}\n          upper: {from: base, transform: upper}", "{upper}/x"),
    ],
)
def test_an_address_that_is_whole_by_its_first_group_is_not_warned_of(groups: str, href: str) -> None:
    assert not warnings_of_link(groups, href)


@pytest.mark.parametrize(
    ("groups", "address"),
    [
        ("base: {from: item, lookup: {a: 'https://a.org', b: 'https://b.org/x y'}}", "https://b.org/x y/x"),
        ("base: {from: item, lookup: {a: 'https://a.org'}, default: 'https://[b'}", "https://[b/x"),
        ("base: {template: 'https://{item}.org:port'}", "https://x.org:port/x"),
    ],
)
def test_an_address_that_is_none_by_what_its_first_group_may_be_is_a_mistake(
    groups: str, address: str
) -> None:
    with pytest.raises(RulesInvalid) as caught:
        warnings_of_link(groups, "{base}/x")
    [told] = caught.value.mistakes
    assert told.what == f"The address of the link 'via' is no URL, Items with it are rejected: {address!r}"


@pytest.mark.parametrize(
    ("groups", "href"),
    [
        ("{}", "https://a.org:{port}/{item}"),
        ("{base: {template: 'https://a.org:{port}'}}", "{base}/{item}"),
        ("{to: {from: item, lookup: {a: '8080'}}}", "https://a.org:{to}/{item}"),
        ("{to: {from: item, lookup: {a: '8080', b: ''}, default: '443'}}", "https://a.org:{to}/{item}"),
        ("{to: {template: '80{port}'}}", "https://a.org:{to}/{item}"),
        ("{to: {template: '{port}'}, to2: {from: to, transform: lower}}", "https://a.org:{to2}/{item}"),
    ],
)
def test_a_group_that_is_a_number_may_be_the_port_of_an_address(groups: str, href: str) -> None:
    assert not load_rules(_with_port(groups, href), file="c.yaml").warnings


@pytest.mark.parametrize(
    "groups",
    [
        "{to: {from: item, lookup: {a: http}}}",
        "{to: {from: item, lookup: {a: '8080', b: http}}}",
        "{to: {from: item, lookup: {a: '8080'}, default: http}}",
        "{to: {template: '{item}'}}",
        "{to: {template: 'p{port}'}}",
        "{port: {from: item, transform: upper}, to: {from: port}}",
    ],
)
def test_a_group_that_may_be_a_word_is_no_port_of_an_address(groups: str) -> None:
    found = mistakes(_with_port(groups, "https://a.org:{to}/{item}"))
    assert "The address of the link 'via' is no URL, Items with it are rejected" in str(found)


def _with_port(groups: str, href: str) -> str:
    rule = r"'{port:\d+}/{item}_{asset}'" + f"\n        groups: {groups}\n        "
    return f"{HEAD}{rule}links: [{{rel: via, href: '{href}'}}]\n"


def warnings_of_link(groups: str, href: str) -> str:
    written = f"groups:\n          {groups}\n        " if groups else ""
    rules = load_rules(f"{RULE}{written}links: [{{rel: via, href: '{href}'}}]\n", file="c.yaml")
    return "".join(map(str, rules.warnings))
