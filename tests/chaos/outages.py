"""What happens while one part is away for long: how often each message is tried meanwhile, and what is left of it."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from azure.servicebus import ServiceBusClient

from eventstac.bus import ATTEMPT
from eventstac.contracts import read_contract
from tests.chaos.deeds import Gate
from tests.chaos.oracle import differences, storage_of
from tests.e2e.rasters import geotiff
from tests.e2e.tapped import TAP
from tests.e2e.user import User

SETTLE_S = 660.0  # the wait before an attempt is at most five minutes, and the first may meet an open breaker


@dataclass(frozen=True)
class Tries:
    """How often the messages of a topic were handled: their number, the re-sends, and the most of one message."""

    messages: int
    again: int
    most: int


class Load:
    """Uploads, overwrites and deletes blobs, some a second, for as long as it is asked to."""

    def __init__(self, user: User, prefix: str, pause_s: float = 0.4) -> None:
        self._user, self.prefix, self._pause_s = user, prefix, pause_s
        self.uploaded = 0

    def upload(self, count: int) -> None:
        """Upload some blobs at once."""
        self._user.upload_all({self._path(self.uploaded + n): geotiff(seed=n, size=24) for n in range(count)})
        self.uploaded += count

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Go on inside the block."""
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(self._work, stop)
            try:
                yield
            finally:
                stop.set()
                working.result()

    def _work(self, stop: threading.Event) -> None:
        for deed in itertools.count():
            if stop.wait(self._pause_s):
                return
            if deed % 10 == 8:
                self._user.upload(self._path(self.uploaded // 2), geotiff(seed=deed, size=32))
            elif deed % 10 == 9:
                self._user.storage.get_container_client("source").delete_blobs(self._last())
            else:
                self.upload(1)

    def _last(self) -> str:
        """The blob that was uploaded last: it is uploaded again by the next deed."""
        self.uploaded -= 1
        return self._path(self.uploaded)

    def _path(self, number: int) -> str:
        return f"scenes/{self.prefix}{number:04}/b1.tif"


def away(user: User, names: list[str], seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Kill processes, and start them again after a time."""
    try:
        for name in names:
            user.stack.kill(name)
        meanwhile()
        time.sleep(seconds)  # an outage has a length
    finally:
        user.stack.restart(*names)


def storage_away(user: User, seconds: float, meanwhile: Callable[[], None]) -> None:
    """Take the storage away once it has saved all that it was told."""
    saved = user.stack.layout.data("azurite") / "__azurite_db_blob__.json"
    with Gate().shut(saved):
        away(user, ["azurite"], seconds, meanwhile)


def left(user: User, prefix: str) -> list[str]:
    """Wait until all is quiet; what is otherwise than the storage has it, or was given up."""
    user.quiet(SETTLE_S)
    found = user.client.search(collections=["scenes"], limit=500).items_as_dicts()
    items = {item["id"]: item for item in found if item["id"].startswith(prefix)}
    rows = user.stack.query(
        "SELECT stage, reason, detail FROM eventstac.rejected WHERE event::text LIKE %s", f"%{prefix}%"
    )
    return [*differences(storage_of(user, prefix), items), *(f"rejected: {row}" for row in rows)]


def tries(user: User, prefix: str) -> dict[str, Tries]:
    """How often the messages about the blobs of a prefix were tried, by topic."""
    topics = [
        topic["Name"] for topic in read_contract("topology.json")["UserConfig"]["Namespaces"][0]["Topics"]
    ]
    connection = user.stack.env["SERVICEBUS_CONNECTION_STRING"]
    with ServiceBusClient.from_connection_string(connection) as bus:
        return {topic: _tries(bus, topic, prefix) for topic in topics}


def _tries(bus: ServiceBusClient, topic: str, prefix: str) -> Tries:
    attempts: list[int] = []
    with bus.get_subscription_receiver(topic, TAP, prefetch_count=0) as receiver:
        following = 1
        while page := receiver.peek_messages(250, sequence_number=following):
            for message in page:
                if prefix.encode() in b"".join(message.body):
                    properties = message.application_properties or {}
                    attempts.append(int(str(properties.get(ATTEMPT.encode(), 1))))
            following = (page[-1].sequence_number or following) + 1
    again = [attempt for attempt in attempts if attempt > 1]
    return Tries(len(attempts) - len(again), len(again), max(attempts, default=0))
