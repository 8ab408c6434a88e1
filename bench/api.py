"""The STAC API beside stac-fastapi-pgstac and beside the bare SQL that it runs: one database, one run.

    .venv/bin/python bench/api.py --items 100000 --seconds 4

Both servers run from one private environment (uvicorn with uvloop and httptools, one worker each). The load comes from
this process, on the same machine: read the figures as ratios.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import psycopg

from infra.local.postgres.testing import running_postgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api.conftest import READER, load, settings_for
from tests.integration.stac_api.private_venv import ROOT, private_venv

REQUIREMENTS = ("stac-fastapi-pgstac==7.2.0", "uvicorn[standard]", "cql2==0.6.0", "asyncpg==0.32.0", "orjson")
COLLECTIONS = ("alpha", "beta")
CLIENTS = (1, 16, 64)
BOXES = 64  # different searches; each is sent many times
_FAILURES = 50  # answers other than 200 that a server may give in a run; each is asked for again, and counted
_CLOUD = {"type": "number", "title": "Cloud cover"}

Job = Callable[[int], Awaitable[int]]  # runs request number n, returns the bytes that came back


@dataclass(frozen=True)
class Figure:
    """Requests a second, and percentiles of the time of one in milliseconds."""

    rate: float
    p50: float
    p95: float
    p99: float


def item(number: int, chance: random.Random) -> dict[str, Any]:
    """An Item of about 5 kB with ten assets."""
    west, south = chance.uniform(-180, 179), chance.uniform(-85, 84)
    box = [west, south, west + 1, south + 1]
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    seconds = chance.randrange(3 * 365 * 86_400)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_600_000_000 + seconds))
    bands = [
        {"name": f"b{n}", "data_type": "uint16", "nodata": 0, "unit": "1", "raster:scale": 0.0001}
        for n in range(2)
    ]
    assets = {
        f"band{n:02}": {
            "href": f"https://account.blob.core.windows.net/source/scenes/{number:08}/band{n:02}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "title": f"Band {n} of the scene, surface reflectance",
            "roles": ["data", "reflectance"],
            "bands": bands,
            "file:size": 100_000 + number,
            "proj:shape": [10980, 10980],
        }
        for n in range(10)
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
        "id": f"scene-{number:08}",
        "collection": COLLECTIONS[number % 2],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": box,
        "properties": {
            "datetime": moment,
            "created": moment,
            "updated": moment,
            "eo:cloud_cover": round(chance.uniform(0, 100), 2),
            "platform": chance.choice(["one", "two"]),
            "proj:code": "EPSG:32633",
            "gsd": 10,
        },
        "assets": assets,
        "links": [],
    }


def fill(database: CatalogDatabase, count: int) -> None:
    """Two collections and that many Items, with statistics as after a while of work."""
    chance = random.Random(1)
    whole = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    made = [
        {"type": "Collection", "stac_version": "1.1.0", "id": name, "description": name, "license": "other",
         "extent": whole, "links": []}
        for name in COLLECTIONS
    ]  # fmt: skip
    dsn = database.settings.conninfo
    for start in range(0, count, 20_000):
        load(dsn, made, [item(n, chance) for n in range(start, min(start + 20_000, count))])
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        connection.execute(
            "INSERT INTO queryables (name, definition, property_index_type) VALUES ('eo:cloud_cover', %s, 'BTREE')",
            [json.dumps(_CLOUD)],
        )
        connection.execute("VACUUM ANALYZE items")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def server(name: str, command: list[str], port: int, environment: dict[str, str], path: str) -> Iterator[int]:
    """A server process, from its first answer until the end; gives its process id."""
    started = time.monotonic()
    with (
        (_logs() / f"{name}.log").open("w+b") as log,
        subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log) as process,
    ):
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() > started + 60:
                    log.seek(0)
                    raise SystemExit(f"{command} did not start:\n{log.read().decode()[-3000:]}")
                time.sleep(0.02)
            print(f"first answer of {name} after {time.monotonic() - started:.2f} s", file=sys.stderr)
            yield process.pid
        finally:
            process.terminate()


def _logs() -> Path:
    """Where the servers' logs stay after the run."""
    folder = ROOT / ".local" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            answer.read()
    except OSError:
        return False
    return True


class Http:
    """A plain HTTP/1.1 client over kept connections: it should cost as little as it can."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.failures = 0

    async def send(self, request: bytes) -> bytes:
        """Send one request; returns the body of a 200."""
        kept = self._free.pop() if self._free else None
        reader, writer = kept or await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            if kept is None:
                raise
            return await self.send(request)  # the server closes connections that were idle for seconds
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        body = await reader.readexactly(int(lower[start : lower.index(b"\r", start)]))
        self._free.append((reader, writer))
        if not head.startswith(b"HTTP/1.1 200"):
            self.failures += 1
            if self.failures > _FAILURES:
                raise SystemExit(f"{request[:200]!r}\n{head!r}\n{body[:500]!r}")
            return await self.send(request)
        return body

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._free:
            writer.close()


def get(path: str) -> bytes:
    """The bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode()


