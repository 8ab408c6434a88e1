"""The folder that a decoder may write into: removed with it, or later where nobody was left to do it.

Neither the app nor the decoder can see to that in every case: one may be killed, and the other may not remove a folder
of its own (`confinement`). So the app holds a lock on each for as long as it lives, and who makes one removes those
that nobody holds.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "eventstac-decoder-"


class Folder:
    """A new folder, this process's own until it is removed."""

    def __init__(self) -> None:
        _clear()
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            with suppress(FileNotFoundError):  # another one who clears was quicker than our lock
                self._held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                with suppress(OSError):  # a file system without locks: there nobody clears either
                    fcntl.flock(self._held, fcntl.LOCK_EX)
                if self.path.exists():
                    return
                os.close(self._held)

    def remove(self) -> None:
        """Remove it, with what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def _clear() -> None:
    """Remove the folders of processes that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or gone by now
            held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)  # opening a pipe would wait
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(held)
