"""Pages for people: the same documents, readable in a browser without a script."""

import re
from collections.abc import Callable, Container, Mapping
from html import escape
from urllib.parse import parse_qsl, unquote

from stac_api.html import (
    Context,
    Json,
    anchor,
    entries,
    grid,
    href,
    links,
    members,
    page,
    paging,
    picture,
    shortened,
    table,
    text,
)
from stac_api.links import OWN_COLLECTION_LINKS, OWN_ITEM_LINKS, for_people

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
    body = f"<p>{escape(doc['description'])}</p><h2>Collections</h2>{listed}<h2>More</h2><ul>{others}</ul>"
    return page(doc["title"], body, doc, context)


def collections(doc: Json, context: Context) -> str:
    """A list of collections."""
    rows = (
        (anchor(href(each, "self"), _name(each)), escape(shortened(text(each.get("description")))))
        for each in doc["collections"]
    )
    listed = grid(f"{doc['numberMatched']} collections", ("Collection", "About"), rows)
    return page("Collections", listed + paging(doc), doc, context)


def collection(doc: Json, context: Context) -> str:
    """One collection."""
    here, extent = href(doc, "self"), members(doc.get("extent"))
    times = _first(members(extent.get("temporal")).get("interval"))
    shown = {
        "id": doc.get("id"),
        "license": doc.get("license"),
        "keywords": doc.get("keywords"),
        "bbox": _first(members(extent.get("spatial")).get("bbox")),
        "time": " to ".join(text(each) or "open" for each in times) if isinstance(times, list) else times,
    }
    below = (
        ("Items", f"{here}/items"),
        ("Queryables", f"{here}/queryables"),
        ("Statistics", f"{here}/statistics"),
    )
    body = (
        f"<p>{escape(text(doc.get('description')))}</p>"
        f"<ul>{''.join(f'<li>{anchor(target, name)}</li>' for name, target in below)}</ul>"
        f"{table('About', shown)}{table('Summaries', doc.get('summaries'))}{_elsewhere(doc, OWN_COLLECTION_LINKS)}"
    )
    return page(_name(doc), body, doc, context)


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
    return page("Items", _form(context, href(doc, "self")) + listed + paging(doc), doc, context)


def item(doc: Json, context: Context) -> str:
    """One Item."""
    listed, name = doc.get("assets"), text(doc.get("id"))
    assets = {key: each for key, each in members(listed).items() if isinstance(each, dict)}
    rows = (
        (
            anchor(text(each.get("href")), text(each.get("title")) or key),
            escape(text(each.get("type"))),
            escape(text(each.get("roles"))),
        )
        for key, each in assets.items()
    )
    pictures = [
        shown
        for each in assets.values()
        if "thumbnail" in entries(each.get("roles"))
        and (shown := picture(text(each.get("href")), f"Thumbnail of {name}"))
    ]
    files = grid("Assets", ("File", "Type", "Roles"), rows)
    body = (
        "".join(pictures[:1])
        + (files if isinstance(listed, dict) else table("Assets", listed))
        + table("Properties", doc.get("properties"))
        + _elsewhere(doc, OWN_ITEM_LINKS)
        + table("Where", {"bbox": doc.get("bbox")})
    )
    return page(name, body, doc, context)


def _elsewhere(doc: Json, own: Container[str]) -> str:
    """The links that a document was stored with: those of the API are around the page."""
    this = for_people(href(doc, "self"))
    stored = [each for each in links(doc) if each != this and text(each.get("rel")) not in own]
    rows = (
        (
            anchor(text(each.get("href")), text(each.get("title")) or text(each.get("href"))),
            escape(text(each.get("rel"))),
            escape(text(each.get("type"))),
        )
        for each in stored
    )
    return grid("Links", ("Address", "Relation", "Type"), rows) if stored else ""


def queryables(doc: Json, context: Context) -> str:
    """What can be filtered by."""
    kinds = {name: _kind(members(each)) for name, each in members(doc["properties"]).items()}
    return page(doc["title"], table("Properties", kinds), doc, context)


