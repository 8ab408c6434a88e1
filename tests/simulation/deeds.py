"""What people and converters do to the storage, and the events that tell of it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from eventstac.blob_urls import parse
from eventstac.bus import BLOB_EVENTS, COG_EVENTS, SCAN_REQUESTS, Message
from eventstac.events import Origin, ScanRequested, seal
from eventstac.events.envelope import event_id
from eventstac.times import to_text
from tests.simulation.bus import SimulatedBus
from tests.simulation.catalog import SimulatedCatalog
from tests.simulation.histories import Step
from tests.simulation.oracle import Completion
from tests.simulation.rule_files import rules_named
from tests.simulation.storage import SimulatedStorage

_LAGS_S = (0, 3, 60)  # that an older extractor goes on after an upgrade

_CREATED, _DELETED = "Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"


class Deeds:
    """Does the steps of a history. `completions` is what converters said, `rules` the name of the rules in force,
    `extractor` how often the extractor was changed, `has_lagged` whether the one before ever went on meanwhile.

    A step that cannot be done (nothing to delete) does nothing, so that a history can be made smaller. `begin_run`
    notes a run and returns its first page.
    """

    def __init__(
        self,
        storage: SimulatedStorage,
        bus: SimulatedBus,
        catalog: SimulatedCatalog,
        random: Random,
        begin_run: Callable[[str], ScanRequested],
    ) -> None:
        self._storage, self._bus, self._catalog, self._random = storage, bus, catalog, random
        self._begin_run = begin_run
        self.completions: list[Completion] = []
        self.rules = "plain"
        self.extractor = 0
        self.has_lagged = False
        self._lags_until = storage.now
        self.has_losses = False
        self._events = 0

    def do(self, step: Step) -> None:
        getattr(self, "_" + step.does.replace("-", "_"))(step)
        self.has_losses |= not step.heard

    def _put(self, step: Step) -> None:
        self._storage.write(step.url, step.text)
        self._changed(step, _CREATED, step.url)

    def _put_same(self, step: Step) -> None:
        if step.url in self._storage.stored:
            self._storage.write(step.url, self._storage.stored[step.url].data.decode())
            self._changed(step, _CREATED, step.url)

    _put_cog = _put

    def _tag(self, step: Step) -> None:
        if step.url in self._storage.stored:
            self._storage.tag(step.url)
            self._changed(step, _CREATED, step.url)

    def _delete(self, step: Step) -> None:
        if step.url in self._storage.stored:
            self._storage.delete(step.url)
            self._changed(step, _DELETED, step.url)

    def _undelete(self, step: Step) -> None:
        if step.url not in self._storage.stored and step.url in self._storage.written:
            self._storage.undelete(step.url, same_etag=self._random.random() < 0.5)
            self._changed(step, _CREATED, step.url)

    def _rename(self, step: Step) -> None:
        if step.url in self._storage.stored and step.url != step.other:
            self._storage.rename(step.url, step.other)
            data = {"sourceUrl": step.url, "destinationUrl": step.other}
            self._changed(step, "Microsoft.Storage.BlobRenamed", step.other, **data)

    def _delete_folder(self, step: Step) -> None:
        """A whole folder at once, as a hierarchical namespace has it: one event, none for its blobs."""
        folder = step.url.rpartition("/")[0]
        if folder.endswith("/source"):
            return  # a container is no folder
        below = [url for url in self._storage.stored if url.startswith(f"{folder}/")]
        for url in below:
            self._storage.delete(url)
        if below:
            self._changed(step, "Microsoft.Storage.DirectoryDeleted", folder)

    def _archive(self, step: Step) -> None:
        if step.url in self._storage.stored:
            self._storage.archive(step.url)
            self._changed(step, "Microsoft.Storage.BlobTierChanged", step.url)

    def _rehydrate(self, step: Step) -> None:
        if step.url in self._storage.stored:
            self._storage.rehydrate(step.url)
            self._changed(step, "Microsoft.Storage.BlobTierChanged", step.url)

    def _convert(self, step: Step) -> None:
        versions = self._storage.written.get(step.url, [])
        if not versions:
            return
        version = versions[-2] if step.text == "late" and len(versions) > 1 else versions[-1]
        word, _, west = version.data.decode().partition(" ")
        if word == "nonsense":
            return
        self._storage.write(step.other, f"{'raster' if step.text == 'bad' else 'cog'} {west}")
        self._changed(step, _CREATED, step.other)
        self._completed(step, step.other, "" if step.text == "blind" else version.etag)

    def _convert_in_place(self, step: Step) -> None:
        version = self._storage.stored.get(step.url)
        if version is None or version.data == b"nonsense":
            return
        _, _, west = version.data.decode().partition(" ")
        self._storage.write(step.url, f"cog {west}")
        self._changed(step, _CREATED, step.url)
        self._completed(step, step.url, version.etag)

    def _convert_back(self, step: Step) -> None:
        """Somebody says it the wrong way round: the source is a COG of its COG."""
        if step.other in self._storage.stored and step.url in self._storage.stored:
            self._completed(Step(step.gap_s, step.does, step.other, step.url), step.url, "")

    def _completed_again(self, step: Step) -> None:
        """An event of a converter comes once more, under another message id."""
        if self.completions:
            self._send_completion(self._random.choice(self.completions))

    def _completed(self, step: Step, cog: str, source_etag: str) -> None:
        if step.heard:
            self._storage.wait(0.001)  # a converter says one thing after the other
            cog_etag = self._storage.stored[cog].etag
            self.completions.append(Completion(step.url, cog, source_etag, cog_etag, self._storage.now))
            self._send_completion(self.completions[-1])

    def _send_completion(self, done: Completion) -> None:
        data = {"source_url": done.source, "cog_url": done.cog}
        if done.source_etag:
            data |= {"source_etag": done.source_etag, "cog_etag": done.cog_etag}
        self._event(COG_EVENTS, "eventstac.cog.completed.v1", data, done.said)

    def _change_rules(self, step: Step) -> None:
        if step.text != self.rules:
            self.rules = step.text
            self._catalog.in_force = rules_named(step.text)
            self._catalog.revision += 1
            self._catalog.applied()

    def _change_extractor(self, _step: Step) -> None:
        """Another version of the extractor reads otherwise."""
        self.extractor += 1
        lag_s = _LAGS_S[(self.extractor - 1) % len(_LAGS_S)]
        self._lags_until = self._storage.now + timedelta(seconds=lag_s)
        self.has_lagged |= lag_s > 0
        self._catalog.revision += 1
        self._catalog.extractor = self.extractor
        self._catalog.applied()

    @property
    def reads_by(self) -> int:
        """The number of the extractor that runs: after an upgrade it is the older one for a while."""
        return self.extractor - (self._storage.now < self._lags_until)

    def _scan(self, step: Step) -> None:
        """Somebody backfills in the middle of it all."""
        self.request(ScanRequested(f"scan-{self._events}", parse(step.url).container_url))

    def _reconcile(self, _step: Step) -> None:
        """Somebody lets a run remove what it likes, in the middle of it all."""
        self.request(self._begin_run(f"run-{self._events}"))

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
            "time": to_text(at or self._storage.now),
            "data": data,
        }
        self._bus.accept(Message(topic, f"event-{self._events}", body))

    def request(self, request: ScanRequested) -> None:
        self._events += 1
        origin = Origin.new(f"{request.run} {self._events}")
        body = seal(request, app="operator", origin=origin, at=self._storage.now)
        self._bus.accept(Message(SCAN_REQUESTS, body["id"], body))
