"""Ports are chosen once, kept, and never shared."""

import json
import socket
from pathlib import Path

import pytest

from infra.local.stack import ports
from infra.local.stack.errors import StackError


def test_ports_are_kept_once_they_are_chosen(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    first = ports.kept_or_chosen(path, ["blobs", "loader"])
    assert ports.kept_or_chosen(path, ["blobs", "loader"]) == first
    assert json.loads(path.read_text()) == first


def test_a_new_service_gets_a_port_and_the_old_ones_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    first = ports.kept_or_chosen(path, ["blobs"])
    second = ports.kept_or_chosen(path, ["blobs", "loader"])
    assert second["blobs"] == first["blobs"]
    assert second["loader"] != second["blobs"]


def test_a_taken_port_is_refused_by_name_and_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError, match=rf"{port} \(blobs\).*ports.json"):
            ports.refuse_taken(tmp_path / "ports.json", {"blobs": port})


def test_free_ports_are_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    ports.refuse_taken(path, ports.kept_or_chosen(path, ["blobs", "loader"]))
