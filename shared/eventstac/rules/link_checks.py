"""Checks the links that a rule gives its Items."""

import re
from functools import cache

import jsonschema_rs

from eventstac.rules.document import Document, Path
from eventstac.rules.group_checks import check_taken
from eventstac.rules.groups import Template, templates_in
from eventstac.rules.model import Rule

_OWN = ("self", "root", "parent", "collection", "item", "items")  # the API writes these itself
_WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s]")
_ENCODED = (
    "Write %5B for [, %3C for <, %20 for a space, %25 for a % of its own, one # at most, a number as the port"
)


def check_links(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    """Note links that no Item can have, and groups without a source in their texts."""
    for index, link in enumerate(rule.links):
        where = (*path, "links", index)
        who = f"The link {link['rel']!r}"
        for steps, template in templates_in(link):
            check_taken(document, (*where, *steps), template, groups, who)
        if link["rel"] in _OWN:
            what = f"{who} is one that the API writes itself"
            document.mistake(
                (*where, "rel"), what, "Leave it out, or call it by what it is: license, via, about"
            )
        sample = _sample(link["href"])
        if not _WHOLE.match(sample):
            what = f"The address of the link {link['rel']!r} is no absolute URL: {link['href']!r}"
            document.mistake((*where, "href"), what, "Write it whole, as https://example.org/scenes/{item}")
        elif not _formats().is_valid(sample):
            what = f"The address of the link {link['rel']!r} is no URL, Items with it are rejected: {link['href']!r}"
            document.mistake((*where, "href"), what, _ENCODED)


def _sample(href: str) -> str:
    """An address as it may become; a group that it begins with has the beginning of one."""
    template = Template(href)
    filled = template.fill(dict.fromkeys(template.groups, "x"))
    return f"https://{filled}" if href.startswith("{") and not href.startswith("{{") else filled


@cache
def _formats() -> jsonschema_rs.Draft7Validator:
    """What the address of an Item's link must be by STAC's schema."""
    return jsonschema_rs.Draft7Validator({"format": "iri-reference"}, validate_formats=True)
