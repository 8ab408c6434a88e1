"""The ways that the API is run: under uvicorn, as a function app in a Functions host (two ways), with a Redis.

Every test that asks the API over HTTP runs in a Functions host, too. What does not: the command `python -m stac_api`
itself (`test_command.py`), and what is tested below HTTP (`test_same_as_pgstac.py`, `test_counts.py`, units).
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local.functions_host.testing import running_host
from infra.local.servicebus.testing import running_server
from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.redis_server import RunningRedis, running_redis
from tests.json_lines import lines_of

READER = "eventstac_stac_api"
APP = Path(__file__).parents[3] / "services" / "stac_api"
START_S = 60.0
NAMES = ("uvicorn", "functions", "redis")
# Also in the way that is there in case HTTP streams fail on Azure: what is asked of the API, not how it ends.
EVERY = (*NAMES, "invocations")
# Where tests that take long, or that bring a Redis of their own, are run; all of them with STAC_API_PLACES=all.
MAIN = NAMES if os.environ.get("STAC_API_PLACES") == "all" else ("uvicorn", "functions")


@dataclass(frozen=True)
class Running:
    """The API at an address, and the lines of its log so far."""

    url: str
    log: Callable[[], list[dict[str, Any]]]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


class Places:
    """Starts the API; what it needs beside its database is started once, when it is first needed."""

    def __init__(self, state: Path, until_end: contextlib.ExitStack) -> None:
        self._state, self._until_end, self._started = state, until_end, 0

    @cached_property
    def broker(self) -> str:
        """A connection string; the apps share it, and nothing is sent."""
        topology = Path("contracts/topology.json")
        return self._until_end.enter_context(
            running_server(topology, self._state / "broker")
        ).connection_string

    @cached_property
    def redis(self) -> RunningRedis:
        return self._until_end.enter_context(running_redis(self._state))

    def folder(self) -> Path:
        self._started += 1
        made = self._state / str(self._started)
        made.mkdir()
        return made


@dataclass(frozen=True)
class Place:
    """One of `EVERY`."""

    name: str
    places: Places

    def serve(self, database: CatalogDatabase, **environment: str) -> AbstractContextManager[Running]:
        """The API on this database, with these settings more."""
        settings = database.environment(READER) | {
            "STAC_CATALOG_ID": "test",
            "STAC_CATALOG_TITLE": "A test catalog",
        }
        if self.name == "redis":
            settings |= {"REDIS_URL": self.places.redis.url, "STAC_API_REDIS_WAIT_MS": "3000"}
        if self.name == "invocations":
            settings["STAC_API_HTTP"] = "invocations"
        elif self.name != "functions":
            return _under_uvicorn(self.places.folder(), settings | environment)
        settings["ServiceBus"] = self.places.broker
        return _in_a_host(self.places.folder(), settings | environment)


@contextlib.contextmanager
def _in_a_host(state: Path, settings: dict[str, str]) -> Iterator[Running]:
    with running_host(APP, state / "host", settings) as host:
        host.ready()
        yield Running(f"http://127.0.0.1:{host.port}", lambda: list(host.lines))


@contextlib.contextmanager
def _under_uvicorn(state: Path, settings: dict[str, str]) -> Iterator[Running]:
    log = state / "log"

    def address(process: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + START_S
        while True:
            for line in lines_of(log):
                if line["message"].startswith("Uvicorn running on "):
                    return str(line["message"].split()[3])
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)  # between two looks

    command = [sys.executable, "-m", "stac_api", "--port", "0"]
    with (
        log.open("wb") as written,
        subprocess.Popen(command, env=os.environ | settings, stderr=written) as process,
    ):
        try:
            yield Running(address(process), lambda: lines_of(log))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
