"""The process that decodes rasters, or reads sidecars: no credentials, no network, limited memory, killed in time.

It is started by `sandbox` and gets every byte of a blob through its standard input. Run as
`python -m eventstac.raster.worker FOLDER BYTES raster` (or `sidecar`); BYTES of writable memory are all it gets, and
it may write into that folder, and where the kernel can see to it (`confinement`) into no other, nor read anything but
code.
"""

import contextlib
import io
import os
import resource
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from eventstac.blobs import Look
from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.raster import frames
from eventstac.raster.confinement import confine
from eventstac.raster.frames import Closed


class PipeReader:
    """A BlobReader whose bytes the parent process reads."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, look: Look, head: bytes) -> None:
        self.look = look
        self.head = head
        self._source = source
        self._sink = sink

    def read(self, offset: int, length: int) -> bytes:
        """Ask the parent for a range."""
        frames.send(self._sink, {"ask": "read", "offset": offset, "length": length})
        return self._answer()

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """Ask the parent for many ranges at once; they come one behind the other."""
        frames.send(self._sink, {"ask": "spans", "spans": [list(span) for span in spans]})
        left = len(spans)
        try:
            while left:
                left -= 1
                yield self._answer()
        except GeneratorExit:
            with contextlib.suppress(Transient):  # the storage's failure: the last answer
                for _ in range(left):
                    self._answer()
            raise

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """Ask the parent for everything, chunk by chunk."""
        frames.send(self._sink, {"ask": "stream", "chunk_bytes": chunk_bytes})
        chunk = self._answer()
        while chunk:
            # Ask first: the parent downloads the next chunk while this one is hashed and written.
            frames.send(self._sink, {"ask": "more"})
            try:
                yield chunk
            except GeneratorExit:
                self._answer()
                raise
            chunk = self._answer()

    def _answer(self) -> bytes:
        message, body = frames.receive(_exactly(self._source))
        if "error" in message:
            raise Transient(message["error"])  # the parent keeps the real one, and raises it
        return body


def main() -> None:
    """Serve reads until the parent closes our standard input."""
    source = sys.stdin.buffer
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the frames
    memory_bytes = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # where memory is short all the same, the app itself is to stay
        Path("/proc/self/oom_score_adj").write_text("1000")
    # After the limits, so that they hold for what the libraries allocate at start.
    read, libraries = _READERS[sys.argv[3]]()
    confine(Path(sys.argv[1]))
    frames.send(sink, {"ready": True})
    try:
        with libraries:
            while True:
                message, head = frames.receive(_exactly(source))
                _serve(read, PipeReader(source, sink, look_from(message["look"]), head), sink, message)
    except (Closed, KeyboardInterrupt):
        return


# A reader, what was asked -> metadata, thumbnail (maybe empty) and its type.
type _Read = Callable[[PipeReader, dict[str, Any]], tuple[dict[str, Any], bytes, str | None]]


def _raster_reader() -> tuple[_Read, contextlib.AbstractContextManager[object]]:
    from eventstac.raster.extract import read_in_process
    from eventstac.raster.gdal import decoding

    def read(reader: PipeReader, message: dict[str, Any]) -> tuple[dict[str, Any], bytes, str | None]:
        result = read_in_process(reader, message["options"], thumbnail=message["thumbnail"])
        return result.metadata, result.thumbnail or b"", result.thumbnail_type

    return read, decoding()


def _sidecar_reader() -> tuple[_Read, contextlib.AbstractContextManager[object]]:
    import elementpath  # noqa: F401  (what is not loaded before the process is confined, it cannot load)
    import jsonpath  # noqa: F401

    from eventstac.rules.sidecar import read_sidecar

    def read(reader: PipeReader, message: dict[str, Any]) -> tuple[dict[str, Any], bytes, str | None]:
        return read_sidecar(b"".join(reader.stream()), message["options"]["sidecar"]), b"", None

    return read, contextlib.nullcontext()


_READERS = {"raster": _raster_reader, "sidecar": _sidecar_reader}


def _serve(read: _Read, reader: PipeReader, sink: BinaryIO, message: dict[str, Any]) -> None:
    try:
        metadata, body, kind = read(reader, message)
        answer: dict[str, Any] = {"done": metadata, "thumbnail_type": kind}
    except Rejected as error:
        answer, body = {"rejected": error.reason, "detail": error.detail}, b""
    except (Transient, BlobChanged, EventstacError) as error:
        answer, body = {"failed": str(error)}, b""
    except MemoryError:
        limit = f"{resource.getrlimit(resource.RLIMIT_DATA)[0] // 1024**2} MB"
        detail = f"decoding the file takes more than {limit} of memory (DECODER_MEMORY_MB)"
        answer, body = {"rejected": "too-large", "detail": detail}, b""
    except Closed:
        raise
    except Exception:  # noqa: BLE001  (a bug: the parent raises it with this traceback)
        answer, body = {"bug": traceback.format_exc()}, b""
    frames.send(sink, answer, body)


def look_to(look: Look) -> dict[str, Any]:
    """The part of a look that the extraction uses, as JSON."""
    return {
        "url": look.url,
        "seen": look.seen.timestamp(),
        "etag": look.etag,
        "size": look.size,
        "content_md5": look.content_md5.hex() if look.content_md5 else None,
        "failed_copy": look.failed_copy,
    }


def look_from(data: dict[str, Any]) -> Look:
    """What `look_to` wrote."""
    md5 = data["content_md5"]
    return Look(
        data["url"],
        "present",
        datetime.fromtimestamp(data["seen"], UTC),
        etag=data["etag"],
        size=data["size"],
        content_md5=bytes.fromhex(md5) if md5 else None,
        failed_copy=data["failed_copy"],
    )


def _exactly(source: io.BufferedIOBase | BinaryIO) -> frames.ReadExactly:
    def read(length: int, /) -> bytes:
        data = source.read(length)
        if len(data) < length:
            raise Closed
        return data

    return read


if __name__ == "__main__":
    main()
