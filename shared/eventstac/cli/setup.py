"""`eventstac setup`: the database, from nothing or from an older version."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from eventstac.catalog.database import DatabaseSettings, database_failures
from eventstac.catalog.setup import SetupRefused, set_up
from eventstac.cli.applying import apply_file
from eventstac.cli.console import open_console
from eventstac.settings import Environment

PASSWORDS = "EVENTSTAC_ROLE_PASSWORDS"


def setup(
    collections: Annotated[Path, typer.Option(help="The rules file to put in force.")] = Path(
        "collections.yaml"
    ),
) -> None:
    """Install or migrate pgstac and our schema, make the roles, apply the collections. Safe to run again.

    Reads POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER, POSTGRES_PASS; EVENTSTAC_ROLE_PASSWORDS is a JSON
    object of passwords by role name (without it the roles log in by token).
    """
    env = Environment(os.environ)
    database = DatabaseSettings.read(env)
    default_collection = env.text("STAC_DEFAULT_COLLECTION", "bronze-tier")
    env.check("eventstac setup")
    console = open_console()

    def apply() -> None:
        applied = apply_file(database, collections, default_collection)
        console.print(
            f"{len(applied.collections)} collections of {collections} are in force, revision {applied.revision}"
        )

    with database_failures():
        set_up(database, _passwords(os.environ.get(PASSWORDS)), console.print, apply)


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
