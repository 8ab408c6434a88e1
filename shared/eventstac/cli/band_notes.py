"""What `eventstac preview` says of bands that the rule and the file have otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eventstac.cli.console import counted
from eventstac.common_names import COLOUR_FIELD
from eventstac.compose.assets import OF_THE_FILE
from eventstac.facts import Match
from eventstac.rules import AssetRule


def odd_bands(
    read: Sequence[Mapping[str, Any]], asset: AssetRule, match: Match
) -> tuple[list[str], list[str]]:
    """What is wrong with the bands that the rule names, and what may not be meant."""
    notes = list(_overruled(read, asset.filled(match.groups).bands, match.options))
    named, there = len(asset.bands), len(read)
    if not named or not there:
        return [], notes
    if named > there:
        who = f"the rule names {counted(named, 'band')} of {match.asset!r}, of which the file has {there}"
        return [f"{who}: the others are left out. List those of the file, in its order"], notes
    if any(band.get(COLOUR_FIELD) != "alpha" for band in read[named:]):  # alpha needs no name
        who = f"the rule names {counted(named, 'band')} of {match.asset!r}, and the file has {there}"
        notes.append(f"{who}: the others keep the names of the file. List all of them, in its order")
    return [], notes


def _overruled(
    read: Sequence[Mapping[str, Any]], by_rule: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> Iterator[str]:
    """What the rule says of how a band's numbers are stored, and the file says otherwise."""
    for number, (found, said) in enumerate(zip(read, by_rule, strict=False), 1):
        kind = found.get("data_type")
        for name in OF_THE_FILE:
            if name in said and name in found and _stored(said[name], kind) != _stored(found[name], kind):
                is_asked = name in options and _stored(options[name], kind) == _stored(found[name], kind)
                other = "files are read by" if is_asked else "the file"
                yield (
                    f"the rule says {name} {said[name]} of band {number}, and {other} {found[name]}, which the Item "
                    f"has. Leave `{name}` out of its `bands:`"
                )


def _stored(value: Any, kind: object) -> Any:
    """A value as a band of this type holds it: in four bytes 1e20 is another number, but the same nodata."""
    if kind in _SHORT_FLOATS and type(value) in (int, float):
        with np.errstate(over="ignore"):
            return _SHORT_FLOATS[kind](value).item()
    return value


_SHORT_FLOATS: Mapping[object, Any] = {"float16": np.float16, "float32": np.float32, "cfloat32": np.float32}
