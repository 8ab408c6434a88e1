"""What `make` installs is whole, also where two install at once."""

import subprocess
import sys
import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conditions import until

SCRIPT = Path(__file__).parents[2] / "scripts/bootstrap"

NODE = """#!/bin/sh
[ "$1" = --version ] && echo v24.0.0 && exit
[ -f "$(dirname "$1")/BlobServerFactory.js" ] && echo 3.37.0
"""
NPM = """#!/bin/sh
while [ "$1" != --prefix ]; do shift; done
cd "$2" && mkdir -p node_modules/.bin node_modules/azurite/dist/src/blob && cd node_modules
touch .bin/azurite-blob azurite/package.json azurite/dist/src/blob/main.js azurite/dist/src/blob/BlobServerFactory.js
"""

# A run of the script (1) in a folder (2), whose only step is a program that goes on until it is told to end.
RUN = """
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
script, folder = map(Path, sys.argv[1:])
module = ModuleType("bootstrap")
module.__file__ = str(script)
SourceFileLoader("bootstrap", str(script)).exec_module(module)
module.LOCAL, module.LOGS = folder / ".local", folder / ".local/logs"
goes_on = f"cd '{folder}' && touch started && until [ -e end ]; do sleep 0.05; done; touch ended"
module.install = lambda: module.logged(["sh", "-c", goes_on], "goes-on")
module.main()
"""


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, which installs into a folder of the test."""
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    spec = spec_from_loader("bootstrap", SourceFileLoader("bootstrap", str(SCRIPT)))
    assert spec
    assert spec.loader
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.LOCAL, module.LOGS = tmp_path / ".local", tmp_path / ".local/logs"
    return module


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node and an npm that do as if."""
    for name, text in (("node", NODE), ("npm", NPM)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


@pytest.mark.usefixtures("programs")
def test_an_azurite_that_lacks_a_module_is_installed_again(bootstrap: Any) -> None:
    bootstrap.azurite()
    folder = bootstrap.LOCAL / "azurite/node_modules/azurite/dist/src/blob"
    (folder / "left").touch()
    bootstrap.azurite()
    assert (folder / "left").exists(), "what is whole stays"
    (folder / "BlobServerFactory.js").unlink()
    bootstrap.azurite()
    assert (folder / "BlobServerFactory.js").exists()
    assert not (folder / "left").exists(), "it is made anew, not mended"


def test_a_checkout_that_may_not_be_written_is_told_in_a_sentence(
    bootstrap: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".local").touch()  # whoever runs the tests may write anywhere
    assert bootstrap.main() == 1
    told = capsys.readouterr().out
    assert "/.local/" in told
    assert f"installed into {bootstrap.ROOT}: you have to be able to write there" in told


def test_a_python_of_somebody_else_is_not_taken_for_none(tmp_path: Path) -> None:
    link = tmp_path / "python"
    for says in ("nothing is installed", "cannot be run by you"):
        for target in ("status", "down"):
            command = ["make", "-C", str(SCRIPT.parents[1]), target, f"PYTHON={link}"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert says in done.stdout
        if not link.is_symlink():
            link.symlink_to(tmp_path / "not-mine")


def test_two_do_not_install_at_once(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installing, done = threading.Event(), []

    def install() -> int:
        installing.set()
        done.append("installed")
        return 0

    monkeypatch.setattr(bootstrap, "install", install)
    monkeypatch.setattr(bootstrap, "is_done", lambda: bool(done))
    second = threading.Thread(target=bootstrap.main)
    with bootstrap.nobody_else():
        second.start()
        assert not installing.wait(0.3)
        done.append("by the first")
    second.join(10)
    assert done == ["by the first"], "what the first installed is not installed again"
    assert "waiting until it is done" in capsys.readouterr().out


def test_what_a_killed_run_began_is_waited_for(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.Popen([sys.executable, "-B", "-c", RUN, SCRIPT, tmp_path])
    until((tmp_path / "started").exists, "the program to start")
    killed.kill()
    killed.wait()
    installing, ended = threading.Event(), []

    def install() -> int:
        installing.set()
        ended.append((tmp_path / "ended").exists())
        return 0

    monkeypatch.setattr(bootstrap, "install", install)
    following = threading.Thread(target=bootstrap.main)
    following.start()
    try:
        assert not installing.wait(0.3), "its npm would write beside ours"
    finally:
        (tmp_path / "end").touch()
    following.join(10)
    assert ended == [True]


def test_what_fails_over_the_network_is_tried_again_and_said(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "PAUSE_S", 0)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    tries = tmp_path / "tries"
    once_in = "echo . >> '{}'; [ $(wc -l < '{}') -eq {} ]"
    bootstrap.fetch(["sh", "-c", once_in.format(tries, tries, 3)], "fetch")
    assert tries.read_text().split() == ["."] * 3
    assert (
        "failed, trying again in 0 s (2 of 3) … failed, trying again in 0 s (3 of 3) … "
        in capsys.readouterr().out
    )
    tries.unlink()
    with pytest.raises(bootstrap.Unmet, match=r"failed; \.local/logs/fetch\.log ends"):
        bootstrap.fetch(["sh", "-c", once_in.format(tries, tries, 4)], "fetch")
    assert tries.read_text().split() == ["."] * 3
