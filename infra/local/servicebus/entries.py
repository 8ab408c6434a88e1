"""A message's place in a queue, and the locks under which receivers hold messages.

Locks live in memory only: after a restart every message that was locked is available at once.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID, uuid4

from infra.local.servicebus.errors import LockLost
from infra.local.servicebus.store import Row

ACTIVE, DEFERRED, SCHEDULED = 0, 1, 2


def now_ms() -> int:
    """The time now, as messages carry it."""
    return time.time_ns() // 1_000_000


class Entry:
    """A message's place in a queue. `lock` is None (available), a Lock, or BUSY (being written)."""

    __slots__ = ("deliveries", "due", "enqueued", "expires", "lock", "row", "sent_seq", "seq", "state")

    def __init__(self, row: Row) -> None:
        self.row = row.id
        self.seq = row.seq
        self.state = row.state
        self.enqueued = row.enqueued
        self.expires = row.expires
        self.due = row.due
        self.deliveries = row.deliveries
        self.sent_seq = row.seq if row.sent_seq == row.seq else row.sent_seq
        self.lock: Lock | None = None


class Lock:
    """One receiver's hold on a message, until `until` (ms)."""

    __slots__ = ("entry", "token", "until")

    def __init__(self, entry: Entry, until: int) -> None:
        self.token = uuid4()
        self.entry = entry
        self.until = until


BUSY = Lock(Entry(Row(0, 0, 0, 0, 0, 0, None, None, 0, 0)), 0)


class Locks:
    """The locks of one queue, in the order in which they end: all last equally long."""

    def __init__(self, lock_ms: int) -> None:
        self._lock_ms = lock_ms
        self._locks: OrderedDict[UUID, Lock] = OrderedDict()

    def __len__(self) -> int:
        return len(self._locks)

    def hold(self, entry: Entry) -> Lock:
        """Lock a message that nobody holds."""
        lock = entry.lock = Lock(entry, now_ms() + self._lock_ms)
        self._locks[lock.token] = lock
        return lock

    def find(self, token: UUID) -> Lock:
        """The lock that a token names. Raises LockLost."""
        lock = self._locks.get(token)
        if lock is None or lock.until <= now_ms():
            raise LockLost(
                "The lock supplied is invalid. Either the lock expired, or the message has already been "
                "removed from the queue."
            )
        return lock

    def renew(self, token: UUID) -> int:
        """Hold a lock for another lock duration; its new end (ms). Raises LockLost."""
        lock = self.find(token)
        lock.until = now_ms() + self._lock_ms
        self._locks.move_to_end(token)
        return lock.until

    def settle(self, lock: Lock) -> Entry:
        """End a lock; its message stays busy until what becomes of it is written. Raises LockLost."""
        entry = self.find(lock.token).entry
        del self._locks[lock.token]
        entry.lock = BUSY
        return entry

    def next_end(self) -> int | None:
        """When the first lock ends (ms); None without one."""
        return next(iter(self._locks.values())).until if self._locks else None

    def expired(self, now: int) -> Iterator[Entry]:
        """End the locks whose time is over, one by one, and give their messages."""
        while (end := self.next_end()) is not None and end <= now:
            yield self._locks.popitem(last=False)[1].entry
