"""A place that cannot be written is told of in a sentence."""

import errno
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest

from infra.local.stack import commands
from infra.local.stack.__main__ import main
from infra.local.stack.layout import Layout


def test_a_place_where_nothing_can_be_made_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    where = ["--directory", str(tmp_path / "file" / "x")]
    assert main([*where, "up"]) == 1
    told = capsys.readouterr().err
    assert str(tmp_path / "file" / "x") in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/x/.local"), True),
        (PermissionError(errno.EACCES, "Permission denied", "/x/.local/logs/stack.log"), True),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x/.local"), True),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "uvicorn"), False),
        (PermissionError(errno.EPERM, "Operation not permitted"), False),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), False),
    ],
)
def test_only_of_a_place_that_cannot_be_written_a_sentence_says_enough(
    error: OSError,
    is_told: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "up", Mock(side_effect=error))
    with nullcontext() if is_told else pytest.raises(type(error)):
        assert main(["--directory", str(tmp_path), "up"]) == 1
        assert capsys.readouterr().err == f"{error}\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_of_though_a_write_does_not_say_where(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local.stack.run.run", Mock(side_effect=OSError(number, "It is full")))
    assert main(["--directory", str(tmp_path), "run"]) == 1
    told = capsys.readouterr().err
    assert f"It is full: make room for {tmp_path}, or take another place with --directory\n" in told
    assert told.count("\n") == 1


def test_a_folder_where_the_log_must_be_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs" / "stack.log"
    log.mkdir(parents=True)
    assert main(["--directory", str(tmp_path), "up"]) == 1
    assert capsys.readouterr().err == f"[Errno {errno.EISDIR}] Is a directory: {str(log)!r}\n"


def test_a_stack_that_can_write_nothing_into_its_log_is_told_of_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch(_layout: Layout, log: Path) -> "subprocess.Popen[bytes]":
        log.touch()
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])

    monkeypatch.setattr(commands, "_launch", launch)
    assert main(["--directory", str(tmp_path), "up"]) == 1
    assert (
        f"without a word in {tmp_path / 'logs' / 'stack.log'}: is its disk full?" in capsys.readouterr().err
    )


def test_down_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path / "x"), "down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"
    assert not (tmp_path / "x").exists()
