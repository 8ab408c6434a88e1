"""Blob storage as our port, through the azure-storage-blob SDK.

The first GET of a look goes through `first_bytes`, so that Date and ETag of that one response are known; what is read
after it comes through `blob_ranges`.
"""

from base64 import b64decode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobClient, BlobServiceClient, ContentSettings

from eventstac.azure.blob_ranges import CONNECTIONS, BlobRanges, is_addressable
from eventstac.azure.first_bytes import FirstBytes
from eventstac.blob_urls import BlobName, canonical_etag, canonical_url, parse
from eventstac.blobs import HEAD_BYTES, BlobReader, Listed, ListedPage, Look
from eventstac.copies import check_copied, failed_copy
from eventstac.errors import BlobChanged, Refused, Rejected, Transient

_NO_SUCH_RANGE = 416
# What to do where a listing is refused, so that whoever reads it need not know the storage's words.
_HOW_TO_MEND = {
    401: "Check the credentials: the key or SAS of the connection string, or that the identity is of this tenant",
    403: "Give the identity the role Storage Blob Data Reader on it, or check the key and the account's firewall",
    404: "Check the name; make the container, or take it out of SOURCE_CONTAINERS and COG_CONTAINERS",
}
_STREAM_BYTES = 8 * 1024 * 1024  # of one range of a stream
# Ranges on their way at once: they, and those that wait their turn, are all in memory.
_STREAM_CONNECTIONS = 4


