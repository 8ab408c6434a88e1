"""A longer storm over a stack of its own: `make chaos ARGS="--minutes 10 --blobs 1000 --seed 7"`."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.storm import Log, Weather, rage
from tests.e2e.tapped import tapped_stack
from tests.e2e.user import User


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long it rages at least (default 5)")
    parser.add_argument("--blobs", type=int, default=600, help="how many blobs at least (default 600)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(100_000), help="repeats a storm")
    asked = parser.parse_args()
    weather = Weather(asked.seed, asked.blobs, asked.minutes * 60)
    print(f"a storm of seed {weather.seed}: {asked.minutes:g} minutes, {weather.blobs} blobs", flush=True)
    log = Log(say=lambda line: print(line, flush=True) if _is_news(line) else None)
    with (
        tempfile.TemporaryDirectory(prefix="eventstac-chaos-") as directory,
        tapped_stack(Path(directory)) as stack,
        User.of(stack) as user,
    ):
        outcome = rage(user, weather, log)
    print(
        f"{outcome.kills} kills, {outcome.echoes} messages repeated, {outcome.uploaded} blobs uploaded, "
        f"{outcome.blobs} blobs and {outcome.items} Items in the end, settled in {outcome.settled_s:.0f} s"
    )
    if not outcome.problems:
        print("the catalog is what the storage holds; no dead letter, every Item announced")
        return 0
    trace = Path(".local") / f"chaos-{weather.seed}.log"
    trace.write_text("\n".join([*log.lines, *outcome.problems]) + "\n")
    print("\n".join(outcome.problems))
    print(f"{len(outcome.problems)} problems with seed {weather.seed}; what happened is in {trace}")
    return 1


def _is_news(line: str) -> bool:
    return line.split()[1] in ("kill", "calm", "quiet")


if __name__ == "__main__":
    sys.exit(main())
