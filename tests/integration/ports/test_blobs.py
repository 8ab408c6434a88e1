"""The storage port: the twin and Azurite behave alike."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from azure.storage.blob import BlobServiceClient

from eventstac.azure.blob_storage import BlobStorage
from eventstac.blob_urls import BlobName
from eventstac.blobs import HEAD_BYTES, BlobReader, Blobs
from eventstac.cli import leftovers
from eventstac.containers import ContainerNames, Watched
from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.facts import Match
from eventstac.looking import Looker, Reading
from infra.local.azurite.testing import running_azurite
from tests.twins.blobs import MemoryBlobs


class Storage(Protocol):
    """What the tests do to the storage, whichever it is."""

    @property
    def blobs(self) -> Blobs: ...
    @property
    def account_url(self) -> str: ...
    def put(self, url: str, data: bytes) -> None: ...
    def delete(self, url: str) -> None: ...


@dataclass
class RealStorage:
    blobs: BlobStorage
    service: BlobServiceClient

    @property
    def account_url(self) -> str:
        return self.blobs.account_url

    def put(self, url: str, data: bytes) -> None:
        self.blobs.put(url, data, "image/tiff")

    def delete(self, url: str) -> None:
        name = url.removeprefix(self.account_url + "/source/")
        self.service.get_blob_client("source", name).delete_blob()


@dataclass
class TwinStorage:
    blobs: MemoryBlobs

    @property
    def account_url(self) -> str:
        return self.blobs.account_url

    def put(self, url: str, data: bytes) -> None:
        self.blobs.put(url, data, "image/tiff")

    def delete(self, url: str) -> None:
        self.blobs.delete(url)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStorage]:
    directory: Path = tmp_path_factory.mktemp("azurite")
    with running_azurite(directory) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        service.create_container("source")
        yield RealStorage(BlobStorage(service), service)
        service.close()


@pytest.fixture(params=["twin", "azurite"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "twin":
        return TwinStorage(MemoryBlobs())
    found: RealStorage = request.getfixturevalue("real")
    return found


def url_in(storage: Storage, path: str) -> str:
    return BlobName(storage.account_url, "source", path).url


def reader_of(storage: Storage, url: str) -> BlobReader:
    _, reader = storage.blobs.look(url)
    assert reader is not None
    return reader


def test_a_look_knows_size_etag_date_and_content_type(storage: Storage) -> None:
    url = url_in(storage, "look.tif")
    storage.put(url, b"hello")
    look, reader = storage.blobs.look(url)
    assert (look.url, look.state, look.size, look.content_type) == (url, "present", 5, "image/tiff")
    assert look.etag
    assert '"' not in look.etag
    assert look.seen.tzinfo == UTC
    assert look.seen.microsecond == 0
    assert look.last_modified is not None
    assert look.created is not None
    assert look.content_md5 == bytes.fromhex("5d41402abc4b2a76b9719d911017c592")
    assert reader is not None
    assert reader.head == b"hello"


def test_a_blob_that_is_not_there_is_gone_with_a_date(storage: Storage) -> None:
    look, reader = storage.blobs.look(url_in(storage, "never.tif"))
    assert (look.state, look.etag, reader) == ("gone", "", None)
    assert look.seen.microsecond == 0


def test_an_empty_blob_is_present(storage: Storage) -> None:
    url = url_in(storage, "empty.tif")
    storage.put(url, b"")
    look, reader = storage.blobs.look(url)
    assert (look.state, look.size) == ("present", 0)
    assert reader is not None
    assert (reader.head, b"".join(reader.stream())) == (b"", b"")


def test_a_blob_to_which_bytes_are_added_without_an_event_grows(real: RealStorage) -> None:
    def looked(kind: str) -> bool:
        return real.blobs.look(url_in(real, f"growing/{kind}.tif"))[0].grows

    block, append, page = (
        real.service.get_blob_client("source", f"growing/{kind}.tif") for kind in ("block", "append", "page")
    )
    block.upload_blob(b"x")
    append.create_append_blob()
    page.create_page_blob(512)
    assert (looked("block"), looked("append"), looked("page")) == (
        False,
        True,
        True,
    )  # one has no range to give
    append.append_block(b"x")
    assert looked("append")
    append.upload_blob(b"x", overwrite=True)  # a block blob in its place
    assert not looked("append")


def test_the_twin_s_append_blob_grows() -> None:
    storage = TwinStorage(MemoryBlobs())
    url = url_in(storage, "append.tif")
    sizes = []
    for _ in range(2):
        storage.blobs.append(url, b"12")
        look, _ = storage.blobs.look(url)
        assert look.grows
        sizes.append(look.size)
    assert sizes == [0, 2]
    storage.put(url, b"1")
    assert not storage.blobs.look(url)[0].grows


def test_a_folder_s_marker_is_no_blob(real: RealStorage) -> None:
    """As tools write it, and as an account with directories gives one of these."""
    urls = [url_in(real, f"folders/{name}.tif") for name in ("marker", "empty", "full", "unsaid")]
    marks = ({"Hdi_IsFolder": "true"}, {"a": "b"}, {"hdi_isfolder": "true"}, {"hdi_isfolder": ""})
    for url, data, metadata in zip(urls, (b"", b"", b"x", b""), marks, strict=True):
        name = url.removeprefix(real.account_url + "/source/")
        real.service.get_blob_client("source", name).upload_blob(data, metadata=metadata)
    looks = [real.blobs.look(url) for url in urls]
    assert [(look.state, look.is_folder) for look, _ in looks] == [
        ("gone", True),
        ("present", False),
        ("present", False),
        ("present", False),
    ]
    marker, reader = looks[0]
    assert (marker.etag, reader) == ("", None)
    listed = real.blobs.page(real.account_url + "/source", "folders/", None, 10).blobs
    assert {one.url for one in listed} == set(urls[1:])


def test_a_large_blob_s_size_and_md5_are_those_of_the_whole(storage: Storage) -> None:
    url, data = url_in(storage, "large.tif"), bytes(range(256)) * 1024
    storage.put(url, data)
    reader = reader_of(storage, url)
    assert reader.look.size == len(data)
    assert reader.head == data[:HEAD_BYTES]
    assert reader.read(HEAD_BYTES - 10, 20) == data[HEAD_BYTES - 10 : HEAD_BYTES + 10]
    assert reader.read(len(data) - 5, 100) == data[-5:]
    assert reader.read(len(data) + 5, 100) == b""
    assert b"".join(reader.stream()) == data


@pytest.mark.parametrize("change", ["overwrite", "delete"])
def test_reading_on_after_a_change_is_noticed(storage: Storage, change: str) -> None:
    url, data = url_in(storage, f"changes-{change}.tif"), b"x" * (HEAD_BYTES * 2)
    storage.put(url, data)
    reader = reader_of(storage, url)
    if change == "overwrite":
        storage.put(url, b"y" * len(data))
    else:
        storage.delete(url)
    with pytest.raises(BlobChanged):
        reader.read(HEAD_BYTES, 10)
    with pytest.raises(BlobChanged):
        b"".join(reader.stream())


def test_overwriting_with_the_same_bytes_changes_the_etag(storage: Storage) -> None:
    url = url_in(storage, "same.tif")
    storage.put(url, b"a")
    before = storage.blobs.look(url)[0].etag
    storage.put(url, b"a")
    assert storage.blobs.look(url)[0].etag != before


@pytest.mark.parametrize(
    "path", ["a b#c%d+e?.tif", "ärger/ö.tif", "q=1&r=2.tif", "日本.tif", "a/" * 40 + "x.tif"]
)
def test_any_name_is_found_by_its_canonical_url_and_listed_by_it(storage: Storage, path: str) -> None:
    url = url_in(storage, path)
    storage.put(url, b"x")
    assert storage.blobs.look(url)[0].url == url
    container = storage.account_url + "/source"
    listed = storage.blobs.page(container, path, None, 10).blobs
    assert [one.url for one in listed] == [url]
    assert listed[0].etag == storage.blobs.look(url)[0].etag


def test_a_page_of_a_listing_has_the_storage_s_date(storage: Storage) -> None:
    url = url_in(storage, "dated.tif")
    storage.put(url, b"x")
    before = storage.blobs.look(url)[0].seen
    listed = storage.blobs.page(storage.account_url + "/source", "dated", None, 10).seen
    assert before <= listed <= storage.blobs.look(url)[0].seen


def test_a_listing_pages_through_everything_below_a_prefix(storage: Storage) -> None:
    urls = [url_in(storage, f"pages/{number:02}.tif") for number in range(7)]
    for url in urls:
        storage.put(url, b"x")
    found, continuation, pages = [], None, 0
    while True:
        page = storage.blobs.page(storage.account_url + "/source", "pages/", continuation, 3)
        found += [one.url for one in page.blobs]
        continuation, pages = page.continuation, pages + 1
        if continuation is None:
            break
    assert found == urls
    assert pages == 3


def test_what_killed_smoke_tests_left_is_deleted_when_it_is_old_and_nothing_else(
    real: RealStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_PAGE", 2)
    left = [url_in(real, f"{leftovers.PREFIX}{number}.tif") for number in range(5)]
    other = url_in(real, "scenes/eventstac-smoke/1.tif")
    for url in (*left, other):
        real.put(url, b"x")
    container, now = real.account_url + "/source", datetime.now(UTC)
    assert leftovers.delete_leftovers(real.blobs, container, now) == 0
    assert leftovers.delete_leftovers(real.blobs, container, now + timedelta(days=1, minutes=2)) == 5
    assert {real.blobs.look(url)[0].state for url in left} == {"gone"}
    assert real.blobs.look(other)[0].state == "present"


def test_date_is_the_storage_s_clock(real: RealStorage) -> None:
    url = url_in(real, "date.tif")
    real.put(url, b"x")
    seen = real.blobs.look(url)[0].seen
    assert abs(seen - datetime.now(UTC)) < timedelta(seconds=60)


def test_a_missing_container_says_nothing_of_a_blob(real: RealStorage) -> None:
    with pytest.raises(Transient, match="ContainerNotFound"):
        real.blobs.look(f"{real.account_url}/nowhere/a.tif")


def test_another_account_s_blob_is_refused_unfetched(real: RealStorage) -> None:
    with pytest.raises(Rejected, match="foreign-account"):
        real.blobs.look("http://127.0.0.1:1/devstoreaccount1/source/a.tif")


def test_refused_credentials_say_nothing_of_a_blob(real: RealStorage) -> None:
    account = real.account_url.rpartition("/")[0]
    connection_string = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        f"AccountKey=d3Jvbmc=;BlobEndpoint={account}/devstoreaccount1;"
    )
    with BlobServiceClient.from_connection_string(connection_string, retry_total=0) as service:
        refused = BlobStorage(service)
        with pytest.raises(Transient, match=r"40[13]"):
            refused.look(url_in(real, "look.tif"))


def test_a_storage_that_is_away_says_nothing_of_a_blob() -> None:
    connection_string = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=d3Jvbmc=;"
        "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;"
    )
    with BlobServiceClient.from_connection_string(
        connection_string, retry_total=0, connection_timeout=1
    ) as service:
        away = BlobStorage(service)
        with pytest.raises(Transient, match="does not answer"):
            away.look("http://127.0.0.1:1/devstoreaccount1/source/a.tif")


def test_an_upload_of_many_blocks_is_streamed_whole(real: RealStorage) -> None:
    client = real.service.get_blob_client("source", "blocks.tif")
    data = bytes(range(251)) * 40_000
    client.upload_blob(io.BytesIO(data), overwrite=True, max_concurrency=1)
    reader = reader_of(real, url_in(real, "blocks.tif"))
    assert b"".join(reader.stream()) == data


def test_what_is_put_once_stays_as_it_was_first(storage: Storage) -> None:
    url = url_in(storage, "once.png")
    storage.blobs.put_once(url, b"first", "image/png")
    first = storage.blobs.look(url)[0]
    storage.blobs.put_once(url, b"second", "image/png")
    look, reader = storage.blobs.look(url)
    assert reader is not None
    assert (look.etag, look.content_type, reader.head) == (first.etag, "image/png", b"first")


def test_a_thumbnail_of_a_version_is_written_by_the_first_of_two_looks(storage: Storage) -> None:
    url = url_in(storage, "shown.tif")
    storage.put(url, b"raster")
    names = ContainerNames(("source",), (), "source")
    looker = Looker(
        storage.blobs, Watched(storage.account_url, names), lambda *_: Reading({}, b"picture", "image/png")
    )
    first = looker.look(url, Match("scenes", "one", "b1"), 1)
    assert first.thumbnail is not None
    etag = storage.blobs.look(first.thumbnail)[0].etag
    again = looker.look(url, Match("scenes", "one", "b1"), 1)
    assert again.thumbnail == first.thumbnail
    assert storage.blobs.look(first.thumbnail)[0].etag == etag


def test_a_thumbnail_that_is_drawn_otherwise_has_another_name(storage: Storage) -> None:
    url = url_in(storage, "restyled.tif")
    storage.put(url, b"raster")
    watched = Watched(storage.account_url, ContainerNames(("source",), (), "source"))
    drawn = [Reading({}, picture, "image/png") for picture in (b"grey", b"colour")]
    looker = Looker(storage.blobs, watched, lambda *_: drawn.pop())
    first, second = (looker.look(url, Match("scenes", "one", "b1"), 1).thumbnail for _ in range(2))
    assert None not in (first, second)
    assert first != second
