"""Dead letters of the bus and of Event Grid become rows that the operator sees."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from eventstac.blob_urls import parse
from eventstac.blobs import BlobReader, Look, Pages, listing
from eventstac.dead_letters import DeadLetter, undelivered
from eventstac.events import EventRejected

_PAGE = 200


class Queues(Protocol):
    """The dead-letter queues, as this handler sees them."""

    def drain(self, keep: Callable[[Sequence[DeadLetter]], None]) -> int:
        """Hand over what is in the queues; complete it only after `keep` returned."""


class Container(Pages, Protocol):
    """The storage that has the container of undelivered events."""

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        """Look at one blob."""

    def delete(self, url: str, etag: str) -> None:
        """Delete a blob, as it was when it was read."""


class Rejections(Protocol):
    """Where rejections are kept."""

    def reject(self, identity: str, rejected: EventRejected) -> None:
        """Keep one; the same one twice is one row."""


def drain_queues(*, queues: Queues, catalog: Rejections) -> int:
    """Keep every dead letter, then complete it; returns how many.

    Key: the broker's number of the message. Stale rule: one that is kept already is left alone, so a crash in between
    keeps nothing twice.
    """

    def keep(dead_letters: Sequence[DeadLetter]) -> None:
        _keep(catalog, (dead.rejection() for dead in dead_letters))

    return queues.drain(keep)


def drain_container(*, container_url: str, blobs: Container, catalog: Rejections) -> int:
    """Keep the events of every blob that Event Grid wrote, then delete the blob; returns how many blobs.

    Key: the blob's URL and the event's place in it. The first folder of a blob's path is its event subscription.
    """
    drained = 0
    for listed in listing(blobs, container_url, "", _PAGE):
        look, reader = blobs.look(listed.url)
        if reader is None:
            continue
        subscription = parse(listed.url).path.partition("/")[0].lower()
        _keep(catalog, undelivered(listed.url, subscription, b"".join(reader.stream())))
        blobs.delete(listed.url, look.etag)
        drained += 1
    return drained


def _keep(catalog: Rejections, found: Iterable[tuple[str, EventRejected]]) -> None:
    for identity, rejected in found:
        catalog.reject(identity, rejected)
