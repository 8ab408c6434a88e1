"""Events that a commit made: written in the transaction, published after it, deleted on acknowledgement."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection, Statement
from eventstac.catalog.port import Announcement

BATCH = 200  # rows whose lock one publisher holds while it sends


def add(announcements: Sequence[Announcement]) -> Statement | None:
    """What writes announcements."""
    if not announcements:
        return None
    return (
        "INSERT INTO eventstac.outbox (topic, body, not_before) "
        "SELECT * FROM unnest(%b::text[], %b::json[], %b::timestamptz[])",
        [
            [announcement.topic for announcement in announcements],
            [JsonParameter(announcement.event, dumps=_text) for announcement in announcements],
            [announcement.not_before for announcement in announcements],
        ],
    )


def _text(event: Any) -> str:
    """As it is sent. Half a surrogate pair, written as an escape, would be stored, and never be read again."""
    return json.dumps(event, ensure_ascii=False)


def publish_some(connection: Connection, publish: Callable[[Sequence[Announcement]], None]) -> int:
    """Publish the oldest rows that nobody else is publishing; returns how many.

    The rows are deleted only after `publish` returned: a crash in between publishes them again.
    """
    with connection.transaction():
        rows = connection.execute(
            "SELECT id, topic, body, not_before FROM eventstac.outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [BATCH],
        ).fetchall()
        if rows:
            publish([Announcement(topic, body, not_before) for _, topic, body, not_before in rows])
            connection.execute("DELETE FROM eventstac.outbox WHERE id = ANY(%s)", [[row[0] for row in rows]])
    return len(rows)
