"""What `eventstac where` gathers about one blob."""

from typing import NoReturn

import pytest

from eventstac.azure.blob_storage import BlobStorage
from eventstac.cli.ports import Ports
from eventstac.cli.where import gather
from eventstac.errors import Copying, Transient
from eventstac.whereabouts import to_json, whereabouts
from tests.integration.conftest import CatalogDatabase

pytestmark = pytest.mark.usefixtures("empty")


def test_of_a_blob_that_is_still_being_copied_all_else_is_told(
    database: CatalogDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: BlobStorage, url: str) -> NoReturn:
        raise Copying(f"{url} is still being copied: 1/9 bytes")

    def no_bus(*_: object) -> NoReturn:
        raise Transient("the bus is away")

    monkeypatch.setattr(BlobStorage, "look", look)
    monkeypatch.setattr("eventstac.cli.where.open_client", no_bus)
    account = "BlobEndpoint=http://127.0.0.1:1/account;AccountName=account;AccountKey=YQ=="
    ports = Ports.read(
        "where",
        {
            **database.environment("eventstac_operator"),
            "BlobStorage": account,
            "ServiceBus": "unused",
            "SOURCE_CONTAINERS": "source",
        },
    )
    evidence = gather(ports, "source/a.tif")
    said = to_json(evidence, whereabouts(evidence))
    assert (said["text"], said["storage"]) == ("waiting at storage", None)
    assert "source/a.tif is still being copied: 1/9 bytes" in said["why"]
    assert said["service_bus"] == "the bus is away"
