"""The catalog is what the storage holds, whatever was killed meanwhile."""

import os
import secrets

import pytest

from tests.chaos.storm import Log, Weather, rage
from tests.e2e.user import User

pytestmark = pytest.mark.timeout(1800)  # up to eleven minutes until all is quiet

BLOBS = 300
SEED = secrets.randbelow(100_000) if os.environ.get("EXPLORE") else 7


def test_every_process_is_killed_and_the_catalog_is_what_the_storage_holds(stormy: User) -> None:
    log = Log()
    weather = Weather(SEED, BLOBS)
    outcome = rage(stormy, weather, log)
    trace = "\n".join([f"seed {weather.seed}", *log.lines])
    assert outcome.problems == [], trace
    assert outcome.uploaded >= BLOBS, trace
    assert outcome.kills >= 10, trace
    assert outcome.echoes > 0, trace
