"""One simulated world: a storage history, the pipeline that follows it, and whatever goes wrong in between."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from eventstac.blob_urls import parse
from eventstac.bus import BLOB_EVENTS, COG_EVENTS, SCAN_REQUESTS, Message
from eventstac.errors import Transient
from eventstac.events import Origin, ScanRequested, seal
from eventstac.events.envelope import event_id
from eventstac.reconciling import Reconciler
from eventstac.times import to_text
from tests.samples import ACCOUNT
from tests.simulation.apps import PAGE_SIZE, Apps
from tests.simulation.bus import Entry, SimulatedBus
from tests.simulation.catalog import SimulatedCatalog
from tests.simulation.faults import Faults
from tests.simulation.histories import Step
from tests.simulation.oracle import Completion, Truth
from tests.simulation.rule_files import rules_named
from tests.simulation.storage import SimulatedStorage
from tests.twins.apps import WATCHED
from tests.twins.bus import Crash
from tests.twins.runs import MemoryRuns

_MOST_TICKS = 20_000
# What one invocation takes, in seconds: a whole look within one second, or a few changes of the storage meanwhile.
_PACES = ((0.0, 0.02, 0.1), (0.0, 0.05, 0.3, 1.0))
_CREATED, _DELETED = "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"


class NeverAtRest(AssertionError):
    """Messages cause messages for ever."""


class World:
    """Everything that is simulated; `replica` is what somebody has who only follows the events for the world."""

    def __init__(self, history: Sequence[Step], faults: Faults) -> None:
        self.faults = faults
        self.storage = SimulatedStorage(faults)
        self.bus = SimulatedBus(faults, self.now)
        self.catalog = SimulatedCatalog(rules_named("plain"), faults, self.now, self._others)
        runs = MemoryRuns(self.catalog)
        self.apps = Apps(self.bus, self.storage, self.catalog, runs, self._told, self.now)
        self.replica: dict[tuple[str, str], dict[str, Any]] = {}
        self.completions: list[Completion] = []
        self.needs_reconcile = False
        self._rules = "plain"
        self._steps = deque(history)
        self._next_step = self.now() + timedelta(seconds=history[0].gap_s) if history else self.now()
        self._events = 0
        self._nested = False
        self._pace = faults.random.choice(_PACES)

    def now(self) -> datetime:
        return self.storage.now

    def truth(self) -> Truth:
        """What the oracle may know."""
        outputs = f"{ACCOUNT}/thumbnails/"
        stored = {url: version for url, version in self.storage.stored.items() if not url.startswith(outputs)}
        return Truth(stored, self.storage.written, self.completions, self._rules, self.catalog.observed)

    def run(self) -> None:
        """Go through the history, and on until nothing is left to do."""
        for _ in range(_MOST_TICKS):
            if self._is_at_rest():
                return
            self._tick()
        raise NeverAtRest(f"{len(self.bus.entries)} messages are left after {_MOST_TICKS} ticks")

    def reconcile(self) -> None:
        """One whole reconcile, and all that it causes."""
        run = Reconciler(self.catalog, self.storage, WATCHED, self.apps.runs, PAGE_SIZE, self.now)
        self._insist(lambda: self._request(run.begin("the-run", allow_removals=1000)))
        self.run()

    def _is_at_rest(self) -> bool:
        return not (self._steps or self.bus.entries or self.catalog.outbox)

    def _tick(self) -> None:
        """A little time passes, and one process does one thing."""
        entries = self.bus.take(self.faults.random.choice((1, 1, 3)))
        if entries:
            self._deliver(entries)
        elif self.catalog.outbox:
            self._guarded([], self.apps.publish_announced)
        self._pass_time(self.faults.random.choice(self._pace))
        if not entries:
            coming = [self.bus.next_ready, self._next_step if self._steps else None]
            self._pass_time(
                max(0.0, min(((at - self.now()).total_seconds() for at in coming if at), default=0))
            )

    def _pass_time(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self._steps and self._next_step <= until:
            self.storage.now = max(self.now(), self._next_step)
            step = self._steps.popleft()
            self._do(step)
            if self._steps:
                self._next_step = self.now() + timedelta(seconds=self._steps[0].gap_s)
        self.storage.now = max(self.now(), until)

    def _deliver(self, entries: Sequence[Entry]) -> None:
        batch = [entry.received() for entry in entries]
        self._guarded(entries, lambda: self.apps.handle(*entries[0].key, batch))

    def _guarded(self, entries: Sequence[Entry], invoke: Callable[[], None]) -> None:
        """What the Functions host does about an invocation."""
        try:
            invoke()
        except Crash:
            if entries:
                self.apps.restart(*entries[0].key)
            self.bus.abandon(entries)
        except Transient:
            self.bus.abandon(entries)
        else:
            self.bus.complete(entries)

    def _others(self) -> None:
        """Other processes go on for a while."""
        if self._nested:
            return
        self._nested = True
        try:
            for _ in range(self.faults.random.choice((2, 4, 8))):
                self._pass_time(self.faults.random.choice((0.0, 0.3, 2.0)))
                entries = self.bus.take()
                if entries:
                    self._deliver(entries)
        finally:
            self._nested = False

    def _told(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Somebody in the world hears of a change, and gets the Item as it is."""
        for event in events:
            data = event["data"]
            if "item" in data:
                key = (data["collection"], data["item"])
                item = self.catalog.items.get(key)
                self.replica.pop(key, None)
                if item is not None:
                    self.replica[key] = item
        if self.faults.happens("errors"):
            raise Transient("Event Grid is away")

    def _do(self, step: Step) -> None:
        getattr(self, "_" + step.does.replace("-", "_"))(step)
        self.needs_reconcile |= not step.heard

    def _put(self, step: Step) -> None:
        self.storage.write(step.url, step.text)
        self._changed(step, _CREATED, step.url)

    def _put_same(self, step: Step) -> None:
        if step.url in self.storage.stored:
            self.storage.write(step.url, self.storage.stored[step.url].data.decode())
            self._changed(step, _CREATED, step.url)

    _put_cog = _put

    def _tag(self, step: Step) -> None:
        if step.url in self.storage.stored:
            self.storage.tag(step.url)
            self._changed(step, _CREATED, step.url)

    def _delete(self, step: Step) -> None:
        if step.url in self.storage.stored:
            self.storage.delete(step.url)
            self._changed(step, _DELETED, step.url)

    def _undelete(self, step: Step) -> None:
        if step.url not in self.storage.stored and step.url in self.storage.written:
            self.storage.undelete(step.url, same_etag=self.faults.random.random() < 0.5)
            self._changed(step, _CREATED, step.url)

    def _rename(self, step: Step) -> None:
        if step.url in self.storage.stored and step.url != step.other:
            self.storage.rename(step.url, step.other)
            data = {"sourceUrl": step.url, "destinationUrl": step.other}
            self._changed(step, "Microsoft.Storage.BlobRenamed", step.other, **data)

    def _archive(self, step: Step) -> None:
        if step.url in self.storage.stored:
            self.storage.archive(step.url)
            self._changed(step, "Microsoft.Storage.BlobTierChanged", step.url)

    def _rehydrate(self, step: Step) -> None:
        if step.url in self.storage.stored:
            self.storage.rehydrate(step.url)
            self._changed(step, "Microsoft.Storage.BlobTierChanged", step.url)

    def _convert(self, step: Step) -> None:
        versions = self.storage.written.get(step.url, [])
        if not versions:
            return
        version = versions[-2] if step.text == "late" and len(versions) > 1 else versions[-1]
        word, _, west = version.data.decode().partition(" ")
        if word == "nonsense":
            return
        self.storage.write(step.other, f"{'raster' if step.text == 'bad' else 'cog'} {west}")
        self._changed(step, _CREATED, step.other)
        self._completed(step, step.other, "" if step.text == "blind" else version.etag)

    def _convert_in_place(self, step: Step) -> None:
        version = self.storage.stored.get(step.url)
        if version is None or version.data == b"nonsense":
            return
        _, _, west = version.data.decode().partition(" ")
        self.storage.write(step.url, f"cog {west}")
        self._changed(step, _CREATED, step.url)
        self._completed(step, step.url, version.etag)

    def _completed_again(self, step: Step) -> None:
        """An event of a converter comes once more, under another message id."""
        if self.completions:
            self._send_completion(self.faults.random.choice(self.completions))

    def _completed(self, step: Step, cog: str, source_etag: str) -> None:
        if step.heard:
            self.storage.wait(0.001)  # a converter says one thing after the other
            cog_etag = self.storage.stored[cog].etag
            self.completions.append(Completion(step.url, cog, source_etag, cog_etag, self.now()))
            self._send_completion(self.completions[-1])

    def _send_completion(self, done: Completion) -> None:
        data = {"source_url": done.source, "cog_url": done.cog}
        if done.source_etag:
            data |= {"source_etag": done.source_etag, "cog_etag": done.cog_etag}
        self._event(COG_EVENTS, "eventstac.cog.completed.v1", data, done.said)

    def _change_rules(self, step: Step) -> None:
        if step.text != self._rules:
            self._rules = step.text
            self.catalog.in_force = rules_named(step.text)
            self.catalog.revision += 1
            self.needs_reconcile = True

    def _scan(self, step: Step) -> None:
        """Somebody backfills in the middle of it all."""
        self._request(ScanRequested(f"scan-{self._events}", parse(step.url).container_url))

    def _changed(self, step: Step, event_type: str, url: str, **data: str) -> None:
        if step.heard:
            self._event(BLOB_EVENTS, event_type, {"api": "PutBlob", "url": url, **data})

    def _event(
        self, topic: str, event_type: str, data: Mapping[str, Any], at: datetime | None = None
    ) -> None:
        self._events += 1
        body = {
            "specversion": "1.0",
            "id": event_id(str(self._events)),
            "source": "simulation",
            "type": event_type,
            "time": to_text(at or self.now()),
            "data": data,
        }
        self.bus.accept(Message(topic, f"event-{self._events}", body))

    def _request(self, request: ScanRequested) -> None:
        self._events += 1
        origin = Origin.new(f"{request.run} {self._events}")
        body = seal(request, app="operator", origin=origin, at=self.now())
        self.bus.accept(Message(SCAN_REQUESTS, body["id"], body))

    def _insist(self, ask: Callable[[], None]) -> None:
        for _ in range(100):
            try:
                return ask()
            except Transient:
                continue
        raise AssertionError("the database was away a hundred times")
