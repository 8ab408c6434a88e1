"""The apps' handlers bound to the topology's subscriptions, as their function_app.py bind them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from cog_updater import completed
from eventstac.blobs import BlobReader
from eventstac.breaker import Breaker
from eventstac.bus import Outgoing, Received
from eventstac.catalog.guarded import GuardedCatalog
from eventstac.consumption import Consumer
from eventstac.events import Envelope, ScanRequested
from eventstac.facts import Match
from eventstac.looking import Looker, Reading
from eventstac.publishing import publish_outbox
from eventstac.reconciling import Reconciler
from extractor import look
from loader import asset_facts, collection_update, outbound, rejected
from scanner import blob_event, pages
from tests.samples import metadata
from tests.simulation.bus import SimulatedBus
from tests.simulation.catalog import SimulatedCatalog
from tests.simulation.storage import SimulatedStorage
from tests.twins.apps import WATCHED, read_text
from tests.twins.runs import MemoryRuns

PAGE_SIZE = 2


@dataclass
class Apps:
    """The apps over their ports; `tell` is what the outside world does with the events that it is sent."""

    bus: SimulatedBus
    blobs: SimulatedStorage
    catalog: SimulatedCatalog
    runs: MemoryRuns
    tell: Callable[[Sequence[Mapping[str, Any]]], None]
    now: Callable[[], datetime]
    extractor: Callable[[], int]
    _breakers: dict[str, Breaker] = field(default_factory=dict)

    def handle(self, topic: str, subscription: str, batch: Sequence[Received]) -> None:
        """One invocation of the function of a subscription."""
        getattr(self, "_" + subscription.replace("-", "_"))(topic, batch)

    def publish_announced(self) -> None:
        """The loader's timer."""
        publish_outbox(self._guarded("loader"), self.bus)

    def restart(self, topic: str, subscription: str) -> None:
        """The process that served a subscription died: what it only remembered is lost."""
        self._breakers.pop(_app(topic, subscription), None)

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """The outbound function's Event Grid topic."""
        self.tell(events)

    def _consumer(self, app: str) -> Consumer:
        return Consumer(app, self.bus, clock=self.now)

    def _guarded(self, app: str) -> GuardedCatalog:
        breaker = self._breakers.setdefault(app, Breaker(clock=lambda: self.now().timestamp()))
        return GuardedCatalog(self.catalog, breaker)

    def _scanner(self, topic: str, batch: Sequence[Received]) -> None:
        handle = self._page if topic == "scan-requests" else self._blob_event
        self._consumer("scanner").consume(batch[0], handle)

    def _blob_event(self, envelope: Envelope) -> Sequence[Outgoing]:
        return blob_event.handle(envelope, catalog=self._guarded("scanner"), watched=WATCHED, clock=self.now)

    def _page(self, envelope: Envelope) -> Sequence[Outgoing]:
        return pages.handle(envelope, replace(self.reconciler, catalog=self._guarded("scanner")))

    @property
    def reconciler(self) -> Reconciler:
        """What an operator's command begins a run with: a process of its own, which no breaker stops."""
        return Reconciler(self.catalog, self.blobs, WATCHED, self.runs, PAGE_SIZE, self.now)

    def attend(self) -> Sequence[ScanRequested]:
        """The scanner's timer."""
        attended = pages.attend_reconcile(self.reconciler)
        return [one.event for one in attended if isinstance(one.event, ScanRequested)]

    def _extractor(self, _topic: str, batch: Sequence[Received]) -> None:
        self._consumer("extractor").consume(batch[0], lambda e: look.handle(e, looker=self.looker))

    def _loader(self, topic: str, batch: Sequence[Received]) -> None:
        consumer = self._consumer("loader")
        if topic == "rejected":
            consumer.consume(batch[0], lambda e: rejected.handle(e, catalog=self._guarded("loader")))
            return
        consumer.consume_batch(
            batch,
            asset_facts.decode,
            lambda facts: asset_facts.handle(facts, catalog=self._guarded("loader")),
        )
        publish_outbox(self._guarded("loader"), self.bus)

    def _cog_updater(self, _topic: str, batch: Sequence[Received]) -> None:
        catalog = self._guarded("cog_updater")
        self._consumer("cog_updater").consume(
            batch[0],
            lambda e: completed.handle(
                e,
                catalog=catalog,
                looker=self.looker,
                clock=self.now,
                first_sent=batch[0].first_sent,
            ),
        )
        publish_outbox(catalog, self.bus)

    def _collection_update(self, _topic: str, batch: Sequence[Received]) -> None:
        self._consumer("loader").consume_batch(
            batch,
            collection_update.decode,
            lambda names: collection_update.handle(names, catalog=self._guarded("loader"), now=self.now()),
        )
        publish_outbox(self._guarded("loader"), self.bus)

    def _outbound(self, _topic: str, batch: Sequence[Received]) -> None:
        self._consumer("loader").consume_batch(
            batch, outbound.decode, lambda events: outbound.handle(events, topic=self)
        )

    def _read(self, extractor: int, reader: BlobReader, match: Match, thumbnail: bool) -> Reading:
        """Each version of the extractor finds everything a little further to the east."""
        content = read_text(reader, match, thumbnail)
        moved = metadata(west=content.metadata["bbox"][0] + extractor / 64)
        return replace(content, metadata={**moved, "cog": content.metadata["cog"]})

    def _stac_api(self, _topic: str, batch: Sequence[Received]) -> None:
        """Its messages are done at once: the simulated API keeps no hot answers, as one without a Redis."""

    @property
    def looker(self) -> Looker:
        extractor = self.extractor()
        return Looker(self.blobs, WATCHED, partial(self._read, extractor), self.now, extractor)


def _app(topic: str, subscription: str) -> str:
    return "loader" if topic == "items-changed" else subscription.replace("-", "_")
