"""What Microsoft's own worker makes of function apps: sample ones first, then the five services."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage

from infra.local.functions_host import host_json, triggers
from infra.local.functions_host.runtime import IndexedFunction
from infra.local.functions_host.triggers import HttpTrigger, ServiceBusTrigger, TimerTrigger
from infra.local.postgres.testing import running_postgres
from infra.local.servicebus.testing import RunningServer, running_server
from tests.contracts.microsoft_worker import SETTINGS, Call, Report, work
from tests.integration.conftest import CatalogDatabase, new_database

HEAD = """
import json
import typing
import azure.functions as func
app = func.FunctionApp()
"""
TOPIC = '@app.service_bus_topic_trigger(arg_name="{0}", connection="B", topic_name="t", subscription_name="s"{1})\n'
ONE = TOPIC.format("message", "")
MANY = TOPIC.format("messages", ', cardinality="many"')
OUT = '@app.service_bus_topic_output(arg_name="out", connection="B", topic_name="t")\n'
GRID = '@app.event_grid_trigger(arg_name="event")\n'
PARTIAL = f"""
import functools
def g(extra, message: func.ServiceBusMessage) -> None: ...
{ONE.strip()[1:]}(functools.partial(g, 1))
"""

GOOD = (
    HEAD
    + ONE
    + """
def one(message: func.ServiceBusMessage) -> None:
    assert message.get_body() == b'{"a":1}', message.get_body()
    assert (message.message_id, message.delivery_count) == ("m1", 3)
    assert message.application_properties == {"p": 1}

"""
    + MANY
    + """
async def many(messages: typing.List[func.ServiceBusMessage]) -> None:
    assert [json.loads(m.get_body()) for m in messages] == [{"a": 1}, {"a": 2}]
    assert [m.message_id for m in messages] == ["m1", "m2"]

"""
    + ONE
    + """
def wrong(message: func.ServiceBusMessage):
    return "a value that nothing is bound to"

