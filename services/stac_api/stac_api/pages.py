"""Pages for people of documents that are not of one Collection or Item, readable in a browser without a script."""

from collections.abc import Callable, Mapping
from html import escape

from stac_api.html import (
    Context,
    Json,
    anchor,
    breakable,
    cell,
    grid,
    href,
    members,
    page,
    prose,
    table,
    text,
)
from stac_api.search_form import search_form

_MORE = (
    ("All collections", "data"),
    ("Search", "search"),
    ("Conformance", "conformance"),
    ("The API", "service-doc"),
)


def landing(doc: Json, context: Context) -> str:
    """The catalog and its collections."""
    children = [each for each in doc["links"] if each["rel"] == "child"]
    rows = "".join(f"<li>{anchor(each['href'], each['title'])}</li>" for each in children)
    others = "".join(f"<li>{anchor(href(doc, rel), name)}</li>" for name, rel in _MORE)
    listed = f"<ul>{rows}</ul>" if rows else "<p>There are no collections yet.</p>"
    body = f"{prose(doc['description'])}<h2>Collections</h2>{listed}<h2>More</h2><ul>{others}</ul>"
    return page(doc["title"], body, doc, context)


def queryables(doc: Json, context: Context) -> str:
    """What can be filtered by."""
    rows = (
        (breakable(name), escape(text(members(each).get("title"))), cell(_kind(members(each))))
        for name, each in members(doc["properties"]).items()
    )
    return page(doc["title"], grid("Properties", ("Name", "Title", "Type"), rows), doc, context)


def plain(title: str) -> Callable[[Json, Context], str]:
    """A page that lists a document's members."""

    def listing(doc: Json, context: Context) -> str:
        shown = {name: value for name, value in doc.items() if name != "links"}
        return page(title, table("Content", shown), doc, context)

    return listing


def error(problem: Mapping[str, str], context: Context, searched_at: str | None = None) -> str:
    """A page that says what went wrong; below the form with what was asked, where a search was asked for there."""
    form = "" if searched_at is None else search_form(context, searched_at)
    return page(problem["code"], prose(problem["description"]) + form, {}, context)


def _kind(queryable: Json) -> object:
    kind, form = queryable.get("type"), text(queryable.get("format"))
    if kind:
        return f"{text(kind)} ({form})" if form else kind
    return queryable.get("$ref") or form or "anything"
