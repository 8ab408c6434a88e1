"""Pages for people: the same documents, readable in a browser without a script."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Protocol

Json = dict[str, Any]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; img-src * data:; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
}

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:light-dark(#0b57a4,#8ec1ff)}
body{font:1rem/1.5 system-ui,sans-serif;max-width:62rem;margin:0 auto;padding:1rem 1.25rem 4rem}
a{color:var(--link)}a:focus-visible{outline:3px solid;outline-offset:2px}
header{border-bottom:1px solid var(--line);padding-bottom:.5rem;margin-bottom:1.5rem}
h1{line-height:1.2;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th[scope=row]{font-weight:500;width:16rem}pre{background:var(--soft);padding:.75rem;overflow:auto}
img{max-width:100%;height:auto;border:1px solid var(--line)}.soft{opacity:.75}
"""


class Context(Protocol):
    """What a page needs beside the document."""

    @property
    def base(self) -> str:
        """The landing page's address, without a slash at its end."""

    @property
    def title(self) -> str:
        """The catalog's title."""


def landing(doc: Json, context: Context) -> str:
    """The catalog and its collections."""
    children = [each for each in doc["links"] if each["rel"] == "child"]
    rows = "".join(f"<li>{_a(each['href'], each.get('title') or each['href'])}</li>" for each in children)
    others = "".join(
        f"<li>{_a(each['href'], name)}</li>"
        for name, rel in (("All collections", "data"), ("Search", "search"), ("Conformance", "conformance"),
                          ("About the API", "service-doc"))
        for each in [next(found for found in doc["links"] if found["rel"] == rel)]
    )  # fmt: skip
    listed = f"<ul>{rows}</ul>" if rows else "<p>There are no collections yet.</p>"
    body = f"<p>{escape(doc['description'])}</p><h2>Collections</h2>{listed}<h2>More</h2><ul>{others}</ul>"
    return _page(doc["title"], body, doc, context)


def collections(doc: Json, context: Context) -> str:
    """A list of collections."""
    rows = "".join(
        f'<tr><th scope="row">{_a(_href(each, "self"), each.get("title") or each["id"])}</th>'
        f"<td>{escape(_shortened(each.get('description', '')))}</td></tr>"
        for each in doc["collections"]
    )
    body = f"<table><caption>{doc['numberMatched']} collections</caption><tbody>{rows}</tbody></table>"
    return _page("Collections", body + _paging(doc), doc, context)


def collection(doc: Json, context: Context) -> str:
    """One collection."""
    shown = {"id": doc["id"], "license": doc.get("license"), "keywords": doc.get("keywords")}
    extent = doc.get("extent", {})
    shown["bbox"] = (extent.get("spatial", {}).get("bbox") or [None])[0]
    shown["time"] = (extent.get("temporal", {}).get("interval") or [None])[0]
    body = (
        f"<p>{escape(doc.get('description', ''))}</p>"
        f"<p>{_a(_href(doc, 'items'), 'Items of this collection')}</p>"
        f"{_properties('About', shown)}{_properties('Summaries', doc.get('summaries', {}))}"
    )
    return _page(doc.get("title") or doc["id"], body, doc, context)


