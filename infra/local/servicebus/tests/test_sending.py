"""What a sender can do, through the unmodified SDK: batches, sizes, schedules, duplicates, topics."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import (
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusError,
)

from infra.local.servicebus import broker
from infra.local.servicebus.broker import QueueSink
from infra.local.servicebus.store import Change
from infra.local.servicebus.testing import RunningServer, running_server
from infra.local.servicebus.tests.conftest import Talk, document
from infra.local.servicebus.tests.test_settlement import bodies, enqueued, receive


def test_a_batch_arrives_whole_and_in_order(client: ServiceBusClient, queue: str) -> None:
    with (
        client.get_queue_sender(queue) as sender,
        client.get_queue_receiver(queue, prefetch_count=200) as receiver,
    ):
        batch = sender.create_message_batch()
        for n in range(150):
            batch.add_message(ServiceBusMessage(str(n), application_properties={"n": n}, message_id=str(n)))
        sender.send_messages(batch)
        messages = receive(receiver, 150)
        assert bodies(messages) == [str(n) for n in range(150)]
        assert [(m.application_properties or {})[b"n"] for m in messages] == list(range(150))
        numbers = [m.sequence_number or 0 for m in messages]
        assert numbers == sorted(set(numbers))
        for message in messages:
            receiver.complete_message(message)


def test_a_message_of_several_frames_arrives_whole(talk: Talk) -> None:
    body = bytes(range(256)) * 900
    sender, receiver = talk.sender, talk.receiver
    sender.send_messages(ServiceBusMessage(body))
    (got,) = receive(receiver, 1)
    assert b"".join(got.body) == body
    receiver.complete_message(got)


def test_the_standard_tier_refuses_more_than_256_kilobytes(talk: Talk) -> None:
    sender = talk.sender
    with pytest.raises(MessageSizeExceededError):
        sender.send_messages(ServiceBusMessage(b"x" * 262_145))
    batch = sender.create_message_batch()
    assert batch.max_size_in_bytes == 262_144
    for _ in range(26):
        batch.add_message(ServiceBusMessage(b"x" * 10_000))
    with pytest.raises(MessageSizeExceededError):
        batch.add_message(ServiceBusMessage(b"x" * 10_000))
    sender.send_messages(batch)
    sender.send_messages(ServiceBusMessage(b"x" * 200_000))


def test_the_premium_tier_takes_what_it_is_set_to_and_batches_of_a_megabyte(tmp_path: Path) -> None:
    options = ("--max-message-mb", "3")
    with (
        running_server(document({"q": {}}), tmp_path / "data", tier="premium", options=options) as server,
        ServiceBusClient.from_connection_string(server.connection_string) as client,
        client.get_queue_sender("q") as sender,
        client.get_queue_receiver("q") as receiver,
    ):
        batch = sender.create_message_batch()
        assert batch.max_size_in_bytes == 1024 * 1024
        sender.send_messages(ServiceBusMessage(b"x" * 3_000_000))
        (got,) = receive(receiver, 1)
        assert len(b"".join(got.body)) == 3_000_000
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(ServiceBusMessage(b"x" * 3_200_000))
        batch.add_message(ServiceBusMessage(b"x" * 1_000_000))
        sender.send_messages(batch)
        batch._max_size_in_bytes = 2_000_000  # the SDK would refuse by itself; the broker must, too
        batch.add_message(ServiceBusMessage(b"x" * 100_000))
        with pytest.raises(MessageSizeExceededError):
            sender.send_messages(batch)


def test_a_scheduled_message_comes_at_its_time_with_a_new_number(talk: Talk) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1.5)
    sender, receiver = talk.sender, talk.receiver
    numbers = sender.schedule_messages([ServiceBusMessage("then"), ServiceBusMessage("too")], due)
    assert len(numbers) == 2
    peeked = receiver.peek_messages(5, sequence_number=1)
    assert {m.state for m in peeked} == {ServiceBusMessageState.SCHEDULED}
    messages = receive(receiver, 2)
    assert bodies(messages) == ["then", "too"]
    assert all(enqueued(m) >= due - timedelta(milliseconds=5) for m in messages)
    assert not {m.sequence_number for m in messages} & set(numbers)
    for message in messages:
        receiver.complete_message(message)


def test_a_message_with_a_time_waits_for_it_when_sent_plainly(talk: Talk) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    sender, receiver = talk.sender, talk.receiver
    sender.send_messages(ServiceBusMessage("then", scheduled_enqueue_time_utc=due))
    (message,) = receive(receiver, 1)
    assert enqueued(message) >= due - timedelta(milliseconds=5)
    assert message.scheduled_enqueue_time_utc is not None
    receiver.complete_message(message)


def test_a_cancelled_schedule_never_comes_and_cancels_once(talk: Talk) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    sender, receiver = talk.sender, talk.receiver
    numbers = sender.schedule_messages(ServiceBusMessage("never"), due)
    sender.cancel_scheduled_messages(numbers)
    assert receiver.peek_messages(5, sequence_number=1) == []
    with pytest.raises(MessageNotFoundError):
        sender.cancel_scheduled_messages(numbers)


def test_only_what_is_scheduled_can_be_cancelled(talk: Talk) -> None:
    talk.send("now")
    (message,) = talk.receiver.peek_messages(1, sequence_number=1)
    with pytest.raises(MessageNotFoundError):
        talk.sender.cancel_scheduled_messages(message.sequence_number or 0)
    assert bodies(talk.receiver.peek_messages(5, sequence_number=1)) == ["now"]


def test_a_schedule_of_too_large_a_message_is_refused(talk: Talk) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(ServiceBusError):
        talk.sender.schedule_messages(ServiceBusMessage(b"x" * 300_000), due)
    assert talk.receiver.peek_messages(5, sequence_number=1) == []


def test_a_message_id_is_remembered_for_the_window_and_no_longer() -> None:
    sink = QueueSink(Mock(), "once", None, 1_000)
    sink.waiting = Mock(id=7)
    message, changes = Mock(message_id="a"), list[Change]()
    assert [sink.accept(message, now, changes) for now in (0, 999, 1_000, 1_999)] == [
        True,
        False,
        True,
        False,
    ]
    sink.forget(message)  # it could not be stored
    assert sink.accept(message, 1_999, changes)


@pytest.mark.parametrize(
    ("own_ms", "absolute", "limits", "expires"),
    [
        (None, None, (None, None), None),
        (500, None, (None, 900), 1_500),
        (900, None, (700, 500), 1_500),
        (None, 1_400, (None, 500), 1_400),
        (None, 1_400, (None, 300), 1_300),
        (None, 1_400, (None, None), 1_400),
        (900, 1_400, (None, None), 1_900),
    ],
)
def test_a_message_expires_with_the_first_of_its_limits(
    own_ms: int | None, absolute: int | None, limits: tuple[int | None, ...], expires: int | None
) -> None:
    message = Mock(head=Mock(ttl_ms=own_ms), properties=[*[None] * 8, absolute])
    assert broker._expiry(message, 1_000, *limits) == expires


def test_a_duplicate_is_accepted_and_dropped(client: ServiceBusClient, once_queue: str) -> None:
    with client.get_queue_sender(once_queue) as sender, client.get_queue_receiver(once_queue) as receiver:
        for body in ("first", "second"):
            sender.send_messages(ServiceBusMessage(body, message_id="same"))
        sender.send_messages([ServiceBusMessage(str(n), message_id="twin") for n in range(2)])
        messages = receive(receiver, 2)
        assert bodies(messages) == ["first", "0"]
        for message in messages:
            receiver.complete_message(message)
        sender.send_messages(ServiceBusMessage("third", message_id="same"))
        assert receiver.peek_messages(5, sequence_number=1) == []


def expect(client: ServiceBusClient, name: str, *expected: str) -> None:
    """A subscription holds these messages and no other; they are gone then."""
    with client.get_subscription_receiver("shapes", name, receive_mode="receiveanddelete") as receiver:
        assert bodies(receive(receiver, len(expected))) == list(expected)
        assert receiver.receive_messages(1, max_wait_time=0.5) == []


def test_a_topic_gives_each_subscription_what_its_rules_let_through(client: ServiceBusClient) -> None:
    sent = [
        ServiceBusMessage("circle", subject="circle", application_properties={"size": 3}),
        ServiceBusMessage("small circle", subject="circle", application_properties={"size": 1}),
        ServiceBusMessage("square", subject="square"),
        ServiceBusMessage("retry", application_properties={"retryfor": "second", "size": 0}),
    ]
    with client.get_topic_sender("shapes") as sender:
        sender.send_messages(sent)
        sender.send_messages(ServiceBusMessage("words", application_properties={"size": "large"}))
    expect(client, "everything", "circle", "small circle", "square", "retry", "words")
    expect(client, "first", "circle", "small circle", "square", "words")
    expect(client, "second", "circle", "small circle", "square", "retry", "words")
    expect(client, "round", "circle")
    expect(client, "either", "small circle", "square")
    expect(client, "failing", "circle")
    with client.get_subscription_receiver("shapes", "failing", sub_queue="deadletter") as dead:
        (letter,) = receive(dead, 1)
        assert str(letter) == "words"
        assert letter.dead_letter_error_description == "'large' + 1 cannot be calculated"
        dead.complete_message(letter)
    expect(client, "lenient", "circle")
    with client.get_subscription_receiver("shapes", "lenient", sub_queue="deadletter") as dead:
        assert dead.peek_messages(1, sequence_number=1) == []


def test_a_schedule_at_a_topic_reaches_the_subscriptions_in_time(client: ServiceBusClient) -> None:
    with client.get_topic_sender("shapes") as sender:
        numbers = sender.schedule_messages(
            [ServiceBusMessage("soon", application_properties={"retryfor": "first"}) for _ in range(2)],
            datetime.now(UTC) + timedelta(seconds=1),
        )
        sender.cancel_scheduled_messages(numbers[0])
    with client.get_subscription_receiver("shapes", "first") as receiver:
        (message,) = receive(receiver, 1)
        receiver.complete_message(message)
    expect(client, "everything", "soon")


def test_an_unknown_entity_is_not_found(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError), client.get_queue_sender("nowhere"):
        pass
    with pytest.raises(MessagingEntityNotFoundError), client.get_subscription_receiver("shapes", "nowhere"):
        pass


def test_entity_names_are_not_case_sensitive(client: ServiceBusClient, queue: str) -> None:
    with (
        client.get_queue_sender(queue.upper()) as sender,
        client.get_queue_receiver(queue.title()) as receiver,
    ):
        sender.send_messages(ServiceBusMessage("same"))
        receiver.complete_message(receive(receiver, 1)[0])


def test_a_wrong_key_is_refused(server: RunningServer, queue: str) -> None:
    wrong = server.connection_string.replace(server.key, "d3Jvbmc=")
    with (
        ServiceBusClient.from_connection_string(wrong, retry_total=0) as stranger,
        pytest.raises(ServiceBusAuthenticationError),
        stranger.get_queue_sender(queue),
    ):
        pass


def test_a_session_is_refused_as_not_supported(client: ServiceBusClient, queue: str) -> None:
    with pytest.raises(ServiceBusError, match=r"not.supported|not-implemented|Sessions"):
        client.get_queue_receiver(queue, session_id="s").receive_messages(1, max_wait_time=1)


def test_many_links_share_the_broker(client: ServiceBusClient, queue: str) -> None:
    receivers = [client.get_queue_receiver(queue) for _ in range(4)]
    with client.get_queue_sender(queue) as sender:
        sender.send_messages([ServiceBusMessage(str(n)) for n in range(8)])
    got: list[str] = []
    try:
        for receiver in receivers:
            messages = receive(receiver, 2)
            got += bodies(messages)
            for message in messages:
                receiver.complete_message(message)
    finally:
        for receiver in receivers:
            receiver.close()
    assert sorted(got, key=int) == [str(n) for n in range(8)]
