"""What the proxy must not forget: writes under way, and events that Event Grid has not taken yet."""

import asyncio
import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.blob_events.events import sequencer
from infra.local.blob_events.operations import Blob, Operation
from infra.local.blob_events.storage import State
from infra.local.eventgrid.group_commit import GroupCommit

_SCHEMA = """
CREATE TABLE IF NOT EXISTS intents (id INTEGER PRIMARY KEY, operation TEXT NOT NULL, before TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Intent:
    """A write that was about to be forwarded, and the blob as it was before."""

    id: int
    operation: Operation
    before: State


class Journal:
    """SQLite in WAL mode. Jobs are done in the order of the calls, which the per-blob order relies on."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        # Azurite itself would not survive the loss of power, so the process's own death is what counts here.
        self._commits = GroupCommit(directory / "blob_events.sqlite", _SCHEMA, power_loss=False)

    async def close(self) -> None:
        """Finish the writes that are under way."""
        await self._commits.close()

    async def intend(self, operation: Operation, before: State) -> Intent:
        """Remember a write before it is forwarded."""
        row = (json.dumps(dataclasses.asdict(operation)), json.dumps(dataclasses.asdict(before)))
        insert = "INSERT INTO intents (operation, before) VALUES (?, ?)"
        written = self._commits.submit(lambda db: db.execute(insert, row).lastrowid)
        try:
            number: int = await asyncio.shield(written)
        except asyncio.CancelledError:  # the write will not be forwarded, so it must not stay here either
            written.add_done_callback(
                lambda done: self.settle(Intent(done.result(), operation, before), None)
            )
            raise
        return Intent(number, operation, before)

    def settle(self, intent: Intent, event: dict[str, Any] | None) -> asyncio.Future[None]:
        """The write is known to have been done (its event goes to the outbox) or not (None)."""

        def write(db: sqlite3.Connection) -> None:
            if db.execute("DELETE FROM intents WHERE id = ?", (intent.id,)).rowcount and event is not None:
                number = db.execute("INSERT INTO outbox (event) VALUES ('')").lastrowid
                event["data"]["sequencer"] = sequencer(number or 0)
                # Of headers that are no UTF-8, as a client's request id: Event Grid would refuse the event.
                text = json.dumps(event, ensure_ascii=False).encode(errors="replace").decode()
                db.execute("UPDATE outbox SET event = ? WHERE id = ?", (text, number))

        return self._commits.submit(write)

    async def unsettled(self) -> list[Intent]:
        """Writes whose fate is not known, oldest first."""
        rows = await self._commits.submit(
            lambda db: db.execute("SELECT id, operation, before FROM intents ORDER BY id").fetchall()
        )
        return [_intent(*row) for row in rows]

    async def outgoing(self, limit: int) -> list[tuple[int, str]]:
        """The oldest events that Event Grid has not taken."""
        query = "SELECT id, event FROM outbox ORDER BY id LIMIT ?"
        rows: list[tuple[int, str]] = await self._commits.submit(
            lambda db: db.execute(query, (limit,)).fetchall()
        )
        return rows

    async def sent(self, numbers: Sequence[int]) -> None:
        """Forget events that Event Grid has taken."""
        await self._commits.submit(
            lambda db: db.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in numbers])
        )

    async def counts(self) -> tuple[int, int]:
        """How many events wait to be sent, and how many writes are unsettled."""
        query = "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM intents)"
        found: tuple[int, int] = await self._commits.submit(lambda db: db.execute(query).fetchone())
        return found


def _intent(number: int, operation: str, before: str) -> Intent:
    document = json.loads(operation)
    document["blob"] = Blob(**document["blob"])
    return Intent(number, Operation(**document), State(**json.loads(before)))
