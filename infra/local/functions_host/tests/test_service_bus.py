"""Service Bus triggers receive, settle and reconnect as Azure's host does, through the unmodified SDK."""

import json
import os
import shutil
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from infra.local.functions_host import exits
from infra.local.functions_host.testing import Line, RunningHost, running_host
from infra.local.functions_host.tests.conftest import APPS
from infra.local.servicebus.testing import RunningServer, running_server

LOCK_S = 5  # the shortest that Service Bus allows
SUBSCRIPTION = {"LockDuration": f"PT{LOCK_S}S", "MaxDeliveryCount": 3}
SUBSCRIPTIONS = ("one", "many", "kept")
APP_SUBSCRIPTIONS = [{"Name": name, "Properties": SUBSCRIPTION} for name in SUBSCRIPTIONS]
TOPICS = ("shared", "wait", "away", "drain", "fragile")


def topology() -> dict[str, Any]:
    topics = [{"Name": name, "Properties": {}, "Subscriptions": APP_SUBSCRIPTIONS} for name in TOPICS]
    queues = [{"Name": f"{name}-work", "Properties": {"LockDuration": "PT5M"}} for name in TOPICS]
    return {"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": queues, "Topics": topics}]}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(topology(), tmp_path_factory.mktemp("broker") / "data") as server:
        yield server


def settings(broker: RunningServer, topic: str) -> dict[str, str]:
    return {"ServiceBus": broker.connection_string, "TOPIC": topic}


def app_with(folder: Path, **host: Any) -> Path:
    """The bus app with another host.json."""
    shutil.copytree(APPS / "bus", folder)
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | host))
    return folder


Start = Callable[..., RunningHost]


