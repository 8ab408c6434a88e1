"""Passes requests on to the HTTP server of an app that has one, as Azure's host does for HTTP streams."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from infra.local.functions_host import logs

INVOCATION = "x-ms-invocation-id"  # by which the app finds the invocation that belongs to the request
# Of one connection only (RFC 9110 7.6.1).
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HOST = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
_FIRST_WAIT_S = 0.05  # while the app's server is being started; doubled each time
_TRIES = 8


def target(request: web.Request) -> str:
    """The path and query as they came; a client may write the host before them (RFC 9112 3.2.2)."""
    return _HOST.sub("", request.raw_path)


@dataclass
class Passage:
    """How far a request came on its way to the app: until something of it `is_sent`, the app cannot know of it."""

    has_body: bool
    is_sent: bool = False


class Forwarder:
    """Streams requests and answers both ways; who hangs up on the host hangs up on the app."""

    def __init__(self, app: str) -> None:
        self._app = app
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, request: web.Request, invocation: str, passage: Passage) -> web.StreamResponse:
        """Pass one request on, and its answer back; 502 where the app breaks off.

        Raises aiohttp.ClientConnectorError where it takes no connection.
        """
        headers = _passed_on(request.headers)
        headers[INVOCATION] = invocation
        wait_s = _FIRST_WAIT_S
        for tried in range(_TRIES):
            try:
                return await self._pass(request, headers, passage)
            except aiohttp.ClientConnectorError:  # nothing was sent
                if tried == _TRIES - 1:
                    raise
                await asyncio.sleep(wait_s)
                wait_s *= 2
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()

    async def _pass(
        self, request: web.Request, headers: CIMultiDict[str], passage: Passage
    ) -> web.StreamResponse:
        url = URL(f"{self._app}{target(request)}", encoded=True)
        body = _noting_its_end(request.content, passage) if passage.has_body else None
        response: web.StreamResponse | None = None
        try:
            async with self._opened().request(
                request.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                trace_request_ctx=passage,
            ) as answer:
                passage.is_sent = True
                response = web.StreamResponse(
                    status=answer.status, reason=answer.reason, headers=_passed_on(answer.headers)
                )
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await response.write(part)
                await response.write_eof()
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ClientError as error:
            # Once there is an answer, this one comes of writing it to a client that is gone, and of nothing else.
            if response is None or not isinstance(error, aiohttp.ClientConnectionResetError):
                logs.event("app broke off", logging.ERROR, reason=f"{type(error).__name__}: {error}")
            if response is None:
                return web.Response(status=502)
            if request.transport is not None:  # its client must not take what came for the whole
                request.transport.abort()
        return response

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_note_head)
            trace.on_request_chunk_sent.append(_note_body)
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[trace],
            )
        return self._session


async def _noting_its_end(body: aiohttp.StreamReader, passage: Passage) -> AsyncIterator[bytes]:
    async for part in body.iter_any():
        yield part
    passage.is_sent = True  # with its head, where a chunked body turns out to be empty


async def _note_head(_: object, context: SimpleNamespace, __: object) -> None:
    passage: Passage = context.trace_request_ctx
    if not passage.has_body:  # else the head waits for the body's first part, or its end
        passage.is_sent = True


async def _note_body(_: object, context: SimpleNamespace, __: object) -> None:
    passage: Passage = context.trace_request_ctx
    passage.is_sent = True


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)
