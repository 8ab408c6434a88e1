"""The links of an Item: to its Collection, and to where the rules of its blobs say."""

from collections.abc import Iterable

from eventstac.compose.shown import Shown
from eventstac.errors import Rejected


def links_of(collection: str, sources: Iterable[Shown]) -> list[dict[str, str]]:
    """Each link once by what it is and where it leads, in the order of assets and rules.

    Errors: Rejected `bad-link` for a group that a path lacks.
    """
    links = [{"rel": "collection", "href": f"../{collection}", "type": "application/json"}]
    links += [link for shown in sources for link in _by_rule(shown)]
    found: dict[tuple[str, str], dict[str, str]] = {}
    for link in links:
        found.setdefault((link["rel"], link["href"]), link)
    return list(found.values())


def _by_rule(shown: Shown) -> list[dict[str, str]]:
    try:
        return shown.rule.links_for(shown.fact.match.groups)
    except KeyError as error:
        raise Rejected(
            "bad-link",
            f"{shown.fact.url}: the rule {shown.rule.name!r} cannot give its links: the path has no {error.args[0]!r}",
        ) from error