@pytest.fixture(scope="module")
def start(broker: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a host over a topic of its own; all are stopped at the end, at the same time."""
    hosts: list[RunningHost] = []

    def started(topic: str, *options: str, **host_json: Any) -> RunningHost:
        folder = tmp_path_factory.mktemp(topic)
        app = app_with(folder / "app", **host_json) if host_json else APPS / "bus"
        hosts.append(
            stack.enter_context(running_host(app, folder / "state", settings(broker, topic), *options))
        )
        return hosts[-1]

    with ExitStack() as stack:
        yield started
        for host in hosts:
            host.process.terminate()


@pytest.fixture(scope="module")
def bus(start: Start) -> RunningHost:
    return start("shared").ready()


def message(message_id: str, **body: float) -> ServiceBusMessage:
    return ServiceBusMessage(json.dumps(body), message_id=message_id)


class Sdk:
    """The unmodified SDK as a sender and a looker-on; links are kept open, because opening one takes a second."""

    def __init__(self, broker: RunningServer) -> None:
        self._client = ServiceBusClient.from_connection_string(broker.connection_string)
        self._senders: dict[str, ServiceBusSender] = {}

    def send(self, topic: str, *messages: ServiceBusMessage) -> None:
        if topic not in self._senders:
            is_queue = topic.endswith("-work")
            make = self._client.get_queue_sender if is_queue else self._client.get_topic_sender
            self._senders[topic] = make(topic)
        self._senders[topic].send_messages(list(messages))

    def close(self) -> None:
        self._client.close()


def left_in(broker: RunningServer, topic: str) -> dict[str, int]:
    """How many messages each subscription still has, locked ones included."""
    with urllib.request.urlopen(f"{broker.status_url}/entities") as response:
        entities = json.load(response)["entities"]
    counts = {entity["name"].lower(): entity["active"] for entity in entities}
    return {name: counts[f"{topic}/subscriptions/{name}"] for name in SUBSCRIPTIONS}


@pytest.fixture(scope="module")
def sdk(broker: RunningServer) -> Iterator[Sdk]:
    with closing(Sdk(broker)) as found:
        yield found


def said(host: RunningHost, text: str, message_id: str, count: int = 1) -> list[Line]:
    """Wait until the app said `text` about a message (alone or in a batch) `count` times."""

    def about(line: Line) -> bool:
        return line.get("message") == text and message_id in [line.get("id"), *line.get("ids", ())]

    return host.wait_for(about, count)


def when(line: Line) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def test_a_message_arrives_with_everything_that_was_sent(sdk: Sdk, bus: RunningHost) -> None:
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
    sdk.send("shared", sent)

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


def test_an_exception_gives_the_message_back_at_once(sdk: Sdk, bus: RunningHost) -> None:
    sdk.send("shared-work", message("again", fail=1))

    # Nobody waits for the five minutes that a lock lasts in this queue.
    assert [line["delivery"] for line in said(bus, "begins", "again", 2)] == [1, 2]
    said(bus, "ends", "again")


def test_deliveries_are_used_up_and_the_dead_letter_queue_has_a_trigger_too(
    sdk: Sdk, bus: RunningHost
) -> None:
    sdk.send("shared", message("hopeless", fail=99))

    assert said(bus, "dead", "hopeless")[0]["reason"] == "MaxDeliveryCountExceeded"
    assert len(said(bus, "begins", "hopeless")) == SUBSCRIPTION["MaxDeliveryCount"]


def test_no_more_calls_run_at_once_than_the_app_allows(sdk: Sdk, bus: RunningHost) -> None:
    ids = [f"call-{number}" for number in range(5)]
    sdk.send("shared", *(message(name, sleep=0.2) for name in ids))
    for name in ids:
        said(bus, "ends", name)

    moments = [
        (when(line), 1 if line["message"] == "begins" else -1, line["message"])
        for line in bus.lines
        if line.get("message") in {"begins", "ends"} and line.get("id") in ids
    ]
    running = [sum(step for _, step, _ in sorted(moments)[: count + 1]) for count in range(len(moments))]
    assert max(running) == 2


def test_short_calls_do_not_wait_for_each_other_in_the_sdk(sdk: Sdk, bus: RunningHost) -> None:
    ids = [f"short-{number}" for number in range(120)]
    sdk.send("shared-work", *map(message, ids))
    moments = sorted(when(said(bus, "ends", name)[0]) for name in ids)

    # A waiting read holds the connection for 0.2 s. With receiving and settling in tasks of their own every fifth
    # call waited for one.
    waits = [later - earlier for earlier, later in pairwise(moments) if later - earlier > 0.15]
    assert len(waits) < len(ids) / 10


def test_a_batch_succeeds_or_fails_as_one(sdk: Sdk, bus: RunningHost) -> None:
    sdk.send("shared", message("good"), message("bad", fail=1), message("fine"))

    first, second = (
        dict(zip(line["ids"], line["deliveries"], strict=True)) for line in said(bus, "batch", "good", 2)
    )
    assert {name: first[name] for name in ("good", "bad", "fine")} == {"good": 1, "bad": 1, "fine": 1}
    assert {name: second[name] for name in ("good", "bad", "fine")} == {"good": 2, "bad": 2, "fine": 2}


def test_batches_are_no_larger_than_the_app_allows(sdk: Sdk, bus: RunningHost) -> None:
    ids = [f"much-{number}" for number in range(23)]
    sdk.send("shared", *map(message, ids))
    for name in ids:
        said(bus, "batch", name)

    sizes = [
        len(line["ids"]) for line in bus.lines if line.get("message") == "batch" and line["ids"][0] in ids
    ]
    assert sum(sizes) == len(ids)
    assert max(sizes) == 10


def test_a_queue_has_a_trigger_and_a_function_can_be_run_by_hand(sdk: Sdk, bus: RunningHost) -> None:
    sdk.send("shared-work", message("queued"))
    said(bus, "ends", "queued")

    assert bus.run_function("queued", '{"by": "hand"}') == 202
    bus.wait_for(lambda line: line.get("body") == '{"by": "hand"}')
    assert bus.run_function("several", '{"by": "hand too"}') == 202
    bus.wait_for(lambda line: '{"by":"hand too"}' in line.get("bodies", ()))


def test_locks_of_single_messages_are_renewed_and_a_batch_that_lost_them_is_logged(
    sdk: Sdk, bus: RunningHost
) -> None:
    sdk.send("shared", message("long", sleep=LOCK_S + 1.5))

    said(bus, "ends", "long")
    assert bus.event("lock lost", function="several")["message_id"] == "long"
    assert said(bus, "batch", "long", 2)[1]["deliveries"][0] == 2
    assert len(said(bus, "begins", "long")) == 1
    assert bus.status()["ready"] is True


def test_a_small_batch_waits_for_company_as_long_as_the_app_says(sdk: Sdk, start: Start) -> None:
    options = {"minMessageBatchSize": 3, "maxBatchWaitTime": "00:00:02", "prefetchCount": 20}
    host = start("wait", extensions={"serviceBus": options}).ready()

    sdk.send("wait", message("lone"))
    waited = when(said(host, "batch", "lone")[0]) - when(said(host, "begins", "lone")[0])
    assert 1 < waited < 10
    sdk.send("wait", *(message(f"three-{number}") for number in range(3)))
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
        with closing(Sdk(broker)) as sdk:
            sdk.send("away", message("after"))
        said(host, "ends", "after")
        said(host, "batch", "after")
        assert not [line for line in host.lines if line.get("event") == "worker ended"]


def test_two_workers_share_the_messages_and_a_drain_finishes_settles_and_takes_nothing_new(
    sdk: Sdk, broker: RunningServer, start: Start
) -> None:
    host = start("drain", "--workers", "2")
    host.event("service bus connected", count=2, function="single")
    host.event("service bus connected", count=2, function="several")
    names = {f"drained-{number}" for number in range(30)}  # seven seconds of work for four calls at once
    sdk.send("drain", *(message(name, sleep=1) for name in names))
    host.message("begins", 4)
    for name in names:
        said(host, "batch", name)
    assert host.stop() == 0

    begun = [line["id"] for line in host.message("begins", 4)]
    assert sorted(line["id"] for line in host.message("ends", len(begun))) == sorted(begun)
    assert len(set(begun)) == len(begun) < len(names), (
        "each once, and it was told to stop before all were taken"
    )
    left = left_in(broker, "drain")
    assert (left["one"], left["many"]) == (len(names) - len(begun), 0)


@pytest.fixture(scope="module")
def fragile(start: Start) -> RunningHost:
    return start("fragile", functionTimeout="00:00:03")


def test_a_killed_worker_leaves_its_locks_to_expire(sdk: Sdk, fragile: RunningHost) -> None:
    worker = fragile.ready().worker_pid()
    sdk.send("fragile", message("survivor", sleep=2))
    first = said(fragile, "begins", "survivor")[0]
    os.kill(worker, signal.SIGKILL)

    second = said(fragile, "begins", "survivor", 2)[1]
    assert second["delivery"] == 2
    assert when(second) - when(first) > LOCK_S / 2, "it was given back"
    said(fragile, "ends", "survivor")


def test_a_function_that_runs_too_long_gives_its_message_back(sdk: Sdk, fragile: RunningHost) -> None:
    sdk.send("fragile-work", message("slow", sleep=4, fail=1))

    assert fragile.event("invocation", outcome="timed out")["messages"] == 1
    fragile.event("worker ended", code=exits.TIMED_OUT)
    # Nobody waits for the five minutes that a lock lasts in this queue.
    assert said(fragile, "begins", "slow", 2)[1]["delivery"] == 2


def test_what_a_function_does_not_want_completed_stays(
    sdk: Sdk, broker: RunningServer, bus: RunningHost
) -> None:
    sdk.send("shared", message("kept"))
    bus.event("invocation", function="keeper", outcome="succeeded")

    assert left_in(broker, "shared")["kept"] > 0
