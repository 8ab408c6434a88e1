"""The loader's triggers: facts into the catalog, and what follows from a changed catalog."""

import os
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import azure.functions as func

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.azure.dead_letter_queues import DeadLetterQueues
from eventstac.azure.event_grid import EventGridTopic, open_topic
from eventstac.azure.peeking import PAGE, backlogs
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.azure.triggers import received, received_all
from eventstac.blob_urls import BlobName
from eventstac.breaker import Breaker
from eventstac.bus import ITEMS_CHANGED
from eventstac.catalog.guarded import GuardedCatalog
from eventstac.catalog.merge import MergeSettings
from eventstac.catalog.overview import overview
from eventstac.catalog.postgres import PostgresCatalog
from eventstac.catalog.rules_blob import Taken, take_in
from eventstac.catalog.rules_store import RulesStore
from eventstac.catalog.undone import Undone, put_back
from eventstac.claims import Claims
from eventstac.consumption import Consumer
from eventstac.once import ahead, once
from eventstac.publishing import publish_outbox
from eventstac.telemetry.opening import open_telemetry
from eventstac.telemetry.spans import story
from loader import (
    asset_facts,
    collection_update,
    dead_letters,
    housekeeping,
    outbound,
    rejected,
    rules_file,
    settings,
    standing,
)

app = func.FunctionApp()  # batches are annotated typing.List: the worker indexes no other list

SETTINGS = settings.read(os.environ)

PUT_BACK_S = 60.0  # the host breaks off an invocation at five minutes; the next one goes on


@dataclass(frozen=True)
class Ports:
    consumer: Consumer
    database: PostgresCatalog
    catalog: GuardedCatalog
    topic: EventGridTopic
    dead_letters: DeadLetterQueues
    state: BlobStorage
    blobs: BlobStorage

    def publish(self) -> None:
        publish_outbox(self.catalog, self.consumer.bus, self.consumer.telemetry)

    @property
    def rules_url(self) -> str:
        return BlobName(self.blobs.account_url, SETTINGS.config_container, SETTINGS.rules_blob).url

    def take_in_rules(self) -> Taken:
        with self.database.connection() as connection:
            return take_in(connection, self.blobs, self.rules_url, SETTINGS.default_collection, app="loader")

    def put_back(self) -> Iterator[Undone]:
        with self.database.connection() as connection:
            rules = RulesStore(SETTINGS.default_collection)
            yield from put_back(connection, rules, "loader", datetime.now(UTC), within_s=PUT_BACK_S)


@once
def ports() -> Ports:
    merging = MergeSettings("loader", SETTINGS.skew_window_s)
    database = PostgresCatalog(SETTINGS.database, merging, SETTINGS.default_collection)
    catalog = GuardedCatalog(database, Breaker())
    blobs = BlobStorage(open_blob_service(os.environ))
    state = BlobStorage(open_blob_service(os.environ, SETTINGS.state_connection))
    claims = Claims(state, state.account_url, SETTINGS.claims_container)
    telemetry = open_telemetry("loader", os.environ)
    bus = ServiceBus(open_client(os.environ))
    ahead(partial(bus.open, ITEMS_CHANGED))
    consumer = Consumer("loader", bus, SETTINGS.retry, claims=claims, telemetry=telemetry)
    dead = DeadLetterQueues(lambda: open_client(os.environ))
    return Ports(consumer, database, catalog, open_topic(os.environ), dead, state, blobs)


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="asset-facts",
    subscription_name="loader",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
def load_facts(messages: typing.List[func.ServiceBusMessage]) -> None:
    use = ports()
    use.consumer.consume_batch(
        received_all(messages, "asset-facts", "loader"),
        asset_facts.decode,
        lambda facts: asset_facts.handle(facts, catalog=use.catalog),
    )
    use.publish()


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="items-changed",
    subscription_name="collection-update",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
