"""One subscription's deliveries: attempted when due, tried again, given up, dead-lettered."""

import asyncio
import logging
import random
import time
from collections import Counter
from datetime import UTC, datetime

from infra.local.eventgrid.config import EventSubscription
from infra.local.eventgrid.dead_letters import DeadLetters
from infra.local.eventgrid.destinations import Outcome, Sender
from infra.local.eventgrid.schedule import (
    DEAD_LETTER_DELAY_S,
    DEAD_LETTER_GIVE_UP_S,
    DEAD_LETTER_RETRY_S,
    Schedule,
)
from infra.local.eventgrid.store import Delivery, Settled, Store

BATCH = 100  # deliveries a round
LOOK_AGAIN_S = 60.0  # a round at least this often, should the clock have been set

_log = logging.getLogger(__name__)


class Courier:
    """Delivers for one subscription until it is cancelled.

    At least once: what an attempt came to is recorded after it, so that a crash in between repeats the attempt, with
    the same MessageId.
    """

    def __init__(
        self,
        subscription: EventSubscription,
        store: Store,
        sender: Sender,
        dead: DeadLetters,
        schedule: Schedule,
    ) -> None:
        self.subscription = subscription
        self.counts: Counter[str] = Counter()
        self._store = store
        self._sender = sender
        self._dead = dead
        self._schedule = schedule
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something new is due."""
        self._wake.set()

    async def run(self) -> None:
        """Serve both queues: what is to be delivered, and what is to be dead-lettered."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deliver_for_ever())
                tasks.create_task(self._bury_for_ever())
        finally:
            await self._sender.close()

    async def _deliver_for_ever(self) -> None:
        key = self.subscription.key
        while True:
            self._wake.clear()
            due = await self._store.due(key, time.time(), BATCH)
            if due:
                await self._attempt(due)
            else:
                await self._sleep_until(await self._store.next_due(key))

    async def _sleep_until(self, due: float | None) -> None:
        pause = LOOK_AGAIN_S if due is None else min(max(due - time.time(), 0.001), LOOK_AGAIN_S)
        try:
            await asyncio.wait_for(self._wake.wait(), pause)
        except TimeoutError:
            return

    async def _attempt(self, due: list[Delivery]) -> None:
        """Expiry is looked at when an attempt would be made, and only then, as the documentation has it."""
        now = time.time()
        expired = [one for one in due if one.attempts and now - one.published > self._time_to_live_s]
        alive = [one for one in due if one not in expired]
        results = [
            self._give_up(one, "TimeToLiveExceeded", one.outcome, one.attempts, now) for one in expired
        ]
        for one, outcome in zip(alive, await self._sender.deliver(alive), strict=True) if alive else ():
            results.append(self._judge(one, outcome, time.time()))
        await self._store.settle(results)

    @property
    def _time_to_live_s(self) -> float:
        return self._schedule.scaled(self.subscription.time_to_live_s)

    def _judge(self, delivery: Delivery, outcome: Outcome, now: float) -> Settled:
        attempts = delivery.attempts + 1
        if outcome.delivered:
            self.counts["delivered"] += 1
            return Settled(delivery.id, None)
        self.counts["failed attempts"] += 1
        if outcome.final:
            return self._give_up(delivery, outcome.reason, outcome.name, attempts, now)
        if attempts >= self.subscription.max_attempts:
            return self._give_up(delivery, "MaxDeliveryAttemptsExceeded", outcome.name, attempts, now)
        pause = self._schedule.retry_after(attempts, outcome.name, random.random())  # noqa: S311 - not a secret
        return Settled(delivery.id, now + pause, attempts, outcome.name, now)

    def _give_up(self, delivery: Delivery, reason: str, outcome: str, attempts: int, now: float) -> Settled:
        _log.warning(
            "delivery.given_up subscription=%s event_id=%s reason=%s outcome=%s",
            self.subscription.key,
            delivery.event.get("id"),
            reason,
            outcome,
        )
        if self.subscription.dead_letter_container is None:
            self.counts["dropped"] += 1
            return Settled(delivery.id, None)
        due = now + self._schedule.scaled(DEAD_LETTER_DELAY_S)
        return Settled(delivery.id, due, attempts, outcome, now, reason, now)

    async def _bury_for_ever(self) -> None:
        key = self.subscription.key
        while True:
            due = await self._store.due(key, time.time(), BATCH, dead=True)
            if due:
                await self._bury(due)
                continue
            following = await self._store.next_due(key, dead=True)
            # New ones come only after the delay.
            longest = max(self._schedule.scaled(DEAD_LETTER_DELAY_S) / 2, 0.01)
            pause = longest if following is None else min(max(following - time.time(), 0.001), longest)
            await asyncio.sleep(pause)

    async def _bury(self, due: list[Delivery]) -> None:
        now = time.time()
        state = await self._dead.write(self.subscription, due, datetime.now(UTC))
        if state == "written":
            self.counts["dead-lettered"] += len(due)
            await self._store.settle([Settled(one.id, None) for one in due])
            return
        limit = self._schedule.scaled(DEAD_LETTER_GIVE_UP_S)
        lost = [one for one in due if state == "no container" or now - (one.dead_since or now) > limit]
        self.counts["dropped"] += len(lost)
        again = now + self._schedule.scaled(DEAD_LETTER_RETRY_S)
        await self._store.settle(
            [
                Settled(one.id, None)
                if one in lost
                else Settled(
                    one.id,
                    again,
                    one.attempts,
                    one.outcome,
                    one.attempted,
                    one.dead_reason,
                    one.dead_since or now,
                )
                for one in due
            ]
        )
