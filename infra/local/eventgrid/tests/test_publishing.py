"""What a custom topic takes and refuses, through the unmodified azure-eventgrid SDK and over plain HTTP."""

import asyncio
import bisect
import contextlib
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AzureKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient, generate_sas
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.eventgrid import cloud_events
from infra.local.eventgrid.destinations import text_of
from infra.local.eventgrid.testing import KEY, RunningEventGrid, running_eventgrid
from infra.local.eventgrid.tests.conftest import (
    NO_SERVICE_BUS,
    NO_STORAGE,
    Webhook,
    config_for,
    running_webhook,
    wait_until,
)


@pytest.fixture(scope="module")
def shared_webhook() -> Iterator[Webhook]:
    with running_webhook() as hook:
        yield hook


@pytest.fixture
def webhook(shared_webhook: Webhook) -> Webhook:
    shared_webhook.received.clear()
    return shared_webhook


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, shared_webhook: Webhook) -> Iterator[RunningEventGrid]:
    """One for all tests here: each leaves nothing pending."""
    directory = tmp_path_factory.mktemp("eventgrid")
    with running_eventgrid(directory, NO_SERVICE_BUS, NO_STORAGE, config_for(shared_webhook)) as running:
        yield running


def publish(
    grid: RunningEventGrid, *events: CloudEvent[Any], credential: Any = None, topic: str = "cog-events"
) -> None:
    credential = credential or AzureKeyCredential(KEY)
    with EventGridPublisherClient(grid.endpoint(topic), credential, retry_total=0) as client:
        client.send(list(events))


