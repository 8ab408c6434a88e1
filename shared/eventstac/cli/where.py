"""`eventstac where`: where a blob is, and why."""

import json
import os
from collections.abc import Sequence
from typing import Annotated

import typer

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.peeking import queued_about
from eventstac.azure.service_bus import open_client
from eventstac.blob_urls import parse
from eventstac.blobs import Look
from eventstac.catalog import fact_rows, item_rows, rejections
from eventstac.cli.console import open_console
from eventstac.cli.ports import Ports
from eventstac.containers import Watched
from eventstac.errors import Copying, Rejected, Transient
from eventstac.evidence import Evidence, Queued
from eventstac.telemetry.opening import is_on_azure
from eventstac.verdict import to_json
from eventstac.whereabouts import whereabouts

_COLOURS = {
    "searchable": "green",
    "rejected": "red",
    "stale": "yellow",
    "waiting": "cyan",
    "incomplete": "yellow",
}


def where(
    blob: Annotated[
        str,
        typer.Argument(
            metavar="BLOB",
            help="The blob's URL, in any spelling (a SAS is ignored), or CONTAINER/PATH.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say where a blob is: in the catalog, on its way, or given up, and why.

    Ends in exactly one of: not in storage, ignored, no rule, waiting at STAGE since T, rejected, incomplete, stale,
    searchable. Exit code 0 for every verdict. Where Service Bus does not answer, that is said, and the verdict is by
    all else that is known. A message that failed is not seen while it waits to be tried again.
    """
    evidence = gather(Ports.read("where", os.environ), blob)
    found = whereabouts(evidence)
    if as_json:
        typer.echo(json.dumps(to_json(evidence, found), ensure_ascii=False))
        return
    console = open_console()
    console.print(found.text, style=_COLOURS.get(found.verdict, ""))
    console.print(found.why)
    if evidence.bus_away:
        console.print(f"without what waits: {evidence.bus_away}", style="red")
    for stage in evidence.fact.finding.timeline if evidence.fact else ():
        console.print(f"  {stage.at:%Y-%m-%d %H:%M:%S.%f}Z  {stage.stage}", style="dim")


def gather(ports: Ports, blob: str) -> Evidence:
    """Ask storage, rules, facts, rejections and the bus about a blob, named by its URL or as CONTAINER/PATH.

    Transient where the storage or the database does not answer; without the bus the rest is told.
    """
    look: Look | None = None
    copying = ""
    with open_blob_service(ports.values, is_watched=True) as service:
        blobs = BlobStorage(service)
        url = ports.blob_url(blobs, blob)
        watched = ports.watched(blobs)
        not_watched = _why_not_watched(watched, url)
        try:
            if not not_watched:
                look, _ = blobs.look(url)
        except Copying as failure:
            copying = failure.detail
    queued: Sequence[Queued] = ()
    bus_away = ""
    try:
        with open_client(ports.values) as bus:
            queued = queued_about(bus, url)
    except Transient as failure:
        bus_away = failure.detail
    with ports.connection() as connection:
        applied = ports.rules(connection)
        explanation = applied.rules.explain(url)
        fact = fact_rows.with_refusals(connection, fact_rows.by_urls(connection, [url])).get(url)
        source = fact_rows.by_urls(connection, [fact.claim.source_url] if fact and fact.claim else [])
        key = fact.item_key if fact else ("", "")
        row = item_rows.read(connection, [key]).get(key)
        published = connection.execute(
            "SELECT 1 FROM pgstac.items WHERE collection = %s AND id = %s", list(key)
        ).fetchone()
        rejected = rejections.about(connection, url)
    return Evidence(
        url=url,
        look=look,
        not_watched=not_watched,
        is_source=watched.is_source(parse(url)),
        explanation=explanation,
        revision=applied.same_since(explanation.match),
        fact=fact,
        item=row,
        published=published is not None,
        queued=queued,
        rejections=rejected,
        bus_away=bus_away,
        copying=copying,
        extractor=applied.extractor,
        is_traced_on_azure=is_on_azure(ports.values),
        source=next(iter(source.values()), None),
    )


def _why_not_watched(watched: Watched, url: str) -> str | None:
    try:
        watched.any(url)
    except Rejected as rejection:
        return rejection.detail
    return None
