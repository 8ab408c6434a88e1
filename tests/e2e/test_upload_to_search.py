"""An uploaded raster becomes searchable, through the SDKs that users have."""

from collections.abc import Iterator

import pystac
import pytest
import requests
from azure.storage.blob import BlobServiceClient
from pystac_client import Client

from eventstac.validation.documents import validate_item
from infra.local.stack.testing import Stack
from tests.e2e.conditions import until
from tests.e2e.rasters import geotiff

pytestmark = pytest.mark.stack


@pytest.fixture
def storage(stack: Stack) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(stack.storage) as client:
        yield client


def items_with(stack: Stack, url: str) -> list[pystac.Item]:
    """The Items of the catalog that have an asset with this href."""
    search = Client.open(stack.stac_api).search(max_items=500)
    return [item for item in search.items() if any(asset.href == url for asset in item.assets.values())]


def test_an_uploaded_raster_becomes_searchable_and_a_deleted_one_goes(
    stack: Stack, storage: BlobServiceClient
) -> None:
    blob = storage.get_blob_client("source", "uploads/2024-05-06/one.tif")
    blob.upload_blob(geotiff(seed=1))
    [item] = until(lambda: items_with(stack, blob.url), f"{blob.url} to be searchable")
    assert validate_item(item.to_dict(transform_hrefs=False)) == []
    assert item.collection_id == "bronze-tier"
    assert item.properties["proj:code"] == "EPSG:32613"
    blob.delete_blob()
    until(lambda: not items_with(stack, blob.url), f"{blob.url} to be gone from the catalog")


def test_three_files_of_a_rule_are_one_item_with_the_datetime_of_their_path(
    stack: Stack, storage: BlobServiceClient
) -> None:
    blobs = {
        band: storage.get_blob_client("source", f"rmnp/2019-02-03/{band}.tif")
        for band in ("red", "green", "blue")
    }
    for seed, blob in enumerate(blobs.values()):
        blob.upload_blob(geotiff(seed=seed))
    search = Client.open(stack.stac_api).search(collections=["rmnp"], ids=["rmnp-2019-02-03"])
    assets = until(
        lambda: next((item.assets for item in search.items() if blobs.keys() <= item.assets.keys()), None),
        "one Item with all three bands",
    )
    assert {band: assets[band].href for band in blobs} == {band: blob.url for band, blob in blobs.items()}
    [item] = search.items()
    assert item.datetime is not None
    assert item.datetime.isoformat() == "2019-02-03T00:00:00+00:00"


def test_a_process_that_was_killed_goes_on_where_it_was(stack: Stack, storage: BlobServiceClient) -> None:
    blob = storage.get_blob_client("source", "uploads/2024-05-06/killed.tif")
    stack.kill("extractor")
    blob.upload_blob(geotiff(seed=2))
    stack.restart("extractor")
    until(lambda: items_with(stack, blob.url), f"{blob.url} to be searchable")


def test_a_page_of_another_origin_reads_a_range_of_a_file(stack: Stack, storage: BlobServiceClient) -> None:
    blob = storage.get_blob_client("source", "uploads/2024-05-06/page.tif")
    blob.upload_blob(geotiff(seed=2))
    page = {"Origin": "https://browser.example"}
    asks = page | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range,if-match"}
    allowed = requests.options(blob.url, headers=asks, timeout=30)
    assert allowed.status_code == 200
    assert "range" in allowed.headers["Access-Control-Allow-Headers"].lower()
    part = requests.get(blob.url, headers=page | {"Range": "bytes=0-3"}, timeout=30)
    assert (part.status_code, len(part.content)) == (206, 4)
    assert part.headers["Access-Control-Allow-Origin"] in ("*", page["Origin"])
    assert "content-range" in part.headers["Access-Control-Expose-Headers"].lower()
    blob.delete_blob()
