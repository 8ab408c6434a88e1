"""Azurite's Blob service as a child process: where it is installed, how it starts, when it is ready."""

import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# The account and key that every Azure storage emulator shares; they are public by design.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

START_S = 60.0  # Azurite needs 2 to 4 s, and was seen to take 11 under load
STOP_S = 10.0
_BINARY = Path(".local/azurite/node_modules/.bin/azurite-blob")
_LOG_TAIL_BYTES = 2000
# What it prints then; that the port answers may be another program's doing.
_LISTENS = b"successfully listens"


class AzuriteError(RuntimeError):
    """Azurite is not installed or did not start; the message says which and what to do."""


class PortTaken(AzuriteError):
    """Another program listens where Azurite should; the message says on which port."""


@dataclass(frozen=True)
class Command:
    """One Azurite: where it keeps its blobs and which loopback port it listens on."""

    directory: Path
    port: int

    def argv(self) -> list[str]:
        """The command line. Any API version is served, because SDKs are often ahead of Azurite."""
        return [
            str(binary()),
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            str(self.port),
            "--skipApiVersionCheck",
            "--disableTelemetry",
            "--silent",
            "--location",
            str(self.directory),
        ]


def binary() -> Path:
    """Azurite's executable inside the checkout. Raises AzuriteError where it is not installed."""
    root = Path(__file__).resolve().parents[3]
    path = root / _BINARY
    if not path.exists():
        raise AzuriteError(f"Azurite is not installed at {_BINARY} in {root}: run `make setup` there")
    return path


def connection_string(url: str) -> str:
    """The connection string for a path-style blob endpoint such as `http://127.0.0.1:10000/devstoreaccount1`."""
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={url};"


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    """Start Azurite and wait until it listens. Raises AzuriteError with the end of its log if it does not."""
    argv = command.argv()
    if _is_taken(command.port):
        raise PortTaken(f"port {command.port} on 127.0.0.1 is taken by another program: Azurite cannot start")
    command.directory.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        before = output.tell()
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own argv
    deadline = time.monotonic() + START_S
    while _LISTENS not in (said := log.read_bytes()[before:]):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process)
            tail = said[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
            raise (PortTaken if "EADDRINUSE" in tail else AzuriteError)(
                f"Azurite did not start on port {command.port} with its data in {command.directory}; "
                f"its log {log} ends with: {tail or '(nothing)'}"
            )
        time.sleep(0.05)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End Azurite: politely, then by force."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to a server
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
