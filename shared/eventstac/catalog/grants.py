"""Which login role may do what: the one table of grants."""

from dataclasses import dataclass

READ = "SELECT"
WRITE = "SELECT, INSERT, UPDATE, DELETE"
APPEND = "SELECT, INSERT"


@dataclass(frozen=True)
class Grants:
    """A login role's pgstac role (None: nothing of pgstac) and its rights on our tables."""

    pgstac_role: str | None
    tables: dict[str, str]


_MERGE = {
    "rules": READ,
    "facts": WRITE,
    "items": WRITE,
    "outbox": WRITE,
    "collection_changes": WRITE,
    "collections": WRITE,
    "summed_values": WRITE,
    "deleted_directories": READ,
}

_PRUNE = {"rejected": WRITE, "deleted_directories": WRITE}

# A run compares listing, facts and Items, and writes only its own notes.
_RECONCILE = {"runs": WRITE, "listed": WRITE, "listings": WRITE, "gaps": WRITE, "scans": WRITE}

# Rules are put in force by who writes Collections anyway; a revision is added, never changed.
_APPLY_RULES = {"rules": APPEND, "rules_file": WRITE, "changed_queryables": WRITE}

ROLES: dict[str, Grants] = {
    "eventstac_scanner": Grants(
        "pgstac_read",
        {
            "rules": READ,
            "facts": READ,
            "items": READ,
            "collections": READ,
            "deleted_directories": APPEND,
            **_RECONCILE,
        },
    ),
    # It asks no database. A role left out here would keep, where a database is set up already, the rights it once had.
    "eventstac_extractor": Grants(None, {}),
    "eventstac_loader": Grants("pgstac_ingest", {**_MERGE, **_APPLY_RULES, **_PRUNE, **_RECONCILE}),
    "eventstac_cog_updater": Grants("pgstac_ingest", _MERGE),
    "eventstac_stac_api": Grants("pgstac_read", {"public_facts": READ}),
    "eventstac_operator": Grants(
        "pgstac_ingest", {**_MERGE, **_APPLY_RULES, **_PRUNE, "public_facts": READ, **_RECONCILE}
    ),
}