def post(path: str, body: object) -> bytes:
    """The bytes of a POST of JSON."""
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
    return head.encode() + b"\r\n\r\n" + text


def searches() -> list[dict[str, Any]]:
    """Boxes of 40 by 40 degrees and half a year or more each."""
    chance = random.Random(2)
    made = []
    for _ in range(BOXES):
        west, south = chance.uniform(-180, 140), chance.uniform(-85, 45)
        made.append(
            {
                "bbox": [west, south, west + 40, south + 40],
                "datetime": f"2021-0{chance.randint(1, 6)}-01T00:00:00Z/2021-12-01T00:00:00Z",
                "collections": ["alpha"],
            }
        )
    return made


async def http_jobs(port: int, prefix: str, count: int) -> tuple[Http, dict[str, Job]]:
    """The requests of every scenario, ready to be sent."""
    http = Http(port)
    chance = random.Random(3)
    ids = [chance.randrange(count) for _ in range(2_000)]
    cloudy = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]}
    requests: dict[str, list[bytes]] = {
        "item by id": [get(f"{prefix}/collections/{COLLECTIONS[n % 2]}/items/scene-{n:08}") for n in ids],
        "collections": [get(f"{prefix}/collections")],
        "search, limit 10": [post(f"{prefix}/search", each | {"limit": 10}) for each in searches()],
        "search, limit 100": [post(f"{prefix}/search", each | {"limit": 100}) for each in searches()],
        "CQL2 filter, limit 10": [
            post(f"{prefix}/search", each | {"limit": 10, "filter-lang": "cql2-json", "filter": cloudy})
            for each in searches()
        ],
    }
    later = []
    for each in searches():
        body = each | {"limit": 10}
        page = json.loads(await http.send(post(f"{prefix}/search", body)))
        following = next((link for link in page["links"] if link["rel"] == "next"), None)
        if following:
            later.append(post(urlsplit(following["href"]).path, body | following["body"]))
    requests["page 2 by token"] = later

    def job(prepared: list[bytes]) -> Job:
        async def run(n: int) -> int:
            return len(await http.send(prepared[n % len(prepared)]))

        return run

    return http, {name: job(prepared) for name, prepared in requests.items()}


async def sql_jobs(database: CatalogDatabase, clients: int, count: int) -> tuple[Any, dict[str, Job]]:
    """The statements that the API runs for these requests, sent by as many connections."""
    sys.path.insert(0, str(ROOT / "services" / "stac_api"))
    from stac_api.bases import Bases
    from stac_api.database import Database
    from stac_api.item_search import ItemSearch
    from stac_api.searches import from_body

    settings = settings_for(database, connections=min(clients, 16), count_ttl_s=3600.0)
    db = Database(settings)
    search = ItemSearch(db, Bases(db), settings)
    recorded: list[tuple[str, tuple[object, ...]]] = []
    rows, row = db.rows, db.row

    async def record_rows(sql: str, *args: object) -> Any:
        recorded.append((sql, args))
        return await rows(sql, *args)

    async def record_row(sql: str, *args: object) -> Any:
        recorded.append((sql, args))
        return await row(sql, *args)

    db.rows, db.row = record_rows, record_row  # type: ignore[method-assign]  # to see what is run

    async def statements(bodies: list[dict[str, Any]]) -> list[tuple[str, tuple[object, ...]]]:
        found = []
        for body in bodies:
            recorded.clear()
            await search.page(from_body(body, settings))
            found.append(next(each for each in recorded if "LIMIT" in each[0] and "count(*)" not in each[0]))
        return found

    chance = random.Random(3)
    await search.one(COLLECTIONS[0], f"scene-{0:08}")
    by_id = recorded[-1][0]
    ids = [chance.randrange(count) for _ in range(2_000)]
    prepared: dict[str, list[tuple[str, tuple[object, ...]]]] = {
        "item by id": [(by_id, (COLLECTIONS[n % 2], f"scene-{n:08}", ())) for n in ids],
        "search, limit 10": await statements([each | {"limit": 10} for each in searches()]),
        "search, limit 100": await statements([each | {"limit": 100} for each in searches()]),
    }

    def job(each: list[tuple[str, tuple[object, ...]]]) -> Job:
        async def run(n: int) -> int:
            sql, args = each[n % len(each)]
            return len(await rows(sql, *args))

        return run

    return db, {name: job(each) for name, each in prepared.items()}


