"""What migration 0010 (URLs of any length) costs on a database that has a million facts, and what it changes.

    .venv/bin/python bench/long_urls.py --facts 1000000

Facts of 1.3 kB are made in SQL, at the migration before it. Then its statements are timed and, before and after it (the
median of 20 each): a hundred facts found by URL, a hundred new ones written, and a page of 1,000 in the order of URLs.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from eventstac.catalog import setup as installing
from eventstac.catalog.database import Connection, connect
from infra.local.postgres.testing import running_postgres
from tests.integration.conftest import settings_of

NUMBER = 10
ROUNDS = 20

FILL = """
    INSERT INTO eventstac.facts (url, collection, item, asset, kind, state, seen, etag, revision, document)
    SELECT format('https://account.blob.core.windows.net/source/scenes/%%s/%%s/b%%s.tif', n %% 1000, n / 4, n %% 4),
        'scenes', (n / 4)::text, 'b' || n %% 4, 'source', 'present', now(), n::text, 1,
        json_build_object('url', n, 'padding', repeat('0123456789', 130))
    FROM generate_series(%s::int, %s::int) AS n
"""


def timed(connection: Connection, order: str, first_new: int) -> dict[str, Callable[[int], object]]:
    """What is timed, by name; each is called with the number of its round. New facts are numbered down."""

    def found(number: int) -> object:
        urls = [
            f"https://account.blob.core.windows.net/source/scenes/{n % 1000}/{n // 4}/b{n % 4}.tif"
            for n in range(number * 1009, number * 1009 + 100)
        ]
        return connection.execute(
            "SELECT document FROM eventstac.facts WHERE url = ANY (%s)", [urls]
        ).fetchall()

    def written(number: int) -> object:
        last = first_new - 100 * number
        return connection.execute(FILL, [last - 99, last])

    def in_order(number: int) -> object:
        return connection.execute(
            f"SELECT document FROM eventstac.facts WHERE {order} LIMIT 1000",
            [f"https://account.blob.core.windows.net/source/scenes/{number}"],
        ).fetchall()

    return {"found by URL": found, "written": written, "in order": in_order}


def timed_ms(call: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--facts", type=int, default=1_000_000)
    asked = parser.parse_args()
    everything = installing._migrations()
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder) / "postgres") as postgres:
        settings = settings_of(postgres.create_database("long_urls"))
        with patch.object(installing, "_grant_all"), patch.object(installing, "_migrations") as migrations:
            migrations.return_value = [each for each in everything if each[0] < NUMBER]
            installing.set_up(settings, {})
        text = next(text for number, _, text in everything if number == NUMBER).decode()
        with connect(settings) as connection:
            print(f"filling: {timed_ms(lambda: connection.execute(FILL, [0, asked.facts - 1])) / 1000:.1f} s")
            connection.execute("ANALYZE eventstac.facts")
            show(connection, "before", "url > %s ORDER BY url", -1)
            with connection.transaction():
                for statement in text.split(";"):
                    if "facts" in statement:
                        taken = timed_ms(partial(connection.execute, statement))
                        print(f"{taken / 1000:7.2f} s {' '.join(statement.split())[-110:]}")
            connection.execute("ANALYZE eventstac.facts")
            order = "left(url, 1000) >= left(%s, 1000) ORDER BY left(url, 1000), url"
            show(connection, "after", order, -1_000_001)


def show(connection: Connection, when: str, order: str, first_new: int) -> None:
    """Print medians and the sizes of the indexes."""
    for name, call in timed(connection, order, first_new).items():
        taken = [timed_ms(partial(call, number)) for number in range(ROUNDS)]
        print(f"{when}: {name} {statistics.median(taken):.1f} ms")
    for name, size in connection.execute(
        "SELECT indexrelname, pg_size_pretty(pg_relation_size(indexrelid)) FROM pg_stat_user_indexes "
        "WHERE relname = 'facts' AND schemaname = 'eventstac' ORDER BY 1"
    ):
        print(f"{when}: {name} {size}")


if __name__ == "__main__":
    main()
