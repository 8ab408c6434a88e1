"""The Item's properties: the rules', the sidecars', and what the files state."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected

_DATES = ("datetime", "start_datetime", "end_datetime")
# What to do where two values are stated for one property.
_IN_RULES = "let the rules of the Item's files give one value in `properties`"
_IN_FILES = (
    "state the one that is meant in the rule's `properties: {{{name!r}: …}}`, or upload files that agree"
)


def properties_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """Properties by rule first, then those of sidecars, then those of the other files.

    Rejected `conflicting-property` where two of one rank state two values that no higher one settles, naming both.
    """
    of_sidecars = [asset for asset in shown if asset.fact.match.read == "sidecar"]
    of_others = [asset for asset in shown if asset.fact.match.read != "sidecar"]
    agreed = _agreed(((asset, _by_rule(asset)) for asset in shown), {}, _IN_RULES)
    for rank in (of_sidecars, of_others):
        stated = ((asset, (asset.finding.metadata or {}).get("properties") or {}) for asset in rank)
        agreed = _agreed(stated, agreed, _IN_FILES)
    return {name: value for name, value in agreed.items() if name not in _DATES}


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


def _agreed(
    stated: Iterable[tuple[Shown, dict[str, Any]]], settled: Mapping[str, Any], remedy: str
) -> dict[str, Any]:
    """What is settled, and what else is stated in one way."""
    found: dict[str, tuple[Any, str]] = {}
    for shown, properties in stated:
        for name, value in properties.items():
            known = found.setdefault(name, (value, shown.fact.url))
            if known[0] != value and name not in settled:
                raise Rejected(
                    "conflicting-property",
                    f"{name} is {known[0]!r} by {known[1]} and {value!r} by {shown.fact.url}: "
                    + remedy.format(name=name),
                )
    return {name: value for name, (value, _) in found.items()} | dict(settled)
