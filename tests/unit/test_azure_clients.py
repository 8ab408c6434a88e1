"""How the clients of Azure's SDKs are opened, and what they are never given."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.core.pipeline.transport import HttpTransport

from eventstac.azure.blob_service import open_blob_service
from eventstac.azure.blob_storage import BlobStorage, _look_of
from eventstac.azure.service_bus import ServiceBus, open_client
from eventstac.blob_urls import parse
from eventstac.bus import Message
from eventstac.errors import Copying, Rejected, Transient
from eventstac.raster.formats import driver_of
from eventstac.settings import SettingsMissing
from tests.samples import url_of

LOCAL = "Endpoint=sb://localhost:1;SharedAccessKeyName=a;SharedAccessKey=YQ==;UseDevelopmentEmulator=true;"


@pytest.mark.parametrize("text", ["garbage", "a;b=c"])
def test_a_connection_string_that_is_none_is_told_by_the_setting_s_name(text: str) -> None:
    with pytest.raises(SettingsMissing, match="BlobStorage is no connection string"):
        open_blob_service({"BlobStorage": text})
    with pytest.raises(SettingsMissing, match="ServiceBus is no connection string"):
        open_client({"ServiceBus": text})


def test_who_waits_for_a_command_waits_seconds_for_a_storage_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    slept: list[float] = []
    # Not `time.sleep`: the threads of other tests' Service Bus links would no longer sleep, and would be counted.
    monkeypatch.setattr(HttpTransport, "sleep", lambda _, seconds: slept.append(seconds))
    account = (
        f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;AccountName=devstoreaccount1;AccountKey=YQ=="
    )
    storage = BlobStorage(open_blob_service({"BlobStorage": account}, is_watched=True))
    with pytest.raises(Transient, match="the listing fails"):
        storage.page(f"{storage.account_url}/source", "", None, 1)
    assert len(slept) == 3
    assert sum(slept) < 10


@pytest.fixture
def empty_blob() -> Iterator[Callable[..., BlobStorage]]:
    """A storage with a blob of 0 bytes: a range of it is refused, its properties have the headers that are given."""
    given: dict[str, str] = {}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(200)
            for name, value in {
                "ETag": '"0x1"',
                "Content-Length": "0",
                "x-ms-blob-type": "BlockBlob",
                **given,
            }.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody wants to read it."""

    def storage(**headers: str) -> BlobStorage:
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        account = f"http://127.0.0.1:{server.server_port}/devstoreaccount1"
        key = f"BlobEndpoint={account};AccountName=devstoreaccount1;AccountKey=YQ=="
        return BlobStorage(open_blob_service({"BlobStorage": key}))

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield storage
        server.shutdown()


def test_a_blob_that_is_still_being_copied_is_waited_for(empty_blob: Callable[..., BlobStorage]) -> None:
    """Of an account with directories the event comes when the copy begins, and none when it ends."""
    storage = empty_blob(x_ms_copy_status="pending", x_ms_copy_progress="17/4521")
    with pytest.raises(Copying, match=r"a\.tif is still being copied: 17/4521 bytes"):
        storage.look(f"{storage.account_url}/source/a.tif")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("aborted", "the copy into it was aborted: copy it again"),
        ("failed", "the copy into it failed: copy it again"),
        ("success", "the upload did not write anything"),
        (None, "the upload did not write anything"),
    ],
)
def test_an_empty_blob_says_whether_a_copy_left_it_so(
    empty_blob: Callable[..., BlobStorage], status: str | None, said: str
) -> None:
    storage = empty_blob(**({"x_ms_copy_status": status} if status else {}))
    look, reader = storage.look(f"{storage.account_url}/source/a.tif")
    assert (look.size, look.state) == (0, "present")
    assert reader
    with pytest.raises(Rejected, match=f"empty: the blob has 0 bytes: {said}"):
        driver_of(reader)


def test_a_part_of_a_blob_that_is_still_being_copied_is_not_read() -> None:
    """As of a page blob, which has its whole length from the beginning."""
    headers = {"x-ms-copy-status": "pending", "Content-Range": "bytes 0-511/512"}
    with pytest.raises(Copying, match=r"a\.tif is still being copied$"):
        _look_of(parse(url_of("a.tif")), headers)


@pytest.mark.parametrize(
    ("headers", "grows"),
    [
        ({"x-ms-blob-type": "AppendBlob"}, True),
        ({"x-ms-blob-type": "AppendBlob", "x-ms-blob-sealed": "true"}, False),
        ({"x-ms-blob-type": "PageBlob"}, True),
        ({"x-ms-blob-type": "BlockBlob"}, False),
        ({}, False),
    ],
)
def test_an_append_blob_that_is_not_sealed_and_a_page_blob_grow(
    headers: dict[str, str], grows: bool, empty_blob: Callable[..., BlobStorage]
) -> None:
    times = {"Date": "Wed, 01 May 2024 10:00:00 GMT", "Last-Modified": "Wed, 01 May 2024 10:00:00 GMT"}
    answer = {"Content-Range": "bytes 0-511/512", "ETag": '"0x1"', **times, **headers}
    assert _look_of(parse(url_of("a.tif")), answer).grows is grows
    storage = empty_blob(**{name.replace("-", "_"): value for name, value in headers.items()})
    assert storage.look(f"{storage.account_url}/source/a.tif")[0].grows is grows


def test_a_bus_that_is_away_is_named_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = ServiceBus(open_client({"ServiceBus": LOCAL}))

    def refuse(*_: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr(bus, "_send_batches", refuse)
    with pytest.raises(
        Transient, match="topic asset-facts of Service Bus at localhost:1 does not take messages"
    ):
        bus.send([Message("asset-facts", "m", {})])
    bus.close()


def test_half_a_surrogate_pair_in_a_message_is_rejected_and_not_sent_again_for_a_day() -> None:
    bus = ServiceBus(open_client({"ServiceBus": LOCAL}))
    with pytest.raises(Rejected, match="unsendable"):
        bus.send([Message("asset-facts", "m", {"text": "\ud800"})])
    bus.close()
