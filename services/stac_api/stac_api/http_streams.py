"""Makes the Functions host pass requests to the app over HTTP: answers are not copied, and a hang-up is heard of.

The worker finds this module through Microsoft's extension base (their own extension of the kind needs FastAPI): it
starts `WebServer` at the port of its choice and tells the host, which forwards every request there and invokes the
function beside it. The two meet by the invocation's id.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import azurefunctions.extensions.base as base  # type: ignore[import-untyped]  # it ships no types
import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from stac_api import coordination
from stac_api.coordination import Coordination
from stac_api.http_protocol import LeanProtocol

INVOCATION = "x-ms-invocation-id"
# Longer than the host keeps an idle connection: else it might use one that is being closed.
KEEP_ALIVE_S = 120
# Below `functionTimeout`, at which the host would end the worker with all that it does: one who reads an answer a few
# bytes at a time must not get there.
LONGEST_S = 1_500.0


class Call:
    """A request as it came, with the connection that its answer goes to."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.headers = Headers(scope=scope)  # the worker looks for the invocation's id
        self._limit = asyncio.timeout(None)

    async def meet(self, invoked: Callable[["Call"], Awaitable[object]]) -> None:
        """Hand it to the worker until its invocation is over.

        Raises TimeoutError where none takes it: the invocation of a request that comes twice, or too late, is over.
        """
        async with self._limit:
            self._end_after(coordination.LATE_S)
            await invoked(self)

    async def answer_by(self, app: ASGIApp, trace: object) -> "Answered":
        """Let the app answer; it finds the host's trace where Microsoft's ASGI adapter has it."""
        self._end_after(LONGEST_S + coordination.LATE_S)
        scope = {**self._scope, "azure_functions.trace_context": trace}
        async with asyncio.timeout(LONGEST_S):
            await app(scope, self._receive, self._send)
        return Answered()

    def _end_after(self, seconds: float) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + seconds)


class _Nobody(Call):
    """What a function gets whose request never came."""

    def __init__(self) -> None:
        """Without a connection."""

    async def answer_by(self, app: ASGIApp, trace: object) -> "Answered":
        """There is nobody to answer."""
        return Answered()


class Answered:
    """What a function returns whose answer is out."""


class _RouteParameters(base.RequestSynchronizer):  # type: ignore[misc]
    def sync_route_params(self, request: object, path_params: object) -> None:
        """The app reads the path itself."""


class _Calls(metaclass=base.RequestTrackerMeta):  # type: ignore[metaclass]
    request_type = Call
    synchronizer = _RouteParameters()


class _Answers(metaclass=base.ResponseTrackerMeta):  # type: ignore[metaclass]
    label = base.ResponseLabels.STANDARD
    response_type = Answered


class WebApp(base.WebApp):  # type: ignore[misc]
    """Hands each request to the worker, and waits until its invocation is over."""

    def route(self, func: Callable[[Call], Awaitable[object]]) -> None:
        """Take what the worker makes of a request."""
        self._invoked = func
        self.coordination = Coordination(func, _Nobody())

    def get_app(self) -> ASGIApp:
        """As the server calls it."""
        return self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        try:
            await call.meet(self._invoked)
        finally:
            self.coordination.forget(call.headers.get(INVOCATION))


class WebServer(base.WebServer):  # type: ignore[misc]
    """Serves it on the worker's loop."""

    def __init__(self, hostname: str, port: int, web_app: WebApp) -> None:
        super().__init__(hostname, port, web_app)
        self._coordination = web_app.coordination

    async def serve(self) -> None:
        """Until the worker ends."""
        looking = asyncio.create_task(self._coordination.look_after_late())
        try:
            await self._server().serve()
        finally:
            looking.cancel()

    def _server(self) -> uvicorn.Server:
        return _Server(
            uvicorn.Config(
                self.web_app,
                host=self.hostname,
                port=self.port,
                interface="asgi3",
                http=LeanProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's."""
        yield
