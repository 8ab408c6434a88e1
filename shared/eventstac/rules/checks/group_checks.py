"""Checks that what a rule fills with the groups of a path has them."""

from collections.abc import Iterable, Iterator, Mapping

from eventstac.rules.checks.taking_part import groups_always
from eventstac.rules.document import Document, Path
from eventstac.rules.groups import Template, templates_in
from eventstac.rules.model import Rule


def check_taken(document: Document, path: Path, template: Template, groups: set[str], who: str) -> None:
    """Note braces of a template that are part of no group, and groups that the pattern does not give."""
    if template.stray:
        what = f"{who} has a brace that is part of no group: {template.text!r}"
        document.mistake(path, what, f"Write {{name}} for a group, or {template.stray * 2} for a brace")
    for name in template.groups:
        if name not in groups:
            document.mistake(
                path,
                f"{who} needs a group {name!r} that the pattern does not give",
                f"Put {{{name}}} into the pattern (all of them), or use one of: {listed(groups)}",
            )


def warn_of_optional(document: Document, path: Path, rule: Rule) -> None:
    """Warn of groups that a path may lack, where the rule then does not match it."""
    changed = {change.name for change in rule.changes}
    optional = {
        name for pattern in rule.patterns for name in {*pattern.groups} - groups_always(pattern.regex)
    } - changed
    for where, who, template in filled_texts(rule):
        for name in template.groups:
            if name in optional:
                what = f"{who} needs the group {name!r}, which is optional in the pattern"
                document.warn(
                    (*path, *where),
                    f"{what}: paths without it do not match the rule, or make no valid asset",
                    "Make it part of every path, or give it a `default:` under `groups:`",
                )


def filled_texts(rule: Rule) -> Iterator[tuple[Path, str, Template]]:
    """What of a rule the groups of a path are put into: where it stands, how to call it, and its text."""
    yield ("item",), "The Item id", rule.item
    yield ("asset",), "The asset key", rule.asset_key
    for change in rule.changes:
        if change.default is None:
            yield ("groups", change.name), f"The group {change.name!r}", change.source
    for name, value in rule.properties.items():
        if isinstance(value, Mapping) and "from" in value:
            yield ("properties", name), f"The property {name!r}", Template(f"{{{value['from']}}}")
        for steps, template in templates_in(value):
            yield ("properties", name, *steps), f"The property {name!r}", template
    for steps, template in templates_in(rule.links):
        yield ("links", *steps), f"The link {rule.links[int(steps[0])]['rel']!r}", template
    for asset in rule.assets:
        for place, template in templates_in(asset.texts):
            yield ("assets", asset.key, *place), f"The {place[0]} of the asset {asset.key!r}", template


def listed(names: Iterable[str]) -> str:
    """The names as a sentence has them."""
    return ", ".join(sorted(names)) or "none"
