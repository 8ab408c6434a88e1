"""Every setting that an app's code reads is set by the templates, and the other way round."""

import ast
import importlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
import tree_sitter
from azure.servicebus import ServiceBusClient

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.event_grid import open_topic
from eventstac.azure.service_bus import open_client
from eventstac.telemetry.opening import INSIGHTS, open_telemetry
from eventstac.telemetry.spans import OFF
from tests.contracts.reach import OPERATOR, reach
from tests.unit.bicep.source import BICEP, members, nodes, outputs_described, parse, text, variables

MAIN = BICEP / "main.bicep"
APPS = ("scanner", "extractor", "loader", "cog-updater", "stac-api")
# What stands in for a managed identity on a laptop: connection strings, keys, passwords.
SECRETS = {"ServiceBus", "BlobStorage", "StateStorage", "CatalogEvents__topicKey", "POSTGRES_PASS"}
# Set by the module of an app, and read by the Functions host, the SDKs' credential, or telemetry.
HOST = {
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}

LAPTOP = {"TELEMETRY_FOLDER"}  # on Azure telemetry goes to Application Insights
PLATFORM = {"WEBSITE_AUTH_ENABLED"}  # App Service says it by itself


class Recording(Mapping[str, str]):
    """An environment that notes what is asked of it, and answers as Azure's does: without secrets."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_there = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.values_there[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_there)

    def __len__(self) -> int:
        return len(self.values_there)


def app_settings(app: str) -> tree_sitter.Node:
    """The settings of an app in main.bicep."""
    return members(MAIN, variables(MAIN)["settings"])[app]


def written(app: str) -> dict[str, str]:
    """The settings that main.bicep gives an app, by name, as they are written there."""
    settings = app_settings(app)
    connections = members(MAIN, variables(MAIN)["connectionsOf"])[app]
    found = {name: text(node) for name, node in members(MAIN, settings).items()}
    for name in map(text, nodes(connections, "string")):
        found |= {f"{name}__clientId": "client", f"{name}__credential": "managedidentity"}
    return found


def as_on_azure(app: str) -> Recording:
    """The app's settings with values such as Azure would give."""
    values = {
        name: "1" if name.startswith(("POSTGRES_PO", "STAC_API_", "SCAN_", "SKEW_", "RETRY_")) else name
        for name in written(app)
    }
    values |= {name: "https://x.example/api" for name in values if name.endswith(("Uri", "Endpoint"))}
    values |= {name: "platform" for name in values if name == "STAC_API_SIGN_IN"}
    values |= {name: "true" for name in values if name == "STAC_API_SIGNING"}
    values |= {name: "streams" for name in values if name == "STAC_API_HTTP"}
    values |= {name: "rediss://redis.example" for name in values if name == "REDIS_URL"}
    values |= {name: "bus.example" for name in values if name.endswith("Namespace")}
    values |= {name: "768" for name in values if name == "DECODER_MEMORY_MB"}
    values |= {name: "require" for name in values if name == "POSTGRES_SSLMODE"}
    values |= {name: "https://stac.example" for name in values if name == "STAC_ROOT_URL"}
    if "POSTGRES_HOST" in values:
        values |= {"PGSTAC_SCHEMA": "pgstac", "POSTGRES_AUTH": "entra"}
    return Recording(values)


def read(app: str, values: Mapping[str, str]) -> None:
    """Let the app read its settings, and open its clients, as its function_app.py does."""
    package = app.replace("-", "_")
    importlib.import_module(f"{package}.settings").read(values)
    assert open_telemetry(app, values) is OFF
    opened = text(members(MAIN, variables(MAIN)["connectionsOf"])[app])
    if "ServiceBus" in opened:
        assert isinstance(open_client(values), ServiceBusClient)
    for name in ("BlobStorage", "StateStorage"):
        if name in opened:
            open_blob_service(values, name)
    if "CatalogEvents" in opened:
        open_topic(values)


@pytest.mark.parametrize("app", APPS)
def test_an_app_starts_with_the_settings_of_the_templates(app: str) -> None:
    read(app, as_on_azure(app))


@pytest.mark.parametrize("app", APPS)
def test_what_an_app_reads_is_what_the_templates_set(app: str) -> None:
    values = as_on_azure(app)
    read(app, values)

    by_host = {name for name in written(app) if name.endswith("__credential")}
    assert values.asked - SECRETS - PLATFORM - HOST - LAPTOP == set(written(app)) - by_host


@pytest.mark.parametrize("app", APPS)
def test_a_setting_that_the_templates_forget_would_be_noticed(app: str) -> None:
    values = as_on_azure(app)
    forgotten = "POSTGRES_HOST" if "POSTGRES_HOST" in values else "SOURCE_CONTAINERS"
    without = Recording({name: value for name, value in values.items() if name != forgotten})
    with pytest.raises(Exception, match=forgotten):
        read(app, without)


# The commands go to the server itself, past PgBouncer, with a connection each; on Azure they are no app, and decode
# where there is other memory.
APPS_ONLY = {"POSTGRES_PORT", "POSTGRES_POOL_SIZE", "RETRY_LIMIT_HOURS", "DECODER_MEMORY_MB"}
READERS = {"text", "choice", "optional", "has", "integer", "number", "names", "get"}


