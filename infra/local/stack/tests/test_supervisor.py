"""The supervisor with small real processes."""

import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from infra.local.stack import processes, supervisor
from infra.local.stack.errors import StackError
from infra.local.stack.layout import Layout
from infra.local.stack.service import Service
from infra.local.stack.supervisor import Supervisor


class Watched:
    """A supervisor, what it said, and how to make services for it."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)
        self.layout.make()
        self.said: list[str] = []
        self.supervisor = Supervisor(self.layout, self.said.append)

    def service(self, name: str, code: str = "time.sleep(600)") -> Service:
        sign = self.layout.directory / f"{name}.up"
        program = (
            f"import os, pathlib, time\npathlib.Path({str(sign)!r}).write_text(str(os.getpid()))\n{code}"
        )
        return Service(name, [sys.executable, "-c", program], 1234, sign.exists)

    def up(self, *services: Service) -> None:
        self.supervisor.bring_up(services, stopping=lambda: False)

    def pid(self, name: str) -> int:
        identity = processes.read(self.layout.record(name))
        assert identity is not None
        return identity.pid

    def tick_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.said
            self.supervisor.tick()
            time.sleep(0.02)

    def state(self, name: str) -> str:
        return next(run.state for run in self.supervisor._runs if run.service.name == name)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.stop()


def test_a_crashed_service_is_started_again_and_that_is_said(watched: Watched) -> None:
    watched.up(watched.service("one"))
    first = watched.pid("one")
    os.kill(first, signal.SIGKILL)
    watched.tick_until(lambda: any("again)" in line for line in watched.said))
    assert watched.pid("one") != first
    assert "one ended (killed by SIGKILL); it is started again" in watched.said


def test_a_service_that_dies_at_start_shows_the_end_of_its_log(watched: Watched) -> None:
    broken = watched.service("broken", "raise SystemExit('the topology is wrong')")
    with pytest.raises(
        StackError, match=r"(?s)broken ended while starting; .*the topology is wrong\nmend it"
    ):
        watched.up(replace(broken, ready=lambda: False, advice="mend it"))


@pytest.mark.parametrize("has_room", [True, False])
def test_a_log_grows_no_further_than_its_limit_while_its_process_runs(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, has_room: bool
) -> None:
    monkeypatch.setattr(supervisor, "_LOG_LIMIT_BYTES", 10_000)
    if not has_room:
        monkeypatch.setattr(shutil, "copyfile", Mock(side_effect=OSError(errno.ENOSPC, "no space")))
    told, go_on = (watched.layout.directory / name for name in ("told", "go_on"))
    watched.up(
        watched.service(
            "chatty",
            f"print('x' * 20_000, flush=True); pathlib.Path({str(told)!r}).touch()\n"
            f"while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)\n"
            "print('afterwards', flush=True); time.sleep(600)",
        )
    )
    log = watched.layout.log("chatty")

    watched.tick_until(lambda: told.exists() and log.stat().st_size == 0)
    go_on.touch()
    watched.tick_until(lambda: log.read_text() == "afterwards\n")

    before = log.with_suffix(".log.1")
    assert (before.read_text() if before.exists() else "") == ("x" * 20_000 + "\n" if has_room else "")


def test_a_service_that_dies_at_start_shows_the_end_of_its_log_however_long_that_is(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_LOG_LIMIT_BYTES", 10_000)
    told, go_on = (watched.layout.directory / name for name in ("told", "go_on"))
    log = watched.layout.log("broken")
    log.write_text("of the last run\n" * 1_000)
    broken = watched.service(
        "broken",
        f"print('x' * 20_000 + '\\nthe topology is wrong', flush=True); pathlib.Path({str(told)!r}).touch()\n"
        f"while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)",
    )

    def ready() -> bool:
        if told.exists():
            go_on.touch()
        return False

    with pytest.raises(StackError, match=r"(?s)ended while starting; .*the topology is wrong"):
        watched.up(replace(broken, ready=ready))
    assert log.with_suffix(".log.1").read_text() == "of the last run\n" * 1_000
    assert log.read_text().startswith("x")


def test_a_log_that_somebody_took_away_stops_nothing(watched: Watched) -> None:
    watched.up(watched.service("one"))
    watched.layout.log("one").unlink()

    watched.supervisor.tick()

    assert watched.state("one") == "ready"


def test_a_held_service_stays_away_until_it_is_released(watched: Watched) -> None:
    watched.up(watched.service("one"))
    watched.layout.hold("one").touch()
    os.kill(watched.pid("one"), signal.SIGKILL)
    watched.tick_until(lambda: watched.state("one") == "held")
    assert not watched.layout.record("one").exists()
    watched.layout.hold("one").unlink()
    watched.tick_until(lambda: watched.state("one") == "ready")


def test_stop_leaves_no_process_not_even_what_a_service_started(watched: Watched) -> None:
    child = watched.layout.directory / "child"
    starts = "import subprocess, sys\nc = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    starts += f"pathlib.Path({str(child)!r}).write_text(str(c.pid))\ntime.sleep(600)"
    watched.up(watched.service("one", starts))
    watched.tick_until(lambda: child.exists() and child.read_text() != "")
    both = [processes.identify(watched.pid("one")), processes.identify(int(child.read_text()))]
    assert all(identity.is_alive() for identity in both)
    watched.supervisor.stop()
    deadline = time.monotonic() + 5  # a killed process of nobody's is gone once its turn comes
    while any(identity.is_alive() for identity in both):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stack_on_a_full_disk_stops_all_the_same(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.up(watched.service("one"))
    one = processes.identify(watched.pid("one"))
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_text", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
        watched.supervisor.stop()
    assert not one.is_alive()


def test_later_groups_stop_first(watched: Watched) -> None:
    order = watched.layout.directory / "order"
    for name in ("base", "app"):
        bye = f"lambda *_: (open({str(order)!r}, 'a').write('{name} '), sys.exit())"
        # The sign of being up is written before the handler is there: wait for a second one.
        ready = watched.layout.directory / f"{name}.ready"
        code = f"import signal, sys\nsignal.signal(15, {bye})\nopen({str(ready)!r}, 'w').close()\ntime.sleep(600)"
        watched.up(replace(watched.service(name, code), ready=ready.exists))
    watched.supervisor.stop()
    assert order.read_text() == "app base "
