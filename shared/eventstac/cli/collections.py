"""`eventstac collections`: the rules file in force."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from eventstac.catalog.database import DatabaseSettings
from eventstac.cli.applying import apply_file
from eventstac.settings import Environment

app = typer.Typer(no_args_is_help=True, help="The rules file that is in force.")


@app.callback()
def _group() -> None:
    """Keep `apply` a sub-command, however few there are."""


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The rules file.")] = Path("collections.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put a rules file in force; a changed file raises the revision, and blobs are looked at again by it."""
    env = Environment(os.environ)
    database = DatabaseSettings.read(env)
    default_collection = env.text("STAC_DEFAULT_COLLECTION", "bronze-tier")
    env.check("eventstac collections apply")
    applied = apply_file(database, file, default_collection)
    if as_json:
        typer.echo(json.dumps({"revision": applied.revision, "collections": list(applied.collections)}))
    else:
        typer.echo(f"revision {applied.revision} is in force: {', '.join(applied.collections)}")
