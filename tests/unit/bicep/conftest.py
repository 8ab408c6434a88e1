"""The plans of the templates, which take the compiler seconds: each is made once a run."""

import pytest

from tests.unit.bicep.plan import FULL, SMALL, Evaluate, Plan, evaluator, planned


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    return evaluator(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="session")
def small(plan: Evaluate) -> Plan:
    return planned(plan(SMALL))


@pytest.fixture(scope="session")
def full(plan: Evaluate) -> Plan:
    return planned(plan(FULL))
