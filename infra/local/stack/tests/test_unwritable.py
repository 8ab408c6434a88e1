"""A place that cannot be written is told of in a sentence."""

import errno
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest

from infra.local.stack import commands
from infra.local.stack.__main__ import main


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


def test_down_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path / "x"), "down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"
    assert not (tmp_path / "x").exists()