@app.route(route="x/{id}")
def web(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["id"], status_code=202)
"""
)


def app_of(tmp_path: Path, source: str) -> Path:
    (tmp_path / "function_app.py").write_text(source)
    return tmp_path


def test_a_good_app_is_indexed_and_its_functions_run(tmp_path: Path) -> None:
    single: dict[str, Any] = {
        "MessageId": ("string", "m1"),
        "DeliveryCount": ("json", "3"),
        "ApplicationProperties": ("json", '{"p": 1}'),
        "UserProperties": ("json", '{"p": 1}'),
    }
    batch = {"MessageIdArray": ("json", '["m1", "m2"]'), "UserPropertiesArray": ("json", "[{}, {}]")}
    request = {"method": "GET", "url": "http://h/api/x/7", "params": {"id": "7"}}

    report = work(
        app_of(tmp_path, GOOD),
        Call("one", {"message": ("string", '{"a":1}')}, single),
        Call("many", {"messages": ("json", '[{"a":1}, {"a":2}]')}, batch),
        Call("web", {"req": ("http", request)}),
        Call("wrong", {"message": ("string", "")}, single),
    )

    assert report.indexed.ok, report.indexed.error
    assert set(report.functions) == {"one", "many", "wrong", "web"}
    one, many, web, wrong = report.calls
    assert one.ok, one.error
    assert many.ok, many.error
    assert web.answer["http"]["status_code"] == "202"
    assert web.answer["http"]["body"] == {"bytes": "7"}
    assert (wrong.ok, "$return" in wrong.error) == (False, True)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (MANY + "def f(messages: list[func.ServiceBusMessage]) -> None: ...", "invalid non-type annotation"),
        (ONE + "def f(message: dict) -> None: ...", "does not match its Python annotation"),
        (ONE + "def f(message: func.ServiceBusMessage, extra: int = 1) -> None: ...", "extra"),
        (ONE + "def f(other: func.ServiceBusMessage) -> None: ...", "other"),
        (
            ONE + OUT + "def f(message: func.ServiceBusMessage, out: func.Out[typing.List[str]]): ...",
            "issubclass",
        ),
        (
            ONE + OUT + "def f(message: func.ServiceBusMessage, out: func.Out[func.ServiceBusMessage]): ...",
            "type of out",
        ),
        (
            GRID + "def f(event: typing.List[func.EventGridEvent]) -> None: ...",
            'does not match its Python annotation "List"',
        ),
        (
            GRID + "def f(event: typing.Union[func.EventGridEvent, func.CloudEvent]) -> None: ...",
            "typing.Union",
        ),
        (PARTIAL, "functools.partial"),
        ("alias = app\n" + ONE + "def f(message: func.ServiceBusMessage) -> None: ...", "More than one"),
        ("del app", "Could not find top level function app"),
        ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
    ],
)
def test_what_the_worker_refuses_it_names(tmp_path: Path, source: str, reason: str) -> None:
    report = work(app_of(tmp_path, HEAD + source))

    assert not report.indexed.ok
    assert reason in report.indexed.error
    assert report.functions == {}


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations\n"
        + HEAD
        + ONE
        + "def f(message: func.ServiceBusMessage) -> None: ...",
        HEAD
        + "def register(deps):\n    "
        + ONE
        + "    def f(message: func.ServiceBusMessage) -> None: ...\nregister(1)",
        HEAD
        + "bp = func.Blueprint()\n"
        + ONE.replace("app.", "bp.")
        + "def f(message: func.ServiceBusMessage) -> None:"
        " ...\napp.register_functions(bp)\ndel bp",
    ],
)
def test_ways_to_lay_out_an_app_that_the_worker_takes(tmp_path: Path, source: str) -> None:
    report = work(app_of(tmp_path, source))

    assert report.indexed.ok, report.indexed.error
    assert list(report.functions) == ["f"]


ROOT = Path(__file__).parents[2]
SERVICES = ("scanner", "extractor", "loader", "cog_updater", "stac_api")
TOPOLOGY = ROOT / "contracts" / "topology.json"


def service(name: str, *calls: Call, settings: dict[str, str] | None = None) -> Report:
    report = work(ROOT / "services" / name, *calls, settings=SETTINGS | (settings or {}))
    assert report.indexed.ok, report.indexed.error
    assert report.functions, f"services/{name} has no function"
    return report


@pytest.fixture(scope="module")
def indexed() -> dict[str, Report]:
    return {name: service(name) for name in SERVICES}


def triggers_of(name: str, report: Report) -> list[triggers.Trigger]:
    config = host_json.read(ROOT / "services" / name)
    return [
        triggers.read(IndexedFunction(function, function, tuple(bindings)), config, SETTINGS)
        for function, bindings in report.functions.items()
    ]


def test_every_subscription_of_the_topology_is_consumed_by_exactly_one_function(
    indexed: dict[str, Report],
) -> None:
    namespace = json.loads(TOPOLOGY.read_text())["UserConfig"]["Namespaces"][0]
    declared = [
        f"{topic['Name']}/{subscription['Name']}"
        for topic in namespace["Topics"]
        for subscription in topic["Subscriptions"]
    ]

    found = [trigger for name, report in indexed.items() for trigger in triggers_of(name, report)]

    consumed = [trigger.source for trigger in found if isinstance(trigger, ServiceBusTrigger)]
    assert sorted(source for source in consumed if "$" not in source) == sorted(declared)
    assert any(isinstance(trigger, TimerTrigger) for trigger in found)


def test_the_api_takes_every_path_without_a_key(indexed: dict[str, Report]) -> None:
    (trigger,) = (t for t in triggers_of("stac_api", indexed["stac_api"]) if isinstance(t, HttpTrigger))

    assert trigger.open_to_all
    assert trigger.route.match("/collections/a/items") == {"route": "collections/a/items"}


def test_what_our_code_logs_is_not_told_once_more_by_the_host(indexed: dict[str, Report]) -> None:
    """The apps hand it on themselves, with its keys: docs/decisions/0030."""
    for name, report in indexed.items():
        levels = json.loads((ROOT / "services" / name / "host.json").read_text())["logging"]["logLevel"]
        assert levels == {f"Function.{function}.User": "None" for function in report.functions}, name


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CatalogDatabase]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as postgres:
        yield new_database(postgres)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(TOPOLOGY, tmp_path_factory.mktemp("broker") / "data") as server:
        yield server


def unreadable(number: int) -> dict[str, tuple[str, Any]]:
    """The metadata of messages that are no CloudEvents."""
    names = [f"unreadable-{index}" for index in range(number)]
    if number == 1:
        return {
            "MessageId": ("string", names[0]),
            "DeliveryCount": ("json", "1"),
            "UserProperties": ("json", "{}"),
        }
    counts = ("json", json.dumps([1] * number))
    properties = ("json", json.dumps([{}] * number))
    return {
        "MessageIdArray": ("json", json.dumps(names)),
        "DeliveryCountArray": counts,
        "UserPropertiesArray": properties,
    }


SINGLE = {"message": ("string", "no CloudEvent")}
BATCH = {"messages": ("json", '["no CloudEvent", "nor this"]')}
TIMER = {"timer": ("json", '{"IsPastDue": false, "ScheduleStatus": {}, "Schedule": {}}')}


@pytest.mark.parametrize(
    ("name", "calls", "rejections"),
    [
        ("scanner", [Call(name, SINGLE, unreadable(1)) for name in ("scan_blob_event", "scan_page")], 2),
        ("extractor", [Call("look_at_blob", SINGLE, unreadable(1))], 1),
        (
            "loader",
            [
                *(
                    Call(name, BATCH, unreadable(2))
                    for name in ("load_facts", "update_collections", "forward_changes")
                ),
                Call("publish_announced", TIMER),
                Call("recompute_collections", TIMER),
            ],
            6,
        ),
        ("cog_updater", [Call("update_cog", SINGLE, unreadable(1))], 1),
    ],
)
def test_a_service_runs_in_the_worker_and_rejects_what_it_cannot_read(
    broker: RunningServer, database: CatalogDatabase, name: str, calls: list[Call], rejections: int
) -> None:
    settings = database.environment(f"eventstac_{name}") if name != "extractor" else {}
    report = service(name, *calls, settings=settings | {"ServiceBus": broker.connection_string})

    for call, result in zip(calls, report.calls, strict=True):
        assert result.ok, f"{call.function}: {result.error}"
    client = ServiceBusClient.from_connection_string(broker.connection_string)
    with client, client.get_subscription_receiver("rejected", "loader") as receiver:
        found: list[ServiceBusReceivedMessage] = []
        while len(found) < rejections:  # the SDK gives what came with the first, not all that there are
            more = receiver.receive_messages(rejections + 1, max_wait_time=30)
            assert more, f"{len(found)} of {rejections} rejections came"
            found += more
        for message in found:
            receiver.complete_message(message)
    assert len(found) == rejections
    assert {json.loads(b"".join(message.body))["type"] for message in found} == {
        "eventstac.event.rejected.v1"
    }


def test_the_api_answers_in_the_worker(database: CatalogDatabase) -> None:
    request = {"method": "GET", "url": "http://h/conformance", "params": {"route": "conformance"}}

    report = service(
        "stac_api",
        Call("http_app_func", {"req": ("http", request)}),
        settings=database.environment("eventstac_stac_api"),
    )

    assert report.calls[0].ok, report.calls[0].error
    answer = report.calls[0].answer["http"]
    assert answer["status_code"] == "200", answer
    assert "https://api.stacspec.org/v1.0.0/core" in json.loads(answer["body"]["bytes"])["conformsTo"]


def test_the_worker_keeps_nothing_of_requests_that_are_answered(database: CatalogDatabase) -> None:
    """Microsoft's coordinator never lets one go (2 kB each, azure-functions-runtime 1.3.0): the app sees to it."""
    request = {"method": "GET", "url": "http://h/conformance", "params": {"route": "conformance"}}
    calls = [Call("http_app_func", {"req": ("http", request)})] * 20

    report = service("stac_api", *calls, settings=database.environment("eventstac_stac_api"))

    assert [call.ok for call in report.calls] == [True] * len(calls)
    assert report.held == 0
