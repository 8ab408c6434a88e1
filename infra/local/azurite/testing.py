"""Azurite for tests: started on a port of the system's choice, stopped when the test is done."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.azurite.server import ACCOUNT, Command, PortTaken, connection_string, free_port, start, stop


@dataclass
class Azurite:
    """A running Azurite; also a context manager that stops it.

    `url` is the blob endpoint with the account in its path, without a trailing slash.
    """

    port: int
    process: subprocess.Popen[bytes]
    url: str = field(init=False)
    connection_string: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        self.connection_string = connection_string(self.url)

    def stop(self) -> None:
        """End the process; its blobs stay in the directory."""
        stop(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running_azurite(directory: Path, port: int = 0) -> Azurite:
    """Start Azurite with its blobs in `directory` (made if missing) and wait until it listens.

    Port 0 takes a free one, and another where a program takes that first. Raises AzuriteError where Azurite is not
    installed or does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for attempts_left in (2, 1, 0):
        chosen = port or free_port()
        try:
            return Azurite(chosen, start(Command(directory, chosen), directory / "azurite.log"))
        except PortTaken:
            if port or not attempts_left:
                raise
    raise AssertionError("the last attempt returns or raises")
