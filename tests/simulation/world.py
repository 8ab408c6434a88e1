"""One simulated world: a storage history, the pipeline that follows it, and whatever goes wrong in between."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from eventstac.bus import ASSET_FACTS
from eventstac.errors import Transient
from eventstac.events import ScanRequested
from tests.samples import ACCOUNT
from tests.simulation.apps import Apps
from tests.simulation.bus import Entry, SimulatedBus
from tests.simulation.catalog import SimulatedCatalog
from tests.simulation.deeds import Deeds
from tests.simulation.faults import Faults
from tests.simulation.histories import Step
from tests.simulation.oracle import Truth
from tests.simulation.rule_files import rules_named
from tests.simulation.storage import SimulatedStorage
from tests.twins.bus import Crash
from tests.twins.runs import MemoryRuns

_MOST_TICKS = 20_000
_ATTENDED = 0.02  # of the ticks, once rules changed: the timer fires while other things go on
# What one invocation takes, in seconds: a whole look within one second, or a few changes of the storage meanwhile.
_PACES = ((0.0, 0.02, 0.1), (0.0, 0.05, 0.3, 1.0))


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
        self._deeds = Deeds(self.storage, self.bus, self.catalog, faults.random, self._begin_run)
        self.apps = Apps(
            self.bus, self.storage, self.catalog, runs, self._told, self.now, lambda: self._deeds.reads_by
        )
        self.replica: dict[tuple[str, str], dict[str, Any]] = {}
        self._steps = deque(history)
        self._next_step = self.now() + timedelta(seconds=history[0].gap_s) if history else self.now()
        self._nested = False
        self._late: list[Entry] = []  # facts of looks that wait for the reconcile
        self._pace = faults.random.choice(_PACES)

    def now(self) -> datetime:
        return self.storage.now

    def truth(self) -> Truth:
        """What the oracle may know."""
        outputs = f"{ACCOUNT}/thumbnails/"
        stored = {url: version for url, version in self.storage.stored.items() if not url.startswith(outputs)}
        return Truth(
            stored,
            self.storage.written,
            self._deeds.completions,
            self._deeds.rules,
            self._deeds.extractor,
            self.catalog.observed,
        )

    @property
    def needs_reconcile(self) -> bool:
        """Whether events were lost, an older extractor did a newer one's run, or changed rules remove so much that
        somebody must say so: the only cases."""
        last = [*self.apps.runs.runs.values()][-1:]
        return (
            bool(self._late)
            or self._deeds.has_losses
            or self._deeds.has_lagged
            or any(run.state == "stopped" for run in last)
        )

    def run(self) -> None:
        """Go through the history, and on until nothing is left to do."""
        for _ in range(_MOST_TICKS):
            if self._is_at_rest():
                return
            self._tick()
        raise NeverAtRest(f"{len(self.bus.entries)} messages are left after {_MOST_TICKS} ticks")

    def reconcile(self) -> None:
        """One whole reconcile, and all that it causes; facts that were late come while it lists the storage."""
        self._deeds.request(self._begin_run("the-run"))
        if self._late:
            while self.apps.runs.runs["the-run"].last_page is None:
                self._tick()
            self._pass_time(10)
            self._deliver_late()
        self.run()

    def _deliver_late(self) -> None:
        """Nothing goes wrong meanwhile: a fact that comes after the comparing is for the next run to compare."""
        kinds, self.faults.kinds = self.faults.kinds, frozenset()
        for entry in self._late:
            self._deliver([entry])
        self._late, self.faults.kinds = [], kinds

    def attend(self) -> None:
        """The scanner's timer, every five minutes, until it has nothing to do."""
        for _ in range(100):
            self._pass_time(300)
            self._attend_once()
            self.run()
            if not self.apps.runs.busy() and self.catalog.revision in (
                1,
                self.apps.runs.newest_revision(self.catalog.extractor),
            ):
                return
        raise NeverAtRest("a run is still going on")

    def _attend_once(self) -> None:
        """A crash or an error before its message is sent loses it."""
        try:
            attended = self.apps.attend()
        except Transient:
            return
        for page in attended:
            if not self.faults.happens("crashes"):
                self._deeds.request(page)

    def _is_at_rest(self) -> bool:
        return not (self._steps or self.bus.entries or self.catalog.outbox)

    def _tick(self) -> None:
        """A little time passes, and one process does one thing."""
        if self.catalog.revision > 1 and self.faults.random.random() < _ATTENDED:
            self._attend_once()
        entries = self.bus.take(self.faults.random.choice((1, 1, 3)))
        if entries and self._is_late(entries):
            self._late += entries
        elif entries:
            self._deliver(entries)
        elif self.catalog.outbox:
            self._guarded([], self.apps.publish_announced)
        self._pass_time(self.faults.random.choice(self._pace))
        if not entries:
            coming = [self.bus.next_ready, self._next_step if self._steps else None]
            self._pass_time(
                max(0.0, min(((at - self.now()).total_seconds() for at in coming if at), default=0))
            )

    def _is_late(self, entries: Sequence[Entry]) -> bool:
        """Before the reconcile, where there will be one."""
        if (
            "losses" not in self.faults.kinds
            or entries[0].key[0] != ASSET_FACTS
            or "the-run" in self.apps.runs.runs
        ):
            return False
        return self.faults.happens("backlog")

    def _pass_time(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        while self._steps and self._next_step <= until:
            self.storage.now = max(self.now(), self._next_step)
            step = self._steps.popleft()
            self._deeds.do(step)
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

    def _begin_run(self, run_id: str) -> ScanRequested:
        """As an operator does who lets it remove what it likes, until the database answers."""
        for _ in range(100):
            try:
                return self.apps.reconciler.begin(run_id, allow_removals=1000)
            except Transient:
                continue
        raise AssertionError("the database was away a hundred times")
