"""The database, the storage, then Event Grid are away for 23 hours each, while messages come: nothing is given up."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from eventstac.blobs import BlobReader, Look
from eventstac.errors import Transient
from eventstac.retrying import RetryPolicy
from tests.simulation.faults import KINDS, NEED_RECONCILE, Faults
from tests.simulation.histories import Step, history
from tests.simulation.trial import problems_in
from tests.simulation.world import World

HOUR = 3600.0
OUTAGE_S = 23 * HOUR
ALL_S = 24 * HOUR  # an hour in between: what waited for one of them is through before the next one goes
WORDS = ("catalog", "storage", "event grid")

# The pauses between attempts are 150 s on average, once they have grown: 552 attempts in 23 hours.
MOST_ATTEMPTS = int(1.25 * OUTAGE_S / (RetryPolicy().longest_s / 2))
_MOST_TICKS = 200_000


class WorldOfOutages(World):
    """What is away is so by the clock; `refused` counts who asked meanwhile."""

    def __init__(self, steps: Sequence[Step], faults: Faults) -> None:
        self.refused = dict.fromkeys(WORDS, 0)
        super().__init__(steps, faults)
        self._began = self.now()
        self._look, self._answer = self.storage.look, self.catalog.answer
        self.storage.look = self._look_unless_away  # type: ignore[method-assign]  # as the apps see it
        self.catalog.answer = self._answer_unless_away  # type: ignore[method-assign]

    def run(self) -> None:
        for _ in range(_MOST_TICKS):
            if self._is_at_rest():
                return
            self._tick()
            if not self.bus.entries and self.catalog.outbox:
                self._pass_time(15)  # the loader's timer
        raise AssertionError(f"{len(self.bus.entries)} messages are left")

    def _insist_on(self, word: str) -> None:
        since_s = (self.now() - self._began).total_seconds() - WORDS.index(word) * ALL_S
        if HOUR / 2 <= since_s < HOUR / 2 + OUTAGE_S:
            self.refused[word] += 1
            raise Transient(f"the {word} is away")

    def _look_unless_away(self, url: str) -> tuple[Look, BlobReader | None]:
        self._insist_on("storage")
        return self._look(url)

    def _answer_unless_away(self) -> None:
        self._insist_on("catalog")
        self._answer()

    def _told(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._insist_on("event grid")
        super()._told(events)


def steps_of(seed: int) -> list[Step]:
    """A history whose steps are spread over all the outages: some are in each."""
    steps = [step for part in range(3) for step in history(seed + part, losses=False, rule_changes=False)]
    return [replace(step, gap_s=3 * ALL_S / len(steps)) for step in steps]


def attempts_of(world: World) -> dict[tuple[str, str], int]:
    """How often each message was tried by each subscription that had to try it again."""
    tried: dict[tuple[str, str], int] = {}
    for _, identity in world.bus.sent:
        message, *again = identity.split("~")
        if len(again) == 2:
            key = (message, again[0])
            tried[key] = max(tried.get(key, 0), int(again[1]))
    return tried


@pytest.mark.parametrize(
    "kinds", [frozenset[str](), frozenset(KINDS) - NEED_RECONCILE], ids=["calm", "faulty"]
)
@pytest.mark.parametrize("seed", [1, 4])
@pytest.mark.timeout(600)
def test_what_is_away_for_23_hours_puts_nothing_into_a_dead_letter_queue(
    seed: int, kinds: frozenset[str]
) -> None:
    random.seed(seed)  # the product's own jitter
    world = WorldOfOutages(steps_of(seed), Faults(f"{seed}/long", kinds))
    began = world.now()
    world.run()
    assert problems_in(world) == []  # among them: a dead letter, a message that was given up
    assert world.now() - began > timedelta(seconds=3 * ALL_S - 2 * HOUR)
    tried = attempts_of(world)
    assert all(world.refused[word] > 100 for word in WORDS), world.refused
    assert 200 < max(tried.values()) < MOST_ATTEMPTS
