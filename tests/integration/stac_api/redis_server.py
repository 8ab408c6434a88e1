"""A real Redis for tests, which can be paused and killed."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from infra.local.azurite.server import free_port


class RunningRedis:
    """A redis-server that keeps nothing on disk. After `start` it has the same port."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin")
        assert program, (
            "redis-server is not installed: `make setup` installs it (apt-get install redis-server)"
        )
        self._process: subprocess.Popen[bytes]
        for _ in range(3):  # another program may take the port first
            self.port = free_port()
            self._command = [
                program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(directory), "--daemonize", "no",
            ]  # fmt: skip
            if self._starts():
                return
        raise AssertionError("redis-server ended")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert self._starts(), "redis-server ended"

    def _starts(self) -> bool:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while self._process.poll() is None and not self._answers():
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections, and says nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def keys(self) -> int:
        """How many it holds."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"DBSIZE\r\n")
            return int(connection.recv(64)[1:])

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


@contextlib.contextmanager
def running_redis(directory: Path) -> Iterator[RunningRedis]:
    redis = RunningRedis(directory)
    try:
        yield redis
    finally:
        redis.kill()
