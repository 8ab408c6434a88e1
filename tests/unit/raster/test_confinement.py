"""What the process that decodes cannot reach: other files, the network; and formats that name other files."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstac.errors import Rejected
from eventstac.raster.confinement import code_folders
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.raster.sandbox import TRIES, Sandbox
from tests.unit.raster.corpus import (
    DANGLING_BESIDE_HDF5,
    DANGLING_HDF5,
    EMPTY_HDF5,
    EXTERNAL_NAME,
    RAW_HDF5,
    TEXT_HDF5,
    VIRTUAL_HDF5,
    netcdf,
    netcdf4,
)
from tests.unit.raster.readers import MemoryReader
from tests.unit.raster.test_sandbox import decoders

CODE = """
import socket, sys, tempfile
from pathlib import Path
import eventstac.raster.extract
from eventstac.raster.confinement import confine, is_confined
folder, secret, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
print("confined", confine(folder), is_confined())

def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"

print("read", outcome(secret.read_bytes))
print("write", outcome(lambda: secret.write_bytes(b"x")))
print("make", outcome(lambda: (secret.parent / "new").write_bytes(b"x")))
print("list", outcome(lambda: list(secret.parent.iterdir())))
print("connect", outcome(lambda: socket.create_connection(("127.0.0.1", port), 5)))
print("environment", outcome(Path("/proc/1/environ").read_bytes))
with tempfile.TemporaryDirectory(dir=folder) as own:
    print("own", outcome(lambda: (Path(own) / "blob").write_bytes(b"x")), (Path(own) / "blob").read_bytes())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock is the Linux kernel's")


def test_a_confined_process_reaches_code_and_its_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "other").mkdir()
    secret = tmp_path / "other" / "secret"
    secret.write_bytes(b"secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(tmp_path / "own"), str(secret), port],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said == {
        "confined": "True True",
        "read": "PermissionError",
        "write": "PermissionError",
        "make": "PermissionError",
        "list": "PermissionError",
        "connect": "PermissionError",
        "environment": "PermissionError",
        "own": "done b'x'",
    }
    assert secret.read_bytes() == b"secret"


def test_code_is_all_that_may_be_read() -> None:
    parts = {part for folder in code_folders() for part in folder.parts}
    assert "etc" not in parts
    assert ".local" not in parts
    assert Path("/") not in code_folders()


def test_netcdf_4_is_read_where_the_decoder_is_confined() -> None:
    metadata = read_raster(MemoryReader(netcdf4()), {}).metadata
    assert metadata["media_type"] == "application/netcdf"
    assert metadata["projection"]["proj:code"] == "EPSG:32633"
    assert metadata["bands"][0]["statistics"]["count"] == 40 * 60


def test_hdf5_is_refused_where_the_process_is_not_confined() -> None:
    with pytest.raises(Rejected) as caught:
        read_in_process(MemoryReader(netcdf4()), {})
    assert caught.value.reason == "unsupported-driver"
    assert "Landlock" in caught.value.detail


def test_an_hdf5_file_whose_data_lie_in_another_file_reads_nothing_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"SECRETSECRETSECRET")
    name = str(secret).encode()
    data = RAW_HDF5.replace(EXTERNAL_NAME, name.ljust(len(EXTERNAL_NAME), b"\0"))
    with pytest.raises(Rejected) as caught:
        read_raster(MemoryReader(data), {"allow_no_footprint": True})
    assert caught.value.reason == "bad-raster"


def test_a_virtual_dataset_is_not_read_as_fill_values() -> None:
    with pytest.raises(Rejected, match="virtual HDF5 dataset"):
        read_raster(MemoryReader(VIRTUAL_HDF5), {"allow_no_footprint": True})


@pytest.mark.parametrize("options", [{}, {"variable": "plain"}], ids=["", "of a variable"])
@pytest.mark.parametrize("data", [DANGLING_HDF5, DANGLING_BESIDE_HDF5], ids=["alone", "beside a grid"])
def test_an_hdf5_file_with_a_link_to_nowhere_is_told_what_to_mend(
    data: bytes, options: dict[str, str]
) -> None:
    with pytest.raises(Rejected, match="a link which leads nowhere or into another file") as caught:
        read_raster(MemoryReader(data), {"allow_no_footprint": True, **options})
    # Whether what lies behind the link would be a grid nobody knows.
    assert caught.value.reason == ("no-bands" if data is DANGLING_HDF5 else "bad-raster")
    assert "/" not in caught.value.detail.replace("NETCDF", "").partition("It is HDF5")[0]


def test_damaged_hdf5_is_not_said_to_have_links() -> None:
    data = bytearray(netcdf4())
    data[48:400] = b"\xff" * 352
    with pytest.raises(Rejected) as caught:
        read_raster(MemoryReader(bytes(data)), {"allow_no_footprint": True})
    assert "link" not in caught.value.detail


@pytest.mark.parametrize("data", [EMPTY_HDF5, TEXT_HDF5], ids=["empty", "a text"])
def test_an_hdf5_file_without_a_grid_is_not_said_to_be_broken(data: bytes) -> None:
    with pytest.raises(Rejected, match="holds no grid") as caught:
        read_raster(MemoryReader(data), {"allow_no_footprint": True})
    assert caught.value.reason == "no-bands"


def test_a_killed_worker_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    others = set(decoders())
    sandbox = Sandbox()
    seen: list[Path] = []

    class Killing(MemoryReader):
        def stream(self, chunk_bytes: int = 1024 * 1024) -> Iterator[bytes]:
            for number, chunk in enumerate(super().stream(1024 * 1024)):
                if number == 3:
                    seen.extend(tmp_path.glob("*/*/blob"))
                    (decoder,) = set(decoders()) - others
                    os.kill(decoder, signal.SIGKILL)
                yield chunk

    with pytest.raises(Rejected, match="killed"):
        sandbox.read(Killing(netcdf(1600, 1600)), {"crs": "EPSG:4326"}, thumbnail=False, seconds=60)
    assert len(seen) == TRIES
    assert list(tmp_path.iterdir()) == []
