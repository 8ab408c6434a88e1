"""Composes an Item from the facts of its blobs."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from eventstac.compose.assets import SOFTWARE, asset_of, lift_common, thumbnail_of
from eventstac.compose.composition import Composition
from eventstac.compose.dates import dates
from eventstac.compose.links import links_of
from eventstac.compose.properties import properties_of, span_of_storage
from eventstac.compose.shown import Selection, Shown, select
from eventstac.disputes import chain
from eventstac.errors import Rejected
from eventstac.extensions import extensions_of
from eventstac.facts import Fact
from eventstac.rules import CollectionRules, Rule
from eventstac.rules.builder import run_builder
from eventstac.rules.model import ANY_ASSET
from eventstac.rules.queryables import misfits

A_DATA_ASSET = "a data asset"  # what an Item waits for that could have one of several, or any
THUMBNAIL_KEY = "thumbnail"
_PROBLEMS_SHOWN = 5


def compose(facts: Iterable[Fact], rules: CollectionRules | None) -> Composition:
    """The Item that these facts make, by these rules; the same for the same facts in any order.

    `rules` are those of the Item's collection (None: a collection that the rules no longer have). The result is
    validated: an Item that is not valid is a rejection, never a document.
    """
    facts = tuple(facts)
    selection = _without_taken_keys(select(facts, rules))
    data_assets = tuple(shown for shown in selection.sources if shown.is_data)
    outcome = Composition("empty", conflicts=selection.conflicts, outdated=selection.outdated)
    if not data_assets:
        refused = [fact for fact in facts if fact.is_refused and fact.claim]
        if refused:
            return replace(outcome, state="rejected", reason="cogs-of-each-other", detail=_circle(refused[0]))
        chained = [fact for fact in facts if fact.chained_to]
        if chained:
            return replace(outcome, state="rejected", reason="cog-of-a-cog", detail=chain(chained[0]))
    missing = _missing(selection, has_data=bool(data_assets))
    if missing:
        return replace(outcome, state="incomplete", missing=missing)
    if not data_assets:
        return outcome
    try:
        document, shown = _document(selection, data_assets)
        item = _built(document, data_assets, facts)
    except Rejected as rejection:
        return replace(outcome, state="rejected", reason=rejection.reason, detail=rejection.detail)
    if item is None:
        return outcome
    item["stac_extensions"] = extensions_of(item, item.get("stac_extensions", ()))
    urls = tuple(sorted(asset.fact.url for asset in shown))
    from eventstac.validation import validate_item  # schemas: at the first Item, not at an app's start

    problems = [f"{problem.path}: {problem.message}" for problem in validate_item(item)]
    if not problems and rules:
        problems = misfits(item, rules.queryables, rules.id)
    if problems:
        listed = "; ".join(problems[:_PROBLEMS_SHOWN])
        return replace(outcome, state="rejected", reason="invalid-item", detail=listed)
    return replace(outcome, state="published", item=item, urls=urls)


def _without_taken_keys(selection: Selection) -> Selection:
    """The selection without COGs whose asset key a source has: it was there first, the COG is a conflict."""
    taken = {shown.key for shown in selection.sources}
    refused = {cog.fact.url for cog in selection.cogs if cog.rule.cog == "add" and _cog_key(cog) in taken}
    if not refused:
        return selection
    return replace(
        selection,
        cogs=tuple(cog for cog in selection.cogs if cog.fact.url not in refused),
        conflicts=tuple(sorted({*selection.conflicts, *refused})),
    )


def _circle(fact: Fact) -> str:
    """Why an Item has no data asset: the blob that is said to be its COG was its source's source before."""
    source = fact.claim.source_url if fact.claim else ""
    return (
        f"{fact.url} is said to be a COG of {source}, and was named as a COG's source before that: it stays a source. "
        "Send no cog.completed in the other direction"
    )


def _cog_key(cog: Shown) -> str:
    return cog.key if cog.rule.cog == "replace" else f"{cog.key}_cog"


