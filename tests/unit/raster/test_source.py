"""Files and URLs that `eventstac preview` is given: an answer or a reason, and never two versions as one."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from eventstac.blobs import HEAD_BYTES
from eventstac.errors import BlobChanged, Copying, Rejected, Transient
from eventstac.raster.extract import read_raster
from eventstac.raster.source import file_reader, url_reader

DATA = bytes(range(256)) * (HEAD_BYTES // 256 + 100)
Headers = dict[str, str]


@contextmanager
def served(**later: Any) -> Iterator[str]:
    """A URL that answers by ranges with the ETag "one".

    `first`: headers of the first answer that differ; `headers`, `shift`: what differs in those after it. `cut`: the
    number of the answer from which on they break off. `more`: bytes that a whole answer has too many. `status`: of all.
    `size`: the bytes that there are, if not all of DATA.
    """
    answers = []
    data = DATA[: later.get("size")]

    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.append(self.path)
            change = later if len(answers) > 1 else {"headers": later.get("first", {})}
            asked = self.headers.get("Range")
            begin, end = (
                (int(n) for n in asked.removeprefix("bytes=").split("-")) if asked else (0, len(data))
            )
            begin, end = begin + change.get("shift", 0), min(end, len(data) - 1)
            ranged = asked and not later.get("whole")
            body = data[begin : end + 1] if ranged else data + bytes(later.get("more", 0))
            if ranged and not data:
                self.send_error(416)
                return
            self.send_response(later.get("status") or (206 if ranged else 200))
            said = {"Content-Range": f"bytes {begin}-{end}/{len(data)}"} if ranged else {}
            said |= {"ETag": '"one"', "Content-Length": str(len(body)), **change.get("headers", {})}
            for name, value in said.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: 100 if len(answers) >= later.get("cut", 99) else None])
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Serving) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever)
        try:
            yield f"http://127.0.0.1:{server.server_port}/a.tif"
        finally:
            server.shutdown()


def test_a_url_is_read_in_order_and_by_ranges() -> None:
    with served() as url:
        reader = url_reader(url)
        assert reader.look.size == len(DATA)
        assert reader.head == DATA[:HEAD_BYTES]
        assert reader.read(HEAD_BYTES, 10**9) == DATA[HEAD_BYTES:]
        assert b"".join(reader.stream()) == DATA


@pytest.mark.parametrize("cut", [1, 2])
def test_an_answer_that_breaks_off_is_worth_another_try(cut: int) -> None:
    with served(cut=cut) as url, pytest.raises(Transient, match=r"ends its answer \d+ bytes before its end"):
        url_reader(url).read(HEAD_BYTES, 9000)


def test_a_stream_that_breaks_off_is_worth_another_try() -> None:
    with served(cut=2) as url, pytest.raises(Transient, match=r"ends its answer \d+ bytes before its end"):
        list(url_reader(url).stream())


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"two"'},
        {"ETag": 'W/"two"'},
        {"Content-Range": f"bytes {HEAD_BYTES}-{HEAD_BYTES + 8}/{10**9}"},
    ],
    ids=str,
)
def test_a_server_that_ignores_if_match_does_not_make_one_image_of_two(headers: Headers) -> None:
    with served(headers=headers) as url:
        reader = url_reader(url)
        with pytest.raises(BlobChanged):
            reader.read(HEAD_BYTES, 9)


def test_a_stream_of_another_version_is_none_of_this_one() -> None:
    with served(headers={"ETag": '"two"'}) as url:
        reader = url_reader(url)
        with pytest.raises(BlobChanged):
            list(reader.stream())


def test_without_an_etag_the_time_of_the_last_change_tells_versions_apart() -> None:
    moments = [f"Mon, 01 Jan 2024 00:00:0{second} GMT" for second in (0, 1)]
    first, later = ({"ETag": "", "Last-Modified": moment} for moment in moments)
    with served(first=first, headers=first) as url:
        assert url_reader(url).read(HEAD_BYTES, 9) == DATA[HEAD_BYTES : HEAD_BYTES + 9]
    with served(first=first, headers=later) as url:
        reader = url_reader(url)
        with pytest.raises(BlobChanged, match="its Last-Modified was"):
            reader.read(HEAD_BYTES, 9)


@pytest.mark.parametrize(
    "tags", [('W/"one"', '"one"'), ('"one"', 'W/"one"'), ('W/"one"', 'W/"one"')], ids=str
)
def test_a_weak_etag_is_of_the_same_version_as_the_strong_one(tags: tuple[str, str]) -> None:
    first, later = ({"ETag": tag} for tag in tags)
    with served(first=first, headers=later) as url:
        reader = url_reader(url)
        assert reader.read(HEAD_BYTES, 9) == DATA[HEAD_BYTES : HEAD_BYTES + 9]
        assert b"".join(reader.stream()) == DATA


@pytest.mark.parametrize("said", ["Bytes %s", "bytes=%s", "bytes  %s"])
def test_the_unit_of_a_range_may_be_spelt_as_servers_do(said: str) -> None:
    first = {"Content-Range": said % f"0-{HEAD_BYTES - 1}/{len(DATA)}"}
    later = {"Content-Range": said % f"{HEAD_BYTES}-{HEAD_BYTES + 8}/{len(DATA)}"}
    with served(first=first, headers=later) as url:
        assert url_reader(url).read(HEAD_BYTES, 9) == DATA[HEAD_BYTES : HEAD_BYTES + 9]


def test_a_later_answer_need_not_say_how_large_the_file_is() -> None:
    with served(headers={"Content-Range": f"bytes {HEAD_BYTES}-{HEAD_BYTES + 8}/*"}) as url:
        assert url_reader(url).read(HEAD_BYTES, 9) == DATA[HEAD_BYTES : HEAD_BYTES + 9]


@pytest.mark.parametrize(
    "said",
    [
        f"bytes 0-{HEAD_BYTES - 1}/*",
        f"bytes 3-{HEAD_BYTES + 2}/{len(DATA)}",
        f"bytes 0-{HEAD_BYTES - 1}/{HEAD_BYTES - 1}",
        f"items 0-{HEAD_BYTES - 1}/{len(DATA)}",
    ],
)
def test_a_server_that_answers_the_first_time_with_another_range_is_refused(said: str) -> None:
    with served(first={"Content-Range": said}) as url, pytest.raises(Rejected, match="download it"):
        url_reader(url)


def test_a_stream_that_is_longer_than_the_file_is_of_another_version() -> None:
    with served(more=50) as url:
        reader = url_reader(url)
        with pytest.raises(BlobChanged, match="longer than"):
            list(reader.stream())


def test_other_bytes_than_those_asked_for_are_not_taken() -> None:
    with served(shift=3) as url:
        reader = url_reader(url)
        with pytest.raises(Transient, match="other bytes"):
            reader.read(HEAD_BYTES, 9)


def test_a_server_without_ranges_is_asked_once() -> None:
    with served(whole=True, headers={"ETag": '"two"'}) as url:
        reader = url_reader(url)
        assert reader.read(HEAD_BYTES, 9) == DATA[HEAD_BYTES : HEAD_BYTES + 9]
        assert b"".join(reader.stream()) == DATA


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1/a.tif",
        "http://host:99999/a.tif",
        "http://127.0.0.1:1/a b.tif",
        "http://127.0.0.1:1/ü.tif",
        "http://a..b/a.tif",
        "ftp://a/b",
    ],
)
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(Rejected, match="bad-url"):
        url_reader(url)


@pytest.mark.parametrize("to", ["http://[::1/a.tif", "http://a..b/a.tif"])
def test_a_server_that_sends_on_to_what_is_no_url_is_refused(to: str) -> None:
    with served(first={"Location": to}, status=302) as url, pytest.raises(Rejected, match="bad-url"):
        url_reader(url)


@pytest.mark.parametrize("size", [0, 8])
def test_a_blob_that_is_still_being_copied_is_said_to_be(size: int) -> None:
    """Of an empty one only the properties say so, for a refusal has none of them; a page blob is long at once."""
    copying = {"x-ms-copy-status": "pending", "x-ms-copy-progress": "3/8"}
    says = pytest.raises(Copying, match=r"a\.tif is still being copied: 3/8 bytes")
    with served(size=size, first=copying, headers=copying) as url, says:
        url_reader(url)


@pytest.mark.parametrize(
    ("status", "said"), [("failed", "the copy into it failed"), ("success", "the upload did not write")]
)
def test_an_empty_blob_says_whether_a_copy_left_it_so(status: str, said: str) -> None:
    """From the process that decodes, too: what it knows of the blob is what it was told."""
    with served(size=0, headers={"x-ms-copy-status": status}) as url:
        reader = url_reader(url)
    assert (reader.look.size, reader.head, reader.read(0, 9)) == (0, b"", b"")
    with pytest.raises(Rejected, match=f"empty: the blob has 0 bytes: {said}"):
        read_raster(reader, {})


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", tmp_path):
        with pytest.raises(Rejected, match="is no file but"):
            file_reader(path)
