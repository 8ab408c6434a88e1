"""Brings events from the journal to Event Grid, as often as it takes."""

import asyncio
import logging
from collections import Counter

import aiohttp

from infra.local.blob_events.journal import Journal

BATCH = 100
BATCH_BYTES = 900_000  # Event Grid takes 1 MB
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
_TYPE = "application/cloudevents-batch+json; charset=utf-8"

_log = logging.getLogger(__name__)


class Publisher:
    """Posts to the system topic until cancelled; an event leaves the journal after Event Grid has taken it."""

    def __init__(self, journal: Journal, session: aiohttp.ClientSession, eventgrid: str) -> None:
        self.counts: Counter[str] = Counter()
        self._journal = journal
        self._session = session
        self._url = f"{eventgrid}/system/storage"
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send in order, oldest first; a failure waits and sends the same again."""
        pause = FIRST_PAUSE_S
        while True:
            self._wake.clear()
            batch = _fitting(await self._journal.outgoing(BATCH))
            if not batch:
                await self._wake.wait()
                continue
            status, detail = await self._post([event for _, event in batch])
            if status == 200:
                self.counts["delivered"] += len(batch)
                await self._journal.sent([number for number, _ in batch])
                pause = FIRST_PAUSE_S
            elif status in (400, 413):
                await self._one_by_one(batch)
            else:
                _log.warning("events.waiting count=%d reason=%s retry_in_s=%.1f", len(batch), detail, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _one_by_one(self, batch: list[tuple[int, str]]) -> None:
        """Event Grid will never take one of these: find which, say so, and let the others pass."""
        for number, event in batch:
            status, detail = await self._post([event])
            if status in (400, 413):
                self.counts["refused"] += 1
                _log.error("event.refused reason=%s event=%s", detail, event[:500])
            elif status != 200:
                return  # it went away: the rest is tried again
            await self._journal.sent([number])

    async def _post(self, events: list[str]) -> tuple[int, str]:
        try:
            body = f"[{','.join(events)}]".encode()
            async with self._session.post(self._url, data=body, headers={"Content-Type": _TYPE}) as answer:
                return answer.status, "" if answer.status == 200 else f"{answer.status} {await answer.text()}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, f"{type(error).__name__} {error}"


def _fitting(batch: list[tuple[int, str]]) -> list[tuple[int, str]]:
    size = 0
    for index, (_, event) in enumerate(batch):
        size += len(event.encode()) + 1
        if size > BATCH_BYTES and index:
            return batch[:index]
    return batch
