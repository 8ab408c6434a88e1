"""The rules as the apps ask them: what is this blob, and why."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Literal

from eventstac.blob_urls import BlobName, parse
from eventstac.errors import Rejected
from eventstac.facts import Match
from eventstac.rules.identity import default_item_id, safe_id
from eventstac.rules.misfits import why_not
from eventstac.rules.mistakes import Mistake
from eventstac.rules.model import AssetRule, CollectionRules, Rule
from eventstac.rules.pattern import Pattern
from eventstac.rules.repeating import TooAmbiguous
from eventstac.rules.spans import Interval

log = logging.getLogger("eventstac")

# What goes to the default collection without a rule. Some of these the extractor refuses by name, which an operator
# sees; left out they would only be counted as unmatched.
RASTER_EXTENSIONS = frozenset(
    {".tif", ".tiff", ".gtiff", ".btf", ".jp2", ".j2k", ".jpx", ".img", ".ntf", ".nitf", ".nc"}
)


@dataclass(frozen=True)
class Tried:
    """A rule that was tried on a path in vain; `said` is why, "" where none of its patterns fits the path."""

    collection: str
    by: Rule
    path: str
    said: str

    @property
    def rule(self) -> str:
        """The rule's name."""
        return self.by.name

    @property
    def why(self) -> str:
        """Why the rule is not the one: found only here, as it takes longer than to match, and is seldom asked for."""
        return self.said or why_not(self.by, self.path)

    def to_json(self) -> dict[str, str]:
        """As commands tell it."""
        return {"collection": self.collection, "rule": self.rule, "why": self.why}


@dataclass(frozen=True)
class Explanation:
    """Why a blob is what it is: `outcome`, the match (if any), a sentence, and the rules tried before."""

    url: str
    outcome: Literal["matched", "ignored", "unmatched"]
    why: str
    match: Match | None = None
    tried: tuple[Tried, ...] = ()

    def __str__(self) -> str:
        """A sentence, and a line for each rule that was tried in vain."""
        return "\n".join([self.why, *(f"  {t.collection}/{t.rule}: {t.why}" for t in self.tried)])


