"""`eventstac setup`: the database, from nothing or from an older version."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from eventstac.catalog import applying
from eventstac.catalog.database import DatabaseSettings, connect, database_failures
from eventstac.catalog.entra_principals import SETTING as PRINCIPALS
from eventstac.catalog.entra_principals import make_principals, read_principals
from eventstac.catalog.rules_blob import known_file
from eventstac.catalog.rules_store import RulesStore, newest
from eventstac.catalog.setup import SetupRefused, set_up, told_who_may
from eventstac.cli.console import counted, open_console
from eventstac.cli.files import read_text
from eventstac.rules import load_rules
from eventstac.rules.default_collection import read_default_collection
from eventstac.settings import Environment

PASSWORDS = "EVENTSTAC_ROLE_PASSWORDS"


def setup(
    collections: Annotated[Path, typer.Option(help="The rules file to begin with.")] = Path(
        "collections.yaml"
    ),
) -> None:
    """Install or migrate pgstac and our schema, make the roles, apply the collections. Safe to run again.

    Once a rules file was taken from the storage (`eventstac collections apply`), that one stays in force.

    Reads POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASS; EVENTSTAC_ROLE_PASSWORDS is a JSON
    object of passwords by role name (without it the roles log in by token). On Azure, DATABASE_PRINCIPALS (an output
    of the templates) says which identity logs in as which role; their logins and the extensions are made first.
    """
    env = Environment(os.environ)
    database = DatabaseSettings.read(env)
    default_collection = read_default_collection(env)
    env.check("eventstac setup")
    console = open_console()

    def apply() -> None:
        console.print(put_in_force(database, collections, default_collection))

    principals = read_principals(os.environ.get(PRINCIPALS))
    with database_failures(), told_who_may(database):
        if principals:
            make_principals(database, principals, console.print)
        set_up(database, _passwords(os.environ.get(PASSWORDS)), console.print, apply)


def put_in_force(database: DatabaseSettings, file: Path, default_collection: str) -> str:
    """Apply a rules file, or what was taken from the storage before; returns a sentence. RulesInvalid by line."""
    with connect(database) as connection, database_failures():
        taken = known_file(connection)
        if taken is None:
            text, origin = read_text(file), str(file)
            rules = load_rules(text, file=origin, default_collection=default_collection)
        else:
            stored = newest(connection)
            text, origin = (stored.text, stored.origin) if stored else ("", "")
            rules = RulesStore(default_collection).current(connection).rules
        applying.prepare(connection, rules)
        revision = applying.apply(connection, text, rules, origin)
    return f"in force: {counted(len(rules.collections), 'collection')} of {origin}, revision {revision}"


def _passwords(text: str | None) -> dict[str, str]:
    if not text:
        return {}
    try:
        passwords = json.loads(text)
    except ValueError as error:
        raise SetupRefused(f"{PASSWORDS} is no JSON: {error}") from error
    if not isinstance(passwords, dict) or not all(isinstance(value, str) for value in passwords.values()):
        raise SetupRefused(
            f'{PASSWORDS} must be a JSON object of strings, such as {{"eventstac_loader": "…"}}'
        )
    return passwords
