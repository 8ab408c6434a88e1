"""The namespace: queues and topics by their addresses, and the way of a message into them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.servicebus import store as sql
from infra.local.servicebus.amqp.message import Message
from infra.local.servicebus.entries import ACTIVE, SCHEDULED, Entry, now_ms
from infra.local.servicebus.errors import EntityNotFound, TooLarge
from infra.local.servicebus.filters import Filter
from infra.local.servicebus.queue import Queue
from infra.local.servicebus.sqlvalues import FilterError
from infra.local.servicebus.store import Change, Row, Store
from infra.local.servicebus.topology import QueueSettings, Topology

Sent = Callable[[Exception | None], None]
TIERS = {"standard": 256 * 1024, "premium": 1024 * 1024}  # the largest message and batch, bytes
PREMIUM_MB = range(1, 101)  # what a premium entity may be set to take as one message; a batch stays at 1 MB


class Sink(ABC):
    """A queue or a topic, as senders see it: duplicates dropped, scheduled messages kept until their time."""

    def __init__(self, broker: "Broker", name: str, ttl_ms: int | None, window_ms: int | None) -> None:
        self.name = name
        self.ttl_ms = ttl_ms
        self.window_ms = window_ms
        self._broker = broker
        self._history: dict[str, int] = {}
        self._forget_at = 0
        self.waiting: Queue

    def remember(self, message_id: str, until: int) -> None:
        """Load what duplicate detection knew before a restart."""
        self._history[message_id] = until

    def accept(self, message: Message, now: int, changes: list[Change]) -> bool:
        """Whether the message is new. Its id is remembered if so."""
        if self.window_ms is None or message.message_id is None:
            return True
        known = self._history.get(message.message_id)
        if known is not None and known > now:
            return False
        self._history[message.message_id] = now + self.window_ms
        changes.append((sql.REMEMBER, (self.waiting.id, message.message_id, now + self.window_ms)))
        if now >= self._forget_at:
            self._forget_at = now + max(1000, min(self.window_ms, 60_000))
            self._history = {key: until for key, until in self._history.items() if until > now}
            changes.append((sql.FORGET, (self.waiting.id, now)))
        return True

    def forget(self, message: Message) -> None:
        """The message was not stored after all."""
        if message.message_id is not None:
            self._history.pop(message.message_id, None)

    @abstractmethod
    def targets(self, message: Message) -> list[tuple[Queue, str | None]]:
        """Where a copy goes, with the reason where it goes to the dead letters at once."""


class QueueSink(Sink):
    """A queue takes every message."""

    def targets(self, message: Message) -> list[tuple[Queue, str | None]]:
        """The queue itself."""
        return [(self.waiting, None)]


class TopicSink(Sink):
    """A topic copies a message to each subscription whose rules let it through."""

    def __init__(self, broker: "Broker", name: str, ttl_ms: int | None, window_ms: int | None) -> None:
        super().__init__(broker, name, ttl_ms, window_ms)
        self.subscriptions: list[tuple[Queue, tuple[tuple[str, Filter], ...] | None]] = []

    def targets(self, message: Message) -> list[tuple[Queue, str | None]]:
        """Subscriptions that match, and those whose filter failed and that keep such messages as dead letters."""
        found: list[tuple[Queue, str | None]] = []
        for queue, rules in self.subscriptions:
            try:
                if rules is None or any(rule.matches(message) for _, rule in rules):
                    found.append((queue, None))
            except FilterError as error:
                if queue.settings.dead_letter_filter_errors:
                    found.append((queue, str(error)))
        return found


class Broker:
    """All entities over one store."""

    def __init__(
        self,
        topology: Topology,
        data: Path,
        tier: str,
        loop: asyncio.AbstractEventLoop,
        *,
        survive_power_loss: bool = False,
        max_message_mb: int = 1,
    ) -> None:
        self.store = Store(data, loop, survive_power_loss=survive_power_loss)
        self.max_batch_bytes = TIERS[tier]
        self.max_bytes = TIERS[tier] if tier != "premium" else max_message_mb * 1024 * 1024
        self.sinks: dict[str, Sink] = {}
        self.queues: dict[str, Queue] = {}
        self._by_id: dict[int, Queue] = {}
        for name, settings in topology.queues:
            queue = self._new_queue(name, settings)
            self._sink(QueueSink(self, name, settings.ttl_ms, settings.duplicate_window_ms), queue)
        for topic in topology.topics:
            sink = TopicSink(self, topic.name, topic.ttl_ms, topic.duplicate_window_ms)
            self._sink(sink, self._new_queue(topic.name, QueueSettings(), listed=False))
            for subscription in topic.subscriptions:
                path = f"{topic.name}/Subscriptions/{subscription.name}"
                sink.subscriptions.append((self._new_queue(path, subscription.settings), subscription.rules))
        self._load()

    def _new_queue(self, name: str, settings: QueueSettings, *, listed: bool = True) -> Queue:
        key, last = self.store.queue_id(name.lower())
        queue = Queue(name, key, settings, self.store, last)
        self._by_id[key] = queue
        if listed:
            self.queues[name.lower()] = queue
            self.queues[f"{name.lower()}/$deadletterqueue"] = queue.dead_letters
        return queue

    def _sink(self, sink: Sink, queue: Queue) -> None:
        sink.waiting = queue
        queue.on_due = lambda entries: self._due(sink, entries)
        self.sinks[sink.name.lower()] = sink
        for message_id, until in self.store.remembered(queue.id):
            sink.remember(message_id, until)

    def _load(self) -> None:
        for row in self.store.rows():
            queue = self._by_id.get(row.queue)
            if queue is not None:
                (queue.dead_letters if row.dead else queue).load(row)
        for queue in self._by_id.values():
            queue.loaded()

    def sink(self, path: str) -> Sink:
        """Where a sender's address leads. Raises EntityNotFound."""
        if path not in self.sinks:
            raise EntityNotFound(f"The messaging entity '{path}' could not be found.")
        return self.sinks[path]

    def queue(self, path: str) -> Queue:
        """Where a receiver's address leads. Raises EntityNotFound."""
        if path not in self.queues:
            raise EntityNotFound(f"The messaging entity '{path}' could not be found.")
        return self.queues[path]

    def publish(self, sink: Sink, messages: Sequence[Message], sent: Sent) -> None:
        """Store messages, all or none, and call `sent` once they are on disk (or with the error)."""
        now = now_ms()
        changes: list[Change] = []
        fresh: list[tuple[Queue, Entry]] = []
        accepted: list[Message] = []
        for message in messages:
            if sink.accept(message, now, changes):
                accepted.append(message)
                if message.scheduled_at is not None and message.scheduled_at > now:
                    fresh.append(
                        (sink.waiting, self._scheduled(sink, message, message.scheduled_at, now, changes))
                    )
                else:
                    fresh += self._copies(sink, message, now, changes)
        self._submit(sink, accepted, changes, fresh, sent)

    def schedule(
        self, sink: Sink, messages: Sequence[Message], sent: Callable[[list[int] | Exception], None]
    ) -> None:
        """Keep messages until their time; answers with the sequence number of each, for cancelling."""
        now = now_ms()
        changes: list[Change] = []
        fresh, accepted, numbers = list[tuple[Queue, Entry]](), list[Message](), list[int]()
        for message in messages:
            if not sink.accept(message, now, changes):
                numbers.append(sink.waiting.next_seq())
                continue
            accepted.append(message)
            entry = self._scheduled(sink, message, message.scheduled_at or now, now, changes)
            numbers.append(entry.seq)
            fresh.append((sink.waiting, entry))
        self._submit(sink, accepted, changes, fresh, lambda error: sent(numbers if error is None else error))

    def _submit(
        self,
        sink: Sink,
        accepted: list[Message],
        changes: list[Change],
        fresh: list[tuple[Queue, Entry]],
        sent: Sent,
    ) -> None:
        def committed(error: Exception | None) -> None:
            if error is not None:
                for message in accepted:
                    sink.forget(message)
            else:
                for queue, entry in fresh:
                    queue.add(entry)
                for queue in {queue for queue, _ in fresh}:
                    queue.pump()
            sent(error)

        changes += [
            (sql.SEQUENCE, (queue.last_seq, queue.id)) for queue in {queue.live for queue, _ in fresh}
        ]
        self.store.submit(changes, committed)

    def _scheduled(self, sink: Sink, message: Message, due: int, now: int, changes: list[Change]) -> Entry:
        return self._entry(sink.waiting, message, now, None, changes, state=SCHEDULED, due=due, sent_seq=0)

    def _copies(
        self, sink: Sink, message: Message, now: int, changes: list[Change]
    ) -> list[tuple[Queue, Entry]]:
        entries = []
        topic_seq = sink.waiting.next_seq() if isinstance(sink, TopicSink) else 0
        for queue, failure in sink.targets(message):
            expires = _expiry(message, now, sink.ttl_ms, queue.settings.ttl_ms)
            if failure is None:
                target, copy = queue, message
            else:
                target = queue.dead_letters
                copy = message.marked(
                    {"DeadLetterReason": "FilterException", "DeadLetterErrorDescription": failure}
                )
            entries.append((target, self._entry(target, copy, now, expires, changes, sent_seq=topic_seq)))
        return entries

    def _entry(
        self,
        queue: Queue,
        message: Message,
        now: int,
        expires: int | None,
        changes: list[Change],
        *,
        state: int = ACTIVE,
        due: int | None = None,
        sent_seq: int,
    ) -> Entry:
        seq = queue.next_seq()
        row = self.store.new_id()
        head = message.head.pack()
        index = Row(row, queue.id, int(queue.dead), seq, state, now, expires, due, 0, sent_seq or seq)
        changes.append((sql.INSERT, (*index, head, message.bare)))
        self.store.keep(row, head, message.bare)
        return Entry(index)

    def _due(self, sink: Sink, entries: list[Entry]) -> None:
        """Scheduled messages whose time has come enter as if they were sent now, with a new sequence number."""
        now = now_ms()
        changes: list[Change] = []
        fresh: list[tuple[Queue, Entry]] = []
        for entry in entries:
            message = sink.waiting.message(entry)
            changes.append((sql.DELETE, (entry.row,)))
            fresh += self._copies(sink, message, now, changes)

        def committed(error: Exception | None) -> None:
            if error is None:
                for entry in entries:
                    sink.waiting.drop(entry)
            else:
                sink.waiting.retry_due(entries)

        self._submit(sink, [], changes, fresh, committed)

    def check_size(self, size: int) -> None:
        """Refuse a message that is larger than the tier allows. Raises TooLarge."""
        _check(size, self.max_bytes)

    def check_batch(self, size: int) -> None:
        """Refuse a batch that is larger than the tier allows. Raises TooLarge."""
        _check(size, self.max_batch_bytes)

    def close(self) -> None:
        """Stop the timers and close the files."""
        for queue in self._by_id.values():
            queue.close()
        self.store.close()


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(
            f"The received message (delivery-id:0, size:{size} bytes) exceeds the limit "
            f"({limit} bytes) currently allowed on the link."
        )


def _expiry(message: Message, now: int, *limits: int | None) -> int | None:
    """When a message expires: the least of its own time to live, its absolute expiry and the entities' defaults."""
    given = [ttl for ttl in (message.head.ttl_ms, *limits) if ttl is not None]
    expires = now + min(given) if given else None
    absolute = message.properties[8]
    if message.head.ttl_ms is None and isinstance(absolute, int):
        expires = absolute if expires is None else min(expires, absolute)
    return expires