@dataclass(frozen=True)
class Rules:
    """All rules of a file, and the default collection (None switches it off).

    Matching is a pure function of the URL. The first rule in the order of the file wins; that two rules overlap is
    a mistake which loading finds. `warnings` are of rules of which it could not tell.
    """

    file: str
    collections: tuple[CollectionRules, ...]
    default_collection: str | None = "bronze-tier"
    ignore: tuple[Pattern, ...] = ()
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
    warnings: tuple[Mistake, ...] = field(default=(), compare=False)

    def line(self, collection_id: str, rule_name: str) -> int:
        """The line of the file where a rule begins; 1 for the default collection's, which is in no file."""
        return self.lines.get((collection_id, rule_name), 1)

    def collection(self, collection_id: str) -> CollectionRules | None:
        """The collection of this id, None where the rules have none."""
        return self._by_id.get(collection_id)

    def match(self, url: str) -> Match | None:
        """What the blob is; None for one that is ignored or that nothing matches (and for what is no blob URL)."""
        return self.explain(url).match

    def explain(self, url: str) -> Explanation:
        """What the blob is and why, with every rule that was tried.

        Nothing is raised, whatever the rules come to with this path: one blob never stops a listing of others.
        """
        try:
            name = parse(url)
        except Rejected as error:
            return Explanation(url, "unmatched", error.detail)
        try:
            return self._explain(name)
        except Exception as error:
            log.exception("rules_failed", extra={"blob": name.url})
            why = f"the rules fail on {name.path!r} with {type(error).__name__}: {error}"
            return Explanation(name.url, "unmatched", why)

    def _explain(self, name: BlobName) -> Explanation:
        ignored = _first(self.ignore, name.path)
        if ignored is not None:
            return Explanation(name.url, "ignored", f"`ignore: {ignored.text}` matches it")
        return self._by_rules(name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what the rules mean: comments, layout and the file's name do not change it."""
        return _digest(
            {
                "collections": {each.id: asdict(each) for each in self.collections},
                "default": self.default_collection,
                "ignore": [pattern.text for pattern in self.ignore],
            }
        )

    @cached_property
    def meaning(self) -> str:
        """SHA-256 (hex) of all that says what a blob is: no field of a Collection is in it."""
        return _digest(
            {
                "ignored": {each.id: [pattern.text for pattern in each.ignore] for each in self.collections},
                "rules": [[*key, meaning] for key, meaning in self.meanings.items()],
                "default": self.default_collection,
                "ignore": [pattern.text for pattern in self.ignore],
            }
        )

    @cached_property
    def meanings(self) -> Mapping[tuple[str, str], str]:
        """SHA-256 (hex) of each rule, by collection and name, in the order of the file."""
        return {
            (each.id, rule.name): _digest(asdict(rule)) for each in self.collections for rule in each.rules
        }

    @cached_property
    def _by_id(self) -> Mapping[str, CollectionRules]:
        return {collection.id: collection for collection in self.collections}

    def _by_rules(self, name: BlobName) -> Explanation:
        tried: list[Tried] = []
        ignored = ""
        for collection in self.collections:
            pattern = _first(collection.ignore, name.path)
            if pattern is not None:
                ignored = ignored or f"`ignore: {pattern.text}` of collection {collection.id!r} matches it"
                continue
            for rule in collection.rules:
                found = match_rule(collection, rule, name) if rule.patterns else None
                if isinstance(found, Match):
                    why = f"rule {rule.name!r} of collection {collection.id!r} matches {name.path!r}"
                    return Explanation(name.url, "matched", why, found, tuple(tried))
                if found is not None:
                    tried.append(Tried(collection.id, rule, name.path, found))
        if ignored:
            return Explanation(name.url, "ignored", ignored, None, tuple(tried))
        return self._by_default(name, tuple(tried))

    def _by_default(self, name: BlobName, tried: tuple[Tried, ...]) -> Explanation:
        extension = PurePosixPath(name.path).suffix.lower()
        if extension not in RASTER_EXTENSIONS:
            known = ", ".join(sorted(RASTER_EXTENSIONS))
            why = f"no rule matches {name.path!r}, and without a rule only names that end in {known} become Items"
            return Explanation(name.url, "unmatched", why, None, tried)
        if self.default_collection is None:
            why = f"no rule matches {name.path!r}, and there is no default collection"
            return Explanation(name.url, "unmatched", why, None, tried)
        match = Match(self.default_collection, default_item_id(name), "data")
        why = f"no rule matches {name.path!r}: a raster of its own in {self.default_collection!r}"
        return Explanation(name.url, "matched", why, match, tried)


def match_rule(collection: CollectionRules, rule: Rule, name: BlobName) -> Match | str:
    """What the blob is by this rule, or why the rule is not for it: "" where none of its patterns fits."""
    if rule.containers and name.container not in rule.containers:
        return f"it is for container {' or '.join(rule.containers)}, not {name.container}"
    for pattern in rule.patterns:
        try:
            found = pattern.match(name.path)
        except TooAmbiguous as error:
            return f"the path cannot be matched with {pattern.text}: {error}"
        if found is not None:
            return _by_groups(collection, rule, found)
    return ""


def _by_groups(collection: CollectionRules, rule: Rule, found: Mapping[str, str]) -> Match | str:
    try:
        groups = rule.groups_for(found)
        when = _when(rule, groups)
        rule.properties_for(groups)
        item, said = rule.item.fill(groups), rule.asset_key.fill(groups)
    except KeyError as error:
        return f"the path gives no {error.args[0]!r}"
    except (LookupError, ValueError) as error:
        return str(error)
    if not item or not said:
        return f"the path gives an empty {'asset key' if item else 'Item id'}"
    asset = _asset_said(rule, said)
    if asset is None:
        return f"{said!r} is none of its assets ({', '.join(each.key for each in rule.assets)})"
    start, end = when or (None, None)
    return Match(
        collection=collection.id,
        item=safe_id(item),
        asset=safe_id(said) if asset.key == "*" else asset.key,
        rule=rule.name,
        read=asset.read,
        groups=groups,
        start=start,
        end=end,
        options=rule.reading(asset),
    )


def _asset_said(rule: Rule, said: str) -> AssetRule | None:
    """The asset that the {asset} group (or constant) names."""
    if not rule.assets:
        return AssetRule("*")
    others = None
    for asset in rule.assets:
        if asset.key == "*":
            others = asset
        elif any(glob.match(said) is not None for glob in asset.match):
            return asset
    return others


def _when(rule: Rule, groups: Mapping[str, str]) -> Interval | None:
    """The first date that the path gives; None where it has no group of any. Raises ValueError where none is one."""
    if "path" not in rule.datetime_sources:
        return None
    failed: ValueError | None = None
    for source in rule.path_dates:
        try:
            found = source.read(groups)
        except ValueError as error:
            failed = failed or error
            continue
        if found is not None:
            return found
    if failed is not None:
        raise failed
    return None


def _digest(meaning: Mapping[str, Any]) -> str:
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _first(patterns: tuple[Pattern, ...], path: str) -> Pattern | None:
    return next((pattern for pattern in patterns if pattern.match(path) is not None), None)
