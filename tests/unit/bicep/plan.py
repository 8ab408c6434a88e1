"""What the templates would deploy, as the compiler itself evaluates them (`bicep snapshot`)."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.bicep.source import BICEP, ROOT

COMPILER = os.environ.get("BICEP") or shutil.which("bicep")
needs_compiler = pytest.mark.skipif(
    not COMPILER, reason="no Bicep compiler: set BICEP, or have bicep on the PATH"
)

OURS, THEIRS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
WHO = "{ objectId: '00000000-0000-0000-0000-00000000000%s', principalName: 'x', principalType: 'Group' }"
SMALL = f"""
using 'main.bicep'
param environmentName = 'dev'
param location = 'westeurope'
param databaseAdministrator = {WHO % "a"}
param apiAccess = 'open'
"""
# The longest names, somebody else's account with its topic, a private network, and all that Premium and large allow.
FULL = f"""
using 'main.bicep'
param environmentName = 'twelveletter'
param location = 'westeurope'
param databaseAdministrator = {WHO % "a"}
param operator = {WHO % "b"}
param existingStorage = {{ name: 'rasters', resourceGroup: 'their-group', subscriptionId: '{THEIRS}' }}
param existingSystemTopicName = 'defender'
param sourceContainers = ['one', 'two', 'three']
param privateNetwork = true
param serviceBusSku = 'Premium'
param serviceBusCapacity = 2
param apiClientId = '33333333-3333-3333-3333-333333333333'
param apiSigning = true
param size = 'large'
param pgBouncer = true
param highAvailability = true
param geoRedundantBackup = true
param backupDays = 35
param apiAlwaysReady = 1
param pipelineAlwaysReady = 1
param alertMail = ['a@example.com']
param cogPublisherIds = ['00000000-0000-0000-0000-00000000000c']
"""
Resource = dict[str, Any]
Plan = list[Resource]
Evaluate = Callable[[str], "subprocess.CompletedProcess[str]"]


def evaluator(top: Path) -> Evaluate:
    """Lets the compiler evaluate the templates with the text of a parameter file; the plan is in `stdout`."""
    shutil.copytree(ROOT / "contracts", top / "contracts")
    for host in ROOT.glob("services/*/host.json"):  # how many calls at once share an instance's memory
        copied = top / host.relative_to(ROOT)
        copied.parent.mkdir(parents=True)
        shutil.copy(host, copied)
    folder = top / "infra" / "bicep"
    shutil.copytree(BICEP, folder)

    def evaluate(parameters: str) -> "subprocess.CompletedProcess[str]":
        file, made = folder / "asked.bicepparam", folder / "asked.snapshot.json"
        file.write_text(parameters)
        made.unlink(missing_ok=True)
        command = [str(COMPILER), "snapshot", str(file), "--mode", "overwrite", "--location", "westeurope"]
        environment = dict(os.environ) | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "HOME": str(top)}
        done = subprocess.run(
            [*command, "--subscription-id", OURS],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout = made.read_text() if made.exists() else ""
        return done

    return evaluate


def planned(done: "subprocess.CompletedProcess[str]") -> Plan:
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout)
    assert content["diagnostics"] == []
    found: Plan = content["predictedResources"]
    return found


def of_type(resources: Plan, kind: str) -> Plan:
    return [one for one in resources if one["type"] == kind]


def last(resource: Resource) -> str:
    """The resource's own name, without its parents'."""
    return str(resource["name"]).rpartition("/")[2]


def settings_of(resources: Plan, app: str) -> dict[str, str]:
    (found,) = [
        one
        for one in of_type(resources, "Microsoft.Web/sites/config")
        if one["name"].endswith(f"-{app}/appsettings")
    ]
    properties: dict[str, str] = found["properties"]
    return properties


def assignments(resources: Plan) -> Iterator[tuple[str, str, str]]:
    """Who has which role where: principal, role's name, scope."""
    roles = {
        role["id"]: role["role"] for role in json.loads((BICEP / "access.json").read_text())["roles"].values()
    }
    for one in of_type(resources, "Microsoft.Authorization/roleAssignments"):
        scope = scope_of(one["id"])
        role = one["properties"]["roleDefinitionId"].rpartition("/")[2]
        found = re.search(
            r"userAssignedIdentities/eventstac-[a-z]+-[a-z0-9]{8}-([a-z-]+)'",
            one["properties"]["principalId"],
        )
        who = found[1] if found else delivering(one["properties"]["principalId"])
        yield who, roles[role], scope


def scope_of(assignment: str) -> str:
    """What a role assignment is on; its id is a formula where its name has the object id of an identity in it."""
    formula = re.match(
        r"\[extensionResourceId\('([^']+)', 'Microsoft\.Authorization/roleAssignments', guid\(", assignment
    )
    return formula[1] if formula else assignment.partition("/providers/Microsoft.Authorization/")[0]


def prefix_of(resources: Plan) -> str:
    """What the names of a deployment's resources begin with."""
    (namespace,) = of_type(resources, "Microsoft.ServiceBus/namespaces")
    return str(namespace["name"])


def delivering(principal: str) -> str:
    """The name in access.json of an Event Grid topic's own identity; anybody else stays the object id."""
    topic = re.fullmatch(
        r"\[reference\('[^']*/Microsoft\.EventGrid/(systemTopics/[^'/]+|topics/[^'/]+-cog-events)', '[0-9-]+', 'full'\)"
        r"\.identity\.principalId\)?\]",
        principal,
    )
    if topic is None:
        return principal
    return "storage-events" if topic[1].startswith("systemTopics/") else "custom-events"
