"""Which writes emit events through the unmodified storage SDK, and what the events say."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobServiceClient, StandardBlobTier

from eventstac.blob_urls import canonical_url
from infra.local.blob_events.testing import BlobStorage
from infra.local.blob_events.tests.conftest import Recorder, check_against_contracts, wait_until

Settled = Callable[[], None]


def test_put_blob_emits_what_azure_documents(
    service: BlobServiceClient, container: str, recorder: Recorder, storage: BlobStorage, settled: Settled
) -> None:
    client = service.get_blob_client(container, "a b/ü.tif")
    answer = client.upload_blob(b"12345", client_request_id="0b8b7a2e-0000-4000-8000-000000000001")
    settled()
    [event] = recorder.of(container)
    assert event["type"] == "Microsoft.Storage.BlobCreated"
    assert event["specversion"] == "1.0"
    assert event["subject"] == f"/blobServices/default/containers/{container}/blobs/a b/ü.tif"
    assert event["source"].endswith("/providers/Microsoft.Storage/storageAccounts/devstoreaccount1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", event["time"])
    assert abs(datetime.fromisoformat(event["time"]) - datetime.now(UTC)) < timedelta(minutes=1)
    data = event["data"]
    assert re.fullmatch("[0-9a-f]{48}", data.pop("sequencer"))
    assert data.pop("storageDiagnostics")["batchId"]
    assert data == {
        "api": "PutBlob",
        "clientRequestId": "0b8b7a2e-0000-4000-8000-000000000001",
        "requestId": answer["request_id"],
        "eTag": answer["etag"].strip('"'),
        "contentType": "application/octet-stream",
        "contentLength": 5,
        "blobType": "BlockBlob",
        "url": f"{storage.url}/{container}/a%20b/%C3%BC.tif",
    }
    assert data["url"] == canonical_url(client.url)


def test_a_name_with_a_backslash_is_announced_as_the_storage_keeps_it(
    service: BlobServiceClient, container: str, recorder: Recorder, storage: BlobStorage, settled: Settled
) -> None:
    service.get_blob_client(container, "win\\x.tif").upload_blob(b"1")
    service.get_blob_client(container, "win/x.tif").delete_blob()
    settled()
    assert [event["data"]["url"] for event in recorder.of(container)] == [
        f"{storage.url}/{container}/win/x.tif"
    ] * 2


def test_a_block_list_emits_once_with_the_length_of_the_blob(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_blob_client(container, "big.tif")
    for number in range(3):
        client.stage_block(str(number), b"x" * 1000)
    settled()
    assert recorder.told(container) == []
    client.commit_block_list([BlobBlock("0"), BlobBlock("1"), BlobBlock("2")])
    settled()
    [event] = recorder.of(container)
    assert (event["data"]["api"], event["data"]["contentLength"]) == ("PutBlockList", 3000)


def test_a_copy_emits_for_its_target_only(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    source = service.get_blob_client(container, "source.tif")
    source.upload_blob(b"123")
    service.get_blob_client(container, "target.tif").start_copy_from_url(source.url)
    settled()
    assert recorder.told(container) == [("PutBlob", "source.tif"), ("CopyBlob", "target.tif")]
    assert recorder.of(container)[1]["data"]["contentLength"] == 3


def test_a_deletion_emits_without_etag_and_length(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_blob_client(container, "x.tif")
    client.upload_blob(b"1")
    client.delete_blob()
    settled()
    deleted = recorder.of(container)[1]
    assert deleted["type"] == "Microsoft.Storage.BlobDeleted"
    assert deleted["data"].keys() == {
        *(
            "api",
            "clientRequestId",
            "requestId",
            "contentType",
            "blobType",
            "url",
            "sequencer",
            "storageDiagnostics",
        )
    }
    assert deleted["data"]["sequencer"] > recorder.of(container)[0]["data"]["sequencer"]


def test_a_batch_of_deletions_emits_one_event_for_each_blob_that_was_there(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_container_client(container)
    names = [f"{number}.tif" for number in range(4)]
    for name in names:
        client.upload_blob(name, b"1")
    answers = list(client.delete_blobs(*names, "never-there.tif", raise_on_any_failure=False))
    assert [one.status_code for one in answers] == [202] * 4 + [404]
    settled()
    assert sorted(recorder.told(container)[4:]) == [("DeleteBlob", name) for name in names]


def test_a_tier_change_emits(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_blob_client(container, "x.tif")
    client.upload_blob(b"1")
    client.set_standard_blob_tier(StandardBlobTier.COOL)
    settled()
    assert recorder.of(container)[1]["type"] == "Microsoft.Storage.BlobTierChanged"
    assert recorder.told(container)[1] == ("SetBlobTier", "x.tif")


def test_what_changes_no_committed_content_emits_nothing(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_blob_client(container, "x.tif")
    client.upload_blob(b"1")
    client.set_blob_metadata({"a": "b"})
    client.set_http_headers()
    client.set_blob_tags({"k": "v"})
    snapshot = client.create_snapshot()
    service.get_blob_client(container, "x.tif", snapshot=str(snapshot["snapshot"])).delete_blob()
    client.create_snapshot()
    client.delete_blob(delete_snapshots="only")
    client.acquire_lease().release()
    client.stage_block("0", b"never committed")
    list(service.get_container_client(container).list_blobs())
    client.download_blob().readall()
    settled()
    assert recorder.told(container) == [("PutBlob", "x.tif")]


def test_deleting_a_container_emits_nothing_for_its_blobs(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    service.get_blob_client(container, "x.tif").upload_blob(b"1")
    service.delete_container(container)
    settled()
    assert recorder.told(container) == [("PutBlob", "x.tif")]


def test_writes_that_fail_emit_nothing(
    service: BlobServiceClient, container: str, recorder: Recorder, storage: BlobStorage, settled: Settled
) -> None:
    client = service.get_blob_client(container, "x.tif")
    client.upload_blob(b"1")
    with pytest.raises(HttpResponseError):
        client.upload_blob(b"2")  # it is there, and overwrite is not allowed
    with pytest.raises(HttpResponseError):
        client.upload_blob(b"2", overwrite=True, etag='"0x1"', match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError):
        client.commit_block_list([BlobBlock("unknown")])
    with pytest.raises(ResourceNotFoundError):
        service.get_blob_client(container, "y.tif").delete_blob()
    with pytest.raises(ResourceNotFoundError):
        service.get_blob_client("no-such-container", "y.tif").upload_blob(b"1")
    wrong = BlobServiceClient(
        storage.url, credential={"account_name": "devstoreaccount1", "account_key": "d3Jvbmc="}
    )
    with wrong, pytest.raises(HttpResponseError):
        wrong.get_blob_client(container, "z.tif").upload_blob(b"1")
    settled()
    assert recorder.told(container) == [("PutBlob", "x.tif")]


def test_overwrites_emit_in_the_order_of_the_storage(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    client = service.get_blob_client(container, "x.tif")
    etags = [client.upload_blob(bytes([n]), overwrite=True)["etag"].strip('"') for n in range(10)]
    settled()
    events = sorted(recorder.of(container), key=lambda one: one["data"]["sequencer"])
    assert [one["data"]["eTag"] for one in events] == etags


def test_muted_events_are_dropped_and_counted(
    service: BlobServiceClient, container: str, recorder: Recorder, storage: BlobStorage, settled: Settled
) -> None:
    before = storage.stats()["dropped"]
    storage.mute()
    try:
        service.get_blob_client(container, "muted.tif").upload_blob(b"1")
    finally:
        storage.unmute()
    service.get_blob_client(container, "heard.tif").upload_blob(b"1")
    settled()
    assert recorder.told(container) == [("PutBlob", "heard.tif")]
    assert storage.stats()["dropped"] == before + 1


def test_events_wait_while_event_grid_is_away(
    service: BlobServiceClient, container: str, recorder: Recorder, storage: BlobStorage
) -> None:
    recorder.status = 503
    try:
        for number in range(5):
            service.get_blob_client(container, f"{number}.tif").upload_blob(b"1")
        wait_until(lambda: storage.stats()["pending"] == 5)
        assert recorder.told(container) == []
    finally:
        recorder.status = 200
    wait_until(lambda: len(recorder.told(container)) == 5)
    assert recorder.told(container) == [("PutBlob", f"{number}.tif") for number in range(5)]


def test_an_event_that_breaks_the_contract_would_be_noticed(
    service: BlobServiceClient, container: str, recorder: Recorder, settled: Settled
) -> None:
    service.get_blob_client(container, "x.tif").upload_blob(b"1")
    settled()
    [event] = recorder.of(container)
    check_against_contracts([event])
    with pytest.raises(jsonschema_rs.ValidationError):
        check_against_contracts([event | {"data": {"api": "PutBlob"}}])
