"""`eventstac blobs`: which blobs the catalog does not show, and why."""

import os
from typing import Annotated

import typer

from eventstac.catalog.blob_list import NOT_SHOWN, STATES, BlobFilter, count_blobs, list_blobs, to_json
from eventstac.cli.console import new_table, open_console
from eventstac.cli.ports import MOST, Ports, print_json


def blobs(
    state: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(STATES)}; may be repeated. Default: {', '.join(NOT_SHOWN)}."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason, such as truncated.")] = None,
    collection: Annotated[str | None, typer.Option(help="Only of this collection.")] = None,
    url: Annotated[str | None, typer.Option(help="Only blobs whose URL begins with this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="List at most so many.")] = 100,
    count: Annotated[bool, typer.Option("--count", help="Only count, by collection, state, reason.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the known blobs that the catalog does not show as they are, and why: by what the last look found.

    What nobody has looked at yet is not among them: `eventstac reconcile --check` compares with the storage.
    """
    if unknown := sorted(set(state or ()) - set(STATES)):
        raise typer.BadParameter(f"--state is one of {', '.join(STATES)}, not {', '.join(unknown)}")
    chosen = BlobFilter(tuple(state or NOT_SHOWN), reason, collection, url)
    ports = Ports.read("blobs", os.environ, storage=False, bus=False)
    ports.check_collection(collection)
    with ports.connection() as connection:
        counts = count_blobs(connection, chosen)
        found = [] if count else list_blobs(connection, chosen, limit)
    total = sum(number for *_, number in counts)
    if as_json:
        names = ("collection", "state", "reason", "blobs")
        summary = [dict(zip(names, each, strict=True)) for each in counts]
        print_json({"total": total, "counts": summary, "blobs": [to_json(blob) for blob in found]})
        return
    console = open_console()
    if not total:
        console.print("no known blob is so", style="green")
        return
    if count:
        listed = new_table("collection", "state", "reason", "blobs")
        for *words, number in counts:
            listed.add_row(*words, str(number))
        console.print(listed)
        return
    for blob in found:
        why = f"{blob.reason}: {blob.detail}" if blob.reason else blob.detail
        console.print(blob.url, style="bold")
        console.print(
            f"  {blob.state}, {blob.collection}/{blob.item} {blob.asset}, seen {blob.seen:%Y-%m-%d %H:%M:%S}Z",
        )
        if why:
            console.print(f"  {why}", style="dim")
    if total > len(found):
        console.print(f"{total - len(found)} more: --limit {total}, or --count", style="yellow")
