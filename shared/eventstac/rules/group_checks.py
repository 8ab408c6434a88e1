"""Checks that what a rule fills with the groups of a path has them."""

from collections.abc import Iterable

from eventstac.rules.document import Document, Path
from eventstac.rules.groups import Template


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


def listed(names: Iterable[str]) -> str:
    """The names as a sentence has them."""
    return ", ".join(sorted(names)) or "none"
