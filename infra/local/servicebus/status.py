"""How full the entities are, over HTTP: GET /health, GET /entities."""

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from infra.local.servicebus.broker import Broker
from infra.local.servicebus.queue import Queue


class StatusServer:
    """Serves the counts of one broker on loopback."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        app = web.Application()
        app.add_routes([web.get("/health", self._health), web.get("/entities", self._entities)])
        self._runner = web.AppRunner(app, access_log=None)
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _entities(self, _request: web.Request) -> web.Response:
        return _json(self.entities())

    def entities(self) -> dict[str, Any]:
        """The counts of every queue and subscription, and the scheduled messages of every topic."""
        queues = [
            _line(queue.name, queue)
            for path, queue in self._broker.queues.items()
            if not path.endswith("queue")
        ]
        topics = [
            {"name": sink.name, "scheduled": sink.waiting.counts()["scheduled"]}
            for path, sink in self._broker.sinks.items()
            if path not in self._broker.queues
        ]
        return {"entities": queues, "topics": topics}


def _line(name: str, queue: Queue) -> dict[str, Any]:
    counts, dead = queue.counts(), queue.dead_letters.counts()
    return {
        "name": name,
        "active": counts["active"],
        "locked": counts["locked"],
        "deferred": counts["deferred"],
        "scheduled": counts["scheduled"],
        "dead_letter": dead["active"] + dead["deferred"],
        "oldest_enqueued": _moment(counts["oldest"]),
        "oldest_dead_letter": _moment(dead["oldest"]),
    }


def _moment(ms: int | None) -> str | None:
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Any) -> web.Response:
    return web.json_response(value, dumps=lambda v: json.dumps(v, separators=(",", ":")))
