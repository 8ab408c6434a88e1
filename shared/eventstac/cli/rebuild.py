"""`eventstac rebuild`: the Items of a collection, from its facts."""

import os
from typing import Annotated

import typer

from eventstac.catalog import collection_update, repairing
from eventstac.cli.console import counted, say
from eventstac.cli.ports import APP, MOST, Ports, now, print_json, run_id
from eventstac.telemetry.spans import note, story

LEFT = 3  # exit code, as a gap's


def rebuild(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    allow_removals: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST, help="How many Items without a file may be removed; else 5 %, and 1,000 at most."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compose every Item of a collection anew from its facts, whatever the catalog has now.

    Nothing is looked at in the storage. Items that are missing or damaged are put right, those without facts removed;
    those that are right stay as they are, to the byte. Rows are written anew, too, where only the base item changed by
    which pgstac keeps them. A collection into which no rule puts blobs is refused.

    Exit code 3: Items without facts are left, because they are more than may be removed.
    """
    ports = Ports.read("rebuild", os.environ, storage=False, bus=False)
    ports.check_collection(collection, is_ours=True)
    rules = ports.rules_store()
    with (
        ports.connection() as connection,
        ports.telemetry() as telemetry,
        story(telemetry, "eventstac rebuild", f"{run_id('rebuild')} {collection}") as origin,
    ):
        done = repairing.rebuild_collection(
            connection, rules, collection, APP, now(), origin, allow_removals=allow_removals
        )
        note(collection=collection, items=done.items, repaired=done.rows)
        of_collection = rules.current(connection).rules.collection(collection)
        collection_update.update_collection(
            connection, collection, of_collection, APP, now(), origin, recompute_any_size=True
        )
    if as_json:
        print_json(
            {"collection": collection, "items": done.items, "repaired": done.rows, "surplus_kept": done.left}
        )
    else:
        items, rows = counted(done.items, "Item"), counted(done.rows, "row")
        say(f"{collection}: {items} composed, {rows} of the catalog written anew")
    if done.left:
        say(
            f"Items that no file explains stay: {done.left}, more than may be removed. `eventstac rebuild {collection} "
            f"--allow-removals {done.left}` removes them",
            err=True,
        )
        raise typer.Exit(LEFT)
