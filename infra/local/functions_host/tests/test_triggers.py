"""Bindings are read as the host reads them; what only the host refuses is refused with the function's name."""

from typing import Any

import pytest

from infra.local.functions_host import triggers
from infra.local.functions_host.errors import AppRefused, BadSetting
from infra.local.functions_host.host_json import HostConfig
from infra.local.functions_host.routes import parse
from infra.local.functions_host.runtime import IndexedFunction
from infra.local.functions_host.triggers import HttpTrigger, ServiceBusTrigger

SETTINGS = {
    "Bus": "Endpoint=sb://x",
    "T": "topic",
    "Cloud__fullyQualifiedNamespace": "x.servicebus.windows.net",
}
BUS = {"name": "message", "type": "serviceBusTrigger", "connection": "Bus", "queueName": "q"}
HTTP = {"name": "req", "type": "httpTrigger", "route": "a"}
TIMER = {"name": "timer", "type": "timerTrigger", "schedule": "0 0 0 * * *"}
ANSWER = {"name": "$return", "type": "http", "direction": "OUT"}


def read(*bindings: dict[str, Any], name: str = "f", **config: Any) -> triggers.Trigger:
    return triggers.read(IndexedFunction(name, "id", bindings), HostConfig(**config), SETTINGS)


def test_a_topic_with_settings_and_a_dead_letter_queue() -> None:
    topic = {
        "topicName": "%T%",
        "subscriptionName": "s/$deadletterqueue",
        "cardinality": "MANY",
        "queueName": None,
    }
    trigger = read(BUS | topic)

    assert isinstance(trigger, ServiceBusTrigger)
    assert (trigger.source, trigger.many, trigger.binary) == ("topic/s/$DeadLetterQueue", True, False)
    assert trigger.connection == "Endpoint=sb://x"


def test_a_connection_is_looked_up_with_the_hosts_prefix_first() -> None:
    function = IndexedFunction("f", "id", (BUS,))
    trigger = triggers.read(function, HostConfig(), SETTINGS | {"AzureWebJobsBus": "first"})

    assert isinstance(trigger, ServiceBusTrigger)
    assert trigger.connection == "first"


def test_an_http_trigger_has_its_name_as_route_and_wants_a_key() -> None:
    trigger = read({"name": "req", "type": "httpTrigger"}, ANSWER, name="hello")

    assert isinstance(trigger, HttpTrigger)
    assert (trigger.route.template, trigger.open_to_all, trigger.methods) == ("api/hello", False, frozenset())


@pytest.mark.parametrize(
    ("bindings", "complaint"),
    [
        ([BUS | {"connection": "Nowhere"}], "the setting Nowhere"),
        ([BUS | {"connection": "Cloud"}], "set Cloud to a connection string"),
        ([BUS | {"queueName": "%Q%"}], "%Q% does not resolve"),
        ([BUS | {"queueName": ""}], "neither a queue nor a topic"),
        ([BUS | {"topicName": "t", "queueName": None}], "neither a queue nor a topic"),
        ([BUS | {"isSessionsEnabled": True}], "sessions are not supported"),
        ([BUS | {"accessRights": "send"}], "accessRights"),
        ([BUS | {"name": "my_message"}], "letters and digits only"),
        ([BUS, TIMER], "2 triggers"),
        ([ANSWER], "0 triggers"),
        (
            [BUS, {"name": "out", "type": "serviceBus", "direction": "OUT"}],
            "serviceBus binding 'out' is not served",
        ),
        ([{"name": "blob", "type": "blobTrigger"}], "blobTrigger is not driven"),
        ([HTTP | {"route": "admin/x"}], "reserved"),
        ([HTTP | {"route": "a/{b"}], "route segment '{b'"),
        ([HTTP | {"route": "{*a}/b"}], "must be the last segment"),
        ([HTTP | {"route": "{a:date}"}], "constraint 'date'"),
        ([HTTP | {"methods": ["FETCH"]}], "['FETCH']"),
        ([HTTP | {"authLevel": "SECRET"}], "authLevel"),
        ([TIMER | {"schedule": "0 0 0 31 2 *"}], "never fires"),
    ],
)
def test_what_the_host_refuses_it_names(bindings: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises((AppRefused, BadSetting)) as caught:
        read(*bindings, route_prefix="")
    text = str(caught.value)
    assert complaint in text
    assert "f" in text.split(":")[0].split() or "never fires" in text


def test_a_functions_name_has_letters_digits_and_dashes() -> None:
    with pytest.raises(AppRefused, match="1st"):
        read(TIMER, name="1st")


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("a/b", "/A/b/", {}),
        ("a/b", "/a", None),
        ("a/b", "/a/b/c", None),
        ("{x}", "/%C3%BC%2F", {"x": "ü/"}),
        ("{x:int}/y", "/-7/y", {"x": "-7"}),
        ("{x:int}/y", "/7a/y", None),
        ("{x:guid}", "/6ba7b810-9dad-11d1-80b4-00c04fd430c8", {"x": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}),
        ("{x:guid}", "/6ba7", None),
        ("a/{x?}", "/a", {}),
        ("a/{x?}", "/a/1", {"x": "1"}),
        ("a/{*rest}", "/a", {"rest": ""}),
        ("a/{*rest}", "/a/b/c%20d", {"rest": "b/c d"}),
        ("", "/", {}),
    ],
)
def test_a_route_matches_as_its_template_says(template: str, path: str, found: dict[str, str] | None) -> None:
    assert parse(template, "").match(path) == found


def test_the_most_specific_route_goes_first() -> None:
    templates = ["{*rest}", "a/{x}", "a/b", "a/{x:int}", "a/{*rest}", "a"]

    assert sorted(templates, key=lambda text: parse(text, "").rank) == [
        *("a", "a/b", "a/{x:int}", "a/{x}", "a/{*rest}", "{*rest}")
    ]