def update_collections(messages: typing.List[func.ServiceBusMessage]) -> None:
    use = ports()
    use.consumer.consume_batch(
        received_all(messages, "items-changed", "collection-update"),
        collection_update.decode,
        lambda changed: collection_update.handle(changed, catalog=use.catalog, now=datetime.now(UTC)),
    )
    use.publish()


@app.service_bus_topic_trigger(
    arg_name="messages",
    topic_name="items-changed",
    subscription_name="outbound",
    connection="ServiceBus",
    cardinality=func.Cardinality.MANY,
)
def forward_changes(messages: typing.List[func.ServiceBusMessage]) -> None:
    use = ports()
    use.consumer.consume_batch(
        received_all(messages, "items-changed", "outbound"),
        outbound.decode,
        lambda events: outbound.handle(events, topic=use.topic),
    )


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="rejected", subscription_name="loader", connection="ServiceBus"
)
def keep_rejection(message: func.ServiceBusMessage) -> None:
    use = ports()
    use.consumer.consume(
        received(message, "rejected", "loader"),
        lambda envelope: rejected.handle(envelope, catalog=use.catalog),
    )


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="config-events", subscription_name="loader", connection="ServiceBus"
)
def apply_rules(message: func.ServiceBusMessage) -> None:
    use = ports()
    use.consumer.consume(
        received(message, "config-events", "loader"),
        lambda envelope: rules_file.handle(envelope, url=use.rules_url, take_in=use.take_in_rules),
    )


@app.timer_trigger(arg_name="timer", schedule="*/15 * * * * *")
def publish_announced(timer: func.TimerRequest) -> None:
    use = ports()
    use.publish()


@app.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
def recompute_collections(timer: func.TimerRequest) -> None:
    use = ports()
    now = datetime.now(UTC)
    with story(use.consumer.telemetry, "recompute collections", f"recompute {now.isoformat()}") as origin:
        use.catalog.update_collections(None, now, origin)
    use.publish()


@app.timer_trigger(arg_name="timer", schedule="15 */5 * * * *")
def look_at_rules(timer: func.TimerRequest) -> None:
    use = ports()
    try:
        refused = rules_file.look(take_in=use.take_in_rules)
        use.consumer.begin("look at rules", f"rules file {datetime.now(UTC).isoformat()}", refused)
    finally:  # what keeps the one from being done says nothing of the other
        rules_file.restore(put_back=use.put_back)
    use.publish()


@app.timer_trigger(arg_name="timer", schedule="30 */5 * * * *")
def drain_dead_letters(timer: func.TimerRequest) -> None:
    use = ports()
    dead_letters.drain_queues(queues=use.dead_letters, catalog=use.catalog)


@app.timer_trigger(arg_name="timer", schedule="45 */5 * * * *")
def drain_undelivered(timer: func.TimerRequest) -> None:
    use = ports()
    url = f"{use.state.account_url}/{SETTINGS.deadletter_container}"
    dead_letters.drain_container(container_url=url, blobs=use.state, catalog=use.catalog)


@app.timer_trigger(arg_name="timer", schedule="5 */5 * * * *")
def tell_how_it_stands(timer: func.TimerRequest) -> None:
    use = ports()
    telemetry, now = use.consumer.telemetry, datetime.now(UTC)
    if not telemetry.is_on:  # nobody listens, and peeking costs
        return
    with open_client(os.environ) as bus:
        standing.tell_queues(backlogs(bus, PAGE), telemetry, now)
    with use.database.connection() as connection:
        rules = RulesStore(SETTINGS.default_collection).current(connection)
        standing.tell_catalog(overview(connection, rules, 0), telemetry, now)


@app.timer_trigger(arg_name="timer", schedule=SETTINGS.housekeeping_schedule)
def keep_house(timer: func.TimerRequest) -> None:
    use = ports()
    now, rules = datetime.now(UTC), RulesStore(SETTINGS.default_collection)
    with story(use.consumer.telemetry, "keep house", f"housekeeping {now.isoformat()}") as origin:
        housekeeping.run(catalog=use.database, rules=rules, now=now, origin=origin)
    use.publish()


ahead(ports)
