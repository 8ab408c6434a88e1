"""What the templates would deploy is what the contracts say, and access.json: nothing more, nothing less."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from eventstac.contracts import read_contract
from tests.unit.bicep.plan import (
    OURS,
    THEIRS,
    Plan,
    assignments,
    last,
    needs_compiler,
    of_type,
    prefix_of,
    settings_of,
)
from tests.unit.bicep.source import BICEP

pytestmark = [needs_compiler, pytest.mark.xdist_group("bicep plan")]

(NAMESPACE,) = read_contract("topology.json")["UserConfig"]["Namespaces"]
GRID = read_contract("eventgrid.json")
ACCESS = json.loads((BICEP / "access.json").read_text())
APPS = ("scanner", "extractor", "loader", "cog-updater", "stac-api")
BUS = "Microsoft.ServiceBus/namespaces"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
SUBJECT = "/blobServices/default/containers/"
# The declared containers by kind, as the parameters of the two plans say.
SMALL_KINDS = {
    "source": ["source", "smoke"],
    "cogs": ["cogs"],
    "smoke": ["smoke"],
    "thumbnails": ["thumbnails"],
    "config": ["config"],
}


def full_kinds(full: Plan) -> dict[str, list[str]]:
    """Of somebody else's account: there, what a deployment writes has a name of its own."""
    own = {kind: f"{prefix_of(full)}-{kind}" for kind in ("smoke", "thumbnails", "config")}
    kinds = {kind: [name] for kind, name in own.items()}
    return kinds | {"source": ["one", "two", "three", own["smoke"]], "cogs": ["cogs"]}


def as_azure_spells(properties: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in properties.items()}


def own_id(resources: Plan, kind: str) -> str:
    """The resource id of the only resource of a kind."""
    (one,) = of_type(resources, kind)
    return str(one["id"])


def account_of(resources: Plan, container: str) -> str:
    """The resource id of the account in which a container is made."""
    (found,) = [one["id"] for one in of_type(resources, CONTAINERS) if last(one) == container]
    return str(found).partition("/blobServices/")[0]


def watched_account(resources: Plan) -> str:
    return account_of(resources, settings_of(resources, "extractor")["THUMBNAILS_CONTAINER"])


def test_topics_are_those_of_the_topology(small: Plan, full: Plan) -> None:
    wanted = {
        topic["Name"]: as_azure_spells(topic["Properties"])
        | {"maxSizeInMegabytes": 5120, "supportOrdering": False}
        for topic in NAMESPACE["Topics"]
    }
    for resources in (small, full):
        assert {last(one): one["properties"] for one in of_type(resources, f"{BUS}/topics")} == wanted


def test_subscriptions_are_those_of_the_topology(small: Plan, full: Plan) -> None:
    wanted = {
        f"{topic['Name']}/{subscription['Name']}": as_azure_spells(subscription["Properties"])
        | {"deadLetteringOnFilterEvaluationExceptions": True}
        for topic in NAMESPACE["Topics"]
        for subscription in topic["Subscriptions"]
    }
    for resources in (small, full):
        found = of_type(resources, f"{BUS}/topics/subscriptions")
        assert {one["name"].partition("/")[2]: one["properties"] for one in found} == wanted


def test_the_rule_of_a_subscription_is_that_of_the_topology_in_place_of_the_one_that_lets_all_through(
    small: Plan, full: Plan
) -> None:
    wanted = {
        f"{topic['Name']}/{subscription['Name']}/$Default": {
            "filterType": "SqlFilter",
            "sqlFilter": {"sqlExpression": rule["Properties"]["SqlFilter"]["SqlExpression"]},
        }
        for topic in NAMESPACE["Topics"]
        for subscription in topic["Subscriptions"]
        for rule in subscription["Rules"]
    }
    for resources in (small, full):
        found = of_type(resources, f"{BUS}/topics/subscriptions/rules")
        assert {one["name"].partition("/")[2]: one["properties"] for one in found} == wanted


