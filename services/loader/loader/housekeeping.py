"""Once a day: pgstac is brought back to what the facts say, and what nothing needs any more is forgotten."""

import logging
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from eventstac.catalog import pruning, repairing
from eventstac.catalog.database import Connection
from eventstac.catalog.rules_store import RulesStore
from eventstac.origin import Origin

log = logging.getLogger("eventstac")


class Connections(Protocol):
    """The database, as this handler sees it."""

    def connection(self) -> AbstractContextManager[Connection]:
        """A connection in autocommit."""


def run(*, catalog: Connections, rules: RulesStore, now: datetime, origin: Origin | None = None) -> None:
    """Repair, in the story `origin`, and prune.

    Key: none. Side effects: rows of pgstac that were lost or have no reason, within the limit of a reconcile; rows of
    ours that are over age. Run twice, the second finds nothing to do.
    """
    with catalog.connection() as connection:
        try:
            repaired = repairing.repair(connection, rules, None, "loader", now, origin)
            if repaired.rows or repaired.left:
                log.warning("catalog_repaired", extra={"rows": repaired.rows, "surplus_left": repaired.left})
        finally:  # what cannot be repaired keeps nothing from being forgotten
            log.info("pruned", extra=vars(pruning.prune(connection)))
