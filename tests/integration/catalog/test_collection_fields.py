"""What the rules say of a Collection comes and leaves with them; what a user wrote stays."""

from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from eventstac.catalog import applying
from eventstac.catalog.database import Connection
from eventstac.rules import load_rules

pytestmark = pytest.mark.usefixtures("empty")


def apply(connection: Connection, fields: str) -> dict[str, Any]:
    """Put rules in force that say these fields of the Collection `c`; returns the Collection."""
    text = f"collections:\n  c: {fields}\n"
    rules = load_rules(text, file="collections.yaml")
    applying.prepare(connection, rules)
    applying.apply(connection, text, rules, "a test")
    return content(connection)


def content(connection: Connection, collection: str = "c") -> dict[str, Any]:
    row = connection.execute("SELECT content FROM pgstac.collections WHERE id = %s", [collection]).fetchone()
    assert row
    found: dict[str, Any] = row[0]
    return found


def write(connection: Connection, collection: str = "c", **fields: Any) -> None:
    """What a user does by hand."""
    connection.execute(
        "UPDATE pgstac.collections SET content = content || %s WHERE id = %s", [Jsonb(fields), collection]
    )


def test_the_built_in_text_of_the_default_collection_is_for_a_new_one_only(connection: Connection) -> None:
    apply(connection, "{}")
    assert content(connection, "bronze-tier")["title"] == "bronze-tier"
    write(connection, "bronze-tier", title="Ours", description="What we have")
    apply(connection, "{title: T}")
    kept = content(connection, "bronze-tier")
    assert (kept["title"], kept["description"]) == ("Ours", "What we have")


EVERYTHING = """
    title: T
    description: D
    license: MIT
    keywords: [k]
    providers: [{name: P}]
    extent: {spatial: {bbox: [[1, 2, 3, 4]]}, temporal: {interval: [['2024-01-01T00:00:00Z', null]]}}
    extra:
      'sci:doi': 10.1/2
      summaries: {platform: [p]}
      links: [{rel: license, href: 'https://example.com'}]
      stac_extensions: ['https://example.com/x']
"""


def test_fields_that_left_the_rules_leave_the_collection(connection: Connection) -> None:
    before = apply(connection, "{}")
    full = apply(connection, EVERYTHING)
    assert (full["title"], full["license"], full["sci:doi"]) == ("T", "MIT", "10.1/2")
    assert full["links"] == [{"rel": "license", "href": "https://example.com"}]
    assert len(full["stac_extensions"]) == 2
    after = apply(connection, "{}")
    assert after.pop("links", []) == before.pop("links")
    assert after == before


@pytest.mark.parametrize("number", ["-3.4028234663852886e+38", "1.0e+20"])
def test_large_floats_of_the_rules_are_kept_as_floats_though_integers_were_stored(
    connection: Connection, number: str
) -> None:
    fields = f"{{item_assets: {{dem: {{bands: [{{nodata: {number}}}]}}}}, extra: {{'x:far': {number}}}}}"
    stored = "SELECT content->>'x:far', private #>> '{item_assets,dem,bands,0,nodata}', xmin::text " \
        "FROM pgstac.collections WHERE id = 'c'"  # fmt: skip
    apply(connection, fields)
    connection.execute(
        "UPDATE pgstac.collections SET content = replace(content::text, '.0', '')::jsonb, "
        "private = replace(private::text, '.0', '')::jsonb WHERE id = 'c'"
    )
    versions = set()
    for _ in range(2):
        assert repr(apply(connection, fields)["x:far"]) == repr(float(number))
        row = connection.execute(stored).fetchone()
        assert row
        assert row[0] == row[1] == f"{Decimal(number):.1f}"
        versions.add(row[2])
    assert len(versions) == 1


def test_extensions_that_the_rules_name_are_listed_as_long_as_they_name_them(connection: Connection) -> None:
    before = apply(connection, "{}")
    one, other = "https://example.org/one/v1.json", "https://example.org/other/v1.json"
    assert apply(connection, f"{{stac_extensions: ['{one}', '{other}']}}")["stac_extensions"] == [one, other]
    assert apply(connection, f"{{stac_extensions: ['{other}']}}")["stac_extensions"] == [other]
    assert apply(connection, "{}") == before


def test_fields_that_a_user_wrote_stay_when_the_rules_change(connection: Connection) -> None:
    apply(connection, EVERYTHING)
    own: dict[str, Any] = {
        "title": "Mine",
        "keywords": ["k", "mine"],
        "sci:citation": "Me",
        "summaries": {"platform": ["q"], "x": [1]},
    }
    write(connection, **own)
    after = apply(connection, "{}")
    assert {name: after.get(name) for name in own} == own
    assert "https://stac-extensions.github.io/scientific/v1.0.0/schema.json" in after["stac_extensions"]
    assert "providers" not in after
    again = apply(connection, "{title: T}")
    assert again["title"] == "T"  # the rules say it again


def test_what_a_user_wrote_into_the_extent_stays_when_the_rules_change(connection: Connection) -> None:
    extent = apply(connection, "{}")["extent"]
    write(connection, extent={**extent, "vertical": [0, 9], "spatial": {**extent["spatial"], "note": "mine"}})
    for fields in ("{extent: {spatial: {bbox: [[1, 2, 3, 4]]}}}", "{}"):
        found = apply(connection, fields)["extent"]
        assert (found["vertical"], found["spatial"]["note"]) == ([0, 9], "mine")
    assert found["spatial"]["bbox"] == extent["spatial"]["bbox"]


def test_what_the_rules_never_said_stays(connection: Connection) -> None:
    apply(connection, "{title: T}")
    write(connection, description="Mine", license="CC0-1.0", note="a note")
    for fields in ("{}", "{title: U}", "{title: U, keywords: [k]}", "{}"):
        after = apply(connection, fields)
        assert (after["description"], after["license"], after["note"]) == ("Mine", "CC0-1.0", "a note")
    assert "title" not in after


def one_rule(title: str) -> str:
    asset = f"{{title: {title}, roles: [data]}}"
    return f"{{rules: [{{name: r, pattern: 'c/{{item}}.tif', item: '{{item}}', assets: {{red: {asset}}}}}]}}"


def item_assets(connection: Connection) -> Any:
    """As readers of the API get them."""
    row = connection.execute(
        "SELECT (private || content)->'item_assets' FROM pgstac.collections WHERE id = 'c'"
    )
    return (row.fetchone() or [None])[0]


def test_item_assets_are_those_of_the_rules_though_somebody_stored_them(connection: Connection) -> None:
    apply(connection, one_rule("Red"))
    write(connection, item_assets=item_assets(connection))
    content = apply(connection, one_rule("Rouge"))
    assert "item_assets" not in content
    assert item_assets(connection) == {"red": {"title": "Rouge", "roles": ["data"]}}
    apply(connection, "{}")
    assert item_assets(connection) == {}


def test_a_collection_without_rules_keeps_what_its_writer_says_of_its_items(connection: Connection) -> None:
    apply(connection, "{title: T}")
    assets = {"red": {"title": "Mine", "roles": ["data"]}}
    write(connection, item_assets=assets, stac_version="1.0.0")
    for fields in ("{title: T}", "{title: U}"):
        found = apply(connection, fields)
        assert (found["item_assets"], found["stac_version"]) == (assets, "1.0.0")
