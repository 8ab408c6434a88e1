"""The least that Microsoft's worker asks of a web extension: requests and answers are ASGI's own."""

from collections.abc import Awaitable, Callable
from typing import Any

import azurefunctions.extensions.base as base  # type: ignore[import-untyped]  # it ships no types
import uvicorn
from starlette.datastructures import Headers


class Call:
    """A request."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.headers = Headers(scope=scope)
        self.route: dict[str, str] = {}


class Done:
    """An answer that is out."""


class _Routes(base.RequestSynchronizer):  # type: ignore[misc]
    def sync_route_params(self, request: Call, path_params: dict[str, str]) -> None:
        request.route = dict(path_params)


class _Calls(metaclass=base.RequestTrackerMeta):  # type: ignore[metaclass]
    request_type = Call
    synchronizer = _Routes()


class _Answers(metaclass=base.ResponseTrackerMeta):  # type: ignore[metaclass]
    label = base.ResponseLabels.STANDARD
    response_type = Done


class WebApp(base.WebApp):  # type: ignore[misc]
    """Hands requests to the worker."""

    def route(self, func: Callable[[Call], Awaitable[Any]]) -> None:
        self._invoked = func

    def get_app(self) -> Any:
        return self._serve

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        await self._invoked(Call(scope, receive, send))


class WebServer(base.WebServer):  # type: ignore[misc]
    """Serves them."""

    async def serve(self) -> None:
        config = uvicorn.Config(
            self.web_app, self.hostname, self.port, interface="asgi3", lifespan="off", log_config=None
        )
        # Not serve(), which would take the worker's signals.
        await uvicorn.Server(config)._serve()
