"""A request and its answer: one whose length is known goes out in one piece; any other as uvicorn sends it."""

import asyncio
import re
from typing import Any

from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_FOR_UVICORN = frozenset({b"connection", b"transfer-encoding"})  # headers that change how an answer is sent
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+\Z")  # as ASGI wants it, of what RFC 9110 5.1 allows
# What no header's value may have, and a line's end is made of.
_CONTROLS = bytes({*range(32), 127} - {ord("\t")})
_WITHOUT_BODY = frozenset({204, 304})
_COPIED = 65_536  # bytes of a body: to copy more costs more than to send twice
_MOST_NAMES = 256  # of headers that are known; an app has few


class _Known(dict[bytes, bool]):
    """Whether headers of these names are plain."""

    def __missing__(self, name: bytes) -> bool:
        is_plain = _NAME.match(name) is not None and name not in _FOR_UVICORN
        if len(self) < _MOST_NAMES:
            self[name] = is_plain
        return is_plain


_IS_PLAIN = _Known()


class Exchange(RequestResponseCycle):
    """A request and its answer."""

    def __init__(self, protocol: HttpToolsProtocol, scope: Any, *, keep_alive: bool) -> None:
        # As uvicorn's, whose own takes eleven arguments to do it.
        self.scope, self.keep_alive = scope, keep_alive
        self.transport, self.flow, self.on_response = (
            protocol.transport,
            protocol.flow,
            protocol.on_response_complete,
        )
        self.logger, self.access_logger, self.access_log = protocol.logger, protocol.access_logger, False
        self.default_headers = protocol.server_state.default_headers
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.message_event = asyncio.Event()
        self.disconnected = self.response_started = self.response_complete = False
        self.body, self.more_body = bytearray(), True
        self.chunked_encoding, self.expected_content_length = None, 0
        self._start: HTTPResponseStartEvent | None = None  # waits for the body, to go out with it

    async def send(self, message: ASGISendEvent) -> None:
        """Take a message of the app."""
        start = self._start
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message  # in place of one that was not sent yet, where the app failed meanwhile
            return
        if start is not None and message["type"] == "http.response.body":
            self._start = None
            if self._sent_whole(start, message):
                return
            await super().send(start)
        await super().send(message)

    def _sent_whole(self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Send a plain answer: all of its body is here, and its length is among its headers. False where it is not."""
        if message.get("more_body") or self.disconnected or self.flow.write_paused:
            return False
        status, body = start["status"], message.get("body", b"")
        headers = [*self.default_headers, *start.get("headers", ())]
        parts = [STATUS_LINE[status]]
        length = None if status in _WITHOUT_BODY and not body else b"%d" % len(body)
        told: bytes | None = None
        for name, value in headers:
            if not _IS_PLAIN[name]:
                return False
            if name == b"content-length":
                if told is not None:
                    return False
                told = value
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        ends = len(headers) + 2 + (not self.keep_alive)
        # Another end of a line, within a value, would be another header or answer: uvicorn refuses it.
        if told != length or len(head) - len(head.translate(None, _CONTROLS)) != 2 * ends:
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        if self.scope["method"] == "HEAD":
            body = b""
        if len(body) <= _COPIED:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True
