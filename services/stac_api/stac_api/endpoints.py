"""What each address answers."""

from dataclasses import replace
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from stac_api import collection_pages, collection_writer, conformance, item_pages, pages, searches
from stac_api.answers import Services, answer, base, document, header, services
from stac_api.bases import STAC_VERSION
from stac_api.collection_search import token_from_offset
from stac_api.deep_json import as_json, from_json
from stac_api.errors import BadRequest, NotFound, TooLarge, UnsupportedCoding, UnsupportedMedia
from stac_api.features import Parts, wrap
from stac_api.item_search import Page
from stac_api.links import (
    GEOJSON,
    HTML,
    JSON,
    OPENAPI,
    QUERYABLES,
    SCHEMA,
    collection_url,
    link,
)
from stac_api.page_links import Address, Posted
from stac_api.query_strings import pairs_of
from stac_api.routing import path_below_root
from stac_api.rows import OWN
from stac_api.searches import Search


async def landing(request: Request) -> Response:
    """The landing page: what this catalog is, and where to go."""
    here, settings = base(request), services(request).settings
    names = await services(request).collections.names()
    children = [link("child", collection_url(here, name), title=title or name) for name, title in names]
    links = [
        link("self", f"{here}/"),
        link("root", f"{here}/"),
        link("conformance", f"{here}/conformance"),
        link("data", f"{here}/collections"),
        link("search", f"{here}/search", GEOJSON, method="GET"),
        link("search", f"{here}/search", GEOJSON, method="POST"),
        link(QUERYABLES, f"{here}/queryables", SCHEMA, title="Queryables"),
        link("service-desc", f"{here}/api", OPENAPI),
        link("service-doc", f"{here}/api.html", HTML),
        *children,
    ]
    catalog = {
        "type": "Catalog",
        "id": settings.catalog_id,
        "title": settings.catalog_title,
        "description": settings.catalog_description,
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "conformsTo": conformance.CLASSES,
        "links": links,
    }
    return document(request, catalog, JSON, pages.landing)


async def elsewhere(request: Request) -> Response:
    """The same address with a slash more, or less."""
    path = path_below_root(request.scope)
    path = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{base(request)}{path}{query}")


async def conformance_classes(request: Request) -> Response:
    """The classes that the API conforms to."""
    return document(request, {"conformsTo": conformance.CLASSES}, JSON, pages.plain("Conformance"))


async def collections(request: Request) -> Response:
    """All collections, or those that a search finds."""
    app = services(request)
    given = pairs_of(request.scope)
    asked = [(key, value) for key, value in given if key not in _OF_ITEMS]
    search = searches.from_query(asked, app.settings, default_limit=_ALL_COLLECTIONS)
    if search.token is None and (offset := dict(given).get("offset")):
        search = replace(search, token=token_from_offset(offset))
    page = await app.turns.take(search, app.collections.page)
    here, address = base(request), Address(request)
    rows = [_shown(collection_writer.collection(row, here), search) for row in page.rows]
    links = [
        link("self", address.url),
        address.for_people(),
        link("parent", f"{here}/"),
        link("root", f"{here}/"),
        link(QUERYABLES, f"{here}/collections-queryables", SCHEMA, title="Queryables of collections"),
    ]
    if page.end < page.matched:
        links.append(address.page("next", f"next:{page.end}", JSON))
    if page.begin:
        links.append(address.page("prev", f"prev:{page.begin}", JSON))
    body = collection_writer.collections(rows, links, page.matched)
    return answer(request, body, JSON, collection_pages.collections)


_ALL_COLLECTIONS = 1_000  # clients without paging should see them all; a catalog has dozens
_OF_ITEMS = ("collections", "ids", "intersects")  # no collection is asked for by these


async def collection(request: Request) -> Response:
    """One collection."""
    row = await services(request).collections.one(_name(request, "collection_id"))
    if row is None:
        raise _no_collection(request)
    return answer(
        request, collection_writer.collection(row, base(request)), JSON, collection_pages.collection
    )


async def items(request: Request) -> Response:
    """The Items of one collection."""
    name = _name(request, "collection_id")
    app = services(request)
    pairs = [(key, value) for key, value in pairs_of(request.scope) if key != "collections"]
    search = searches.from_query([*pairs, ("collections", "")], app.settings)
    search = searches.within(search, name)
    page = await app.turns.take(search, app.items.page)
    if not page.rows and await app.collections.one(name) is None:
        raise _no_collection(request)
    url = collection_url(base(request), name)
    links = [link("collection", url), link("parent", url)]
    return _found(request, app, search, page, links)


async def item(request: Request) -> Response:
    """One Item."""
    app = services(request)
    name, item_name = _name(request, "collection_id"), _name(request, "item_id")
    row = await app.items.one(name, item_name)
    if row is None:
        if item_name.endswith("/") and path_below_root(request.scope).endswith("/"):
            return await elsewhere(request)  # as at any other address
        if await app.collections.one(name) is None:
            raise _no_collection(request)
        raise NotFound(f"There is no Item {item_name!r} in collection {name!r}.")
    feature = app.writers.writer(base(request)).feature(row, alone=True)
    return answer(request, feature, GEOJSON, item_pages.item, modified=row[OWN])


