"""Pages of Items."""

from html import escape

from stac_api.asset_table import asset_table
from stac_api.html import (
    Context,
    Json,
    anchor,
    entries,
    grid,
    href,
    members,
    page,
    paging,
    picture,
    table,
    text,
)
from stac_api.link_table import link_table
from stac_api.links import OWN_ITEM_LINKS
from stac_api.search_form import search_form


def items(doc: Json, context: Context) -> str:
    """A page of Items, with a form to search for others."""
    rows = (
        (
            anchor(href(each, "self"), text(each.get("id"))),
            escape(text(each.get("collection"))),
            escape(_time(each)),
        )
        for each in doc["features"]
    )
    matched = f" of {doc['numberMatched']}" if "numberMatched" in doc else ""
    listed = grid(f"{doc['numberReturned']}{matched} Items", ("Item", "Collection", "Time"), rows)
    return page("Items", search_form(context, href(doc, "self")) + listed + paging(doc), doc, context)


def item(doc: Json, context: Context) -> str:
    """One Item."""
    name = text(doc.get("id"))
    pictures = [
        shown
        for each in members(doc.get("assets")).values()
        if "thumbnail" in entries(members(each).get("roles"))
        and (shown := picture(text(each.get("href")), f"Thumbnail of {name}"))
    ]
    body = (
        "".join(pictures[:1])
        + asset_table("Assets", doc.get("assets"))
        + table("Properties", doc.get("properties"))
        + link_table(doc, OWN_ITEM_LINKS)
        + table("Where", {"bbox": doc.get("bbox")})
    )
    return page(name, body, doc, context)


def _time(doc: Json) -> str:
    properties = members(doc.get("properties"))
    ends = [text(properties.get(name)) for name in ("start_datetime", "end_datetime")]
    return " – ".join(filter(None, ends)) or text(properties.get("datetime"))
