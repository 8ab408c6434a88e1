"""azd's hooks name what the templates put out and the commands have, and their shell is right."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from eventstac.cli.smoke import smoke
from tests.unit.bicep.plan import COMPILER, needs_compiler
from tests.unit.bicep.source import BICEP, outputs_described

ROOT = BICEP.parents[1]
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text())
HOOKS = {name: hook["run"] for name, hook in AZD["hooks"].items()}
FROM_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"}


def test_the_template_that_azd_deploys_is_there() -> None:
    infra = AZD["infra"]
    assert (ROOT / infra["path"] / f"{infra['module']}.bicep").is_file()
    assert (ROOT / infra["path"] / f"{infra['module']}.bicepparam").is_file()


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_right_shell_and_stops_at_the_first_failure(name: str) -> None:
    done = subprocess.run(["sh", "-n"], input=HOOKS[name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert HOOKS[name].startswith("set -eu\n")


def test_what_the_hooks_read_is_put_out_by_the_templates_or_asked_of_who_deploys() -> None:
    asked = set(re.findall(r"readEnvironmentVariable\('(\w+)'", (BICEP / "main.bicepparam").read_text()))
    asked |= set(re.findall(r"azd env set (\w+)", (ROOT / "docs" / "deploy.md").read_text()))
    known = set(outputs_described(BICEP / "main.bicep")) | asked | FROM_AZD
    for name, run in HOOKS.items():
        own = set(re.findall(r"\bfor (\w+) in|^ *(\w+)=[$']", run, re.MULTILINE))
        read = set(re.findall(r"\$\{?([A-Za-z]\w*)", run))
        assert read <= known | {one or other for one, other in own}, name


def test_the_hooks_set_up_the_catalog_before_its_apps_and_then_smoke() -> None:
    run = HOOKS["postdeploy"]
    assert smoke.__doc__
    steps = ["eventstac setup", "make package", 'if push "$app"', "eventstac smoke"]
    assert [run.index(step) for step in steps] == sorted(run.index(step) for step in steps)


def test_by_hand_as_by_azd_all_apps_are_pushed_and_the_scanner_last() -> None:
    """It has read again what a new extractor reads otherwise, which should be there by then."""
    for pushes in (HOOKS["postdeploy"], (ROOT / "docs" / "deploy.md").read_text()):
        [loop] = re.findall(r"for app in ([a-z -]+); do", pushes)
        assert sorted(loop.split()) == ["cog-updater", "extractor", "loader", "scanner", "stac-api"]
        assert loop.endswith(" scanner")


def test_a_failed_set_up_ends_the_hook() -> None:
    environment = {"PATH": os.environ["PATH"], "DATABASE_ADMIN_NAME": "nobody"}
    done = subprocess.run(
        ["sh", "-c", HOOKS["postdeploy"]],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "eventstac setup cannot start: POSTGRES_HOST is not set" in done.stderr
    assert "smoke" not in done.stderr


def test_who_sets_up_has_no_default_that_azd_could_take_before_its_hook_says() -> None:
    text = (BICEP / "main.bicepparam").read_text()
    for name in ("DATABASE_ADMIN_ID", "DATABASE_ADMIN_NAME"):
        assert re.findall(rf"readEnvironmentVariable\('{name}'(.)", text) == [")"]


@dataclass(frozen=True)
class Machine:
    """A machine whose commands note how they are called, and do what is said here."""

    folder: Path

    def has(self, name: str, does: str = "") -> None:
        script = self.folder / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.folder}/calls"\n{does}\n')
        script.chmod(0o755)

    def runs(self, hook: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-c", HOOKS[hook]],
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"} | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        noted = self.folder / "calls"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for name in ("az", "azd", "make", "sleep"):
        made.has(name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    made.has(".venv/bin/eventstac")
    return made


def test_a_forgotten_address_is_told_before_anything_is_made(machine: Machine) -> None:
    done = machine.runs("preprovision", DATABASE_ADMIN_ID="x")
    assert done.returncode == 1
    assert "EVENTSTAC_ADDRESS is not set" in done.stderr
    private = ({"EVENTSTAC_PRIVATE_NETWORK": value} for value in ("true", "True"))
    for said in ({"EVENTSTAC_ADDRESS": "none"}, *private):
        assert machine.runs("preprovision", DATABASE_ADMIN_ID="x", **said).returncode == 0


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("203.0.113.7", True),
        ("0.0.0.255", True),
        ("notanip", False),
        ("203.0.113", False),
        ("203.0.113.7.", False),
        ("203.0.113.256", False),
        ("2001:db8::1", False),
        ("203.0.113.7 none", False),
    ],
)
def test_what_is_no_address_is_told_before_anything_is_made(
    machine: Machine, address: str, is_one: bool
) -> None:
    done = machine.runs("preprovision", DATABASE_ADMIN_ID="x", EVENTSTAC_ADDRESS=address)
    assert (done.returncode == 0) is is_one
    assert is_one or f"EVENTSTAC_ADDRESS is {address}: an address like" in done.stderr


@pytest.mark.parametrize(
    "name", re.findall(r"bool\(readEnvironmentVariable\('(\w+)'", (BICEP / "main.bicepparam").read_text())
)
def test_what_is_neither_true_nor_false_is_named_by_the_hook_as_the_compiler_does_not(
    machine: Machine, name: str
) -> None:
    said = {"DATABASE_ADMIN_ID": "x", "EVENTSTAC_ADDRESS": "none"}
    done = machine.runs("preprovision", **said, **{name: "yes"})
    assert done.returncode == 1
    assert done.stderr == f"{name} is yes: true or false\n"
    for value in ("true", "True", "FALSE"):  # as bool() of the templates takes them
        assert machine.runs("preprovision", **said, **{name: value}).returncode == 0


def test_an_administrator_who_cannot_be_told_ends_the_hook(machine: Machine) -> None:
    """A service principal signed in, say: nobody's id would be no id of an administrator."""
    machine.has("az", "exit 3")
    assert machine.runs("preprovision", EVENTSTAC_ADDRESS="none").returncode == 3
    assert [call for call in machine.calls() if call.startswith("azd")] == []


