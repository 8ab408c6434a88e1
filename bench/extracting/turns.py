"""The sides take turns: one pass of each, again and again, and the median of a side's passes counts."""

import contextlib
import json
import select
import statistics
import subprocess
import sys

from bench.extracting.cases import Case

PASSES = 41  # of each side at most
ENOUGH_S = 3.0  # a side whose passes took so long together makes no more
LEAST_PASSES = 3  # of a side whose passes take less than LONG_S
LONG_S = 8.0
FIRST_PASSES = 3
TIMEOUT_S = 120

type Row = dict[
    str, float
]  # of one pass, or the medians of some: seconds, cpu, requests, bytes, memory, passes


def measured(case: Case, port: int) -> dict[str, Row | None]:
    """What one pass of each side takes; None where it fails, or takes too long."""
    rounds = [_round(case, port, 1) for _ in range(FIRST_PASSES)] if case.first else [_round(case, port)]
    found: dict[str, Row | None] = {}
    for side in case.sides:
        passes = [one_pass for each in rounds for one_pass in each[side]]
        found[side] = _median(passes) if all(each[side] for each in rounds) else None
    return found


def _round(case: Case, port: int, most: int = PASSES) -> dict[str, list[Row]]:
    """The passes of each side in a process of its own; none of one that failed."""
    with contextlib.ExitStack() as stack:
        ways = {side: stack.enter_context(Way(side, case, port)) for side in case.sides}
        for _ in range(most):
            for way in ways.values():
                way.go()
        return {side: way.passes for side, way in ways.items()}


def _median(passes: list[Row]) -> Row:
    return {name: statistics.median(each[name] for each in passes) for name in passes[0]} | {
        "passes": len(passes)
    }


class Way:
    """One side in a process of its own, and the passes that it has made."""

    def __init__(self, side: str, case: Case, port: int) -> None:
        command = [sys.executable, "-m", "bench.extracting.side", side, str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._case = case
        self.passes: list[Row] = []
        self._failed = self._line() != "ready\n"

    def __enter__(self) -> "Way":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self) -> None:
        """One pass, unless they took long enough already."""
        spent = sum(each["seconds"] for each in self.passes)
        least = 1 if spent > LONG_S else LEAST_PASSES
        if self._failed or (spent > ENOUGH_S and len(self.passes) >= least):
            return
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._case.of_pass(len(self.passes))) + "\n")
        self._process.stdin.flush()
        line = self._line()
        self._failed = not line
        self.passes = [*self.passes, json.loads(line)] if line else []

    def _line(self) -> str:
        """What the process prints next; nothing where it takes too long."""
        stdout = self._process.stdout
        assert stdout is not None
        ready, _, _ = select.select([stdout], [], [], TIMEOUT_S)
        if not ready:
            self._process.kill()  # or it would go on beside the others, and in their counts
        return stdout.readline() if ready else ""
