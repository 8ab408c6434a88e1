"""A blob that is written to a file while the file is read: whoever reads waits for the bytes that he needs."""

import hashlib
import threading
from pathlib import Path

from eventstac.blobs import BlobReader
from eventstac.errors import Transient

# Whatever reads the file may read a little more than it was asked for, and keep it: a C library's buffer of 4 KB, say.
READ_AHEAD_BYTES = 1024 * 1024


class Arriving:
    """Streams a blob into a file, in a thread of its own, and hashes it on the way; only it may use the reader."""

    def __init__(self, reader: BlobReader, path: Path) -> None:
        self._reader = reader
        self._size = reader.look.size
        self._digest = hashlib.sha256()
        self._there = 0
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        with path.open("wb") as file:
            file.truncate(self._size)  # readers see the size that the file is going to have
        self._thread = threading.Thread(target=self._receive, args=(path,), name="arriving", daemon=True)
        self._thread.start()

    def wait(self, end: int) -> None:
        """Until the bytes up to `end` are there; raises what the reader raised, Transient where it ended early."""
        wanted = min(self._size, end + READ_AHEAD_BYTES)
        with self._changed:
            self._changed.wait_for(lambda: self._there >= wanted or self._ended)
            if self._there >= wanted:
                return
            if self._error is not None:
                raise self._error
            raise Transient(
                f"the storage sent {self._there} of {self._size} bytes of {self._reader.look.url}"
            )

    def sha256(self) -> bytes:
        """The hash of the whole blob, once it is there."""
        self.wait(self._size)
        self.close()
        return self._digest.digest()

    def close(self) -> None:
        """Stop; what is on its way is taken and thrown away."""
        self._stopped = True
        self._thread.join()

    def _receive(self, path: Path) -> None:
        chunks = self._reader.stream()
        try:
            with path.open("r+b") as file:
                for chunk in chunks:
                    if self._stopped and self._there < self._size:
                        return
                    file.write(chunk)
                    file.flush()
                    with self._changed:
                        self._there += len(chunk)
                        self._changed.notify_all()
                    self._digest.update(chunk)
        except BaseException as error:  # noqa: BLE001  (raised where somebody waits)
            self._error = error
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()
