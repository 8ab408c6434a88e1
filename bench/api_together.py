"""Searches that go together beside searches that go alone, where all cost the same and where some are slow.

    python bench/api_together.py [--rounds N] [--seconds N]

A statement counts to a number that is one of its values, so that one text is quick or slow. Sixteen clients ask for
rows through the API's own database layer, over the connections and with the settings of the API. Statements/s, and
percentiles of the quick ones in ms; medians of rounds in turn. Decision 0049 has the figures.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from infra.local.postgres.testing import running_postgres
from stac_api.batches import MOST
from stac_api.database import Database
from stac_api.settings import Settings
from tests.integration.conftest import settings_of

SQL = "SELECT $1::int AS asked, (SELECT count(*) FROM generate_series(1, $2::int)) AS counted"
CLIENTS = 16
QUICK = 3_000  # counted to: half a millisecond
MIXES = ((0.0, QUICK), (0.1, 150_000), (0.03, 900_000), (0.005, 900_000), (0.001, 900_000))  # a share is slow


async def measure(settings: Settings, most: int, share: float, slow: int, seconds: float) -> list[float]:
    """Statements/s, and p50, p95 and p99 of the quick ones in ms, where `most` may go together."""
    database = Database(settings)
    times: list[float] = []
    asked = 0
    for _ in range(20):  # connections are made, and costs are learnt
        await asyncio.gather(*(database.row_of_many(most, SQL, n, QUICK) for n in range(CLIENTS)))
    started = time.perf_counter()

    async def client(seed: int) -> None:
        nonlocal asked
        chance = random.Random(seed)
        while (sent := time.perf_counter()) < started + seconds:
            is_slow = chance.random() < share
            await database.row_of_many(most, SQL, seed, slow if is_slow else QUICK)
            asked += 1
            if not is_slow:
                times.append(time.perf_counter() - sent)

    await asyncio.gather(*(client(seed) for seed in range(CLIENTS)))
    elapsed = time.perf_counter() - started
    await database.close()
    times.sort()
    return [asked / elapsed, *(times[int(len(times) * part)] * 1000 for part in (0.5, 0.95, 0.99))]


def main() -> None:
    """Measure each mix in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5)
    given = parser.parse_args()
    print("| slow ones | alone /s (p50 / p95 / p99 in ms) | together | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory, running_postgres(Path(directory)) as postgres:
        at = settings_of(postgres.create_database("together"))
        settings = Settings(
            at.host, at.database, at.user, at.password, "bench", "Bench", port=at.port, schema="public"
        )
        for share, slow in MIXES:
            rounds: dict[int, list[list[float]]] = {1: [], MOST: []}
            for _ in range(given.rounds):
                for most, each in rounds.items():
                    each.append(asyncio.run(measure(settings, most, share, slow, given.seconds)))
            alone, together = (
                [statistics.median(c) for c in zip(*rounds[m], strict=True)] for m in (1, MOST)
            )
            shown = (f"{r:,.0f} ({a:.1f} / {b:.1f} / {c:.1f})" for r, a, b, c in (alone, together))
            print(f"| {share:.1%} | {' | '.join(shown)} | {together[0] / alone[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
