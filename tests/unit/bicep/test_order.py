"""What must not happen at once, or not yet, is put in order: Azure refuses it otherwise on a first run."""

import itertools
import json
import os
import re
import subprocess
from typing import Any

import pytest

from tests.unit.bicep.plan import COMPILER, needs_compiler
from tests.unit.bicep.source import BICEP, TEMPLATES

pytestmark = [needs_compiler, pytest.mark.xdist_group("bicep plan")]

Resources = dict[str, Any]


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """The compiled resources of main.bicep, by their symbolic names."""
    home = str(tmp_path_factory.mktemp("home"))
    environment = dict(os.environ) | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "HOME": home}
    command = [str(COMPILER), "build", str(BICEP / "main.bicep"), "--stdout"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: Resources = json.loads(done.stdout)["resources"]
    return found


def of_module(main: Resources, name: str) -> Resources:
    """The compiled resources of a module, by symbolic name; where the compiler writes a list, by id."""
    found: Resources | list[Any] = main[name]["properties"]["template"]["resources"]
    return found if isinstance(found, dict) else {id_of(one): one for one in found}


def id_of(resource: Any) -> str:
    name: str = resource["name"][1:-1]
    parts = re.fullmatch(r"format\('\{0\}/\{1\}', (.*)\)", name)
    return f"[resourceId('{resource['type']}', {parts[1] if parts else name})]"


def before(resources: Resources, name: str, *, left_out: frozenset[str] = frozenset()) -> set[str]:
    """All that comes before a resource; what is left out of a deployment is no link of a chain."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in resources[waiting.pop()].get("dependsOn", []):
            if other in resources and other not in found:
                found.add(other)
                if other not in left_out:
                    waiting.append(other)
    return found


def is_one_at_a_time(resource: Any) -> bool:
    copy: dict[str, Any] = resource["copy"]
    return (copy.get("mode"), copy.get("batchSize")) == ("serial", 1)


@pytest.mark.parametrize("routes", ["eventRoutes", "eventSource"])
def test_event_grid_is_asked_to_deliver_long_after_its_roles_were_given(main: Resources, routes: str) -> None:
    """It checks the right when an event subscription is made, and a role counts only some minutes after it was given.

    The minutes are those of the apps, which come one by one after every role and the database.
    """
    roles = {"messaging", "state", "watched"}
    assert {"app", "database"} | roles <= before(main, routes)
    assert {"database", *roles} <= before(main, "app")
    assert is_one_at_a_time(main["app"])


def test_apps_join_their_subnet_one_at_a_time(main: Resources) -> None:
    """Azure gives a subnet to one Flex Consumption app at once: the others would end in a conflict."""
    assert is_one_at_a_time(main["app"])


def test_subnets_are_made_one_at_a_time(main: Resources) -> None:
    network = of_module(main, "network")
    apps, endpoints, operators = (
        f"[resourceId('Microsoft.Network/virtualNetworks/subnets', parameters('name'), '{name}')]"
        for name in ("apps", "endpoints", "operators")
    )
    assert {name for name in network if "/subnets'" in name} == {apps, endpoints, operators}
    assert apps in before(network, endpoints)
    assert endpoints in before(network, operators)
    (link,) = (name for name in network if "/virtualNetworkLinks'" in name)
    assert operators in before(network, link), "it changes the network, too"


def test_private_endpoints_are_made_one_at_a_time(main: Resources) -> None:
    """A second one is refused while the subnet takes a first."""
    makers = {path.stem for path in TEMPLATES if "private_endpoint.bicep'" in path.read_text()}
    assert makers == {"main", "function_app"}
    assert is_one_at_a_time(main["endpoint"])
    assert "endpoint" in before(main, "app")
    app = of_module(main, "app")
    assert "hostEndpoint" in before(app, "site"), "an app that starts reads its host's storage"
    assert "hostEndpoint" in before(app, "endpoint")


@pytest.mark.parametrize("left_out", [frozenset[str](), frozenset({"site::signIn"})])
def test_an_app_is_changed_one_thing_at_a_time_its_settings_last(
    main: Resources, left_out: frozenset[str]
) -> None:
    app = of_module(main, "app")
    chain = ["site", "site::noPasswords", "site::noFtp", "site::signIn", "site::appSettings", "endpoint"]
    chain = [name for name in chain if name not in left_out]
    for earlier, later in itertools.pairwise(chain):
        assert earlier in before(app, later, left_out=left_out), f"{later} beside {earlier}"
    assert {name for name in app if name.startswith("site::")} | {"site", "endpoint"} == set(chain) | left_out


@pytest.mark.parametrize(
    "left_out",
    [frozenset[str](), frozenset({"fromOperator"}), frozenset({"azureOnly", "fromOperator"})],
    ids=["public", "without an operator's address", "private"],
)
def test_the_database_is_changed_one_thing_at_a_time_its_administrator_last(
    main: Resources, left_out: frozenset[str]
) -> None:
    database = of_module(main, "database")
    chain = ["server", "catalog", "azureOnly", "fromOperator", "parameter", "admin"]
    chain = [name for name in chain if name not in left_out]
    for earlier, later in itertools.pairwise(chain):
        assert earlier in before(database, later, left_out=left_out), f"{later} beside {earlier}"
    assert is_one_at_a_time(database["parameter"])
    assert "database" in before(main, "endpoint")


def test_topics_subscriptions_and_rules_are_made_one_at_a_time(main: Resources) -> None:
    messaging = of_module(main, "messaging")
    for name in ("topic", "subscription", "rule"):
        assert is_one_at_a_time(messaging[name])
    assert "subscription" in messaging["rule"]["dependsOn"], "all of them"
    for name in ("eventRoutes", "eventSource"):
        assert is_one_at_a_time(of_module(main, name)["subscription"])
