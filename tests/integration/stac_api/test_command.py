"""`python -m stac_api`, as somebody runs it who has no Functions host."""

import os
import socket
import subprocess
import sys
import time

import requests

from tests.integration.conftest import CatalogDatabase
from tests.integration.stac_api.places import READER


def test_missing_settings_are_one_sentence_and_no_traceback() -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES", "STAC"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "stac_api"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "POSTGRES_HOST is not set" in done.stderr
    assert "STAC_CATALOG_ID is not set" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_command_serves_and_compresses(loaded: CatalogDatabase) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | loaded.environment(READER) | {"STAC_CATALOG_ID": "command"}
    command = [sys.executable, "-m", "stac_api", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            answer = _first_answer(process, f"http://127.0.0.1:{port}/search")
        finally:
            process.terminate()
            process.wait(20)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json()["features"]) == 10


def _first_answer(process: subprocess.Popen[str], url: str) -> requests.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return requests.get(url, timeout=10)
        except requests.ConnectionError:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)  # between two tries to connect
