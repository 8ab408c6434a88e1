"""Serves HTTP triggers: routes, keys, and requests and responses buffered as the host does."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum

from infra.local.functions_host.invoker import Invoker
from infra.local.functions_host.runtime import IndexedFunction, Outcome
from infra.local.functions_host.triggers import HttpTrigger

BODY_LIMIT = 100 * 1024 * 1024  # bytes; the host's own limit
# The server writes these itself for the body that it sends.
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Endpoint:
    """A function with its HTTP trigger."""

    function: IndexedFunction
    trigger: HttpTrigger


def has_key(request: web.Request, key: str | None) -> bool:
    """Whether a request carries the function key; where none is set nothing opens the door."""
    offered = request.headers.get("x-functions-key") or request.query.get("code")
    return bool(key and offered and hmac.compare_digest(offered.encode(), key.encode()))


class Dispatcher:
    """Answers every request that is not the host's own."""

    def __init__(self, endpoints: Sequence[Endpoint], invoker: Invoker, key: str | None) -> None:
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.trigger.route.rank)
        self._invoker = invoker
        self._key = key

    async def __call__(self, request: web.Request) -> web.Response:
        """Find the function, check the key, run it."""
        for endpoint in self._endpoints:
            parameters = endpoint.trigger.route.match(request.raw_path.partition("?")[0])
            if parameters is None or (
                endpoint.trigger.methods and request.method not in endpoint.trigger.methods
            ):
                continue
            if not endpoint.trigger.open_to_all and not has_key(request, self._key):
                return web.Response(status=401)
            return await self._run(endpoint, request, parameters)
        return web.Response(status=404)

    async def _run(
        self, endpoint: Endpoint, request: web.Request, parameters: Mapping[str, str]
    ) -> web.Response:
        if (request.content_length or 0) > BODY_LIMIT:
            return web.Response(status=413)
        body = await request.read()
        outcome = await self._invoker.invoke(
            endpoint.function,
            [(endpoint.trigger.argument, _request(request, parameters, body))],
            {},
            trigger=f"{request.method} {request.path}",
        )
        return _response(outcome)


def _request(request: web.Request, parameters: Mapping[str, str], body: bytes) -> Datum:
    """The request as the host passes it: names of headers in lower case, repeated ones joined by commas."""
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(f"{request.scheme}://{request.host}{request.raw_path}", "string"),
            "headers": _strings(
                {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
            ),
            "query": _strings({name: ",".join(request.query.getall(name)) for name in request.query}),
            "params": _strings(parameters),
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _response(outcome: Outcome) -> web.Response:
    if not outcome.ok:
        return web.Response(status=500)
    value = outcome.value
    if value is None or value.type is None:
        return web.Response(status=204)
    if value.type != "http":
        return web.Response(body=_bytes(value.value), content_type="text/plain", charset="utf-8")
    answer: Mapping[str, Any] = value.value
    response = web.Response(status=int(answer["status_code"].value), body=_bytes(answer["body"].value))
    response.headers.popall("Content-Type", None)
    for name, header in answer["headers"].items():
        if name.lower() not in _OURS:
            response.headers.add(name, header.value)
    for cookie in answer.get("cookies") or ():
        _add_cookies(response, cookie)
    return response


def _add_cookies(response: web.Response, cookie: SimpleCookie) -> None:
    for morsel in cookie.values():
        response.headers.add("Set-Cookie", morsel.OutputString())


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
