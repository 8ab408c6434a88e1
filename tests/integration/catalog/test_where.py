"""What `eventstac where` gathers about one blob."""

from dataclasses import replace
from typing import NoReturn

import pytest

from eventstac.azure.blob_storage import BlobStorage
from eventstac.blobs import Look
from eventstac.catalog.database import Connection
from eventstac.catalog.merge import MergeSettings, merge
from eventstac.catalog.rules_store import RulesStore, apply_rules
from eventstac.cli.ports import Ports
from eventstac.cli.where import gather
from eventstac.errors import Copying, Transient
from eventstac.facts import Match, fact_of
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.rules import load_rules
from eventstac.verdict import to_json
from eventstac.whereabouts import whereabouts
from tests.integration.conftest import CatalogDatabase
from tests.samples import ACCOUNT, START, present, url_of

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture
def ports(database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch) -> Ports:
    """The operator's, where the bus is away."""

    def no_bus(*_: object) -> NoReturn:
        raise Transient("the bus is away")

    monkeypatch.setattr("eventstac.cli.where.open_client", no_bus)
    account = f"BlobEndpoint={ACCOUNT};AccountName=account;AccountKey=YQ=="
    return Ports.read(
        "where",
        {
            **database.environment("eventstac_operator"),
            "BlobStorage": account,
            "ServiceBus": "unused",
            "SOURCE_CONTAINERS": "source",
        },
    )


def test_of_a_blob_that_is_still_being_copied_all_else_is_told(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: BlobStorage, url: str) -> NoReturn:
        raise Copying(f"{url} is still being copied: 1/9 bytes")

    monkeypatch.setattr(BlobStorage, "look", look)
    evidence = gather(ports, "source/a.tif")
    said = to_json(evidence, whereabouts(evidence))
    assert (said["text"], said["storage"]) == ("waiting at storage", None)
    assert "source/a.tif is still being copied: 1/9 bytes" in said["why"]
    assert said["service_bus"] == "the bus is away"


@pytest.mark.parametrize(
    ("extractor", "is_told"), [(EXTRACTOR_REVISION - 1, True), (EXTRACTOR_REVISION, False)]
)
def test_a_reading_by_an_older_extractor_than_the_one_in_force_is_told(
    owner: Connection, ports: Ports, monkeypatch: pytest.MonkeyPatch, extractor: int, is_told: bool
) -> None:
    url, match = url_of("a.tif"), Match("bronze-tier", "a", "data")
    monkeypatch.setattr(BlobStorage, "look", lambda *_: (Look(url, "present", START, etag="a"), None))
    text = "collections: {}"
    rules = load_rules(text, file="rules.yaml", default_collection="bronze-tier")
    apply_rules(owner, text, rules, EXTRACTOR_REVISION)
    fact = fact_of(url, replace(present(match, 5, "a"), extractor=extractor))
    merge(owner, RulesStore("bronze-tier"), [fact], MergeSettings("loader", 0.5), START)
    why = whereabouts(gather(ports, "source/a.tif")).why
    assert (f"older than the one in force ({EXTRACTOR_REVISION})" in why) is is_told
