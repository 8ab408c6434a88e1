"""The STAC API beside stac-fastapi-pgstac and beside the bare SQL that it runs: one database, one run.

    .venv/bin/python bench/api.py --items 100000 1000000 --write

All servers run from one private environment (uvicorn with uvloop and httptools, one worker each). The load comes from
one small process (`reading/driver.py`), the same for all, and everything shares the machine: read ratios. They take
turns, so that other work on the machine hits all of them. Bare SQL is the statement of the page or of one Item, sent by
asyncpg under uvloop: over as many connections as the API may have, one for each client at most, and over as many as
those over which it sends these statements. The floor (`reading/floor.py`) is a server of twenty lines that runs the
same statement and sends its bytes unchanged.

Databases are loaded once and kept in `--kept` (6 GB for a million Items); delete the folder to load them anew.
"""

import argparse
import asyncio
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.reading.asked import floor_requests, http_requests, sent_over, sql_statements
from bench.reading.figures import Figure, Results, median, report, write
from bench.reading.kept import KeptCatalogs, kept_catalogs
from bench.reading.servers import cpu_s, free_port, logs, memory_mb, server
from tests.integration.stac_api.places import READER
from tests.integration.stac_api.private_venv import ROOT, private_venv

REQUIREMENTS = (
    "stac-fastapi-pgstac==7.2.0",
    "uvicorn[standard]",
    "cql2==0.6.0",
    "asyncpg==0.32.0",
    "orjson",
    "xxhash",
    "isal",
)
CLIENTS = (1, 16, 64)
SIDES = ("ours", "theirs", "sql", "sql as sent", "floor")
LONG_S = 20.0  # a round that takes longer is the only one: a second would say the same

READING = Path(__file__).parent / "reading"


def measure(python: str, work: dict[str, Any], pids: Sequence[int]) -> Figure:
    """Let the driver do its work; `pids` are the servers, whose time is counted too."""
    before = sum(map(cpu_s, pids))
    done = subprocess.run(
        [python, str(READING / "driver.py")], input=pickle.dumps(work), stdout=subprocess.PIPE, check=True
    )
    got = json.loads(done.stdout)
    spent = sum(map(cpu_s, pids)) - before + got["cpu_s"]
    return Figure(got["rate"], got["p50"], got["p95"], got["p99"], spent * 1000 / got["sent"])


def measured(
    python: str, sides: dict[str, tuple[dict[str, Any], list[int]]], rounds: int
) -> dict[str, Figure]:
    """Each side in turn, as often as there are rounds; those that take long, once."""
    found: dict[str, list[Figure]] = {side: [] for side in sides}
    long: set[str] = set()
    for _ in range(rounds):
        for side, (work, pids) in sides.items():
            if side in long:
                continue
            started = time.monotonic()
            found[side].append(measure(python, work, pids))
            if time.monotonic() - started > LONG_S:
                long.add(side)
    return {side: median(figures) for side, figures in found.items()}


def run(kept: KeptCatalogs, count: int, options: argparse.Namespace) -> tuple[Results, dict[str, float]]:
    """All scenarios against all sides, at each number of clients; and the memory of the servers in MB."""
    database = kept.catalog(count)
    writer = (
        database.settings
    )  # stac-fastapi-pgstac writes pgstac's caches of searches, which our reader may not
    reader = database.as_role(READER)
    python = str(private_venv(*REQUIREMENTS) / "python")
    ours_port, theirs_port, floor_port = free_port(), free_port(), free_port()
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
    ours = [python, "-m", "stac_api", "--log-level", "warning", "--port", str(ours_port)]
    theirs = [python, "-m", "uvicorn", "--factory", "--no-access-log", "--port", str(theirs_port)]
    theirs.append("stac_fastapi.pgstac.app:create_app")
    session, statements = asyncio.run(sql_statements(database, count))
    connect = {
        "host": reader.host, "port": reader.port, "database": reader.database, "user": reader.user,
        "password": reader.password,
    }  # fmt: skip
    for_floor = logs() / "floor.pickle"
    for_floor.write_bytes(
        pickle.dumps(
            {
                "connect": connect,
                "session": session,
                "connections": options.connections,
                "statements": statements,
            }
        )
    )
    floor = [python, str(READING / "floor.py"), str(for_floor), str(floor_port)]
    results: Results = {}
    with (
        server("eventstac", ours, ours_port, ours_environment, "/collections") as our_pid,
        server("floor", floor, floor_port, {}, "/0/0") as floor_pid,
        server("stac-fastapi-pgstac", theirs, theirs_port, theirs_environment, "/collections") as their_pid,
    ):
        our_requests, their_requests = (
            http_requests(port, count, options.encoding) for port in (ours_port, theirs_port)
        )
        for clients in options.clients:
            results[clients] = {}
            for name, bare in statements.items():
                if options.scenario and name not in options.scenario:
                    continue
                work = {"clients": clients, "seconds": options.seconds}
                of_floor = floor_requests(list(statements).index(name), len(bare))
                sides = {
                    "ours": (work | {"port": ours_port, "requests": our_requests[name]}, [our_pid]),
                    "theirs": (work | {"port": theirs_port, "requests": their_requests[name]}, [their_pid]),
                    "sql": (work | {"connect": connect, "session": session, "statements": bare,
                                    "clients": min(clients, options.connections)}, []),
                    "sql as sent": (work | {"connect": connect, "session": session, "statements": bare,
                                            "clients": min(clients, sent_over(name))}, []),
                    "floor": (work | {"port": floor_port, "requests": of_floor}, [floor_pid]),
                }  # fmt: skip
                with_postgres = {
                    side: (work, [kept.pid, *pids])
                    for side, (work, pids) in sides.items()
                    if side in options.sides
                }
                results[clients][name] = measured(python, with_postgres, options.rounds)
                print(
                    f"{count} Items, {clients} clients, {name}: {told(results[clients][name])}",
                    file=sys.stderr,
                )
        memory = {"ours": memory_mb(our_pid), "theirs": memory_mb(their_pid)}
    return results, memory


def told(figures: dict[str, Figure]) -> str:
    """One line for who watches."""
    return "; ".join(f"{side} {figure}, {figure.cpu:.2f} ms" for side, figure in figures.items())


def main() -> None:
    """Load, serve, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=[100_000], help="one after the other")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument(
        "--scenario", nargs="+", help="only these, by their names in the tables; not to be written"
    )
    parser.add_argument("--rounds", type=int, default=3, help="in which the sides take turns")
    parser.add_argument("--clients", type=int, nargs="+", default=list(CLIENTS))
    parser.add_argument("--connections", type=int, default=16, help="of each side to the database, at most")
    parser.add_argument(
        "--encoding", default="identity", help="that clients take answers in, such as gzip; not to be written"
    )
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES, help="which to measure")
    parser.add_argument(
        "--kept", type=Path, default=ROOT / ".local" / "bench" / "catalogs", help="a folder for databases"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/api-speed.md")
    options = parser.parse_args()
    with kept_catalogs(options.kept, free_port()) as kept:
        for count in options.items:
            kept.catalog(count)  # others' processors, while it is loaded
        for count in options.items:
            section = run(kept, count, options)
            if set(options.sides) == set(SIDES):
                print(report(count, *section))
                if options.write and not options.scenario and options.encoding == "identity":
                    write(count, report(count, *section))


if __name__ == "__main__":
    main()
