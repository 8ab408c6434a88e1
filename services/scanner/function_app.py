"""The scanner's triggers: storage events and scan requests become looks at blobs."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import azure.functions as func

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.azure.triggers import received
from eventstac.breaker import Breaker
from eventstac.bus import BLOBS_MATCHED
from eventstac.catalog.guarded import GuardedCatalog, guarded
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.runs import PostgresRuns
from eventstac.consumption import Consumer
from eventstac.containers import Watched
from eventstac.once import ahead, once
from eventstac.reconciling import Reconciler
from eventstac.telemetry.opening import open_telemetry
from scanner import blob_event, pages, settings

app = func.FunctionApp()

SETTINGS = settings.read(os.environ)
BREAKER = Breaker()


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Ports:
    consumer: Consumer
    reconciler: Reconciler


@once
def ports() -> Ports:
    blobs = BlobStorage(open_blob_service(os.environ))
    database = PostgresCatalog(SETTINGS.database, MergeSettings("scanner", 0), SETTINGS.default_collection)
    catalog, runs = GuardedCatalog(database, BREAKER), PostgresRuns(guarded(BREAKER, database.connection))
    telemetry = open_telemetry("scanner", os.environ)
    bus = ServiceBus(open_client(os.environ))
    ahead(partial(bus.open, BLOBS_MATCHED))
    consumer = Consumer("scanner", bus, SETTINGS.retry, telemetry=telemetry)
    watched = Watched(blobs.account_url, SETTINGS.containers)
    return Ports(consumer, Reconciler(catalog, blobs, watched, runs, SETTINGS.page_size, now))


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="blob-events", subscription_name="scanner", connection="ServiceBus"
)
def scan_blob_event(message: func.ServiceBusMessage) -> None:
    use = ports()
    catalog, watched = use.reconciler.catalog, use.reconciler.watched
    use.consumer.consume(
        received(message, "blob-events", "scanner"),
        lambda envelope: blob_event.handle(envelope, catalog=catalog, watched=watched, clock=now),
    )


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="scan-requests", subscription_name="scanner", connection="ServiceBus"
)
def scan_page(message: func.ServiceBusMessage) -> None:
    use = ports()
    use.consumer.consume(
        received(message, "scan-requests", "scanner"),
        lambda envelope: pages.handle(envelope, use.reconciler),
    )


@app.timer_trigger(arg_name="timer", schedule=SETTINGS.reconcile_schedule)
def reconcile(timer: func.TimerRequest) -> None:
    use = ports()
    use.consumer.begin("reconcile", f"reconcile {now().isoformat()}", pages.begin_reconcile(use.reconciler))


@app.timer_trigger(arg_name="timer", schedule="40 */5 * * * *")
def attend_reconcile(timer: func.TimerRequest) -> None:
    use = ports()
    attended = pages.attend_reconcile(use.reconciler)
    use.consumer.begin("attend reconcile", f"attend reconcile {now().isoformat()}", attended)


ahead(ports)
