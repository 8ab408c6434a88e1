"""What the API does when the catalog tells of changes: it forgets the answers that it keeps of them."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from eventstac.bus import Received
from eventstac.consumption import Consumer
from eventstac.events import CATALOG_CHANGES, Envelope

_log = logging.getLogger("stac_api")


class Answers(Protocol):
    """What is kept, as far as it can be forgotten."""

    async def forget(self, collections: Collection[str]) -> None:
        """From now on find nothing that was made from these collections, or from all. Errors: Transient."""


def decode(envelope: Envelope) -> str:
    """The collection that an event is about; Rejected for what is no change of the catalog."""
    envelope.expect("change of the catalog", *CATALOG_CHANGES)
    return envelope.data.text("collection")


async def hear(
    heard: Sequence[Received], *, cache: Answers | None, lives_s: float, consumer: Consumer
) -> None:
    """Forget the answers made from the collections that messages of topic `items-changed` are about.

    `lives_s`: for how long the cache keeps an answer. Key: none, forgetting twice is forgetting once. Stale rule: a
    message that has waited for longer than an answer lives is done, nothing of its time is left. Side effects: new
    generations in the cache; while that is away, the messages wait.
    """
    due = [one for one in heard if not _is_outlived(one, lives_s)]
    if len(due) < len(heard):
        _log.info("answers_outlived", extra={"messages": len(heard) - len(due)})
    loop = asyncio.get_running_loop()

    def forget(collections: Sequence[str]) -> None:
        if cache is not None:
            asyncio.run_coroutine_threadsafe(cache.forget(set(collections)), loop).result()

    if due:
        await asyncio.to_thread(consumer.consume_batch, due, decode, forget)


def _is_outlived(one: Received, lives_s: float) -> bool:
    return one.first_failed is not None and datetime.now(UTC) - one.first_failed > timedelta(seconds=lives_s)