def _missing(selection: Selection, *, has_data: bool) -> tuple[str, ...]:
    """The assets that the Item waits for; nothing where none of its blobs is there."""
    if not selection.sources:
        return ()
    there = {shown.key for shown in selection.sources}
    rules = [shown.rule for shown in selection.sources]
    missing = {key for rule in rules for key in rule.require} - there
    if not has_data and not any(_is_data(rule, key) for rule in rules for key in missing):
        data = {asset.key for rule in rules for asset in rule.assets if asset.is_data} - there
        missing |= data if len(data) == 1 and ANY_ASSET not in data else {A_DATA_ASSET}
    return tuple(sorted(missing))


def _is_data(rule: Rule, key: str) -> bool:
    """Whether an Item can stand on an asset that is not there yet."""
    asset = rule.asset(key)
    return asset.is_data if asset else not rule.assets


def _document(
    selection: Selection, data_assets: tuple[Shown, ...]
) -> tuple[dict[str, Any], tuple[Shown, ...]]:
    replaced = {
        cog.fact.claim.source_url for cog in selection.cogs if cog.fact.claim and cog.rule.cog == "replace"
    }
    sources = tuple(shown for shown in selection.sources if shown.fact.url not in replaced)
    assets: dict[str, dict[str, Any]] = {}
    data_keys: list[str] = []
    by_rule = {shown.key: shown.asset.extra for shown in sources}
    cogs = {cog.fact.url for cog in selection.cogs}
    for shown in _in_order(sources, selection.cogs):
        is_cog = shown.fact.url in cogs
        key = _cog_key(shown) if is_cog else shown.key
        assets[key] = asset_of(shown, is_cog=is_cog)
        if is_cog or shown.is_data:
            data_keys.append(key)
    all_shown = (*sources, *selection.cogs)
    from eventstac.compose.geometry import geometry_of  # shapely and numpy, likewise

    geometry, bbox = geometry_of(data_assets, selection.sources)
    sidecars = tuple(shown for shown in selection.sources if shown.fact.match.read == "sidecar")
    first = data_assets[0].fact.match
    stated = properties_of(selection.sources)
    common = lift_common(assets, data_keys, by_rule)
    drawn = next((shown.finding for shown in data_assets if shown.finding.thumbnail), None)
    if drawn:
        assets.setdefault(THUMBNAIL_KEY, thumbnail_of(drawn))
    if SOFTWARE in common and isinstance(stated.get(SOFTWARE), Mapping):
        stated[SOFTWARE] = {**common[SOFTWARE], **stated[SOFTWARE]}
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": sorted({url for shown in data_assets for url in shown.rule.extensions}),
        "id": first.item,
        "collection": first.collection,
        "geometry": geometry,
        "bbox": bbox,
        "properties": {
            **common,
            **stated,  # what a rule says stands over what the files seem to be
            **dates(data_assets, sidecars),
            **span_of_storage(all_shown),
        },
        "links": links_of(first.collection, selection.sources),
        "assets": assets,
    }
    return item, all_shown


def _in_order(sources: tuple[Shown, ...], cogs: tuple[Shown, ...]) -> tuple[Shown, ...]:
    """The rule's order, COGs that replace their sources in the places of these; COGs beside them come last."""
    replacing = tuple(cog for cog in cogs if cog.rule.cog == "replace")
    beside = tuple(cog for cog in cogs if cog.rule.cog != "replace")
    return (*sorted((*sources, *replacing), key=lambda shown: shown.position), *beside)


def _built(
    item: dict[str, Any], data_assets: tuple[Shown, ...], facts: tuple[Fact, ...]
) -> dict[str, Any] | None:
    """The Item as the rule's builder finishes it, where the rule names one; None where it wants none."""
    name = next((shown.rule.builder for shown in data_assets if shown.rule.builder), None)
    if name is None:
        return item
    ordered = tuple(sorted(facts, key=lambda fact: fact.url))
    return run_builder(name, deepcopy(item), deepcopy(ordered))  # others use them on
