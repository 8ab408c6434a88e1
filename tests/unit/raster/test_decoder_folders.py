"""The folders of decoders do not pile up, however their apps end."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from eventstac.raster.decoder import Worker
from eventstac.raster.folders import PREFIX, Folder
from eventstac.raster.memory import MB
from eventstac.raster.sandbox import Sandbox

HOLDS_ONE = """
import sys
from eventstac.raster.folders import Folder
folder = Folder()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_of_a_killed_app_is_removed_by_the_next_one_and_that_of_a_live_one_is_not(
    temporary: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        of_another = Path(app.stdout.readline().strip())
        (of_another / "left").write_bytes(b"x")

        first = Folder()
        beside = set(temporary.iterdir())
        app.kill()
        app.wait()
        second = Folder()

    assert beside == {of_another, first.path}
    assert set(temporary.iterdir()) == {first.path, second.path}
    first.remove()
    second.remove()
    assert list(temporary.iterdir()) == []


def test_what_is_no_decoders_stays(temporary: Path) -> None:
    kept = temporary / "eventstac-other"
    kept.mkdir()
    link = temporary / f"{PREFIX}link"
    link.symlink_to(kept)
    pipe = temporary / f"{PREFIX}pipe"
    os.mkfifo(pipe)

    Folder().remove()

    assert {kept, link, pipe} == set(temporary.iterdir())


def test_where_the_file_system_has_no_locks_a_decoder_has_its_folder_all_the_same(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("eventstac.raster.folders.fcntl.flock", flock)
    first, second = Folder(), Folder()
    assert set(temporary.iterdir()) == {first.path, second.path}
    first.remove()
    second.remove()
    assert list(temporary.iterdir()) == []


def test_a_folder_goes_with_its_decoder(temporary: Path) -> None:
    sandbox = Sandbox(512 * MB, "sidecar")
    sandbox.begin()
    assert [path.name.startswith(PREFIX) for path in temporary.iterdir()] == [True]

    sandbox.close()

    assert list(temporary.iterdir()) == []


def test_a_decoder_that_cannot_be_started_leaves_no_folder(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(temporary / "none"))

    with pytest.raises(FileNotFoundError):
        Worker(512 * MB)

    assert list(temporary.iterdir()) == []
