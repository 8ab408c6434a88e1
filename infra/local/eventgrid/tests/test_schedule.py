"""When deliveries are tried again and given up, without waiting for it."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from infra.local.eventgrid.config import DeliveryProperty, Destination, EventSubscription
from infra.local.eventgrid.delivery import Courier
from infra.local.eventgrid.destinations import DELIVERED, Outcome, delivery_properties
from infra.local.eventgrid.filters import Filter
from infra.local.eventgrid.schedule import Schedule
from infra.local.eventgrid.store import Delivery, Settled
from infra.local.eventgrid.webhook import outcome_of


@pytest.mark.parametrize(
    ("attempts", "outcome", "seconds"),
    [
        (1, "GenericError", 10),
        (2, "GenericError", 30),
        (10, "GenericError", 43_200),
        (30, "GenericError", 43_200),
        (1, "NotFound", 300),
        (1, "Busy", 30),
        (3, "Busy", 60),
    ],
)
def test_each_attempt_waits_longer_and_some_failures_at_least_a_while(
    attempts: int, outcome: str, seconds: float
) -> None:
    assert Schedule().retry_after(attempts, outcome, 0.0) == seconds
    assert Schedule(0.5).retry_after(attempts, outcome, 1.0) == pytest.approx(0.55 * seconds)


@pytest.mark.parametrize(
    ("status", "name", "is_final"),
    [
        (200, "Delivered", False),
        (204, "Delivered", False),
        (205, "GenericError", False),
        (307, "GenericError", False),
        (400, "BadRequest", True),
        (401, "Unauthorized", True),
        (404, "NotFound", False),
        (503, "Busy", False),
    ],
)
def test_a_status_of_a_webhook_is_an_outcome(status: int, name: str, is_final: bool) -> None:
    outcome = outcome_of(status)
    assert (outcome.name, outcome.delivered, outcome.final) == (name, name == "Delivered", is_final)


def test_a_delivery_property_is_text_as_json_writes_it() -> None:
    mapped = tuple(DeliveryProperty(name, "", f"data.{name}") for name in ("yes", "no", "size", "list"))
    event = {"data": {"yes": True, "no": False, "size": 1.5, "list": [1]}}
    assert delivery_properties(mapped, event) == {"yes": "true", "no": "false", "size": "1.5"}


class Fakes:
    """A store, a sender and a storage for dead letters that note what they are asked."""

    def __init__(self, written: Literal["written", "no container", "unavailable"] = "written") -> None:
        self.written = written
        self.sent: list[int] = []
        self.settled: dict[int, Settled] = {}

    async def deliver(self, deliveries: list[Delivery]) -> list[Outcome]:
        self.sent += [one.id for one in deliveries]
        return [DELIVERED] * len(deliveries)

    async def close(self) -> None:
        """Nothing is open."""

    async def write(self, _subscription: Any, _deliveries: Sequence[Delivery], _now: Any) -> str:
        return self.written

    async def settle(self, results: Iterable[Settled]) -> None:
        self.settled |= {one.id: one for one in results}


HOUR_S = 3600.0


def courier(fakes: Fakes) -> Courier:
    subscription = EventSubscription(
        "topic", "hook", Destination("WebHook", "http://127.0.0.1:1", ()), Filter(), 30, 60.0, "deadletter"
    )
    return Courier(subscription, fakes, fakes, fakes, Schedule())  # type: ignore[arg-type]


def owed(number: int, **more: Any) -> Delivery:
    return Delivery(number, "topic/hook", str(number), {"id": str(number)}, time.time(), **more)


async def test_an_event_is_attempted_once_however_old_it_is() -> None:
    fakes = Fakes()
    old = replace(owed(1), published=time.time() - HOUR_S)
    await courier(fakes)._attempt([old, replace(old, id=2, attempts=1)])
    assert fakes.sent == [1]
    assert fakes.settled[1].due is None
    assert fakes.settled[2].dead_reason == "TimeToLiveExceeded"


async def test_dead_letters_wait_four_hours_for_a_storage_that_is_away() -> None:
    fakes, now = Fakes("unavailable"), time.time()
    waiting = {1: now - 3.9 * HOUR_S, 2: now - 4.1 * HOUR_S}
    await courier(fakes)._bury(
        [owed(number, dead_reason="r", dead_since=since) for number, since in waiting.items()]
    )
    assert fakes.settled[1].due is not None
    assert fakes.settled[1].dead_since == waiting[1]  # since then, not since the last time
    assert fakes.settled[2].due is None
