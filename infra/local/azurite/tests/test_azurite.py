"""Azurite starts, keeps its blobs over a restart, and says what is wrong where it cannot start."""

import socket
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from infra.local.azurite import server, testing
from infra.local.azurite.testing import running_azurite


def test_blobs_survive_a_restart(tmp_path: Path) -> None:
    with (
        running_azurite(tmp_path) as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as service,
    ):
        service.create_container("source")
        service.get_blob_client("source", "a/b.tif").upload_blob(b"pixels")
    with (
        running_azurite(tmp_path) as again,
        BlobServiceClient.from_connection_string(again.connection_string) as service,
    ):
        assert service.get_blob_client("source", "a/b.tif").download_blob().readall() == b"pixels"


def test_a_missing_installation_names_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_BINARY", Path(".local/nowhere/azurite-blob"))
    with pytest.raises(server.AzuriteError, match="make setup"):
        running_azurite(tmp_path)


def test_a_port_that_is_taken_is_reported(tmp_path: Path) -> None:
    with (
        running_azurite(tmp_path / "first") as first,
        pytest.raises(server.AzuriteError, match=f"{first.port}.* taken"),
    ):
        server.start(server.Command(tmp_path / "second", first.port), tmp_path / "second.log")


def test_a_port_that_another_program_takes_while_azurite_starts_is_not_azurites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_azurite(tmp_path / "first") as first, socket.create_server(("127.0.0.1", 0)) as silent:
        taken = [first.port, silent.getsockname()[1], server.free_port()]
        monkeypatch.setattr(server, "_is_taken", lambda _: False)  # as before the other program took it
        monkeypatch.setattr(testing, "free_port", iter(taken).__next__)
        with running_azurite(tmp_path / "second") as second:
            assert second.port == taken[-1]
            assert second.process.poll() is None
        with pytest.raises(server.AzuriteError, match="EADDRINUSE"):
            running_azurite(tmp_path / "third", first.port)


def test_azurite_that_dies_at_start_is_reported_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "azurite-blob"
    broken.write_text("#!/bin/sh\necho disk is full\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(server, "binary", lambda: broken)
    with pytest.raises(server.AzuriteError, match="disk is full"):
        running_azurite(tmp_path / "data")
