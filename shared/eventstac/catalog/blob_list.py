"""Lists blobs by what the catalog makes of them, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from eventstac.catalog.database import Connection

BlobState = Literal[
    "shown", "rejected", "incomplete", "unpublishable", "conflicting", "outdated", "unused", "gone"
]
STATES: tuple[BlobState, ...] = get_args(BlobState)

# What a person has to do something about.
NOT_SHOWN: tuple[BlobState, ...] = ("rejected", "incomplete", "unpublishable", "conflicting", "outdated")


@dataclass(frozen=True)
class BlobStanding:
    """One blob: its place in the catalog, what is made of it there, and why it is not shown."""

    url: str
    collection: str
    item: str
    asset: str
    state: str
    reason: str
    detail: str
    seen: datetime


@dataclass(frozen=True)
class BlobFilter:
    """Which blobs: by what is given, all of it. `url` is how the URL begins."""

    states: Sequence[str] = NOT_SHOWN
    reason: str | None = None
    collection: str | None = None
    url: str | None = None


# A rejected blob of which the last good reading is shown counts as rejected: it wants a good upload all the same.
_STATE = """CASE
    WHEN f.state IN ('gone', 'rejected') THEN f.state
    WHEN f.url = ANY(i.conflicts) THEN 'conflicting'
    WHEN f.url = ANY(i.outdated) THEN 'outdated'
    WHEN i.state = 'incomplete' THEN 'incomplete'
    WHEN i.state = 'rejected' THEN 'unpublishable'
    WHEN f.url = ANY(i.urls) THEN 'shown'
    ELSE 'unused' END"""

_LISTED = f"""
    SELECT f.url, f.collection, f.item, f.asset, {_STATE} AS state,
        CASE f.state WHEN 'present' THEN coalesce(i.reason, '')
            ELSE f.document #>> '{{finding,reason}}' END AS reason,
        CASE f.state WHEN 'present' THEN coalesce(i.detail, '')
            ELSE f.document #>> '{{finding,detail}}' END AS detail,
        coalesce(i.missing, '{{}}') AS missing, coalesce(i.urls, '{{}}') AS urls,
        f.state = 'rejected' AND i.state = 'published' AND f.url = ANY(i.urls) AS is_kept, f.seen
    FROM eventstac.facts f LEFT JOIN eventstac.items i USING (collection, item)
    WHERE (%(collection)s::text IS NULL OR f.collection = %(collection)s)
      AND (%(url)s::text IS NULL OR starts_with(f.url, %(url)s))
"""


def list_blobs(connection: Connection, chosen: BlobFilter, limit: int) -> list[BlobStanding]:
    """The blobs that a filter chooses, in the order of their URLs, at most `limit`."""
    rows = connection.execute(
        f"SELECT * FROM ({_LISTED}) AS listed WHERE state = ANY(%(states)s) "
        "AND (%(reason)s::text IS NULL OR reason = %(reason)s) ORDER BY url LIMIT %(limit)s",
        {**vars(chosen), "states": list(chosen.states), "limit": limit},
    )
    return [_listed(*row) for row in rows]


def count_blobs(connection: Connection, chosen: BlobFilter) -> list[tuple[str, str, str, int]]:
    """How many blobs a filter chooses: (collection, state, reason, count), the most first."""
    rows = connection.execute(
        f"SELECT collection, state, reason, count(*) FROM ({_LISTED}) AS listed WHERE state = ANY(%(states)s) "
        "AND (%(reason)s::text IS NULL OR reason = %(reason)s) GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
        {**vars(chosen), "states": list(chosen.states)},
    )
    return [(collection, state, reason, count) for collection, state, reason, count in rows]


def _listed(
    url: str,
    collection: str,
    item: str,
    asset: str,
    state: str,
    reason: str,
    detail: str,
    missing: list[str],
    urls: list[str],
    is_kept: bool | None,
    seen: datetime,
) -> BlobStanding:
    explained: dict[str, tuple[str, str]] = {
        "incomplete": ("incomplete", f"the Item waits for {', '.join(missing)}"),
        "conflicting": (
            reason or "conflict",
            detail
            or f"another blob already is the asset {asset!r}, or it is said to be a COG of what is one itself "
            f"(`eventstac where` tells): the Item shows {_few(urls)}",
        ),
        "outdated": ("outdated", "the COG was made from another content than its source has now"),
    }
    reason, detail = explained.get(state, (reason, detail))
    if is_kept:
        detail += "; the Item shows it as it was read last"
    return BlobStanding(url, collection, item, asset, state, reason, detail, seen)


def _few(urls: list[str]) -> str:
    return ", ".join(urls[:3]) + (" …" if len(urls) > 3 else "")


def to_json(blob: BlobStanding) -> dict[str, Any]:
    """For programs."""
    return {**vars(blob), "seen": blob.seen.isoformat()}
