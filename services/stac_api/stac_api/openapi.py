"""The OpenAPI 3.0.3 description of what the app does, and a page of it for people."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stac_api.answers import FORMATS, answer, base, document, services
from stac_api.api_page import api
from stac_api.html import Context
from stac_api.links import GEOJSON, HTML, JSON, OPENAPI, SCHEMA
from stac_api.searches import CRS84
from stac_api.settings import Settings

Json = dict[str, Any]

_OBJECT: Json = {"type": "object"}
_PROBLEM: Json = {
    "type": "object",
    "required": ["code", "description"],
    "properties": {"code": {"type": "string"}, "description": {"type": "string"}},
}
_LINK: Json = {
    "type": "object",
    "required": ["rel", "href"],
    "properties": {
        "rel": {"type": "string"},
        "href": {"type": "string", "format": "uri"},
        "type": {"type": "string"},
        "title": {"type": "string"},
        "method": {"type": "string", "enum": ["GET", "POST"]},
        "body": _OBJECT,
        "merge": {"type": "boolean"},
    },
}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def _parameter(name: str, description: str, schema: Json, example: Any = None) -> Json:
    described: Json = {"name": name, "in": "query", "description": description, "schema": schema}
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": False}
    return described if example is None else described | {"example": example}


_TEXTS = _list_of({"type": "string"})
_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
_LIMIT = {"$ref": "#/components/parameters/limit"}
_LIMIT_OF_COLLECTIONS = _parameter(
    "limit", "How many at most in one page, all unless told.", {"type": "integer", "minimum": 1}, 10
)
_BBOX = _parameter(
    "bbox", "west,south,east,north in degrees; west > east crosses the antimeridian.", _NUMBERS
)
_DATETIME = _parameter(
    "datetime",
    "An RFC 3339 time, or an interval of two with / between, .. for open.",
    {"type": "string"},
    "2024-01-01T00:00:00Z/..",
)
_FILTERS = [
    _parameter("filter", "A CQL2 condition.", {"type": "string"}),
    _parameter(
        "filter-lang", "How the filter is written.", {"type": "string", "enum": ["cql2-text", "cql2-json"]}
    ),
    _parameter(
        "filter-crs", "The filter's coordinates: longitude, latitude.", {"type": "string", "enum": [CRS84]}
    ),
]
_AS = _parameter("f", "json or geojson, or html for a page.", {"type": "string", "enum": [*FORMATS]})
_SORT = _parameter("sortby", "Properties to sort by, with - for descending.", {"type": "string"}, "-datetime")
_FIELDS = _parameter(
    "fields", "Members to include, or with - to leave out.", {"type": "string"}, "id,properties.datetime"
)
_WORDS = _parameter("q", "Words to look for in title, description and keywords.", _TEXTS)
_TOKEN = _parameter("token", "From a next or prev link of the same search.", {"type": "string"})
_OFFSET = _parameter(
    "offset", "How many collections to pass over, where there is no token.", {"type": "integer", "minimum": 0}
)
_HREF = _parameter("href", "The href of an asset, as an Item shows it.", {"type": "string"}) | {
    "required": True
}
_QUERY = _parameter("query", "Conditions as the Query extension's JSON.", {"type": "string"})
_ITEM_PARAMETERS = [
    _LIMIT, _BBOX, _DATETIME, *_FILTERS, _SORT, _FIELDS, _WORDS, _TOKEN, _QUERY,
    _parameter("ids", "Ids of Items.", _TEXTS),
    _parameter("intersects", "A GeoJSON geometry as JSON.", {"type": "string"}),
]  # fmt: skip
# OGC API Features 1.0, requirement 8: any other would have to be refused.
_OTHERS = {
    "name": "others",
    "in": "query",
    "description": "Any other parameter is passed over.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "style": "form",
    "explode": True,
}
_COLLECTIONS = _parameter("collections", "Ids of collections.", _TEXTS)

_SCHEMAS: Json = {
    "Problem": _PROBLEM,
    "Link": _LINK,
    "Catalog": {
        "type": "object",
        "required": ["type", "id", "description", "stac_version", "conformsTo", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["Catalog"]},
            "id": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "stac_version": {"type": "string"},
            "conformsTo": _TEXTS,
            "links": _list_of(_ref("Link")),
        },
    },
    "Conformance": {"type": "object", "required": ["conformsTo"], "properties": {"conformsTo": _TEXTS}},
    "Collection": {
        "type": "object",
        "required": ["type", "stac_version", "id", "description", "license", "extent", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["Collection"]},
            "id": {"type": "string"},
            "stac_version": {"type": "string"},
            "description": {"type": "string"},
            "license": {"type": "string"},
            "extent": _OBJECT,
            "item_assets": _OBJECT,
            "links": _list_of(_ref("Link")),
        },
    },
    "Collections": {
        "type": "object",
        "required": ["collections", "links", "numberMatched", "numberReturned"],
        "properties": {
            "collections": _list_of(_OBJECT),
            "links": _list_of(_ref("Link")),
            "numberMatched": {"type": "integer"},
            "numberReturned": {"type": "integer"},
        },
    },
    "Item": {
        "type": "object",
        "required": ["type", "stac_version", "id", "collection", "geometry", "bbox", "properties", "assets", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "string"},
            "stac_version": {"type": "string"},
            "collection": {"type": "string"},
            "geometry": _OBJECT,
            "bbox": _NUMBERS,
            "properties": _OBJECT,
            "assets": _OBJECT,
            "links": _list_of(_ref("Link")),
        },
    },
    "ItemCollection": {
        "type": "object",
        "required": ["type", "features", "links", "numberReturned"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": _list_of(_OBJECT),
            "links": _list_of(_ref("Link")),
            "numberMatched": {"type": "integer"},
            "numberReturned": {"type": "integer"},
        },
    },
    "Search": {
        "type": "object",
        "properties": {
            "collections": _TEXTS,
            "ids": _TEXTS,
            "bbox": _NUMBERS,
            "intersects": {"type": "object", "description": "A GeoJSON geometry."},
            "datetime": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1},
            "filter": {
                "oneOf": [_OBJECT, {"type": "string"}],
                "description": "A CQL2 JSON condition, or with filter-lang cql2-text a text.",
            },
            "filter-lang": {"type": "string", "enum": ["cql2-json", "cql2-text"]},
            "filter-crs": {"type": "string", "enum": [CRS84]},
            "query": {"type": "object", "additionalProperties": _OBJECT},
            "sortby": _list_of(
                {
                    "type": "object",
                    "required": ["field"],
                    "properties": {
                        "field": {"type": "string"},
                        "direction": {"type": "string", "enum": ["asc", "desc"]},
                    },
                }
            ),
            "fields": {"type": "object", "properties": {"include": _TEXTS, "exclude": _TEXTS}},
            "q": _TEXTS,
            "token": {"type": "string", "description": _TOKEN["description"]},
        },
    },
    "Statistics": {
        "type": "object",
        "required": ["collection", "items"],
        "properties": {"collection": {"type": "string"}, "items": {"type": "integer"}},
    },
    "Signed": {
        "type": "object",
        "required": ["href", "expires"],
        "properties": {
            "href": {"type": "string"},
            "expires": {"type": "string", "format": "date-time", "nullable": True},
        },
    },
    "Health": {
        "type": "object",
        "required": ["status", "database", "pgstac"],
        "properties": {
            "status": {"type": "string", "enum": ["up", "down"]},
            "database": {"type": "string"},
            "pgstac": {"type": "string", "nullable": True},
        },
    },
    "Validation": {
        "type": "object",
        "required": ["valid", "results"],
        "properties": {"valid": {"type": "boolean"}, "results": _list_of(_OBJECT)},
    },
}  # fmt: skip


def _content(schema: Json, media_type: str) -> Json:
    return {media_type: {"schema": schema}}


def _operation(
    summary: str, schema: Json, media_type: str, *parameters: Json, page: bool = True, **more: Any
) -> Json:
    content = _content(schema, media_type)
    if page:
        content |= _content({"type": "string"}, HTML)
        parameters = (*parameters, _AS, _OTHERS)
    problems = {
        str(status): _problem(description)
        for status, description in (_PROBLEMS | (_BODY_PROBLEMS if "requestBody" in more else {})).items()
    }
    return {
        "summary": summary,
        **({"parameters": list(parameters)} if parameters else {}),
        "responses": {"200": {"description": summary, "content": content}, **problems},
        **more,
    }


def _problem(description: str) -> Json:
    """An error, which browsers get as a page wherever it comes."""
    content = _content(_ref("Problem"), JSON) | _content({"type": "string"}, HTML)
    return {"description": description, "content": content}


def _state(summary: str, schema: Json, statuses: tuple[int, ...]) -> Json:
    responses = {
        str(status): {"description": summary, "content": _content(schema, JSON)} for status in statuses
    }
    return {"summary": summary, "responses": responses}


_PROBLEMS = {
    400: "A parameter cannot be understood.",
    404: "There is no such thing.",
    503: "The database does not answer.",
    504: "The query took too long.",
}
_BODY_PROBLEMS = {413: "The body is too large.", 415: "The body is not JSON."}
_IN_ONE = {
    "name": "collection_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
}
_ITEM_ID = {"name": "item_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _body(schema: Json) -> Json:
    return {"required": True, "content": _content(schema, JSON)}


def _limit(settings: Settings) -> Json:
    """The parameter where QGIS looks how much it can ask for (OGC API Features 1.0, requirement 20)."""
    return _parameter(
        "limit",
        "How many Items at most in one page; more than the maximum is no mistake, but cut to it.",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": settings.max_limit,
            "default": settings.default_limit,
        },
    )


def description(here: str, settings: Settings) -> Json:
    """The document, with this address as its server."""
    sign = _operation("The href of an asset with a signature", _ref("Signed"), JSON, _HREF, page=False)
    sign["responses"]["401"] = _problem("Nobody signed in.")
    one = "/collections/{collection_id}"
    return {
        "openapi": "3.0.3",
        "info": {"title": settings.catalog_title, "version": settings.api_version, "license": {"name": "MIT"}},
        "servers": [{"url": here}],
        "paths": {
            "/": {"get": _operation("The landing page", _ref("Catalog"), JSON)},
            "/conformance": {"get": _operation("Conformance classes", _ref("Conformance"), JSON)},
            "/collections": {
                "get": _operation(
                    "Collections, all or found", _ref("Collections"), JSON,
                    _LIMIT_OF_COLLECTIONS, _BBOX, _DATETIME, *_FILTERS, _SORT, _FIELDS, _WORDS, _TOKEN, _OFFSET, _QUERY,
                )
            },
            one: {"get": _operation("One collection", _ref("Collection"), JSON, _IN_ONE)},
            f"{one}/items": {
                "get": _operation("Items of a collection", _ref("ItemCollection"), GEOJSON, _IN_ONE, *_ITEM_PARAMETERS)
            },
            f"{one}/items/{{item_id}}": {"get": _operation("One Item", _ref("Item"), GEOJSON, _IN_ONE, _ITEM_ID)},
            f"{one}/queryables": {"get": _operation("What it can be filtered by", _OBJECT, SCHEMA, _IN_ONE)},
            f"{one}/statistics": {"get": _operation("Figures about a collection", _ref("Statistics"), JSON, _IN_ONE)},
            "/collections-queryables": {
                "get": _operation("What collections can be filtered by", _OBJECT, SCHEMA)
            },
            "/queryables": {"get": _operation("What can be filtered by", _OBJECT, SCHEMA)},
            "/search": {
                "get": _operation("Search Items", _ref("ItemCollection"), GEOJSON, _COLLECTIONS, *_ITEM_PARAMETERS),
                "post": _operation("Search Items", _ref("ItemCollection"), GEOJSON, requestBody=_body(_ref("Search"))),
            },
            "/validate": {
                "post": _operation(
                    "Validate an Item, a Collection or an ItemCollection", _ref("Validation"), JSON,
                    page=False, requestBody=_body(_OBJECT),
                )
            },
            **({"/sign": {"get": sign}} if settings.signing else {}),
            "/_mgmt/ping": {"get": _state("The process answers", _OBJECT, (200,))},
            "/_mgmt/health": {"get": _state("The database answers, with the right pgstac", _ref("Health"), (200, 503))},
        },
        "components": {"parameters": {"limit": _limit(settings)}, "schemas": _SCHEMAS},
    }  # fmt: skip


async def as_json(request: Request) -> Response:
    """The description for programs."""
    return document(request, description(base(request), services(request).settings), OPENAPI)


async def as_page(request: Request) -> Response:
    """The description for people."""
    settings = services(request).settings
    context = Context(base(request), settings.catalog_title)
    described = description(context.base, settings)
    return answer(request, api(described, context).encode(), "text/html; charset=utf-8")
