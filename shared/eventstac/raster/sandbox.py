"""Decoding in processes of their own, which can be killed: a bad file ends its own read and nothing else.

A worker has neither our environment (connection strings, tokens) nor any way to the storage but asking us for bytes
of the one blob. Workers are kept and used again; one that was killed or has done many reads is replaced.
"""

import atexit
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from eventstac.blobs import BlobReader
from eventstac.errors import EventstacError, Rejected, Transient
from eventstac.raster.decoder import Kind, TimedOut, Worker
from eventstac.raster.frames import Closed
from eventstac.raster.memory import MB, default_bytes
from eventstac.raster.options import MAX_TIMEOUT_S

# Of one worker: whatever a library leaks ends with it (none does, in 2,400); a start takes 0.7 s.
MAX_READS = 2000
MAX_IDLE = 8
TRIES = 3  # of a file whose decoder is killed from outside: the first beside others, the next alone


class Killed(Exception):
    """The worker was killed from outside: by the kernel, which is short of memory, or by a person."""


class Sandbox:
    """Workers, as many as there are reads at the same time, of `memory_bytes` each (None: a share of the machine)."""

    def __init__(self, memory_bytes: int | None = None, kind: Kind = "raster") -> None:
        self._kind: Kind = kind
        self.memory_bytes = memory_bytes or default_bytes()
        self._idle: list[Worker] = []
        self._lock = threading.Lock()
        self._beginning = threading.Lock()
        self._turns = Turns()

    def begin(self) -> None:
        """Start a worker before there is a read for it; where none can be started, the first read says so."""
        with self._beginning, suppress(Transient):
            self._give_back(self._start())

    def read(
        self, reader: BlobReader, options: Mapping[str, Any], *, thumbnail: bool, seconds: float
    ) -> tuple[dict[str, Any], bytes, str | None]:
        """Metadata, thumbnail (maybe empty) and its type.

        A file whose decoder is killed is read again while no other is: where memory is short, it may be the others'.
        Raises Rejected (`timed-out`, `crashed`, `killed`, or as the extraction said), or what the reader raised.
        """
        for attempt in range(TRIES):
            try:
                with self._turns.alone() if attempt else self._turns.beside_others():
                    return self._read(reader, options, thumbnail, seconds)
            except Killed:
                continue
        raise Rejected(
            "killed",
            f"the process that decodes the file was killed {TRIES} times, with no other beside it but the first time: "
            f"the machine has less memory than the {self.memory_bytes // MB} MB that it may take (DECODER_MEMORY_MB)",
        )

    def _read(
        self, reader: BlobReader, options: Mapping[str, Any], thumbnail: bool, seconds: float
    ) -> tuple[dict[str, Any], bytes, str | None]:
        worker = self._take()
        try:
            message, body = worker.read(reader, options, thumbnail, seconds)
        except TimedOut as error:
            worker.kill()
            raise Rejected(
                "timed-out",
                f"decoding the file took longer than {seconds:g} s: raise the rule's option timeout_s (at most "
                f"{MAX_TIMEOUT_S:g})",
            ) from error
        except Closed as error:
            code = worker.close()
            if code == -signal.SIGKILL:
                raise Killed from error
            raise _crash(code) from error
        except EventstacError:
            self._give_back(worker)
            raise
        except BaseException:
            worker.kill()
            raise
        self._give_back(worker)
        if "rejected" in message:
            raise Rejected(message["rejected"], message["detail"])
        if "failed" in message:
            raise Transient(message["failed"])
        if "bug" in message:
            raise RuntimeError(message["bug"])
        return message["done"], body, message["thumbnail_type"]

    def close(self) -> None:
        """End all idle workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _take(self) -> Worker:
        # One that is begun is waited for: two that start at once take longer.
        with self._beginning, self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _start(self) -> Worker:
        try:
            return Worker(self.memory_bytes, self._kind)
        except (TimedOut, Closed, OSError) as error:
            raise Transient(f"no process to decode in could be started: {error!r}") from error

    def _give_back(self, worker: Worker) -> None:
        if worker.reads < MAX_READS:
            with self._lock:
                if len(self._idle) < MAX_IDLE:
                    self._idle.append(worker)
                    return
        worker.close()


def _crash(code: int) -> Rejected:
    """What the end of a worker in the middle of a read means, where nobody else ended it."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Rejected(
        "crashed", f"the decoder crashed on this file ({how}): write the file again with another tool"
    )


class Turns:
    """Who reads while others do, and who reads while nobody else does."""

    def __init__(self) -> None:
        self._reading = 0
        self._is_taken = False  # by one that reads alone, or waits for the others to end
        self._changed = threading.Condition()

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """While nobody reads alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_taken)
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else reads at all."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_taken)
            self._is_taken = True
            self._changed.wait_for(lambda: not self._reading)
        try:
            yield
        finally:
            with self._changed:
                self._is_taken = False
                self._changed.notify_all()


SANDBOX = Sandbox()
SIDECARS = Sandbox(kind="sidecar")
for _sandbox in (SANDBOX, SIDECARS):
    atexit.register(_sandbox.close)
