"""The catalog whose transactions fail, wait for their locks, and end without an answer."""

from collections.abc import Callable, Sequence
from datetime import datetime

from eventstac.catalog.port import Announcement
from eventstac.errors import Transient
from eventstac.rules import Rules
from tests.simulation.faults import Faults
from tests.twins.bus import Crash
from tests.twins.catalog import MemoryCatalog, Staged

SKEW_WINDOW_S = 5.0  # the default of the apps: front ends are 2 s apart, Dates are whole seconds


class SimulatedCatalog(MemoryCatalog):
    """`others` lets other processes go on while a transaction waits; `observed` are the contents that ever arrived."""

    def __init__(
        self, rules: Rules, faults: Faults, clock: Callable[[], datetime], others: Callable[[], None]
    ) -> None:
        super().__init__(rules, skew_window_s=SKEW_WINDOW_S, clock=clock)
        self._faults, self._others = faults, others
        self.observed: set[tuple[str, str]] = set()

    def waiting_for_locks(self) -> None:
        if self._faults.happens("interleaving"):
            self._others()

    def commit(self, staged: Staged) -> None:
        if self._faults.happens("crashes"):
            raise Crash
        super().commit(staged)
        self.observed |= {
            (fact.url, fact.finding.etag) for fact in staged.facts if fact.finding.state == "present"
        }
        if self._faults.happens("crashes"):
            raise Crash
        if self._faults.happens("errors"):
            raise Transient("the connection broke: nobody knows whether the commit was done")

    def publish_outbox(self, publish: Callable[[Sequence[Announcement]], None]) -> int:
        def and_crash(announcements: Sequence[Announcement]) -> None:
            publish(announcements)
            if self._faults.happens("crashes"):
                raise Crash

        return super().publish_outbox(and_crash)

    def answer(self) -> None:
        super().answer()
        if self._faults.happens("errors"):
            raise Transient("the database is away")