def api(doc: Json, context: Context) -> str:
    """The API's description: every address with its parameters, body and answers."""
    sections = "".join(
        f"<h2>{escape(method.upper())} {escape(path)}</h2><p>{escape(operation['summary'])}</p>"
        + table("Parameters", _parameters(operation, doc))
        + table("Body", _body(operation, doc))
        + table("Answers", {status: _told(each) for status, each in operation["responses"].items()})
        for path, operations in doc["paths"].items()
        for method, operation in operations.items()
    )
    raw = f"<p>{anchor(f'{context.base}/api', 'The same as OpenAPI 3.0.3')}</p>"
    return page(f"API of {context.title}", raw + sections, {}, context)


def plain(title: str) -> Callable[[Json, Context], str]:
    """A page that lists a document's members."""

    def listing(doc: Json, context: Context) -> str:
        shown = {name: value for name, value in doc.items() if name != "links"}
        return page(title, table("Content", shown), doc, context)

    return listing


def error(problem: Mapping[str, str], context: Context) -> str:
    """A page that says what went wrong."""
    return page(problem["code"], f"<p>{escape(problem['description'])}</p>", {}, context)


def _form(context: Context, asked_at: str) -> str:
    """What to search for; filled in with what was asked at this address."""
    address, _, query = asked_at.partition("?")
    asked = dict(parse_qsl(query))
    if within := _ITEMS_OF.search(address):
        asked["collections"] = unquote(within[1])
    fields = (
        ("collections", "Collections", "all"),
        ("bbox", "Box: west,south,east,north", "-10,35,30,60"),
        ("datetime", "Time", "2024-01-01T00:00:00Z/.."),
        ("filter", "Filter (CQL2)", "gsd < 20"),
    )
    inputs = "".join(
        f'<label>{escape(label)}<input name="{name}" placeholder="{escape(hint)}"{_filled(asked.get(name))}></label>'
        for name, label, hint in fields
    )
    action = escape(f"{context.base}/search")
    return f'<form action="{action}" aria-label="Search Items">{inputs}<button>Search</button></form>'


_ITEMS_OF = re.compile(r"/collections/([^/]+)/items\Z")


def _filled(value: str | None) -> str:
    return f' value="{escape(value)}"' if value else ""


def _name(doc: Json) -> str:
    return text(doc.get("title")) or text(doc.get("id"))


def _first(value: object) -> object:
    """The first entry: that of the whole."""
    return value[0] if isinstance(value, list) and value else value


def _time(doc: Json) -> str:
    properties = members(doc.get("properties"))
    ends = [text(properties.get(name)) for name in ("start_datetime", "end_datetime")]
    return " – ".join(filter(None, ends)) or text(properties.get("datetime"))


def _kind(queryable: Json) -> object:
    return queryable.get("type") or queryable.get("$ref") or "anything"


def _parameters(operation: Json, doc: Json) -> dict[str, str]:
    shared = doc["components"]["parameters"]
    listed = [shared.get(_last_of_ref(each), each) for each in operation.get("parameters", [])]
    return {each["name"]: each.get("description", "in the path") for each in listed}


def _last_of_ref(described: Json) -> str:
    """The name of what it refers to, if it does."""
    return str(described.get("$ref", "")).rpartition("/")[2]


def _body(operation: Json, doc: Json) -> dict[str, str]:
    """The members of an operation's body, if it takes one."""
    members: dict[str, str] = {}
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        name = _last_of_ref(content["schema"])
        schema = doc["components"]["schemas"][name] if name else content["schema"]
        members |= {
            each: part.get("description") or part.get("type", "anything")
            for each, part in schema.get("properties", {"": {"type": kind}}).items()
        }
    return members


def _told(response: Json) -> str:
    kinds = ", ".join(response.get("content", {}))
    return f"{response['description']} ({kinds})" if kinds else str(response["description"])
