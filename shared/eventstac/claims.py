"""Claim check: an event over the bus's limit travels as a reference to a blob that holds it.

Claims lie in a container of our own and are deleted by its lifecycle rule only, KEPT_DAYS after they were written:
later than a message can wait. They are named by their content, so that the same event twice is one blob.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Protocol

from eventstac.blob_urls import BlobName, parse
from eventstac.blobs import BlobReader, Look
from eventstac.bus import ASSET_FACTS, LIMIT_BYTES, Bus, Message, text_of
from eventstac.contracts import read_contract
from eventstac.errors import BlobChanged, EventstacError, Rejected, Transient
from eventstac.events import Envelope, ScanRequested, open_envelope
from eventstac.events.claim import EventClaimed
from eventstac.events.envelope import CONTENT_TYPE, seal_instead

# The templates make the lifecycle rule from the same number.
KEPT_DAYS: int = read_contract("retention.json")["claimDays"]

# What looks found grows with a file: a statistic for each of hundreds of bands. What grows with an Item, its blobs'
# URLs, is left out instead (`catalog.announcing`): the world cannot read our claims.
CLAIMED_TOPICS = (ASSET_FACTS,)


class ClaimBlobs(Protocol):
    """The storage that has the claims."""

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        """Look at one blob."""

    def put(self, url: str, data: bytes, content_type: str) -> str:
        """Write a blob; returns its ETag."""


class ClaimLost(EventstacError):
    """A claim is gone, or is not what was put there."""


@dataclass(frozen=True)
class Claims:
    """The claims container of our own account."""

    blobs: ClaimBlobs
    account_url: str
    container: str

    def check_in(self, event: Mapping[str, Any], text: bytes) -> dict[str, Any]:
        """Put an event there; returns the event that stands for it. Transient where the storage does not answer."""
        digest = sha256(text).hexdigest()
        url = BlobName(self.account_url, self.container, f"{digest[:2]}/{digest}.json").url
        self.blobs.put(url, text, CONTENT_TYPE)
        about = event["data"].get("url")
        claimed = EventClaimed(
            url, digest, len(text), event["type"], about if isinstance(about, str) else None
        )
        return seal_instead(event, claimed)

    def redeem(self, claimed: EventClaimed) -> Envelope:
        """The event that a claim stands for.

        Errors: Rejected `foreign-claim` for a claim that is not in our container (nothing is fetched), ClaimLost,
        Transient where the storage does not answer.
        """
        name = parse(claimed.claim_url)
        if (name.account_url, name.container) != (self.account_url, self.container):
            raise Rejected(
                "foreign-claim",
                f"{claimed.claim_url} is not in {self.account_url}/{self.container}: it was not fetched",
            )
        look, reader = self.blobs.look(name.url)
        if reader is None or look.size != claimed.size:
            raise ClaimLost(
                f"{name.url} is not there as it was put there; claims are kept for {KEPT_DAYS} days"
            )
        try:
            text = b"".join(reader.stream())
        except BlobChanged as changed:  # the same claim was put there again
            raise Transient(f"{name.url} was written while it was read") from changed
        if sha256(text).hexdigest() != claimed.sha256:
            raise ClaimLost(f"{name.url} has another content than was put there")
        return open_envelope(text)


@dataclass(frozen=True)
class ClaimingBus:
    """A bus that checks in what it would not take."""

    bus: Bus
    claims: Claims

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages, each to its topic; the claims are written first."""
        self.bus.send([self._small(message) for message in messages])

    def _small(self, message: Message) -> Message:
        if message.topic not in CLAIMED_TOPICS or not isinstance(message.body, Mapping):
            return message
        text = text_of(message).encode()
        if len(text) <= LIMIT_BYTES:
            return message
        body = self.claims.check_in(message.body, text)
        return replace(message, body=body)


def look_again(url: str, run: str) -> ScanRequested:
    """The request for a new look at one blob, through the first stage."""
    name = parse(url)
    return ScanRequested(run, name.container_url, name.path, reason="replay", force=True)
