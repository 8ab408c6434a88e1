"""Blob storage with events for tests: Azurite and the proxy, real processes on ports of the system's choice."""

import json
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infra.local.azurite.server import ACCOUNT, connection_string
from infra.local.azurite.testing import Azurite, running_azurite
from infra.local.eventgrid.testing import RunningProcess


@dataclass
class BlobStorage:
    """A running storage account. `kill` and `restart` are about the proxy; Azurite runs on.

    Also a context manager that stops both.
    """

    azurite: Azurite
    proxy: RunningProcess
    admin_url: str = field(init=False)

    def __post_init__(self) -> None:
        self._read_admin_url()

    @property
    def url(self) -> str:
        """The blob endpoint that emits events, with the account in its path."""
        return f"http://127.0.0.1:{self.proxy.port}/{ACCOUNT}"

    @property
    def azurite_url(self) -> str:
        """The blob endpoint behind the proxy: what is written there emits nothing."""
        return self.azurite.url

    @property
    def connection_string(self) -> str:
        """For `BlobServiceClient.from_connection_string`, through the proxy."""
        return connection_string(self.url)

    def mute(self) -> None:
        """From now on events are dropped."""
        self._post("/mute")

    def unmute(self) -> None:
        """Events are emitted again; what was dropped stays lost."""
        self._post("/unmute")

    def stats(self) -> dict[str, Any]:
        """emitted, delivered, refused, dropped, pending, unsettled, muted."""
        with urllib.request.urlopen(f"{self.admin_url}/stats", timeout=10) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.load(answer)
            return found

    def kill(self) -> None:
        """SIGKILL the proxy."""
        self.proxy.kill()

    def restart(self) -> None:
        """Start the proxy again on the same port, with the same journal."""
        self.proxy.restart()
        self._read_admin_url()

    def stop(self) -> None:
        """End both; the blobs and the journal stay in the directory."""
        self.proxy.stop()
        self.azurite.stop()

    def _post(self, path: str) -> None:
        request = urllib.request.Request(self.admin_url + path, method="POST")  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - loopback
            pass

    def _read_admin_url(self) -> None:
        said = [line for line in self.proxy.log.read_text().splitlines() if " with its admin at " in line]
        self.admin_url = said[-1].split(" with its admin at ")[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def running_blob_storage(
    directory: Path, eventgrid_url: str, *, port: int = 0, latency_ms: float = 0.0
) -> BlobStorage:
    """Start Azurite and the proxy with their data in `directory` and wait until both answer.

    `eventgrid_url` is the base URL of Event Grid (`RunningEventGrid.url`); it need not listen yet.
    """
    azurite = running_azurite(directory / "azurite")
    try:
        proxy = running_proxy(directory, azurite, eventgrid_url, port=port, latency_ms=latency_ms)
    except RuntimeError:
        azurite.stop()
        raise
    return BlobStorage(azurite, proxy)


def running_proxy(
    directory: Path, azurite: Azurite, eventgrid_url: str, *, port: int = 0, latency_ms: float = 0.0
) -> RunningProcess:
    """Start only the proxy, in front of an Azurite that runs already."""
    directory.mkdir(parents=True, exist_ok=True)
    options = {
        "--azurite": azurite.url,
        "--eventgrid": eventgrid_url,
        "--account": ACCOUNT,
        "--data": str(directory / "blob_events"),
        "--admin-port": "0",
        "--latency-ms": str(latency_ms),
    }
    arguments = [part for option in options.items() for part in option]
    proxy = RunningProcess("infra.local.blob_events", arguments, directory / "blob_events.log", port)
    proxy.start()
    return proxy
