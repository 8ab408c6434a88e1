"""The table of the links that a document was stored with."""

from collections.abc import Container
from html import escape

from stac_api.html import Json, anchor, grid, href, links, text
from stac_api.links import for_people


def link_table(doc: Json, own: Container[str]) -> str:
    """Those that lead anywhere and are not of the API's `own` kinds, which are around the page."""
    this = for_people(href(doc, "self"))
    stored = [
        each for each in links(doc) if each != this and text(each.get("rel")) not in own and each.get("href")
    ]
    rows = (
        (
            anchor(text(each.get("href")), text(each.get("title")) or text(each.get("href"))),
            escape(text(each.get("rel"))),
            escape(text(each.get("type"))),
        )
        for each in stored
    )
    return grid("Links", ("Address", "Relation", "Type"), rows) if stored else ""
