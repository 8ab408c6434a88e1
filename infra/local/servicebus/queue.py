"""One queue, subscription or dead-letter queue: who may have which message, and until when.

The index of all messages is in memory, their content on disk. A change is visible in memory once it is committed;
until then the message is `busy` and nobody gets it.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from infra.local.servicebus import store as sql
from infra.local.servicebus.amqp.codec import Int, Timestamp
from infra.local.servicebus.amqp.message import Head, Message, assemble, parse, with_properties
from infra.local.servicebus.entries import ACTIVE, BUSY, DEFERRED, SCHEDULED, Entry, Lock, Locks, now_ms
from infra.local.servicebus.errors import MessageNotFound
from infra.local.servicebus.store import Done, Row, Store
from infra.local.servicebus.topology import QueueSettings

SLICE = 200  # deliveries, or expired messages, before other work of the event loop gets its turn
LARGE = 10_000  # messages above which a queue looks for expired ones once a second, not whenever one is due


class Consumer(Protocol):
    """A receiver's link, as the queue sees it."""

    deletes: bool  # receive-and-delete instead of peek-lock

    def can_take(self) -> bool:
        """Whether it has credit and its connection takes bytes."""

    def take(self) -> None:
        """Use up one credit for a message that is on its way."""

    def deliver(self, payload: bytes, lock: Lock | None) -> None:
        """Send the message."""


