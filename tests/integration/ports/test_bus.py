"""The bus port: the twin and Service Bus behave alike."""

import gc
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusSender

from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.bus import Bus, Message, text_of
from eventstac.errors import Rejected, Transient
from eventstac.events import Origin, ScanRequested, seal
from infra.local.servicebus.testing import running_server
from tests.twins.bus import MemoryBus

# Takes the messages of a topic: id, body, properties.
Taking = Callable[[str, int], list[tuple[str, str, dict[str, Any]]]]

EVENT = seal(
    ScanRequested("run", "http://127.0.0.1:10000/devstoreaccount1/source"),
    app="tests",
    origin=Origin.new("test"),
    at=datetime(2024, 1, 1, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def connection_string(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("servicebus")
    with running_server(Path("contracts/topology.json"), data) as server:
        yield server.connection_string


@pytest.fixture(params=["twin", "service bus"])
def bus(request: pytest.FixtureRequest) -> Iterator[tuple[Bus, Taking]]:
    if request.param == "twin":
        twin = MemoryBus()
        yield (
            twin,
            lambda topic, count: [(m.message_id, text_of(m), {**m.properties}) for m in twin.to(topic)][
                :count
            ],
        )
        return
    settings = {"ServiceBus": request.getfixturevalue("connection_string")}
    real = ServiceBus(open_client(settings))
    with ServiceBusClient.from_connection_string(settings["ServiceBus"]) as client:
        yield real, lambda topic, count: take(client, topic, count)
    real.close()


def take(client: ServiceBusClient, topic: str, count: int) -> list[tuple[str, str, dict[str, Any]]]:
    subscription = {"items-changed": "outbound", "rejected": "loader"}.get(topic, "scanner")
    taken: list[tuple[str, str, dict[str, Any]]] = []
    with client.get_subscription_receiver(topic, subscription, max_wait_time=5) as receiver:
        for message in receiver:
            properties = {
                (name.decode() if isinstance(name, bytes) else name): value.decode()
                if isinstance(value, bytes)
                else value
                for name, value in (message.application_properties or {}).items()
            }
            taken.append((str(message.message_id), str(message), properties))
            receiver.complete_message(message)
            if len(taken) == count:
                break
    return taken


def test_messages_arrive_with_their_ids_bodies_and_properties(bus: tuple[Bus, Taking]) -> None:
    port, taking = bus
    port.send([Message("scan-requests", "m1", EVENT, {"retryfor": "scanner", "attempt": 2})])
    ((identity, body, properties),) = taking("scan-requests", 1)
    assert (identity, json.loads(body)) == ("m1", EVENT)
    assert properties == {"retryfor": "scanner", "attempt": 2}


def test_text_is_sent_as_it_came(bus: tuple[Bus, Taking]) -> None:
    port, taking = bus
    port.send([Message("scan-requests", "m2", 'no JSON, but "text" — ä')])
    assert taking("scan-requests", 1)[0][1] == 'no JSON, but "text" — ä'


def test_one_call_sends_to_several_topics(bus: tuple[Bus, Taking]) -> None:
    port, taking = bus
    port.send(
        [
            Message("scan-requests", "m3", EVENT),
            Message("rejected", "m4", "x"),
            Message("rejected", "m5", "y"),
        ]
    )
    assert [one[0] for one in taking("scan-requests", 1)] == ["m3"]
    assert sorted(one[0] for one in taking("rejected", 2)) == ["m4", "m5"]


def test_more_than_one_batch_holds_is_sent_whole(bus: tuple[Bus, Taking]) -> None:
    port, taking = bus
    port.send([Message("items-changed", f"m{number}", "x" * 60_000) for number in range(12)])
    assert len({one[0] for one in taking("items-changed", 12)}) == 12


def test_a_message_over_the_limit_is_rejected_and_the_next_one_goes(bus: tuple[Bus, Taking]) -> None:
    port, taking = bus
    with pytest.raises(Rejected, match="too-large"):
        port.send([Message("scan-requests", "m6", "x" * 300_000)])
    port.send([Message("scan-requests", "m7", EVENT)])
    assert [one[0] for one in taking("scan-requests", 1)] == ["m7"]


def test_a_scheduled_message_is_not_delivered_before_its_time(connection_string: str) -> None:
    real = ServiceBus(open_client({"ServiceBus": connection_string}))
    not_before = datetime.now(UTC) + timedelta(seconds=2)
    real.send([Message("scan-requests", "later", EVENT, not_before=not_before)])
    with ServiceBusClient.from_connection_string(connection_string) as client:
        ((identity, _, _),) = take(client, "scan-requests", 1)
    assert identity == "later"
    assert datetime.now(UTC) >= not_before
    real.close()


def test_a_link_that_was_opened_ahead_is_the_one_that_is_sent_over(connection_string: str) -> None:
    client = ServiceBusClient.from_connection_string(connection_string)
    opened: list[str] = []
    opens = client.get_topic_sender

    def get_topic_sender(topic_name: str, **how: Any) -> ServiceBusSender:
        opened.append(topic_name)
        return opens(topic_name, **how)

    client.get_topic_sender = get_topic_sender  # type: ignore[method-assign]
    real = ServiceBus(client)
    real.open("scan-requests")
    real.send([Message("scan-requests", "ahead", EVENT)])
    real.close()
    with ServiceBusClient.from_connection_string(connection_string) as receiving:
        assert [one[0] for one in take(receiving, "scan-requests", 1)] == ["ahead"]
    assert opened == ["scan-requests"]


def test_who_sends_does_not_wait_for_a_link_that_is_opened_ahead(
    connection_string: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ServiceBusClient.from_connection_string(connection_string)
    slow, asked, goes_on = client.get_topic_sender("scan-requests"), Event(), Event()

    def create_message_batch() -> None:
        asked.set()
        assert goes_on.wait(60)

    monkeypatch.setattr(slow, "create_message_batch", create_message_batch)
    senders = [client.get_topic_sender("scan-requests"), slow]
    monkeypatch.setattr(client, "get_topic_sender", lambda _: senders.pop())
    real = ServiceBus(client)
    opening = Thread(target=real.open, args=["scan-requests"])
    opening.start()
    assert asked.wait(60)
    real.send([Message("scan-requests", "meanwhile", EVENT)])
    goes_on.set()
    opening.join()
    real.send([Message("scan-requests", "after", EVENT)])
    real.close()
    with ServiceBusClient.from_connection_string(connection_string) as receiving:
        assert [one[0] for one in take(receiving, "scan-requests", 2)] == ["meanwhile", "after"]


# The SDK leaves the sockets of refused connections to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_bus_that_is_away_is_transient_and_works_when_it_is_back(tmp_path: Path) -> None:
    with running_server(Path("contracts/topology.json"), tmp_path / "data") as server:
        client = ServiceBusClient.from_connection_string(server.connection_string, retry_total=0)
        real = ServiceBus(client)
        real.send([Message("scan-requests", "before", EVENT)])
        server.kill()
        with pytest.raises(Transient, match="rejected"):
            real.open("rejected")
        with pytest.raises(Transient):
            for number in range(3):  # the first may still be taken by a dead socket's buffer
                real.send([Message("scan-requests", f"away-{number}", EVENT)])
        server.restart()
        real.send([Message("scan-requests", "after", EVENT)])
        real.close()
        with ServiceBusClient.from_connection_string(server.connection_string) as receiving:
            assert {"before", "after"} <= {one[0] for one in take(receiving, "scan-requests", 5)}
        del real, client
        gc.collect()