def delivered(route: dict[str, Any], resources: Plan) -> dict[str, Any]:
    """What an event subscription has, whatever it filters: schema, identity, destination, retries, dead letters."""
    topic = f"{own_id(resources, BUS)}/topics/{route['destination']['topic']}"
    return {
        "eventDeliverySchema": "CloudEventSchemaV1_0",
        "deliveryWithResourceIdentity": {
            "identity": {"type": "SystemAssigned"},
            "destination": {
                "endpointType": route["destination"]["endpointType"],
                "properties": {"resourceId": topic},
            },
        },
        "deadLetterWithResourceIdentity": {
            "identity": {"type": "SystemAssigned"},
            "deadLetterDestination": {
                "endpointType": "StorageBlob",
                "properties": {
                    "resourceId": account_of(resources, route["deadLetterContainer"]),
                    "blobContainerName": route["deadLetterContainer"],
                },
            },
        },
        "retryPolicy": route["retryPolicy"],
    }


def filtered(route: dict[str, Any], kinds: dict[str, list[str]]) -> dict[str, Any]:
    """The filter of a storage event subscription, with the declared containers in place of the contract's one."""
    kind = route["filter"]["subjectBeginsWith"].removeprefix(SUBJECT).rstrip("/")
    subjects = [f"{SUBJECT}{container}/" for container in kinds[kind]]
    prefixes = {"operatorType": "StringBeginsWith", "key": "subject", "values": subjects}
    said: dict[str, Any] = route["filter"]
    return said | {
        "subjectBeginsWith": SUBJECT,
        "enableAdvancedFilteringOnArrays": False,
        "advancedFilters": [*said.get("advancedFilters", []), prefixes],
    }


