"""How fast extraction is beside rio-stac on the same blobs in Azurite, in one run: `python -m bench.extract [--quick]`.

Prints a Markdown table. Every case and variant runs in a process of its own (after a warm-up on another blob), behind
a proxy that counts requests and bytes and adds a delay to each request.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from azure.storage.blob import BlobServiceClient
from rasterio.transform import from_origin

from infra.local.azurite.server import connection_string
from infra.local.azurite.testing import running_azurite
from tests.unit.raster.corpus import cog, gradient, tiff

THREADS = 8
PASSES, ENOUGH_S = (
    9,
    6.0,
)  # the best of so many, fewer of what takes long: other work on the machine only adds
FIRST_PASSES = 3
TIMEOUT_S = 120
SINGLE = ("rio-stac", "rio-stac tuned", "eventstac")
MANY = (
    "rio-stac",
    "rio-stac tuned",
    "rio-stac tuned, 8 threads",
    "eventstac, 1 thread",
    "eventstac, 8 threads",
)


@dataclass(frozen=True)
class Case:
    """Blobs to extract: how many alike, what each holds, and how many other blobs lie in the same folder.

    `first`: each pass is the first of a process, after the warm-up.
    """

    name: str
    content: Callable[[], bytes]
    count: int = 1
    neighbours: int = 0
    first: bool = False

    @property
    def folder(self) -> str:
        return re.sub("[^a-z0-9]+", "-", self.name.lower())

    @property
    def blobs(self) -> list[str]:
        return [f"{self.folder}/{number:05}.tif" for number in range(self.count)]


def noise(side: int) -> Any:
    """Pixels that do not compress, the same in every run."""
    import numpy as np

    return np.random.default_rng(1).integers(0, 4000, (side, side), dtype="uint16")


def in_degrees(code: str) -> bytes:
    """A small file in the degrees of a country: NAD83, GDA94, NAD83(2011)."""
    return tiff(gradient(500, 500), compress="deflate", crs=code, transform=from_origin(140, 40, 1e-4, 1e-4))


def cases(quick: bool) -> list[Case]:
    """The issue's cases; `quick` has smaller large files and fewer small ones."""

    def small_cog(side: int) -> Callable[[], bytes]:
        return lambda: cog(noise(side), compress="none")

    large, striped, tiny, prefix, many = (
        (6000, 6000, 20, 1000, 100) if quick else (12200, 10000, 200, 6000, 1000)
    )
    return [
        Case("small", lambda: tiff(gradient(500, 500), compress="deflate")),
        *(
            Case(f"first in {code}", partial(in_degrees, code), first=True)
            for code in ("EPSG:4269", "EPSG:4283", "EPSG:6318")
        ),
        Case("37 MB COG", small_cog(3720)),
        Case(f"{large**2 * 8 // 3 // 10**6} MB COG", small_cog(large)),
        Case(f"{striped**2 * 2 // 10**6} MB striped", lambda: tiff(noise(striped), blockysize=1)),
        Case("scene of 19", lambda: tiff(gradient(512, 512), compress="deflate"), count=19),
        Case(f"{tiny} tiny of {prefix:,}", lambda: tiff(gradient(64, 64)), tiny, prefix - tiny),
        Case(f"{many:,} small", lambda: tiff(gradient(200, 200), compress="deflate"), count=many),
    ]


TUNED = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_INGESTED_BYTES_AT_OPEN": "524288",
    "CPL_VSIL_CURL_CHUNK_SIZE": "1048576",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "VSI_CACHE": "YES",
}


def upload(service: BlobServiceClient, wanted: list[Case]) -> None:
    container = service.create_container("source")
    container.upload_blob("warm-up/a.tif", tiff(gradient(300, 300)))
    with ThreadPoolExecutor(4) as pool:
        for case in wanted:
            data = case.content()
            list(pool.map(lambda name, data=data: container.upload_blob(name, data), case.blobs))
            others = [f"{case.folder}/other-{number:05}.txt" for number in range(case.neighbours)]
            list(pool.map(lambda name: container.upload_blob(name, b"x"), others))


def proxy(upstream: int, delay_s: float, ready: Connection) -> None:
    """Pass everything on after a delay; `/-/stats` gives and clears the counts."""
    counts = {"requests": 0, "bytes": 0}

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/-/stats":
            answer = web.json_response(dict(counts))
            counts.update(requests=0, bytes=0)
            return answer
        counts["requests"] += 1
        await asyncio.sleep(delay_s)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "connection")}
        url = f"http://127.0.0.1:{upstream}{request.raw_path}"
        session: aiohttp.ClientSession = request.app["session"]
        from yarl import URL

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
                    counts["bytes"] += len(chunk)
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
        assert site._server is not None
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def stats(port: int) -> dict[str, int]:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/stats") as response:
        return dict(json.load(response))


def one_rio_stac(text: str, name: str, settings: dict[str, str]) -> None:
    # Without this a second pass would read GDAL's cache: the stale-cache trap, which also makes it look fast.
    settings = {**settings, "CPL_VSIL_CURL_NON_CACHED": "/vsiaz/source/"}
    import rasterio
    import rio_stac

    with rasterio.Env(AZURE_STORAGE_CONNECTION_STRING=text, **settings):
        item = rio_stac.create_stac_item(
            f"/vsiaz/source/{name}", input_datetime=datetime(2026, 1, 1, tzinfo=UTC), id="a",
            with_proj=True, with_raster=True, with_eo=True,
        )  # fmt: skip
        assert item.bbox


