"""The HTTP side: topics that take CloudEvents, and the couriers that carry them on."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from infra.local.eventgrid import cloud_events, keys
from infra.local.eventgrid.config import Config, EventSubscription
from infra.local.eventgrid.dead_letters import DeadLetters
from infra.local.eventgrid.delivery import Courier
from infra.local.eventgrid.destinations import Sender
from infra.local.eventgrid.schedule import Schedule
from infra.local.eventgrid.service_bus import TopicSender
from infra.local.eventgrid.store import Accepted, Store
from infra.local.eventgrid.webhook import WebhookSender

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the service is started with. `shuffle_s`: each delivery waits a random time up to this, so that order
    is lost as it may be on Azure. `failed` is called when the service can no longer do its work."""

    config: Config
    directory: Path
    servicebus: str
    storage: str
    key: str
    schedule: Schedule = field(default_factory=Schedule)
    shuffle_s: float = 0.0
    failed: Callable[[], None] = lambda: None


class EventGrid:
    """Accepts events for topics and owns one courier a subscription."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = Store(settings.directory)
        self._dead = DeadLetters(settings.storage)
        self._couriers = {
            one.key: Courier(one, self._store, _sender(one, settings), self._dead, settings.schedule)
            for one in settings.config.subscriptions
        }
        self._tasks: list[asyncio.Task[None]] = []

    def application(self) -> web.Application:
        """The routes; `/{topic}/api/events` and `/topics/{topic}/api/events` are the same topic."""
        app = web.Application(client_max_size=cloud_events.MAX_BYTES)
        app.router.add_post("/{topic}/api/events", self._publish)
        app.router.add_post("/topics/{topic}/api/events", self._publish)
        app.router.add_post("/system/{topic}", self._publish_system)
        app.router.add_get("/stats", self._stats)
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)
        return app

    async def _start(self, _app: web.Application) -> None:
        forgotten = await self._store.forget_all_but(list(self._couriers))
        if forgotten:
            _log.warning("deliveries.forgotten count=%d: their event subscriptions are gone", forgotten)
        self._tasks = [asyncio.create_task(one.run(), name=key) for key, one in self._couriers.items()]
        for task in self._tasks:
            task.add_done_callback(self._courier_ended)

    def _courier_ended(self, task: asyncio.Task[None]) -> None:
        """A courier ends only with the service. One that fails (a full disk) takes the service with it: what is
        accepted would not be delivered otherwise, and nobody would know."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("courier.failed subscription=%s", task.get_name(), exc_info=error)
            self._settings.failed()

    async def _stop(self, _app: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._dead.close()
        await self._store.close()

    async def _publish(self, request: web.Request) -> web.Response:
        topic = request.match_info["topic"].lower()
        if topic not in self._settings.config.custom:
            return _error(404, "NotFound", f"there is no topic {topic!r} here; see contracts/eventgrid.json")
        try:
            keys.authorize(
                request.headers, request.query, request.path, self._settings.key, datetime.now(UTC)
            )
        except keys.RefusedError as error:
            return _error(401, "Unauthorized", str(error))
        return await self._take(request, self._settings.config.custom[topic])

    async def _publish_system(self, request: web.Request) -> web.Response:
        topic = request.match_info["topic"]
        if topic not in self._settings.config.system:
            return _error(
                404, "NotFound", f"there is no system topic {topic!r} here; see contracts/eventgrid.json"
            )
        return await self._take(request, self._settings.config.system[topic])

    async def _take(self, request: web.Request, subscriptions: tuple[EventSubscription, ...]) -> web.Response:
        """Answer 200 only after every matching subscription's delivery is on disk."""
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(
                413, "PayloadTooLarge", f"the request is larger than {cloud_events.MAX_BYTES} bytes"
            )
        try:
            events = cloud_events.parse(body, request.headers.get("Content-Type", ""))
        except cloud_events.BadEventError as error:
            return _error(400, "BadRequest", str(error))
        now = time.time()
        accepted = [
            Accepted(one.key, str(uuid.uuid4()), event, now, now + self._delay())
            for event in events
            for one in subscriptions
            if one.filter.matches(event)
        ]
        if accepted:
            await self._store.add(accepted)
        for key in {one.subscription for one in accepted}:
            self._couriers[key].wake()
        return web.Response()

    def _delay(self) -> float:
        return random.uniform(0, self._settings.shuffle_s)  # noqa: S311 - not a secret

    async def _stats(self, _request: web.Request) -> web.Response:
        pending = await self._store.pending()
        return web.json_response(
            {key: {"pending": pending.get(key, 0), **one.counts} for key, one in self._couriers.items()}
        )


def _sender(subscription: EventSubscription, settings: Settings) -> Sender:
    if subscription.destination.kind == "WebHook":
        return WebhookSender(subscription)
    return TopicSender(subscription, settings.servicebus)


def _error(status: int, code: str, message: str) -> web.Response:
    """An error in the shape that Azure's SDKs read."""
    body: Mapping[str, object] = {"error": {"code": code, "message": message, "details": []}}
    return web.json_response(body, status=status)
