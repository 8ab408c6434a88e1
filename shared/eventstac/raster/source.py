"""Readers of files and of plain URLs, for looking at a raster outside the pipeline (`eventstac preview`)."""

import hashlib
import http.client
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from stat import S_ISREG
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import Request, urlopen

from eventstac.blob_urls import canonical_etag
from eventstac.blobs import HEAD_BYTES, BlobReader, Look
from eventstac.copies import check_copied, failed_copy
from eventstac.errors import BlobChanged, Rejected, Transient

TIMEOUT_S = 60

# RFC 9110, 14.4; some servers write "bytes=", as a request does. A later answer need not know the size ("*").
_CONTENT_RANGE = re.compile(r"bytes[\s=]+(\d{1,18})-\d+/(?:(\d{1,18})|\*)", re.ASCII | re.IGNORECASE)


def file_reader(path: str | Path) -> BlobReader:
    """A reader of a local file. Raises Rejected `not-found` or `not-readable`."""
    return FileReader(Path(path))


def url_reader(url: str) -> BlobReader:
    """A reader of an http(s) URL by range requests. Raises Rejected `not-found` or `bad-url`, or Transient."""
    url_parts(url)
    return UrlReader(url)


def url_parts(url: str) -> SplitResult:
    """An http(s) URL taken apart. Raises Rejected `bad-url`."""
    if not url.startswith(("http://", "https://")):
        raise Rejected("bad-url", f"{url!r} is neither http:// nor https://")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Rejected("bad-url", f"{url!r} is no URL: {error}") from error
    if not parts.hostname:
        raise Rejected("bad-url", f"{url!r} is no URL: it names no host")
    return parts


