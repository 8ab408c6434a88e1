"""`eventstac collections`: the rules file in force."""

import os
from pathlib import Path
from typing import Annotated

import typer

from eventstac.catalog.applying import try_out
from eventstac.catalog.ours import items_of_others
from eventstac.catalog.rules_blob import known_file, take_in
from eventstac.catalog.rules_store import newest
from eventstac.cli.console import say
from eventstac.cli.files import read_text
from eventstac.cli.ports import APP, Ports, print_json
from eventstac.rules import RulesRefused, load_rules
from eventstac.rules.mistakes import warning_text

app = typer.Typer(no_args_is_help=True, help="The rules file that is in force.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="The rules file.")] = Path("collections.yaml"),
    as_json: AsJson = False,
) -> None:
    """Put a rules file in force: write it into the storage, where the loader takes it from, and apply it at once.

    A file with mistakes, or that the catalog does not take, is not written; mistakes are listed by line. A changed file
    raises the revision. Blobs that it means something else for are looked at again: the scanner begins that within five
    minutes, `eventstac reconcile` at once.
    """
    ports = Ports.read("collections apply", os.environ, bus=False)
    text = read_text(file)
    rules = load_rules(text, file=str(file), default_collection=ports.default_collection)
    for each in rules.warnings:
        say(warning_text(each), err=True)
    storage = ports.storage()
    url = ports.rules_url(storage)
    with ports.connection() as connection:
        try_out(connection, text, rules)
        surplus = items_of_others(connection, rules)
        for name, count in surplus.items():
            say(_warning(name, count), err=True)
        storage.put(url, text.encode(), "application/yaml")
        taken = take_in(connection, storage, url, ports.default_collection, again=True, app=APP)
        applied = ports.rules(connection)
    if taken.outcome != "applied" or taken.file is None:
        detail = taken.file.mistakes if taken.file else f"{url} was deleted meanwhile"
        raise RulesRefused(detail)
    collections = [each.id for each in applied.rules.collections]
    if as_json:
        print_json(
            {
                "revision": applied.revision,
                "collections": collections,
                "url": url,
                "etag": taken.file.etag,
                "surplus": surplus,
            }
        )
    else:
        say(f"revision {applied.revision} is in force: {', '.join(collections)}")
        say(f"from {url}; what is there already follows within minutes, by `eventstac reconcile` at once")


def _warning(collection: str, items: int) -> str:
    """What becomes of Items that somebody wrote into a Collection of which a rule makes it ours."""
    return (
        f"warning: a rule puts blobs into {collection}, where Items are that no file explains: {items}. They stay as "
        "long as they are more than 5 % of the Items made from files there, or than 1,000, unless a reconcile is told "
        f"--allow-removals {items}; then they are removed. Keep Items of your own in a collection without rules"
    )


@app.command()
def show(as_json: AsJson = False) -> None:
    """Print the rules in force, as their file has them; where they are from goes to the error output.

    Exit code 1 where the file in the storage was refused: the rules in force are older then.
    """
    ports = Ports.read("collections show", os.environ, storage=False, bus=False)
    with ports.connection() as connection:
        stored = newest(connection)
        file = known_file(connection)
    revision, text, origin = (stored.revision, stored.text, stored.origin) if stored else (0, "", "")
    applied_at = stored.applied_at if stored else None
    mistakes = file.mistakes if file else ""
    if as_json:
        at = applied_at.isoformat() if applied_at else None
        print_json(
            {"revision": revision, "origin": origin, "applied_at": at, "text": text, "refused": mistakes}
        )
    else:
        since = f", since {applied_at:%Y-%m-%d %H:%M}Z" if applied_at else ""
        say(f"# revision {revision}{since}{f', from {origin}' if origin else ''}", err=True)
        # As the file has it, to be a file again: YAML takes none of what steers a terminal.
        typer.echo(text, nl=not text.endswith("\n"))
        if file and mistakes:
            say(f"{file.url} ({file.etag}) is refused:\n{mistakes}", err=True)
    raise typer.Exit(1 if mistakes else 0)
