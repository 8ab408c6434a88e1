"""Runs seeds of the simulation, or replays one: `python -m tests.simulation --seeds 5000`."""

import argparse
import logging
import time

from tests.simulation.faults import KINDS
from tests.simulation.trial import Trial, problems_of, report, trial_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many seeds (default 1000)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, metavar="N", help="replay one seed")
    parser.add_argument(
        "--faults", metavar="KIND,…", help=f"of one seed: none, or some of {', '.join(KINDS)}"
    )
    parser.add_argument("--only", metavar="N,…", help="of one seed: which steps of its history")
    parser.add_argument(
        "--dice", type=int, default=0, metavar="N", help="of one seed: how the dice fall (default 0)"
    )
    parser.add_argument("--most", type=int, default=3, metavar="N", help="stop after N failures (default 3)")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _replay(asked)
    logging.disable(logging.WARNING)  # faults are what we ask for
    began, failures = time.monotonic(), 0
    for seed in range(asked.first, asked.first + asked.seeds):
        trial = trial_of(seed)
        if problems_of(trial):
            failures += 1
            print(report(trial), flush=True)
            if failures == asked.most:
                break
    took_s = time.monotonic() - began
    print(f"{seed - asked.first + 1} seeds, {failures} failures, {took_s:.1f} s")
    return 1 if failures else 0


def _replay(asked: argparse.Namespace) -> int:
    trial = trial_of(asked.seed)
    if asked.faults is not None:
        kinds = frozenset(asked.faults.split(",")) - {"none", ""}
        trial = Trial(asked.seed, kinds)
    if asked.only is not None:
        only = tuple(int(index) for index in asked.only.split(",") if index)
        trial = Trial(trial.seed, trial.kinds, only, asked.dice)
    for step in trial.steps:
        print(step)
    problems = problems_of(trial)
    print("\n".join(problems) or "the catalog is what the storage says")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
