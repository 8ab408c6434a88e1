"""The whole pipeline in memory: the apps' handlers over twins, messages delivered one by one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cog_updater import completed
from eventstac.blobs import BlobReader
from eventstac.breaker import Breaker
from eventstac.bus import Message
from eventstac.catalog.guarded import GuardedCatalog
from eventstac.consumption import Consumer
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import Rejected
from eventstac.events import Envelope, Origin, ScanRequested, seal
from eventstac.events.envelope import event_id
from eventstac.facts import Match
from eventstac.looking import Looker, Reading
from eventstac.publishing import publish_outbox
from eventstac.reconciling import Reconciler
from eventstac.rules import Rules, load_rules
from eventstac.runs import Run
from eventstac.times import to_text
from extractor import look
from loader import asset_facts, collection_update, rejected
from scanner import blob_event, pages
from tests.samples import ACCOUNT, metadata, url_of
from tests.twins.blobs import MemoryBlobs
from tests.twins.bus import MemoryBus, as_received
from tests.twins.catalog import MemoryCatalog
from tests.twins.runs import MemoryRuns, finished

RULES: Rules = load_rules(
    """
collections:
  scenes:
    rules:
      - name: scenes
        pattern: scenes/{item}/{asset}.tif
""",
    file="rules.yaml",
)
WATCHED = Watched(ACCOUNT, ContainerNames(("source",), ("cogs",), "thumbnails"))


def read_text(reader: BlobReader, match: Match, thumbnail: bool) -> Reading:
    """Reads `raster WEST`, the rasters of this pipeline; everything else is rejected.

    They lie as far to the east as the rule says that their nodata is: what is read depends on how it is read.
    """
    text = b"".join(reader.stream()).decode("utf-8", errors="replace")
    word, _, west = text.partition(" ")
    if word not in ("raster", "cog"):
        raise Rejected("not-a-raster", f"it begins with {text[:10]!r}")
    found = metadata(west=float(west or 10) + float(match.options.get("nodata", 0)))
    found["cog"] = {
        "valid": word == "cog",
        "tiled": word == "cog",
        "problems": [] if word == "cog" else ["not tiled"],
    }
    return Reading(found, b"png" if thumbnail else None, "image/png" if thumbnail else None)


class Pipeline:
    """Five apps over one bus, one storage and one catalog, none of which is real."""

    def __init__(self, page_size: int = 2) -> None:
        self.page_size = page_size
        self.bus, self.blobs = MemoryBus(), MemoryBlobs()
        self.catalog = MemoryCatalog(RULES, clock=self.now)
        self.runs = MemoryRuns(self.catalog)
        self.looker = Looker(self.blobs, WATCHED, read_text, self.now, extractor=0)
        self.guarded = GuardedCatalog(self.catalog, Breaker(clock=lambda: self.now().timestamp()))
        self._delivered = 0
        self._events = 0

    def now(self) -> datetime:
        return self.blobs.now

    def consumer(self, app: str) -> Consumer:
        return Consumer(app, self.bus, clock=self.now)

    def put(self, url: str, data: bytes) -> Message:
        """Write a blob; returns the storage event, which is not sent yet."""
        self.blobs.put(url, data)
        return self.storage_event(url, "Microsoft.Storage.BlobCreated")

    def delete(self, url: str) -> Message:
        self.blobs.delete(url)
        return self.storage_event(url, "Microsoft.Storage.BlobDeleted")

    def storage_event(self, url: str, event_type: str, **data: Any) -> Message:
        return self._event("blob-events", event_type, {"api": "PutBlob", "url": url, **data})

    def cog_completed(
        self, source_url: str, cog_url: str, *, said: datetime | None = None, **data: Any
    ) -> Message:
        data = {"source_url": source_url, "cog_url": cog_url, **data}
        return self._event("cog-events", "eventstac.cog.completed.v1", data, said)

    def scan(self, prefix: str = "", **request: Any) -> Message:
        """A request to scan the source container."""
        return self._page(ScanRequested("a-run", f"{ACCOUNT}/source", prefix, **request))

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.guarded, self.blobs, WATCHED, self.runs, self.page_size, self.now)

    def reconcile(self, run_id: str, **asked: Any) -> Run:
        """A whole run, page by page, and all that it causes."""
        self.run(self._page(self.reconciler.begin(run_id, **asked)))
        return finished(self.runs, run_id)

    def attend(self) -> list[Message]:
        """The scanner's timer; returns what it sends, which is not delivered yet."""
        attended = pages.attend_reconcile(self.reconciler)
        return [self._page(one.event) for one in attended if isinstance(one.event, ScanRequested)]

    def _page(self, request: ScanRequested) -> Message:
        body = seal(request, app="operator", origin=Origin.new(request.run), at=self.now())
        return Message("scan-requests", body["id"], body)

    def _event(
        self, topic: str, event_type: str, data: dict[str, Any], said: datetime | None = None
    ) -> Message:
        self._events += 1
        body = {
            "specversion": "1.0",
            "id": event_id(str(self._events)),
            "source": "tests",
            "type": event_type,
            "time": to_text(said or self.now()),
            "data": data,
        }
        return Message(topic, f"m{self._events}", body)

    def deliver(self, message: Message) -> str:
        """Give a message to the app that consumes its topic, as its function does."""
        subscription = {"blob-events": "scanner", "scan-requests": "scanner", "blobs-matched": "extractor"}
        received = as_received(message, subscription.get(message.topic, "loader"), self.now())
        match message.topic:
            case "blob-events":
                return self.consumer("scanner").consume(received, self.scan_event)
            case "scan-requests":
                return self.consumer("scanner").consume(received, self.scan_page)
            case "blobs-matched":
                return self.consumer("extractor").consume(
                    received, lambda e: look.handle(e, looker=self.looker)
                )
            case "asset-facts":
                self.consumer("loader").consume_batch([received], asset_facts.decode, self.load)
                publish_outbox(self.guarded, self.bus)
            case "cog-events":
                outcome = self.consumer("cog_updater").consume(
                    received, lambda e: self.update_cog(e, received.first_sent)
                )
                publish_outbox(self.guarded, self.bus)
                return outcome
            case "items-changed":
                self.consumer("loader").consume_batch(
                    [received],
                    collection_update.decode,
                    lambda names: collection_update.handle(names, catalog=self.guarded, now=self.now()),
                )
            case "rejected":
                return self.consumer("loader").consume(
                    received, lambda e: rejected.handle(e, catalog=self.guarded)
                )
        return "handled"

    def scan_event(self, envelope: Envelope) -> Any:
        return blob_event.handle(envelope, catalog=self.guarded, watched=WATCHED, clock=self.now)

    def scan_page(self, envelope: Envelope) -> Any:
        return pages.handle(envelope, self.reconciler)

    def load(self, facts: Any) -> None:
        asset_facts.handle(facts, catalog=self.guarded)

    def update_cog(self, envelope: Envelope, first_sent: datetime) -> Any:
        return completed.handle(
            envelope, catalog=self.guarded, looker=self.looker, clock=self.now, first_sent=first_sent
        )

    def run(self, *messages: Message) -> None:
        """Deliver messages and all that they cause, until nothing is left."""
        queue = list(messages)
        while queue or self._delivered < len(self.bus.sent):
            if not queue:
                queue = self.bus.sent[self._delivered :]
                self._delivered = len(self.bus.sent)
            message = queue.pop(0)
            if message.not_before and message.not_before > self.now():
                self.blobs.now = message.not_before
            self.deliver(message)

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        return {item: document for (_, item), document in self.catalog.items.items()}


def scene(item: str, asset: str) -> str:
    return url_of(f"scenes/{item}/{asset}.tif")


def hrefs(item: dict[str, Any]) -> Sequence[str]:
    return [asset["href"] for asset in item["assets"].values()]
