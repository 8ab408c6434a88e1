"""Endpoints whose answers are kept: asked again, they answer without the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from stac_api.answers import Answer, base, is_known, services, wants_html
from stac_api.endpoints import raw_body
from stac_api.query_strings import pairs_of
from stac_api.request_headers import without
from stac_api.routing import Endpoint

EVERY = ""  # stands for all collections, now and later; no collection has this name
_MOST_COLLECTIONS = 20  # a search of more than that is taken for one of all
_OK = 200
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})


@dataclass(frozen=True)
class KeptAnswer:
    """An answer's body and headers."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Slot:
    """Where an answer may be put: its key, the generations of its collections, and when it was asked for."""

    key: str
    generations: tuple[str, ...]
    asked: float


class AnswerCache(Protocol):
    """Answers, each kept for as long as nothing changed in the collections that it was made from, and not for long."""

    async def find(self, question: bytes, collections: Sequence[str]) -> KeptAnswer | Slot | None:
        """The kept answer, or where to put it; None where none can be kept."""

    async def put(self, slot: Slot, answer: KeptAnswer) -> None:
        """Keep an answer that was made after its slot was found."""

    async def forget(self, collections: Collection[str]) -> None:
        """From now on find nothing that was made from these collections, or from all. Errors: Transient."""

    async def close(self) -> None:
        """Let go of what is held open."""


def kept(endpoint: Endpoint, cache: AnswerCache) -> Endpoint:
    """The endpoint, which asks the cache first."""

    async def serve(request: Request) -> Response:
        body = b""
        if request.method == "POST":
            body = await raw_body(request, services(request).settings.max_body_bytes)
            request = Request(request.scope, _replaying(body, request.receive))
        question = _question(request, body)
        found = await cache.find(*question) if question else None
        if isinstance(found, KeptAnswer):
            return _as_asked(request, found)
        if found is None:
            return await endpoint(request)
        # The whole answer is made, whatever this client has already: others may have nothing.
        answer = await endpoint(Request(without(request.scope, _CONDITIONS), request.receive))
        if answer.status_code != _OK:
            return answer
        made = KeptAnswer(bytes(answer.body), answer.raw_headers)
        await cache.put(found, made)
        return _as_asked(request, made)

    return serve


def _question(request: Request, body: bytes) -> tuple[bytes, tuple[str, ...]] | None:
    """What is asked for, in one spelling, and of which collections; None for what is no question at all."""
    pairs = sorted(pairs_of(request.scope), key=lambda pair: pair[0])
    # Not the path: in it a slash of a name is like any other.
    route, names = request.scope["stac_api.route"], request.path_params
    asked = [request.method == "POST", base(request), route, names, wants_html(request), pairs]
    collection = names.get("collection_id")
    try:
        document = orjson.loads(body or b"{}")  # as the endpoint reads it
        question = orjson.dumps([*asked, document], option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, TypeError):  # no JSON, nested too deep, half a character in an address
        return None
    if collection is not None:
        return question, (collection,)
    if route != "/search":
        return question, (EVERY,)
    if request.method == "POST":
        return question, _named(document.get("collections") if isinstance(document, dict) else None)
    return question, _named(",".join(value for name, value in pairs if name == "collections"))


def _named(collections: object) -> tuple[str, ...]:
    """The collections that a search names, or what stands for all."""
    if isinstance(collections, str):
        collections = collections.split(",")
    if not isinstance(collections, list) or not all(isinstance(name, str) for name in collections):
        return (EVERY,)
    names = tuple(sorted({name.strip() for name in collections} - {""}))
    return names if 0 < len(names) <= _MOST_COLLECTIONS else (EVERY,)


def _as_asked(request: Request, answer: KeptAnswer) -> Response:
    """The answer, or 304 where the client has it already."""
    headers = [*answer.headers]
    etag = dict(headers).get(b"etag")
    if etag and is_known(request, etag.decode("latin-1")):
        return Answer(b"", 304, headers)
    return Answer(answer.body, _OK, headers)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what the client sends after it."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again
