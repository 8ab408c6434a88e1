"""The process: the proxy's port, the admin port, the journal and the publisher together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from infra.local.blob_events.journal import Journal
from infra.local.blob_events.proxy import Proxy
from infra.local.blob_events.publisher import Publisher
from infra.local.blob_events.storage import Storage
from infra.local.blob_events.writes import Writes

KEEP_ALIVE_S = 2.0  # Azurite drops idle connections after 5 s; one that is dropped in use costs a look
LONGEST_HEADER = 64 * 1024  # a copy's source with its SAS is one header
BUFFER = 256 * 1024
GRACE_S = 10.0  # for requests under way when the process is asked to stop


@dataclass(frozen=True)
class Settings:
    """What the process is started with. `azurite` may be the endpoint with the account in its path."""

    port: int
    admin_port: int
    azurite: str
    eventgrid: str
    account: str
    directory: Path
    latency_s: float = 0.0


@dataclass(frozen=True)
class Serving:
    """Where a running proxy listens: the blob endpoint (with the account) and the admin API.

    `publishing` ends before the block does only if it failed.
    """

    url: str
    admin_url: str
    publishing: asyncio.Task[None]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Serve until the block is left; then finish what is under way."""
    azurite = "{0.scheme}://{0.netloc}".format(urlsplit(settings.azurite))
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=LONGEST_HEADER,
        max_field_size=LONGEST_HEADER,
        read_bufsize=BUFFER,
    ) as session:
        journal = Journal(settings.directory)
        publisher = Publisher(journal, session, settings.eventgrid.rstrip("/"))
        # The port is taken before anything is recovered, so that a port in use changes nothing.
        gate = asyncio.Event()
        later: list[Proxy] = []

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            await gate.wait()
            return await later[0].handle(request)

        runner = web.ServerRunner(
            web.Server(
                handle,
                access_log=None,
                auto_decompress=False,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                read_bufsize=BUFFER,
            ),
            shutdown_timeout=GRACE_S,
        )
        url = f"{await _listen(runner, settings.port)}/{settings.account}"
        writes = Writes(journal, Storage(session, azurite, settings.account), url, publisher.wake)
        later.append(Proxy(session, azurite, settings.account, writes, settings.latency_s))
        admin = web.AppRunner(_admin(writes, publisher, journal), access_log=None)
        admin_url = await _listen(admin, settings.admin_port)
        await writes.recover()
        gate.set()
        publishing = asyncio.create_task(publisher.run())
        try:
            yield Serving(url, admin_url, publishing)
        finally:
            await runner.cleanup()
            await admin.cleanup()
            await writes.close()
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            await journal.close()


async def _listen(runner: web.BaseRunner, port: int) -> str:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


def _admin(writes: Writes, publisher: Publisher, journal: Journal) -> web.Application:
    """POST /mute and /unmute (events are dropped on purpose between them), GET /stats."""

    async def mute(request: web.Request) -> web.Response:
        writes.muted = request.path == "/mute"
        return web.json_response({"muted": writes.muted})

    async def stats(_request: web.Request) -> web.Response:
        pending, unsettled = await journal.counts()
        return web.json_response(
            {
                "emitted": writes.counts["emitted"],
                "delivered": publisher.counts["delivered"],
                "refused": publisher.counts["refused"],
                "dropped": writes.counts["dropped"],
                "pending": pending,
                "unsettled": unsettled,
                "muted": writes.muted,
            }
        )

    app = web.Application()
    app.add_routes([web.post("/mute", mute), web.post("/unmute", mute), web.get("/stats", stats)])
    return app
