"""`eventstac scan`: looks at what is in a container already."""

import os
from typing import Annotated

import typer

from eventstac.bus import SCAN_REQUESTS, Outgoing
from eventstac.cli.console import say
from eventstac.cli.places import container_and_prefix
from eventstac.cli.ports import Ports, print_json, run_id
from eventstac.events import ScanRequested


def scan(
    place: Annotated[
        str, typer.Argument(metavar="CONTAINER[/PREFIX]", help="A watched container, or a part of one.")
    ],
    prefix: Annotated[str, typer.Option(help="Only blobs whose path begins with this.")] = "",
    collection: Annotated[str | None, typer.Option(help="Only blobs that belong to this collection.")] = None,
    force: Annotated[bool, typer.Option(help="Look at blobs that are known as they are, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Backfill: go through a container's listing and look at every blob that is not known as it is now.

    The pages travel as messages, so nothing has to stay open; a blob that is known at its ETag and by the rules in
    force costs no look. `eventstac reconcile` also finds what was deleted.
    """
    container, prefix = container_and_prefix(place, prefix)
    ports = Ports.read("scan", os.environ)
    ports.check_collection(collection, is_ours=True)
    storage = ports.storage()
    container_url = ports.watched(storage).container_url(container)
    storage.page(container_url, prefix, None, 1)  # says at once that it is not there, or may not be read
    request = ScanRequested(run_id("scan"), container_url, prefix, force=force, collection=collection)
    with ports.consumer() as consumer:
        consumer.begin("eventstac scan", request.run, [Outgoing(SCAN_REQUESTS, request)])
    if as_json:
        print_json({"run": request.run, "container": container, "prefix": prefix, "force": force})
    else:
        say(f"{request.run}: {container}/{prefix} is being gone through; `eventstac status` tells how far")
