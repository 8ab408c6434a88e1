"""Every template parses, and what it names is there; with the compiler, it also compiles without a warning."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.bicep.source import (
    BICEP,
    TEMPLATES,
    faults,
    loaded_files,
    modules,
    nodes,
    outputs_described,
    parameters,
    parse,
    text,
)

PARAMETER_FILES = sorted(BICEP.glob("*.bicepparam"))
IDS = [path.stem for path in TEMPLATES]


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_a_template_parses(path: Path) -> None:
    assert list(faults(parse(path))) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_parameters_and_outputs_are_described(path: Path) -> None:
    assert [name for name, parameter in parameters(path).items() if not parameter.described] == []
    assert [name for name, described in outputs_described(path).items() if not described] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_the_modules_of_a_template_are_there_and_get_what_they_ask_for(path: Path) -> None:
    for name, file, given in modules(path):
        assert file.is_file(), f"{name}: {file} is not there"
        asked = parameters(file)
        assert given <= set(asked), f"{name} is given {given - set(asked)}"
        lacking = {parameter.name for parameter in asked.values() if parameter.required} - given
        assert not lacking, f"{name} lacks {lacking}"


@pytest.mark.parametrize("path", TEMPLATES, ids=IDS)
def test_files_that_a_template_reads_are_there(path: Path) -> None:
    for file in loaded_files(path):
        assert file.is_file(), file
        if file.suffix == ".json":
            assert json.loads(file.read_text())


def test_every_module_is_deployed_by_another_template() -> None:
    deployed = {file.resolve() for path in TEMPLATES for _, file, _ in modules(path)}
    imported = {
        file.resolve() for path in TEMPLATES for file in loaded_files(path) if file.suffix == ".bicep"
    }
    assert {path for path in TEMPLATES if path.parent.name == "modules"} == deployed | imported
    assert len(list(modules(BICEP / "main.bicep"))) > 10
    required = {
        parameter.name for parameter in parameters(BICEP / "main.bicep").values() if parameter.required
    }
    assert required == {"environmentName", "location", "databaseAdministrator"}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=[path.stem for path in PARAMETER_FILES])
def test_a_parameter_file_gives_what_the_template_asks_for(path: Path) -> None:
    content = path.read_text()
    given = set(re.findall(r"^param (\w+) =", content, re.MULTILINE))
    asked = parameters(BICEP / "main.bicep")

    assert "using 'main.bicep'" in content
    assert given <= set(asked)
    assert {parameter.name for parameter in asked.values() if parameter.required} <= given


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=[path.stem for path in PARAMETER_FILES])
def test_a_parameter_file_parses(path: Path) -> None:
    assert list(faults(parse(path))) == []


def test_there_are_parameters_for_dev_test_prod_and_azd() -> None:
    assert {path.stem for path in PARAMETER_FILES} == {"dev", "test", "prod", "main"}
    assert "param apiAccess = 'entra'" in (BICEP / "prod.bicepparam").read_text()


def test_nothing_comes_from_a_registry_and_nothing_holds_a_key() -> None:
    for path in TEMPLATES:
        content = path.read_text()
        assert "br/public:" not in content
        assert "br:" not in content
        assert not re.search(r"listKeys|listAllKeys|SharedAccessKey|AccountKey", content), path


def test_nothing_expires_by_itself() -> None:
    for path in TEMPLATES:
        assert "autoDeleteOnIdle" not in path.read_text()


def test_resources_of_one_type_have_one_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in TEMPLATES:
        for node in nodes(parse(path), "resource_declaration"):
            name, _, version = text(next(nodes(node, "string"))).partition("@")
            if version:
                versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
    assert len(versions) > 25


COMPILER = os.environ.get("BICEP") or shutil.which("bicep")


@pytest.mark.skipif(not COMPILER, reason="no Bicep compiler: set BICEP, or have bicep on the PATH")
def test_the_compiler_finds_nothing_to_say(tmp_path: Path) -> None:
    environment = dict(os.environ) | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(COMPILER), "build", str(BICEP / "main.bicep"), "--stdout"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    template = json.loads(done.stdout)
    assert set(template["resources"]) >= {"messaging", "events", "eventSource", "database", "app", "alerts"}
