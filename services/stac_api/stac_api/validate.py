"""Validates documents that a client sends: nothing is stored, nothing is fetched."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stac_api.answers import document, services
from stac_api.endpoints import json_body
from stac_api.errors import BadRequest, TooSlow

Json = dict[str, Any]

_MOST_FEATURES = 1_000  # of one ItemCollection
_MOST_NAMED = 100  # problems, and extensions, of one document
_MOST_LEVELS = 100  # of objects and lists one in another: no answer can be written that repeats over 254
_DEADLINE_S = 10.0


async def validate(request: Request) -> Response:
    """What is wrong with an Item, a Collection or an ItemCollection, with the path of each mistake."""
    body = await json_body(request, services(request).settings.max_body_bytes)
    kind = body.get("type") if isinstance(body, dict) else None
    if kind not in ("Feature", "Collection", "FeatureCollection"):
        raise BadRequest(
            "type", "expected an Item (Feature), a Collection or an ItemCollection (FeatureCollection)"
        )
    results = await asyncio.to_thread(_results, body)
    return document(request, {"valid": all(each["valid"] for each in results), "results": results})


def _results(body: Json) -> list[Json]:
    """One for the Item or Collection; for an ItemCollection one for each Item, after its own where that is wrong."""
    # Imported at the first use: the schemas take longer to load than the rest of the API.
    from eventstac.validation import is_deeper_than

    if is_deeper_than(body, _MOST_LEVELS):
        raise BadRequest("body", f"nested too deeply: at most {_MOST_LEVELS} levels")
    if body["type"] != "FeatureCollection":
        return [_result(body)]
    features = body.get("features")
    if not isinstance(features, list) or not all(isinstance(each, dict) for each in features):
        raise BadRequest("features", "expected an array of Items")
    if len(features) > _MOST_FEATURES:
        raise BadRequest("features", f"{len(features)} Items, at most {_MOST_FEATURES} at once")
    own = [
        {"path": path, "message": message, "schema": "item-collection"} for path, message in _mistakes(body)
    ]
    results = (
        [{"id": None, "type": "FeatureCollection", "valid": False, "problems": own, "not_checked": []}]
        if own
        else []
    )
    until = time.monotonic() + _DEADLINE_S
    for feature in features:
        if time.monotonic() > until:
            raise TooSlow(
                f"{len(results)} of {len(features)} Items took {_DEADLINE_S:.0f} s to validate: send fewer at once."
            )
        results.append(_result(feature))
    return results


def _mistakes(body: Json) -> Iterator[tuple[str, str]]:
    """What is wrong with an ItemCollection beside its Items (STAC API 1.0.0, fragments/itemcollection)."""
    links = body.get("links", [])
    if not isinstance(links, list):
        yield "links", "expected an array of links"
    else:
        for place, link in enumerate(links):
            if not isinstance(link, dict) or not all(
                isinstance(link.get(name), str) for name in ("href", "rel")
            ):
                yield f"links/{place}", "expected an object with href and rel"
                return
    for name in ("numberMatched", "numberReturned"):
        value = body.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            yield name, "expected a whole number from zero on"
    for place, feature in enumerate(body["features"]):
        if feature.get("type") != "Feature":
            yield (
                f"features/{place}/type",
                f"expected an Item (Feature), not {str(feature.get('type'))[:100]!r}",
            )
            return


def _result(doc: Json) -> Json:
    from eventstac.validation import unchecked_extensions, validate_collection, validate_item

    check = validate_collection if doc.get("type") == "Collection" else validate_item
    problems = check(doc, published=False)
    return {
        "id": doc.get("id"),
        "type": doc.get("type"),
        "valid": not problems,
        "problems": [
            {"path": p.path, "message": p.message, "schema": p.schema} for p in problems[:_MOST_NAMED]
        ],
        "not_checked": list(unchecked_extensions(doc))[:_MOST_NAMED],
    }
