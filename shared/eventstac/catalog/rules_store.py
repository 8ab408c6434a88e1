"""The applied rules: each change of the file or of the extractor's number is a new revision."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Json

from eventstac.catalog.database import Connection
from eventstac.errors import Transient
from eventstac.facts import NO_RULE
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.rules import Rules, RulesInvalid, load_rules
from eventstac.rules.applied import AppliedRules
from eventstac.rules.since import Since, all_new, since_when

# What was read by a smaller number does not say so. At this one all of it is read again, in any case.
FIRST_TOLD = 17

_APPLY_LOCK = 4_402_116_093_218  # any number: one change of the rules at a time


@dataclass(frozen=True)
class StoredRules:
    """A revision of the rules as its row has it; `since` as JSON, None where it is older than that is told."""

    revision: int
    digest: str
    extractor: int
    text: str
    origin: str
    since: dict[str, Any] | None
    applied_at: datetime

    def read(self, default_collection: str | None) -> Rules | None:
        """The rules; None where this version cannot read them."""
        try:
            return load_rules(
                self.text,
                file=f"revision {self.revision}",
                default_collection=default_collection,
                checked=True,
            )
        except RulesInvalid:
            return None


class RulesStore:
    """Reads the rules in force; a revision's text never changes, so it is parsed once."""

    def __init__(self, default_collection: str, extractor: int = EXTRACTOR_REVISION) -> None:
        self._default_collection = default_collection
        self._extractor = extractor
        self._lock = Lock()
        self._known: AppliedRules | None = None

    def current(self, connection: Connection) -> AppliedRules:
        """The rules in force: those of the greatest revision (revision 0, the default collection only: none yet)."""
        row = connection.execute("SELECT max(revision) FROM eventstac.rules").fetchone()
        revision = (row[0] if row else None) or 0
        with self._lock:
            known = self._known
        if known is not None and known.revision == revision:
            return known
        found = connection.execute(
            """
            SELECT text, coalesce((
                SELECT since FROM eventstac.rules AS before
                WHERE before.revision = newest.revision - 1
                    -- a digest differs where the newer version's rules have one field more
                    AND (before.text = newest.text OR before.digest = newest.digest)
                    AND newest.extractor > %(own)s -- that number is new, which is nothing to an older app
            ), since), (SELECT max(extractor) FROM eventstac.rules)
            FROM eventstac.rules AS newest WHERE revision = %(revision)s
            """,
            {"revision": revision, "own": self._extractor},
        ).fetchone()
        text, since, extractor = found or ("", None, 0)
        try:
            rules = load_rules(
                text,
                file=f"revision {revision}",
                default_collection=self._default_collection,
                checked=True,
            )
        except RulesInvalid as error:
            # They were valid where they were applied: that was another version of eventstac.
            raise Transient(
                f"this version cannot read the rules in force: {error} Upload a file that it can read, or apply one "
                "(`eventstac collections apply`)"
            ) from error
        known_since = Since.from_json(since) if since else all_new(rules, revision)
        extractor = min(extractor, self._extractor)
        applied = AppliedRules(revision, rules, known_since, extractor if extractor >= FIRST_TOLD else 0)
        with self._lock:
            self._known = applied
        return applied


def lock_rules(connection: Connection) -> None:
    """Let nobody else change the rules until the end of this transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_APPLY_LOCK])


def newest(connection: Connection) -> StoredRules | None:
    """The rules as they were applied last; None where there are none yet."""
    with connection.cursor(row_factory=class_row(StoredRules)) as cursor:
        cursor.execute(
            "SELECT revision, digest, extractor, text, origin, since, applied_at FROM eventstac.rules "
            "ORDER BY revision DESC LIMIT 1"
        )
        return cursor.fetchone()


def apply_rules(connection: Connection, text: str, rules: Rules, extractor: int, origin: str = "") -> int:
    """Put rules in force; the revision rises where they, or the extractor's number, are not those of the one before.

    With a smaller number, as after a rollback, too: what the newer extractor read is then read again by the older one.
    If a newer scanner still ran then, it carried that to the new revision: the next time that rules are applied is a
    new revision again. The number in force stays the greatest.
    """
    with connection.transaction():
        lock_rules(connection)
        before = newest(connection)
        by_this_one = False
        if before and before.extractor == extractor:
            fresh_from = Since.from_json(before.since).least if before.since else before.revision
            by_this_one = not _newer_one_read(connection, extractor, fresh_from)
        if before and before.digest == rules.digest and by_this_one:
            return before.revision
        revision = (before.revision if before else 0) + 1
        since = _since(rules, revision, before) if before and by_this_one else all_new(rules, revision)
        connection.execute(
            """
            INSERT INTO eventstac.rules (revision, digest, extractor, text, origin, since)
            VALUES (%s, %s, %s, %s, %s, %s)
            """,
            [revision, rules.digest, extractor, text, origin, Json(since.to_json())],
        )
        return revision


def _newer_one_read(connection: Connection, extractor: int, fresh_from: int) -> bool:
    """Whether a newer extractor read what is known of any blob that rules know, though this one is in use again.

    What was found before `fresh_from` is stale as it is: another revision would not make anybody read it.
    """
    row = connection.execute(
        """
        SELECT (SELECT max(extractor) FROM eventstac.rules) > %(own)s AND EXISTS (
            SELECT FROM eventstac.facts WHERE extractor > %(own)s AND state <> 'gone' AND revision >= %(fresh_from)s
                AND document #>> '{finding,reason}' IS DISTINCT FROM %(no_rule)s)
        """,
        {"own": extractor, "fresh_from": fresh_from, "no_rule": NO_RULE},
    ).fetchone()
    return bool(row and row[0])


def _since(rules: Rules, revision: int, before: StoredRules) -> Since:
    """Since when each rule is the same."""
    old = before.read(rules.default_collection)
    if old is None or old.digest != before.digest:
        # another default collection, or another version of eventstac reads it otherwise
        return all_new(rules, revision)
    known = Since.from_json(before.since) if before.since else all_new(old, before.revision)
    return since_when(rules, revision, old, known)
