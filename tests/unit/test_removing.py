"""Which Items a run would remove."""

from collections.abc import Sequence, Set
from dataclasses import replace

import pytest

from eventstac.facts import Fact, ItemKey, fact_of
from eventstac.removing import removed
from eventstac.rules import load_rules
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import all_new
from tests.samples import present, url_of
from tests.unit.rules.asking import matched

ONE = ("c", "one")
RULES = load_rules(
    """
    collections:
      c:
        rules:
          - name: r
            pattern: 's/{item}/{asset}'
            require: [meta]
            assets:
              red: {match: red.tif}
              nir: {match: nir.tif}
              meta: {match: meta.json, sidecar: {format: json, properties: {}}}
    """,
    file="rules.yaml",
)
APPLIED = AppliedRules(1, RULES, all_new(RULES, 1))


def seen(path: str, of: str | None = None) -> Fact:
    """The fact of a blob; `of` is the Item that it is in where its path does not say so."""
    item, name = path.split("/")
    match = matched(RULES, url_of(f"s/{of or item}/{name}"))
    finding = present(match, 1, "e")
    return fact_of(url_of(f"s/{path}"), finding if match.read == "raster" else replace(finding, metadata={}))


def gone(before: Sequence[Fact], after: Sequence[Fact], **coming: Set[str]) -> bool:
    """Whether the Item `one` would be gone; `coming` are asset keys, by Item."""
    becomes: dict[ItemKey, list[Fact]] = {}
    for fact in after:
        becomes.setdefault(fact.item_key, []).append(fact)
    comes = {("c", item): keys for item, keys in coming.items()}
    return removed([ONE], before, becomes, comes, APPLIED) == [ONE]


RED, META = seen("one/red.tif"), seen("one/meta.json")


def test_an_item_stays_as_long_as_it_shows_a_raster() -> None:
    assert not gone([RED, META], [RED, META])
    assert gone([RED, META], [META])
    assert gone([RED, META], [])


def test_an_item_whose_raster_is_shown_in_another_stays_and_one_whose_sidecar_is_goes() -> None:
    assert not gone([RED, META], [seen("two/meta.json"), seen("one/red.tif", of="two")])
    assert gone([RED, META], [seen("two/red.tif"), seen("one/meta.json", of="two")])


def test_an_item_stays_whose_raster_is_in_another_that_lacks_only_what_comes() -> None:
    moved = seen("one/red.tif", of="two")
    assert not gone([RED, META], [moved, META], two={"meta"})
    assert gone([RED, META], [moved, META], two={"nir"})


@pytest.mark.parametrize("left", [(), (META,)])
def test_an_item_stays_whose_rasters_leave_while_another_comes(left: Sequence[Fact]) -> None:
    """None of those that it had is left, and any that the rule names will do."""
    assert not gone([RED, META], left, one={"nir"})


def test_an_item_goes_that_lacks_something_else_than_what_comes() -> None:
    assert not gone([RED, META], [RED], one={"meta"})
    assert gone([RED, META], [RED], one={"nir"})
