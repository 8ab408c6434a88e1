"""The processes that decode: what they may not see, and what happens when one hangs or dies."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.raster.sandbox import Sandbox
from tests.unit.raster.corpus import cog, gradient, tiff
from tests.unit.raster.readers import MemoryReader

SMALL = tiff(gradient(40, 40))
RANGED = cog(gradient(2500, 2500), compress="none")
STRIPED = tiff(gradient(3000, 3000), blockysize=8)
SAMPLED = {"sample_above_bytes": 1}


class SignallingReader(MemoryReader):
    """Sends the worker a signal when it asks for bytes."""

    def __init__(self, data: bytes, pid: int, number: int) -> None:
        super().__init__(data)
        self._pid, self._number = pid, number

    def read(self, offset: int, length: int) -> bytes:
        os.kill(self._pid, self._number)
        return super().read(offset, length)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    yield sandbox
    sandbox.close()


def signalled(sandbox: Sandbox, number: int, seconds: float = 60) -> EventstacError:
    pid = sandbox._idle[0].pid
    with pytest.raises(EventstacError) as caught:
        sandbox.read(SignallingReader(RANGED, pid, number), {}, thumbnail=False, seconds=seconds)
    assert not Path(f"/proc/{pid}").exists()
    return caught.value


def test_the_answer_is_the_one_that_the_same_process_gives() -> None:
    for data, options in ((SMALL, {}), (RANGED, {}), (STRIPED, {}), (STRIPED, SAMPLED)):
        assert read_raster(MemoryReader(data), options) == read_in_process(MemoryReader(data), options)


def test_a_worker_that_hangs_is_killed_and_its_message_rejected(sandbox: Sandbox) -> None:
    error = signalled(sandbox, signal.SIGSTOP, seconds=0.5)
    assert isinstance(error, Rejected)
    assert error.reason == "timed-out"
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)


def test_a_crash_ends_one_read_and_not_the_next(sandbox: Sandbox) -> None:
    error = signalled(sandbox, signal.SIGSEGV)
    assert isinstance(error, Rejected)
    assert error.reason == "crashed"
    assert "SIGSEGV" in error.detail
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)


def test_a_worker_killed_from_outside_says_nothing_about_the_file(sandbox: Sandbox) -> None:
    assert isinstance(signalled(sandbox, signal.SIGKILL), Transient)


@pytest.mark.parametrize(
    ("data", "options"),
    [(RANGED, {}), (STRIPED, {}), (STRIPED, SAMPLED)],
    ids=["ranges", "stream", "many ranges at once"],
)
def test_the_readers_failure_crosses_over_and_the_worker_lives_on(
    sandbox: Sandbox, data: bytes, options: dict[str, int]
) -> None:
    pid, error = sandbox._idle[0].pid, BlobChanged("412")
    with pytest.raises(BlobChanged) as caught:
        sandbox.read(MemoryReader(data, fail=error), options, thumbnail=False, seconds=60)
    assert caught.value is error
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    assert sandbox._idle[0].pid == pid


def test_ranges_that_nobody_wants_any_more_do_not_disturb_the_next_read(sandbox: Sandbox) -> None:
    data = bytearray(tiff(np.random.default_rng(1).random((1500, 1500)), compress="lzw", blockysize=4))
    data[700_000:] = b"\xff" * (len(data) - 700_000)
    pid = sandbox._idle[0].pid
    with pytest.raises(Rejected, match="does not decode"):
        sandbox.read(MemoryReader(bytes(data)), SAMPLED, thumbnail=False, seconds=60)
    metadata, _, _ = sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    assert metadata["projection"]["proj:shape"] == [40, 40]
    assert sandbox._idle[0].pid == pid


def test_a_worker_sees_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BlobStorage", "AccountKey=secret")
    sandbox = Sandbox()
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    environment = Path(f"/proc/{sandbox._idle[0].pid}/environ").read_bytes()
    sandbox.close()
    assert b"PATH=" in environment
    assert b"secret" not in environment


def test_memory_beyond_the_limit_is_a_rejection(sandbox: Sandbox) -> None:
    pid = sandbox._idle[0].pid
    status = Path(f"/proc/{pid}/status").read_text()
    enough_to_open = int(re.search(r"VmData:\s+(\d+) kB", status)[1]) * 1024 + 32 * 2**20  # type: ignore[index]
    limit = f"import resource; resource.prlimit({pid}, resource.RLIMIT_DATA, ({enough_to_open},) * 2)"
    subprocess.run([sys.executable, "-c", limit], check=True)
    with pytest.raises(Rejected) as caught:
        sandbox.read(
            MemoryReader(tiff(np.zeros((4000, 4000), "float64"), compress="deflate")),
            {},
            thumbnail=True,
            seconds=60,
        )
    assert caught.value.reason in ("too-large", "bad-raster", "crashed")


def test_workers_end_with_their_parent() -> None:
    code = (
        "import os, signal\n"
        "from eventstac.raster.sandbox import Worker\n"
        "print(Worker().pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    parent = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    pid, deadline = int(parent.stdout), time.monotonic() + 20
    while running(pid):
        assert time.monotonic() < deadline, "the worker outlives its parent"
        os.sched_yield()


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
