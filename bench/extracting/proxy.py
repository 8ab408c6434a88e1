"""A proxy in front of the storage that counts what is asked and adds a delay to each request."""

import asyncio
import contextlib
import json
import multiprocessing
import urllib.request
from collections.abc import Iterator
from multiprocessing.connection import Connection

import aiohttp
from aiohttp import web
from yarl import URL


@contextlib.contextmanager
def proxied(upstream: int, delay_s: float) -> Iterator[int]:
    """A proxy of the port `upstream`, in a process of its own: its port."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(upstream, delay_s, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def counts(port: int) -> dict[str, int]:
    """Requests and bytes since this was asked last."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/counts") as response:
        return dict(json.load(response))


def _serve(upstream: int, delay_s: float, ready: Connection) -> None:
    counted = {"requests": 0, "bytes": 0}

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/-/counts":
            answer = web.json_response(dict(counted))
            counted.update(requests=0, bytes=0)
            return answer
        counted["requests"] += 1
        await asyncio.sleep(delay_s)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "connection")}
        url = f"http://127.0.0.1:{upstream}{request.raw_path}"
        session: aiohttp.ClientSession = request.app["session"]
        body = await request.read()
        async with session.request(
            request.method, URL(url, encoded=True), headers=headers, data=body or None
        ) as got:
            hop = ("connection", "transfer-encoding", "keep-alive")
            kept = {k: v for k, v in got.headers.items() if k.lower() not in hop}
            response = web.StreamResponse(status=got.status, headers=kept)
            await response.prepare(request)
            # GDAL hangs up on what it did not want after all (the HEAD of a folder, the rest of a listing).
            with contextlib.suppress(aiohttp.ClientConnectionResetError):
                async for chunk in got.content.iter_any():
                    counted["bytes"] += len(chunk)
                    await response.write(chunk)
                await response.write_eof()
            return response

    async def serve() -> None:
        app = web.Application(client_max_size=2**30)
        app["session"] = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=64)
        )
        app.router.add_route("*", "/{tail:.*}", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())
