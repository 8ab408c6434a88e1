"""asyncpg beside psycopg 3: one Item by its id, over as many connections as the API has, from one process.

    python bench/api_drivers.py [--items N] [--rounds N]

The statement and the session are the API's. Requests/s, and the process's own time for one statement in microseconds;
medians of rounds in turn. The database is the one that `bench/api.py` keeps.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg

from bench.reading.asked import ids, sql_statements
from bench.reading.kept import kept_catalogs
from bench.reading.servers import free_port
from eventstac.catalog.database import DatabaseSettings
from tests.integration.stac_api.places import READER
from tests.integration.stac_api.private_venv import ROOT

CONNECTIONS = 16
STATEMENTS = 5_000  # of a round

Run = Callable[[tuple[object, ...]], Awaitable[object]]


@asynccontextmanager
async def by_asyncpg(reader: DatabaseSettings, session: dict[str, str], sql: str) -> AsyncIterator[Run]:
    """As the API does it: `fetch` prepares each statement once on a connection."""
    connect = {"host": reader.host, "port": reader.port, "database": reader.database}
    user = {"user": reader.user, "password": reader.password}
    free = [await asyncpg.connect(**connect, **user, server_settings=session) for _ in range(CONNECTIONS)]

    async def run(values: tuple[object, ...]) -> None:
        connection = free.pop()
        await connection.fetch(sql, *values)
        free.append(connection)

    yield run
    for connection in free:
        await connection.close()


@asynccontextmanager
async def by_psycopg(reader: DatabaseSettings, session: dict[str, str], sql: str) -> AsyncIterator[Run]:
    """The same with psycopg's C implementation, binary results, and statements prepared at once."""
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    made = [
        await psycopg.AsyncConnection.connect(
            reader.conninfo, autocommit=True, prepare_threshold=0, options=options
        )
        for _ in range(CONNECTIONS)
    ]
    free = [connection.cursor(binary=True) for connection in made]
    text = sql.replace("%", "%%").replace("$1", "%s").replace("$2", "%s")

    async def run(values: tuple[object, ...]) -> None:
        cursor = free.pop()
        await cursor.execute(text, values)
        await cursor.fetchall()
        free.append(cursor)

    yield run
    for connection in made:
        await connection.close()


async def measure(run: Run, asked: list[tuple[object, ...]]) -> tuple[float, float]:
    """Statements a second, and microseconds of this process for each."""
    numbers = iter(range(STATEMENTS))

    async def client() -> None:
        for number in numbers:
            await run(asked[number % len(asked)])

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return STATEMENTS / (time.perf_counter() - started), (time.process_time() - used) / STATEMENTS * 1e6


async def compare(database: Any, count: int, rounds: int) -> None:
    """Print both drivers' figures."""
    session, statements = await sql_statements(database, count)
    sql, _, own = statements["Item by id"][0]
    asked: list[tuple[object, ...]] = [(collection, [name]) for collection, name in ids(count)]
    found: dict[str, list[tuple[float, float]]] = {"asyncpg": [], "psycopg": []}
    for _ in range(rounds):
        for name, opened in (("asyncpg", by_asyncpg), ("psycopg", by_psycopg)):
            async with opened(database.as_role(READER), session | own, sql) as run:
                await measure(run, asked)  # prepares
                found[name].append(await measure(run, asked))
    for name, figures in found.items():
        rate, used = (statistics.median(each) for each in zip(*figures, strict=True))
        print(f"{name}: {rate:,.0f} statements/s, {used:.0f} microseconds of the process for each")


def main() -> None:
    """Start the kept database, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kept", type=Path, default=ROOT / ".local" / "bench" / "catalogs")
    options = parser.parse_args()
    with kept_catalogs(options.kept, free_port()) as kept:
        asyncio.run(compare(kept.catalog(options.items), options.items, options.rounds))


if __name__ == "__main__":
    main()
