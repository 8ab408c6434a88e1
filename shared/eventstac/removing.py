"""Which published Items a run would remove: those of which the catalog would show nothing any more."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from eventstac.compose import compose
from eventstac.compose.item import A_DATA_ASSET
from eventstac.facts import Fact, ItemKey
from eventstac.matching import as_cog, last_read
from eventstac.rules.applied import AppliedRules


@dataclass(frozen=True)
class Removals:
    """A page of what a run would remove.

    `items` are the published Items that would be gone, `following` is the key after which the next page begins (None:
    there is none).
    """

    items: tuple[ItemKey, ...]
    following: ItemKey | None


def becoming(fact: Fact, applied: AppliedRules) -> Fact | None:
    """The fact as it would be after the run, were the blob read as it was; None where no rule knows it any more."""
    if fact.claim:
        place, _ = as_cog(fact, fact.claim, applied)
        return replace(fact, claim=replace(fact.claim, match=place))
    match = applied.rules.match(fact.url)
    return replace(fact, finding=replace(last_read(fact) or fact.finding, match=match)) if match else None


def removed(
    items: Iterable[ItemKey],
    before: Iterable[Fact],
    after: Mapping[ItemKey, Sequence[Fact]],
    coming: Mapping[ItemKey, Set[str]],
    applied: AppliedRules,
) -> list[ItemKey]:
    """Which of some Items would be gone, in their order.

    `before` are the facts of these Items, `after` what the Items that they become are composed of. `coming` are asset
    keys, by Item, that are in the storage and not known yet: they count as there, for nobody can tell before the look,
    and an Item stays that lacks nothing else.

    A blob that is shown in another Item keeps its own from being gone; one that is only in the way of another does not.
    """
    shown: set[str] = set()
    staying = coming.keys() - after.keys()
    for key, facts in after.items():
        composed = compose(facts, applied.rules.collection(key[0]))
        if composed.state == "published":
            shown.update(composed.urls)
        elif key in coming and composed.state == "incomplete" and _is_made_up(composed.missing, coming[key]):
            shown.update(fact.url for fact in facts)
            staying.add(key)
    data: dict[ItemKey, list[str]] = {}
    for fact in before:
        if fact.match.read == "raster":
            data.setdefault(fact.item_key, []).append(fact.url)
    return [key for key in items if key not in staying and shown.isdisjoint(data.get(key, ()))]


def _is_made_up(missing: Sequence[str], coming: Set[str]) -> bool:
    return coming >= set(missing) - {A_DATA_ASSET}


def assets_by_item(urls: Collection[str], applied: AppliedRules) -> dict[ItemKey, set[str]]:
    """The asset keys that blobs would have by the rules, by Item."""
    found: dict[ItemKey, set[str]] = {}
    for match in map(applied.rules.match, urls):
        if match:
            found.setdefault((match.collection, match.item), set()).add(match.asset)
    return found
