"""The STAC API beside stac-fastapi-pgstac and beside the bare SQL that it runs: one database, one run.

    .venv/bin/python bench/api.py --items 100000 1000000 --write

Both servers run from one private environment (uvicorn with uvloop and httptools, one worker each). The load comes from
one small process (`drivers/api.py`), the same for all three, and everything shares the machine: read ratios. The three
take turns, so that other work on the machine hits all of them. Bare SQL is the statement of the page or of one Item,
sent by asyncpg under uvloop over as many connections as the API has, one for each client at most.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pickle
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
from psycopg import sql

from infra.local.postgres.testing import RunningPostgres, running_postgres
from stac_api.bases import Bases
from stac_api.collection_search import CollectionSearch
from stac_api.database import Database
from stac_api.item_search import ItemSearch
from stac_api.searches import from_body
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api.conftest import load, settings_for
from tests.integration.stac_api.places import READER
from tests.integration.stac_api.private_venv import ROOT, private_venv

REQUIREMENTS = ("stac-fastapi-pgstac==7.2.0", "uvicorn[standard]", "cql2==0.6.0", "asyncpg==0.32.0", "orjson")
COLLECTIONS = ("alpha", "beta")
CLIENTS = (1, 16, 64)
BOXES = 64  # different searches; each is sent many times
_CLOUD = {"type": "number", "title": "Cloud cover"}

DRIVER = Path(__file__).parent / "drivers" / "api.py"
DOCS = ROOT / "docs" / "api-speed.md"


@dataclass(frozen=True)
class Figure:
    """Requests a second, percentiles of the time of one in ms, and CPU time of one in ms: driver, server, database."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        """For a cell of the table."""
        return f"{self.rate:,.0f} ({self.p50:.0f} / {self.p95:.0f} / {self.p99:.0f})"


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


def grow(database: CatalogDatabase, have: int, want: int) -> None:
    """More Items, made by the database from those that it has, elsewhere and at other times."""
    with psycopg.connect(
        database.settings.conninfo, autocommit=True, options="-c search_path=pgstac,public"
    ) as connection:
        for number, name in enumerate(COLLECTIONS):
            (leaf,) = connection.execute(
                "SELECT partition FROM partitions WHERE collection = %s", [name]
            ).fetchall()[0]
            for first in range(have, want, have):
                most = min(have, want - first)
                connection.execute(
                    sql.SQL(_MORE).format(leaf=sql.Identifier(leaf)),
                    {"first": first, "most": most, "number": number},
                )
        connection.execute("VACUUM ANALYZE items")


# Ids go on where the last ones ended; a moment is another Item's, so that it lies within the partition's bounds.
_MORE = """
    WITH old AS (
      SELECT *, right(id, 8)::int AS n, lead(datetime, 7, datetime) OVER (ORDER BY id) AS moment,
        random() * 359 - 180 AS west, random() * 169 - 85 AS south, round((random() * 100)::numeric, 2) AS cloud
      FROM {leaf} WHERE right(id, 8)::int < %(most)s AND right(id, 8)::int %% 2 = %(number)s
    ), new AS (
      SELECT *, 'scene-' || lpad((%(first)s + n)::text, 8, '0') AS name,
        to_jsonb(to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS written
      FROM old
    )
    INSERT INTO {leaf} (id, geometry, collection, datetime, end_datetime, content, private)
    SELECT name, ST_MakeEnvelope(west, south, west + 1, south + 1, 4326), collection, moment, moment,
      content || jsonb_build_object(
        'bbox', jsonb_build_array(west, south, west + 1, south + 1),
        'properties', content->'properties' || jsonb_build_object(
          'datetime', written, 'created', written, 'updated', written, 'eo:cloud_cover', cloud)),
      private
    FROM new
"""


def put_ahead(*processes: str) -> None:
    """Give the sessions of these processes more of the processor than others get.

    Linux shares it out by session: on a busy machine the database's session would get as much as a whole other
    program, and the session of driver and server together as much again, whatever they need.
    """
    for process in processes:
        Path(f"/proc/{process}/autogroup").write_text("-10")


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


CLOUDY = {"filter-lang": "cql2-json", "filter": {"op": "<", "args": [{"property": "eo:cloud_cover"}, 20]}}


def ids(count: int) -> list[tuple[str, str]]:
    """Collection and id of a few thousand Items."""
    chance = random.Random(3)
    return [(COLLECTIONS[n % 2], f"scene-{n:08}") for n in (chance.randrange(count) for _ in range(2_000))]


def http_requests(port: int, count: int) -> dict[str, list[bytes]]:
    """The requests of every scenario, ready to be sent."""
    later = []
    for each in searches():
        body = each | {"limit": 10}
        with urlopen(_asked(port, body), timeout=60) as answer:
            page = json.load(answer)
        following = next((link for link in page["links"] if link["rel"] == "next"), None)
        if following:
            later.append(post("/search", body | following["body"]))
    return {
        "Item by id": [get(f"/collections/{collection}/items/{name}") for collection, name in ids(count)],
        "collections": [get("/collections")],
        "search, limit 10": [post("/search", each | {"limit": 10}) for each in searches()],
        "search, limit 100": [post("/search", each | {"limit": 100}) for each in searches()],
        "CQL2 filter, limit 10": [post("/search", each | {"limit": 10} | CLOUDY) for each in searches()],
        "page 2 by token": later,
    }


def _asked(port: int, body: object) -> Request:
    headers = {"Content-Type": "application/json"}
    return Request(f"http://127.0.0.1:{port}/search", json.dumps(body).encode(), headers)


Statements = list[tuple[str, tuple[object, ...]]]


async def sql_statements(
    database: CatalogDatabase, count: int
) -> tuple[dict[str, str], dict[str, Statements]]:
    """The session's settings and the statements that the API runs for these requests: not those that count."""
    settings = settings_for(database, count_ttl_s=3600.0)
    db = Database(settings)
    search, listed = ItemSearch(db, Bases(db), settings), CollectionSearch(db)
    recorded: Statements = []
    rows = db.rows

    async def recording(sql: str, *args: object) -> Any:
        recorded.append((sql, args))
        return await rows(sql, *args)

    db.rows = recording  # type: ignore[method-assign]  # to see what is run

    async def run(body: dict[str, Any]) -> Any:
        recorded.clear()
        return await search.page(from_body(body, settings))

    def page() -> tuple[str, tuple[object, ...]]:
        return next(each for each in recorded if "LIMIT" in each[0] and "count(*)" not in each[0])

    found: dict[str, Statements] = {
        "search, limit 10": [],
        "search, limit 100": [],
        "CQL2 filter, limit 10": [],
    }
    later: Statements = []
    for each in searches():
        for name, more in zip(found, ({"limit": 10}, {"limit": 100}, {"limit": 10} | CLOUDY), strict=True):
            await run(each | more)
            found[name].append(page())
        first = await run(each | {"limit": 10})
        if first.next:
            await run(each | {"limit": 10, "token": str(first.next)})
            later.append(page())
    await search.one(*ids(count)[0])
    by_id = recorded[-1][0]
    await listed.page(from_body({"limit": 1000}, settings))
    collections = recorded[-1]
    session = dict(db.session)
    await db.close()
    one: Statements = [(by_id, (collection, [name])) for collection, name in ids(count)]
    return session, {"Item by id": one, "collections": [collections], **found, "page 2 by token": later}


def measure(python: str, work: dict[str, Any], pids: Sequence[int]) -> Figure:
    """Let the driver do its work; `pids` are the servers, whose time is counted too."""
    before = sum(map(cpu_s, pids))
    done = subprocess.run([python, str(DRIVER)], input=pickle.dumps(work), stdout=subprocess.PIPE, check=True)
    got = json.loads(done.stdout)
    spent = sum(map(cpu_s, pids)) - before + got["cpu_s"]
    return Figure(got["rate"], got["p50"], got["p95"], got["p99"], spent * 1000 / got["sent"])


def cpu_s(pid: int) -> float:
    """CPU time of a process and its children, those that have ended included."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended meanwhile, and its parent has its time
        return 0.0
    own = sum(int(each) for each in parts[11:15]) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(int(child)) for child in children)


def median(figures: list[Figure]) -> Figure:
    """Of the rounds, each part by itself."""
    return Figure(
        *(statistics.median(getattr(each, part.name) for each in figures) for part in fields(Figure))
    )


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


Results = dict[int, dict[str, dict[str, Figure]]]  # by clients, scenario, side


def run(
    postgres: RunningPostgres, database: CatalogDatabase, count: int, options: argparse.Namespace
) -> tuple[Results, dict[str, float]]:
    """All scenarios against the three, at each number of clients; and the memory of the servers in MB."""
    writer = (
        database.settings
    )  # stac-fastapi-pgstac writes pgstac's caches of searches, which our reader may not
    reader = database.as_role(READER)
    python = str(private_venv(*REQUIREMENTS) / "python")
    ours_port, theirs_port = free_port(), free_port()
    connections = str(options.connections)
    ours_environment = database.environment(READER) | {
        "STAC_CATALOG_ID": "bench",
        "STAC_API_CONNECTIONS": connections,
        "PYTHONPATH": f"{ROOT / 'services' / 'stac_api'}:{ROOT / 'shared'}",
    }
    theirs_environment = {
        "PGHOST": writer.host, "PGPORT": str(writer.port), "PGDATABASE": writer.database, "PGUSER": writer.user,
        "PGPASSWORD": writer.password, "DB_MIN_CONN_SIZE": "1", "DB_MAX_CONN_SIZE": connections,
    }  # fmt: skip
    ours = [python, "-m", "stac_api", "--no-compression", "--log-level", "warning", "--port", str(ours_port)]
    theirs = [python, "-m", "uvicorn", "--factory", "--no-access-log", "--port", str(theirs_port)]
    theirs.append("stac_fastapi.pgstac.app:create_app")
    session, statements = asyncio.run(sql_statements(database, count))
    connect = {
        "host": reader.host, "port": reader.port, "database": reader.database, "user": reader.user,
        "password": reader.password,
    }  # fmt: skip
    results: Results = {}
    with (
        server("eventstac", ours, ours_port, ours_environment, "/collections") as our_pid,
        server("stac-fastapi-pgstac", theirs, theirs_port, theirs_environment, "/collections") as their_pid,
    ):
        postgres_pid = postgres.pid or 0
        our_requests, their_requests = http_requests(ours_port, count), http_requests(theirs_port, count)
        for clients in options.clients:
            results[clients] = {}
            for name, bare in statements.items():
                sides = {
                    "ours": ({"port": ours_port, "requests": our_requests[name], "clients": clients}, [our_pid]),
                    "theirs": ({"port": theirs_port, "requests": their_requests[name], "clients": clients},
                               [their_pid]),
                    "sql": ({"connect": connect, "session": session, "statements": bare,
                             "clients": min(clients, options.connections)}, []),
                }  # fmt: skip
                measured: dict[str, list[Figure]] = {side: [] for side in sides}
                for _ in range(options.rounds):
                    for side, (work, pids) in sides.items():
                        work["seconds"] = options.seconds
                        measured[side].append(measure(python, work, [postgres_pid, *pids]))
                results[clients][name] = {side: median(figures) for side, figures in measured.items()}
                print(f"{count} Items, {clients} clients, {name}: {results[clients][name]}", file=sys.stderr)
        memory = {"ours": memory_mb(our_pid), "theirs": memory_mb(their_pid)}
    return results, memory


def report(count: int, results: Results, memory: dict[str, float]) -> str:
    """The section of the docs for that many Items."""
    lines = [f"## {count:,} Items", ""]
    for clients, scenarios in results.items():
        lines += [
            f"{clients} client{'s' if clients > 1 else ''}, requests/s (p50 / p95 / p99 in ms):",
            "",
            "| | eventstac | stac-fastapi-pgstac | ratio | bare SQL | of its rate | of its CPU time |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, sides in scenarios.items():
            ours, theirs, bare = sides["ours"], sides["theirs"], sides["sql"]
            lines.append(
                f"| {name} | {ours} | {theirs} | {ours.rate / theirs.rate:.1f} | {bare} "
                f"| {ours.rate / bare.rate:.0%} | {bare.cpu / ours.cpu:.0%} |"
            )
        lines.append("")
    lines.append(f"Memory of the worker: {memory['ours']:.0f} MB beside {memory['theirs']:.0f} MB.")
    return "\n".join(lines) + "\n"


def write(count: int, section: str) -> None:
    """Put the section in the docs, in the place of the last run's."""
    text = DOCS.read_text()
    begin, end = f"<!-- {count} -->\n", f"<!-- end of {count} -->\n"
    if begin not in text:
        text += f"\n{begin}{end}"
    before, _, rest = text.partition(begin)
    DOCS.write_text(f"{before}{begin}{section}{end}{rest.partition(end)[2]}")


def main() -> None:
    """Load, serve, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--items", type=int, nargs="+", default=[100_000], help="of each measured size, growing"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="in which the three take turns")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--connections", type=int, default=16, help="of each side to the database, at most")
    parser.add_argument(
        "--ahead",
        action="store_true",
        help="take the processor before other work of this machine (Linux, as root)",
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/api-speed.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "postgres") as postgres:
        Path(folder).chmod(0o755)
        if options.ahead:
            put_ahead("self", str(postgres.pid))
        database = new_database(postgres)
        loaded = 0
        for count in options.items:
            started = time.monotonic()
            if loaded:
                grow(database, loaded, count)
            else:
                fill(database, count)
            loaded = count
            print(f"{count} Items after {time.monotonic() - started:.0f} s", file=sys.stderr)
            section = report(count, *run(postgres, database, count, options))
            print(section)
            if options.write:
                write(count, section)


if __name__ == "__main__":
    main()
