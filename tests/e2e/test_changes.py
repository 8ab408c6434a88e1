"""The catalog shows what the storage holds last, whatever comes late or twice."""

import json
from pathlib import Path
from typing import Any

import pytest
import rasterio
import rasterio.shutil

from tests.e2e.conditions import until
from tests.e2e.rasters import geotiff
from tests.e2e.user import User

pytestmark = pytest.mark.stack


def shape(user: User, item: str) -> list[int] | None:
    document = user.item("scenes", item)
    return document["properties"]["proj:shape"] if document else None


def events_about(user: User, topic: str, text: str) -> list[dict[str, Any]]:
    return [event for event in user.seen(topic) if text in json.dumps(event)]


def test_the_last_of_many_quick_overwrites_wins(user: User) -> None:
    path = "scenes/overwritten/b1.tif"
    sizes = (40, 41, 42, 43, 44, 45, 46, 47)
    for size in sizes:
        user.upload(path, geotiff(size=size))
    user.quiet()
    assert shape(user, "overwritten") == [sizes[-1], sizes[-1]]
    # The looks were closer than Dates can tell apart: the catalog looked again when it could.
    created = [
        event for event in events_about(user, "blob-events", path) if event["type"].endswith("BlobCreated")
    ]
    assert len(created) == len(sizes)


def test_other_content_in_the_second_of_a_look_is_shown(user: User) -> None:
    path = "scenes/twice-in-a-second/b1.tif"
    user.upload(path, geotiff(size=30))
    until(lambda: events_about(user, "asset-facts", path), "the first look")
    user.upload(path, geotiff(size=31))
    user.quiet()
    assert shape(user, "twice-in-a-second") == [31, 31]


def test_a_deleted_blob_leaves_and_a_late_duplicate_does_not_bring_it_back(user: User) -> None:
    path = "scenes/deleted/b1.tif"
    user.upload(path, geotiff())
    user.searchable("scenes", ["deleted"])
    (created,) = events_about(user, "blob-events", path)
    user.delete(path)
    until(lambda: user.item("scenes", "deleted") is None, "the Item to go")
    user.quiet()
    looks = len(events_about(user, "asset-facts", path))
    # With ids of its own: the broker's duplicate detection must not be what saves us.
    user.send("blob-events", {**created, "id": "a-late-duplicate"}, "a-late-duplicate")
    user.quiet()
    assert len(events_about(user, "asset-facts", path)) == looks + 1
    assert user.item("scenes", "deleted") is None
    assert user.verdict(user.stack.blob_url("source", path), "not in storage")["why"].endswith("knows it")
    told = [event["type"] for event in events_about(user, "catalog-events", '"deleted"')]
    assert told == ["eventstac.item.changed.v1", "eventstac.item.removed.v1"]


def test_an_item_loses_only_the_file_that_was_deleted(user: User) -> None:
    user.upload_all({f"scenes/halved/{key}.tif": geotiff(seed=seed) for seed, key in enumerate(("a", "b"))})
    until(lambda: {"a", "b"} <= (user.item("scenes", "halved") or {"assets": {}})["assets"].keys(), "both")
    user.delete("scenes/halved/a.tif")
    until(lambda: "a" not in (user.item("scenes", "halved") or {"assets": {}})["assets"], "one to go")
    assert "b" in (user.item("scenes", "halved") or {"assets": {}})["assets"]


def test_an_upload_that_comes_twice_is_announced_once(user: User) -> None:
    path = "scenes/once/b1.tif"
    user.upload(path, geotiff())
    user.searchable("scenes", ["once"])
    (created,) = events_about(user, "blob-events", path)
    for number in range(3):
        user.send("blob-events", {**created, "id": f"again-{number}"}, f"again-{number}")
    user.quiet()
    assert len(events_about(user, "asset-facts", path)) == 4
    assert len(events_about(user, "catalog-events", '"once"')) == 1


def test_a_name_with_a_backslash_is_one_blob_however_it_is_told_of(user: User) -> None:
    written, kept = "scenes\\windows\\b1.tif", "scenes/windows/b1.tif"
    url = user.stack.blob_url("source", kept)
    user.upload(written, geotiff())
    user.searchable("scenes", ["windows"])
    (created,) = events_about(user, "blob-events", kept)
    data = {**created["data"], "url": url.replace(kept, written.replace("\\", "%5C"))}
    user.send("blob-events", {**created, "id": "with-backslashes", "data": data}, "with-backslashes")
    user.quiet()
    assert user.stack.query("SELECT url FROM eventstac.facts WHERE url LIKE '%%windows%%'") == [(url,)]
    assert user.where(data["url"])["url"] == url
    user.delete(written)
    user.verdict(url, "not in storage")
    assert user.item("scenes", "windows") is None


@pytest.mark.timeout(900)
def test_a_file_that_gdal_writes_to_the_storage_is_shown_when_it_is_whole(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above a chunk GDAL makes an append blob: its event comes when it has no bytes yet, and none later."""
    path, local = "scenes/appended/b1.tif", tmp_path / "b1.tif"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", user.stack.env["AZURE_STORAGE_CONNECTION_STRING"])
    local.write_bytes(geotiff(size=900))
    with rasterio.Env(VSIAZ_CHUNK_SIZE="1", CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE="YES"):
        rasterio.shutil.copy(local, f"/vsiaz/source/{path}", driver="GTiff")
    blob = user.storage.get_blob_client("source", path)
    assert blob.get_blob_properties().blob_type == "AppendBlob"
    until(lambda: shape(user, "appended") == [900, 900], "the Item of 900 pixels")
    # Another in its place, in pieces: the catalog shows the former one until it is whole.
    content = geotiff(size=300)
    blob.create_append_blob()
    until(
        lambda: "was written a short time ago" in user.where(blob.url)["why"],
        "`where` to say that it is waited for",
    )
    for begin in range(0, len(content), 100_000):
        blob.append_block(content[begin : begin + 100_000])
    until(lambda: shape(user, "appended") == [300, 300], "the Item of 300 pixels")

    def told() -> list[str]:
        return [event["type"] for event in events_about(user, "catalog-events", '"appended"')]

    until(lambda: len(told()) == 2, lambda: f"two changes to be told, not {told()}")
    assert told() == ["eventstac.item.changed.v1"] * 2
    # Gone, it is looked at once more: up to five minutes later, where this machine took minutes to come here.
    user.delete(path)
    user.quiet(400)
