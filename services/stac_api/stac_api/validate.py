"""Validates documents that a client sends: nothing is stored, nothing is fetched."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stac_api.answers import document, services
from stac_api.endpoints import json_body
from stac_api.errors import BadRequest

Json = dict[str, Any]

_MOST_FEATURES = 1_000  # of one ItemCollection


async def validate(request: Request) -> Response:
    """What is wrong with an Item, a Collection or an ItemCollection, with the path of each mistake."""
    body = await json_body(request, services(request).settings.max_body_bytes)
    documents = _documents(body)
    results = await asyncio.to_thread(lambda: [_result(each) for each in documents])
    return document(request, {"valid": all(each["valid"] for each in results), "results": results})


def _documents(body: object) -> list[Json]:
    kind = body.get("type") if isinstance(body, dict) else None
    if not isinstance(body, dict) or kind not in ("Feature", "Collection", "FeatureCollection"):
        raise BadRequest(
            "type", "expected an Item (Feature), a Collection or an ItemCollection (FeatureCollection)"
        )
    if kind != "FeatureCollection":
        return [body]
    features = body.get("features")
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise BadRequest("features", "expected an array of Items")
    if len(features) > _MOST_FEATURES:
        raise BadRequest("features", f"{len(features)} Items, at most {_MOST_FEATURES} at once")
    return features


def _result(doc: Json) -> Json:
    # Imported at the first use: the schemas take longer to load than the rest of the API.
    from eventstac.validation import unchecked_extensions, validate_collection, validate_item

    check = validate_collection if doc.get("type") == "Collection" else validate_item
    problems = check(doc)
    return {
        "id": doc.get("id"),
        "type": doc.get("type"),
        "valid": not problems,
        "problems": [{"path": p.path, "message": p.message, "schema": p.schema} for p in problems],
        "not_checked": list(unchecked_extensions(doc)),
    }
