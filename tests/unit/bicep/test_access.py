"""Every identity has the roles that its code's SDK calls need, and no others; topics are one set everywhere."""

import ast
import json
import re
from collections.abc import Iterator, Mapping

import pytest

from eventstac.contracts import read_contract
from tests.contracts.reach import OPERATOR, reach
from tests.contracts.sending import APPS, SUBSCRIPTIONS, consumed, redeems_claims, retried, sent, source_of
from tests.unit.bicep.source import BICEP, TEMPLATES

ACCESS = json.loads((BICEP / "access.json").read_text())
IDENTITIES: dict[str, dict[str, list[str]]] = ACCESS["identities"]
TOPICS = {
    topic["Name"]: topic for topic in read_contract("topology.json")["UserConfig"]["Namespaces"][0]["Topics"]
}
GRID = read_contract("eventgrid.json")
# Where the operator's commands put or delete blobs: which containers that is about.
WRITTEN_BY = {
    "eventstac.cli.collections": "config",
    "eventstac.cli.smoke": "smoke",
    "eventstac.cli.leftovers": "smoke",
}
# Microsoft's ids of its built-in roles, the same in every tenant; looked up in its documentation and public templates.
BUILT_IN = {
    "Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Delegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "EventGrid Data Sender": "d5a91429-5739-47e2-a06b-3470a27159e7",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}


def names_in(module: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("app", APPS)
def test_an_app_may_receive_from_what_it_consumes_and_from_nothing_else(app: str) -> None:
    takes_dead_letters = "DeadLetterQueues" in source_of(app)
    assert set(IDENTITIES[app].get("receives", [])) == (
        SUBSCRIPTIONS if takes_dead_letters else consumed(app)
    )


@pytest.mark.parametrize("app", APPS)
def test_an_app_may_send_to_the_topics_that_its_code_names_and_to_those_it_consumes(app: str) -> None:
    assert set(IDENTITIES[app].get("sends", [])) == sent(app) | retried(app)


@pytest.mark.parametrize("app", APPS)
def test_every_consumer_may_send_its_retries(app: str) -> None:
    assert retried(app)
    assert retried(app) <= set(IDENTITIES[app]["sends"])


def test_the_operator_has_the_rights_that_the_command_s_code_needs_and_no_others() -> None:
    modules = reach(OPERATOR).ours
    needed = {"sends": sent(OPERATOR)}
    needed["receives"] = SUBSCRIPTIONS if "eventstac.azure.peeking" in modules else set()
    needed["reads"] = {"source", "cogs"} if "eventstac.containers" in modules else set()
    needed["writes"] = {WRITTEN_BY[name] for name in writers(modules)}
    needed["reports"] = {"applicationInsights"} if "eventstac.telemetry.opening" in modules else set()
    assert {verb: set(entities) for verb, entities in IDENTITIES[OPERATOR].items()} == needed
    assert "eventstac.azure.event_grid" not in modules, "it would need a right to publish"
    assert "eventstac.azure.dead_letter_queues" not in modules


def writers(modules: Mapping[str, ast.Module]) -> Iterator[str]:
    """The modules of the command that put or delete blobs."""
    for name, module in modules.items():
        calls = (node.func for node in ast.walk(module) if isinstance(node, ast.Call))
        attributes = [call for call in calls if isinstance(call, ast.Attribute)]
        if name.startswith("eventstac.cli.") and any(
            call.attr in ("put", "delete") and ast.unparse(call.value).endswith("storage")
            for call in attributes
        ):
            yield name


@pytest.mark.parametrize("app", APPS)
def test_an_app_may_touch_the_containers_that_its_ports_do(app: str) -> None:
    modules = reach(app.replace("-", "_")).ours
    rights = IDENTITIES[app]
    watched = {"source", "cogs"} if "eventstac.containers" in modules and app != "loader" else set()
    assert set(rights.get("reads", [])) - {"config"} == watched
    assert ("config" in rights.get("reads", [])) == ("eventstac.catalog.rules_blob" in modules)
    assert ("thumbnails" in rights.get("writes", [])) == ("eventstac.looking" in modules)
    assert rights.get("fetches", []) == (["claims"] if redeems_claims(app) else [])
    kept = {"claims"} if "ClaimingBus" in names_in(modules["function_app"]) else set()
    kept |= {"deadletter"} if "DeadLetterQueues" in names_in(modules["function_app"]) else set()
    assert set(rights.get("keeps", [])) == kept
    signs = "eventstac.azure.blob_signing" in modules
    assert set(rights.get("signs", [])) == ({"source", "cogs", "thumbnails"} if signs else set())
    assert rights.get("delegates", []) == (["account"] if signs else [])
    assert ("publishes" in rights) == ("eventstac.azure.event_grid" in modules)
    assert rights["reports"] == ["applicationInsights"]
    assert rights["hosts"] == [app]


def test_event_grid_may_send_where_it_delivers_and_write_its_dead_letters() -> None:
    for identity, topics in (
        ("storage-events", GRID["systemTopics"]),
        ("custom-events", GRID["customTopics"]),
    ):
        routes = [route for topic in topics for route in topic["eventSubscriptions"]]
        assert set(IDENTITIES[identity]["sends"]) == {route["destination"]["topic"] for route in routes}
        assert set(IDENTITIES[identity]["keeps"]) == {route["deadLetterContainer"] for route in routes}


def test_every_right_is_about_something_that_there_is() -> None:
    known = {
        "receives": SUBSCRIPTIONS,
        "sends": set(TOPICS),
        "reads": {"source", "cogs", "thumbnails", "config"},
        "writes": {"source", "cogs", "thumbnails", "config", "smoke"},
        "signs": {"source", "cogs", "thumbnails"},
        "delegates": {"account"},
        "keeps": {"deadletter", "claims"},
        "fetches": {"claims"},
        "publishes": {topic["name"] for topic in GRID["customTopics"]},
        "reports": {"applicationInsights"},
        "hosts": set(APPS),
    }
    assert set(ACCESS["roles"]) == set(known)
    for identity, rights in IDENTITIES.items():
        for verb, entities in rights.items():
            assert set(entities) <= known[verb], (identity, verb)
            assert len(entities) == len(set(entities))


def test_nobody_but_event_grid_and_the_apps_may_write_and_nobody_may_write_to_the_rasters() -> None:
    for identity, rights in IDENTITIES.items():
        assert not {"source", "cogs"} & set(rights.get("writes", [])), identity


def test_roles_are_microsoft_s_and_every_verb_is_granted_somewhere() -> None:
    granted = "\n".join(path.read_text() for path in TEMPLATES)
    for verb, role in ACCESS["roles"].items():
        assert BUILT_IN[role["role"]] == role["id"]
        assert f"roles.{verb}.id" in granted or f"'{verb}'" in granted, verb
    assert not re.search(r"'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", granted), "a role beside the table"


def test_the_templates_take_topics_and_routes_from_the_contracts_and_name_none_themselves() -> None:
    modules = BICEP / "modules"
    assert "contracts/topology.json" in (modules / "messaging.bicep").read_text()
    for name in ("events.bicep", "event_source.bicep"):
        assert "contracts/eventgrid.json" in (modules / name).read_text()
    for subscription in SUBSCRIPTIONS:
        for path in TEMPLATES:
            assert f"'{subscription}'" not in path.read_text()


def test_each_subscription_of_the_contract_has_one_rule_which_the_template_takes() -> None:
    for topic in TOPICS.values():
        for subscription in topic["Subscriptions"]:
            assert len(subscription["Rules"]) == 1
            properties = subscription["Properties"]
            assert properties["DeadLetteringOnMessageExpiration"]
            assert "ForwardTo" not in properties


def test_system_events_of_the_contract_are_about_containers_that_the_template_knows() -> None:
    for route in GRID["systemTopics"][0]["eventSubscriptions"]:
        parts = route["filter"]["subjectBeginsWith"].split("/")
        assert parts[:4] == ["", "blobServices", "default", "containers"]
        assert parts[4] in (
            "source",
            "cogs",
            "config",
        )  # event_source.bicep puts the declared containers in this place
        assert parts[5:] == [""]
    for topic in GRID["customTopics"]:
        assert all(route["filter"] == {} for route in topic["eventSubscriptions"])  # events.bicep sets none
