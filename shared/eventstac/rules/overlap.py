"""Finds two rules that would both match some blob, with a path that shows it."""

from itertools import combinations

from eventstac.blob_urls import BlobName
from eventstac.rules.automaton import common_text
from eventstac.rules.document import Document, Path
from eventstac.rules.loaded import match_rule
from eventstac.rules.model import CollectionRules, Rule
from eventstac.rules.pattern import Pattern

Placed = tuple[Path, CollectionRules, Rule]


def check_overlaps(document: Document, collections: tuple[CollectionRules, ...]) -> None:
    """Note each pair of rules that overlap. Every path that is named was matched by both."""
    placed: list[Placed] = [
        (("collections", collection.id, "rules", index, "pattern"), collection, rule)
        for collection in collections
        for index, rule in enumerate(collection.rules)
    ]
    for earlier, later in combinations(placed, 2):
        path = shared_path(earlier, later)
        if path is None:
            continue
        who, where = earlier[2].name, document.line(earlier[0])
        document.mistake(
            later[0],
            f"The rules {who!r} (line {where}) and {later[2].name!r} both match {path!r}",
            "Narrow one of the two patterns, e.g. {name:[a-z]+} for {name}, or give them different containers",
        )


def shared_path(one: Placed, other: Placed) -> str | None:
    """A path that both rules match, None where none was found."""
    containers = _shared_containers(one[2], other[2])
    if not containers:
        return None
    for first in one[2].patterns:
        for second in other[2].patterns:
            path = _shared(first, second)
            if path is None:
                continue
            name = BlobName("https://account.blob.core.windows.net", containers[0], path)
            matches = [match_rule(collection, rule, name) for _, collection, rule in (one, other)]
            if not any(isinstance(match, str) for match in matches):
                return path
    return None


def _shared_containers(one: Rule, other: Rule) -> list[str]:
    if not one.containers or not other.containers:
        return list(one.containers or other.containers or ("container",))
    return sorted(set(one.containers) & set(other.containers))


def _shared(first: Pattern, second: Pattern) -> str | None:
    prefixes = [_literal_prefix(first), _literal_prefix(second)]
    shortest = min(len(prefix) for prefix in prefixes)
    if prefixes[0][:shortest] != prefixes[1][:shortest]:
        return None
    return common_text(first.regex, second.regex)


def _literal_prefix(pattern: Pattern) -> str:
    """The text that every path of a glob begins with: cheap to compare, and mostly enough."""
    if pattern.text.startswith("regex:"):
        return ""
    ends = [at for at in (pattern.text.find(special) for special in "*?[{}") if at >= 0]
    return pattern.text[: min(ends, default=len(pattern.text))]