def test_event_subscriptions_of_the_storage_are_those_of_the_contract(small: Plan, full: Plan) -> None:
    for resources, kinds in ((small, SMALL_KINDS), (full, full_kinds(full))):
        wanted = {
            f"{prefix_of(resources)}-{route['name']}": delivered(route, resources)
            | {"filter": filtered(route, kinds)}
            for route in GRID["systemTopics"][0]["eventSubscriptions"]
        }
        found = of_type(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
        assert {last(one): one["properties"] for one in found} == wanted
    (topic,) = of_type(small, "Microsoft.EventGrid/systemTopics")
    assert topic["identity"] == {"type": "SystemAssigned"}
    assert topic["properties"]["source"] == watched_account(small)


def test_custom_topics_and_their_event_subscriptions_are_those_of_the_contract(
    small: Plan, full: Plan
) -> None:
    for resources in (small, full):
        prefix = own_id(resources, BUS).rpartition("/")[2]
        topics = {one["name"]: one for one in of_type(resources, "Microsoft.EventGrid/topics")}
        assert set(topics) == {f"{prefix}-{topic['name']}" for topic in GRID["customTopics"]}
        for topic in topics.values():
            assert topic["properties"]["inputSchema"] == "CloudEventSchemaV1_0"
            assert topic["identity"] == {"type": "SystemAssigned"}
        wanted = {
            f"{prefix}-{topic['name']}/{route['name']}": delivered(route, resources)
            for topic in GRID["customTopics"]
            for route in topic["eventSubscriptions"]
        }
        found = of_type(resources, "Microsoft.EventGrid/topics/eventSubscriptions")
        assert {one["name"]: one["properties"] for one in found} == wanted


def scopes(verb: str, on: str, resources: Plan, kinds: dict[str, list[str]], account: str) -> Iterator[str]:
    """The resources that a right of access.json is about."""
    if verb == "receives":
        yield f"{own_id(resources, BUS)}/topics/{on.replace('/', '/subscriptions/')}"
    elif verb == "sends":
        yield f"{own_id(resources, BUS)}/topics/{on}"
    elif verb in ("reads", "writes", "signs"):
        yield from (f"{account}/blobServices/default/containers/{name}" for name in kinds[on])
    elif verb == "delegates":
        yield account
    elif verb in ("keeps", "fetches"):
        yield f"{account_of(resources, on)}/blobServices/default/containers/{on}"
    elif verb == "publishes":
        topics = of_type(resources, "Microsoft.EventGrid/topics")
        yield from (one["id"] for one in topics if one["name"].endswith(f"-{on}"))
    elif verb == "reports":
        yield own_id(resources, "Microsoft.Insights/components")
    else:
        assert verb == "hosts"
        name = settings_of(resources, on)["AzureWebJobsStorage__accountName"]
        accounts = of_type(resources, "Microsoft.Storage/storageAccounts")
        yield from (one["id"] for one in accounts if one["name"] == name)


def rights(
    resources: Plan, kinds: dict[str, list[str]], account: str, without: set[str]
) -> Iterator[tuple[str, str, str]]:
    """Identity, role and scope of every right of access.json, but those of some identities and verbs."""
    for identity, granted in ACCESS["identities"].items():
        for verb, entities in granted.items():
            if not {identity, verb} & without:
                for on in entities:
                    found = list(scopes(verb, on, resources, kinds, account))
                    assert found, (identity, verb, on)
                    yield from ((identity, ACCESS["roles"][verb]["role"], scope) for scope in found)


def test_role_assignments_are_those_of_access_json(small: Plan, full: Plan) -> None:
    account = watched_account(small)
    assert account.startswith(f"/subscriptions/{OURS}/")
    wanted = Counter(rights(small, SMALL_KINDS, account, {"operator", "signs", "delegates"}))
    assert Counter(assignments(small)) == wanted
    assert wanted.total() > 60

    theirs = f"/subscriptions/{THEIRS}/resourceGroups/their-group/providers/Microsoft.Storage/storageAccounts/rasters"
    assert watched_account(full) == theirs
    group, converter = (f"00000000-0000-0000-0000-00000000000{letter}" for letter in "bc")
    wanted = Counter(
        (group if who == "operator" else who, role, scope)
        for who, role, scope in rights(full, full_kinds(full), theirs, set())
    )
    (converted,) = scopes("publishes", "cog-events", full, full_kinds(full), theirs)
    wanted[converter, "EventGrid Data Sender", converted] += 1
    assert Counter(assignments(full)) == wanted
    assert wanted.total() > 100


def test_nothing_that_is_planned_hangs_on_what_only_azure_knows(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        assert [one["id"] for one in resources if "condition" in one] == []


@pytest.mark.parametrize("app", APPS)
def test_containers_that_settings_name_are_made(app: str, small: Plan, full: Plan) -> None:
    ours = {"THUMBNAILS_CONTAINER", "CONFIG_CONTAINER"}
    state = {"CLAIMS_CONTAINER", "DEADLETTER_CONTAINER"}
    for resources in (small, full):
        settings = settings_of(resources, app)
        named = {name for name in settings if name.endswith("_CONTAINER")}
        assert named <= ours | state, "in which account?"
        for name in named:
            connection = "BlobStorage" if name in ours else "StateStorage"
            account = account_of(resources, settings[name])  # it is made, and once
            assert f"'{account}'" in settings[f"{connection}__blobServiceUri"], name


def test_the_watched_containers_of_the_settings_are_made_where_the_account_is_ours(small: Plan) -> None:
    for name in ("SOURCE_CONTAINERS", "COG_CONTAINERS"):
        for container in settings_of(small, "scanner")[name].split(","):
            assert account_of(small, container) == watched_account(small)


def test_the_loader_drains_the_container_that_event_grid_dead_letters_to(small: Plan) -> None:
    topics = (*GRID["systemTopics"], *GRID["customTopics"])
    routes = [route for topic in topics for route in topic["eventSubscriptions"]]
    drained = settings_of(small, "loader")["DEADLETTER_CONTAINER"]
    assert {route["deadLetterContainer"] for route in routes} == {drained}
