"""What `make` installs is whole, also where two install at once."""

import threading
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

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
