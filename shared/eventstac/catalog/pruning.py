"""Forgets what nothing can need any more.

gone facts         30 days after they were found gone. A fact keeps a late, older look from bringing its blob back,
                   so it stays longer than any message can: a day of retries and 14 days in a queue, twice. One that
                   is a COG by somebody's word stays while its source is there: nothing else knows what it is.
deletions          of directories, 30 days after: a look from before is gone as surely as a gone fact's.
announcements      14 days after they were made, as long as the bus itself would keep them. They are news and second
                   looks only; the Collections and reconcile do not depend on them.
rejections         30 days after they were replayed or discarded. Open ones are never forgotten.
runs               90 days after they ended, and their listings after a day; a run that may yet go on keeps its own.
                   Scans likewise.
"""

from dataclasses import dataclass
from datetime import timedelta

from eventstac.catalog.database import Connection
from eventstac.catalog.runs import forget_listings

GONE_FACTS = timedelta(days=30)
ANNOUNCEMENTS = timedelta(days=14)
REJECTIONS = timedelta(days=30)
RUNS = timedelta(days=90)
LISTINGS = timedelta(days=1)

BATCH = 10_000  # rows of one statement: a lock that nobody notices


@dataclass(frozen=True)
class Pruned:
    """How many rows were forgotten."""

    facts: int
    deletions: int
    announcements: int
    rejections: int
    runs: int


# An array, read once: where statistics know of no gone facts, IN has the subquery run again for each of them.
_FACTS = """
    DELETE FROM eventstac.facts WHERE url = ANY (ARRAY(
        SELECT url FROM eventstac.facts f
        WHERE state = 'gone' AND changed_at < now() - %s
        AND (source_url IS NULL OR NOT EXISTS (
            SELECT 1 FROM eventstac.facts s WHERE s.url = f.source_url AND s.state <> 'gone'))
        LIMIT %s
    )) AND state = 'gone' AND changed_at < now() - %s
"""


def prune(connection: Connection) -> Pruned:
    """Forget what the rule above allows; each statement commits by itself."""
    facts = 0
    while True:
        some = connection.execute(_FACTS, [GONE_FACTS, BATCH, GONE_FACTS]).rowcount
        facts += some
        if some < BATCH:
            break
    deletions = connection.execute(
        "DELETE FROM eventstac.deleted_directories WHERE deleted_at < now() - %s", [GONE_FACTS]
    ).rowcount
    announcements = connection.execute(
        "DELETE FROM eventstac.outbox WHERE made_at < now() - %s AND coalesce(not_before, made_at) < now() - %s",
        [ANNOUNCEMENTS, ANNOUNCEMENTS],
    ).rowcount
    rejections = connection.execute(
        "DELETE FROM eventstac.rejected WHERE state <> 'open' AND coalesce(resolved_at, rejected_at) < now() - %s",
        [REJECTIONS],
    ).rowcount
    forget_listings(connection, LISTINGS)
    connection.execute("DELETE FROM eventstac.scans WHERE changed_at < now() - %s", [RUNS])
    runs = connection.execute(
        "DELETE FROM eventstac.runs WHERE state IN ('done', 'stopped') AND changed_at < now() - %s", [RUNS]
    ).rowcount
    return Pruned(facts, deletions, announcements, rejections, runs)
