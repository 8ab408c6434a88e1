"""The extraction over real range requests: Azurite, the SDK, and a plain URL."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from azure.storage.blob import BlobServiceClient, PublicAccess

from eventstac.azure.blob_ranges import BlobRanges
from eventstac.azure.blob_storage import BlobStorage
from eventstac.blob_urls import BlobName, parse
from eventstac.blobs import BlobReader, Counted
from eventstac.errors import BlobChanged, Refused, Rejected, Transient
from eventstac.raster.extract import read_in_process, read_raster
from eventstac.raster.source import file_reader, url_reader
from infra.local.azurite.server import ACCOUNT, ACCOUNT_KEY, free_port
from infra.local.azurite.testing import running_azurite
from tests.unit.raster.corpus import cog, gradient, tiff


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobServiceClient]:
    with running_azurite(tmp_path_factory.mktemp("azurite")) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        service.create_container("source", public_access=PublicAccess.BLOB)
        yield service
        service.close()


def upload(service: BlobServiceClient, name: str, data: bytes) -> str:
    client = service.get_blob_client("source", name)
    client.upload_blob(data, overwrite=True)
    return str(client.url)


def opened(service: BlobServiceClient, url: str) -> BlobReader:
    _, reader = BlobStorage(service).look(url)
    assert reader is not None
    return reader


def test_a_blob_that_was_overwritten_is_read_anew_in_the_same_process(service: BlobServiceClient) -> None:
    url = upload(service, "again.tif", cog(gradient(2500, 2500), compress="none"))
    first = read_raster(opened(service, url), {}).metadata
    upload(service, "again.tif", cog(gradient(1800, 3000, "int32"), compress="none"))
    second = read_raster(opened(service, url), {}).metadata
    assert first["projection"]["proj:shape"] == [2500, 2500]
    assert second["projection"]["proj:shape"] == [1800, 3000]
    assert second["bands"][0]["data_type"] == "int32"


@pytest.mark.parametrize("how", ["one range", "all of it", "many ranges"])
def test_a_blob_that_changes_while_it_is_read_is_said_to_have_changed(
    service: BlobServiceClient, how: str
) -> None:
    ranged = how == "one range"
    data = cog(gradient(2500, 2500), compress="none") if ranged else tiff(gradient(3000, 3000), blockysize=8)
    reader = opened(service, upload(service, "moving.tif", data))
    upload(service, "moving.tif", data)
    with pytest.raises(BlobChanged):
        read_raster(reader, {"sample_above_bytes": 1} if how == "many ranges" else {})


def test_many_ranges_at_once_give_what_a_file_gives(service: BlobServiceClient, tmp_path: Path) -> None:
    data = tiff(gradient(5000, 2000, "uint16"), blockysize=2)
    (tmp_path / "striped.tif").write_bytes(data)
    options = {"sample_above_bytes": 1}
    counted = Counted(opened(service, upload(service, "striped.tif", data)))
    answer = read_raster(counted, options).metadata
    assert answer["statistics_exact"] is False
    assert counted.fetched_bytes < len(data) / 2
    there = read_in_process(file_reader(tmp_path / "striped.tif"), options).metadata
    for metadata in (answer, there):
        metadata["file"].pop("file:checksum", None)
    assert answer == there


@pytest.mark.parametrize(
    "name",
    ["a b+c&d=e.bin", "100%25 ünï 日本.bin", "q?x=1#y.bin", "empty//segment.bin", "back\\slash~'[].bin"],
)
def test_ranges_of_blobs_with_odd_names_are_those_of_that_blob(service: BlobServiceClient, name: str) -> None:
    data = np.random.default_rng(len(name)).bytes(2_000_000)
    reader = opened(service, upload(service, name, data))
    assert reader.read(1_500_000, 600_000) == data[1_500_000:]
    spans = [(600_000, 10), (5, 10), (500_000, 100_000), (1_999_999, 50), (3_000_000, 5), (700_000, 0)]
    assert list(reader.read_each(spans)) == [data[start : start + length] for start, length in spans]
    assert b"".join(reader.stream()) == data
    upload(service, name, data)
    with pytest.raises(BlobChanged):
        reader.read(1_500_000, 10)


def test_a_storage_that_is_away_is_transient_and_said_without_details(service: BlobServiceClient) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/{ACCOUNT}"
    away = BlobRanges(
        BlobServiceClient(nobody, credential={"account_name": ACCOUNT, "account_key": ACCOUNT_KEY})
    )
    with pytest.raises(Transient, match="the storage does not answer") as caught:
        away.get(BlobName(nobody, "source", "a.bin"), "0x1", 0, 10)
    assert "Debug source" not in str(caught.value)


def test_refused_ranges_are_transient(service: BlobServiceClient) -> None:
    blob = service.create_container("private").upload_blob("refused.bin", b"x" * 100)
    wrong = {"account_name": ACCOUNT, "account_key": "d3Jvbmc="}
    refused = BlobRanges(BlobServiceClient(str(service.url), credential=wrong))
    with pytest.raises(Transient, match="the storage answers 403"):
        refused.get(parse(str(blob.url)), "0x1", 0, 10)


def test_a_listing_without_rights_is_refused_with_the_storage_s_reason(service: BlobServiceClient) -> None:
    wrong = {"account_name": ACCOUNT, "account_key": "d3Jvbmc="}
    storage = BlobStorage(BlobServiceClient(str(service.url), credential=wrong))
    with pytest.raises(Refused, match="403 AuthorizationFailure"):
        storage.page(f"{storage.account_url}/source", "", None, 10)
    with pytest.raises(Refused, match="404 ContainerNotFound"):
        BlobStorage(service).page(f"{storage.account_url}/nowhere", "", None, 10)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_listing_says_what_to_mend(status: int) -> None:
    """Azurite knows no 401: a server that gives Azure's answer to a token that is not valid."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("x-ms-error-code", "TheCode")
            self.send_header("WWW-Authenticate", "Bearer authorization_uri=https://login.invalid/tenant")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        account = f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
        storage = BlobStorage(
            BlobServiceClient(account, credential={"account_name": ACCOUNT, "account_key": ACCOUNT_KEY})
        )
        try:
            with pytest.raises(Refused, match=f"answers {status} TheCode. [A-Z]") as caught:
                storage.page(f"{account}/source", "", None, 10)
        finally:
            server.shutdown()
    wanted = {401: "credentials", 403: "Storage Blob Data Reader", 404: "SOURCE_CONTAINERS"}
    assert wanted[status] in caught.value.detail


