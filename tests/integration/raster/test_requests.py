"""How many requests a look costs, of which kind, and for how many bytes: over the SDK, as the storage sees them."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage
from eventstac.blobs import HEAD_BYTES
from eventstac.raster.extract import read_raster
from infra.local.azurite.server import connection_string
from infra.local.azurite.testing import running_azurite
from tests.integration.raster.counting import Asked, Log, counting
from tests.unit.raster.corpus import cog, gradient, tiff


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as azurite:
        BlobServiceClient.from_connection_string(azurite.connection_string).create_container("source")
        yield azurite


@pytest.fixture(scope="module")
def log(azurite: Any) -> Iterator[Log]:
    with counting(azurite.port) as log:
        yield log


@pytest.fixture(scope="module")
def storage(log: Log) -> BlobStorage:
    return BlobStorage(
        open_blob_service({"BlobStorage": connection_string(f"http://127.0.0.1:{log.port}/devstoreaccount1")})
    )


def asked_for(
    azurite: Any, log: Log, storage: BlobStorage, data: bytes | None, **options: object
) -> list[Asked]:
    """What a look at a blob of this content asks, its extraction included; None: there is no such blob."""
    container = BlobServiceClient.from_connection_string(azurite.connection_string).get_container_client(
        "source"
    )
    name = "folder/a.tif" if data is not None else "folder/missing.tif"
    if data is not None:
        container.upload_blob(name, data, overwrite=True)
    log.take()
    _, reader = storage.look(f"{storage.account_url}/source/{name}")
    if reader is not None and data:
        read_raster(reader, options)
    asked = log.take()
    assert all(each.path.endswith(f"/source/{name}") for each in asked), "no listing, no sidecar"
    return asked


@pytest.mark.parametrize("side", [20, 450], ids=["tiny", "as large as the head"])
def test_a_small_file_is_one_get_of_all_of_it(
    azurite: Any, log: Log, storage: BlobStorage, side: int
) -> None:
    data = tiff(gradient(side, side))
    (asked,) = asked_for(azurite, log, storage, data)
    assert (asked.method, asked.status, asked.size) == ("GET", 206, len(data))


def test_a_file_up_to_eight_megabytes_is_two_gets_and_no_byte_twice(
    azurite: Any, log: Log, storage: BlobStorage
) -> None:
    data = tiff(gradient(1500, 1500))
    asked = asked_for(azurite, log, storage, data)
    assert [each.method for each in asked] == ["GET", "GET"]
    assert sum(each.size for each in asked) == len(data)


@pytest.mark.parametrize("compress", ["none", "deflate"])
def test_a_cog_is_two_gets_at_most(azurite: Any, log: Log, storage: BlobStorage, compress: str) -> None:
    data = cog(gradient(4000, 4000), compress=compress)
    assert len(data) > 8 * 1024 * 1024
    asked = asked_for(azurite, log, storage, data)
    assert {each.method for each in asked} == {"GET"}
    assert len(asked) <= 2
    assert asked[0].size == HEAD_BYTES
    overview = 1000 * 1000 * 2
    assert sum(each.size for each in asked) <= HEAD_BYTES + 2 * overview


def test_the_header_of_a_cog_is_one_get(azurite: Any, log: Log, storage: BlobStorage) -> None:
    data = cog(gradient(4000, 4000), compress="none")
    (asked,) = asked_for(azurite, log, storage, data, header_only=True)
    assert (asked.method, asked.size) == ("GET", HEAD_BYTES)


def test_a_striped_file_that_is_read_whole_comes_once(azurite: Any, log: Log, storage: BlobStorage) -> None:
    data = tiff(gradient(3000, 3000), blockysize=8)
    asked = asked_for(azurite, log, storage, data)
    assert {each.method for each in asked} == {"GET"}
    assert sum(each.size for each in asked) == len(data)
    assert len(asked) <= 1 + -(-len(data) // (8 * 1024 * 1024))


def test_a_striped_file_that_is_sampled_is_fetched_in_part(
    azurite: Any, log: Log, storage: BlobStorage
) -> None:
    data = tiff(gradient(5000, 2000), blockysize=2)
    asked = asked_for(azurite, log, storage, data, sample_above_bytes=1)
    assert {each.method for each in asked} == {"GET"}
    assert sum(each.size for each in asked) < len(data) / 2


def test_a_blob_that_is_gone_is_one_get(azurite: Any, log: Log, storage: BlobStorage) -> None:
    (asked,) = asked_for(azurite, log, storage, None)
    assert (asked.method, asked.status) == ("GET", 404)


def test_only_a_blob_without_bytes_costs_a_head(azurite: Any, log: Log, storage: BlobStorage) -> None:
    assert [each.method for each in asked_for(azurite, log, storage, b"")] == ["GET", "HEAD"]
