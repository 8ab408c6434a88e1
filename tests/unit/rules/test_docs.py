"""What docs/rules.md shows works as it says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml

from eventstac.rules import load_rules
from eventstac.rules.document import read_document
from eventstac.rules.formats import DIRECTIVES
from eventstac.rules.schema import rules_schema
from tests.unit.rules.asking import matched

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rules.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SOURCE = "https://account.blob.core.windows.net/source/"


def test_the_first_example_gives_the_item_that_it_promises() -> None:
    rules = load_rules(EXAMPLES[0], file="docs/rules.md")
    match = matched(rules, SOURCE + "rmnp/2018-07-01/red.tif")
    assert (match.collection, match.item, match.asset) == ("rmnp", "rmnp-2018-07-01", "red")


def test_every_example_of_a_rules_part_is_accepted_in_a_rule() -> None:
    rule = {
        "name": "r",
        "pattern": "{item}_{sensor}_{scene}_{utm:1}{band:2}{square:3}_{resolution}/{asset}",
    }
    fields = rules_schema()["$defs"]["rule"]["properties"].keys()
    parts = [read_document(example, "docs/rules.md").value for example in EXAMPLES[1:]]
    for part in parts:
        part = part if part.keys() <= fields else {"assets": {"b.tif": {}, **part}}
        groups = {"platform": {"template": "x"}} if "properties" in part else {}
        whole = {
            "collections": {"a": {"rules": [{**rule, **({"groups": groups} if groups else {}), **part}]}}
        }
        assert load_rules(yaml.safe_dump(whole, sort_keys=False), file="docs/rules.md")


def test_the_example_of_settings_for_reading_is_accepted_in_a_rule() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rasters.md").read_text(), re.DOTALL)
    rule = {"name": "r", "pattern": "{item}.tif", **read_document(example, "docs/rasters.md").value}
    text = yaml.safe_dump({"collections": {"a": {"rules": [rule]}}})
    assert not load_rules(text, file="docs/rasters.md").warnings


def test_every_field_of_the_schema_is_in_the_page() -> None:
    known = rules_schema()["$defs"]
    fields = {
        name
        for part in ("collection", "rule", "group", "asset", "link", "sidecar", "queryable")
        for name in known[part]["properties"]
    }
    assert [name for name in sorted(fields) if not re.search(rf"\b{name}\b", PAGE)] == []


def test_the_collections_of_this_repository_are_without_mistakes() -> None:
    rules = load_rules((ROOT / "collections.yaml").read_text(), file="collections.yaml")
    assert matched(rules, SOURCE + "scenes/S1/b10m.tif").asset == "b10m"
    assert matched(rules, SOURCE + "dem.tif").collection == "bronze-tier"


_FORMATS = ("%Y-%m-%dT%H-%M-%S.%f%z", "%d%b%y", "%d%B%Y", "%Y%j")


def test_every_directive_of_the_page_and_of_the_advice_can_be_in_a_format() -> None:
    [told] = re.findall(r"with a strptime format \(`([^`]*)`\)", PAGE)
    assert told == DIRECTIVES
    moment = datetime(2018, 7, 1, 5, 6, 7, tzinfo=UTC)
    for directive in told.split():
        form = next(each for each in _FORMATS if directive in each)
        text = f"{{name: r, pattern: '{{item}}_{{d}}.tif', datetime: [{{group: d, format: '{form}'}}]}}"
        rules = load_rules(f"collections: {{a: {{rules: [{text}]}}}}", file="c.yaml")
        match = matched(rules, f"{SOURCE}x_{moment:{form}}.tif")
        assert (match.collection, match.start and match.start.year) == ("a", 2018)