DEPLOYED = {
    "AZURE_SUBSCRIPTION_ID": "sub",
    "AZURE_RESOURCE_GROUP": "group",
    "FUNCTION_APP_PREFIX": "eventstac-dev-x",
}


def test_a_push_that_is_refused_until_roles_count_is_tried_again(machine: Machine) -> None:
    machine.has("az", f'[ "$(grep -c ^az "{machine.folder}/calls")" -gt 2 ]')
    done = machine.runs("postdeploy", **DEPLOYED)
    assert done.returncode == 0, done.stderr
    calls = machine.calls()
    pushes = [call for call in calls if call.startswith("az ")]
    assert len(pushes) == 2 + 5
    assert all("--subscription sub --resource-group group" in push for push in pushes)
    assert "--name eventstac-dev-x-extractor " in pushes[0], "the first is refused, until its role counts"
    assert pushes[-1].endswith("--name eventstac-dev-x-scanner --src build/packages/scanner.zip")
    assert [call for call in calls if call.startswith("sleep")] == ["sleep 60", "sleep 120"]
    assert calls[-1] == ".venv/bin/eventstac smoke --deadline 600"


def test_a_push_that_is_refused_three_times_ends_the_hook(machine: Machine) -> None:
    machine.has("az", "exit 1")
    done = machine.runs("postdeploy", **DEPLOYED)
    assert done.returncode == 1
    assert "extractor was refused three times" in done.stderr
    assert len([call for call in machine.calls() if call.startswith("az ")]) == 3
    assert not machine.calls()[-1].startswith(".venv/bin/eventstac smoke")


def test_azd_down_is_stopped_where_it_would_delete_the_rasters_of_somebody(machine: Machine) -> None:
    done = machine.runs("predown", EVENTSTAC_EXISTING_STORAGE="rasters")
    assert done.returncode == 1
    assert "would delete the resource group of rasters" in done.stderr
    assert machine.runs("predown").returncode == 0
    deploy = (ROOT / "docs" / "deploy.md").read_text()
    assert "\n## Taking it away\n" in deploy


def test_every_variable_that_azd_s_parameters_read_is_in_the_docs() -> None:
    asked = set(re.findall(r"readEnvironmentVariable\('(\w+)'", (BICEP / "main.bicepparam").read_text()))
    table = (ROOT / "docs" / "deploy.md").read_text()
    assert {name for name in asked - FROM_AZD if f"`{name}`" not in table} == set()


SAID_TO_AZD = {
    "AZURE_ENV_NAME": "dev",
    "DATABASE_ADMIN_ID": "x",
    "DATABASE_ADMIN_NAME": "y",
    "EVENTSTAC_ADDRESS": "none",
    "EVENTSTAC_SOURCE_CONTAINERS": "one, two",
    "EVENTSTAC_COG_CONTAINERS": "three ,four",
    "EVENTSTAC_MAKE_COG_CONTAINERS": "false",
    "EVENTSTAC_THUMBNAILS_CONTAINER": "pictures",
    "EVENTSTAC_EXISTING_STORAGE": "rasters",
    "EVENTSTAC_EXISTING_STORAGE_LOCATION": "northeurope",
    "EVENTSTAC_DEFAULT_COLLECTION": "rest",
    "EVENTSTAC_PGBOUNCER": "True",
    "EVENTSTAC_ALERT_MAIL": "a@example.com, b@example.com",
}


@needs_compiler
def test_what_azd_is_told_reaches_the_templates(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | SAID_TO_AZD
    environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"
    command = [str(COMPILER), "build-params", str(BICEP / "main.bicepparam"), "--stdout"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    given = json.loads(json.loads(done.stdout)["parametersJson"])["parameters"]
    values = {name: one["value"] for name, one in given.items()}
    wanted = {
        "operatorAddress": "",
        "sourceContainers": ["one", "two"],
        "cogContainers": ["three", "four"],
        "makeCogContainers": False,
        "thumbnailsContainer": "pictures",
        "defaultCollection": "rest",
        "pgBouncer": True,
        "alertMail": ["a@example.com", "b@example.com"],
    }
    assert {name: values[name] for name in wanted} == wanted
    assert values["existingStorage"]["location"] == "northeurope"
