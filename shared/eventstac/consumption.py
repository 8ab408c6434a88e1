"""What becomes of a received message: the one table of outcomes.

    handled    what the handler returns is sent, then the message is completed
    Rejected   an `event.rejected` with the original goes to the topic `rejected`; the message is completed
    Transient  the message is sent again, later and only to its own subscription; a day (RETRY_LIMIT_HOURS) after its
               first failure it is Rejected `gave-up`
    Stale      counted; the message is completed
    a bug      raises: the host abandons the message, and the broker dead-letters it after its deliveries; in a batch
               it waits like a Transient, until it comes alone

Side effects come in the order write, publish, acknowledge: a crash in between repeats, and loses nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstac.bus import (
    ATTEMPT,
    FIRST_FAILED,
    FIRST_SENT,
    REJECTED,
    RETRY_FOR,
    SCAN_REQUESTS,
    Bus,
    Message,
    Outgoing,
    Received,
)
from eventstac.claims import ClaimLost, Claims, look_again
from eventstac.dead_letters import kept_text, object_or_text
from eventstac.errors import Copying, Growing, Rejected, Stale, Transient
from eventstac.events import Envelope, EventRejected, Origin, seal
from eventstac.events.claim import EventClaimed
from eventstac.handling import Handling
from eventstac.retrying import RetryPolicy, id_of_retry
from eventstac.sending import send_apart
from eventstac.telemetry.spans import OFF, Span, Telemetry, story
from eventstac.times import to_text
from eventstac.url_secrets import without_secrets

log = logging.getLogger("eventstac")

# Of an original that is too large: escaped six times as long, and four times over, it is still below the limit.
_CUT_CHARACTERS = 8_000

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Consumer:
    """A subscription's consumer: who it is, where it sends, how it waits, and who is told of it."""

    app: str
    bus: Bus
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    clock: Clock = _now
    claims: Claims | None = None
    telemetry: Telemetry = OFF

    def consume(self, received: Received, handle: Callable[[Envelope], Sequence[Outgoing]]) -> str:
        """Handle one message; returns the outcome's word. A bug in the handler raises."""
        one = Handling.begin(received)
        with one.inside():
            try:
                return self._consume(one, handle)
            except Exception as failure:
                self._failed(one, failure)
                raise

    def _consume(self, one: Handling, handle: Callable[[Envelope], Sequence[Outgoing]]) -> str:
        try:
            envelope = self._open(one)
            outgoing = handle(envelope)
            self.send(outgoing, envelope.origin)
        except Rejected as rejection:
            return self._reject(one, rejection)
        except Transient as failure:
            return self._wait(one, failure)
        except Stale:
            return self._outcome(one, "stale")
        return self._outcome(one, "handled", sent=len(outgoing))

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
        begun = [Handling.begin(received) for received in batch]
        if len(begun) > 1:
            for one in begun:
                one.notes["batch"] = len(begun)
        try:
            self._handle_together(self._decoded(begun, decode), handle)
        finally:
            self._tell_of_batch(begun)

    def _decoded[T](
        self, begun: Sequence[Handling], decode: Callable[[Envelope], T]
    ) -> list[tuple[Handling, T]]:
        opened: list[tuple[Handling, T]] = []
        for one in begun:
            with one.inside():
                try:
                    opened.append((one, decode(self._open(one))))
                except Rejected as rejection:
                    self._reject(one, rejection)
                except Transient as failure:  # a claim's storage is away
                    self._wait(one, failure)
                except Stale:
                    self._outcome(one, "stale")
        return opened

    def _handle_together[T](
        self, opened: Sequence[tuple[Handling, T]], handle: Callable[[Sequence[T]], None]
    ) -> None:
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
                self._reject(opened[0][0], failure)
            else:
                self._failed(opened[0][0], failure)
                raise
        else:
            for one, _ in opened:
                with one.inside():
                    self._outcome(one, "handled")

    def _handle_alone[T](
        self, opened: Sequence[tuple[Handling, T]], handle: Callable[[Sequence[T]], None]
    ) -> None:
        for index, (one, event) in enumerate(opened):
            with one.inside():
                try:
                    handle([event])
                except Rejected as rejection:
                    self._reject(one, rejection)
                except Transient as failure:
                    self._wait_all(opened[index:], failure)
                    return
                except Exception as bug:  # raised, it would take the rest of the batch to the dead letters
                    log.exception("message_failed", extra={"message_id": one.told_id})
                    self._wait(one, Transient(f"unexpected {type(bug).__name__}: {bug}"))
                else:
                    self._outcome(one, "handled")

    def _wait_all(self, opened: Sequence[tuple[Handling, Any]], failure: Transient) -> None:
        for one, _ in opened:
            with one.inside():
                self._wait(one, failure)

    def _open(self, one: Handling) -> Envelope:
        """The event of a message; where it is a claim, the event that this stands for.

        A claim that is lost is Stale: its blob is looked at anew.
        """
        envelope = one.event()
        if envelope.type != EventClaimed.TYPE or self.claims is None:
            return envelope
        claimed = EventClaimed.read(envelope.data)
        try:
            redeemed = self.claims.redeem(claimed)
        except ClaimLost as lost:
            if claimed.url is None:
                raise Rejected("claim-lost", f"{lost}, and it names no blob to look at") from lost
            log.warning("claim_lost", extra={"blob": claimed.url, "detail": str(lost)})
            request = look_again(claimed.url, f"claim-{envelope.id}")
            self.send([Outgoing(SCAN_REQUESTS, request)], one.origin)
            raise Stale(str(lost)) from lost
        return replace(redeemed, origin=replace(redeemed.origin, traceparent=one.origin.traceparent))

    def begin(self, name: str, cause: str, outgoing: Sequence[Outgoing]) -> None:
        """Send events that no message caused, if there are any: each call begins a story, and its trace."""
        if not outgoing:
            return
        with story(self.telemetry, name, cause) as origin:
            self.send(outgoing, origin)

    def send(self, outgoing: Sequence[Outgoing], origin: Origin) -> None:
        """Send events that a message caused; one that is too large for the bus is given up alone."""
        send_apart(self.bus, [self._message(item, origin) for item in outgoing])

    def _reject(self, one: Handling, rejection: Rejected) -> str:
        """Publish that a message is given up, with the original."""
        received, url = one.received, one.url
        rejected = EventRejected(
            stage=f"{received.topic}/{received.subscription}",
            reason=rejection.reason,
            detail=rejection.detail,
            url=url,
            attempts=received.attempt,
            event=object_or_text(received.body),  # also of what is no event: it may name a COG
            first_sent=received.first_sent,
        )
        # By its message: an event that is sent again as it was, and given up again, is another rejection.
        origin = replace(one.origin, id=f"{one.origin.id} {received.message_id}")
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
                "message_id": one.told_id,
            },
        )
        return self._outcome(one, "rejected", reason=rejection.reason, detail=rejection.detail)

    def _wait(self, one: Handling, failure: Transient) -> str:
        """Send a message again, later, only to its own subscription; or give it up after the limit."""
        received, now = one.received, self.clock()
        # Since the first failure: what only lay in a queue, because the app was off for days, was not waited out.
        # A property from the future would wait until then.
        first_failed = min(received.first_failed or now, now)
        failing_s = (now - first_failed).total_seconds()
        if failing_s > self.retry.give_up_after_s:
            detail = f"after {received.attempt} attempts in {failing_s / 3600:.1f} hours: {failure.detail}"
            return self._reject(one, Rejected("gave-up", detail))
        delay = timedelta(seconds=self.retry.delay_s(received.attempt, failure.after_s))
        if isinstance(failure, Growing):
            delay = min(delay, failure.within)
        again = Message(
            topic=received.topic,
            message_id=id_of_retry(received),
            body=received.body.decode(),
            properties={
                RETRY_FOR: received.subscription,
                ATTEMPT: received.attempt + 1,
                FIRST_SENT: to_text(received.first_sent),
                FIRST_FAILED: to_text(first_failed),
            },
            not_before=now + delay,
        )
        try:
            self.bus.send([again])
        except Rejected as refusal:  # what is tried again is a little larger than it came
            return self._reject(
                one, Rejected(refusal.reason, f"{refusal.detail}. It waits for: {failure.detail}")
            )
        return self._outcome(
            one,
            "waiting",
            detail=failure.detail,
            delay_s=round(delay.total_seconds(), 1),
            # What is still being written or copied waits for whoever does it: nothing fails.
            **({} if isinstance(failure, Copying | Growing) else {"failing_s": round(failing_s, 1)}),
        )

    def _message(self, outgoing: Outgoing, origin: Origin) -> Message:
        body = seal(outgoing.event, app=self.app, origin=origin, at=self.clock())
        return Message(outgoing.topic, body["id"], body)

    def _outcome(self, one: Handling, outcome: str, **details: Any) -> str:
        received = one.received
        log.info(
            "message_consumed",
            extra={
                "outcome": outcome,
                "topic": received.topic,
                "subscription": received.subscription,
                "message_id": one.told_id,
                "attempt": received.attempt,
                **details,
            },
        )
        if self.telemetry.is_on:
            error = f"{details['reason']}: {details['detail']}" if outcome == "rejected" else None
            self.telemetry.record(one.span(outcome, details, error))
        return outcome

    def _failed(self, one: Handling, failure: Exception) -> None:
        """Tell of a try that the broker will repeat."""
        if self.telemetry.is_on:
            span = one.span("failed", {}, without_secrets(f"{type(failure).__name__}: {failure}"))
            self.telemetry.record(span.renamed())

    def _tell_of_batch(self, begun: Sequence[Handling]) -> None:
        """The messages that were handled as one belong to many traces: a span of its own links them."""
        if not self.telemetry.is_on or not begun:
            return
        received = begun[0].received
        name = f"{received.topic}/{received.subscription}"
        self.telemetry.measure("eventstac.batch.size", len(begun), subscription=name)
        if len(begun) > 1:
            origin = Origin.new("\n".join(("batch", name, *(one.received.message_id for one in begun))))
            links = tuple(one.origin for one in begun)
            batch = Span(f"batch of {name}", origin, None, begun[0].started_ns, time.time_ns(), links=links)
            self.telemetry.record(batch)


def _cut(rejected: EventRejected, received: Received) -> EventRejected:
    """A rejection that any bus takes: of the original, its beginning as text."""
    text = kept_text(received.body)
    url = rejected.url if rejected.url and len(rejected.url) <= _CUT_CHARACTERS else None
    note = f"… (cut: {len(received.body)} bytes)"
    return replace(
        rejected, detail=rejected.detail[:_CUT_CHARACTERS], url=url, event=text[:_CUT_CHARACTERS] + note
    )
