"""Finds settings of a rule that another one takes the place of, so that they say nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from eventstac.rules.automaton import Automaton
from eventstac.rules.characters import Ranges
from eventstac.rules.document import Document, Path
from eventstac.rules.model import ANY_ASSET, Rule
from eventstac.rules.pattern import Pattern

_MOST_PLACES = 1_000  # of two expressions walked at once: names of assets have tens
_MOST_PAIRS = 500  # of globs of a rule that are compared: more is not sought
_ANYTHING = "\x02"  # stands for what a glob leaves open


def check_unused(document: Document, path: Path, rule: Rule) -> None:
    """Note what of a rule, as it is written, has no effect."""
    written = document.at(path)
    for name, group in written.get("groups", {}).items():
        if "from" in group and "template" in group:
            what = f"The group {name!r} has both `from` and `template`, of which only one can say what it is made of"
            document.mistake((*path, "groups", name), what, "Keep one of the two")
    for name, value in written.get("properties", {}).items():
        if isinstance(value, Mapping) and "from" in value:
            _check_source(document, (*path, "properties", name), name, value)
    if "geometry" in written and "footprint_asset" in written:
        what = "`footprint_asset` is not asked where there is a `geometry`"
        document.mistake((*path, "footprint_asset"), what, "Keep one of the two")
    for key, asset in written.get("assets", {}).items():
        if asset and "gsd" in asset and "gsd" in asset.get("extra", {}):
            what = f"The asset {key!r} has its `gsd` twice"
            document.mistake((*path, "assets", key, "extra", "gsd"), what, "Keep the one beside `extra:`")
    _check_hidden(document, path, rule)


def _check_source(document: Document, path: Path, name: str, source: Mapping[str, Any]) -> None:
    if "lookup" in source and "type" in source:
        what = f"The `type` of {name!r} says nothing: its values are those of the `lookup`, as they are written there"
        document.mistake(
            (*path, "type"), what, "Leave `type:` out, and write numbers of the table without quotes"
        )
    if "default" in source and "lookup" not in source:
        what = f"The `default` of {name!r} stands for what a `lookup` has not, and there is none"
        document.mistake((*path, "default"), what, "Add `lookup:`, or leave `default:` out")


def _check_hidden(document: Document, path: Path, rule: Rule) -> None:
    """Note assets of whose globs each says no more than one of an asset before them.

    Not each than all before together: that takes twice as long for each glob more.
    """
    named = [asset for asset in rule.assets if asset.key != ANY_ASSET]
    left = _MOST_PAIRS
    for number, asset in enumerate(named):
        earlier = [glob for each in named[:number] for glob in each.match]
        alike = [[other for other in earlier if _may_cover(other, glob)] for glob in asset.match]
        left -= sum(map(len, alike))
        if left < 0:
            return
        if asset.match and all(
            any(is_covered(Automaton.of(glob.regex), Automaton.of(other.regex)) for other in others)
            for glob, others in zip(asset.match, alike, strict=True)
        ):
            globs = " or ".join(repr(glob.text) for glob in asset.match)
            what = f"The asset {asset.key!r} is never there: assets above it have all that is {globs}"
            instead = f"Move {asset.key!r} above them, or narrow their `match:`"
            document.mistake((*path, "assets", asset.key), what, instead)


def _may_cover(one: Pattern, other: Pattern) -> bool:
    """Whether one glob has a text of the other, which it must, to have all."""
    if "[" in other.text:
        return True
    return one.match(other.text.replace("*", _ANYTHING).replace("?", _ANYTHING)) is not None


def is_covered(one: Automaton, other: Automaton) -> bool:
    """Whether every text of one automaton is of the other too; False where that takes too long to know."""
    begin = (one.start, frozenset({other.start}))
    seen, waiting = {begin}, [begin]
    while waiting:
        here, there = waiting.pop()
        if one.accepts(here) and not any(other.accepts(state) for state in there):
            return False
        steps = [step for state in there for step in other.steps(state)]
        for ranges, beyond in one.steps(here):
            for character in _one_of_each(ranges, [others for others, _ in steps]):
                reached = frozenset(state for others, state in steps if _holds(others, character))
                place = (beyond, reached)
                if place not in seen:
                    if len(seen) >= _MOST_PLACES:
                        return False
                    seen.add(place)
                    waiting.append(place)
    return True


def _one_of_each(ranges: Ranges, others: list[Ranges]) -> Iterator[int]:
    """Characters of some ranges, one at least for each way in which other ranges hold them or not."""
    edges = {edge for each in others for low, high in each for edge in (low, high + 1)}
    for low, high in ranges:
        yield from {low, *(edge for edge in edges if low <= edge <= high)}


def _holds(ranges: Ranges, character: int) -> bool:
    return any(low <= character <= high for low, high in ranges)
