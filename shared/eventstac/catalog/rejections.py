"""Events that were given up, kept for the operator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from psycopg import errors
from psycopg.types.json import Json as JsonParameter

from eventstac.catalog.database import Connection
from eventstac.events import EventRejected
from eventstac.events.about import urls_of
from eventstac.events.envelope import event_id
from eventstac.json_text import read_json, write_json


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
    resolved_at: datetime | None = None
    first_sent: datetime | None = None


@dataclass(frozen=True)
class Filter:
    """Which rejections: by what is given, all of it. `url` is a prefix, `stage` a topic or TOPIC/SUBSCRIPTION."""

    state: str | None = "open"
    reason: str | None = None
    stage: str | None = None
    url: str | None = None
    collection: str | None = None


_COLUMNS = "id, stage, reason, detail, url, attempts, event, state, rejected_at, resolved_at, first_sent"

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # an escaped NUL, and no escaped backslash before "u0000"

# Where an event says of which collection it is; else the blob's fact does.
_COLLECTION = """coalesce(
    event #>> '{data,match,collection}', event #>> '{data,collection}', event ->> 'collection',
    (SELECT collection FROM eventstac.facts f WHERE f.url = r.url))"""

_WHERE = f"""
    (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(stage)s::text IS NULL OR stage = %(stage)s OR starts_with(stage, %(stage)s || '/'))
    AND (%(url)s::text IS NULL OR starts_with(url, %(url)s) OR starts_with(cog_url, %(url)s))
    AND (%(collection)s::text IS NULL OR {_COLLECTION} = %(collection)s)
"""


def unknown_words(connection: Connection, chosen: Filter) -> list[str]:
    """A sentence for the reason and the stage of a filter that no rejection at all has, as one that is mistyped."""
    told = []
    for name in ("reason", "stage"):
        wanted = getattr(chosen, name)
        rows = connection.execute(f"SELECT DISTINCT {name} FROM eventstac.rejected ORDER BY 1").fetchall()
        there = [row[0] for row in rows]
        if wanted and not any(
            word == wanted or (name == "stage" and word.startswith(f"{wanted}/")) for word in there
        ):
            told.append(
                f"no rejection has the {name} {wanted!r}; there are {', '.join(there) or 'none at all'}"
            )
    return told


def record(connection: Connection, identity: str, rejected: EventRejected) -> None:
    """Keep a rejection; the same one twice is one row.

    Whatever the event holds is kept: NUL characters, which PostgreSQL refuses, become U+FFFD; what cannot be kept as
    it is, is kept in part. One that were refused here would be rejected in turn, for ever.
    """
    cog_url = _other_url(rejected)
    try:
        _insert(connection, identity, rejected, cog_url)
    except _UNSTORABLE as error:
        _insert(connection, identity, _in_part(rejected, str(error)), cog_url)


# What Python or PostgreSQL does not make JSON of, or is over a limit of PostgreSQL.
_UNSTORABLE = (
    ValueError,
    RecursionError,
    errors.DataError,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
)

_LONGEST_ID = 64  # a replay's MessageId is made of it, and the broker takes 128 characters
_LONGEST_PART = 2_000  # characters
_LONGEST_URL = 20_000  # a name of 1,024 characters takes 12 kB
_LARGEST_INTEGER = 2**31 - 1  # of PostgreSQL


def _other_url(rejected: EventRejected) -> str | None:
    """The COG that an event names beside its source, or where what was renamed is now."""
    urls = urls_of(rejected.event, "cog_url", "destinationUrl")
    url = urls[0] if urls else None
    return url if url != rejected.url and len(url or "") <= _LONGEST_URL else None


def _insert(connection: Connection, identity: str, rejected: EventRejected, cog_url: str | None) -> None:
    connection.execute(
        """
        INSERT INTO eventstac.rejected (id, stage, reason, detail, url, attempts, event, cog_url, first_sent)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
        """,
        [
            _storable(identity if len(identity) <= _LONGEST_ID else event_id(identity)),
            _storable(rejected.stage),
            _storable(rejected.reason),
            _storable(rejected.detail),
            _storable(rejected.url) if rejected.url is not None else None,
            max(0, min(rejected.attempts, _LARGEST_INTEGER)),
            JsonParameter(
                _storable(rejected.event) if isinstance(rejected.event, str) else rejected.event,
                dumps=_storable_json,
            ),
            cog_url,
            rejected.first_sent,
        ],
    )


def _in_part(rejected: EventRejected, why: str) -> EventRejected:
    text = rejected.event if isinstance(rejected.event, str) else ", ".join(map(str, rejected.event))
    return replace(
        rejected,
        stage=rejected.stage[:_LONGEST_PART],
        reason=rejected.reason[:_LONGEST_PART],
        detail=f"{rejected.detail[:_LONGEST_PART]} (not kept as it came: {why[:_LONGEST_PART]})",
        url=rejected.url if rejected.url and len(rejected.url) <= _LONGEST_URL else None,
        event=f"{text[:_LONGEST_PART]}…",
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _storable_json(value: Any) -> str:
    text = write_json(value)
    read_json(text)  # else one row that cannot be read would hide all others
    return _NUL.sub(r"\1\\ufffd", text)


def about(connection: Connection, url: str) -> list[Rejection]:
    """The rejections that are about a blob: about either end of a rename, or a COG's source or the COG itself.

    Newest first.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM eventstac.rejected WHERE url = %(url)s OR cog_url = %(url)s ORDER BY rejected_at DESC",
        {"url": url},
    )
    return [Rejection(*row) for row in rows]


def find(connection: Connection, chosen: Filter, limit: int | None = None) -> list[Rejection]:
    """The rejections that a filter chooses, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM eventstac.rejected r WHERE {_WHERE} ORDER BY rejected_at DESC, id LIMIT %(limit)s",
        {**vars(chosen), "limit": limit},
    )
    return [Rejection(*row) for row in rows]


def by_id(connection: Connection, start: str) -> list[Rejection]:
    """The rejections whose id begins so."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM eventstac.rejected WHERE starts_with(id, %s) ORDER BY id LIMIT 10", [start]
    )
    return [Rejection(*row) for row in rows]


def counts(connection: Connection) -> list[tuple[str, str, int, datetime]]:
    """The open rejections by stage and reason: how many, and since when."""
    rows = connection.execute(
        "SELECT stage, reason, count(*), min(rejected_at) FROM eventstac.rejected WHERE state = 'open' "
        "GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    )
    return [(stage, reason, count, since) for stage, reason, count, since in rows]


def resolve(
    connection: Connection, identities: Sequence[str], state: Literal["replayed", "discarded"]
) -> int:
    """Note that open rejections are settled; returns how many were open."""
    return connection.execute(
        "UPDATE eventstac.rejected SET state = %s, resolved_at = now() WHERE id = ANY(%s) AND state = 'open'",
        [state, list(identities)],
    ).rowcount


def settle(connection: Connection, url: str, reason: str) -> None:
    """Note that what was given up about a blob for this reason is over."""
    connection.execute(
        """
        UPDATE eventstac.rejected SET state = 'discarded', resolved_at = now()
        WHERE url = %s AND reason = %s AND state = 'open'
        """,
        [url, reason],
    )
