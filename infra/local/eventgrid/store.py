"""The deliveries that are still owed, on disk: what was accepted is here until it is delivered or given up."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from infra.local.eventgrid.group_commit import GroupCommit

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    subscription TEXT NOT NULL,
    message_id TEXT NOT NULL,
    event TEXT NOT NULL,
    published REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    attempted REAL,
    dead_reason TEXT,
    dead_since REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (subscription, dead_reason IS NULL, due);
"""

_COLUMNS = (
    "id, subscription, message_id, event, published, attempts, outcome, attempted, dead_reason, dead_since"
)


@dataclass(frozen=True)
class Delivery:
    """One event owed to one subscription. Times are seconds since the epoch; `attempts` counts those made."""

    id: int
    subscription: str
    message_id: str
    event: dict[str, Any]
    published: float
    attempts: int = 0
    outcome: str = ""
    attempted: float | None = None
    dead_reason: str | None = None
    dead_since: float | None = None


@dataclass(frozen=True)
class Accepted:
    """A delivery to be stored: an event that a subscription's filter let through."""

    subscription: str
    message_id: str
    event: dict[str, Any]
    published: float
    due: float


@dataclass(frozen=True)
class Settled:
    """What became of one attempt. `due` None: it is done, delivered or dropped. With `dead_reason` it waits until
    `due` to be dead-lettered."""

    id: int
    due: float | None
    attempts: int = 0
    outcome: str = ""
    attempted: float | None = None
    dead_reason: str | None = None
    dead_since: float | None = None


class Store:
    """Deliveries in SQLite, durable when the call returns. Make it inside a running event loop."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._commits = GroupCommit(directory / "eventgrid.sqlite", _SCHEMA, power_loss=True)

    async def close(self) -> None:
        """Finish the writes that are under way."""
        await self._commits.close()

    async def add(self, deliveries: Sequence[Accepted]) -> None:
        """Keep what was accepted: all of it or none."""
        rows = [
            (one.subscription, one.message_id, json.dumps(one.event), one.published, one.due)
            for one in deliveries
        ]
        insert = (
            "INSERT INTO deliveries (subscription, message_id, event, published, due) VALUES (?, ?, ?, ?, ?)"
        )
        await self._commits.submit(lambda db: db.executemany(insert, rows))

    async def due(self, subscription: str, now: float, limit: int, *, dead: bool = False) -> list[Delivery]:
        """The oldest deliveries whose time has come; with `dead`, those that wait to be dead-lettered."""
        query = f"""SELECT {_COLUMNS} FROM deliveries
            WHERE subscription = ? AND (dead_reason IS NULL) = ? AND due <= ? ORDER BY due, id LIMIT ?"""
        rows = await self._commits.submit(
            lambda db: db.execute(query, (subscription, not dead, now, limit)).fetchall()
        )
        return [_delivery(*row) for row in rows]

    async def next_due(self, subscription: str, *, dead: bool = False) -> float | None:
        """When the next delivery of a subscription is due, None if it has none."""
        query = "SELECT min(due) FROM deliveries WHERE subscription = ? AND (dead_reason IS NULL) = ?"
        row = await self._commits.submit(lambda db: db.execute(query, (subscription, not dead)).fetchone())
        return cast(float | None, row[0])

    async def settle(self, results: Iterable[Settled]) -> None:
        """Record what became of attempts."""
        results = list(results)

        def write(db: sqlite3.Connection) -> None:
            db.executemany(
                "DELETE FROM deliveries WHERE id = ?", [(one.id,) for one in results if one.due is None]
            )
            db.executemany(
                """UPDATE deliveries SET due = ?, attempts = ?, outcome = ?, attempted = ?, dead_reason = ?,
                   dead_since = ? WHERE id = ?""",
                [
                    (
                        one.due,
                        one.attempts,
                        one.outcome,
                        one.attempted,
                        one.dead_reason,
                        one.dead_since,
                        one.id,
                    )
                    for one in results
                    if one.due is not None
                ],
            )

        await self._commits.submit(write)

    async def pending(self) -> dict[str, int]:
        """How many deliveries each subscription is still owed, those that wait for dead-lettering included."""
        query = "SELECT subscription, count(*) FROM deliveries GROUP BY subscription"
        return dict(await self._commits.submit(lambda db: db.execute(query).fetchall()))

    async def forget_all_but(self, subscriptions: Sequence[str]) -> int:
        """Drop what is owed to subscriptions that no longer exist, as deleting one does; says how many."""
        query = "DELETE FROM deliveries WHERE subscription NOT IN (SELECT value FROM json_each(?))"
        count: int = await self._commits.submit(
            lambda db: db.execute(query, (json.dumps(subscriptions),)).rowcount
        )
        return count


def _delivery(number: int, subscription: str, message_id: str, event: str, *rest: Any) -> Delivery:
    return Delivery(number, subscription, message_id, json.loads(event), *rest)
