"""Which of an Item's blobs are shown, under which asset keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eventstac.facts import Fact, Finding
from eventstac.rules import AssetRule, CollectionRules, Rule

_NO_RULE = Rule(name="")


@dataclass(frozen=True)
class Shown:
    """One blob that the Item shows as an asset: `finding` is what its fields are made of.

    `kept` marks a last good reading of a blob that is not readable any more.
    """

    key: str
    fact: Fact
    finding: Finding
    rule: Rule
    asset: AssetRule
    kept: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        """The asset's roles: the rule's, else what the kind of reading says."""
        by_reading: Mapping[str, tuple[str, ...]] = {"raster": ("data",), "sidecar": ("metadata",)}
        return self.asset.roles or by_reading.get(self.fact.match.read, ())

    @property
    def is_data(self) -> bool:
        """Whether the Item stands on it: a raster with the role data."""
        return self.fact.match.read == "raster" and "data" in self.roles

    @property
    def position(self) -> tuple[int, str]:
        """Its place among the assets: the rule's order, then the key's."""
        keys = [asset.key for asset in self.rule.assets]
        return (keys.index(self.asset.key) if self.asset.key in keys else len(keys), self.key)


@dataclass(frozen=True)
class Selection:
    """The sources and COGs that are shown, in asset order, and the URLs that are not, by reason."""

    sources: tuple[Shown, ...]
    cogs: tuple[Shown, ...]
    conflicts: tuple[str, ...]
    outdated: tuple[str, ...]


def select(facts: Iterable[Fact], collection: CollectionRules | None) -> Selection:
    """Choose what an Item shows.

    Of two live blobs with one asset key, the first URL in string order is shown. A COG is shown where its source is,
    unless it was made from other content. That a claim is refused, or names a COG as the source, is a conflict too.
    """
    ordered = sorted(facts, key=lambda fact: fact.url)
    conflicts = [fact.url for fact in ordered if fact.is_refused or fact.chained_to]
    believed = (fact for fact in ordered if not (fact.claim and (fact.is_refused or fact.chained_to)))
    found = [shown for fact in believed if (shown := _shown(fact, collection))]
    sources = _first_of_each_key((shown for shown in found if not shown.fact.claim), conflicts)
    by_url = {shown.fact.url: shown.fact for shown in sources.values()}
    made = [(shown, by_url.get(shown.fact.claim.source_url)) for shown in found if shown.fact.claim]
    outdated = [cog.fact.url for cog, source in made if source and _made_from_other_content(cog.fact, source)]
    current = (cog for cog, source in made if source and cog.fact.url not in outdated)
    cogs = _first_of_each_key(current, conflicts)
    return Selection(
        sources=tuple(sorted(sources.values(), key=lambda shown: shown.position)),
        cogs=tuple(sorted(cogs.values(), key=lambda shown: shown.position)),
        conflicts=tuple(sorted(set(conflicts))),
        outdated=tuple(outdated),
    )


def _shown(fact: Fact, collection: CollectionRules | None) -> Shown | None:
    """The blob as it would be shown, None for one of which nothing can be."""
    rule = (collection.rule(fact.match.rule) if collection else None) or _NO_RULE
    finding, kept = _finding(fact, rule)
    return Shown(fact.match.asset, fact, finding, rule, _asset_rule(rule, fact), kept) if finding else None


def _first_of_each_key(candidates: Iterable[Shown], conflicts: list[str]) -> dict[str, Shown]:
    """By asset key, the first in the order of URLs; the others are noted as conflicts."""
    chosen: dict[str, Shown] = {}
    for shown in candidates:
        if chosen.setdefault(shown.key, shown) is not shown:
            conflicts.append(shown.fact.url)
    return chosen


def _finding(fact: Fact, rule: Rule) -> tuple[Finding | None, bool]:
    finding, kept = fact.finding, False
    if finding.state == "rejected" and rule.keep_last_good and fact.last_good:
        finding, kept = fact.last_good, True
    if finding.state != "present" or (fact.claim and not _is_cog(finding)):
        return None, False
    return finding, kept


def _is_cog(finding: Finding) -> bool:
    """A blob that was read before it was known to be a COG was not asked whether it is one."""
    return bool(((finding.metadata or {}).get("cog") or {}).get("valid"))


def _asset_rule(rule: Rule, fact: Fact) -> AssetRule:
    return rule.asset(fact.match.asset) or AssetRule(key=fact.match.asset, read=fact.match.read)


def _made_from_other_content(cog: Fact, source: Fact) -> bool:
    """An ETag changes when somebody merely tags a blob, so it proves nothing: the contents known for it decide."""
    assert cog.claim is not None  # noqa: S101 - the caller asked
    made_from = cog.claim.source_etag
    if not made_from or made_from == source.finding.etag:
        return False
    contents = {content.etag: content for content in source.contents}
    then, now = contents.get(made_from), contents.get(source.finding.etag)
    return then is not None and now is not None and then.differs_from(now)
