"""The reverse proxy: passes every request on as it came, and gates those that write."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from infra.local.blob_events import batch
from infra.local.blob_events.gate import Gate, Gates
from infra.local.blob_events.operations import classify
from infra.local.blob_events.storage import UnreachableError
from infra.local.blob_events.writes import Writes

SMALL = 256 * 1024  # answers up to this size go out in one write
# What belongs to one connection only (RFC 9110, 7.6.1). Host is kept: it is in what clients sign, and in listings.
_HOP_BY_HOP = (
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",  # "100-continue" was answered here already
)
_ADDED_BY_CLIENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

_log = logging.getLogger(__name__)

BeforeLast = Callable[[], Awaitable[None]]


class Proxy:
    """Handles every request of the public port."""

    def __init__(
        self, session: aiohttp.ClientSession, azurite: str, account: str, writes: Writes, latency_s: float
    ) -> None:
        self._session = session
        self._azurite = azurite
        self._account = account
        self._writes = writes
        self._latency_s = latency_s

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forward one request. A storage that is away is a 503, which every SDK tries again."""
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        try:
            return await self._forward_gated(request)
        except (aiohttp.ClientError, UnreachableError, TimeoutError, OSError) as error:
            if request.transport is None or request.transport.is_closing():
                _log.debug("client.gone path=%s", request.raw_path)
            else:
                _log.warning(
                    "azurite.failed method=%s path=%s reason=%s", request.method, request.raw_path, error
                )
            return _unavailable(str(error))

    async def _forward_gated(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST" and request.query.get("comp", "").lower() == "batch":
            return await self._forward_batch(request)
        operation = classify(request.method, request.raw_path, request.headers, self._account)
        if operation is None:
            async with self._send(request, _body(request)) as answer:
                return await _pass_on(request, answer)
        async with Gate(self._writes, operation) as gate:
            if not request.body_exists:  # then the headers alone are the whole request
                await gate.enter()
            async with self._send(request, _body(request, gate.enter)) as answer:
                await gate.answered(answer.status, answer.headers)
                body = await answer.read()
        return _answer(answer, body)

    async def _forward_batch(self, request: web.BaseRequest) -> web.StreamResponse:
        content = await request.content.read(batch.MAX_BYTES + 1)
        while len(content) <= batch.MAX_BYTES and (more := await request.content.read(batch.MAX_BYTES)):
            content += more
        operations = batch.operations(content, request.headers.get("Content-Type", ""), self._account)
        async with Gates(self._writes, operations) as gates:
            await gates.enter()
            async with self._send(request, content) as answer:
                body = await answer.read()
            parts = batch.answers(body, answer.headers.get("Content-Type", ""))
            for name in gates.names:
                if name in parts:
                    await gates.answered(name, parts[name].status, parts[name].headers)
                elif 400 <= answer.status < 500:
                    await gates.answered(name, answer.status, answer.headers)
        return _answer(answer, body)

    def _send(
        self, request: web.BaseRequest, body: AsyncIterator[bytes] | bytes | None
    ) -> "aiohttp.client._RequestContextManager":
        return self._session.request(
            request.method,
            URL(self._azurite + request.raw_path, encoded=True),
            headers=_kept(request.headers),
            data=body if request.body_exists else None,
            skip_auto_headers=_ADDED_BY_CLIENT,
            allow_redirects=False,
        )


async def _body(request: web.BaseRequest, before_last: BeforeLast | None = None) -> AsyncIterator[bytes]:
    """The request's body as it arrives; its last chunk is held back until `before_last` is done."""
    held = b""
    async for chunk in request.content.iter_any():
        if held:
            yield held
        held = chunk
    if before_last is not None:
        await before_last()
    if held:
        yield held


async def _pass_on(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    if request.method != "HEAD" and answer.content_length is not None and answer.content_length <= SMALL:
        return _answer(answer, await answer.read())
    response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=_kept(answer.headers))
    await response.prepare(request)
    if request.method != "HEAD":
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except (aiohttp.ClientError, OSError):
            _log.warning("answer.cut_short path=%s", request.raw_path)
            if request.transport is not None:
                request.transport.close()  # its length was promised: the client must see that bytes are missing
            return response
    await response.write_eof()
    return response


def _answer(answer: aiohttp.ClientResponse, body: bytes) -> web.Response:
    headers = _kept(answer.headers)
    headers.popall("Content-Length", None)  # set anew from the body; an answer that came in chunks had none
    return web.Response(status=answer.status, reason=answer.reason, headers=headers, body=body)


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept


def _unavailable(reason: str) -> web.Response:
    """Azure's own way to say "try again" (error code ServerBusy)."""
    message = f"<Message>The storage behind the proxy does not answer: {escape(reason)}</Message>"
    body = f"<?xml version='1.0'?><Error><Code>ServerBusy</Code>{message}</Error>"
    return web.Response(
        status=503, text=body, content_type="application/xml", headers={"x-ms-error-code": "ServerBusy"}
    )
