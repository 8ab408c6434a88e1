"""The table of a document's assets."""

from collections.abc import Sequence
from html import escape

from stac_api.html import anchor, breakable, grid, table, text


def asset_table(caption: str, listed: object) -> str:
    """Assets, or what a Collection says of those of its Items; what is no such thing is shown as it is."""
    if not isinstance(listed, dict):
        return table(caption, listed)
    return grid(caption, ("Asset", "Type", "Roles"), (_row(key, asset) for key, asset in listed.items()))


def _row(key: str, asset: object) -> Sequence[str]:
    """What it is called: its key, or where that is empty its address, and its title."""
    if not isinstance(asset, dict):
        return "<br>".join(filter(None, (escape(key), escape(text(asset))))), "", ""
    address = text(asset.get("href"))
    names = anchor(address, key or address), escape(text(asset.get("title")))
    return (
        "<br>".join(filter(None, names)),
        breakable(text(asset.get("type"))),
        escape(text(asset.get("roles"))),
    )
