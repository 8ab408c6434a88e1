"""Composes Items anew inside a transaction, from what was mostly composed before it; writes what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eventstac.catalog import item_rows, pgstac_items
from eventstac.catalog.announcing import Change
from eventstac.catalog.collection_changes import record_changes
from eventstac.catalog.database import Connection, Statement
from eventstac.catalog.fact_texts import FactTexts
from eventstac.catalog.item_rows import ItemRow
from eventstac.compose import Composition, compose
from eventstac.facts import Fact, ItemKey
from eventstac.rules.applied import AppliedRules

Composed = tuple[Composition, ItemRow | None]
_Input = tuple[int, tuple[Fact, ...], tuple[tuple[bool, str], ...]]


class Composer:
    """Composes Items, each once as long as its facts and rules are the same.

    Composing and validating is most of the work, and a pure function: done before the locks are taken it is right
    after them too, unless somebody changed a fact in between. Then it is done again.
    """

    def __init__(self) -> None:
        self.texts = FactTexts()
        self.incoming = pgstac_items.Incoming()
        self.is_careful = False
        self._known: dict[ItemKey, tuple[_Input, Composed]] = {}

    def be_careful(self, error: Exception) -> None:
        """Find out from now on which Items PostgreSQL refuses; raises `error` where that was done already."""
        if self.is_careful:
            raise error
        self.is_careful = True
        self.incoming = pgstac_items.Incoming()  # what was foreseen has what is refused

    def composed(self, applied: AppliedRules, key: ItemKey, facts: Sequence[Fact]) -> Composed:
        """An Item by the rules in force, and its row."""
        # what others' claims make of it is no part of a fact's equality
        given = (applied.revision, tuple(facts), tuple((fact.is_refused, fact.chained_to) for fact in facts))
        known = self._known.get(key)
        if known is None or known[0] != given:
            rules = applied.rules.collection(key[0])
            composition = compose(facts, rules)
            row = item_rows.row_of(key, composition, rules.summaries if rules else ())
            known = self._known[key] = (given, (composition, row))
        return known[1]

    def foresee(
        self,
        connection: Connection,
        applied: AppliedRules,
        facts: Mapping[ItemKey, Sequence[Fact]],
        *,
        repairing: bool = False,
    ) -> None:
        """Compose Items from the facts that they are going to have if nobody else writes, and say what will come."""
        before = item_rows.read(connection, facts)
        composed = {key: self.composed(applied, key, facts[key]) for key in sorted(facts)}
        self.incoming.foresee(
            item.item
            for key, (item, row) in composed.items()
            if item.item and row and (repairing or not row.is_published_as(before.get(key)))
        )


def recompose(
    connection: Connection,
    applied: AppliedRules,
    facts: Mapping[ItemKey, Sequence[Fact]],
    composer: Composer,
    *,
    repairing: bool = False,
) -> tuple[list[Change], int, dict[ItemKey, Composition]]:
    """Compose Items from all their `facts`, write into pgstac what differs.

    Returns the changes, how many rows were written, and all of the Items as they are now.

    In the caller's transaction, which holds the locks of the Items. `repairing` believes nothing that is noted about
    the catalog, and compares with what pgstac has.
    """
    keys = sorted(facts)
    before = item_rows.read(connection, keys)
    composed = {key: composer.composed(applied, key, facts[key]) for key in keys}
    if composer.is_careful:
        composed |= _refusals(connection, composed)
    changes = [
        Change(key, before.get(key), row, composition, tuple(facts[key]))
        for key, (composition, row) in composed.items()
        if before.get(key) != row
    ]
    written = [key for key in keys if repairing] or [change.key for change in changes if change.is_written]
    removed = [key for key in keys if repairing] or [change.key for change in changes if change.is_removed]
    rows = composer.incoming.upsert(
        connection,
        [item for key in written if (item := composed[key][0].item) is not None],
        None if repairing else {change.key for change in changes if change.is_moved_in_time},
    )
    rows += pgstac_items.delete_items(
        connection,
        [key for key in removed if composed[key][0].item is None],
        {} if repairing else {key: row.start for key, row in before.items() if row.start},
    )
    return changes, rows, {key: composition for key, (composition, _) in composed.items()}


def _refusals(connection: Connection, composed: Mapping[ItemKey, Composed]) -> dict[ItemKey, Composed]:
    """The Items that PostgreSQL refuses, as rejected: an index that somebody made takes no such value, say."""
    items = {key: composition.item for key, (composition, _) in composed.items() if composition.item}
    refused = pgstac_items.refused_items(connection, list(items.values()))
    found: dict[ItemKey, Composed] = {}
    for key, why in refused.items():
        detail = (
            f"pgstac does not take the Item: {why}. Mend the value in the file, its sidecar or the rule, or remove the "
            "index or queryable of the collection that refuses it"
        )
        composition = replace(
            composed[key][0], state="rejected", item=None, urls=(), reason="invalid-item", detail=detail
        )
        found[key] = (composition, item_rows.row_of(key, composition))
    return found


def notes_of(changes: Sequence[Change]) -> list[Statement | None]:
    """What notes changes in our own tables."""
    return [
        item_rows.upsert([change.after for change in changes if change.after]),
        item_rows.delete([change.key for change in changes if change.after is None]),
        record_changes(changes),
    ]
