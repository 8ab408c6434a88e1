"""Messages reach a function through azure-functions' own converters."""

from typing import Any

from azure.functions.meta import Datum
from azure.functions.servicebus import ServiceBusMessage, ServiceBusMessageInConverter

from infra.local.functions_host.messages import Delivery, Payload, batch, from_text, single

FIELDS = {
    "MessageId": "m",
    "DeliveryCount": 3,
    "SequenceNumber": 2**40,
    "EnqueuedTimeUtc": "2026-11-23T20:00:00.123000Z",
    "ContentType": None,
    "Subject": "s",
    "ApplicationProperties": {"p": 1.5},
    "UserProperties": {"p": 1.5},
}


def decode(payload: Payload) -> Any:
    return ServiceBusMessageInConverter.decode(payload[0], trigger_metadata=payload[1])


def test_one_message_keeps_its_bytes_and_fields() -> None:
    for binary in (False, True):
        message: ServiceBusMessage = decode(single(Delivery(b'{ "a":1}', FIELDS), binary))
        assert message.get_body() == b'{ "a":1}'
        assert (message.message_id, message.delivery_count, message.sequence_number) == ("m", 3, 2**40)
        assert message.enqueued_time_utc is not None
        assert message.enqueued_time_utc.isoformat() == "2026-11-23T20:00:00.123000+00:00"
        assert (message.content_type, message.subject) == (None, "s")
        assert message.application_properties == {"p": 1.5}


def test_a_body_that_is_no_text_is_kept_only_where_the_binding_asks_for_bytes() -> None:
    assert decode(single(Delivery(b"\xff\x00", FIELDS), True)).get_body() == b"\xff\x00"
    assert decode(single(Delivery(b"\xff\x00", FIELDS), False)).get_body() == "\ufffd\x00".encode()
    assert [message.get_body() for message in decode(batch([Delivery(b"\xff", FIELDS)], True))] == [b"\xff"]


def test_a_batch_prints_json_anew_and_leaves_other_texts() -> None:
    first, second = (
        Delivery(b'{ "a":1}', FIELDS),
        Delivery(b"[ ]", FIELDS | {"MessageId": "n", "ContentType": "c"}),
    )

    messages = decode(batch([first, second], False))
    assert [message.get_body() for message in messages] == [b'{"a":1}', b"[]"]
    assert [(message.message_id, message.content_type) for message in messages] == [("m", None), ("n", "c")]
    assert [message.delivery_count for message in messages] == [3, 3]

    messages = decode(batch([first, Delivery(b"no json", FIELDS)], False))
    assert [message.get_body() for message in messages] == [b'{ "a":1}', b"no json"]


def test_a_message_made_by_hand_can_be_decoded() -> None:
    assert decode(single(from_text("text"), False)).get_body() == b"text"
    assert decode(batch([from_text("1")], False))[0].delivery_count == 1


def test_metadata_is_what_the_wire_can_carry() -> None:
    kinds = {datum.type for datum in single(Delivery(b"", FIELDS), False)[1].values()}

    assert kinds <= {"string", "json"}, "the worker takes no other kind"
    assert isinstance(single(Delivery(b"", FIELDS), False)[0], Datum)
