"""Checks the links that a rule gives its Items."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import jsonschema_rs

from eventstac.rules.checks.date_groups import may_hold
from eventstac.rules.checks.group_checks import check_taken
from eventstac.rules.document import Document, Path
from eventstac.rules.groups import GroupChange, Template, templates_in
from eventstac.rules.model import Rule

# The API writes these itself, of Items and of pages of them.
_OWN = ("self", "root", "parent", "collection", "item", "items", "next", "prev")
_WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s]")
_LEADING = re.compile(r"\{([A-Za-z_]\w*)\}", re.ASCII)
_DIGITS = re.compile("[0-9]*")
_ENCODED = (
    "Write %5B for [, %3C for <, %20 for a space, %25 for a % of its own, one # at most, a number as the port"
)


def check_links(document: Document, path: Path, rule: Rule, groups: set[str]) -> None:
    """Note links that no Item can have, and groups without a source in their texts."""
    samples = _samples(rule) if rule.links else {}
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
        sample = _sample(link["href"], samples)
        if not _WHOLE.match(sample):
            what = f"The address of the link {link['rel']!r} is no absolute URL: {link['href']!r}"
            document.mistake((*where, "href"), what, "Write it whole, as https://example.org/scenes/{item}")
        elif not _formats().is_valid(sample):
            _note_no_url(document, (*where, "href"), link["rel"], link["href"])
        else:
            addresses = set(_addresses(link["href"], rule.changes, samples))
            whole = {each for each in addresses if _WHOLE.match(each)}
            for address in sorted(whole):
                if not _formats().is_valid(address):
                    _note_no_url(document, (*where, "href"), link["rel"], address)
            if whole != addresses:
                _warn_of_beginning(document, (*where, "href"), who)


def _note_no_url(document: Document, path: Path, rel: str, address: str) -> None:
    what = f"The address of the link {rel!r} is no URL, Items with it are rejected: {address!r}"
    document.mistake(path, what, _ENCODED)


def _warn_of_beginning(document: Document, path: Path, who: str) -> None:
    what = f"{who} begins with a group that need not be the beginning of an address: {document.at(path)!r}"
    instead = "Write it before the group, as https://example.org/, or make it by a `lookup` or a `template`"
    document.warn(path, what, instead)


def _samples(rule: Rule) -> dict[str, str]:
    """A text of each group: a number where it is nothing else, as it may be a port then, and else a word."""
    words = {name for each in rule.patterns for name in each.groups if may_hold(each, name, ".*[^0-9].*")}
    samples = {name: "x" if name in words else "1" for each in rule.patterns for name in each.groups}
    for change in rule.changes:
        made = [_filled(change.source.text, samples)] if change.lookup is None else change.lookup.values()
        texts = [*made, *([] if change.default is None else [change.default])]
        samples[change.name] = "1" if all(map(_DIGITS.fullmatch, texts)) else "x"
    return samples


def _sample(href: str, samples: Mapping[str, str]) -> str:
    """An address as it may become; a group that it begins with has the beginning of one."""
    filled = _filled(href, samples)
    return f"https://{filled}" if _LEADING.match(href) else filled


def _filled(text: str, samples: Mapping[str, str]) -> str:
    template = Template(text)
    return template.fill({name: samples.get(name, "x") for name in template.groups})


def _addresses(text: str, changes: Sequence[GroupChange], samples: Mapping[str, str]) -> Iterator[str]:
    """What an address may become by the tables and templates that its first group is of; nothing for another group."""
    leading = _LEADING.match(text)
    if leading is None:
        yield _filled(text, samples)
        return
    made = [index for index, change in enumerate(changes) if change.name == leading[1]]
    if not made:
        yield ""  # a group of a path has no :// in it
        return
    change = changes[made[-1]]
    plain = [*(change.lookup or {}).values(), *([] if change.default is None else [change.default])]
    texts = [each.replace("{", "{{").replace("}", "}}") for each in plain]
    texts += [change.source.text] if change.lookup is None else []
    for each in dict.fromkeys(texts):
        yield from _addresses(each + text[leading.end() :], changes[: made[-1]], samples)


@cache
def _formats() -> jsonschema_rs.Draft7Validator:
    """What the address of an Item's link must be by STAC's schema."""
    return jsonschema_rs.Draft7Validator({"format": "iri-reference"}, validate_formats=True)