async def get_search(request: Request) -> Response:
    """Item search by query string."""
    app = services(request)
    search = searches.from_query(pairs_of(request.scope), app.settings)
    return _found(request, app, search, await app.turns.take(search, app.items.page), [])


async def post_search(request: Request) -> Response:
    """Item search by JSON body."""
    app = services(request)
    most = app.settings.max_body_bytes
    body = await raw_body(request, most)
    asked = _parsed(body)
    search = searches.from_body(asked, app.settings)
    page = await app.turns.take(search, app.items.page)
    return _found(request, app, search, page, [], Posted(asked, body, most))


_SCHEMA_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Of one property in several Collections pgstac shows the first definition: not that others have fractions.
_QUERYABLES = """
SELECT get_queryables($1::text[])::text AS schema, ARRAY(
  SELECT name FROM queryables WHERE collection_ids IS NULL OR $1::text[] IS NULL OR collection_ids && $1::text[]
  GROUP BY name HAVING array_agg(DISTINCT definition->>'type') = '{integer,number}') AS numbers"""
_OF_COLLECTIONS = {
    "id": {"title": "Id", "type": "string"},
    "title": {"title": "Title", "type": "string"},
    "description": {"title": "Description", "type": "string"},
    "license": {"title": "License", "type": "string"},
    "keywords": {"title": "Keywords", "type": "array", "items": {"type": "string"}},
}


async def queryables(request: Request) -> Response:
    """What can be filtered by, in all collections or in one."""
    name = request.path_params.get("collection_id")
    app, here = services(request), base(request)
    if name is not None and await app.collections.one(_name(request, "collection_id")) is None:
        raise _no_collection(request)
    row = await app.database.row_of_pgstac(_QUERYABLES, None if name is None else [name])
    schema: dict[str, Any] = orjson.loads(row[0]) if row and row[0] else {"type": "object", "properties": {}}
    schema["$schema"] = _SCHEMA_DRAFT
    schema["$id"] = f"{here}/queryables" if name is None else f"{collection_url(here, name)}/queryables"
    schema["title"] = f"Queryables of {name or app.settings.catalog_title}"
    schema["properties"] = schema.get("properties") or {}
    numbers = set(row["numbers"] if row else ())  # none where there is no Collection
    for each in numbers & schema["properties"].keys():
        schema["properties"][each]["type"] = "number"
    return document(request, schema, SCHEMA, pages.queryables)


async def collection_queryables(request: Request) -> Response:
    """What collections can be filtered by: every member of theirs, these above all."""
    schema = {
        "$schema": _SCHEMA_DRAFT,
        "$id": f"{base(request)}/collections-queryables",
        "type": "object",
        "title": f"Queryables of the collections of {services(request).settings.catalog_title}",
        "properties": _OF_COLLECTIONS,
        "additionalProperties": True,
    }
    return document(request, schema, SCHEMA, pages.queryables)


async def json_body(request: Request, most: int) -> Any:
    """The request's body as JSON, read no further than the cap."""
    return _parsed(await raw_body(request, most))


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise BadRequest("body", f"no JSON: {error}") from error


async def raw_body(request: Request, most: int) -> bytes:
    """The request's body, which says that it is JSON, read no further than the cap."""
    kind = (header(request, b"content-type") or JSON).partition(";")[0].strip().lower()
    if kind not in (JSON, GEOJSON) and not kind.endswith("+json"):
        raise UnsupportedMedia(f"The body is {kind!r}, expected {JSON}.")
    codings = header(request, b"content-encoding") or ""
    if not all(each.strip().lower() in ("", "identity") for each in codings.split(",")):
        raise UnsupportedCoding(f"The body is encoded ({codings!r}): send it as it is.")
    told = header(request, b"content-length") or ""
    if told.isascii() and told.isdigit() and searches.number_of(told) > most:
        raise TooLarge(f"The body is larger than {most} bytes.")
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > most:
            raise TooLarge(f"The body is larger than {most} bytes.")
        if not message.get("more_body", False):
            return body


def _found(
    request: Request,
    app: Services,
    search: Search,
    page: Page,
    links: list[dict[str, Any]],
    posted: Posted | None = None,
) -> Response:
    """What a search found; `posted` is the body that asked for it."""
    here, address = base(request), Address(request, posted)
    writer = app.writers.writer(here)
    features: list[Parts] = (
        [writer.parts(row) for row in page.rows]
        if search.fields is None
        else [(_shown(writer.feature(row), search),) for row in page.rows]
    )
    links = [link("self", address.url, GEOJSON), link("root", f"{here}/"), *links]
    if request.method != "POST":
        links.append(address.for_people())
    if page.next:
        links.append(address.page("next", str(page.next), GEOJSON))
    if page.prev:
        links.append(address.page("prev", str(page.prev), GEOJSON))
    return answer(request, wrap(features, links, page.matched), GEOJSON, item_pages.items)


def _shown(document_: bytes, search: Search) -> bytes:
    if search.fields is None:
        return document_
    return as_json(search.fields.apply(from_json(document_)))


def _name(request: Request, parameter: str) -> str:
    name: str = request.path_params[parameter]
    if "\0" in name:
        raise NotFound("There is no such page.")
    return name


def _no_collection(request: Request) -> NotFound:
    return NotFound(f"There is no collection {request.path_params['collection_id']!r}.")
