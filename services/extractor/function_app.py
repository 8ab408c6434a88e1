"""The extractor's trigger: a matched blob is looked at."""

import os
from dataclasses import dataclass
from functools import partial

import azure.functions as func

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.azure.triggers import received
from eventstac.bus import ASSET_FACTS
from eventstac.claims import ClaimingBus, Claims
from eventstac.consumption import Consumer
from eventstac.containers import Watched
from eventstac.looking import Looker
from eventstac.once import ahead, once
from eventstac.telemetry.opening import open_telemetry
from extractor import look, settings

app = func.FunctionApp()

SETTINGS = settings.read(os.environ)


@dataclass(frozen=True)
class Ports:
    consumer: Consumer
    looker: Looker


@once
def ports() -> Ports:
    # rasterio takes a second to import: beside the start, not before its end
    from eventstac.reading import reading_within

    blobs = BlobStorage(open_blob_service(os.environ))
    state = BlobStorage(open_blob_service(os.environ, SETTINGS.state_connection))
    claims = Claims(state, state.account_url, SETTINGS.claims_container)
    bus = ServiceBus(open_client(os.environ))
    telemetry = open_telemetry("extractor", os.environ)
    consumer = Consumer("extractor", ClaimingBus(bus, claims), SETTINGS.retry, telemetry=telemetry)
    # Last what begins something: where the others fail, the next message tries all of it again.
    ahead(partial(bus.open, ASSET_FACTS))
    read = reading_within(SETTINGS.decoder_memory_bytes)
    return Ports(consumer, Looker(blobs, Watched(blobs.account_url, SETTINGS.containers), read))


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="blobs-matched", subscription_name="extractor", connection="ServiceBus"
)
def look_at_blob(message: func.ServiceBusMessage) -> None:
    use = ports()
    use.consumer.consume(
        received(message, "blobs-matched", "extractor"),
        lambda envelope: look.handle(envelope, looker=use.looker),
    )


ahead(ports)
