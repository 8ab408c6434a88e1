"""The processes that decode: what they may not see, and what happens when one hangs or dies."""

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.raster import sandbox as sandbox_module
from eventstac.raster.decoder import Kind, Worker
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.raster.memory import MB, default_bytes
from eventstac.raster.options import MAX_TIMEOUT_S
from eventstac.raster.sandbox import TRIES, Sandbox, Turns
from eventstac.rules.schema import rules_schema
from infra.local.functions_host import host_json
from tests.unit.raster.corpus import cog, gradient, tiff
from tests.unit.raster.readers import MemoryReader

ROOT = Path(__file__).parents[3]
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


@pytest.mark.parametrize("app", ["extractor", "cog_updater"])
def test_the_longest_read_that_a_rule_may_ask_for_takes_half_of_the_function_s_time(app: str) -> None:
    host = host_json.read(ROOT / "services" / app)
    assert host.function_timeout_s is not None
    assert min(host.function_timeout_s, host.service_bus.max_auto_lock_renewal_s) >= 2 * MAX_TIMEOUT_S
    options = rules_schema()["$defs"]["readOptions"]["properties"]
    assert options["timeout_s"]["description"] == f"Seconds, at most {MAX_TIMEOUT_S:g}."


def test_a_crash_ends_one_read_and_not_the_next(sandbox: Sandbox) -> None:
    error = signalled(sandbox, signal.SIGSEGV)
    assert isinstance(error, Rejected)
    assert error.reason == "crashed"
    assert "SIGSEGV" in error.detail
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)


class KillingReader(MemoryReader):
    """Kills the worker that asks for bytes, so many times, as a kernel does that is short of memory."""

    def __init__(self, data: bytes, times: int, sandbox: Sandbox) -> None:
        super().__init__(data)
        self.left = times
        self._others = set(decoders()) - {worker.pid for worker in sandbox._idle}

    def read(self, offset: int, length: int) -> bytes:
        if self.left:
            self.left -= 1
            (decoder,) = set(decoders()) - self._others
            os.kill(decoder, signal.SIGKILL)
        return super().read(offset, length)


def decoders() -> list[int]:
    """The ids of the decoders that this process started and that run."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = sorted({int(pid) for task in tasks for pid in said_of(task).split()})
    return [pid for pid in pids if running(pid) and b"raster.worker" in said_of(Path(f"/proc/{pid}/cmdline"))]


def said_of(file: Path) -> bytes:
    """What the kernel says in a file; nothing of a process or thread that has ended, be it while one reads."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return file.read_bytes()
    return b""


def test_a_worker_killed_once_says_nothing_about_the_file(sandbox: Sandbox) -> None:
    metadata, _, _ = sandbox.read(KillingReader(RANGED, 1, sandbox), {}, thumbnail=False, seconds=60)
    assert metadata == read_in_process(MemoryReader(RANGED), {}, thumbnail=False).metadata


def test_a_file_whose_worker_is_killed_each_time_is_rejected_and_not_read_for_ever(sandbox: Sandbox) -> None:
    reader = KillingReader(RANGED, 100, sandbox)
    with pytest.raises(Rejected, match="DECODER_MEMORY_MB") as caught:
        sandbox.read(reader, {}, thumbnail=False, seconds=60)
    assert caught.value.reason == "killed"
    assert reader.left == 100 - TRIES
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)


def test_whoever_reads_alone_waits_for_the_others_and_holds_the_next_ones_back() -> None:
    turns, told, waiting = Turns(), [], threading.Event()

    def alone() -> None:
        waiting.set()
        with turns.alone():
            told.append("alone")

    def beside() -> None:
        with turns.beside_others():
            told.append("beside")

    with turns.beside_others():
        first = threading.Thread(target=alone)
        first.start()
        waiting.wait(20)
        deadline = time.monotonic() + 20
        while not turns._is_taken:
            assert time.monotonic() < deadline
            os.sched_yield()
        second = threading.Thread(target=beside)
        second.start()
        told.append("the first")
    first.join(20)
    second.join(20)
    assert told == ["the first", "alone", "beside"]


def test_the_kernel_ends_a_decoder_before_the_app_that_feeds_it(sandbox: Sandbox) -> None:
    assert Path(f"/proc/{sandbox._idle[0].pid}/oom_score_adj").read_text().strip() == "1000"


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
    assert caught.value.reason == "too-large"
    assert sandbox._idle[0].pid == pid


