"""The contracts travel with the library: read from a really built wheel, and from a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from eventstac.contracts import contract_path, read_contract

ROOT = Path(__file__).parents[2]
ASK = """
import json, eventstac.contracts
from eventstac.validation import event_problems, event_types, validate_item
item, event = json.load(open({item!r})), json.load(open({event!r}))
print(json.dumps({{
    "package": eventstac.__file__,
    "topology": str(eventstac.contracts.contract_path("topology.json")),
    "types": event_types(),
    "item": [problem.message for problem in validate_item(item)],
    "event": [problem.message for problem in event_problems(event)],
}}))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        find_uv_bin(),
        "build",
        "--quiet",
        "--wheel",
        "--python",
        sys.executable,
        "--out-dir",
        str(folder),
    ]
    done = subprocess.run([*build, str(ROOT / "shared")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the wheel could not be built: {done.stderr}"
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_an_installed_wheel_brings_its_contracts_and_validates_with_them(unpacked: Path) -> None:
    item = Path(__file__).parent / "items" / "valid" / "scene.json"
    event = contract_path("events/examples/eventstac.blob.matched.v1/cog.json")
    script = ASK.format(item=str(item), event=str(event))
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=unpacked,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["package"].startswith(str(unpacked))
    assert said["topology"].startswith(str(unpacked))
    assert len(said["types"]) == 17
    assert said["item"] == said["event"] == []


def test_the_wheel_holds_every_contract_of_the_checkout(unpacked: Path) -> None:
    checkout, installed = ROOT / "contracts", unpacked / "eventstac" / "_contracts"
    there = {path.relative_to(checkout) for path in checkout.rglob("*") if path.is_file()}
    assert there == {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}


def test_a_checkout_reads_its_own_contracts() -> None:
    assert contract_path("topology.json") == ROOT / "contracts" / "topology.json"
    assert read_contract("topology.json")["UserConfig"]


def test_a_name_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError, match=r"no contract 'events/nothing.json'"):
        contract_path("events/nothing.json")


def test_a_name_cannot_lead_out_of_the_contracts() -> None:
    with pytest.raises(ValueError, match="outside"):
        contract_path("../pyproject.toml")
