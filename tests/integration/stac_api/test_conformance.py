"""Outside judges: stac-api-validator on every class that it knows, and schemathesis against our own OpenAPI."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.postgres.testing import RunningPostgres
from tests.integration.conftest import CatalogDatabase, new_database
from tests.integration.stac_api import catalog
from tests.integration.stac_api.conftest import load
from tests.integration.stac_api.places import MAIN, Place
from tests.integration.stac_api.private_venv import private_venv

REQUIREMENTS = ("stac-api-validator==0.6.8", "schemathesis==4.32.5", "pystac==1.15.2")
RUNNER = Path(__file__).with_name("offline_validator.py")
SEED = () if os.environ.get("EXPLORE") else ("--seed", "1")  # the same requests each time
WORLD = {"type": "Polygon", "coordinates": [[[-170, -80], [170, -80], [170, 80], [-170, 80], [-170, -80]]]}
CLASSES = (
    "core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields",
    "item-search#query", "features#sort", "features#fields", "features#query",
)  # fmt: skip
QUERY = {
    "comparison-field": "count", "eq-value": 4, "neq-value": 6, "lt-value": 5, "lte-value": 5, "gt-value": 3,
    "gte-value": 3, "substring-field": "platform", "starts-with-value": "al", "ends-with-value": "ha",
    "contains-value": "ph", "in-field": "grade", "in-values": "A,B",
}  # fmt: skip


pytestmark = [
    pytest.mark.parametrize("place", MAIN, indirect=True, scope="session"),
    pytest.mark.timeout(900),  # the first on a machine downloads the judges
]


@pytest.fixture(scope="module")
def without_periods(postgres: RunningPostgres) -> CatalogDatabase:
    """The catalog without Items that have a null datetime, at which the validator crashes."""
    database = new_database(postgres)
    load(
        database.settings.conninfo,
        catalog.COLLECTIONS,
        [item for item in catalog.ITEMS if item["properties"]["datetime"]],
    )
    return database


@pytest.fixture(scope="module")
def instants(place: Place, without_periods: CatalogDatabase) -> Iterator[str]:
    with place.serve(without_periods) as api:
        yield api.url


def test_stac_api_validator_finds_no_error_in_any_class(instants: str) -> None:
    options = ["--root-url", f"{instants}/", "--collection", "scenes", "--geometry", json.dumps(WORLD)]
    options += ["--fields-nested-property", "properties.platform"]
    options += [part for each in CLASSES for part in ("--conformance", each)]
    options += [part for name, value in QUERY.items() for part in (f"--query-{name}", str(value))]
    command = [str(private_venv(*REQUIREMENTS) / "python"), str(RUNNER), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    # It exits with 0 when it crashes: only the line says that it came to its end.
    assert "Errors: none" in done.stdout, done.stdout + done.stderr[-4000:]
    assert done.returncode == 0


def test_schemathesis_finds_what_openapi_says(instants: str, place: Place) -> None:
    checks = "not_a_server_error,status_code_conformance,response_schema_conformance"
    if place.name != "functions":  # the host itself refuses an address of over 8 KB, in plain text
        checks += ",content_type_conformance"
    command = [
        str(private_venv(*REQUIREMENTS) / "schemathesis"), "run", f"{instants}/api", "--checks", checks,
        "--phases", "examples,fuzzing", "--max-examples", "8", "--suppress-health-check", "all",
        "--generation-database", "none", "--no-color", *SEED,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
