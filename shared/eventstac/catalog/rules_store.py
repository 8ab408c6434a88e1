"""The applied rules: each change of the file or of the extractor's number is a new revision."""

from dataclasses import dataclass
from threading import Lock

from eventstac.catalog.database import Connection
from eventstac.errors import Transient
from eventstac.rules import Rules, RulesInvalid, load_rules

_APPLY_LOCK = 4_402_116_093_218  # any number: one change of the rules at a time


@dataclass(frozen=True)
class AppliedRules:
    """The rules in force, and the revision that facts found by them carry.

    `read_alike_since` is the first revision since which the extractor's number is the same: what was read from then on
    depends on nothing but the blob and how its rule says to read it.
    """

    revision: int
    rules: Rules
    read_alike_since: int = 0


class RulesStore:
    """Reads the rules in force; a revision's text never changes, so it is parsed once."""

    def __init__(self, default_collection: str) -> None:
        self._default_collection = default_collection
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
            SELECT text, (
                SELECT coalesce(max(older.revision), 0) + 1 FROM eventstac.rules older
                WHERE older.revision < r.revision AND older.extractor <> r.extractor)
            FROM eventstac.rules r WHERE revision = %s
            """,
            [revision],
        ).fetchone()
        text, since = found or ("", 0)
        try:
            rules = load_rules(text, file=f"revision {revision}", default_collection=self._default_collection)
        except RulesInvalid as error:
            # They were valid where they were applied: that was another version of eventstac.
            raise Transient(f"this version cannot read the rules in force: {error}") from error
        applied = AppliedRules(revision, rules, since)
        with self._lock:
            self._known = applied
        return applied


def lock_rules(connection: Connection) -> None:
    """Let nobody else change the rules until the end of this transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_APPLY_LOCK])


def apply_rules(connection: Connection, text: str, rules: Rules, extractor: int, origin: str = "") -> int:
    """Put rules in force; the revision rises where they or the extractor's number differ from those in force."""
    with connection.transaction():
        lock_rules(connection)
        row = connection.execute(
            "SELECT revision, digest, extractor FROM eventstac.rules ORDER BY revision DESC LIMIT 1"
        ).fetchone()
        if row and (row[1], row[2]) == (rules.digest, extractor):
            return int(row[0])
        revision = (row[0] if row else 0) + 1
        connection.execute(
            "INSERT INTO eventstac.rules (revision, digest, extractor, text, origin) VALUES (%s, %s, %s, %s, %s)",
            [revision, rules.digest, extractor, text, origin],
        )
        return revision
