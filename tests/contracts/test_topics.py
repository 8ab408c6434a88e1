"""topology.json, eventgrid.json, asyncapi.yaml, the event schemas and the apps name the same things."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from eventstac.contracts import contract_path, read_contract
from eventstac.validation import event_types
from tests.contracts.reach import OPERATOR
from tests.contracts.sending import APPS, retried, sent

ROOT = Path(__file__).parents[2]
ASYNCAPI: dict[str, Any] = yaml.safe_load(contract_path("asyncapi.yaml").read_text())
EVENT_GRID = read_contract("eventgrid.json")
(NAMESPACE,) = read_contract("topology.json")["UserConfig"]["Namespaces"]
TOPICS: dict[str, dict[str, Any]] = {topic["Name"]: topic for topic in NAMESPACE["Topics"]}
SUBSCRIPTIONS = {
    (topic, subscription["Name"]): subscription
    for topic, content in TOPICS.items()
    for subscription in content["Subscriptions"]
}


def channels_on(server: str) -> set[str]:
    reference = {"$ref": f"#/servers/{server}"}
    return {name for name, channel in ASYNCAPI["channels"].items() if reference in channel["servers"]}


def messages_of(channel: str) -> set[str]:
    return set(ASYNCAPI["channels"][channel]["messages"])


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for child in value.values() for found in references(child)]
    return [found for child in value for found in references(child)] if isinstance(value, list) else []


def test_asyncapi_has_the_topics_of_the_topology() -> None:
    assert channels_on("servicebus") == set(TOPICS)
    assert all(channel["address"] == name for name, channel in ASYNCAPI["channels"].items())


def test_asyncapi_has_the_subscriptions_of_the_topology() -> None:
    receiving = [
        name for name, operation in ASYNCAPI["operations"].items() if operation["action"] == "receive"
    ]
    pairs = {tuple(name.split(".")[:2]) for name in receiving}
    assert pairs == set(SUBSCRIPTIONS)


def test_an_operation_is_on_the_channel_of_its_name_and_says_which_way() -> None:
    for name, operation in ASYNCAPI["operations"].items():
        topic, _, action = name.split(".")
        assert operation["channel"] == {"$ref": f"#/channels/{topic}"}
        assert operation["action"] == action


def test_every_event_type_is_on_a_channel_and_every_message_has_its_schema() -> None:
    messages = ASYNCAPI["components"]["messages"]
    assert set().union(*map(messages_of, ASYNCAPI["channels"])) == set(event_types()) == set(messages)
    for name, message in messages.items():
        assert message["payload"] == {"$ref": f"events/{name}.json"}


def test_every_reference_in_asyncapi_leads_somewhere() -> None:
    found = references(ASYNCAPI)
    assert len(found) > 50
    for reference in found:
        if not reference.startswith("#/"):
            assert contract_path(reference).is_file()
            continue
        target: Any = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target


def senders() -> set[tuple[str, str]]:
    """Who sends to which topic, as asyncapi.yaml says."""
    names = [name for name, operation in ASYNCAPI["operations"].items() if operation["action"] == "send"]
    return {(who, topic) for topic, who, _ in (name.split(".") for name in names)}


def test_somebody_sends_to_every_topic() -> None:
    assert {topic for _, topic in senders()} == set(ASYNCAPI["channels"])


def test_asyncapi_says_of_apps_and_operator_what_their_code_sends() -> None:
    in_code = {(who, topic) for who in (*APPS, OPERATOR) for topic in sent(who)}
    in_code |= {("loader", "catalog-events")}  # over HTTP: eventstac.azure.event_grid
    assert {(who, topic) for who, topic in senders() if not who.endswith("-events")} == in_code


def test_who_may_send_is_who_sends_or_re_sends_and_nobody_else() -> None:
    access = json.loads((ROOT / "infra" / "bicep" / "access.json").read_text())["identities"]
    may = {(who, topic) for who, rights in access.items() for topic in rights.get("sends", [])}
    may |= {(who, topic) for who, rights in access.items() for topic in rights.get("publishes", [])}
    assert may == senders() | {(app, topic) for app in APPS for topic in retried(app)}


def test_asyncapi_has_the_custom_topics_of_event_grid() -> None:
    assert channels_on("eventgrid") == {topic["name"] for topic in EVENT_GRID["customTopics"]}


def test_event_grid_delivers_to_topics_that_there_are_and_types_that_have_a_contract() -> None:
    delivered: dict[str, set[str]] = {}
    for topic in (*EVENT_GRID["systemTopics"], *EVENT_GRID["customTopics"]):
        for subscription in topic["eventSubscriptions"]:
            destination = subscription["destination"]["topic"]
            assert destination in TOPICS
            delivered.setdefault(destination, set()).update(
                subscription["filter"].get("includedEventTypes", ())
            )
    assert delivered["blob-events"] == messages_of("blob-events")
    assert delivered["config-events"] == messages_of("config-events")
    assert delivered["cog-events"] <= messages_of("cog-events")


def test_a_subscription_takes_its_own_retries_only() -> None:
    for (_, name), subscription in SUBSCRIPTIONS.items():
        expressions = [rule["Properties"]["SqlFilter"]["SqlExpression"] for rule in subscription["Rules"]]
        assert expressions == [f"retryfor IS NULL OR retryfor = '{name}'"]


def test_the_apps_are_bound_to_every_subscription_that_there_is() -> None:
    bound = set()
    for path in (ROOT / "services").glob("*/function_app.py"):
        text = path.read_text()
        bound |= set(re.findall(r'topic_name="([^"]+)",\s*subscription_name="([^"]+)"', text))
    assert bound == set(SUBSCRIPTIONS)


def test_every_schema_is_json_that_names_itself() -> None:
    for folder in ("events", "events/parts", "profiles"):
        for path in contract_path(folder).glob("*.json"):
            document = json.loads(path.read_text())
            assert document["$id"] == f"eventstac:/{folder}/{path.name}"
            assert document["title"]
            assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
