"""Pages of Collections."""

from collections.abc import Sequence
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
    name_of,
    page,
    paging,
    prose,
    shortened,
    table,
    text,
)
from stac_api.link_table import link_table
from stac_api.links import OWN_COLLECTION_LINKS

# What has a place of its own on the page, or says only what kind of document this is.
_NOT_ABOUT = frozenset(
    {
        *("type", "stac_version", "title", "description", "extent", "links"),
        *("providers", "summaries", "assets", "item_assets"),
    }
)


def collections(doc: Json, context: Context) -> str:
    """A list of collections."""
    rows = (
        (anchor(href(each, "self"), name_of(each)), escape(shortened(text(each.get("description")))))
        for each in doc["collections"]
    )
    listed = grid(f"{doc['numberMatched']} collections", ("Collection", "About"), rows)
    return page("Collections", listed + paging(doc), doc, context)


def collection(doc: Json, context: Context) -> str:
    """One collection."""
    here, extent = href(doc, "self"), members(doc.get("extent"))
    times = _first(members(extent.get("temporal")).get("interval"))
    shown = {
        "bbox": _first(members(extent.get("spatial")).get("bbox")),
        "time": " to ".join(text(each) or "open" for each in times) if isinstance(times, list) else times,
    }
    others = {name: value for name, value in doc.items() if name not in _NOT_ABOUT}
    below = (
        ("Items", f"{here}/items"),
        ("Queryables", f"{here}/queryables"),
        ("Statistics", f"{here}/statistics"),
    )
    body = (
        prose(doc.get("description"))
        + f"<ul>{''.join(f'<li>{anchor(target, name)}</li>' for name, target in below)}</ul>"
        + table("About", {**others, **shown})
        + _provider_table(doc.get("providers"))
        + (asset_table("Assets", doc["assets"]) if doc.get("assets") else "")
        + (asset_table("Assets of its Items", doc["item_assets"]) if doc.get("item_assets") else "")
        + table("Summaries", doc.get("summaries"))
        + link_table(doc, OWN_COLLECTION_LINKS)
    )
    return page(name_of(doc), body, doc, context)


def _provider_table(listed: object) -> str:
    """Who made, processed and hosts it: naming them is often a condition of the license."""
    told = [each for each in entries(listed) if each]
    if not any(isinstance(each, dict) for each in told):
        return table("Providers", listed)
    return grid("Providers", ("Name", "Roles", "About"), map(_provider, told))


def _provider(told: object) -> Sequence[str]:
    """Its row; what is no object is taken for its name."""
    if not isinstance(told, dict):
        return escape(text(told)), "", ""
    address = text(told.get("url"))
    name = anchor(address, text(told.get("name")) or address)
    return name, escape(text(told.get("roles"))), escape(text(told.get("description")))


def _first(value: object) -> object:
    """The first entry: that of the whole."""
    return value[0] if isinstance(value, list) and value else value
