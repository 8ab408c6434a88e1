"""`eventstac reconcile` says by its exit code that the rules changed while it went on, whatever it had done by then."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from eventstac.catalog import repairing
from eventstac.catalog.undone import Undone
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


def over_twins(
    monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, reconciler: Any, undone: Sequence[Undone] = ()
) -> list[int | None]:
    """Have the command run over a pipeline; returns how many Items without a file each repair may remove."""
    asked: list[int | None] = []
    monkeypatch.setattr(command, "Reconciler", lambda *_: reconciler)
    monkeypatch.setattr(
        command, "PostgresCatalog", lambda *_: SimpleNamespace(connection=None, close=lambda: None)
    )
    monkeypatch.setattr(ports.Ports, "read", lambda *_, **__: Ports(pipeline))
    monkeypatch.setattr(repairing, "repair", lambda *_, **options: asked.append(options["allow_removals"]))
    monkeypatch.setattr(command, "_undone", lambda *_: list(undone))
    monkeypatch.setattr(command, "story", lambda *_: nullcontext())
    return asked


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
    over_twins(monkeypatch, pipeline, stopping)
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


@pytest.mark.parametrize(
    ("gone", "allowed", "code", "asked"),
    [(10, None, 4, 0), (10, 9, 4, 0), (10, 13, 3, 3), (1, None, 3, None)],
)
def test_a_run_that_would_remove_too_much_removes_no_item_without_a_file_either(
    monkeypatch: pytest.MonkeyPatch, gone: int, allowed: int | None, code: int, asked: int | None
) -> None:
    pipeline = with_gone(gone)
    repairs = over_twins(monkeypatch, pipeline, pipeline.reconciler)
    with pytest.raises(typer.Exit) as exited:
        command.reconcile(allow_removals=allowed)
    assert (exited.value.exit_code, repairs) == (code, [asked])


def test_a_check_promises_nothing_of_a_run_that_would_remove_too_much(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = with_gone(10)
    for number in range(20, 30):
        pipeline.blobs.archive(scene(f"s{number}", "b1"))
    pipeline.blobs.wait(10)
    over_twins(monkeypatch, pipeline, pipeline.reconciler)
    with pytest.raises(typer.Exit):
        command.reconcile(check=True)
    assert "there is a gap that no reconcile closes by itself" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("check", "undone", "code", "verdict"),
    [
        (True, Undone("scenes", queryables=("cloud",)), 3, "there is a gap: `eventstac reconcile` mends it"),
        (True, Undone("scenes", is_missing=True), 3, "there is a gap: `eventstac reconcile` mends it"),
        (True, Undone("scenes", taken=("cloud",)), 3, "there is a gap that no reconcile closes by itself"),
        (False, Undone("scenes", queryables=("cloud",)), 3, "what others took away was put back"),
        (False, Undone("scenes", taken=("cloud",)), 3, "there is a gap that no reconcile closes by itself"),
        (
            False,
            Undone("scenes", queryables=("cloud",), detail="why"),
            3,
            "there is a gap that no reconcile closes by itself",
        ),
        (
            False,
            Undone("scenes", queryables=("cloud",), detail="why", is_held=True),
            3,
            "there is a gap: what somebody holds is put back when he lets go",
        ),
        (True, None, 0, "no gap"),
    ],
)
def test_what_others_undid_of_the_rules_is_a_gap(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    check: bool,
    undone: Undone | None,
    code: int,
    verdict: str,
) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("s0", "b1"), b"raster 1"))
    pipeline.blobs.wait(10)
    over_twins(monkeypatch, pipeline, pipeline.reconciler, [undone] if undone else [])
    with pytest.raises(typer.Exit) as exited:
        command.reconcile(check=check)
    said = " ".join(capsys.readouterr().out.split())
    assert exited.value.exit_code == code
    assert verdict in said
    if undone:
        assert str(undone) in said


@pytest.mark.parametrize("as_json", [True, False])
def test_what_was_put_back_is_named_when_nothing_is_left_of_it_after_a_wait(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    pipeline = Pipeline()
    pipeline.run(pipeline.put(scene("s0", "b1"), b"raster 1"))
    pipeline.blobs.wait(10)
    over_twins(monkeypatch, pipeline, pipeline.reconciler)
    monkeypatch.setattr(command, "PostgresRuns", lambda *_: pipeline.reconciler.runs)
    back = Undone("scenes", queryables=("cloud",))
    looks = iter([[back, Undone("others", queryables=("gsd",), detail="why")], []])
    monkeypatch.setattr(command, "_undone", lambda *_: next(looks))
    with pytest.raises(typer.Exit) as exited:
        command.reconcile(wait=60, as_json=as_json)
    said = capsys.readouterr().out
    assert exited.value.exit_code == 0
    if as_json:
        assert (json.loads(said)["undone"], len(json.loads(said)["put_back"])) == ([], 1)
        assert json.loads(said)["put_back"][0]["collection"] == "scenes"
    else:
        assert f"was put back: {back}" in " ".join(said.split())
        assert "others" not in said


def with_gone(count: int) -> Pipeline:
    """100 Items, some of whose blobs are gone, and 3 without a file."""
    pipeline = Pipeline()
    pipeline.run(*[pipeline.put(scene(f"s{number:02}", "b1"), b"raster 1") for number in range(100)])
    pipeline.blobs.wait(10)
    for number in range(count):
        pipeline.blobs.delete(scene(f"s{number:02}", "b1"))
    pipeline.catalog.items |= {("scenes", f"hand-{number}"): {"id": f"hand-{number}"} for number in range(3)}
    return pipeline
