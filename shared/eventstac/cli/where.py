"""`eventstac where`: where a blob is, and why."""

import json
import os
from typing import Annotated

import typer

from eventstac.azure.blob_storage import BlobStorage, open_blob_service
from eventstac.azure.peeking import queued_about
from eventstac.azure.service_bus import open_client
from eventstac.blob_urls import canonical_url, parse
from eventstac.catalog import fact_rows, item_rows, rejections
from eventstac.catalog.database import DatabaseSettings, connect, database_failures
from eventstac.catalog.rules_store import RulesStore
from eventstac.cli.console import open_console
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import Rejected
from eventstac.settings import Environment
from eventstac.whereabouts import Evidence, to_json, whereabouts

_COLOURS = {
    "searchable": "green",
    "rejected": "red",
    "stale": "yellow",
    "waiting": "cyan",
    "incomplete": "yellow",
}

# The names that SDK users know, for what the apps call otherwise (`.local/env` has the former).
_ALIASES = {
    "BlobStorage": "AZURE_STORAGE_CONNECTION_STRING",
    "ServiceBus": "SERVICEBUS_CONNECTION_STRING",
    "SOURCE_CONTAINERS": "SOURCE_CONTAINER",
}


def where(
    blob_url: Annotated[str, typer.Argument(help="The blob's URL, in any spelling; a SAS is ignored.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say where a blob is: in the catalog, on its way, or given up, and why.

    Ends in exactly one of: not in storage, ignored, no rule, waiting at STAGE since T, rejected, incomplete, stale,
    searchable. Exit code 0 for every verdict.
    """
    evidence = gather(blob_url, dict(os.environ))
    found = whereabouts(evidence)
    if as_json:
        typer.echo(json.dumps(to_json(evidence, found), ensure_ascii=False))
        return
    console = open_console()
    console.print(found.text, style=_COLOURS.get(found.verdict, ""))
    console.print(found.why, markup=False)
    for stage in evidence.fact.finding.timeline if evidence.fact else ():
        console.print(f"  {stage.at:%Y-%m-%d %H:%M:%S.%f}Z  {stage.stage}", style="dim")


def gather(blob_url: str, values: dict[str, str]) -> Evidence:
    """Ask storage, rules, facts, rejections and the bus about a blob."""
    for name, alias in _ALIASES.items():
        if not values.get(name) and values.get(alias):
            values[name] = values[alias]
    env = Environment(values)
    database = DatabaseSettings.read(env)
    names = ContainerNames.read(env)
    default_collection = env.text("STAC_DEFAULT_COLLECTION", "bronze-tier")
    for name, other in (
        ("BlobStorage", "BlobStorage__blobServiceUri"),
        ("ServiceBus", "ServiceBus__fullyQualifiedNamespace"),
    ):
        if not env.has(other):
            env.text(name)
    env.check("eventstac where")
    url = canonical_url(blob_url)
    with open_blob_service(values) as service:
        blobs = BlobStorage(service)
        watched = Watched(blobs.account_url, names)
        not_watched = _why_not_watched(watched, url)
        look = None if not_watched else blobs.look(url)[0]
    with open_client(values) as bus:
        queued = queued_about(bus, url)
    with connect(database) as connection, database_failures():
        applied = RulesStore(default_collection).current(connection)
        fact = fact_rows.by_urls(connection, [url]).get(url)
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
        explanation=applied.rules.explain(url),
        revision=applied.revision,
        fact=fact,
        item=row,
        published=published is not None,
        queued=queued,
        rejections=rejected,
    )


def _why_not_watched(watched: Watched, url: str) -> str | None:
    try:
        watched.any(url)
    except Rejected as rejection:
        return rejection.detail
    return None
