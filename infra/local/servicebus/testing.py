"""A broker in a process of its own, for tests and benchmarks."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_READY = re.compile(r"servicebus ready port=(\d+) status-port=(\d+)")
START_S = 30


class RunningServer:
    """A started broker. After `restart` it has the same ports and the same data."""

    def __init__(self, topology: Path, data: Path, key: str, tier: str, *options: str) -> None:
        self._command = [
            *(sys.executable, "-m", "infra.local.servicebus", "--topology", str(topology)),
            *("--data", str(data), "--key", key, "--tier", tier, *options),
        ]
        self._log_path = data.parent / f"{data.name}.log"
        self.key = key
        self.port = 0
        self.status_port = 0
        self._process: subprocess.Popen[str]
        self.start()

    def start(self) -> None:
        """Start it and wait until it is ready. Raises RuntimeError with the end of its log."""
        command = [*self._command, "--port", str(self.port), "--status-port", str(self.status_port)]
        with self._log_path.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, with our own arguments
                command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
            )
        output = self._process.stdout
        if output is None:
            raise RuntimeError("the broker has no standard output")
        timer = threading.Timer(START_S, self._process.kill)
        timer.start()
        line = output.readline()
        timer.cancel()
        output.close()
        match = _READY.match(line)
        if match is None:
            self._process.kill()
            self._process.wait()
            tail = self._log_path.read_text(encoding="utf-8")[-2000:]
            raise RuntimeError(f"the broker did not start: {tail}")
        self.port, self.status_port = int(match[1]), int(match[2])

    @property
    def connection_string(self) -> str:
        """What the SDK's from_connection_string takes."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=RootManageSharedAccessKey;"
            f"SharedAccessKey={self.key};UseDevelopmentEmulator=true;"
        )

    @property
    def status_url(self) -> str:
        """The base of /health and /entities."""
        return f"http://127.0.0.1:{self.status_port}"

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=START_S)

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Stop it (if it still runs) and start it again."""
        if self._process.poll() is None:
            self.stop()
        self.start()


@contextmanager
def running_server(
    topology: Mapping[str, Any] | Path,
    data: Path,
    *,
    key: str = "c2VjcmV0LW9mLXRoZS1sYXB0b3A=",
    tier: str = "standard",
    options: tuple[str, ...] = (),
) -> Iterator[RunningServer]:
    """A broker on free ports over `data` (made if missing); stopped, or killed, at the end."""
    data.mkdir(parents=True, exist_ok=True)
    if not isinstance(topology, Path):
        path = data.parent / f"{data.name}-topology.json"
        path.write_text(json.dumps(topology), encoding="utf-8")
        topology = path
    server = RunningServer(topology, data, key, tier, *options)
    try:
        yield server
    finally:
        if server._process.poll() is None:
            os.kill(server.pid, signal.SIGKILL) if _hangs(server) else None


def _hangs(server: RunningServer) -> bool:
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        return True
    return False
