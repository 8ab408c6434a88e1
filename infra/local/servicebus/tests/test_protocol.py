"""What Azure has and the SDK for Python does not show: modified properties, tokens that end, the order of frames."""

import uuid
from typing import Any

import pytest

from infra.local.servicebus.amqp import frames, message
from infra.local.servicebus.amqp.codec import Described, Symbol, Ulong
from infra.local.servicebus.testing import RunningServer
from infra.local.servicebus.tests import raw
from infra.local.servicebus.tests.raw import RawClient

TRANSFER, DISPOSITION, DETACH = 0x14, 0x15, 0x16


def received(client: RawClient) -> tuple[int, uuid.UUID, dict[str, Any]]:
    """The next message: delivery number, lock token, application properties."""
    fields = client.expect(TRANSFER)
    return (
        fields[1],
        uuid.UUID(bytes_le=fields[2]),
        dict(message.parse(client.payload).application_properties),
    )


def send(client: RawClient, queue: str) -> None:
    client.send(raw.attach(1, receives=False, address=queue) + raw.transfer(1, 1, raw.data(b"m")))
    assert client.expect(DISPOSITION)[4].descriptor == frames.ACCEPTED


@pytest.mark.parametrize("undeliverable_here", [False, True])
def test_a_message_is_given_back_with_modified_properties(
    server: RunningServer, queue: str, undeliverable_here: bool
) -> None:
    with RawClient(server.port, server.key) as client:
        send(client, queue)
        client.send(raw.attach(2, receives=True, address=queue, credit=5))
        number, _, _ = received(client)
        changes = {Symbol("retryfor"): "loader", Symbol("attempt"): 2}
        state = Described(Ulong(frames.MODIFIED), (True, undeliverable_here, changes))
        client.send(raw.outcome(number, state))
        if undeliverable_here:  # deferred: peeking shows what was written
            assert client.expect(DISPOSITION)[4].descriptor == frames.MODIFIED
            client.send(
                raw.attach(3, receives=True, address=f"{queue}/$management", credit=5)
                + raw.attach(4, receives=False, address=f"{queue}/$management")
                + raw.transfer(
                    4, 2, raw.request("peek-message", {"from-sequence-number": 1, "message-count": 1})
                )
            )
            client.expect(TRANSFER)
            (peeked,) = message.parse(client.payload).body_value["messages"]
            properties = message.parse(peeked["message"]).application_properties
            assert properties == {"retryfor": "loader", "attempt": 2}
        else:
            assert received(client)[2] == {"retryfor": "loader", "attempt": 2}


def test_management_gives_a_message_back_with_modified_properties(server: RunningServer, queue: str) -> None:
    with RawClient(server.port, server.key) as client:
        send(client, queue)
        client.send(raw.attach(2, receives=True, address=queue, credit=5))
        _, token, _ = received(client)
        body = {
            "disposition-status": "abandoned",
            "lock-tokens": [token],
            "properties-to-modify": {"retryfor": "loader"},
        }
        client.send(
            raw.attach(3, receives=True, address=f"{queue}/$management", credit=5)
            + raw.attach(4, receives=False, address=f"{queue}/$management")
            + raw.transfer(4, 2, raw.request("update-disposition", body))
        )
        while not (again := received(client)[2]).get("retryfor"):
            assert again == {"statusCode": 200, "statusDescription": "OK"}
        assert again == {"retryfor": "loader"}


def test_a_response_comes_before_the_outcome_of_its_request(server: RunningServer, queue: str) -> None:
    """The SDK's threads would otherwise wait for each other, 0.2 s for every few renewals of locks."""
    with RawClient(server.port, server.key) as client:
        client.send(
            raw.attach(3, receives=True, address=f"{queue}/$management", credit=5)
            + raw.attach(4, receives=False, address=f"{queue}/$management")
        )
        body = {"from-sequence-number": 1, "message-count": 1}
        client.send(raw.transfer(4, 1, raw.request("peek-message", body)))
        seen = []
        while DISPOSITION not in seen:
            found = client.frame()
            assert found is not None
            seen.append(found[0])
        assert TRANSFER in seen


def test_a_token_that_expires_ends_the_receivers_it_opened_and_refuses_what_is_sent(
    server: RunningServer, queue: str
) -> None:
    with RawClient(server.port, server.key, token_s=4) as client:
        send(client, queue)
        client.send(raw.attach(2, receives=True, address=queue, credit=5))
        received(client)
        handle, closed, error = client.expect(DETACH)
        assert (handle, closed, error.value[0]) == (2, True, "amqp:unauthorized-access")
        client.send(raw.transfer(1, 2, raw.data(b"late")))
        state = client.expect(DISPOSITION)[4]
        assert (state.descriptor, state.value[0].value[0]) == (frames.REJECTED, "amqp:unauthorized-access")
