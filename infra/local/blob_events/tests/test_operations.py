"""Requests that change a blob are told from those that do not, from the request line and headers alone."""

import pytest
from multidict import CIMultiDict

from infra.local.blob_events import batch
from infra.local.blob_events.operations import blob_of, classify

A = "/devstoreaccount1"


@pytest.mark.parametrize(
    ("method", "target", "headers", "api"),
    [
        ("PUT", f"{A}/c/x.tif", {"x-ms-blob-type": "BlockBlob"}, "PutBlob"),
        ("PUT", f"{A}/c/x.tif?sv=2021&sig=a%2Bb", {"X-MS-Blob-Type": "PageBlob"}, "PutBlob"),
        ("PUT", f"{A}/c/x.tif?comp=blocklist", {}, "PutBlockList"),
        ("PUT", f"{A}/c/x.tif?timeout=5&comp=BlockList", {}, "PutBlockList"),
        ("PUT", f"{A}/c/x.tif", {"x-ms-copy-source": "http://h/a/b"}, "CopyBlob"),
        (
            "PUT",
            f"{A}/c/x.tif",
            {"x-ms-copy-source": "http://h/a/b", "x-ms-blob-type": "BlockBlob"},
            "PutBlob",
        ),
        ("PUT", f"{A}/c/x.tif?comp=tier", {"x-ms-access-tier": "Cool"}, "SetBlobTier"),
        ("DELETE", f"{A}/c/x.tif", {}, "DeleteBlob"),
        ("DELETE", f"{A}/c/x.tif", {"x-ms-delete-snapshots": "include"}, "DeleteBlob"),
        ("PUT", f"{A}/c/x.tif?comp=metadata", {}, ""),
        ("PUT", f"{A}/c/x.tif?comp=properties", {}, ""),
        ("PUT", f"{A}/c/x.tif?comp=appendblock", {}, ""),
    ],
)
def test_a_write_is_known_for_what_it_is(method: str, target: str, headers: dict[str, str], api: str) -> None:
    operation = classify(method, target, CIMultiDict(headers), "devstoreaccount1")
    assert operation is not None
    assert operation.api == api
    assert operation.blob.key == "c/x.tif"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", f"{A}/c/x.tif", {}),
        ("HEAD", f"{A}/c/x.tif", {}),
        ("POST", f"{A}/c/x.tif?comp=query", {}),
        ("PUT", f"{A}/c/x.tif?comp=block&blockid=MA==", {}),
        ("PUT", f"{A}/c/x.tif?comp=snapshot", {}),
        ("PUT", f"{A}/c/x.tif?comp=lease", {}),
        ("PUT", f"{A}/c/x.tif?comp=copy&copyid=1", {"x-ms-copy-action": "abort"}),
        ("DELETE", f"{A}/c/x.tif?snapshot=2024-01-01T00:00:00.0000000Z", {}),
        ("DELETE", f"{A}/c/x.tif?versionid=2024-01-01T00:00:00.0000000Z", {}),
        ("DELETE", f"{A}/c/x.tif", {"x-ms-delete-snapshots": "only"}),
        ("PUT", f"{A}/c?restype=container", {}),
        ("DELETE", f"{A}/c?restype=container", {}),
        ("PUT", f"{A}/c?restype=container&comp=metadata", {}),
        ("PUT", f"{A}?restype=service&comp=properties", {}),
        ("PUT", f"{A}/$logs/x.tif", {}),
        ("PUT", "/anotheraccount/c/x.tif", {}),
        ("PUT", f"{A}/c/", {}),
    ],
)
def test_what_changes_no_blob_is_left_alone(method: str, target: str, headers: dict[str, str]) -> None:
    assert classify(method, target, CIMultiDict(headers), "devstoreaccount1") is None


def test_a_blob_has_one_key_however_its_path_is_written() -> None:
    one, other = (
        blob_of(f"{A}/c/a%20b/%C3%BC.tif", "devstoreaccount1"),
        blob_of(f"{A}/c/a b/ü.tif", "devstoreaccount1"),
    )
    assert one is not None
    assert other is not None
    assert one.key == other.key == "c/a b/ü.tif"


def test_a_name_below_the_account_is_in_the_root_container() -> None:
    operation = classify("PUT", f"{A}/x.tif", {}, "devstoreaccount1")
    assert operation is not None
    assert operation.blob.key == "$root/x.tif"


BODY = (
    b"--batch_1\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\n"
    b"DELETE /devstoreaccount1/c/a.tif HTTP/1.1\r\nx-ms-date: x\r\n\r\n\r\n"
    b"--batch_1\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n"
    b"PUT /devstoreaccount1/c/b.tif?comp=tier HTTP/1.1\r\nx-ms-access-tier: Cool\r\n\r\n\r\n"
    b"--batch_1--\r\n"
)
ANSWER = (
    b"--r\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\nx-ms-request-id: q\r\n\r\n"
    b"--r\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n"
    b"HTTP/1.1 404 Not there\r\nContent-Length: 3\r\n\r\nxml\r\n--r--"
)


def test_the_parts_of_a_batch_are_operations_by_their_content_id() -> None:
    found = batch.operations(BODY, "multipart/mixed; boundary=batch_1", "devstoreaccount1")
    assert {name: (one.api, one.blob.key) for name, one in found.items()} == {
        "0": ("DeleteBlob", "c/a.tif"),
        "1": ("SetBlobTier", "c/b.tif"),
    }
    assert found["1"].tier == "Cool"
    answers = batch.answers(ANSWER, 'multipart/mixed; boundary="r"')
    assert {name: one.status for name, one in answers.items()} == {"0": 202, "1": 404}
    assert answers["0"].headers["X-Ms-Request-Id"] == "q"


@pytest.mark.parametrize(
    "body", [b"", b"--batch_1", b"--batch_1\r\n\r\n\r\n", b"nonsense", b"--batch_1\r\n\x00\xff\r\n"]
)
def test_a_broken_batch_has_no_parts(body: bytes) -> None:
    assert batch.operations(body, "multipart/mixed; boundary=batch_1", "devstoreaccount1") == {}
    assert batch.operations(BODY, "text/plain", "devstoreaccount1") == {}