def post(grid: RunningEventGrid, body: bytes, content_type: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(
        grid.endpoint("cog-events"),
        body,
        {"Content-Type": content_type, "aeg-sas-key": KEY, **headers},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_sdk_publishes_one_event_and_many(grid: RunningEventGrid, webhook: Webhook) -> None:
    events = [CloudEvent("/test", "demo.done", data={"n": n}, id=f"e{n}", subject="s") for n in range(5)]
    publish(grid, events[0])
    publish(grid, *events[1:])
    wait_until(lambda: len(webhook.received) == 5)
    assert sorted(webhook.ids) == ["e0", "e1", "e2", "e3", "e4"]
    headers, event = next(one for one in webhook.received if one[1]["id"] == "e3")
    assert event["data"] == {"n": 3}
    assert event["source"] == "/test"
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["aeg-subscription-name"] == "HOOK"
    assert headers["aeg-delivery-count"] == "0"


def test_a_signature_opens_the_topic_that_it_was_made_for(grid: RunningEventGrid, webhook: Webhook) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    token = generate_sas(grid.endpoint("cog-events"), KEY, tomorrow)
    publish(grid, CloudEvent("/test", "demo.done", id="signed"), credential=AzureSasCredential(token))
    wait_until(lambda: webhook.ids == ["signed"])


@pytest.mark.parametrize(
    "token",
    [
        lambda grid: generate_sas(grid.endpoint("other"), KEY, datetime.now(UTC) + timedelta(days=1)),
        lambda grid: generate_sas(grid.endpoint("cog-events"), KEY, datetime.now(UTC) - timedelta(seconds=1)),
        lambda grid: generate_sas(
            grid.endpoint("cog-events"), "d3Jvbmc=", datetime.now(UTC) + timedelta(days=1)
        ),
        lambda grid: "nonsense",
    ],
    ids=["another topic's", "expired", "another key's", "no signature at all"],
)
def test_a_wrong_signature_is_refused(grid: RunningEventGrid, webhook: Webhook, token: Any) -> None:
    with pytest.raises(ClientAuthenticationError):
        publish(grid, CloudEvent("/test", "demo.done"), credential=AzureSasCredential(token(grid)))
    assert webhook.received == []


def test_a_wrong_key_is_refused(grid: RunningEventGrid) -> None:
    with pytest.raises(ClientAuthenticationError, match="not this topic's key"):
        publish(grid, CloudEvent("/test", "demo.done"), credential=AzureKeyCredential("d3Jvbmc="))


def test_an_unknown_topic_is_not_found(grid: RunningEventGrid) -> None:
    with pytest.raises(ResourceNotFoundError):
        publish(grid, CloudEvent("/test", "demo.done"), topic="nowhere")


def test_more_than_a_megabyte_is_refused(grid: RunningEventGrid, webhook: Webhook) -> None:
    publish(grid, CloudEvent("/test", "demo.done", data="x" * 1_000_000, id="fits"))
    with pytest.raises(HttpResponseError) as refused:
        publish(grid, CloudEvent("/test", "demo.done", data="x" * 1_048_576))
    assert refused.value.status_code == 413
    wait_until(lambda: webhook.ids == ["fits"])


JSON_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1.0")
NAMES = st.sampled_from(
    ["id", "source", "type", "specversion", "time", "data", "data_base64", "subject", "x", "X"]
)


def fields(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(NAMES, values)


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


GOOD = {"specversion": "1.0", "id": "i", "source": "s", "type": "t"}
SINGLE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


@pytest.mark.parametrize(
    ("event", "field"),
    [
        *(({k: v for k, v in GOOD.items() if k != name}, f"event.{name}") for name in GOOD),
        (GOOD | {"id": ""}, "event.id"),
        (GOOD | {"source": 5}, "event.source"),
        (GOOD | {"specversion": "0.3"}, "event.specversion"),
        (GOOD | {"time": "yesterday"}, "event.time"),
        (GOOD | {"time": "2026-02-30T00:00:00Z"}, "event.time"),
        (GOOD | {"subject": 7}, "event.subject"),
        (GOOD | {"subject": ""}, "event.subject"),
        (GOOD | {"data": 1, "data_base64": "MQ=="}, "event.data_base64"),
        (GOOD | {"myExtension": "x"}, "event.myExtension"),
        (GOOD | {"extension": {"nested": 1}}, "event.extension"),
        ([], "event"),
    ],
)
def test_a_malformed_event_is_refused_with_the_name_of_the_field(
    grid: RunningEventGrid, event: object, field: str
) -> None:
    status, answer = post(grid, json.dumps(event).encode(), SINGLE)
    assert status == 400
    assert json.loads(answer)["error"]["message"].startswith(field + " ")


def test_one_bad_event_refuses_the_whole_batch_and_gives_its_index(
    grid: RunningEventGrid, webhook: Webhook
) -> None:
    status, answer = post(grid, json.dumps([GOOD, GOOD | {"type": ""}]).encode(), BATCH)
    assert status == 400
    assert "events[1].type" in answer
    assert grid.stats()["cog-events/hook"]["pending"] == 0
    assert webhook.received == []


def test_what_is_not_cloud_events_is_refused(grid: RunningEventGrid) -> None:
    assert post(grid, b"{", SINGLE)[0] == 400
    assert post(grid, b"[]", BATCH)[0] == 400
    assert post(grid, b"[" * 500_000, BATCH)[0] == 400
    assert post(grid, json.dumps([GOOD]).encode(), "application/json")[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GOOD | {"subject": "\ud800"}).encode(),
        json.dumps(GOOD | {"data": [{"\udfff": 1}]}).encode(),
        json.dumps(GOOD | {"id": "\ud800"}, ensure_ascii=False).encode(errors="surrogatepass"),
    ],
    ids=["escaped", "name", "raw"],
)
def test_half_a_surrogate_pair_is_refused(grid: RunningEventGrid, webhook: Webhook, body: bytes) -> None:
    status, answer = post(grid, body, SINGLE)
    assert status == 400
    assert "surrogates not allowed" in json.loads(answer)["error"]["message"]
    publish(grid, CloudEvent("/test", "demo.done", id="whole"))
    wait_until(lambda: webhook.ids == ["whole"])


def test_what_is_nested_as_deep_as_is_taken_can_be_dead_lettered() -> None:
    def taken(depth: int) -> list[dict[str, Any]]:
        body = json.dumps(GOOD | {"data": "?"}).replace('"?"', "[" * depth + "]" * depth).encode()
        try:
            return cloud_events.parse(body, SINGLE)
        except cloud_events.BadEventError:
            return []

    refused = bisect.bisect_left(range(200_000), True, key=lambda depth: not taken(depth))
    [event] = taken(refused - 1)

    async def dead_lettered() -> bytes:
        return text_of([event])

    assert asyncio.run(dead_lettered())


def test_both_forms_of_a_topics_address_are_the_same_topic(grid: RunningEventGrid, webhook: Webhook) -> None:
    endpoint = f"{grid.url}/topics/cog-events/api/events"
    with EventGridPublisherClient(endpoint, AzureKeyCredential(KEY), retry_total=0) as client:
        client.send(CloudEvent("/test", "demo.done", id="other form"))
    wait_until(lambda: webhook.ids == ["other form"])


def test_clients_that_break_off_or_talk_nonsense_do_no_harm(grid: RunningEventGrid, webhook: Webhook) -> None:
    head = (
        f"POST /cog-events/api/events HTTP/1.1\r\nHost: h\r\naeg-sas-key: {KEY}\r\nContent-Type: {SINGLE}\r\n"
    )
    beginnings = (
        b"",
        b"\x00\xff nonsense\r\n\r\n",
        (head + "Content-Length: 900000\r\n\r\n{").encode(),
        (head + "Content-Length: 99999999999\r\n\r\n{").encode(),
        (head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").encode(),
        (head + "X: " + "y" * 100_000).encode(),
    )
    broken = []
    for _ in range(30):
        for beginning in beginnings:
            connection = socket.create_connection(("127.0.0.1", grid.port))
            connection.sendall(beginning)
            broken.append(connection)
    publish(grid, CloudEvent("/test", "demo.done", id="whole"))
    for connection in broken:
        connection.close()
    wait_until(lambda: webhook.ids == ["whole"])


@given(
    st.binary(max_size=200)
    | st.recursive(JSON_LEAVES, lambda inner: st.lists(inner) | fields(inner)).map(dumps)
)
@settings(max_examples=150, deadline=None)
def test_any_body_is_taken_or_refused_with_a_reason(body: bytes) -> None:
    for content_type in (SINGLE, BATCH):
        events: list[dict[str, Any]] = []
        with contextlib.suppress(cloud_events.BadEventError):  # any other exception fails
            events = cloud_events.parse(body, content_type)
        assert all(set(event) >= set(GOOD) for event in events)
