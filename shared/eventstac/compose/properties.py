"""The Item's properties: the rules', the sidecars', and what the files state."""

from collections.abc import Iterable, Sequence
from typing import Any

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected

_DATES = ("datetime", "start_datetime", "end_datetime")


def properties_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """Properties by rule first, then those of sidecars and files.

    Rejected `conflicting-property` where two files state two values for one, naming both.
    """
    by_rule = _agreed((asset, _by_rule(asset)) for asset in shown)
    by_file = _agreed((asset, (asset.finding.metadata or {}).get("properties") or {}) for asset in shown)
    return {name: value for name, value in {**by_file, **by_rule}.items() if name not in _DATES}


def span_of_storage(shown: Sequence[Shown]) -> dict[str, Any]:
    """`created` and `updated`: the earliest creation and the latest change of the blobs that are shown."""
    stored = [asset.finding.storage or {} for asset in shown]
    changed = [storage["last_modified"] for storage in stored if storage.get("last_modified")]
    made = [storage["created"] for storage in stored if storage.get("created")] or changed
    fields = {"created": min(made, default=None), "updated": max(changed, default=None)}
    return {name: value for name, value in fields.items() if value is not None}


def _by_rule(shown: Shown) -> dict[str, Any]:
    try:
        return shown.rule.properties_for(shown.fact.match.groups)
    except (ValueError, LookupError) as error:
        raise Rejected(
            "bad-property",
            f"{shown.fact.url}: the rule {shown.rule.name!r} cannot give its properties: {error}",
        ) from error


def _agreed(stated: Iterable[tuple[Shown, dict[str, Any]]]) -> dict[str, Any]:
    found: dict[str, tuple[Any, str]] = {}
    for shown, properties in stated:
        for name, value in properties.items():
            known = found.setdefault(name, (value, shown.fact.url))
            if known[0] != value:
                raise Rejected(
                    "conflicting-property",
                    f"{name} is {known[0]!r} by {known[1]} and {value!r} by {shown.fact.url}",
                )
    return {name: value for name, (value, _) in found.items()}
