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
from eventstac.errors import BlobChanged, Rejected, Transient
from eventstac.raster.source import file_reader, url_reader

DATA = bytes(range(256)) * (HEAD_BYTES // 256 + 100)
Headers = dict[str, str]


@contextmanager
def served(**later: Any) -> Iterator[str]:
    """A URL whose answers after the first differ in `headers`, `begin` or `status`; or break off, from `cut` on."""
    answers = []

    class Serving(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.append(self.path)
            change = later if len(answers) > 1 else {}
            asked = self.headers.get("Range")
            begin, end = (
                (int(n) for n in asked.removeprefix("bytes=").split("-")) if asked else (0, len(DATA))
            )
            begin, end = begin + change.get("shift", 0), min(end, len(DATA) - 1)
            ranged = asked and not later.get("whole")
            body = DATA[begin : end + 1] if ranged else DATA
            self.send_response(206 if ranged else 200)
            said = {"Content-Range": f"bytes {begin}-{end}/{len(DATA)}"} if ranged else {}
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
    "url", ["https://[::1/a.tif", "http://host:99999/a.tif", "http://127.0.0.1:1/a b.tif", "ftp://a/b"]
)
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(Rejected, match="bad-url"):
        url_reader(url)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", tmp_path):
        with pytest.raises(Rejected, match="is no file but"):
            file_reader(path)