class Queue:
    """See the module. Every method runs in the event loop's thread."""

    def __init__(
        self,
        name: str,
        key: int,
        settings: QueueSettings,
        store: Store,
        last_seq: int,
        live: "Queue | None" = None,
    ) -> None:
        self.name = name
        self.id = key
        self.settings = settings
        self.last_seq = last_seq
        self.dead = live is not None
        self.live: Queue = live or self
        self.dead_letters: Queue = (
            self if self.dead else Queue(f"{name}/$DeadLetterQueue", key, settings, store, last_seq, self)
        )
        self.on_due: Callable[[list[Entry]], None] = lambda _entries: None
        self._store = store
        self._entries: dict[int, Entry] = {}
        self._ready: list[int] = []
        self._locks = Locks(settings.lock_ms)
        self._scheduled: list[tuple[int, int]] = []
        self._next_expiry: int | None = None
        self._consumers: deque[Consumer] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False

    # --- what is in it

    def next_seq(self) -> int:
        """A sequence number, one for the queue and its dead letters together."""
        self.live.last_seq += 1
        return self.live.last_seq

    def load(self, row: Row) -> None:
        """Take an entry from disk at start."""
        entry = Entry(row)
        self._entries[entry.seq] = entry
        if entry.state == ACTIVE:
            self._ready.append(entry.seq)
        elif entry.state == SCHEDULED and entry.due is not None:
            self._scheduled.append((entry.due, entry.seq))
        self.live.last_seq = max(self.live.last_seq, entry.seq)
        self._note_expiry(entry)

    def loaded(self) -> None:
        """All entries are loaded: order them and start the clock."""
        for queue in {self, self.dead_letters}:
            heapq.heapify(queue._ready)
            heapq.heapify(queue._scheduled)
            queue._arm()

    def add(self, entry: Entry) -> None:
        """A message that is on disk now becomes visible."""
        self._entries[entry.seq] = entry
        self._note_expiry(entry)
        if entry.state == SCHEDULED and entry.due is not None:
            heapq.heappush(self._scheduled, (entry.due, entry.seq))
        elif entry.state == ACTIVE:
            heapq.heappush(self._ready, entry.seq)
        self._arm()

    def drop(self, entry: Entry) -> None:
        """A message that is no longer on disk."""
        self._entries.pop(entry.seq, None)

    def message(self, entry: Entry) -> Message:
        """The message of an entry, as it was sent."""
        head, bare = self._store.content(entry.row)
        stored = parse(bare)
        return Message(Head.unpack(head), stored.bare, stored.sections)

    def counts(self) -> Mapping[str, Any]:
        """Messages by state, and when the oldest active one was enqueued (ms, None without one)."""
        active = [e for e in self._entries.values() if e.state == ACTIVE]
        return {
            "active": len(active),
            "locked": len(self._locks),
            "deferred": sum(e.state == DEFERRED for e in self._entries.values()),
            "scheduled": sum(e.state == SCHEDULED for e in self._entries.values()),
            "oldest": min((e.enqueued for e in active), default=None),
        }

    # --- delivery

    def attach(self, consumer: Consumer) -> None:
        """A receiver's link begins."""
        self._consumers.append(consumer)

    def detach(self, consumer: Consumer) -> None:
        """A receiver's link ends. Its locks stay until they expire, as on Azure."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    def pump(self) -> None:
        """Deliver what is available to whoever has credit, in order, turn by turn."""
        for _ in range(SLICE):
            if not self._ready:
                return
            consumer = self._taker()
            if consumer is None:
                return
            entry = self._entries.get(heapq.heappop(self._ready))
            if entry is not None and entry.state == ACTIVE and entry.lock is None:
                self._deliver(entry, consumer)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_on)

    def _pump_on(self) -> None:
        self._pumping = False
        self.pump()

    def _taker(self) -> Consumer | None:
        for _ in range(len(self._consumers)):
            consumer = self._consumers[0]
            self._consumers.rotate(-1)
            if consumer.can_take():
                return consumer
        return None

    def _deliver(self, entry: Entry, consumer: Consumer) -> None:
        if entry.expires is not None and entry.expires <= now_ms():
            self._expire(entry)
            return
        consumer.take()
        if not consumer.deletes:
            lock = self._lock(entry)
            consumer.deliver(self.encode(entry, lock), lock)
            return
        payload = self.encode(entry, None)
        self._delete(entry, lambda error: None if error else consumer.deliver(payload, None))

    def _delete(self, entry: Entry, done: Done) -> None:
        entry.lock = BUSY

        def committed(error: Exception | None) -> None:
            if error is None:
                self.drop(entry)
            else:
                self._free(entry)
            done(error)

        self._store.submit([(sql.DELETE, (entry.row,))], committed)

    def encode(self, entry: Entry, lock: Lock | None) -> bytes:
        """The encoded message with the broker's annotations."""
        head, bare = self._store.content(entry.row)
        annotations: dict[str, Any] = {
            "x-opt-sequence-number": entry.seq,
            "x-opt-enqueued-time": Timestamp(entry.enqueued),
            "x-opt-enqueue-sequence-number": entry.sent_seq,
            "x-opt-message-state": Int(entry.state),
        }
        if lock is not None:
            annotations["x-opt-locked-until"] = Timestamp(lock.until)
        return assemble(
            Head.unpack(head),
            bare,
            deliveries=entry.deliveries,
            annotations=annotations,
            lock_token=None if lock is None else lock.token,
        )

    # --- locks

    def locked(self, token: UUID) -> Lock:
        """The lock that a token names. Raises LockLost."""
        return self._locks.find(token)

    def renew(self, token: UUID) -> int:
        """Hold a lock for another lock duration; its new end (ms). Raises LockLost."""
        return self._locks.renew(token)

    def _lock(self, entry: Entry) -> Lock:
        lock = self._locks.hold(entry)
        self._arm()
        return lock

    def _free(self, entry: Entry) -> None:
        """The message is available again, at its place in the order."""
        entry.lock = None
        if entry.state == ACTIVE:
            heapq.heappush(self._ready, entry.seq)
        self._note_expiry(entry)
        self._arm()
        self.pump()

    # --- settlement

    def complete(self, lock: Lock, done: Done) -> None:
        """The message is done with. Raises LockLost."""
        self._delete(self._locks.settle(lock), done)

    def release(self, lock: Lock) -> None:
        """Give a message back that was not looked at: no failed delivery. Raises LockLost."""
        self._free(self._locks.settle(lock))

    def abandon(self, lock: Lock, changes: Mapping[str, Any], done: Done) -> None:
        """Give a message back after a failed delivery. Raises LockLost."""
        self._failed(self._locks.settle(lock), changes, done)

    def defer(self, lock: Lock, changes: Mapping[str, Any], done: Done) -> None:
        """Set a message aside: from now on only its sequence number fetches it. Raises LockLost."""
        self._rewrite(self._locks.settle(lock), changes, done, state=DEFERRED, failed=0)

    def dead_letter(self, lock: Lock, changes: Mapping[str, Any], done: Done) -> None:
        """Move a message to the dead letters. Raises LockLost."""
        self._bury(self._locks.settle(lock), changes, done)

    def _failed(self, entry: Entry, changes: Mapping[str, Any], done: Done) -> None:
        if not self.dead and entry.deliveries + 1 >= self.settings.max_deliveries:
            entry.deliveries += 1
            reason = {
                "DeadLetterReason": "MaxDeliveryCountExceeded",
                "DeadLetterErrorDescription": "Message could not be consumed after "
                f"{self.settings.max_deliveries} delivery attempts.",
            }
            self._bury(entry, {**changes, **reason}, done)
        else:
            self._rewrite(entry, changes, done, state=entry.state, failed=1)

    def _rewrite(
        self, entry: Entry, changes: Mapping[str, Any], done: Done, *, state: int, failed: int
    ) -> None:
        entry.lock = BUSY

        def committed(error: Exception | None) -> None:
            if error is None:
                entry.state = state
                entry.deliveries += failed
            self._free(entry)
            done(error)

        writes: list[sql.Change] = [(sql.SET_STATE, (state, entry.deliveries + failed, entry.row))]
        if changes:
            bare = with_properties(self._store.content(entry.row)[1], changes)
            writes.append((sql.SET_BARE, (bare, entry.row)))
        self._store.submit(writes, committed)

    def _bury(self, entry: Entry, changes: Mapping[str, Any], done: Done) -> None:
        entry.lock = BUSY
        bare = with_properties(self._store.content(entry.row)[1], changes)

        def committed(error: Exception | None) -> None:
            if error is None:
                self.drop(entry)
                entry.state, entry.expires, entry.lock = ACTIVE, None, None
                self.dead_letters.add(entry)
                self.dead_letters.pump()
            else:
                self._free(entry)
            done(error)

        if self.dead:  # dead letters of dead letters stay where they are
            self._rewrite(entry, changes, done, state=ACTIVE, failed=0)
        else:
            self._store.submit([(sql.SET_DEAD, (entry.deliveries, bare, entry.row))], committed)

    # --- by sequence number

    def peek(self, from_seq: int, count: int) -> list[bytes]:
        """The first messages from a sequence number on, whoever holds them; nothing changes."""
        if count == 1 and from_seq in self._entries:
            chosen: Iterable[int] = [from_seq]
        else:
            chosen = heapq.nsmallest(count, (seq for seq in self._entries if seq >= from_seq))
        return [self.encode(self._entries[seq], None) for seq in chosen]

    def receive_deferred(self, seqs: Sequence[int], *, delete: bool) -> list[tuple[bytes, UUID | None]]:
        """Deferred messages by their numbers, locked or deleted. Raises MessageNotFound."""
        entries = [self._entries.get(seq) for seq in seqs]
        found = [e for e in entries if e is not None and e.state == DEFERRED and e.lock is None]
        if len(found) != len(entries):
            raise MessageNotFound(
                "Failed to lock one or more specified messages: not there, or not deferred."
            )
        result: list[tuple[bytes, UUID | None]] = []
        for entry in found:
            if delete:
                result.append((self.encode(entry, None), None))
                self._delete(entry, lambda _error: None)
            else:
                lock = self._lock(entry)
                result.append((self.encode(entry, lock), lock.token))
        return result

    def cancel(self, seqs: Sequence[int], done: Done) -> None:
        """Forget scheduled messages. Raises MessageNotFound."""
        entries = [self._entries.get(seq) for seq in seqs]
        found = [e for e in entries if e is not None and e.state == SCHEDULED and e.lock is None]
        if len(found) != len(entries):
            raise MessageNotFound("A scheduled message with this sequence number was not found.")
        for entry in found:
            entry.lock = BUSY

        def committed(error: Exception | None) -> None:
            for entry in found:
                if error is None:
                    self.drop(entry)
                else:
                    entry.lock = None
            done(error)

        self._store.submit([(sql.DELETE, (entry.row,)) for entry in found], committed)

    # --- time

    def _note_expiry(self, entry: Entry) -> None:
        if entry.expires is not None and not self.dead:
            self._next_expiry = min(entry.expires, self._next_expiry or entry.expires)

    def _arm(self) -> None:
        due = [when for when in (self._next_expiry, self._locks.next_end()) if when is not None]
        if self._scheduled:
            due.append(self._scheduled[0][0])
        if not due:
            return
        loop = asyncio.get_running_loop()
        # Never sooner than 20 ms: a bound that proves stale must not spin.
        at = loop.time() + max(0.02, (min(due) - now_ms()) / 1000)
        if self._timer is not None:
            if self._timer.when() <= at:
                return
            self._timer.cancel()
        self._timer = loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = now_ms()
        for entry in self._locks.expired(now):
            self._failed(entry, {}, lambda _error: None)
        if self._next_expiry is not None and self._next_expiry <= now:
            self._sweep(now)
        self._wake_scheduled(now)
        self._arm()

    def _sweep(self, now: int) -> None:
        """Expire what is over, a slice at a time; a locked message expires when its lock ends."""
        self._next_expiry = None
        left = SLICE
        for entry in list(self._entries.values()):
            if entry.expires is None or entry.state == SCHEDULED or entry.lock is not None:
                continue
            if entry.expires > now:
                self._note_expiry(entry)
            elif left:
                left -= 1
                self._expire(entry)
            else:
                self._next_expiry = now  # the rest after other work had its turn
                return
        if self._next_expiry is not None and len(self._entries) > LARGE:
            # Looking at them all has its price. Nothing is delivered late: `_deliver` looks for itself.
            self._next_expiry = max(self._next_expiry, now + 1000)

    def _expire(self, entry: Entry) -> None:
        if self.settings.dead_letter_expired:
            reason = {
                "DeadLetterReason": "TTLExpiredException",
                "DeadLetterErrorDescription": "The message expired and was dead lettered.",
            }
            self._bury(entry, reason, lambda _error: None)
        else:
            self._delete(entry, lambda _error: None)

    def _wake_scheduled(self, now: int) -> None:
        ready = []
        while self._scheduled and self._scheduled[0][0] <= now:
            entry = self._entries.get(heapq.heappop(self._scheduled)[1])
            if entry is not None and entry.lock is None and entry.state == SCHEDULED:
                entry.lock = BUSY
                ready.append(entry)
        if ready:
            self.on_due(ready)

    def retry_due(self, entries: Iterable[Entry]) -> None:
        """The store refused to move scheduled messages: try again in a second."""
        for entry in entries:
            entry.lock = None
            heapq.heappush(self._scheduled, (now_ms() + 1000, entry.seq))
        self._arm()

    def close(self) -> None:
        """Stop the clock."""
        for queue in {self, self.dead_letters}:
            if queue._timer is not None:
                queue._timer.cancel()
