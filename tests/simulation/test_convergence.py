"""The catalog converges to what the storage holds, whatever happens: thousands of seeds against the oracle.

The oracle derives everything from the storage but one thing: which contents of a source the catalog ever saw, and thus
whether it may know that a COG was made from another one, is taken from the catalog's commits (oracle.py).

SIMULATION_SEEDS says how many (3,000 by default); `python -m tests.simulation` runs more, and replays one.
"""

import os

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.trial import Trial, play, problems_of, report, trial_of

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "3000"))
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(3600)
def test_the_catalog_is_what_the_storage_says_in_the_end(part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        trial = trial_of(seed)
        if problems_of(trial):
            pytest.fail(report(trial), pytrace=False)


def test_a_trial_is_the_same_every_time() -> None:
    """Else its command would replay nothing."""
    worlds = [play(Trial(7, frozenset(KINDS))) for _ in range(2)]
    stories = [(world.now(), world.catalog.items, world.bus.sent) for world in worlds]
    assert stories[0] == stories[1]
