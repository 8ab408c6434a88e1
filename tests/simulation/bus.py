"""A bus with subscriptions that delivers late, twice and in any order, and forgets acknowledgements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from eventstac.bus import ATTEMPT, FIRST_FAILED, FIRST_SENT, RETRY_FOR, Message, Received, text_of
from eventstac.contracts import read_contract
from eventstac.errors import Transient
from eventstac.times import from_text
from tests.simulation.faults import Faults
from tests.twins.bus import Crash

MAX_DELIVERIES = 10  # contracts/topology.json
_DUPLICATE_WINDOW = timedelta(hours=1)  # the shortest of the topology; simulations take minutes


class Misrouted(AssertionError):
    """A subscription was given a message that another one asked to have again."""


@dataclass(eq=False)  # two deliveries of one message are two
class Entry:
    """One message in one subscription; `key` is (topic, subscription)."""

    key: tuple[str, str]
    message: Message
    sent: datetime
    ready: datetime
    deliveries: int = 0

    def received(self) -> Received:
        properties = self.message.properties
        first, failed = properties.get(FIRST_SENT), properties.get(FIRST_FAILED)
        return Received(
            topic=self.key[0],
            subscription=self.key[1],
            message_id=self.message.message_id,
            body=text_of(self.message).encode(),
            attempt=int(properties.get(ATTEMPT, 1)),
            first_sent=from_text(str(first)) if first else self.sent,
            first_failed=from_text(str(failed)) if failed else None,
        )


class SimulatedBus:
    """Topics and subscriptions of the topology; `send` may fail in between, as that of any bus."""

    def __init__(self, faults: Faults, now: Callable[[], datetime]) -> None:
        self._faults, self._now = faults, now
        self.entries: list[Entry] = []
        self.sent: list[tuple[str, str]] = []
        self.dead: list[Entry] = []
        self._ids: dict[tuple[str, str], datetime] = {}

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if self._faults.happens("errors"):
                raise Transient("the bus is away")
            if self._faults.happens("crashes"):
                raise Crash
            self.accept(message)
        if self._faults.happens("crashes"):
            raise Crash

    def accept(self, message: Message) -> None:
        """Take a message, unless it is a duplicate by its id, into the subscriptions whose filter lets it pass."""
        identity = (message.topic, message.message_id)
        known = self._ids.get(identity)
        if known is not None and self._now() - known < _DUPLICATE_WINDOW:
            return
        self._ids[identity] = self._now()
        self.sent.append(identity)
        for subscription in _subscriptions()[message.topic]:
            if message.properties.get(RETRY_FOR) in (None, subscription):
                self._enqueue(message, subscription)

    def _enqueue(self, message: Message, subscription: str) -> None:
        asked = message.message_id.split("~")[1:2]
        if asked not in ([], [subscription]):
            raise Misrouted(f"{subscription} got {message.message_id}")
        copies = 2 if self._faults.happens("duplicates") else 1
        for _ in range(copies):
            ready = max(self._now(), message.not_before or self._now())
            ready += timedelta(seconds=self._faults.delay_s())
            self.entries.append(Entry((message.topic, subscription), message, self._now(), ready))

    def take(self, most: int = 1) -> list[Entry]:
        """Some messages of one subscription that are ready, for one invocation: nobody else has them meanwhile."""
        ready = [entry for entry in self.entries if entry.ready <= self._now()]
        if not ready:
            return []
        if "reordering" in self._faults.kinds:
            self._faults.random.shuffle(ready)
        key = ready[0].key
        taken = [entry for entry in ready if entry.key == key][: most if key[0] in _BATCHES else 1]
        for entry in taken:
            self.entries.remove(entry)
            entry.deliveries += 1
        return taken

    def complete(self, entries: Sequence[Entry]) -> None:
        """The messages were handled, and the bus hears of it, or not."""
        for entry in entries:
            if entry.deliveries < MAX_DELIVERIES / 2 and self._faults.happens("lost-acks"):
                self._again(entry, self._faults.random.choice((0.0, 1.0, 60.0)))

    def abandon(self, entries: Sequence[Entry]) -> None:
        """The messages were not handled: they are delivered again at once, in the end they are dead."""
        for entry in entries:
            if entry.deliveries < MAX_DELIVERIES:
                self._again(entry, 0.0)
            else:
                self.dead.append(entry)

    def _again(self, entry: Entry, after_s: float) -> None:
        entry.ready = self._now() + timedelta(seconds=after_s)
        self.entries.append(entry)

    @property
    def next_ready(self) -> datetime | None:
        return min((entry.ready for entry in self.entries), default=None)


_BATCHES = ("asset-facts", "items-changed")


@cache
def _subscriptions() -> dict[str, tuple[str, ...]]:
    namespaces = read_contract("topology.json")["UserConfig"]["Namespaces"]
    return {
        topic["Name"]: tuple(subscription["Name"] for subscription in topic["Subscriptions"])
        for namespace in namespaces
        for topic in namespace["Topics"]
    }
