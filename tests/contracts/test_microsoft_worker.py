"""What Microsoft's own worker makes of function apps: sample ones here, the five services below."""

from pathlib import Path
from typing import Any

import pytest

from tests.contracts.microsoft_worker import Call, work

HEAD = """
import json
import typing
import azure.functions as func
app = func.FunctionApp()
"""
TOPIC = '@app.service_bus_topic_trigger(arg_name="{0}", connection="B", topic_name="t", subscription_name="s"{1})\n'
ONE = TOPIC.format("message", "")
MANY = TOPIC.format("messages", ', cardinality="many"')

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