class BlobStorage:
    """One account's blobs."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service
        self._first_bytes = FirstBytes(service)
        self._ranges = BlobRanges(service)
        # Any name serves: only the account's part of it is taken. With a SAS the client's URL has a query.
        endpoint = str(service.url).partition("?")[0].rstrip("/")
        self.account_url = parse(f"{endpoint}/container/blob").account_url

    def look(self, url: str) -> tuple[Look, BlobReader | None]:
        """Look at one blob: one GET of its first bytes. The reader is None unless the state is "present".

        Errors: Rejected `foreign-account` for another account's blob; Transient where nothing is said of the blob.
        """
        name = self._name(url)
        try:
            headers, head = self._first_bytes.get(name, HEAD_BYTES)
            look = _look_of(name, headers)
        except HttpResponseError as error:
            if error.status_code == _NO_SUCH_RANGE:
                return self._look_at_empty(self._client(name), name)
            return self._refused(self._client(name), name, error), None
        except AzureError as error:
            raise Transient(f"{url}: the storage does not answer: {error}") from error
        if len(head) != min(HEAD_BYTES, look.size):
            raise Transient(f"{url}: the storage sent {len(head)} bytes of {look.size}")
        return look, _Reader(self._client, self._ranges, name, look, head)

    def page(self, container_url: str, prefix: str, continuation: str | None, size: int) -> ListedPage:
        """One page of a listing (at most `size` blobs, without folders), from `continuation` on."""
        name = self._name(f"{container_url}/x")
        container = self._service.get_container_client(name.container)
        answers: list[Any] = []
        try:
            pages = container.list_blobs(
                name_starts_with=prefix or None,
                include=["metadata"],  # they tell a folder from an empty blob
                results_per_page=size,
                raw_response_hook=answers.append,
            ).by_page(continuation)
            blobs = tuple(
                Listed(
                    listed.url,
                    canonical_etag(blob.etag),
                    blob.size,
                    blob.last_modified.astimezone(UTC),
                    archived=blob.blob_tier == "Archive",
                )
                for blob in next(pages, ())
                if (listed := BlobName(name.account_url, name.container, blob.name)).is_addressable
                and not _is_folder(blob)
            )
        except HttpResponseError as error:
            headers: Mapping[str, str] = getattr(error.response, "headers", {})
            code = headers.get("x-ms-error-code") or error.reason
            answer = f"{container_url}: the storage answers {error.status_code} {code}"
            if hint := _HOW_TO_MEND.get(error.status_code or 0):
                raise Refused(f"{answer}. {hint}") from error
            raise Transient(answer) from error
        except AzureError as error:
            raise Transient(f"{container_url}: the listing fails: {error}") from error
        seen = _moment(answers[-1].http_response.headers, "Date")
        return ListedPage(blobs, getattr(pages, "continuation_token", None) or None, seen)

    def put(self, url: str, data: bytes, content_type: str) -> str:
        """Write one of our own outputs; returns its ETag."""
        name = self._name(url)
        client = self._client(name)
        try:
            written = client.upload_blob(
                data, overwrite=True, content_settings=ContentSettings(content_type=content_type)
            )
        except AzureError as error:
            raise Transient(f"{url} cannot be written: {error}") from error
        return canonical_etag(written["etag"])

    def put_once(self, url: str, data: bytes, content_type: str) -> None:
        """Write one of our own outputs where there is none of that name yet (If-None-Match: *)."""
        client = self._client(self._name(url))
        try:
            client.upload_blob(
                data, overwrite=False, content_settings=ContentSettings(content_type=content_type)
            )
        except ResourceExistsError:
            return
        except AzureError as error:
            raise Transient(f"{url} cannot be written: {error}") from error

    def delete(self, url: str, etag: str) -> None:
        """Delete one of our own outputs, as it was when it was read; one that is gone or another is left alone."""
        name = self._name(url)
        client = self._client(name)
        try:
            client.delete_blob(etag=f'"{etag}"', match_condition=MatchConditions.IfNotModified)
        except HttpResponseError as error:
            if error.status_code not in (404, 412):
                raise Transient(f"{url} cannot be deleted: {error.status_code}") from error
        except AzureError as error:
            raise Transient(f"{url} cannot be deleted: {error}") from error

    def _client(self, name: BlobName) -> BlobClient:
        return self._service.get_blob_client(name.container, name.path)

    def _name(self, url: str) -> BlobName:
        name = parse(url)
        if name.account_url != self.account_url:
            raise Rejected("foreign-account", f"{url} is not in the account {self.account_url}")
        return name

    def _look_at_empty(self, client: BlobClient, name: BlobName) -> tuple[Look, BlobReader | None]:
        """A blob without bytes has no range to give: its properties are the look."""
        response: list[Any] = []
        try:
            properties = client.get_blob_properties(raw_response_hook=response.append)
        except HttpResponseError as error:
            return self._refused(client, name, error), None
        except AzureError as error:
            raise Transient(f"{name.url}: the storage does not answer: {error}") from error
        headers = response[0].http_response.headers
        check_copied(name.url, headers)
        if _is_folder(properties):
            return Look(name.url, "gone", _moment(headers, "Date"), is_folder=True), None
        look = _look(name.url, properties, headers)
        if look.size:
            raise Transient(f"{name.url} was empty a moment ago and is being written", after_s=1.0)
        return look, _Reader(self._client, self._ranges, name, look, b"")

    def _refused(self, client: BlobClient, name: BlobName, error: HttpResponseError) -> Look:
        """What a refusal says of the blob; Transient where it says nothing."""
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        code = headers.get("x-ms-error-code")
        if code == "BlobNotFound":
            return Look(name.url, "gone", _moment(headers, "Date"))
        if code == "BlobArchived":
            try:
                response: list[Any] = []
                properties = client.get_blob_properties(raw_response_hook=response.append)
            except AzureError as failure:
                raise Transient(
                    f"{name.url}: archived, and its properties cannot be read: {failure}"
                ) from failure
            return _look(name.url, properties, response[0].http_response.headers, state="archived")
        retry_after = headers.get("Retry-After", "")
        raise Transient(
            f"{name.url}: the storage answers {error.status_code} {code or ''}".rstrip(),
            after_s=float(retry_after) if retry_after.isdigit() else None,
        ) from error


@dataclass(frozen=True)
class _Reader:
    """Reads one blob at the ETag of its look."""

    client: Callable[[BlobName], BlobClient]
    ranges: BlobRanges
    name: BlobName
    look: Look
    head: bytes

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), fewer only at the blob's end."""
        length = max(0, min(length, self.look.size - offset))
        if self._is_here((offset, length)):
            return self.head[offset : offset + length]
        return self._range(offset, length)

    def read_each(self, spans: Sequence[tuple[int, int]]) -> Generator[bytes]:
        """The bytes of each span (offset, length), in order, over many connections at once."""
        size = self.look.size
        within = [(offset, max(0, min(length, size - offset))) for offset, length in spans]
        with closing(self._ranged([span for span in within if not self._is_here(span)])) as behind:
            for span in within:
                yield self.head[span[0] : sum(span)] if self._is_here(span) else next(behind)

    def stream(self, chunk_bytes: int = 4 * 1024 * 1024) -> Iterator[bytes]:
        """The whole blob in order, the ranges behind the head over several connections at once."""
        yield self.head
        starts = range(len(self.head), self.look.size, _STREAM_BYTES)
        spans = [(start, min(_STREAM_BYTES, self.look.size - start)) for start in starts]
        yield from self._ranged(spans, _STREAM_CONNECTIONS)

    def _is_here(self, span: tuple[int, int]) -> bool:
        return not span[1] or sum(span) <= len(self.head)

    def _ranged(self, spans: Sequence[tuple[int, int]], ahead: int = CONNECTIONS) -> Generator[bytes]:
        if is_addressable(self.name):
            return self.ranges.get_each(self.name, self.look.etag, spans, ahead)
        return (self._range(*span) for span in spans)

    def _range(self, offset: int, length: int) -> bytes:
        if is_addressable(self.name):
            return self.ranges.get(self.name, self.look.etag, offset, length)
        return b"".join(self._download(offset, length))

    def _download(self, offset: int, length: int) -> Iterator[bytes]:
        try:
            downloader = self.client(self.name).download_blob(
                offset=offset,
                length=length,
                max_concurrency=1,
                etag=f'"{self.look.etag}"',
                match_condition=MatchConditions.IfNotModified,
            )
            yield from downloader.chunks()
        except HttpResponseError as error:
            if error.status_code in (404, 412):
                raise BlobChanged(f"{self.look.url} is no longer {self.look.etag}") from error
            raise Transient(f"{self.look.url}: the storage answers {error.status_code}") from error
        except AzureError as error:
            raise Transient(f"{self.look.url}: the storage does not answer: {error}") from error


