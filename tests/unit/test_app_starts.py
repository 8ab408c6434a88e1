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


@pytest.mark.parametrize("app", ["scanner", "extractor", "loader", "cog_updater"])
def test_an_app_starts_without_what_composes_or_reads(app: str) -> None:
    code = f"import json, sys, function_app; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "services" / app,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