async def measure(job: Job, clients: int, seconds: float) -> Figure:
    """Run a job by that many clients at once, each sending its next when the last is answered."""
    times: list[float] = []
    counter = iter(range(10**9))
    end = time.perf_counter() + seconds

    async def client() -> None:
        while (started := time.perf_counter()) < end:
            await job(next(counter))
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    elapsed = time.perf_counter() - started
    times.sort()
    p50, p95, p99 = (times[min(int(len(times) * part), len(times) - 1)] * 1000 for part in (0.5, 0.95, 0.99))
    return Figure(len(times) / elapsed, p50, p95, p99)


async def measure_all(jobs: dict[str, Job], clients: int, seconds: float) -> dict[str, Figure]:
    """Every scenario, after a moment of warming."""
    figures = {}
    for name, job in jobs.items():
        await measure(job, clients, seconds / 4)
        figures[name] = await measure(job, clients, seconds)
    return figures


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def run(
    database: CatalogDatabase, count: int, seconds: float, connections: int, all_clients: list[int]
) -> dict[str, Any]:
    """All scenarios against the three, at each number of clients."""
    writer = (
        database.settings
    )  # stac-fastapi-pgstac writes pgstac's caches of searches, which our reader may not
    python = str(private_venv(*REQUIREMENTS) / "python")
    ours_port, theirs_port = free_port(), free_port()
    ours_environment = database.environment(READER) | {
        "STAC_CATALOG_ID": "bench",
        "STAC_API_CONNECTIONS": str(connections),
        "PYTHONPATH": f"{ROOT / 'services' / 'stac_api'}:{ROOT / 'shared'}",
    }
    theirs_environment = {
        "PGHOST": writer.host, "PGPORT": str(writer.port), "PGDATABASE": writer.database, "PGUSER": writer.user,
        "PGPASSWORD": writer.password, "DB_MIN_CONN_SIZE": "1", "DB_MAX_CONN_SIZE": "16",
    }  # fmt: skip
    ours = [python, "-m", "stac_api", "--no-compression", "--port", str(ours_port)]
    theirs = [python, "-m", "uvicorn", "--factory", "--no-access-log", "--port", str(theirs_port)]
    theirs.append("stac_fastapi.pgstac.app:create_app")
    results: dict[str, Any] = {}
    with (
        server("eventstac", ours, ours_port, ours_environment, "/collections") as our_pid,
        server("stac-fastapi-pgstac", theirs, theirs_port, theirs_environment, "/collections") as their_pid,
    ):
        our_http, our_jobs = await http_jobs(ours_port, "", count)
        their_http, their_jobs = await http_jobs(theirs_port, "", count)
        for clients in all_clients:
            db, bare = await sql_jobs(database, clients, count)
            results[str(clients)] = {
                "ours": await measure_all(our_jobs, clients, seconds),
                "theirs": await measure_all(their_jobs, clients, seconds),
                "sql": await measure_all(bare, clients, seconds),
            }
            await db.close()
        results["memory_mb"] = {"ours": memory_mb(our_pid), "theirs": memory_mb(their_pid)}
        results["failures"] = {"ours": our_http.failures, "theirs": their_http.failures}
        our_http.close()
        their_http.close()
    return results


def report(results: dict[str, Any]) -> None:
    """A table for people."""
    for clients in (each for each in CLIENTS if str(each) in results):
        print(f"\n{clients} clients: requests/s (p50 / p95 / p99 ms)")
        print(
            f"| {'':22} | {'eventstac':32} | {'stac-fastapi-pgstac':32} | {'ratio':6} | {'bare SQL':10} | of it |"
        )
        print("|" + "---|" * 6)
        each = results[str(clients)]
        for name, ours in each["ours"].items():
            theirs, sql = each["theirs"][name], each["sql"].get(name)
            cells = [f"{f.rate:8.0f} ({f.p50:.1f} / {f.p95:.1f} / {f.p99:.1f})" for f in (ours, theirs)]
            bare = (f"{sql.rate:10.0f}", f"{ours.rate / sql.rate:5.0%}") if sql else (" " * 10, " " * 5)
            ratio = f"{ours.rate / theirs.rate:5.1f}x"
            print(f"| {name:22} | {cells[0]:32} | {cells[1]:32} | {ratio} | {bare[0]} | {bare[1]} |")
    memory, failures = results["memory_mb"], results["failures"]
    print(f"\nmemory: {memory['ours']:.0f} MB beside {memory['theirs']:.0f} MB")
    print(f"answers other than 200: {failures['ours']} beside {failures['theirs']}")


def main() -> None:
    """Load, serve, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS), choices=CLIENTS)
    parser.add_argument(
        "--connections", type=int, default=6, help="of the API's pool: a few for each core is best"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "postgres") as postgres:
        Path(folder).chmod(0o755)
        database = new_database(postgres)
        started = time.monotonic()
        fill(database, options.items)
        print(f"{options.items} Items loaded in {time.monotonic() - started:.0f} s", file=sys.stderr)
        report(
            asyncio.run(run(database, options.items, options.seconds, options.connections, options.clients))
        )


if __name__ == "__main__":
    main()
