"""Service Bus triggers receive, settle and reconnect as Azure's host does, through the unmodified SDK."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from infra.local.functions_host import exits
from infra.local.functions_host.testing import Line, RunningHost, running_host
from infra.local.functions_host.tests.conftest import APPS
from infra.local.servicebus.testing import RunningServer, running_server

LOCK_S = 5  # the shortest that Service Bus allows
SUBSCRIPTION = {"LockDuration": f"PT{LOCK_S}S", "MaxDeliveryCount": 3}
APP_SUBSCRIPTIONS = [{"Name": name, "Properties": SUBSCRIPTION} for name in ("one", "many")]
TOPICS = ("shared", "wait", "away", "drain", "kill", "slow", "keep", "two")


def topology() -> dict[str, Any]:
    topics = [{"Name": name, "Properties": {}, "Subscriptions": APP_SUBSCRIPTIONS} for name in TOPICS]
    queues = [{"Name": "work", "Properties": SUBSCRIPTION}]
    return {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues, "Topics": topics}]}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(topology(), tmp_path_factory.mktemp("broker") / "data") as server:
        yield server


def settings(broker: RunningServer, topic: str) -> dict[str, str]:
    return {"ServiceBus": broker.connection_string, "TOPIC": topic}


@pytest.fixture(scope="module")
def bus(broker: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running_host(APPS / "bus", tmp_path_factory.mktemp("bus"), settings(broker, "shared")) as host:
        yield host.ready()


def app_with(folder: Path, **host: Any) -> Path:
    """The bus app with another host.json."""
    shutil.copytree(APPS / "bus", folder)
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | host))
    return folder


def message(message_id: str, **body: float) -> ServiceBusMessage:
    return ServiceBusMessage(json.dumps(body), message_id=message_id)


def send(broker: RunningServer, topic: str, *messages: ServiceBusMessage) -> None:
    client = ServiceBusClient.from_connection_string(broker.connection_string)
    with client, client.get_topic_sender(topic) as sender:
        sender.send_messages(list(messages))


def left_in(broker: RunningServer, topic: str, subscription: str) -> list[str]:
    """Ids of the messages that are still there, locked ones included."""
    client = ServiceBusClient.from_connection_string(broker.connection_string)
    with client, client.get_subscription_receiver(topic, subscription) as receiver:
        return [str(found.message_id) for found in receiver.peek_messages(100)]


def said(host: RunningHost, text: str, message_id: str, count: int = 1) -> list[Line]:
    """Wait until the app said `text` about a message (alone or in a batch) `count` times."""

    def about(line: Line) -> bool:
        return line.get("message") == text and message_id in [line.get("id"), *line.get("ids", ())]

    return host.wait_for(about, count)


def when(line: Line) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def test_a_message_arrives_with_everything_that_was_sent(broker: RunningServer, bus: RunningHost) -> None:
    body = '{ "n":1,\n "ü": null}'
    properties: dict[str | bytes, Any] = {"retryfor": "one", "n": 7}
    sent = ServiceBusMessage(
        body.encode(),
        message_id="whole",
        subject="s",
        content_type="application/cloudevents+json",
        correlation_id="c",
        application_properties=properties,
    )
    send(broker, "shared", sent)

    line = said(bus, "begins", "whole")[0]
    assert line["body"] == body
    assert line["properties"] == properties
    assert [line[name] for name in ("subject", "content_type", "correlation", "delivery")] == [
        *("s", "application/cloudevents+json", "c", 1)
    ]
    assert abs(datetime.fromisoformat(line["enqueued"]).timestamp() - when(line)) < 5
    batch = said(bus, "batch", "whole")[0]
    index = batch["ids"].index("whole")
    assert batch["properties"][index] == properties
    assert json.loads(batch["bodies"][index]) == json.loads(body), "a batch's bodies are printed anew"


def test_an_exception_gives_the_message_back_at_once(broker: RunningServer, bus: RunningHost) -> None:
    send(broker, "shared", message("again", fail=1))

    lines = said(bus, "begins", "again", 2)
    assert [line["delivery"] for line in lines] == [1, 2]
    assert when(lines[1]) - when(lines[0]) < LOCK_S / 2, "not only when its lock expires"
    said(bus, "ends", "again")


def test_deliveries_are_used_up_and_the_dead_letter_queue_has_a_trigger_too(
    broker: RunningServer, bus: RunningHost
) -> None:
    send(broker, "shared", message("hopeless", fail=99))

    assert said(bus, "dead", "hopeless")[0]["reason"] == "MaxDeliveryCountExceeded"
    assert len(said(bus, "begins", "hopeless")) == SUBSCRIPTION["MaxDeliveryCount"]


def test_no_more_calls_run_at_once_than_the_app_allows(broker: RunningServer, bus: RunningHost) -> None:
    ids = [f"call-{number}" for number in range(5)]
    send(broker, "shared", *(message(name, sleep=0.2) for name in ids))
    for name in ids:
        said(bus, "ends", name)

    moments = [
        (when(line), 1 if line["message"] == "begins" else -1, line["message"])
        for line in bus.lines
        if line.get("message") in {"begins", "ends"} and line.get("id") in ids
    ]
    running = [sum(step for _, step, _ in sorted(moments)[: count + 1]) for count in range(len(moments))]
    assert max(running) == 2


def test_a_batch_succeeds_or_fails_as_one(broker: RunningServer, bus: RunningHost) -> None:
    send(broker, "shared", message("good"), message("bad", fail=1), message("fine"))

    first, second = said(bus, "batch", "good", 2)
    assert set(first["ids"]) == set(second["ids"]) == {"good", "bad", "fine"}
    assert first["deliveries"] == [1, 1, 1]
    assert second["deliveries"] == [2, 2, 2]


def test_batches_are_no_larger_than_the_app_allows(broker: RunningServer, bus: RunningHost) -> None:
    ids = [f"much-{number}" for number in range(23)]
    send(broker, "shared", *map(message, ids))
    for name in ids:
        said(bus, "batch", name)

    sizes = [
        len(line["ids"]) for line in bus.lines if line.get("message") == "batch" and line["ids"][0] in ids
    ]
    assert sum(sizes) == len(ids)
    assert max(sizes) == 10


def test_a_queue_has_a_trigger_and_a_function_can_be_run_by_hand(
    broker: RunningServer, bus: RunningHost
) -> None:
    client = ServiceBusClient.from_connection_string(broker.connection_string)
    with client, client.get_queue_sender("work") as sender:
        sender.send_messages(message("queued"))
    said(bus, "ends", "queued")

    assert bus.run_function("queued", '{"by": "hand"}') == 202
    bus.wait_for(lambda line: line.get("body") == '{"by": "hand"}')
    assert bus.run_function("several", '{"by": "hand too"}') == 202
    bus.wait_for(lambda line: '{"by":"hand too"}' in line.get("bodies", ()))


def test_locks_of_single_messages_are_renewed_and_a_batch_that_lost_them_is_logged(
    broker: RunningServer, bus: RunningHost
) -> None:
    send(broker, "shared", message("long", sleep=LOCK_S + 1.5))

    said(bus, "ends", "long")
    assert bus.event("lock lost", function="several")["message_id"] == "long"
    assert said(bus, "batch", "long", 2)[1]["deliveries"][0] == 2
    assert len(said(bus, "begins", "long")) == 1
    assert bus.status()["ready"] is True


def test_a_small_batch_waits_for_company_as_long_as_the_app_says(
    broker: RunningServer, tmp_path: Path, state: Path
) -> None:
    options = {"minMessageBatchSize": 3, "maxBatchWaitTime": "00:00:01", "prefetchCount": 20}
    app = app_with(tmp_path / "app", extensions={"serviceBus": options})
    with running_host(app, state, settings(broker, "wait")) as host:
        host.ready()
        send(broker, "wait", message("lone"))
        waited = when(said(host, "batch", "lone")[0]) - when(said(host, "begins", "lone")[0])
        assert 0.9 < waited < 3
        send(broker, "wait", *(message(f"three-{number}") for number in range(3)))
        assert len(said(host, "batch", "three-0")[0]["ids"]) == 3


def test_a_broker_that_goes_away_is_waited_for(tmp_path: Path, state: Path) -> None:
    with (
        running_server(topology(), tmp_path / "data") as broker,
        running_host(APPS / "bus", state, settings(broker, "away")) as host,
    ):
        host.ready()
        broker.kill()
        host.event("service bus away", function="single")
        assert host.status()["ready"] is False
        broker.restart()
        send(broker, "away", message("after"))
        said(host, "ends", "after")
        said(host, "batch", "after")
        assert not [line for line in host.lines if line.get("event") == "worker ended"]


def test_a_drain_finishes_and_settles_and_takes_nothing_new(broker: RunningServer, state: Path) -> None:
    with running_host(APPS / "bus", state, settings(broker, "drain")) as host:
        host.ready()
        send(broker, "drain", *(message(f"drained-{number}", sleep=1) for number in range(4)))
        host.message("begins", 2)
        assert host.stop() == 0

    begun = {line["id"] for line in host.message("begins", 2)}
    assert {line["id"] for line in host.message("ends", len(begun))} == begun
    assert sorted(left_in(broker, "drain", "one")) == sorted(
        {f"drained-{number}" for number in range(4)} - begun
    )
    assert left_in(broker, "drain", "one"), "it was told to stop before it could have taken all"
    assert left_in(broker, "drain", "many") == []


def test_a_killed_worker_leaves_its_locks_to_expire(broker: RunningServer, state: Path) -> None:
    with running_host(APPS / "bus", state, settings(broker, "kill")) as host:
        host.ready()
        send(broker, "kill", message("survivor", sleep=0.5))
        first = said(host, "begins", "survivor")[0]
        os.kill(host.worker_pid(), signal.SIGKILL)
        second = said(host, "begins", "survivor", 2)[1]
        assert second["delivery"] == 2
        assert when(second) - when(first) > LOCK_S - 0.5
        said(host, "ends", "survivor")


def test_a_function_that_runs_too_long_gives_its_message_back(
    broker: RunningServer, tmp_path: Path, state: Path
) -> None:
    app = app_with(tmp_path / "app", functionTimeout="00:00:01")
    with running_host(app, state, settings(broker, "slow")) as host:
        host.ready()
        first = time.time()
        send(broker, "slow", message("slow", sleep=1.5, fail=1))
        assert host.event("invocation", outcome="timed out")["messages"] == 1
        assert host.event("worker ended")["code"] == exits.TIMED_OUT
        second = said(host, "begins", "slow", 2)[1]
        assert second["delivery"] == 2
        assert when(second) - first < LOCK_S


def test_what_the_app_does_not_want_completed_stays(
    broker: RunningServer, tmp_path: Path, state: Path
) -> None:
    app = app_with(tmp_path / "app", extensions={"serviceBus": {"autoCompleteMessages": False}})
    with running_host(app, state, settings(broker, "keep")) as host:
        host.ready()
        send(broker, "keep", message("kept"))
        host.event("invocation", function="single", outcome="succeeded")
        host.event("invocation", function="several", outcome="succeeded")

    assert left_in(broker, "keep", "one") == ["kept"]
    assert left_in(broker, "keep", "many") == ["kept"]


def test_two_workers_share_the_messages(broker: RunningServer, state: Path) -> None:
    ids = {f"shared-{number}" for number in range(12)}
    with running_host(APPS / "bus", state, settings(broker, "two"), "--workers", "2") as host:
        host.event("service bus connected", count=2, function="single")
        send(broker, "two", *(message(name, sleep=0.05) for name in ids))
        ends = host.message("ends", len(ids))
        assert host.stop() == 0

    assert sorted(line["id"] for line in ends) == sorted(ids)
    assert left_in(broker, "two", "one") == left_in(broker, "two", "many") == []
