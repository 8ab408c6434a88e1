"""What others took away in pgstac of what the rules in force state is found, and put back.

Of a Collection of ours: itself, and its queryables. Of one without `rules:`, as long as it is there: its queryables.
"""

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from eventstac.catalog import applying, queryables
from eventstac.catalog.collection_documents import collection_ids
from eventstac.catalog.database import Connection, database_failures
from eventstac.catalog.ours import claiming
from eventstac.catalog.rules_store import RulesStore
from eventstac.errors import Busy, Rejected
from eventstac.rules.applied import AppliedRules


@dataclass(frozen=True)
class Undone:
    """A Collection that is not there, or queryables that are not registered as the rules in force state them.

    `taken` are further ones, which somebody registered for all Collections: they stay so, since pgstac has no other
    beside them. `detail` says why something could not be put back; where `is_held`, only because somebody holds what it
    needs, so that a later look does it.
    """

    collection: str
    is_missing: bool = False
    queryables: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    detail: str = ""
    is_held: bool = False

    @property
    def is_to_be_put_back(self) -> bool:
        """Whether anything of it may be put back."""
        return self.is_missing or bool(self.queryables)

    @property
    def came_back(self) -> bool:
        """Whether a look that puts back has put back what of it may be."""
        return self.is_to_be_put_back and not self.detail

    @property
    def stays(self) -> bool:
        """Whether anything of it was not put back."""
        return bool(self.taken or self.detail)

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return asdict(self)

    def __str__(self) -> str:
        """What is wrong, and for what is taken what is to be done."""
        said = ["it is not there"] if self.is_missing else []
        if self.queryables:
            said.append(f"queryables that are not as the rules state them: {', '.join(self.queryables)}")
        if self.taken:
            said.append(
                f"queryables that somebody registered for all Collections: {', '.join(self.taken)}. Leave them out of "
                "the rules, or have them registered for the Collections that they are meant for"
            )
        return f"{self.collection}: {'; '.join(said)}{f' ({self.detail})' if self.detail else ''}"


def find(connection: Connection, applied: AppliedRules, collection: str | None = None) -> list[Undone]:
    """What differs, of one Collection or all."""
    if not applied.revision:  # none were ever put in force
        return []
    there, ours = collection_ids(connection), set(claiming(applied.rules))
    for_all = queryables.for_all(connection)
    found = []
    for each in applied.rules.collections:
        if collection not in (None, each.id):
            continue
        unlike = queryables.unlike(connection, each) if each.id in there else []
        undone = Undone(
            each.id,
            is_missing=each.id in ours - there,
            queryables=tuple(name for name in unlike if name not in for_all),
            taken=tuple(name for name in unlike if name in for_all),
        )
        if undone != Undone(each.id):
            found.append(undone)
    return found


def put_back(
    connection: Connection,
    rules: RulesStore,
    app: str,
    now: datetime,
    collection: str | None = None,
    *,
    within_s: float = math.inf,
) -> Iterator[Undone]:
    """Put back what differs, of one Collection or all; gives each that differed, with why it still does if it does.

    Key: the Collection. Side effects: Collections and queryables in pgstac, each Collection's in commits of its own,
    before it is given; then what changed queryables leave to do. Safe twice, and at any time. After `within_s` no
    further Collection is begun: the next look goes on.
    """
    applied = rules.current(connection)
    deadline = time.monotonic() + within_s
    found = find(connection, applied, collection)
    for each in found:
        yield _put_back(connection, applied, each)
        if time.monotonic() >= deadline:
            break
    if found:
        with suppress(Busy):  # the next look at the rules file does it, and tells of it
            queryables.finish_changes(connection, rules, app, now)


def _put_back(connection: Connection, applied: AppliedRules, undone: Undone) -> Undone:
    if undone.is_to_be_put_back:
        try:
            with database_failures():
                applying.apply_again(connection, applied, undone.collection)
        except (Rejected, Busy) as failure:  # the others do not wait for this one
            return replace(undone, detail=failure.detail, is_held=isinstance(failure, Busy))
    return undone
