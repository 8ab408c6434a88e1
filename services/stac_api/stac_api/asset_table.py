"""The table of a document's assets."""

from html import escape

from stac_api.html import anchor, breakable, grid, table, text


def asset_table(caption: str, listed: object) -> str:
    """Assets, or what a Collection says of those of its Items; what is no such thing is shown as it is."""
    if not isinstance(listed, dict):
        return table(caption, listed)
    rows = (
        (
            "<br>".join(filter(None, (anchor(text(each.get("href")), key), escape(text(each.get("title")))))),
            breakable(text(each.get("type"))),
            escape(text(each.get("roles"))),
        )
        for key, each in listed.items()
        if isinstance(each, dict)
    )
    return grid(caption, ("Asset", "Type", "Roles"), rows)
