"""Serves HTTP triggers: routes, keys, and requests and responses buffered as the host does, or forwarded."""

import asyncio
import hmac
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
from aiohttp import web
from azure.functions.meta import Datum

from infra.local.functions_host import runtime
from infra.local.functions_host.forwarding import Forwarder, Passage, target
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
    """Answers every request that is not the host's own; `forwarder` where the app has an HTTP server itself.

    A function goes on when its client hangs up, as on Azure.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], invoker: Invoker, key: str | None, forwarder: Forwarder | None
    ) -> None:
        self._endpoints = sorted(endpoints, key=lambda endpoint: endpoint.trigger.route.rank)
        self._invoker = invoker
        self._key = key
        self._forwarder = forwarder
        self._running: set[asyncio.Task[Outcome]] = set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Find the function, check the key, run it."""
        for endpoint in self._endpoints:
            parameters = endpoint.trigger.route.match(target(request).partition("?")[0])
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
    ) -> web.StreamResponse:
        if (request.content_length or 0) > BODY_LIMIT:
            return web.Response(status=413)
        if self._forwarder is not None:
            return await self._forward(self._forwarder, endpoint, request, parameters)
        body = await request.read()
        outcome = self._start(
            self._invoker.invoke(
                endpoint.function,
                [(endpoint.trigger.argument, _request(request, parameters, body))],
                {},
                trigger=f"{request.method} {request.path}",
            )
        )
        return _response(await asyncio.shield(outcome))

    async def _forward(
        self, forwarder: Forwarder, endpoint: Endpoint, request: web.Request, parameters: Mapping[str, str]
    ) -> web.StreamResponse:
        invocation = str(uuid.uuid4())
        run = runtime.invoke_beside_http(endpoint.function, invocation, endpoint.trigger.argument, parameters)
        outcome = self._start(
            self._invoker.watch(
                endpoint.function, invocation, run, trigger=f"{request.method} {request.path}"
            )
        )
        passage = Passage(has_body=request.body_exists)
        try:
            return await forwarder.forward(request, invocation, passage)
        except aiohttp.ClientConnectorError:
            return web.Response(status=502)
        finally:
            if not passage.is_sent:
                outcome.cancel("its request was never sent to the app")  # it would wait for it for ever

    def _start(self, run: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(run)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _request(request: web.Request, parameters: Mapping[str, str], body: bytes) -> Datum:
    """The request as the host passes it: names of headers in lower case, repeated ones joined by commas."""
    host = request.headers.get("Host", request.host)  # aiohttp's own loses the port where the target names it
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(_whole(f"{request.scheme}://{host}{target(request)}"), "string"),
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
    return {name: Datum(_whole(value), "string") for name, value in values.items()}


def _whole(text: str) -> str:
    """Without the halves of characters that aiohttp makes of bytes that are no UTF-8: no string of gRPC has them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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
