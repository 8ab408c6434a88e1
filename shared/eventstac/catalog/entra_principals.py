"""Logins on Azure Database for PostgreSQL: a database role for each app's managed identity, before rights are given.

The server makes such a role by a function of its own, in the database `postgres` only. A role that is made in another
way can log in by no token, so these come before the rest of set-up.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from psycopg import sql

from eventstac.catalog.database import DatabaseSettings, connect
from eventstac.catalog.grants import ROLES
from eventstac.catalog.setup import SetupRefused

SETTING = "DATABASE_PRINCIPALS"
KINDS = ("service", "user", "group")
# What the catalog needs, and what tells slow statements; the templates put them on the server's list.
EXTENSIONS = ("postgis", "btree_gist", "unaccent", "pg_stat_statements")

_SHAPE = '{"eventstac_loader": {"objectId": "…", "objectType": "service"}}'


@dataclass(frozen=True)
class Principal:
    """Who logs in as a role: object id in Entra ID, and "service", "user" or "group"."""

    object_id: str
    kind: str


def read_principals(text: str | None) -> dict[str, Principal]:
    """DATABASE_PRINCIPALS, an output of the templates: principals by role name. SetupRefused says what is wrong."""
    if not text:
        return {}
    try:
        found = {
            role: Principal(str(row["objectId"]), str(row["objectType"]))
            for role, row in json.loads(text).items()
        }
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise SetupRefused(f"{SETTING} must be JSON such as {_SHAPE}, not {text[:80]!r}") from error
    for role, principal in found.items():
        if role not in ROLES:
            raise SetupRefused(f"{SETTING} names the unknown role {role!r}; known are {', '.join(ROLES)}")
        if principal.kind not in KINDS:
            raise SetupRefused(f"{SETTING}: {role} is {principal.kind!r}, not one of {', '.join(KINDS)}")
    return found


def make_principals(
    settings: DatabaseSettings, principals: Mapping[str, Principal], say: Callable[[str], None]
) -> None:
    """Make the roles that are not there yet, and the extensions. As an Entra administrator; safe twice."""
    with connect(replace(settings, database="postgres")) as connection:
        for role, principal in principals.items():
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                continue
            connection.execute(
                "SELECT pgaadauth_create_principal_with_oid(%s, %s, %s, false, false)",
                [role, principal.object_id, principal.kind],
            )
            say(f"{role} logs in as {principal.kind} {principal.object_id}")
    with connect(settings) as connection:
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
