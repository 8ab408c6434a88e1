"""Kills processes of a stack at random, and starts them again."""

import random
import threading
from collections.abc import Callable

from tests.chaos.deeds import Gate
from tests.e2e.user import User

PROCESSES = (
    "scanner",
    "extractor",
    "loader",
    "cog_updater",
    "stac_api",
    "servicebus",
    "eventgrid",
    "blobs",
    "postgres",
    "azurite",
)


class Killer:
    """SIGKILLs every process once in each round, in random order, sometimes two at a time."""

    def __init__(self, user: User, gate: Gate, dice: random.Random, note: Callable[[str], None]) -> None:
        self._user, self._gate, self._dice, self._note = user, gate, dice, note
        self.kills = self.rounds = 0

    def work(self, stop: threading.Event) -> None:
        """Kill until told to stop, but end the first round in any case; all run when it returns."""
        while not (self.rounds and stop.is_set()):
            order = self._dice.sample(PROCESSES, len(PROCESSES))
            while order and not (self.rounds and stop.is_set()):
                count = self._dice.choice([1, 1, 2])
                self._kill([order.pop() for _ in range(min(count, len(order)))], stop)
            self.rounds += 1

    def _kill(self, names: list[str], stop: threading.Event) -> None:
        away_s, pause_s = self._dice.uniform(0.2, 3.0), self._dice.uniform(0.5, 3.0)
        self._note(f"kill {' and '.join(names)} for {away_s:.1f} s")
        if "azurite" in names:
            saved = self._user.stack.layout.data("azurite") / "__azurite_db_blob__.json"
            with self._gate.shut(saved):
                self._away(names, away_s)
        else:
            self._away(names, away_s)
        stop.wait(pause_s)

    def _away(self, names: list[str], away_s: float) -> None:
        try:
            for name in names:
                self._user.stack.kill(name)
                self.kills += 1
            threading.Event().wait(away_s)  # an outage has a length
        finally:
            self._user.stack.restart(*names)