class FileReader:
    """Reads a local file; its modification time and size stand in for an ETag."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            stat = path.stat()
            if not S_ISREG(stat.st_mode):  # to open a pipe waits for its writer
                raise Rejected("not-readable", f"{path} is no file but a folder, a pipe or a device")
            with path.open("rb") as file:
                self.head = file.read(HEAD_BYTES)
        except FileNotFoundError as error:
            raise Rejected(
                "not-found", f"there is no file {path}: give a local file, or the URL of what is in a storage"
            ) from error
        except OSError as error:
            raise Rejected("not-readable", f"{path} cannot be read: {error.strerror}") from error
        etag = hashlib.sha256(f"{stat.st_mtime_ns}-{stat.st_size}".encode()).hexdigest()[:16]
        modified = datetime.fromtimestamp(int(stat.st_mtime), UTC)
        seen = datetime.now(UTC).replace(microsecond=0)
        url = path.resolve().as_uri()
        self.look = Look(url, "present", seen, etag=etag, size=stat.st_size, last_modified=modified)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length)."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """The bytes of each span (offset, length)."""
        return (self.read(*span) for span in spans)

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """The whole file in order."""
        with self._path.open("rb") as file:
            while chunk := file.read(chunk_bytes):
                yield chunk


class UrlReader:
    """Reads a URL by ranges, held to the ETag of its first response."""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            status, headers, body = self._answer({"Range": f"bytes=0-{HEAD_BYTES - 1}"})
        except Rejected as rejection:
            if rejection.reason != "empty":
                raise
            status, headers, body = self._answer({})  # a refusal does not say how a copy into it stands
        self._ranged = status == 206
        if self._ranged:
            begin, size = _content_range(headers)
            if begin != 0 or size is None or len(body) != min(HEAD_BYTES, size):
                raise Rejected(
                    "bad-url",
                    f"{url} does not answer with the range that is asked for, and how large it is: download it",
                )
        else:
            size = len(body)
        self._rest = b"" if self._ranged else body
        self.head = body[:HEAD_BYTES]
        self._etag_header, self._modified_header = headers.get("ETag"), headers.get("Last-Modified")
        self.look = Look(
            url.split("?", 1)[0],
            "present",
            _moment(headers.get("Date")) or datetime.now(UTC).replace(microsecond=0),
            etag=canonical_etag(self._etag_header),
            size=size,
            last_modified=_moment(self._modified_header),
            content_type=headers.get("Content-Type"),
            failed_copy=failed_copy(headers),
        )

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), in one request (none for a server that does not know ranges)."""
        if not self._ranged:
            return self._rest[offset : offset + length]
        end = min(offset + length, self.look.size) - 1
        if end < offset:
            return b""
        with self._get({"Range": f"bytes={offset}-{end}", **self._condition()}) as response:
            self._check_same(response)
            begin, size = _content_range(response.headers)
            body = response.read()
        if size not in (None, self.look.size):
            raise BlobChanged(f"{self._url} is another one by now: it has {size} bytes")
        if response.status != 206 or begin != offset or len(body) != end + 1 - offset:
            raise Transient(f"{self._url} answers with other bytes than {offset} to {end}")
        return body

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """The bytes of each span (offset, length), one request after the other: the server is not ours."""
        return (self.read(*span) for span in spans)

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """The whole content in order, in one request (none for a server that does not know ranges)."""
        if not self._ranged:
            yield self._rest
            return
        with self._get(self._condition()) as response:
            self._check_same(response)
            rest = self.look.size
            while chunk := response.read(chunk_bytes):
                rest -= len(chunk)
                if rest < 0:
                    raise BlobChanged(
                        f"{self._url} is another one by now: longer than {self.look.size} bytes"
                    )
                yield chunk
        if rest > 0:  # which is no error to Python, by chunks
            raise Transient(f"{self._url} ends its answer {rest} bytes before its end")

    def _check_same(self, response: http.client.HTTPResponse) -> None:
        """Raise BlobChanged for a response of another version: not every server honours If-Match."""
        name = "ETag" if self._etag_header else "Last-Modified"
        first = self._etag_header or self._modified_header
        now = response.headers.get(name)
        if first and now and canonical_etag(now) != canonical_etag(first):
            raise BlobChanged(f"{self._url} is another one by now: its {name} was {first}, and is {now}")

    def _condition(self) -> dict[str, str]:
        strong = self._etag_header is not None and not self._etag_header.startswith("W/")
        return {"If-Match": self._etag_header} if strong and self._etag_header else {}

    def _answer(self, asked: dict[str, str]) -> tuple[int, Message, bytes]:
        """All of a response: its status, headers and body."""
        with self._get(asked) as response:
            return response.status, response.headers, response.read()

    @contextmanager
    def _get(self, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        """A response to read; a failure while it is read is told as one of the asking."""
        try:
            with self._open(headers) as response:
                check_copied(self._url, response.headers)
                yield response
        except HTTPError as error:
            error.close()
            raise _failure(self._url, error.code, started=hasattr(self, "look")) from error
        except http.client.IncompleteRead as error:
            missing = f"{error.expected} bytes before its end" if error.expected else "before its end"
            raise Transient(f"{self._url} ends its answer {missing}") from error
        except (URLError, TimeoutError, http.client.HTTPException, OSError) as error:
            raise Transient(f"{self._url} does not answer: {error}") from error

    def _open(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """The response to a request. Raises Rejected `bad-url` for what no request can be made of."""
        request = Request(self._url, headers={"Accept-Encoding": "identity", **headers})  # noqa: S310  (see url_parts)
        try:
            response: http.client.HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
        except (http.client.InvalidURL, ValueError) as error:  # a UnicodeError is a ValueError
            raise Rejected(
                "bad-url",
                f"{self._url!r} is no URL, or the server sends on to what is none: {error} (in a path, a space is "
                "written %20, and letters beyond ASCII likewise)",
            ) from error
        return response


def _content_range(headers: Message) -> tuple[int | None, int | None]:
    """Where the bytes of a response begin, and how many there are of all; None where it does not say."""
    match = _CONTENT_RANGE.match(headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2]) if match[2] else None) if match else (None, None)


def _failure(url: str, status: int, *, started: bool) -> Exception:
    if started and status in (404, 412, 416):
        return BlobChanged(f"{url} is another one by now (HTTP {status})")
    if status == 416:
        return Rejected("empty", f"{url} has 0 bytes")
    if status in (404, 410):
        return Rejected("not-found", f"{url} does not exist (HTTP {status})")
    return Transient(f"{url} answers HTTP {status}")


def _moment(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None
