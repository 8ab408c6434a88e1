"""`eventstac rules test --container` over the listing of a real container."""

import json
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from typer.testing import CliRunner

from eventstac.cli import rules as command
from infra.local.azurite.testing import running_azurite

FILE = "collections:\n  a:\n    rules:\n      - {name: r, pattern: 's/{item}/{asset}.tif'}\n"
NAMES = ["s/1/b ä#1.tif", "s/2/b%20+.tif", "s/3/c.tif", "loose.tif", "notes.txt"]


def test_a_real_container_is_counted_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "collections.yaml"
    file.write_text(FILE)
    monkeypatch.setattr(command, "PAGE", 2)
    monkeypatch.delenv("BlobStorage", raising=False)
    with running_azurite(tmp_path / "blobs") as azurite:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
        with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
            container = service.create_container("source")
            for name in NAMES:
                container.upload_blob(name, b"x")
        result = CliRunner().invoke(
            command.app, ["test", "--container", "source", "--rules", str(file), "--json"]
        )
        shown = CliRunner().invoke(
            command.app, ["test", "--container", "source", "--rules", str(file), "--samples", "1"]
        )
        missing = CliRunner().invoke(command.app, ["test", "--container", "nowhere", "--rules", str(file)])
    assert result.exit_code == 0, result.output
    counted = json.loads(result.output)
    assert counted["blobs"] == len(NAMES)
    assert [each["blobs"] for each in counted["rules"]] == [3, 1]
    assert counted["unmatched"] == 1
    assert counted["samples"][0].endswith("/source/notes.txt")
    why = "the path is not s/{item}/{asset}.tif"
    [default] = counted["default_samples"]
    assert default["url"].endswith("/source/loose.tif")
    assert default["tried"] == [{"collection": "a", "rule": "r", "why": why}]
    *_, name, reason = shown.output.splitlines()
    assert name.startswith("(default): ")
    assert name.endswith("/source/loose.tif")
    assert reason == f"  a/r: {why}"
    assert missing.exit_code == 1
    assert "nowhere" in missing.output
    assert len(missing.output.strip().splitlines()) == 1
