"""One tapped stack for all end-to-end tests, and what a user does with it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.local.stack.layout import ROOT
from infra.local.stack.testing import Stack
from tests.e2e.conditions import until
from tests.e2e.tapped import tapped_stack
from tests.e2e.user import User, trigger

LAST = "test_messages.py"  # judges what all others made the apps say


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All five apps on the real parts. Every test leaves all processes running, and uses names of its own."""
    directory = tmp_path_factory.mktemp("stack")
    with tapped_stack(directory) as running:
        rules = directory / "collections.yaml"
        rules.write_text(yaml.safe_dump(collections(), sort_keys=False))
        applied = running.eventstac("collections", "apply", str(rules))
        assert applied.returncode == 0, applied.stdout + applied.stderr
        brought_up_to_date(running)
        yield running


def brought_up_to_date(stack: Stack) -> None:
    """Changed rules begin a run within five minutes: make it now, so that none comes in the middle of a test."""

    def done() -> bool:
        trigger(stack, "scanner", "attend_reconcile")
        status = json.loads(stack.eventstac("status", "--json").stdout)
        run = status["last_reconcile"]
        return bool(run and run["revision"] == status["revision"] and run["state"] in ("done", "stopped"))

    until(done, "the run that changed rules begin")


@pytest.fixture(scope="session")
def user(stack: Stack) -> Iterator[User]:
    with User.of(stack) as user:
        yield user


def collections() -> dict[str, object]:
    """The root's collections and those of the tests, as one rules file."""
    ours = yaml.safe_load((ROOT / "collections.yaml").read_text())
    tests = yaml.safe_load(Path(__file__).with_name("collections.yaml").read_text())
    return {**tests, "collections": {**ours["collections"], **tests["collections"]}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == LAST)
