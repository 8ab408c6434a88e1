"""One process that decodes, as its parent sees it: started, asked, given bytes, killed."""

import fcntl
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, Literal

from eventstac.blobs import BlobReader
from eventstac.errors import EventstacError
from eventstac.raster import frames
from eventstac.raster.folders import Folder
from eventstac.raster.frames import Closed
from eventstac.raster.worker import look_to

PIPE_BYTES = 1024 * 1024  # the most that Linux allows without privileges; 64 KB would mean many switches
START_S = 60.0  # importing rasterio, pyproj and shapely takes one second on an idle machine
_KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "GDAL_DATA",
    "PROJ_DATA",
    "PROJ_LIB",
)


type Kind = Literal["raster", "sidecar"]  # what a worker reads, and which libraries it loads


class TimedOut(Exception):
    """The worker did not answer in its time."""


class Worker:
    """One process that decodes, and what the parent knows of it."""

    def __init__(self, memory_bytes: int, kind: Kind = "raster") -> None:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        paths = os.pathsep.join(path for path in sys.path if path)
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._folder = Folder()
        folder = str(self._folder.path)
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [sys.executable, "-m", "eventstac.raster.worker", folder, str(memory_bytes), kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=subprocess.DEVNULL,
                env={
                    **kept,
                    **single,
                    "TMPDIR": folder,
                    "PYTHONPATH": paths,
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                start_new_session=True,
            )
        except OSError:
            self._folder.remove()
            raise
        self.reads = 0
        self._left_s = START_S
        assert self._process.stdin is not None  # noqa: S101  (both are pipes)
        assert self._process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        for pipe in (self._stdin, self._stdout):
            _widen(pipe.fileno())
        self._writable, self._readable = selectors.DefaultSelector(), selectors.DefaultSelector()
        self._writable.register(self._stdin, selectors.EVENT_WRITE)
        self._readable.register(self._stdout, selectors.EVENT_READ)
        try:
            self._receive()
        except (TimedOut, Closed):
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def read(
        self, reader: BlobReader, options: Mapping[str, Any], thumbnail: bool, seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        """One raster's answer. `seconds` of the worker's own time; waiting for the storage does not count.

        Raises TimedOut, Closed (the process died), or what the reader raised.
        """
        self._left_s = seconds
        self.reads += 1
        request = {"look": look_to(reader.look), "options": dict(options), "thumbnail": thumbnail}
        self._send(request, reader.head)
        chunks: Iterator[bytes] = iter(())
        failure: EventstacError | None = None
        while True:
            message, body = self._receive()
            ask = message.get("ask")
            if ask is None:
                if failure is not None:
                    raise failure
                return message, body
            try:
                if ask == "spans":
                    with closing(
                        reader.read_each([(at, length) for at, length in message["spans"]])
                    ) as coming:
                        for data in coming:
                            self._send({}, data)
                    continue
                if ask == "stream":
                    chunks = reader.stream(int(message["chunk_bytes"]))
                data = (
                    next(chunks, b"") if ask != "read" else reader.read(message["offset"], message["length"])
                )
            except EventstacError as error:
                failure = failure or error
                self._send({"error": str(error)})
            else:
                self._send({}, data)

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self.close()

    def close(self) -> int:
        """Close its input, wait for its end, and tell how it ended."""
        for closed in (self._writable, self._readable, self._stdin, self._stdout):
            closed.close()
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._folder.remove()

    def _send(self, message: dict[str, Any], body: bytes = b"") -> None:
        """Write a frame, for as long as the worker takes it: one that hangs does not empty its pipe."""
        deadline = time.monotonic() + self._left_s
        for part in frames.pack(message, body):
            view = memoryview(part)
            while view:
                if not self._writable.select(max(0.0, deadline - time.monotonic())):
                    raise TimedOut
                try:
                    view = view[os.write(self._stdin.fileno(), view) :]
                except BrokenPipeError as error:
                    raise Closed from error
        self._left_s = max(0.0, deadline - time.monotonic())

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + self._left_s

        def read(length: int, /) -> bytes:
            parts = []
            while length > 0:
                if not self._readable.select(max(0.0, deadline - time.monotonic())):
                    raise TimedOut
                part = os.read(self._stdout.fileno(), min(length, 1024 * 1024))
                if not part:
                    raise Closed
                parts.append(part)
                length -= len(part)
            return b"".join(parts)

        answer = frames.receive(read)
        self._left_s = max(0.0, deadline - time.monotonic())
        return answer


def _widen(pipe: int) -> None:
    """Let a pipe hold a small file, or a thumbnail, so that its two ends need not take turns."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # all pipes of a user have a limit together
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
