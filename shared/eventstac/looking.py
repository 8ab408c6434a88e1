"""A look at one blob: what the storage says, and what can be read from it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from eventstac.blobs import BlobReader, Blobs, Counted, Look
from eventstac.containers import Watched
from eventstac.errors import BlobChanged, Growing, Rejected, Transient
from eventstac.events.timeline import passed, written
from eventstac.facts import NOT_A_COG, Finding, Match, Stage
from eventstac.growing import is_being_written, longest_wait, rested
from eventstac.raster.revision import EXTRACTOR_REVISION
from eventstac.telemetry.spans import note
from eventstac.times import to_text

log = logging.getLogger("eventstac")

_LOOKS = 4  # a blob that changes under every one of them is still being written: try again later

# reader, options, whether a thumbnail is wanted -> metadata, thumbnail, its media type
ReadContent = Callable[[BlobReader, Match, bool], "Reading"]


@dataclass(frozen=True)
class Reading:
    """What was read from a blob: metadata (shape: docs/rasters.md) and a thumbnail, if one was made."""

    metadata: Mapping[str, Any]
    thumbnail: bytes | None = None
    thumbnail_type: str | None = None


@dataclass(frozen=True)
class Looker:
    """Looks at blobs: the storage, how content is read and by which extractor, and where thumbnails go."""

    blobs: Blobs
    watched: Watched
    read: ReadContent
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    extractor: int = EXTRACTOR_REVISION

    def look(
        self,
        url: str,
        match: Match,
        revision: int,
        timeline: tuple[Stage, ...] = (),
        *,
        must_be_cog: bool = False,
    ) -> Finding:
        """What is at a URL now: present with its metadata, gone, or rejected with a reason.

        Errors: Transient where nothing can be said of the blob, or where it keeps changing; Growing where it cannot be
        read and is still being written.
        """
        self.watched.any(url)
        for _ in range(_LOOKS):
            look, reader = self.blobs.look(url)
            try:
                found = self._found(look, reader, match, must_be_cog)
            except BlobChanged:
                continue
            if look.grows and look.last_modified:  # its event came before it was whole
                timeline = written(timeline, look.last_modified)
            return Finding(
                match=match,
                revision=revision,
                seen=look.seen,
                etag=look.etag,
                timeline=passed(timeline, "looked", self.clock()),
                extractor=self.extractor,
                **found,
            )
        detail = f"{url} changed under each of {_LOOKS} looks: it is still being written"
        raise Growing(detail, longest_wait(look)) if look.grows else Transient(detail)

    def still_is(self, url: str, finding: Finding) -> bool:
        """Whether the storage still has what was found; a look at the header tells."""
        look, _ = self.blobs.look(url)
        return finding.condition == (look.etag, look.state == "gone", look.state == "archived")

    def _found(
        self, look: Look, reader: BlobReader | None, match: Match, must_be_cog: bool
    ) -> dict[str, Any]:
        if look.state == "gone":
            return {"state": "gone"}
        found: dict[str, Any] = {"storage": storage_of(look)}
        if reader is None:
            detail = "the blob is in the archive tier: rehydrate it, it is then looked at again"
            return {**found, "state": "rejected", "reason": "archived", "detail": detail}
        counted = Counted(reader)
        begun = time.perf_counter()
        try:
            content = self.read(counted, match, not must_be_cog)
            if must_be_cog:
                _check_cog(content.metadata)
            thumbnail = self._put_thumbnail(look, content)
        except Rejected as rejection:
            if is_being_written(look):
                raise Growing(
                    f"{look.url}, an append or page blob, was written {rested(look).total_seconds():.0f} s ago and is "
                    f"waited for: as it is, it is {rejection}",
                    longest_wait(look),
                ) from rejection
            detail = _storable(rejection.detail)
            return {**found, "state": "rejected", "reason": rejection.reason, "detail": detail}
        finally:
            seconds = round(time.perf_counter() - begun, 6)
            note(extraction_s=seconds, extraction_bytes=counted.fetched_bytes, blob_bytes=look.size)
        metadata = _storable(content.metadata)
        if "datetime_problem" in metadata and match.start is None:  # nor does the path say it
            problem = metadata["datetime_problem"]["detail"]
            log.warning("datetime_not_understood", extra={"blob": look.url, "detail": problem})
        if "nodata_problem" in metadata:
            problem = metadata["nodata_problem"]["detail"]
            log.warning("nodata_not_taken", extra={"blob": look.url, "detail": problem})
        if "thumbnail_problem" in metadata:
            problem = metadata["thumbnail_problem"]["detail"]
            log.warning("thumbnail_not_drawn", extra={"blob": look.url, "detail": problem})
        return {**found, "state": "present", "metadata": metadata, "thumbnail": thumbnail}

    def _put_thumbnail(self, look: Look, content: Reading) -> str | None:
        """Write the thumbnail, once for a version of the blob and a way to draw it; returns its URL."""
        if content.thumbnail is None or content.thumbnail_type is None:
            return None
        version = f"{look.url}\n{look.etag}\n".encode()
        digest = sha256(version + content.thumbnail).hexdigest()[:40]
        suffix = content.thumbnail_type.rpartition("/")[2]
        url = self.watched.thumbnail_url(f"{digest[:2]}/{digest}.{suffix}")
        self.blobs.put_once(url, content.thumbnail, content.thumbnail_type)
        return url


def _storable(value: Any) -> Any:
    """A value whose text any bus and database takes: what a file states may hold NULs, and bytes that are no UTF-8."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value


def _check_cog(metadata: Mapping[str, Any]) -> None:
    cog = metadata.get("cog") or {}
    if not cog.get("valid"):
        problems = "; ".join(str(problem) for problem in cog.get("problems", ())) or "it is no GeoTIFF"
        raise Rejected(NOT_A_COG, f"{problems}. Make it anew, for instance with `rio cogeo create`")


def storage_of(look: Look) -> dict[str, Any]:
    """What the storage said of a blob, as facts keep it."""
    return {
        "size": look.size,
        "last_modified": to_text(look.last_modified) if look.last_modified else None,
        "created": to_text(look.created) if look.created else None,
        "content_type": look.content_type,
        "content_md5": look.content_md5.hex() if look.content_md5 else None,
        "version_id": look.version_id,
        **({"grows": True} if look.grows else {}),
    }