def items(doc: Json, context: Context) -> str:
    """A page of Items."""
    rows = "".join(_item_row(each) for each in doc["features"])
    matched = f" of {doc['numberMatched']}" if "numberMatched" in doc else ""
    body = (
        f"<table><caption>{doc['numberReturned']}{matched} Items</caption>"
        '<thead><tr><th scope="col">Item</th><th scope="col">Collection</th><th scope="col">Time</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    return _page("Items", body + _paging(doc), doc, context)


def item(doc: Json, context: Context) -> str:
    """One Item."""
    assets: Mapping[str, Json] = doc.get("assets") or {}
    rows = "".join(
        f'<tr><th scope="row">{_a(each.get("href", ""), each.get("title") or key)}</th>'
        f"<td>{escape(str(each.get('type', '')))}</td><td>{escape(', '.join(each.get('roles', [])))}</td></tr>"
        for key, each in assets.items()
    )
    thumbnail = next((each["href"] for each in assets.values() if "thumbnail" in each.get("roles", [])), None)
    picture = (
        f'<p><img src="{escape(thumbnail)}" alt="Thumbnail of {escape(doc["id"])}"></p>' if thumbnail else ""
    )
    body = (
        f"{picture}<table><caption>Assets</caption><thead><tr><th scope='col'>File</th><th scope='col'>Type</th>"
        f"<th scope='col'>Roles</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{_properties('Properties', doc.get('properties', {}))}"
        f"{_properties('Where', {'bbox': doc.get('bbox')})}"
    )
    return _page(doc["id"], body, doc, context)


def queryables(doc: Json, context: Context) -> str:
    """What can be filtered by."""
    kinds = {name: each.get("type") or each.get("$ref") or "" for name, each in doc["properties"].items()}
    return _page(doc["title"], _properties("Properties", kinds), doc, context)


def api(doc: Json, context: Context) -> str:
    """The API's description: every address with its parameters."""
    sections = "".join(
        f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(operation['summary'])}</p>"
        + _properties(
            "Parameters",
            {
                each["name"]: each.get("description", "in the path")
                for each in operation.get("parameters", [])
            },
        )
        for path, operations in doc["paths"].items()
        for method, operation in operations.items()
    )
    raw = f"<p>{_a(f'{context.base}/api', 'The same as OpenAPI 3.0.3')}</p>"
    return _page(f"API of {context.title}", raw + sections, {}, context)


def plain(title: str) -> Callable[[Json, Context], str]:
    """A page that lists a document's members."""

    def page(doc: Json, context: Context) -> str:
        return _page(title, _properties("Content", doc), doc, context)

    return page


def error(problem: Mapping[str, str], context: Context) -> str:
    """A page that says what went wrong."""
    return _page(problem["code"], f"<p>{escape(problem['description'])}</p>", {}, context)


def _page(title: str, body: str, doc: Json, context: Context) -> str:
    here = next((each["href"] for each in doc.get("links", []) if each["rel"] == "self"), None)
    up = next((each["href"] for each in doc.get("links", []) if each["rel"] == "parent"), None)
    crumbs = _a(f"{context.base}/", context.title) + (
        f" › {_a(up, 'up')}" if up and up != f"{context.base}/" else ""
    )
    raw = f'<p class="soft">{_a(_as_json(here), "This page as JSON")}</p>' if here else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f'<header><nav aria-label="Breadcrumb">{crumbs}</nav></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main><footer>{raw}</footer></body></html>"
    )


def _item_row(doc: Json) -> str:
    properties = doc.get("properties", {})
    time = properties.get("datetime") or " – ".join(
        str(properties[name]) for name in ("start_datetime", "end_datetime") if properties.get(name)
    )
    return (
        f'<tr><th scope="row">{_a(_href(doc, "self"), doc["id"])}</th><td>{escape(str(doc.get("collection", "")))}</td>'
        f"<td>{escape(time)}</td></tr>"
    )


def _properties(caption: str, values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_value(value)}</td></tr>'
        for name, value in values.items()
        if value not in (None, "", [], {})
    )
    return f"<table><caption>{escape(caption)}</caption><tbody>{rows}</tbody></table>" if rows else ""


def _value(value: Any) -> str:
    if isinstance(value, list):
        return (
            "<br>".join(_value(each) for each in value)
            if any(isinstance(v, dict) for v in value)
            else escape(", ".join(str(each) for each in value))
        )
    if isinstance(value, dict):
        return "<br>".join(f"{escape(name)}: {_value(each)}" for name, each in value.items())
    if isinstance(value, str) and value.startswith(("https://", "http://")):
        return _a(value, value)
    return escape(str(value))


def _paging(doc: Json) -> str:
    links = [
        _a(each["href"], {"next": "Next page", "prev": "Previous page"}[each["rel"]])
        for each in doc["links"]
        if each["rel"] in ("prev", "next") and each.get("method", "GET") == "GET"
    ]
    return f'<nav aria-label="Pages">{" · ".join(links)}</nav>' if links else ""


def _href(doc: Json, rel: str) -> str:
    return str(next((each["href"] for each in doc.get("links", []) if each["rel"] == rel), ""))


def _as_json(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}f=json"


def _a(href: str, text: str) -> str:
    """A link; an href that is no web address (an asset may say anything) stays text."""
    if not href.startswith(("https://", "http://", "/")):
        return escape(text)
    return f'<a href="{escape(href)}">{escape(text)}</a>'


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
