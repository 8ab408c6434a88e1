"""What surrounds every request: its id, one line in the log, and an end when the client hangs up."""

import asyncio
import logging
import re
import time
from random import randbytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stac_api import spans
from stac_api.request_headers import headers_of
from stac_api.request_log import RequestNames, current
from stac_api.spans import RequestSpan, Teller

_log = logging.getLogger("stac_api.requests")

_WATCH_AFTER_S = 0.25  # most answers are out before that, and need no watching
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}\Z")


class Surroundings:
    """Wraps the app. A query whose client is gone is cancelled in the database too."""

    def __init__(self, app: ASGIApp, teller: Teller | None = None) -> None:
        self._app, self._teller = app, teller
        self._under_way: dict[_Request, None] = {}  # the oldest first
        self._look: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass the lifespan through)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(self._app, scope, receive, send, self._teller)
        self._under_way[request] = None
        if self._look is None:
            self._look_later()
        try:
            await request.serve()
        finally:
            del self._under_way[request]

    def _look_later(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._watch)

    def _watch(self) -> None:
        """Watch what has been under way for long: one timer for all, since most need none."""
        self._look = None
        if self._under_way:
            self._look_later()
        began = time.monotonic() - _WATCH_AFTER_S
        for request in self._under_way:
            if request.started > began:
                break
            request.watch()


class _Request:
    def __init__(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, teller: Teller | None
    ) -> None:
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self._teller = teller
        headers = headers_of(scope)
        given, above = headers.get(b"x-request-id"), headers.get(b"traceparent")
        named = given is not None and _REQUEST_ID.match(given)
        request_id = named[0].decode() if named else randbytes(16).hex()  # noqa: S311  (it may be guessed)
        traceparent = None if above is None else above.decode("latin-1")
        self._span = RequestSpan.begin(scope, traceparent, request_id) if teller else None
        self._names = RequestNames(request_id, traceparent, self._span.origin if self._span else None)
        self._body_read = scope["method"] != "POST"
        self.started = time.monotonic()
        self._status = 0
        self._hung_up = False
        self._watcher: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = asyncio.current_task()

    async def serve(self) -> None:
        outside = current.set(self._names)
        unspanned = spans.current.set(self._span) if self._span else None
        try:
            await self._app(self._scope, self._read, self._write)
        except asyncio.CancelledError:
            if not self._hung_up or self._task is None or self._task.uncancel():
                raise
        except Exception:
            # The answer has begun; a server that got the error too could add nothing.
            if not self._status:
                raise
            _log.exception("answer_broken_off", extra={"path": self._scope["path"]})
        finally:
            if self._watcher is not None:
                self._watcher.cancel()
            self._tell()
            if unspanned:
                spans.current.reset(unspanned)
            current.reset(outside)

    async def _read(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._hung_up = self._hung_up or not (self._body_read or self._status)
            self._body_read = True
        elif not message.get("more_body", False):
            self._body_read = True
        return message

    async def _write(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            named = (b"x-request-id", self._names.request_id.encode())
            message["headers"] = [*message.get("headers", ()), named]
        await self._send(message)

    def watch(self) -> None:
        """End it when its client hangs up; not yet while the app reads the body, and would miss what a watcher took."""
        if self._body_read and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._until_hung_up())

    async def _until_hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._status and self._task is not None:
            self._hung_up = True
            self._task.cancel()

    def _tell(self) -> None:
        status = 499 if self._hung_up else self._status
        if self._teller and self._span:
            self._teller.tell(self._span.ended(self._scope, status))
        if _log.isEnabledFor(logging.INFO):
            fields = {
                "method": self._scope["method"],
                "path": self._scope["path"],
                "status": status,
                "duration_ms": round((time.monotonic() - self.started) * 1000, 1),
            }
            _log.info("request", extra=fields)
