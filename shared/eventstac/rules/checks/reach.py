"""Finds patterns that match no blob, and assets that no path gives: what a rule says, and nothing ever comes of."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from eventstac.rules.automaton import Automaton, Language, Undecided, share_a_text
from eventstac.rules.checks.limits import asset_limits, limits_of
from eventstac.rules.checks.taking_part import groups_always
from eventstac.rules.checks.unused import is_covered
from eventstac.rules.document import Document, Path
from eventstac.rules.loaded import RASTER_EXTENSIONS
from eventstac.rules.model import ANY_ASSET, AssetRule, CollectionRules, Rule
from eventstac.rules.pattern import Pattern, RepeatingPattern, parse_glob

_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")
_DOTS = r"(?:.*/)?\.\.?(?:/.*)?"
_MADE_SAFE = re.compile(r"-[0-9a-f]{8}$")  # of what other text a key may be is not known
_OTHER_ENDINGS = {
    ".json",
    ".xml",
    ".txt",
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".csv",
    ".html",
    ".pdf",
    ".geojson",
}


def check_reach(
    document: Document, collections: tuple[CollectionRules, ...], ignore: tuple[Pattern, ...]
) -> None:
    """Warn of patterns that match nothing and of assets that are never there; one that is required is a mistake.

    Rules with a mistake are left out, as nobody knows what they are to match, and so are the assets of rules beside it:
    it may be what gives them.
    """
    for collection in collections:
        is_whole = document.is_whole(("collections", collection.id))
        for index, rule in enumerate(collection.rules):
            path: Path = ("collections", collection.id, "rules", index)
            if document.is_sound(path):
                for number, pattern in enumerate(rule.patterns):
                    where = (*path, "pattern", number) if len(rule.patterns) > 1 else (*path, "pattern")
                    _warn_of_idle(document, where, rule, pattern, (*ignore, *collection.ignore))
                if is_whole:
                    _check_assets(document, path, rule, collection)


def _warn_of_idle(
    document: Document, path: Path, rule: Rule, pattern: Pattern, ignore: tuple[Pattern, ...]
) -> None:
    who = f"The pattern {pattern.text!r} matches no blob"
    try:
        paths = Automaton.of(pattern.regex)
        if is_covered(paths, Automaton.of(_DOTS)):
            document.warn(path, f"{who}: no URL has . or .. between slashes", "Leave it out of the pattern")
            return
        for name, languages in limits_of(rule, pattern, loose=True).items():
            if name in groups_always(pattern.regex) and not _can_be(pattern, name, languages):
                what = f"{who}: what its group {name!r} may be is nothing that the rest of the rule asks for"
                document.warn(
                    path, what, "See the lookups, transforms, formats, types and assets it goes through"
                )
                return
        for each in ignore:
            if _is_exact(each) and is_covered(paths, Automaton.of(each.regex)):
                document.warn(
                    path, f"{who}: `ignore: {each.text}` has all of its paths", "Narrow one of the two"
                )
                return
    except Undecided:
        return


def _can_be(pattern: Pattern, group: str, languages: Sequence[Language]) -> bool:
    """Whether some text of a group is of all these languages. Raises Undecided."""
    return share_a_text(_group(pattern.regex, group), *map(_of_language, languages))


# The assets of a rule are asked for one after the other, and rules have the same dates.
_group = lru_cache(maxsize=64)(Automaton.of_group)
_of_language = lru_cache(maxsize=64)(Automaton.of_language)


def _is_exact(pattern: Pattern) -> bool:
    """Whether its automaton matches nothing more than itself."""
    return not isinstance(pattern, RepeatingPattern) and not pattern.text.startswith("regex:")


def _check_assets(document: Document, path: Path, rule: Rule, collection: CollectionRules) -> None:
    for asset in rule.assets:
        if asset.key == ANY_ASSET:
            continue
        if any(_gives(each, asset.key) for each in collection.rules):
            _warn_of_endings(document, path, asset, collection)
            continue
        what = f"the asset key of this rule's files is {rule.asset_key.text!r}"
        if rule.asset_key.groups:
            globs = " or ".join(repr(glob.text) for glob in asset.match)
            what = f"what its patterns have for {rule.asset_key.text} is never {globs}"
        instead = "Mend `match:` or the pattern, which needs {asset} where one rule is to have several assets"
        if asset.key in rule.require:
            where = (*path, "require", rule.require.index(asset.key))
            document.mistake(where, f"{asset.key!r} is required, but no file can be it: {what}", instead)
        else:
            where = (*path, "assets", asset.key)
            document.warn(where, f"The asset {asset.key!r} is never there: {what}", instead)


def _gives(rule: Rule, key: str) -> bool:
    """Whether some path of a rule may give an asset; True where that takes too long to know."""
    is_open = not rule.assets or any(asset.key == ANY_ASSET for asset in rule.assets)
    if is_open and _MADE_SAFE.search(key):
        return True
    globs = [glob for asset in rule.assets if asset.key == key for glob in asset.match]
    if is_open:
        globs.append(parse_glob(key))  # "*" gives it, too, where it is named with another `match:`
    if rule.asset_key.groups:
        asset = AssetRule(key, match=tuple(globs))
        return any(_may_give(rule, pattern, asset) for pattern in rule.patterns)
    constant = rule.asset_key.fill({})
    return any(glob.match(constant) is not None for glob in globs)


def _may_give(rule: Rule, pattern: Pattern, asset: AssetRule) -> bool:
    """Whether a pattern may give an asset; of a group that some paths lack it is not known what stands for it there."""
    try:
        return bool(asset.match) and all(
            _can_be(pattern, name, languages)
            for name, languages in asset_limits(replace(rule, assets=(asset,)), pattern).items()
            if name in groups_always(pattern.regex)
        )
    except Undecided:
        return True


def _warn_of_endings(document: Document, path: Path, asset: AssetRule, collection: CollectionRules) -> None:
    """Warn of an asset with an ending of its own where all patterns that may give it end as a raster's name."""
    having = [rule for rule in collection.rules if rule.asset(asset.key) is not None]
    if not all(map(_takes_as_written, having)):
        return
    behind = [pattern.text.rpartition("{asset}") for rule in having for pattern in rule.patterns]
    if not all(found and tail.lower() in RASTER_EXTENSIONS for _, found, tail in behind):
        return
    endings = [_ENDING.search(glob.text) for glob in asset.match]
    if endings and all(each and each[0].lower() in RASTER_EXTENSIONS | _OTHER_ENDINGS for each in endings):
        tail = behind[0][2]
        what = f"The asset {asset.key!r} is a file {asset.match[0].text + tail!r}: the pattern goes on behind {{asset}}"
        instead = (
            f"Leave {tail} out of the pattern and write it under each `match:`, or leave endings out there"
        )
        document.warn((*path, "assets", asset.key), what, instead)


def _takes_as_written(rule: Rule) -> bool:
    """Whether the asset key is what a path has for {asset}, but for its case."""
    changes = [change for change in rule.changes if change.name == "asset"]
    return rule.asset_key.text == "{asset}" and all(
        change.source.text == "{asset}" and change.lookup is None and change.default is None
        for change in changes
    )
