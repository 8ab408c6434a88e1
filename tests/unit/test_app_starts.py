"""What the start of an app does not import: that is needed at the first Item or never."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_DB": "eventstac",
    "POSTGRES_USER": "nobody",
    "POSTGRES_PASS": "none",
    "SOURCE_CONTAINERS": "source",
    "BlobStorage": "UseDevelopmentStorage=true",
    "ServiceBus": "Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=YQ==;UseDevelopmentEmulator=true",
    "CatalogEvents__topicEndpoint": "http://127.0.0.1:1/api/events",
    "CatalogEvents__topicKey": "a2V5",
}
# Each brings a tenth of a second or more; the scanner and the extractor's parent need none of the first three ever.
HEAVY = (
    "numpy",
    "shapely",
    "pypgstac",
    "pystac",
    "rasterio",
    "pyproj",
    "elementpath",
    "jsonpath",
)
APPS = ("scanner", "extractor", "loader", "cog_updater")


def printed(app: str, code: str, **more: str) -> list[str]:
    """What a list is in the end in a process that has the app's folder as its own, and `more` settings."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "services" / app,
        env={**os.environ, **SETTINGS, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "couldn't stop" not in done.stderr, "the process waited for threads before it ended"
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("app", APPS)
def test_an_app_starts_without_what_composes_or_reads(app: str) -> None:
    without = "import eventstac.once; eventstac.once.ahead = lambda get: None"
    heavy = f"[m for m in {HEAVY} if m in sys.modules]"
    assert printed(app, f"{without}\nimport json, sys, function_app; print(json.dumps({heavy}))") == []


@pytest.mark.parametrize(
    ("app", "begins"),
    [
        ("scanner", ["blobs-matched"]),
        ("extractor", ["asset-facts", "Sandbox.begin"]),
        ("loader", ["items-changed"]),
        ("cog_updater", ["items-changed", "Sandbox.begin"]),
    ],
)
def test_an_app_makes_ready_beside_its_start_what_its_first_message_needs(
    app: str, begins: list[str]
) -> None:
    code = """
import eventstac.once, json
begun = []
eventstac.once.ahead = begun.append
import function_app
assert begun == [function_app.ports]
function_app.ports()
print(json.dumps([get.args[0] if hasattr(get, "args") else get.__qualname__ for get in begun[1:]]))
"""
    assert printed(app, code) == begins


@pytest.mark.parametrize("app", APPS)
def test_an_app_that_cannot_be_made_ready_begins_nothing_at_each_try(app: str) -> None:
    code = """
import eventstac.once, json
begun = []
eventstac.once.ahead = begun.append
import function_app
for _ in range(2):
    try:
        function_app.ports()
    except ValueError:
        begun.append("failed")
print(json.dumps(begun[1:]))
"""
    assert printed(app, code, APPLICATIONINSIGHTS_CONNECTION_STRING="none") == ["failed", "failed"]
