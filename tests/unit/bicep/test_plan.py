"""What the templates would deploy: names, scopes, limits, a second run."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from eventstac.contracts import read_contract
from eventstac.raster.memory import LEAST_MB
from eventstac.rules.default_collection import is_id
from tests.unit.bicep.plan import (
    SMALL,
    THEIRS,
    Evaluate,
    Plan,
    Resource,
    assignments,
    evaluator,
    last,
    needs_compiler,
    of_type,
    planned,
    prefix_of,
    scope_of,
    settings_of,
)
from tests.unit.bicep.source import BICEP, ROOT

pytestmark = [needs_compiler, pytest.mark.xdist_group("bicep plan")]  # one worker makes the plans

# Azure's limits of the names that we make: characters, and a pattern.
NAMES = {
    "Microsoft.ServiceBus/namespaces": (6, 50, r"[a-z][a-z0-9-]*[a-z0-9]"),
    "Microsoft.ServiceBus/namespaces/topics": (1, 260, r"[a-z0-9][a-z0-9._-]*"),
    "Microsoft.ServiceBus/namespaces/topics/subscriptions": (1, 50, r"[a-z0-9][a-z0-9._-]*"),
    "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules": (1, 50, r"\$?[A-Za-z0-9][A-Za-z0-9._-]*"),
    "Microsoft.Storage/storageAccounts": (3, 24, r"[a-z0-9]*"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": (3, 63, r"[a-z0-9]+(-[a-z0-9]+)*"),
    "Microsoft.Web/sites": (2, 60, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    "Microsoft.Web/serverfarms": (1, 60, r"[a-z0-9-]*"),
    "Microsoft.DBforPostgreSQL/flexibleServers": (3, 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    "Microsoft.EventGrid/topics": (3, 50, r"[a-z0-9-]*"),
    "Microsoft.EventGrid/systemTopics": (3, 128, r"[a-z0-9-]*"),
    "Microsoft.EventGrid/topics/eventSubscriptions": (3, 64, r"[a-z0-9-]*"),
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": (3, 64, r"[a-z0-9-]*"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": (3, 128, r"[a-z0-9][a-z0-9-]*"),
    "Microsoft.OperationalInsights/workspaces": (4, 63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    "Microsoft.Network/privateEndpoints": (2, 64, r"[a-z0-9][a-zA-Z0-9-]*"),
    "Microsoft.Network/virtualNetworks": (2, 64, r"[a-z0-9][a-z0-9-]*"),
    "Microsoft.Insights/metricAlerts": (1, 260, r"[a-z0-9-]*"),
    "Microsoft.Insights/scheduledQueryRules": (1, 260, r"[a-z0-9-]*"),
}


def test_a_second_run_would_deploy_the_very_same(plan: Evaluate, small: Plan) -> None:
    assert planned(plan(SMALL)) == small
    for path in BICEP.rglob("*.bicep"):
        assert not re.search(r"\b(utcNow|newGuid)\(", path.read_text()), path


def test_no_resource_is_deployed_twice_and_names_keep_to_azure_s_limits(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        assert [name for name, count in Counter(one["id"] for one in resources).items() if count > 1] == []
        for one in resources:
            if one["type"] in NAMES:
                least, most, pattern = NAMES[one["type"]]
                name = last(one)
                assert least <= len(name) <= most, name
                assert re.fullmatch(pattern, name), name
    assert {one["type"] for one in full} >= set(NAMES) - {"Microsoft.EventGrid/systemTopics"}


def days(text: str) -> float:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", text)
    assert found, text
    parts = [int(part or 0) for part in found.groups()]
    return parts[0] + parts[1] / 24 + parts[2] / 1440


def test_service_bus_gets_what_its_tier_takes_and_nothing_that_loses(small: Plan, full: Plan) -> None:
    for resources, sku in ((small, "Standard"), (full, "Premium")):
        (namespace,) = of_type(resources, "Microsoft.ServiceBus/namespaces")
        assert namespace["sku"]["name"] == sku
        assert ("capacity" in namespace["sku"]) == (sku == "Premium")
        topics = of_type(resources, "Microsoft.ServiceBus/namespaces/topics")
        fed = {"blob-events", "cog-events", "config-events"}
        for topic in topics:
            properties = topic["properties"]
            assert properties["maxSizeInMegabytes"] in (1024, 2048, 3072, 4096, 5120)  # what Standard takes
            assert properties["requiresDuplicateDetection"]
            window = days(properties["duplicateDetectionHistoryTimeWindow"])
            assert window == 1 if last(topic) in fed else window <= 7
        for one in of_type(resources, "Microsoft.ServiceBus/namespaces/topics/subscriptions"):
            properties = one["properties"]
            assert (
                5 / 86400 <= days(properties["lockDuration"]) <= 5 / 1440
            )  # no tier takes more than 5 minutes
            assert properties["deadLetteringOnMessageExpiration"]
            assert days(properties["defaultMessageTimeToLive"]) == 14
            assert 1 <= properties["maxDeliveryCount"] <= 2000
            assert "autoDeleteOnIdle" not in properties
        batches = {"asset-facts/loader", "items-changed/collection-update", "items-changed/outbound"}
        for one in of_type(resources, "Microsoft.ServiceBus/namespaces/topics/subscriptions"):
            if one["name"].partition("/")[2] in batches:
                assert one["properties"]["lockDuration"] == "PT5M"
        rules = of_type(resources, "Microsoft.ServiceBus/namespaces/topics/subscriptions/rules")
        assert len(rules) == len(of_type(resources, "Microsoft.ServiceBus/namespaces/topics/subscriptions"))
        for rule in rules:
            assert len(rule["properties"]["sqlFilter"]["sqlExpression"]) <= 1024


def event_subscriptions(resources: Plan) -> dict[str, Resource]:
    found = of_type(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    return {last(one).removeprefix(f"{prefix_of(resources)}-"): one["properties"] for one in found}


def test_event_subscriptions_are_apart_and_keep_to_event_grid_s_limits(small: Plan, full: Plan) -> None:
    wanted = {
        route["name"] for route in read_contract("eventgrid.json")["systemTopics"][0]["eventSubscriptions"]
    }
    for resources in (small, full):
        found = event_subscriptions(resources)
        assert set(found) == wanted
        for name, properties in found.items():
            filters = properties["filter"]["advancedFilters"]
            assert len(filters) <= 25
            assert sum(len(one["values"]) for one in filters) <= 25
            assert all(len(value) <= 512 for one in filters for value in one["values"])
            apis = [one["values"] for one in filters if one["key"] == "data.api"]
            assert bool(apis) == (name in ("created", "rules")), "a removal has another api"
            assert properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
            assert properties["deadLetterWithResourceIdentity"]["deadLetterDestination"]["properties"]
        assert set(found["created"]["filter"]["advancedFilters"][0]["values"]) == {
            "PutBlob",
            "PutBlockList",
            "CopyBlob",
            "FlushWithClose",
            "SftpCommit",
        }


def test_somebody_else_s_account_keeps_its_topic_its_identity_and_its_rules(small: Plan, full: Plan) -> None:
    assert of_type(small, "Microsoft.EventGrid/systemTopics")
    assert not of_type(full, "Microsoft.EventGrid/systemTopics"), "its identity would be replaced"
    for properties in event_subscriptions(full).values():
        assert properties["deliveryWithResourceIdentity"]["identity"] == {"type": "SystemAssigned"}
    there = [one for one in full if one["id"].startswith(f"/subscriptions/{THEIRS}/")]
    assert {one["id"].split("/")[4] for one in there} == {"their-group"}
    assert {one["type"] for one in there} == {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    }
    made = of_type(there, "Microsoft.Storage/storageAccounts/blobServices/containers")
    own = {f"{prefix_of(full)}-{kind}" for kind in ("thumbnails", "config", "smoke")}
    assert {last(one) for one in made} == {"cogs"} | own


def test_claims_expire_in_every_configuration(small: Plan, full: Plan) -> None:
    kept = read_contract("retention.json")["claimDays"]
    for resources in (small, full):
        (container,) = [
            one["id"]
            for one in of_type(resources, "Microsoft.Storage/storageAccounts/blobServices/containers")
            if last(one) == "claims"
        ]
        account = container.split("/")[8]
        (policy,) = [
            one["properties"]["policy"]
            for one in of_type(resources, "Microsoft.Storage/storageAccounts/managementPolicies")
            if one["name"] == f"{account}/default"
        ]
        (rule,) = policy["rules"]
        assert rule["definition"]["filters"]["prefixMatch"] == ["claims/"]
        after = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        assert after == kept
        for app in ("extractor", "loader"):
            assert f"/{account}'" in settings_of(resources, app)["StateStorage__blobServiceUri"]


def test_rights_are_given_on_single_things(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        for who, role, scope in assignments(resources):
            if role.startswith("Azure Service Bus"):
                assert "/topics/" in scope, (who, role, scope)
                assert ("/subscriptions/" in scope.partition("/topics/")[2]) == role.endswith("Receiver")
            elif role in ("Storage Blob Data Reader", "Storage Blob Data Contributor"):
                assert "/containers/" in scope, (who, role, scope)
            elif role == "Storage Blob Data Owner":
                app = who.replace("-", "")
                own = tuple(
                    app[:length] for length in range(6, len(app) + 1)
                )  # as much of it as a name has room for
                assert scope.endswith(own), "another app's host"
            else:
                assert role in (
                    "EventGrid Data Sender",
                    "Monitoring Metrics Publisher",
                    "Storage Blob Delegator",
                ), role


def test_who_consumes_may_send_its_retries_to_the_same_topic(small: Plan) -> None:
    given = list(assignments(small))
    sends = {(who, scope) for who, role, scope in given if role == "Azure Service Bus Data Sender"}
    for who, role, scope in given:
        if role == "Azure Service Bus Data Receiver" and who not in ("loader", "stac-api"):
            assert (who, scope.rpartition("/subscriptions/")[0]) in sends, (who, scope)
    own = {
        "asset-facts",
        "config-events",
        "items-changed",
        "rejected",
    }  # of others the loader only takes dead letters
    assert own <= {scope.rpartition("/")[2] for who, scope in sends if who == "loader"}


def test_the_two_custom_topics_have_senders_of_their_own(full: Plan) -> None:
    senders = {
        ("cog-events" if scope.endswith("-cog-events") else "catalog-events", who)
        for who, role, scope in assignments(full)
        if role == "EventGrid Data Sender"
    }
    assert senders == {("catalog-events", "loader"), ("cog-events", "00000000-0000-0000-0000-00000000000c")}


def test_apps_are_python_3_13_on_flex_by_identity(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        sites = of_type(resources, "Microsoft.Web/sites")
        assert len(sites) == 5
        for site in sites:
            config = site["properties"]["functionAppConfig"]
            assert config["runtime"] == {"name": "python", "version": "3.13"}
            scale = config["scaleAndConcurrency"]
            assert scale["instanceMemoryMB"] in (512, 2048, 4096)
            assert sum(one["instanceCount"] for one in scale["alwaysReady"]) <= scale["maximumInstanceCount"]
            assert config["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
        for app in ("scanner", "extractor", "loader", "cog-updater", "stac-api"):
            settings = settings_of(resources, app)
            assert (
                settings["ServiceBus__credential"] == settings["BlobStorage__credential"] == "managedidentity"
            )
            assert not [name for name in settings if re.search("KEY|PASS|SECRET", name, re.IGNORECASE)]


def test_the_decoders_of_all_calls_at_once_fit_into_an_instance(small: Plan, full: Plan) -> None:
    sizes = json.loads((BICEP / "sizes.json").read_text())
    for size, resources in (("small", small), ("large", full)):
        for app in ("extractor", "cog-updater"):
            host = json.loads((ROOT / "services" / app.replace("-", "_") / "host.json").read_text())
            calls = host["extensions"]["serviceBus"]["maxConcurrentCalls"]
            limit = int(settings_of(resources, app)["DECODER_MEMORY_MB"])
            assert limit >= LEAST_MB
            assert calls * limit + 512 <= sizes[size]["apps"][app]["instanceMemoryMB"], app


def test_readers_sign_in_by_default_and_not_where_that_is_asked(small: Plan, full: Plan) -> None:
    """Said of an open API, too: going from one to the other would leave what a template leaves out."""
    for resources, signs_in in ((small, False), (full, True)):
        configs = of_type(resources, "Microsoft.Web/sites/config")
        (found,) = [one for one in configs if last(one) == "authsettingsV2"]
        assert found["name"].endswith("-stac-api/authsettingsV2")
        assert found["properties"]["platform"]["enabled"] is signs_in
        assert found["properties"]["globalValidation"]["requireAuthentication"] is signs_in


def test_event_grid_delivers_as_its_topics_which_a_firewall_trusts(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        topics = of_type(resources, "Microsoft.EventGrid/topics")
        topics += of_type(resources, "Microsoft.EventGrid/systemTopics")
        assert {one["identity"]["type"] for one in topics} == {"SystemAssigned"}
        routes = of_type(resources, "Microsoft.EventGrid/topics/eventSubscriptions")
        routes += of_type(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
        for route in routes:
            for way in ("deliveryWithResourceIdentity", "deadLetterWithResourceIdentity"):
                assert route["properties"][way]["identity"] == {"type": "SystemAssigned"}
    assert of_type(small, "Microsoft.EventGrid/systemTopics")


def test_the_database_has_what_pgstac_needs_and_no_passwords(small: Plan, full: Plan) -> None:
    for resources, backup_days, bouncer in ((small, 7, False), (full, 35, True)):
        (server,) = of_type(resources, "Microsoft.DBforPostgreSQL/flexibleServers")
        assert server["properties"]["authConfig"]["passwordAuth"] == "Disabled"
        assert server["properties"]["backup"]["backupRetentionDays"] == backup_days
        values = {
            last(one): one["properties"]["value"]
            for one in of_type(resources, "Microsoft.DBforPostgreSQL/flexibleServers/configurations")
        }
        assert set(values["azure.extensions"].split(",")) == {
            "POSTGIS",
            "BTREE_GIST",
            "UNACCENT",
            "PG_STAT_STATEMENTS",
        }
        assert values["pg_stat_statements.track"] == "top"
        assert ("pgbouncer.enabled" in values) == bouncer
        port = "6432" if bouncer else "5432"
        assert settings_of(resources, "loader")["POSTGRES_PORT"] == port


def test_a_private_network_leaves_no_other_way_in(full: Plan) -> None:
    subnets = {
        last(one): one["properties"] for one in of_type(full, "Microsoft.Network/virtualNetworks/subnets")
    }
    assert set(subnets) == {"apps", "endpoints", "operators"}
    (delegation,) = subnets["apps"]["delegations"]
    assert delegation["properties"]["serviceName"] == "Microsoft.App/environments"
    reached = Counter(
        one["properties"]["privateLinkServiceConnections"][0]["properties"]["groupIds"][0]
        for one in of_type(full, "Microsoft.Network/privateEndpoints")
    )
    # one of the storage accounts is somebody else's
    assert reached == {"namespace": 1, "postgresqlServer": 1, "topic": 2, "blob": 6, "sites": 5}
    for kind in ("ServiceBus/namespaces", "EventGrid/topics", "Web/sites"):
        for one in of_type(full, f"Microsoft.{kind}"):
            assert one["properties"]["publicNetworkAccess"] == "Disabled", one["name"]
    for site in of_type(full, "Microsoft.Web/sites"):
        assert site["properties"]["virtualNetworkSubnetId"].endswith("/subnets/apps")
    for account in of_type(full, "Microsoft.Storage/storageAccounts"):
        assert account["properties"]["networkAcls"] == {"bypass": "AzureServices", "defaultAction": "Deny"}
    (rules,) = of_type(full, "Microsoft.ServiceBus/namespaces/networkRuleSets")
    assert rules["properties"]["trustedServiceAccessEnabled"], "Event Grid has no other way"
    zones = {last(one) for one in of_type(full, "Microsoft.Network/privateDnsZones")}
    assert len(zones) == 5


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        (SMALL + "param privateNetwork = true", "privateNetwork needs serviceBusSku Premium"),
        (SMALL.replace("'open'", "'entra'"), "apiAccess entra needs apiClientId"),
    ],
    ids=["private", "entra"],
)
def test_what_cannot_work_is_refused_with_the_way_out(plan: Evaluate, parameters: str, why: str) -> None:
    done = plan(parameters)
    assert done.returncode != 0
    assert why in done.stderr


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [("A-b", True), ("my_env", False), ("a--b", False)],
)
def test_an_environment_has_a_name_that_azure_s_resources_take(
    plan: Evaluate, name: str, is_taken: bool
) -> None:
    done = plan(SMALL.replace("'dev'", f"'{name}'"))
    assert (done.returncode == 0) is is_taken, done.stderr
    if not is_taken:
        assert f"environmentName {name}: letters, digits and single hyphens" in done.stderr


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("", True),
        ("bronze-tier", True),
        ("My_Rasters.2-", True),
        ("0" * 255, True),
        ("0" * 256, False),
        ("My Rasters", False),
        ("a/b", False),
        ("größe", False),
        (".a", False),
        ("-", False),
    ],
)
def test_the_default_collection_has_an_id_that_the_rules_file_could_give(
    plan: Evaluate, name: str, is_taken: bool
) -> None:
    done = plan(f"{SMALL}param defaultCollection = '{name}'\n")
    assert (done.returncode == 0) is is_taken, done.stderr
    assert (not name or is_id(name)) is is_taken
    if not is_taken:
        assert f'defaultCollection "{name}": a collection\'s id has' in done.stderr


def test_a_size_of_nothing_is_refused_by_name(tmp_path: Path) -> None:
    evaluate = evaluator(tmp_path)
    sizes = tmp_path / "infra" / "bicep" / "sizes.json"
    sizes.write_text(sizes.read_text().replace('"poolSize": 10, "st', '"poolSize": 0, "st'))
    done = evaluate(SMALL)
    assert done.returncode != 0
    assert "sizes.json, small: stac-api.poolSize is 0. 1 is the least" in done.stderr


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ("param cogContainers = ['cogs', 'thumbnails']", "named twice: thumbnails."),
        ("param sourceContainers = ['source', 'source', 'config']", "named twice: source, config."),
        ("param sourceContainers = ['source', 'smoke', '$web']", "named twice: smoke."),
        ("param sourceContainers = ['source', '$web']", ""),
        (
            "param sourceContainers = ['a1', ' b22', 'Upper']\nparam thumbnailsContainer = 'a--b'",
            'no names of containers: "a1", " b22", "Upper", "a--b".',
        ),
    ],
)
def test_containers_are_apart_and_have_names_that_azure_takes(
    plan: Evaluate, parameters: str, why: str
) -> None:
    done = plan(f"{SMALL}{parameters}\n")
    if why:
        assert done.returncode != 0
        assert why in done.stderr
    else:
        ids = [one["id"] for one in planned(done)]
        assert len(ids) == len(set(ids))


THEIR_ACCOUNT = f"""
param operator = {{ objectId: '{"0" * 8}-0000-0000-0000-00000000000b', principalName: 'x', principalType: 'Group' }}
param existingStorage = {{ name: 'rasters', resourceGroup: 'their-group' }}
param existingSystemTopicName = 'defender'
"""


def test_an_account_serves_several_deployments_that_leave_one_another_alone(plan: Evaluate) -> None:
    one, other = (
        planned(plan(SMALL.replace("'dev'", f"'{name}'") + THEIR_ACCOUNT)) for name in ("dev", "prod")
    )
    by_id = {resource["id"]: resource for resource in one}
    shared = [resource for resource in other if resource["id"] in by_id]
    for resource in shared:
        assert resource == by_id[resource["id"]], "the second would take it from the first"
    # What both have to do with alike: containers that hold rasters, and the same person's rights on them.
    assert {last(resource) for resource in shared if resource["type"].endswith("/containers")} == {"cogs"}
    assert Counter(resource["type"].rpartition("/")[2] for resource in shared) == {
        "containers": 1,
        "roleAssignments": 2,
    }
    # Azure refuses a second assignment of the same role to the same principal on the same thing.
    named: dict[tuple[str, ...], set[str]] = {}
    for resource in of_type(one + other, "Microsoft.Authorization/roleAssignments"):
        properties = resource["properties"]
        said = (scope_of(resource["id"]), properties["principalId"], properties["roleDefinitionId"])
        named.setdefault(said, set()).add(resource["name"])
    assert {said: names for said, names in named.items() if len(names) > 1} == {}
    for resources in (one, other):
        settings = settings_of(resources, "loader")
        assert settings["CONFIG_CONTAINER"] == f"{prefix_of(resources)}-config"


def test_an_identity_that_is_made_anew_gets_assignments_of_its_own(small: Plan, full: Plan) -> None:
    """An assignment that an earlier identity left behind has another name: Azure changes no assignment's principal."""
    for resources in (small, full):
        for one in of_type(resources, "Microsoft.Authorization/roleAssignments"):
            principal = one["properties"]["principalId"]
            if principal.startswith("["):
                assert principal[1:-1] in one["name"], one["id"]


