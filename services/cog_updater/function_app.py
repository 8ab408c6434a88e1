"""The cog_updater's triggers: a finished COG updates its source's Item."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import azure.functions as func

from cog_updater import completed, settings
from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.azure.triggers import received
from eventstac.breaker import Breaker
from eventstac.bus import ITEMS_CHANGED
from eventstac.catalog.guarded import GuardedCatalog
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.consumption import Consumer
from eventstac.containers import Watched
from eventstac.looking import Looker
from eventstac.once import ahead, once
from eventstac.publishing import publish_outbox
from eventstac.telemetry.opening import open_telemetry

app = func.FunctionApp()

SETTINGS = settings.read(os.environ)


@dataclass(frozen=True)
class Ports:
    consumer: Consumer
    catalog: GuardedCatalog
    looker: Looker


@once
def ports() -> Ports:
    # rasterio takes a second to import: beside the start, not before its end
    from eventstac.reading import reading_within

    blobs = BlobStorage(open_blob_service(os.environ))
    merging = MergeSettings("cog_updater", SETTINGS.skew_window_s)
    database = PostgresCatalog(SETTINGS.database, merging, SETTINGS.default_collection)
    catalog = GuardedCatalog(database, Breaker())
    telemetry = open_telemetry("cog_updater", os.environ)
    bus = ServiceBus(open_client(os.environ))
    consumer = Consumer("cog_updater", bus, SETTINGS.retry, telemetry=telemetry)
    # Last what begins something: where the others fail, the next message tries all of it again.
    ahead(partial(bus.open, ITEMS_CHANGED))
    read = reading_within(SETTINGS.decoder_memory_bytes)
    looker = Looker(blobs, Watched(blobs.account_url, SETTINGS.containers), read)
    return Ports(consumer, catalog, looker)


def now() -> datetime:
    return datetime.now(UTC)


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="cog-events", subscription_name="cog-updater", connection="ServiceBus"
)
def update_cog(message: func.ServiceBusMessage) -> None:
    use, one = ports(), received(message, "cog-events", "cog-updater")
    use.consumer.consume(
        one,
        lambda envelope: completed.handle(
            envelope, catalog=use.catalog, looker=use.looker, clock=now, first_sent=one.first_sent
        ),
    )
    publish_outbox(use.catalog, use.consumer.bus, use.consumer.telemetry)


ahead(ports)