def hyperspectral(bands: int) -> bytes:
    """A cube whose overview of 1,000 pixels is what is read: 2 MB a band; nothing of it was ever written."""
    profile = {"count": bands, "width": 4000, "height": 4000, "dtype": "uint16", "sparse_ok": True}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", tiled=True, interleave="band", **profile, **place) as dataset:
            dataset.build_overviews([2, 4])
        data: bytes = memory.read()
        return data


def test_a_file_over_the_limit_is_too_large_and_its_worker_goes_on() -> None:
    """An overview of 320 MB fits where DECODER_MEMORY_MB is what the templates say, and not in half of it."""
    data = hyperspectral(160)
    small, given = Sandbox(384 * MB), Sandbox(768 * MB)
    try:
        small.read(MemoryReader(SMALL), {}, thumbnail=True, seconds=60)
        pid = small._idle[0].pid
        with pytest.raises(Rejected, match="DECODER_MEMORY_MB") as caught:
            small.read(MemoryReader(data), {}, thumbnail=True, seconds=120)
        assert caught.value.reason == "too-large"
        small.read(MemoryReader(SMALL), {}, thumbnail=True, seconds=60)
        assert small._idle[0].pid == pid
        metadata, _, _ = given.read(MemoryReader(data), {}, thumbnail=True, seconds=120)
        assert len(metadata["bands"]) == 160
    finally:
        small.close()
        given.close()


def test_many_bands_are_thinned_out_so_that_they_fit() -> None:
    data = tiff(np.ones((90, 1000, 1000), "uint16"), compress="deflate", tiled=True)
    sandbox = Sandbox(384 * MB)
    try:
        metadata, _, _ = sandbox.read(MemoryReader(data), {}, thumbnail=True, seconds=120)
    finally:
        sandbox.close()
    assert {band["statistics"]["count"] for band in metadata["bands"]} == {1000 * 1000}


def test_a_decoder_has_the_limit_that_it_was_given() -> None:
    sandbox = Sandbox(500 * MB)
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    limits = resource.prlimit(sandbox._idle[0].pid, resource.RLIMIT_DATA)
    sandbox.close()
    assert limits == (500 * MB, 500 * MB)


def test_the_first_read_finds_the_worker_that_was_begun_ahead_of_it() -> None:
    sandbox = Sandbox()
    sandbox.begin()
    (begun,) = sandbox._idle
    sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    (used,) = sandbox._idle
    sandbox.close()
    assert (used.pid, used.reads) == (begun.pid, 1)


def test_the_first_read_waits_for_the_worker_that_is_being_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox, asked, goes_on = Sandbox(), threading.Event(), threading.Event()

    def start(memory_bytes: int, kind: Kind) -> Worker:
        asked.set()
        assert goes_on.wait(60)
        return Worker(memory_bytes, kind)

    monkeypatch.setattr(sandbox_module, "Worker", start)
    beginning = threading.Thread(target=sandbox.begin)
    beginning.start()
    assert asked.wait(60)
    monkeypatch.setattr(sandbox_module, "Worker", None)  # whoever starts another one fails
    read = partial(sandbox.read, MemoryReader(SMALL), {}, thumbnail=False, seconds=60)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        goes_on.set()
        assert reading.result(60)[0]
    beginning.join()
    sandbox.close()


def test_a_worker_that_cannot_be_begun_ahead_is_told_of_by_the_first_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = Sandbox()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    sandbox.begin()
    with pytest.raises(Transient, match="no process to decode in could be started"):
        sandbox.read(MemoryReader(SMALL), {}, thumbnail=False, seconds=60)


def test_a_decoder_gets_its_share_of_the_machine_where_nothing_is_set() -> None:
    assert Sandbox().memory_bytes == default_bytes()
    assert 384 * MB <= default_bytes() <= 3 * 1024 * MB


def test_workers_end_with_their_parent() -> None:
    code = (
        "import os, signal\n"
        "from eventstac.raster.decoder import Worker\n"
        "print(Worker(2**30).pid, flush=True)\n"
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
    state = said_of(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return bool(state) and state[0] != b"Z"
