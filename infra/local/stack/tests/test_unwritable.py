"""A place that cannot be written is told of in a sentence."""

from pathlib import Path

import pytest

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


def test_down_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(tmp_path / "x"), "down"]) == 0
    assert capsys.readouterr().out == "nothing was running\n"
    assert not (tmp_path / "x").exists()
