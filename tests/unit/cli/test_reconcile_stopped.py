"""`eventstac reconcile` says by its exit code that the rules changed while it went on, whatever it had done by then."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from eventstac.catalog import repairing
from eventstac.cli import ports
from eventstac.cli import reconcile as command
from eventstac.consumption import Consumer
from eventstac.errors import Transient
from eventstac.rules import load_rules
from tests.twins.apps import Pipeline, scene

RULES = "collections: {scenes: {rules: [{name: scenes, pattern: 'scenes/{item}/{asset}.tif', properties: {gsd: 1}}]}}"


class Ports:
    """As the command line reads them, over twins."""

    database = default_collection = None

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def check_collection(self, collection: str | None, *, is_ours: bool) -> None:
        del collection, is_ours

    def storage(self) -> None:
        return None

    watched = rules_store = staticmethod(lambda *_: None)
    connection = telemetry = staticmethod(nullcontext)

    @contextmanager
    def consumer(self) -> Iterator[Consumer]:
        yield self.pipeline.consumer("operator")


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("done", [0, 2, 7])  # while it lists, and afterwards
def test_a_run_that_the_rules_stopped_exits_with_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], check: bool, done: int
) -> None:
    pipeline = Pipeline()
    pipeline.run(*[pipeline.put(scene(f"s{number}", "b1"), b"raster 1") for number in range(10)])
    pipeline.blobs.wait(10)
    reconciler, steps = pipeline.reconciler, iter(range(99))

    def step(request: Any) -> Any:
        if next(steps) == done:
            pipeline.catalog.rules()  # what was in force until now
            pipeline.catalog.in_force = load_rules(RULES, file="rules.yaml")
            pipeline.catalog.revision += 1
        return reconciler.step(request)

    stopping = SimpleNamespace(begin=reconciler.begin, step=step, runs=reconciler.runs)
    monkeypatch.setattr(command, "Reconciler", lambda *_: stopping)
    monkeypatch.setattr(
        command, "PostgresCatalog", lambda *_: SimpleNamespace(connection=None, close=lambda: None)
    )
    monkeypatch.setattr(ports.Ports, "read", lambda *_, **__: Ports(pipeline))
    monkeypatch.setattr(repairing, "repair", lambda *_, **__: None)
    monkeypatch.setattr(command, "story", lambda *_: nullcontext())
    with pytest.raises(typer.Exit) as exited:
        command.reconcile(check=check, allow_removals=None if check else 3, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert exited.value.exit_code == 4
    assert "the rules changed while it went on" in said["detail"]
    assert ("to be given --allow-removals again" in said["detail"]) != check


def test_a_database_that_refuses_is_told_at_once_and_not_after_a_pool_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused() -> None:
        raise Transient("password authentication failed")

    reading = Ports(Pipeline())
    monkeypatch.setattr(reading, "connection", refused)
    monkeypatch.setattr(ports.Ports, "read", lambda *_, **__: reading)
    monkeypatch.setattr(command, "PostgresCatalog", lambda *_: pytest.fail("a pool was opened"))
    with pytest.raises(Transient, match="password authentication failed"):
        command.reconcile(check=True)
