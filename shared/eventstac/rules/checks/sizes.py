"""Bounds what a rule adds to the event of each of its blobs: how it is read, and the texts of its lookups."""

import json
from typing import Any

from eventstac.rules.document import Document, Path
from eventstac.rules.model import AssetRule, Rule

# An event has 192 kB. The rest is for a blob's URL and what its path gives: a name of 1,024 characters takes 12 kB.
MOST_BYTES = 64 * 1024
LONGEST_TEXT = 1_024  # characters that a group can get from a lookup: as many as from a path


def check_sizes(document: Document, path: Path, rule: Rule) -> None:
    """Note settings for reading, and lookups, that would make events too large for the bus."""
    for asset in rule.assets:
        size = _bytes(rule.reading(asset))
        if size > MOST_BYTES:
            what = (
                f"The asset {asset.key!r} is read by settings of {size} bytes, most of them here; they travel with "
                f"the event of each of its blobs, and {MOST_BYTES} is the most"
            )
            instead = (
                "Leave out of a `lookup` what no file has, or let a `builder:` translate what the file says"
            )
            document.mistake((*path, *_largest(rule, asset)), what, instead)
    for change in rule.changes:
        for key, text in (change.lookup or {}).items():
            if len(text) > LONGEST_TEXT:
                document.mistake(
                    (*path, "groups", change.name, "lookup", key),
                    f"The lookup of {change.name!r} gives a text of {len(text)} characters; {LONGEST_TEXT} is the most",
                    "Give a short one here, and look the long one up under `properties:`",
                )


def _largest(rule: Rule, asset: AssetRule) -> Path:
    """Where the largest part of an asset's settings is written."""
    parts: dict[Path, Any] = {("read", name): value for name, value in rule.options.items()}
    here: Path = ("assets", asset.key)
    parts |= {(*here, "options", name): value for name, value in asset.options.items()}
    spec = asset.sidecar or {}
    parts |= {(*here, "sidecar", name): value for name, value in spec.items() if name != "properties"}
    properties = spec.get("properties", {})
    parts |= {(*here, "sidecar", "properties", name): value for name, value in properties.items()}
    return max(parts, key=lambda place: _bytes(parts[place]))


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
