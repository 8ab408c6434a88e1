"""What a receiver can do with a message, through the unmodified SDK."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusMessageState,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusReceiver,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import MessageLockLostError, MessageNotFoundError

from infra.local.servicebus.tests.conftest import Talk, eventually


def send(client: ServiceBusClient, queue: str, *bodies: str) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages([ServiceBusMessage(body) for body in bodies])


def bodies(messages: list[ServiceBusReceivedMessage]) -> list[str]:
    return [str(message) for message in messages]


def receive(receiver: ServiceBusReceiver, count: int, wait: float = 10) -> list[ServiceBusReceivedMessage]:
    found: list[ServiceBusReceivedMessage] = []
    while len(found) < count:
        more = receiver.receive_messages(count - len(found), max_wait_time=wait)
        assert more, f"only {len(found)} of {count} messages came"
        found += more
    return found


def number(message: ServiceBusReceivedMessage) -> int:
    assert message.sequence_number is not None
    return message.sequence_number


def until(message: ServiceBusReceivedMessage) -> datetime:
    assert message.locked_until_utc is not None
    return message.locked_until_utc


def enqueued(message: ServiceBusReceivedMessage) -> datetime:
    assert message.enqueued_time_utc is not None
    return message.enqueued_time_utc


def test_messages_come_in_order_and_completed_ones_never_again(talk: Talk) -> None:
    talk.send("one", "two", "three")
    receiver = talk.receiver
    messages = receive(receiver, 3)
    assert bodies(messages) == ["one", "two", "three"]
    for message in messages:
        receiver.complete_message(message)
    assert receiver.peek_messages(10, sequence_number=1) == []
    assert receiver.receive_messages(1, max_wait_time=0.2) == []


def test_a_message_keeps_every_field_and_type(talk: Talk) -> None:
    sent = ServiceBusMessage(
        b"\x00\xffbinary",
        application_properties={"text": "ä", "whole": 7, "real": 1.5, "yes": True},
        content_type="application/cloudevents+json",
        correlation_id="c",
        subject="s",
        to="t",
        reply_to="r",
        message_id="m",
        time_to_live=timedelta(hours=1),
    )
    sender, receiver = talk.sender, talk.receiver
    sender.send_messages(sent)
    (got,) = receive(receiver, 1)
    assert until(got) > enqueued(got)
    receiver.complete_message(got)
    assert b"".join(got.body) == b"\x00\xffbinary"
    assert got.application_properties == {
        b"text": "ä".encode(),
        b"whole": 7,
        b"real": 1.5,
        b"yes": True,
    }
    fields = (got.content_type, got.correlation_id, got.subject, got.to, got.reply_to, got.message_id)
    assert fields == ("application/cloudevents+json", "c", "s", "t", "r", "m")
    assert got.time_to_live == timedelta(hours=1)
    assert got.expires_at_utc == enqueued(got) + timedelta(hours=1)
    assert abs(enqueued(got) - datetime.now(UTC)) < timedelta(seconds=30)
    assert got.state == ServiceBusMessageState.ACTIVE


def test_an_abandoned_message_comes_back_in_its_place_with_its_count(talk: Talk) -> None:
    talk.send("one", "two")
    receiver = talk.receiver
    (first,) = receive(receiver, 1)
    assert first.delivery_count == 0
    receiver.abandon_message(first)
    again = receive(receiver, 2)
    assert [(str(m), m.delivery_count) for m in again] == [("one", 1), ("two", 0)]
    for message in again:
        receiver.complete_message(message)


def test_a_message_that_is_abandoned_too_often_becomes_a_dead_letter(
    client: ServiceBusClient, short_queue: str
) -> None:
    send(client, short_queue, "poison")
    with client.get_queue_receiver(short_queue) as receiver:
        for _ in range(2):
            receiver.abandon_message(receive(receiver, 1)[0])
    with client.get_queue_receiver(short_queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
        (letter,) = receive(dead, 1)
        assert (str(letter), letter.dead_letter_reason, letter.delivery_count) == (
            "poison",
            "MaxDeliveryCountExceeded",
            2,
        )
        dead.complete_message(letter)


def test_a_lock_that_expires_is_lost_and_counts_as_a_delivery(
    client: ServiceBusClient, short_queue: str
) -> None:
    send(client, short_queue, "slow")
    with client.get_queue_receiver(short_queue) as receiver:
        (late,) = receive(receiver, 1)
        (again,) = receive(receiver, 1)
        assert again.delivery_count == 1
        assert late._lock_expired
        with pytest.raises(MessageLockLostError):
            receiver.renew_message_lock(late)
        receiver.complete_message(again)


def test_the_broker_refuses_to_settle_with_a_lost_lock(
    client: ServiceBusClient, short_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, short_queue, "slow")
    with client.get_queue_receiver(short_queue) as receiver, client.get_queue_receiver(short_queue) as other:
        (late,) = receive(receiver, 1)
        (again,) = receive(other, 1)
        monkeypatch.setattr(ServiceBusReceivedMessage, "_lock_expired", False)
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(late)
        other.complete_message(again)


def test_renewal_keeps_a_message_beyond_its_lock(client: ServiceBusClient, short_queue: str) -> None:
    send(client, short_queue, "long work")
    with (
        client.get_queue_receiver(short_queue) as receiver,
        client.get_queue_receiver(short_queue) as rival,
        AutoLockRenewer(max_lock_renewal_duration=30) as renewer,
    ):
        (message,) = receive(receiver, 1)
        renewer.register(receiver, message)
        before = until(message)
        assert rival.receive_messages(1, max_wait_time=5) == []
        assert until(message) > before
        receiver.complete_message(message)


def test_a_dead_letter_carries_reason_and_description(client: ServiceBusClient, queue: str) -> None:
    send(client, queue, "bad")
    with client.get_queue_receiver(queue) as receiver:
        receiver.dead_letter_message(receive(receiver, 1)[0], reason="why", error_description="because")
    with client.get_queue_receiver(queue, sub_queue="deadletter") as dead:
        (letter,) = receive(dead, 1)
        assert (letter.dead_letter_reason, letter.dead_letter_error_description) == ("why", "because")
        dead.abandon_message(letter)
        (letter,) = receive(dead, 1)
        dead.complete_message(letter)


def test_a_deferred_message_is_got_by_its_number_only(talk: Talk) -> None:
    talk.send("later", "now")
    receiver = talk.receiver
    later, now = receive(receiver, 2)
    receiver.defer_message(later)
    receiver.complete_message(now)
    assert receiver.receive_messages(1, max_wait_time=0.2) == []
    (peeked,) = receiver.peek_messages(1, sequence_number=number(later))
    assert peeked.state == ServiceBusMessageState.DEFERRED
    (fetched,) = receiver.receive_deferred_messages(number(later))
    assert fetched.delivery_count == 0  # to set it aside was no failure
    receiver.complete_message(fetched)
    with pytest.raises(MessageNotFoundError):
        receiver.receive_deferred_messages(number(later))


def test_receive_and_delete_takes_a_message_once(client: ServiceBusClient, queue: str) -> None:
    send(client, queue, "one", "two")
    with client.get_queue_receiver(queue, receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver:
        assert bodies(receive(receiver, 2)) == ["one", "two"]
        assert receiver.peek_messages(1, sequence_number=1) == []


def test_peek_shows_what_others_hold_and_changes_nothing(client: ServiceBusClient, queue: str) -> None:
    send(client, queue, "one", "two", "three")
    with client.get_queue_receiver(queue) as receiver, client.get_queue_receiver(queue) as onlooker:
        held = receive(receiver, 2)
        assert bodies(onlooker.peek_messages(10)) == ["one", "two", "three"]
        assert bodies(onlooker.peek_messages(1, sequence_number=number(held[1]))) == ["two"]
        for message in held:
            receiver.complete_message(message)


def test_a_lock_outlives_the_link_and_is_settled_over_another(client: ServiceBusClient, queue: str) -> None:
    send(client, queue, "held")
    with client.get_queue_receiver(queue) as receiver:
        (message,) = receive(receiver, 1)
    with client.get_queue_receiver(queue) as other:
        assert other.receive_messages(1, max_wait_time=0.3) == []
        other.complete_message(message)
        assert other.peek_messages(1, sequence_number=1) == []


def test_prefetched_messages_that_were_not_read_come_back_uncounted(
    client: ServiceBusClient, queue: str
) -> None:
    send(client, queue, *(str(n) for n in range(20)))
    with client.get_queue_receiver(queue, prefetch_count=20) as receiver:
        (first,) = receive(receiver, 1)
        receiver.complete_message(first)
    with client.get_queue_receiver(queue) as receiver:
        messages = receive(receiver, 19)
        assert sorted(int(str(m)) for m in messages) == list(range(1, 20))
        assert {m.delivery_count for m in messages} == {0}
        for message in messages:
            receiver.complete_message(message)


def test_an_expired_message_becomes_a_dead_letter(client: ServiceBusClient, expiring_queue: str) -> None:
    send(client, expiring_queue, "stale")
    with client.get_queue_receiver(expiring_queue, sub_queue="deadletter") as dead:
        (letter,) = receive(dead, 1)
        assert letter.dead_letter_reason == "TTLExpiredException"
        dead.complete_message(letter)


def test_a_message_does_not_expire_while_somebody_holds_it(
    client: ServiceBusClient, expiring_queue: str
) -> None:
    with (
        client.get_queue_receiver(expiring_queue) as receiver,
        client.get_queue_receiver(expiring_queue, sub_queue="deadletter") as dead,
    ):
        held = hold_one(client, expiring_queue, receiver)
        send(client, expiring_queue, "stale")  # it is over later
        letters: list[str] = []
        while "stale" not in letters:
            (letter,) = receive(dead, 1)
            letters.append(str(letter))
            dead.complete_message(letter)
        assert str(held) not in letters
        receiver.complete_message(held)
        assert dead.peek_messages(1, sequence_number=1) == []


def hold_one(client: ServiceBusClient, queue: str, receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    """A message of a queue in which they expire; on a machine too slow for the first, one of those after it."""
    tries = itertools.count()

    def held() -> list[ServiceBusReceivedMessage]:
        send(client, queue, f"try {next(tries)}")
        return receiver.receive_messages(1, max_wait_time=2)

    return eventually(held, "a message held", 60)[0]


def test_many_messages_that_expire_together_all_become_dead_letters(
    client: ServiceBusClient, expiring_queue: str
) -> None:
    send(client, expiring_queue, *(str(n) for n in range(500)))  # more than one slice of the broker's work
    with client.get_queue_receiver(expiring_queue, sub_queue="deadletter", prefetch_count=500) as dead:
        letters = receive(dead, 500)
        assert sorted(int(str(letter)) for letter in letters) == list(range(500))
        assert {letter.dead_letter_reason for letter in letters} == {"TTLExpiredException"}


def test_a_message_past_its_own_time_to_live_is_gone_where_expiry_drops(talk: Talk) -> None:
    sender, receiver = talk.sender, talk.receiver
    sender.send_messages(ServiceBusMessage("brief", time_to_live=timedelta(milliseconds=300)))
    sender.send_messages(ServiceBusMessage("lasting"))
    eventually(lambda: bodies(receiver.peek_messages(5, sequence_number=1)) == ["lasting"], "only one left")
    (left,) = receive(receiver, 1)
    receiver.complete_message(left)
