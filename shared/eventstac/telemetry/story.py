"""Reads the spans of a trace out of telemetry files, and puts them into the order in which to tell them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from eventstac.blob_urls import BlobName, canonical_url, parse, with_slashes
from eventstac.errors import EventstacError, Rejected
from eventstac.times import from_text

_TRACE = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class NoStory(EventstacError):
    """There is nothing to tell, and why."""


@dataclass(frozen=True)
class Told:
    """One span as an app told it; `depth` is how many spans are above it."""

    trace: str
    span: str
    parent: str | None
    app: str
    name: str
    start: datetime
    seconds: float
    error: str | None
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...] = ()
    depth: int = 0

    @property
    def about(self) -> tuple[Any, ...]:
        """The blobs' URLs that one finds it by: a finished COG's event has its source's and its own."""
        return tuple(self.attributes[name] for name in ("blob", "cog") if name in self.attributes)

    @property
    def end(self) -> datetime:
        """When it was done."""
        return self.start + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Story:
    """The spans of one trace, parents before children; `missing` are parents that nobody told of."""

    trace: str
    spans: tuple[Told, ...]
    missing: frozenset[str]
    linked: tuple[Told, ...]

    @property
    def blobs(self) -> tuple[str, ...]:
        """The blobs that it is about."""
        return tuple(sorted({str(one.attributes["blob"]) for one in self.spans if "blob" in one.attributes}))

    @property
    def began(self) -> datetime:
        """When its first span began."""
        return min(one.start for one in self.spans)

    @property
    def seconds(self) -> float:
        """From the beginning of the first span to the end of the last."""
        return (max(one.end for one in self.spans) - self.began).total_seconds()


def stories(folder: Path, wanted: str) -> list[Story]:
    """The traces that a trace's id, a traceparent or a blob (its URL, or CONTAINER/PATH) means, the oldest first.

    Raises NoStory where there is none, and for what is none of these; Rejected `bad-url`.
    """
    files = sorted(folder.glob("*.spans*.jsonl")) if folder.is_dir() else []
    if not files:
        raise NoStory(f"no app has told anything yet: there is no file {folder}/APP.spans.jsonl")
    told = list(_spans(files))
    traces, what = _meant(told, wanted)
    found = [_story(trace, told) for trace in traces]
    if not found:
        raise NoStory(
            f"no span of {what} is in {folder}; `eventstac where` knows blobs, `eventstac status` what waits"
        )
    return sorted(found, key=lambda story: story.began)


def _meant(told: Iterable[Told], wanted: str) -> tuple[set[str], str]:
    text = wanted.strip()
    lower = text.lower()
    context = _TRACEPARENT.fullmatch(lower)
    trace = context[1] if context else lower
    if _TRACE.fullmatch(trace):
        return {one.trace for one in told if one.trace == trace}, f"the trace {trace}"
    if text.startswith(("http://", "https://")):
        url = canonical_url(text)
        return {one.trace for one in told if url in one.about}, url
    container, _, path = with_slashes(text).partition("/")
    if container and path:
        name = BlobName("", container.lower(), path)
        return {one.trace for one in told if any(_is_called(url, name) for url in one.about)}, text
    raise NoStory(
        f"{wanted!r} is neither a trace's id (32 hexadecimal digits), nor a traceparent, nor a blob's URL or "
        "CONTAINER/PATH"
    )


def _is_called(url: Any, name: BlobName) -> bool:
    """Whether a blob's URL, of any account, has this container and path."""
    if not isinstance(url, str) or not url.endswith(name.url):
        return False
    try:
        found = parse(url)
    except Rejected:
        return False
    return (found.container, found.path) == (name.container, name.path)


def _story(trace: str, told: Iterable[Told]) -> Story:
    mine: dict[str, Told] = {}
    for one in told:
        if one.trace == trace:  # a span that was told twice, by a delivery after a crash, is told once
            mine.setdefault(one.span, one)
    below: dict[str | None, list[Told]] = {}
    for one in sorted(mine.values(), key=lambda one: one.start):
        below.setdefault(one.parent if one.parent in mine else None, []).append(one)
    spans = tuple(_walk(below, None, 0))
    missing = frozenset(one.parent for one in spans if one.parent and one.parent not in mine)
    own = {(trace, one.span) for one in spans}
    linked = tuple(one for one in told if one.trace != trace and own.intersection(one.links))
    return Story(trace, spans, missing, linked)


def _walk(below: Mapping[str | None, list[Told]], parent: str | None, depth: int) -> Iterator[Told]:
    for one in below.get(parent, ()):
        yield Told(**{**vars(one), "depth": depth})
        yield from _walk(below, one.span, depth + 1)


def _spans(files: Iterable[Path]) -> Iterator[Told]:
    for path in files:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    document = json.loads(line)
                    one = _told(document)
                except (ValueError, KeyError, TypeError):
                    continue  # the last line of a file that an app is writing at this moment, or was killed in
                yield one


def _told(document: dict[str, Any]) -> Told:
    return Told(
        document["trace"],
        document["span"],
        document["parent"],
        document["app"],
        document["name"],
        from_text(document["start"]),
        float(document["seconds"]),
        document["error"],
        document["attributes"],
        tuple((link["trace"], link["span"]) for link in document["links"]),
    )