def test_an_instance_of_the_api_takes_as_many_requests_as_it_has_connections(small: Plan, full: Plan) -> None:
    for resources in (small, full):
        for site in of_type(resources, "Microsoft.Web/sites"):
            scale = site["properties"]["functionAppConfig"]["scaleAndConcurrency"]
            if site["name"].endswith("-stac-api"):
                wanted = int(settings_of(resources, "stac-api")["STAC_API_CONNECTIONS"])
                assert scale["triggers"] == {"http": {"perInstanceConcurrency": wanted}}
            else:
                assert "triggers" not in scale


def test_a_key_vault_reference_is_resolved_by_the_app_s_own_identity(small: Plan) -> None:
    for site in of_type(small, "Microsoft.Web/sites"):
        (own,) = site["identity"]["userAssignedIdentities"]
        assert site["properties"]["keyVaultReferenceIdentity"] == own


def test_queries_of_alerts_are_not_tried_on_tables_that_nothing_was_written_to(small: Plan) -> None:
    rules = of_type(small, "Microsoft.Insights/scheduledQueryRules")
    assert len(rules) > 10
    assert all(rule["properties"]["skipQueryValidation"] is True for rule in rules)


def test_a_nat_gateway_of_the_operator_s_stays_over_a_second_run(plan: Evaluate, full: Plan) -> None:
    nat = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/natGateways/nat"
    private = f"{SMALL}param privateNetwork = true\nparam serviceBusSku = 'Premium'\n"
    with_nat = planned(plan(f"{private}param natGatewayId = '{nat}'\n"))
    for resources, ways in ((full, {}), (with_nat, {"apps": nat, "operators": nat})):
        found = {
            last(subnet): subnet["properties"]["natGateway"]["id"]
            for subnet in of_type(resources, "Microsoft.Network/virtualNetworks/subnets")
            if "natGateway" in subnet["properties"]
        }
        assert found == ways


def test_a_later_run_leaves_alone_what_somebody_added_to_the_network(full: Plan) -> None:
    (network,) = of_type(full, "Microsoft.Network/virtualNetworks")
    assert "subnets" not in network["properties"], "the list would be all that the network has"