def test_a_stream_over_several_connections_has_every_byte_in_its_place(service: BlobServiceClient) -> None:
    data = np.random.default_rng(1).bytes(45_000_001)  # more ranges than connections, the last one short
    chunks = list(opened(service, upload(service, "long.bin", data)).stream())
    assert b"".join(chunks) == data
    assert len(chunks) > 5


def test_a_stream_that_is_left_early_ends(service: BlobServiceClient) -> None:
    stream = opened(service, upload(service, "left.bin", bytes(45_000_000))).stream()
    assert next(stream)
    assert next(stream)
    assert isinstance(stream, Generator)
    stream.close()
    assert list(stream) == []


def test_storage_url_and_file_give_the_same_metadata(service: BlobServiceClient, tmp_path: Path) -> None:
    data = cog(gradient(2500, 2500, "uint16", 2), compress="none", nodata=7)
    (tmp_path / "same.tif").write_bytes(data)
    url = upload(service, "same.tif", data)
    answers = [
        read_in_process(reader, {})
        for reader in (opened(service, url), url_reader(url), file_reader(tmp_path / "same.tif"))
    ]
    for answer in answers:
        answer.metadata["file"].pop("file:checksum", None)
    assert answers[0] == answers[1] == answers[2]


def test_a_url_that_names_nothing_is_rejected(service: BlobServiceClient) -> None:
    url = upload(service, "there.tif", b"x")
    with pytest.raises(Rejected, match="not-found"):
        url_reader(url.replace("there", "nowhere"))


def test_a_url_that_changes_while_it_is_read_is_said_to_have_changed(service: BlobServiceClient) -> None:
    data = cog(gradient(2500, 2500), compress="none")
    reader = url_reader(upload(service, "moving-url.tif", data))
    upload(service, "moving-url.tif", data[:-1] + b"x")
    with pytest.raises(BlobChanged):
        read_in_process(reader, {})