def child(variant: str, blobs: list[str], port: int) -> None:
    """Extract a case's blobs in one way, once for each line that comes in, and print what each pass took."""
    import warnings

    warnings.simplefilter("ignore")
    text = connection_string(f"http://127.0.0.1:{port}/devstoreaccount1")
    if variant.startswith("eventstac"):
        from eventstac.azure.blob_service import open_blob_service
        from eventstac.azure.blob_storage import BlobStorage
        from eventstac.raster.extract import read_raster

        service = open_blob_service({"BlobStorage": text})
        storage = BlobStorage(service)

        def extract(name: str) -> None:
            _, reader = storage.look(f"{storage.account_url}/source/{name}")
            assert reader is not None
            assert read_raster(reader, {}).metadata["bbox"]
    else:

        def extract(name: str) -> None:
            one_rio_stac(text, name, TUNED if "tuned" in variant else {})

    threads = THREADS if "8 threads" in variant else 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(extract, ["warm-up/a.tif"] * threads))
        print("ready", flush=True)
        for _ in sys.stdin:  # a line asks for one pass
            stats(port)
            cpu, began = cpu_seconds(), time.perf_counter()
            list(pool.map(extract, blobs))
            seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
            memory = peak_kilobytes([Path("/proc/self"), *workers()]) / 1024
            print(json.dumps({"seconds": seconds, "cpu": cpu, "memory": memory, **stats(port)}), flush=True)


def workers() -> list[Path]:
    """The processes of our children in /proc."""
    tasks = Path("/proc/self/task").iterdir()
    return [Path("/proc", pid) for task in tasks for pid in (task / "children").read_text().split()]


def cpu_seconds() -> float:
    """Of this process and of its workers, those that ended too."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = sum(sum(map(int, (w / "stat").read_text().rsplit(")", 1)[1].split()[11:13])) for w in workers())
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + ticks / os.sysconf("SC_CLK_TCK")


def peak_kilobytes(processes: list[Path]) -> int:
    """The peaks of all of them together (getrusage would count what we were forked from)."""
    lines = [line for process in processes for line in (process / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(variants: tuple[str, ...], case: Case, port: int) -> dict[str, dict[str, Any] | None]:
    """The best pass of each variant; one pass of each in turn, so that all meet the same load of the machine."""
    if case.first:
        rows = [passes(variants, case, port, 1) for _ in range(FIRST_PASSES)]
        return {variant: fastest([row[variant] for row in rows]) for variant in variants}
    return passes(variants, case, port, PASSES)


def passes(variants: tuple[str, ...], case: Case, port: int, count: int) -> dict[str, dict[str, Any] | None]:
    """The best of so many passes of each variant, in a process for each."""
    with contextlib.ExitStack() as stack:
        ways = {variant: stack.enter_context(Way(variant, case, port)) for variant in variants}
        for _ in range(count):
            for way in ways.values():
                way.go()
        return {variant: way.best() for variant, way in ways.items()}


def fastest(rows: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The row of fewest seconds; None where one failed."""
    whole = [row for row in rows if row is not None]
    return min(whole, key=lambda each: each["seconds"]) if len(whole) == len(rows) else None


class Way:
    """One variant in a process of its own, and the passes it has made."""

    def __init__(self, variant: str, case: Case, port: int) -> None:
        command = [
            sys.executable,
            "-m",
            "bench.extract",
            "--child",
            variant,
            json.dumps(case.blobs),
            str(port),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._passes: list[dict[str, Any]] = []
        self._failed = self._line() != "ready\n"

    def __enter__(self) -> "Way":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """One pass, unless they took long enough already."""
        if self._failed or sum(each["seconds"] for each in self._passes) > ENOUGH_S:
            return
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._line()
        self._failed = not line
        self._passes += [json.loads(line)] if line else []

    def best(self) -> dict[str, Any] | None:
        return fastest(list(self._passes)) if not self._failed else None

    def _line(self) -> str:
        """What the process prints next; nothing where it takes too long."""
        stdout = self._process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], TIMEOUT_S)
        if not ready:
            self._process.kill()  # or it would go on beside the others, and in their counts
        return stdout.readline() if ready else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller large files, fewer small ones")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose names hold one of these texts")
    parser.add_argument("--child", nargs=3)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], json.loads(arguments.child[1]), int(arguments.child[2]))
        return
    wanted = [
        case
        for case in cases(arguments.quick)
        if not arguments.only or any(text in case.name for text in arguments.only)
    ]
    with tempfile.TemporaryDirectory() as folder, running_azurite(Path(folder)) as azurite:
        upload(BlobServiceClient.from_connection_string(azurite.connection_string), wanted)
        print(
            "| case | added | variant | s | CPU s | requests | MB | peak MB |\n|---|---|---|---|---|---|---|---|"
        )
        context = multiprocessing.get_context("spawn")
        for delay_ms in (0, 25):
            here, there = context.Pipe()
            process = context.Process(target=proxy, args=(azurite.port, delay_ms / 1000, there), daemon=True)
            process.start()
            port = here.recv()
            for case in wanted:
                for variant, row in measure(SINGLE if case.count == 1 else MANY, case, port).items():
                    print(f"| {case.name} | {delay_ms} ms | {variant} | " + columns(row), flush=True)
            process.terminate()
            process.join()


def columns(row: dict[str, Any] | None) -> str:
    if row is None:
        return f"over {TIMEOUT_S} or failed | | | | |"
    figures = f"{row['seconds']:.2f} | {row['cpu']:.2f} | {row['requests']} | {row['bytes'] / 1e6:.2f}"
    return f"{figures} | {row['memory']:.0f} |"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
