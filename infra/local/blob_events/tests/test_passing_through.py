"""Reads and writes pass the proxy as they came: every way to authorize, ranges, large bodies, broken clients."""

import http.client
import os
import socket
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    generate_blob_sas,
)

from infra.local.azurite.server import ACCOUNT, ACCOUNT_KEY
from infra.local.blob_events.testing import BlobStorage, running_proxy
from infra.local.blob_events.tests.conftest import Recorder, wait_until


def sas_url(storage: BlobStorage, container: str, name: str, permission: str) -> str:
    token = generate_blob_sas(
        ACCOUNT,
        container,
        name,
        account_key=ACCOUNT_KEY,
        permission=BlobSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{storage.url}/{container}/{name}?{token}"


def put_head(target: str, length: int) -> bytes:
    """A Put Blob by hand, up to its body."""
    headers = ("Host: 127.0.0.1", "x-ms-blob-type: BlockBlob", f"Content-Length: {length}")
    return "\r\n".join((f"PUT {target} HTTP/1.1", *headers, "", "")).encode()


def test_a_sas_may_write_and_its_blob_is_announced(
    container: str, storage: BlobStorage, recorder: Recorder, settled: Callable[[], None]
) -> None:
    with BlobClient.from_blob_url(sas_url(storage, container, "a.tif", "cw"), retry_total=0) as client:
        client.upload_blob(b"123")
    settled()
    [event] = recorder.of(container)
    assert event["data"]["url"] == f"{storage.url}/{container}/a.tif"


def test_a_sas_without_the_right_is_refused_and_announces_nothing(
    container: str, storage: BlobStorage, recorder: Recorder, settled: Callable[[], None]
) -> None:
    with (
        BlobClient.from_blob_url(sas_url(storage, container, "a.tif", "r"), retry_total=0) as client,
        pytest.raises(HttpResponseError) as refused,
    ):
        client.upload_blob(b"123")
    assert refused.value.status_code == 403
    settled()
    assert recorder.told(container) == []


def test_anonymous_reads_and_ranges_work(
    service: BlobServiceClient, container: str, storage: BlobStorage
) -> None:
    content = os.urandom(600_000)
    service.get_blob_client(container, "a b.tif").upload_blob(
        content, content_settings=ContentSettings(content_type="image/tiff", content_encoding="identity")
    )
    url = f"{storage.url}/{container}/a%20b.tif"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == content
        assert answer.headers["Content-Type"] == "image/tiff"
        assert answer.headers["Content-Encoding"] == "identity"
        assert answer.headers["Date"]
    for first, last in ((0, 9), (1000, 400_000), (599_990, 599_999)):
        request = urllib.request.Request(url, headers={"Range": f"bytes={first}-{last}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 206
            assert answer.read() == content[first : last + 1]
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Length"] == "600000"
        assert answer.read() == b""


def test_bytes_that_look_compressed_are_not_touched(service: BlobServiceClient, container: str) -> None:
    client = service.get_blob_client(container, "x.gz")
    client.upload_blob(b"not gzip at all", content_settings=ContentSettings(content_encoding="gzip"))
    assert b"".join(client.download_blob(decompress=False).chunks()) == b"not gzip at all"


def test_a_large_upload_in_parallel_blocks_arrives_whole(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Callable[[], None]
) -> None:
    content = os.urandom(70 * 1024 * 1024)  # above the SDK's limit for one request
    client = service.get_blob_client(container, "large.tif")
    client.upload_blob(content, max_concurrency=4)
    assert client.download_blob(max_concurrency=4).readall() == content
    settled()
    [event] = recorder.of(container)
    assert (event["data"]["api"], event["data"]["contentLength"]) == ("PutBlockList", len(content))


def test_a_connection_is_kept_open(container: str, service: BlobServiceClient, storage: BlobStorage) -> None:
    service.get_blob_client(container, "x.tif").upload_blob(b"123")
    connection = http.client.HTTPConnection("127.0.0.1", storage.proxy.port, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", f"/{ACCOUNT}/{container}/x.tif")
        assert connection.getresponse().read() == b"123"
        assert connection.sock is first
    connection.close()


def test_listings_name_the_proxy_and_not_what_is_behind_it(
    container: str, service: BlobServiceClient, storage: BlobStorage
) -> None:
    service.get_blob_client(container, "x.tif").upload_blob(b"123")
    with urllib.request.urlopen(
        f"{storage.url}/{container}?restype=container&comp=list", timeout=10
    ) as answer:
        listing = answer.read().decode()
    assert f":{storage.proxy.port}/" in listing
    assert f":{storage.azurite.port}/" not in listing


def test_a_client_that_vanishes_in_the_middle_of_an_upload_leaves_nothing(
    container: str,
    service: BlobServiceClient,
    storage: BlobStorage,
    recorder: Recorder,
    settled: Callable[[], None],
) -> None:
    target = sas_url(storage, container, "half.tif", "cw").partition(str(storage.proxy.port))[2]
    with socket.create_connection(("127.0.0.1", storage.proxy.port)) as connection:
        connection.sendall(put_head(target, 1_000_000) + b"x" * 500_000)
    # The lock was never taken, so another writer is served at once.
    service.get_blob_client(container, "half.tif").upload_blob(b"whole", overwrite=True)
    settled()
    assert recorder.told(container) == [("PutBlob", "half.tif")]
    assert recorder.of(container)[0]["data"]["contentLength"] == 5


def test_a_slow_upload_holds_up_nobody_else(
    container: str,
    service: BlobServiceClient,
    storage: BlobStorage,
    recorder: Recorder,
    settled: Callable[[], None],
) -> None:
    target = sas_url(storage, container, "x.tif", "cw").partition(str(storage.proxy.port))[2]
    with socket.create_connection(("127.0.0.1", storage.proxy.port), timeout=10) as slow:
        slow.sendall(put_head(target, 10) + b"12345")
        service.get_blob_client(container, "x.tif").upload_blob(b"abc")
        slow.sendall(b"67890")
        assert slow.recv(1000).startswith(b"HTTP/1.1 201")
    settled()
    assert [one["data"]["contentLength"] for one in recorder.of(container)] == [3, 10]


def test_many_connections_that_send_nothing_do_no_harm(
    container: str, service: BlobServiceClient, storage: BlobStorage
) -> None:
    idle = [socket.create_connection(("127.0.0.1", storage.proxy.port)) for _ in range(200)]
    for connection in idle[:100]:
        connection.sendall(b"\x00nonsense\r\n\r\n")
    service.get_blob_client(container, "x.tif").upload_blob(b"abc")
    for connection in idle:
        connection.close()
    assert service.get_blob_client(container, "x.tif").download_blob().readall() == b"abc"
    wait_until(lambda: storage.stats()["pending"] == 0)


def test_latency_is_added_to_each_request(
    tmp_path: Path, container: str, service: BlobServiceClient, storage: BlobStorage, recorder: Recorder
) -> None:
    service.get_blob_client(container, "x.tif").upload_blob(b"abc")
    with running_proxy(tmp_path, storage.azurite, recorder.url, latency_ms=300) as distant:
        began = time.monotonic()
        with urllib.request.urlopen(
            f"http://127.0.0.1:{distant.port}/{ACCOUNT}/{container}/x.tif", timeout=10
        ) as answer:
            assert answer.read() == b"abc"
        assert time.monotonic() - began >= 0.3


def test_a_slow_reader_holds_up_nobody_else(
    container: str, service: BlobServiceClient, storage: BlobStorage
) -> None:
    content = os.urandom(30 * 1024 * 1024)  # more than the sockets' buffers hold
    service.get_blob_client(container, "large.tif").upload_blob(content)
    with socket.create_connection(("127.0.0.1", storage.proxy.port), timeout=30) as slow:
        slow.sendall(
            f"GET /{ACCOUNT}/{container}/large.tif HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
        )
        begun = slow.recv(1000)
        assert begun.startswith(b"HTTP/1.1 200")
        service.get_blob_client(container, "other.tif").upload_blob(b"abc")
        assert service.get_blob_client(container, "other.tif").download_blob().readall() == b"abc"
        with slow.makefile("rb") as rest:
            assert (begun + rest.read()).endswith(content)