def read_by_commands() -> set[str]:
    """The settings that code reached by the command `eventstac` reads, by the calls that do."""
    calls = (
        node
        for module in reach(OPERATOR).ours.values()
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
    )
    names = {
        call.args[0].value
        for call in calls
        if call.func.attr in READERS and isinstance(call.args[0], ast.Constant)  # type: ignore[attr-defined]
    }
    return {name for name in names if isinstance(name, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", name)}


def test_what_the_templates_let_somebody_choose_the_commands_hear_of() -> None:
    """A setting that only the apps hear of would split the two: setup and loader would apply other rules in turn."""
    read = read_by_commands()
    assert read >= {"STAC_DEFAULT_COLLECTION", "CONFIG_CONTAINER", "SMOKE_CONTAINER", "STAC_API_SCOPE"}
    set_by_main = {name: node for app in APPS for name, node in members(MAIN, app_settings(app)).items()}
    constant = {name for name, node in set_by_main.items() if node.type == "string" and "$" not in text(node)}
    outputs = set(outputs_described(MAIN))
    assert (read & set(set_by_main)) - constant - APPS_ONLY <= outputs
    assert {"STAC_API_URL", "STAC_API_SCOPE", "SMOKE_CONTAINER", "POSTGRES_USER"} <= outputs
    given = {name: text(set_by_main[name]) for name in (read & constant) - outputs}
    assert given == {"PGSTAC_SCHEMA": "pgstac", "RULES_BLOB": "collections.yaml"}, "the code's own"


def test_the_host_s_own_settings_name_the_identity_and_no_key() -> None:
    module = BICEP / "modules" / "function_app.bicep"
    host = members(module, variables(module)["hostSettings"])
    assert {name for name in host if not name.startswith("AzureWebJobsStorage__")} == HOST
    assert {name for name in host if name.startswith("AzureWebJobsStorage__")} == {
        f"AzureWebJobsStorage__{part}" for part in ("accountName", "credential", "clientId")
    }
    assert INSIGHTS in host  # what makes the apps tell
    for path in BICEP.rglob("*.bicep"):
        assert "FUNCTIONS_WORKER_RUNTIME" not in path.read_text()  # Flex Consumption refuses it


def test_each_app_logs_in_to_the_database_as_its_own_role() -> None:
    from eventstac.catalog.grants import ROLES

    users = {app: written(app).get("POSTGRES_USER") for app in APPS}
    assert users == {
        app: None if app == "extractor" else f"eventstac_{app.replace('-', '_')}" for app in APPS
    }
    principals = parse(MAIN).text or b""
    for user in filter(None, users.values()):
        assert user in ROLES
        app = user.removeprefix("eventstac_").replace("_", "-")
        assert f"    {user}: loginOf[indexOf(managed, '{app}')]".encode() in principals


def test_instances_times_pool_stay_below_the_database_s_connections() -> None:
    """Also where instances that always run come on top of the maximum, as newer pages of Microsoft have it."""
    sizes = json.loads((BICEP / "sizes.json").read_text())
    for size in sizes.values():
        connections = sum(
            (most_instances(app, wanted["maximumInstanceCount"]) + most_always_ready(app))
            * wanted.get("poolSize", 0)
            for app, wanted in size["apps"].items()
        )
        usable = size["database"]["maxConnections"] - 15  # the server keeps 15 for itself
        assert connections <= 0.9 * usable, f"{connections} of {usable}"  # and people want a few
        apis = most_instances("stac-api", size["apps"]["stac-api"]["maximumInstanceCount"])
        # each that is asked for its health makes a connection for that
        assert connections + apis + most_always_ready("stac-api") < usable


def most_always_ready(app: str) -> int:
    """How many instances of an app the parameters let run always: one function of each app may have some."""
    if app == "cog-updater":
        return 0
    name = "apiAlwaysReady" if app == "stac-api" else "pipelineAlwaysReady"
    found = re.search(rf"@maxValue\((\d+)\)\nparam {name} int", (BICEP / "main.bicep").read_text())
    assert found, f"{name} has no limit"
    return int(found[1])


def most_instances(app: str, maximum: int) -> int:
    """How many instances of an app may run at once.

    On Flex Consumption each function that is not HTTP has instances of its own, up to the app's maximum; all HTTP
    functions share one such group, and a timer runs on one instance at a time.
    """
    kinds = Counter(triggers(app).values())
    assert set(kinds) <= {"service_bus_topic_trigger", "timer_trigger", "route"}, "how does that scale?"
    groups = kinds["service_bus_topic_trigger"] if app != "stac-api" else 0  # its one asks no database
    groups += 1 if kinds["route"] else 0
    return groups * maximum + kinds["timer_trigger"]


def test_instances_are_counted_by_the_functions_that_there_are() -> None:
    assert [most_instances(app, 10) for app in APPS] == [22, 10, 57, 10, 10]


def triggers(app: str) -> dict[str, str]:
    """The functions of an app with what triggers each: the name of the decorator."""
    source = (BICEP.parents[1] / "services" / app.replace("-", "_") / "function_app.py").read_text()
    return {
        node.name: decorator.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and ast.unparse(decorator.func.value) == "app"
    }


def test_what_is_always_ready_is_a_function_of_the_app() -> None:
    always_ready = members(MAIN, variables(MAIN)["alwaysReadyOf"])
    assert set(always_ready) == set(APPS)
    named = {app: [text(name) for name in nodes(node, "string")] for app, node in always_ready.items()}
    assert sum(map(len, named.values())) >= 4
    for app, groups in named.items():
        kinds = triggers(app)
        for group in groups:
            kind, _, function = group.partition(":")
            if kind == "http":
                assert not function
                assert "route" in kinds.values(), app
            else:
                assert kind == "function"
                assert kinds[function] != "route", "HTTP functions are one group, http"


def test_a_pool_is_as_large_as_the_app_opens_it() -> None:
    for app in APPS:
        setting = "STAC_API_CONNECTIONS" if app == "stac-api" else "POSTGRES_POOL_SIZE"
        has_pool = "POSTGRES_HOST" in written(app)
        assert (setting in written(app)) == has_pool
        for size in json.loads((BICEP / "sizes.json").read_text()).values():
            assert ("poolSize" in size["apps"][app]) == has_pool
