"""The command line: what is wrong is one sentence and an exit code."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.eventgrid.testing import CONFIG, KEY, ROOT, running_eventgrid
from infra.local.eventgrid.tests.conftest import NO_SERVICE_BUS, NO_STORAGE


def run(tmp_path: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    options = {
        "port": "0",
        "config": str(CONFIG),
        "data": str(tmp_path / "data"),
        "servicebus": NO_SERVICE_BUS,
        "storage": NO_STORAGE,
        "key": KEY,
        **changed,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "infra.local.eventgrid", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"config": "nowhere.json"}, "event grid: nowhere.json cannot be read: No such file or directory"),
        ({"servicebus": "nonsense"}, "event grid: --servicebus is no Service Bus connection string"),
        ({"storage": "nonsense"}, "event grid: --storage is no storage connection string"),
        ({"key": "not base64!"}, "event grid: the key must be base64"),
    ],
)
def test_a_wrong_argument_is_one_sentence(tmp_path: Path, changed: dict[str, str], sentence: str) -> None:
    result = run(tmp_path, **changed)
    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with running_eventgrid(tmp_path / "first", NO_SERVICE_BUS, NO_STORAGE) as first:
        result = run(tmp_path, port=str(first.port))
    assert result.returncode == 1
    assert str(first.port) in result.stderr
    assert "Traceback" not in result.stderr
