"""The laptop's Event Grid for tests: a real process on a port of the system's choice."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "contracts" / "eventgrid.json"
KEY = base64.b64encode(b"a key that is only for tests, ok").decode()
RETRY_SCALE = 0.005  # 10 s become 50 ms
START_S = 30.0


@dataclass
class RunningProcess:
    """A child process that says where it listens; also a context manager that stops it."""

    module: str
    arguments: list[str]
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and wait for its address. Raises RuntimeError with its log if it dies first."""
        command = [sys.executable, "-m", self.module, "--port", str(self.port), *self.arguments]
        offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own argv
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        deadline = time.monotonic() + START_S
        while True:
            said = self.log.read_bytes()[offset:].decode(errors="replace")
            address = next(
                (line for line in said.splitlines(keepends=True) if " listens on http://" in line), ""
            )
            if address.endswith("\n"):
                self.port = urlsplit(address.split(" listens on ")[1].split()[0]).port or 0
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.module} did not start; its log {self.log} says: {said[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it if it still runs, then start it on the same port with the same data."""
        self.kill()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@dataclass
class RunningEventGrid(RunningProcess):
    """A running Event Grid. `key` opens every custom topic."""

    key: str = KEY

    @property
    def url(self) -> str:
        """Its base URL, without a trailing slash; `blob_events` takes this as `--eventgrid`."""
        return f"http://127.0.0.1:{self.port}"

    def endpoint(self, topic: str) -> str:
        """What the azure-eventgrid SDK takes as a custom topic's endpoint."""
        return f"{self.url}/{topic}/api/events"

    def stats(self) -> dict[str, dict[str, Any]]:
        """Counts by `topic/subscription`: pending, delivered, failed attempts, dead-lettered, dropped."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as answer:  # noqa: S310 - loopback
            found: dict[str, dict[str, Any]] = json.load(answer)
            return found


def running_eventgrid(
    directory: Path,
    servicebus_cs: str,
    storage_cs: str,
    config: Path | dict[str, Any] = CONFIG,
    *,
    retry_scale: float = RETRY_SCALE,
    shuffle_s: float = 0.0,
    port: int = 0,
) -> RunningEventGrid:
    """Start an Event Grid with its data in `directory` and wait until it listens.

    `config` is a file or its content. Documented times are multiplied by `retry_scale`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if isinstance(config, dict):
        content, config = config, directory / "eventgrid.json"
        config.write_text(json.dumps(content))
    options = {
        "--config": str(config),
        "--data": str(directory),
        "--servicebus": servicebus_cs,
        "--storage": storage_cs,
        "--key": KEY,
        "--retry-scale": str(retry_scale),
        "--shuffle": str(shuffle_s),
    }
    arguments = [part for option in options.items() for part in option]
    running = RunningEventGrid("infra.local.eventgrid", arguments, directory / "eventgrid.log", port)
    running.start()
    return running