def _is_folder(blob: Any) -> bool:
    """Whether a blob only marks a folder, as tools write one and accounts with directories show theirs."""
    marks = {name.lower(): value for name, value in (blob.metadata or {}).items()}
    # In a listing a value that is empty is None.
    return not blob.size and (marks.get("hdi_isfolder") or "").lower() == "true"


def _look_of(name: BlobName, headers: Mapping[str, str]) -> Look:
    """What the headers of an answer with a range of the blob say of all of it."""
    check_copied(name.url, headers)
    md5 = headers.get("x-ms-blob-content-md5")
    size = headers.get("Content-Range", "").rpartition("/")[2]
    if not size.isdigit():
        raise Transient(f"{name.url}: the storage does not say how large the blob is")
    return Look(
        url=name.url,
        state="present",
        seen=_moment(headers, "Date"),
        etag=canonical_etag(headers.get("ETag")),
        size=int(size),
        last_modified=_moment(headers, "Last-Modified"),
        created=_moment(headers, "x-ms-creation-time") if "x-ms-creation-time" in headers else None,
        content_type=headers.get("Content-Type"),
        content_md5=b64decode(md5) if md5 else None,
        version_id=headers.get("x-ms-version-id"),
        grows=_grows(headers),
    )


def _look(url: str, properties: Any, headers: Mapping[str, str], state: Any = "present") -> Look:
    settings = properties.content_settings
    return Look(
        url=canonical_url(url),
        state=state,
        seen=_moment(headers, "Date"),
        etag=canonical_etag(properties.etag),
        size=properties.size,
        last_modified=properties.last_modified.astimezone(UTC) if properties.last_modified else None,
        created=properties.creation_time.astimezone(UTC) if properties.creation_time else None,
        content_type=settings.content_type,
        content_md5=bytes(settings.content_md5) if settings.content_md5 else None,
        version_id=headers.get("x-ms-version-id"),
        failed_copy=failed_copy(headers),
        grows=_grows(headers),
    )


def _grows(headers: Mapping[str, str]) -> bool:
    """Whether bytes may be added without an event: only Put Blob, Put Block List and Copy Blob send one."""
    kind = headers.get("x-ms-blob-type")
    return kind == "PageBlob" or (kind == "AppendBlob" and headers.get("x-ms-blob-sealed") != "true")


def _moment(headers: Mapping[str, str], name: str) -> datetime:
    """A time in the storage's answer, by its own clock."""
    text = headers.get(name)
    if not text:
        raise Transient(f"the storage's answer has no {name} header, so the look has no place in the order")
    return parsedate_to_datetime(text).astimezone(UTC)
