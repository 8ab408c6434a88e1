"""Starts a functions host for a test and reads its log."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

DEADLINE_S = 60.0  # for a machine that is busy with other things; a quiet one needs a twentieth
Line = dict[str, Any]


class RunningHost:
    """A host process and the log lines that it wrote so far (`text` where a line is not JSON)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[Line] = []
        self.errors = ""
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=[process.stdout]),
            threading.Thread(target=self._read_errors, args=[process.stderr]),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stdout: IO[str]) -> None:
        for raw in stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"text": raw.rstrip("\n")}
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()

    def _read_errors(self, stderr: IO[str]) -> None:
        self.errors = stderr.read()

    def wait_for(
        self, wanted: Callable[[Line], bool], count: int = 1, deadline_s: float = DEADLINE_S
    ) -> list[Line]:
        """Wait until `count` lines are as `wanted`; returns them. Raises with the log where that does not happen."""
        until = time.monotonic() + deadline_s
        with self._changed:
            while len(found := [line for line in self.lines if wanted(line)]) < count:
                left = until - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._readers[0].is_alive()):
                    log = "\n".join(map(str, self.lines[-40:]))
                    raise AssertionError(f"{len(found)} of {count} lines came.\n{log}\n{self.errors}")
                self._changed.wait(min(left, 0.5))
            return found

    def event(self, name: str, count: int = 1, **fields: Any) -> Line:
        """Wait for the host's event of that name with these fields; returns the `count`-th."""

        def wanted(line: Line) -> bool:
            return line.get("event") == name and fields.items() <= line.items()

        return self.wait_for(wanted, count)[count - 1]

    def message(self, text: str, count: int = 1) -> list[Line]:
        """Wait until the app logged this message `count` times."""
        return self.wait_for(lambda line: line.get("message") == text, count)

    @property
    def port(self) -> int:
        """Where it answers, on loopback."""
        return int(self.event("host listening")["port"])

    def status(self) -> dict[str, Any]:
        """What /admin/host/status says."""
        result: dict[str, Any] = json.loads(self.request("GET", "/admin/host/status")[2])
        return result

    def ready(self) -> "RunningHost":
        """Wait until every trigger is driven."""
        until = time.monotonic() + DEADLINE_S
        while not self.status()["ready"]:
            if time.monotonic() > until:
                raise AssertionError(f"Not ready: {self.status()}\n{self.lines}")
            self.process.poll()
            time.sleep(0.05)
        return self

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send a request; returns status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def run_function(self, name: str, text: str = "") -> int:
        """Run a function now; returns the status of the answer."""
        body = json.dumps({"input": text}).encode()
        return self.request("POST", f"/admin/functions/{name}", body, {"Content-Type": "application/json"})[0]

    def worker_pid(self) -> int:
        """The process id of the worker that answers."""
        return int(self.status()["worker"]["pid"])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the host and wait for its end; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end of the host; returns its exit code."""
        code = self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code


@contextmanager
def running_host(
    app_dir: Path, state: Path, settings: Mapping[str, str] | None = None, *options: str
) -> Iterator[RunningHost]:
    """Run a host on a free port; it is stopped at the end, killed where it does not stop."""
    with subprocess.Popen(  # noqa: S603 - this very package, with the caller's folders
        [
            sys.executable, "-m", "infra.local.functions_host", str(app_dir),
            "--port", "0", "--state", str(state), *options,
        ],
        env=dict(os.environ) | dict(settings or {}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        host = RunningHost(process)
        try:
            yield host
        finally:
            try:
                host.stop()
            except subprocess.TimeoutExpired:
                process.kill()
                host.wait()
