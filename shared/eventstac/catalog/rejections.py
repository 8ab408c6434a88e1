"""Events that were given up, kept for the operator."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection
from eventstac.events import EventRejected


@dataclass(frozen=True)
class Rejection:
    """One given-up event as it is kept."""

    id: str
    stage: str
    reason: str
    detail: str
    url: str | None
    attempts: int
    event: Any
    state: str
    rejected_at: datetime


def record(connection: Connection, identity: str, rejected: EventRejected) -> None:
    """Keep a rejection; the same one twice is one row."""
    connection.execute(
        """
        INSERT INTO eventstac.rejected (id, stage, reason, detail, url, attempts, event)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
        """,
        [
            identity,
            rejected.stage,
            rejected.reason,
            rejected.detail,
            rejected.url,
            rejected.attempts,
            JsonParameter(rejected.event, dumps=json.dumps),
        ],
    )


def about(connection: Connection, url: str) -> list[Rejection]:
    """The rejections that are about a blob, newest first."""
    rows = connection.execute(
        """
        SELECT id, stage, reason, detail, url, attempts, event, state, rejected_at FROM eventstac.rejected
        WHERE url = %s ORDER BY rejected_at DESC
        """,
        [url],
    )
    return [Rejection(*row) for row in rows]
