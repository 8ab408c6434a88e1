"""A recorded process is that process, not whatever has its pid by now."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.stack import processes

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).wait()"


def start(code: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    return process


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with start(SLEEPER) as process:
        yield process
        process.kill()


def test_a_process_is_known_again_from_its_record(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    processes.write(tmp_path / "record.json", processes.identify(sleeper.pid))
    identity = processes.read(tmp_path / "record.json")
    assert identity is not None
    assert identity.is_alive()


def test_a_pid_that_was_used_again_is_never_killed(sleeper: "subprocess.Popen[bytes]") -> None:
    earlier = replace(processes.identify(sleeper.pid), started="1")
    assert not earlier.is_alive()
    processes.end(earlier, signal.SIGTERM, patience_s=0)
    assert sleeper.poll() is None


def test_an_ended_process_is_not_alive_although_nobody_collected_it() -> None:
    with start(SLEEPER) as process:
        identity = processes.identify(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not identity.is_alive()


def test_a_process_that_ignores_the_first_signal_is_killed() -> None:
    with start(STUBBORN) as process:
        processes.end(processes.identify(process.pid), signal.SIGTERM, patience_s=0.1)
        assert process.wait(10) == -signal.SIGKILL


def test_what_a_process_started_ends_with_its_group() -> None:
    with start(PARENT) as process:
        processes.kill_group(process.pid)
        assert process.stdout is not None
        assert process.stdout.read() == b""  # ends only when the grandchild has let go of it


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[]"])
def test_half_a_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    assert processes.read(tmp_path / "record.json") is None
