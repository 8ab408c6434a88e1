"""`eventstac rebuild`: the Items of a collection, from its facts."""

import os
from typing import Annotated

import typer

from eventstac.catalog import collection_update, repairing
from eventstac.cli.console import counted, say
from eventstac.cli.ports import APP, Ports, now, print_json, run_id
from eventstac.telemetry.spans import note, story


def rebuild(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compose every Item of a collection anew from its facts, whatever the catalog has now.

    Nothing is looked at in the storage. Items that are missing, damaged or without facts are put right; those that are
    right stay as they are, to the byte.
    """
    ports = Ports.read("rebuild", os.environ, storage=False, bus=False)
    ports.check_collection(collection)
    rules = ports.rules_store()
    with (
        ports.connection() as connection,
        ports.telemetry() as telemetry,
        story(telemetry, "eventstac rebuild", f"{run_id('rebuild')} {collection}") as origin,
    ):
        items, repaired = repairing.rebuild_collection(connection, rules, collection, APP, now(), origin)
        note(collection=collection, items=items, repaired=repaired)
        of_collection = rules.current(connection).rules.collection(collection)
        collection_update.update_collection(
            connection, collection, of_collection, APP, now(), origin, recompute_any_size=True
        )
    if as_json:
        print_json({"collection": collection, "items": items, "repaired": repaired})
    else:
        say(
            f"{collection}: {counted(items, 'Item')} composed, {counted(repaired, 'row')} of the catalog put right"
        )
