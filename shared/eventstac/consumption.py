"""What becomes of a received message: the one table of outcomes.

    handled    what the handler returns is sent, then the message is completed
    Rejected   an `event.rejected` with the original goes to the topic `rejected`; the message is completed
    Transient  the message is sent again, later and only to its own subscription; after a day it is Rejected `gave-up`
    Stale      counted; the message is completed
    a bug      raises: the host abandons the message, and the broker dead-letters it after its deliveries; in a batch
               it waits like a Transient, until it comes alone

Side effects come in the order write, publish, acknowledge: a crash in between repeats, and loses nothing.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstac.blob_urls import canonical_url
from eventstac.bus import ATTEMPT, FIRST_SENT, REJECTED, RETRY_FOR, SCAN_REQUESTS, Bus, Message, Received
from eventstac.claims import ClaimLost, Claims, look_again
from eventstac.errors import Rejected, Stale, Transient
from eventstac.events import Envelope, Event, EventRejected, Origin, open_envelope, seal
from eventstac.events.claim import EventClaimed
from eventstac.times import to_text

log = logging.getLogger("eventstac")

# Of an original that is too large: escaped six times as long, and three times over, it is still below the limit.
_CUT_CHARACTERS = 12_000

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Outgoing:
    """An event that a handler wants sent to a topic."""

    topic: str
    event: Event


@dataclass(frozen=True)
class RetryPolicy:
    """How long a transient failure is waited out: exponential with full jitter, up to a limit in hours."""

    first_s: float = 2.0
    longest_s: float = 300.0  # a repaired database is found again within five minutes
    give_up_after_s: float = 24 * 3600.0

    def delay_s(self, attempt: int, asked_s: float | None) -> float:
        """The wait before the attempt after `attempt`; never shorter than the far side asked for."""
        ceiling = min(self.longest_s, self.first_s * 2 ** min(attempt - 1, 16))
        return max(asked_s or 0.0, random.uniform(self.first_s / 2, ceiling))  # noqa: S311 - spreads load, hides nothing


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Consumer:
    """A subscription's consumer: who it is, where it sends, how it waits."""

    app: str
    bus: Bus
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = _now
    claims: Claims | None = None

    def consume(self, received: Received, handle: Callable[[Envelope], Sequence[Outgoing]]) -> str:
        """Handle one message; returns the outcome's word. A bug in the handler raises."""
        try:
            envelope = self._open(received)
            outgoing = handle(envelope)
            self.send(outgoing, envelope.origin)
        except Rejected as rejection:
            self.reject(received, rejection)
            return self._outcome(received, "rejected", reason=rejection.reason)
        except Transient as failure:
            return self.wait(received, failure)
        except Stale:
            return self._outcome(received, "stale")
        return self._outcome(received, "handled", sent=len(outgoing))

    def consume_batch[T](
        self,
        batch: Sequence[Received],
        decode: Callable[[Envelope], T],
        handle: Callable[[Sequence[T]], None],
    ) -> None:
        """Handle a batch as one; what cannot be read, or is Rejected when handled alone, is rejected alone.

        A Transient makes all that is not rejected wait. A bug makes what it is about wait, so that it does not take
        the rest of the batch along; alone in its batch it raises.
        """
        opened: list[tuple[Received, T]] = []
        for received in batch:
            try:
                opened.append((received, decode(self._open(received))))
            except Rejected as rejection:
                self.reject(received, rejection)
            except Transient as failure:  # a claim's storage is away
                self.wait(received, failure)
            except Stale:
                self._outcome(received, "stale")
        if not opened:
            return
        try:
            handle([event for _, event in opened])
        except Transient as failure:
            self._wait_all(opened, failure)
        except Exception as failure:
            if len(opened) > 1:
                self._handle_alone(opened, handle)
            elif isinstance(failure, Rejected):
                self.reject(opened[0][0], failure)
            else:
                raise
        else:
            for received, _ in opened:
                self._outcome(received, "handled")

    def _handle_alone[T](
        self, opened: Sequence[tuple[Received, T]], handle: Callable[[Sequence[T]], None]
    ) -> None:
        for index, (received, event) in enumerate(opened):
            try:
                handle([event])
            except Rejected as rejection:
                self.reject(received, rejection)
            except Transient as failure:
                self._wait_all(opened[index:], failure)
                return
            except Exception as bug:  # raised, it would take the rest of the batch to the dead letters
                log.exception("message_failed", extra={"message_id": received.message_id})
                self.wait(received, Transient(f"unexpected {type(bug).__name__}: {bug}"))
            else:
                self._outcome(received, "handled")

    def _wait_all(self, opened: Sequence[tuple[Received, Any]], failure: Transient) -> None:
        for received, _ in opened:
            self.wait(received, failure)

    def _open(self, received: Received) -> Envelope:
        """The event of a message; where it is a claim, the event that this stands for.

        A claim that is lost is Stale: its blob is looked at anew.
        """
        envelope = open_envelope(received.body)
        if envelope.type != EventClaimed.TYPE or self.claims is None:
            return envelope
        claimed = EventClaimed.read(envelope.data)
        try:
            return self.claims.redeem(claimed)
        except ClaimLost as lost:
            if claimed.url is None:
                raise Rejected("claim-lost", f"{lost}, and it names no blob to look at") from lost
            log.warning("claim_lost", extra={"blob": claimed.url, "detail": str(lost)})
            request = look_again(claimed.url, f"claim-{envelope.id}")
            self.send([Outgoing(SCAN_REQUESTS, request)], envelope.origin)
            raise Stale(str(lost)) from lost

    def send(self, outgoing: Sequence[Outgoing], origin: Origin) -> None:
        """Send events that a message caused."""
        if outgoing:
            self.bus.send([self._message(item, origin) for item in outgoing])

    def reject(self, received: Received, rejection: Rejected) -> None:
        """Publish that a message is given up, with the original."""
        event, origin, url = _original(received)
        rejected = EventRejected(
            stage=f"{received.topic}/{received.subscription}",
            reason=rejection.reason,
            detail=rejection.detail,
            url=url,
            attempts=received.attempt,
            event=event,
        )
        try:
            self.bus.send([self._message(Outgoing(REJECTED, rejected), origin)])
        except Rejected:  # the original, with what is said of it, is over the bus's limit
            self.bus.send([self._message(Outgoing(REJECTED, _cut(rejected, received)), origin)])
        log.warning(
            "event_rejected",
            extra={
                "reason": rejection.reason,
                "detail": rejection.detail,
                "blob": url,
                "message_id": received.message_id,
            },
        )

    def wait(self, received: Received, failure: Transient) -> str:
        """Send a message again, later, only to its own subscription; or give it up after the limit."""
        now = self.clock()
        waited_s = (now - received.first_sent).total_seconds()
        if waited_s > self.retry.give_up_after_s:
            detail = f"after {received.attempt} attempts in {waited_s / 3600:.1f} hours: {failure.detail}"
            self.reject(received, Rejected("gave-up", detail))
            return self._outcome(received, "rejected", reason="gave-up")
        delay = timedelta(seconds=self.retry.delay_s(received.attempt, failure.after_s))
        again = Message(
            topic=received.topic,
            # Deterministic, so that a crash before the original is completed makes no second chain.
            message_id=f"{received.message_id.partition('~')[0]}~{received.subscription}~{received.attempt + 1}",
            body=received.body.decode("utf-8", errors="replace"),
            properties={
                RETRY_FOR: received.subscription,
                ATTEMPT: received.attempt + 1,
                FIRST_SENT: to_text(received.first_sent),
            },
            not_before=now + delay,
        )
        self.bus.send([again])
        return self._outcome(
            received, "waiting", detail=failure.detail, delay_s=round(delay.total_seconds(), 1)
        )

    def _message(self, outgoing: Outgoing, origin: Origin) -> Message:
        body = seal(outgoing.event, app=self.app, origin=origin, at=self.clock())
        return Message(outgoing.topic, body["id"], body)

    def _outcome(self, received: Received, outcome: str, **details: Any) -> str:
        log.info(
            "message_consumed",
            extra={
                "outcome": outcome,
                "topic": received.topic,
                "subscription": received.subscription,
                "message_id": received.message_id,
                "attempt": received.attempt,
                **details,
            },
        )
        return outcome


def _cut(rejected: EventRejected, received: Received) -> EventRejected:
    """A rejection that any bus takes: of the original, its beginning as text."""
    text = received.body.decode("utf-8", errors="replace")
    url = rejected.url if rejected.url and len(rejected.url) <= _CUT_CHARACTERS else None
    note = f"… (cut: {len(received.body)} bytes)"
    return replace(
        rejected, detail=rejected.detail[:_CUT_CHARACTERS], url=url, event=text[:_CUT_CHARACTERS] + note
    )


def _original(received: Received) -> tuple[dict[str, Any] | str, Origin, str | None]:
    """The original as an object where it is one, its origin, and the blob that it is about, where one can tell."""
    try:
        envelope = open_envelope(received.body)
    except Rejected:
        text = received.body.decode("utf-8", errors="replace")
        return text, Origin.new(received.message_id), None
    return dict(envelope.raw), envelope.origin, _url_of(envelope)


def _url_of(envelope: Envelope) -> str | None:
    data = envelope.raw.get("data")
    if isinstance(data, dict):
        for name in ("url", "source_url", "cog_url"):
            if isinstance(data.get(name), str):
                try:
                    return canonical_url(data[name])
                except Rejected:
                    return str(data[name])
    return None
