"""azd's hooks name what the templates put out and the commands have, and their shell is right."""

import os
import re
import subprocess

import pytest
import yaml

from eventstac.cli.smoke import smoke
from tests.unit.bicep.source import BICEP, outputs_described

ROOT = BICEP.parents[1]
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text())
HOOKS = {name: hook["run"] for name, hook in AZD["hooks"].items()}
FROM_AZD = {"AZURE_ENV_NAME", "AZURE_LOCATION"}
OURS = {"POSTGRES_AUTH", "POSTGRES_SSLMODE", "POSTGRES_USER", "STAC_API_SCOPE"}


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
    known = set(outputs_described(BICEP / "main.bicep")) | asked | FROM_AZD | OURS | {"app"}
    for name, run in HOOKS.items():
        assert set(re.findall(r"\$\{?(\w+)", run)) <= known, name


def test_what_the_commands_need_is_put_out_under_the_very_name() -> None:
    """The hook exports the rest; azd puts outputs into the environment of its hooks."""
    outputs = set(outputs_described(BICEP / "main.bicep"))
    assert outputs >= {
        "POSTGRES_HOST",
        "POSTGRES_DB",
        "BlobStorage__blobServiceUri",
        "ServiceBus__fullyQualifiedNamespace",
        "SOURCE_CONTAINERS",
        "COG_CONTAINERS",
        "STAC_API_URL",
        "DATABASE_PRINCIPALS",
    }


def test_the_hooks_set_up_the_catalog_before_its_apps_and_then_smoke() -> None:
    run = HOOKS["postdeploy"]
    assert smoke.__doc__
    steps = ["eventstac setup", "make package", "config-zip", "eventstac smoke"]
    assert [run.index(step) for step in steps] == sorted(run.index(step) for step in steps)


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
