"""What the catalog must be, from the final storage, the completed COGs, and what of the sources was ever seen.

The code is its own, but not all that it is told is independent of the catalog. One thing is no function of the storage:
whether a COG was made from other content than its source has now can only be told of contents that the catalog ever
saw (docs/decisions/0002). These, `observed`, are taken from the catalog's own commits (tests/simulation/catalog.py),
and used for nothing else: a fact that was lost would lose its Item, which the storage alone tells, but also make the
oracle expect that an outdated COG is shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from tests.samples import ACCOUNT
from tests.twins.blobs import Stored

Key = tuple[str, str]


@dataclass(frozen=True)
class Completion:
    """That a COG was made, as its converter said: of which source, at which ETag ("" where it did not say)."""

    source: str
    cog: str
    source_etag: str
    cog_etag: str
    said: datetime


@dataclass(frozen=True)
class ExpectedAsset:
    href: str
    updated: str


@dataclass(frozen=True)
class ExpectedItem:
    """What an Item shows; `updated` and `assets` carry the versions, `bbox` the contents."""

    assets: Mapping[str, ExpectedAsset]
    bbox: tuple[float, float, float, float]
    updated: str
    datetime: str | None


@dataclass(frozen=True)
class Truth:
    """All that the oracle may look at: the storage at the end, every version that it ever had, and what was told."""

    stored: Mapping[str, Stored]
    written: Mapping[str, Sequence[Stored]]
    completions: Sequence[Completion]
    rules: str
    extractor: int
    observed: Collection[tuple[str, str]]


def expected(truth: Truth) -> dict[Key, ExpectedItem]:
    """The Items that there must be."""
    made = _believed(
        {done.cog: done for done in truth.completions if done.cog != done.source}
    )  # the last one counts
    shown: dict[Key, dict[str, str]] = {}  # the source that each Item shows, by asset key
    for url in sorted(truth.stored):
        place = None if url in made else _place(url, truth.rules)
        if place and _west(truth.stored[url]) is not None:
            shown.setdefault(place[0], {}).setdefault(place[1], url)
    if truth.rules == "requiring":
        shown = {
            key: assets
            for key, assets in shown.items()
            if key[0] != "scenes" or {"b1", "b2"} <= assets.keys()
        }
    return {key: _item(key, assets, made, truth) for key, assets in shown.items()}


def _believed(made: Mapping[str, Completion]) -> dict[str, Completion]:
    """What was said of each COG, without those that were named as sources before: of any circle, not the last."""
    named: dict[str, tuple[datetime, str]] = {}
    for done in sorted(made.values(), key=lambda done: (done.said, done.cog)):
        named.setdefault(done.source, (done.said, done.cog))
    return {cog: done for cog, done in made.items() if cog not in named or named[cog] > (done.said, done.cog)}


def _item(key: Key, sources: Mapping[str, str], made: Mapping[str, Completion], truth: Truth) -> ExpectedItem:
    assets = dict(sources)
    replacing = truth.rules == "replacing" and key[0] == "scenes"
    for asset, source in sources.items():
        cogs = [done.cog for done in made.values() if done.source == source and _is_shown(done, truth)]
        if cogs:
            assets[asset if replacing else f"{asset}_cog"] = min(cogs)
    data = [truth.stored[url] for url in sources.values()]
    moved = truth.extractor / 64 + (5 if truth.rules == "reading" and key[0] == "scenes" else 0)
    wests = [west + moved for version in data if (west := _west(version)) is not None]
    changed = [_text(truth.stored[url]) for url in assets.values()]
    return ExpectedItem(
        assets={name: ExpectedAsset(url, _text(truth.stored[url])) for name, url in assets.items()},
        bbox=(min(wests), 50.0, max(wests) + 0.5, 50.5),
        updated=max(changed),
        datetime=min(map(_text, data)),  # the last resort of files that state no time
    )


def _is_shown(done: Completion, truth: Truth) -> bool:
    """Whether a COG is there, is one, and was not made from what is known to be other content."""
    cog, source = truth.stored.get(done.cog), truth.stored[done.source]
    if cog is None or cog.archived or not cog.data.startswith(b"cog "):
        return False
    if done.source_etag in ("", source.etag) or (done.source, done.source_etag) not in truth.observed:
        return True
    then = next(version for version in truth.written[done.source] if version.etag == done.source_etag)
    return then.data == source.data


def _place(url: str, rules: str) -> tuple[Key, str] | None:
    """Item and asset key of a source."""
    container, *folders, name = url.removeprefix(f"{ACCOUNT}/").split("/")
    stem, _, _ = name.rpartition(".")
    if container != "source":
        return None
    if len(folders) == 2 and folders[0] == "scenes":
        if rules == "ignoring" and folders[1] == "b":
            return None
        item = f"x-{folders[1]}" if rules == "renamed" else folders[1]
        return ("elsewhere" if rules == "moved" else "scenes", item), stem
    path = "/".join([*folders, name])
    safe = path.replace("/", "-")
    hashed = "" if safe == path else f"-{sha256(url.encode()).hexdigest()[:8]}"
    return ("bronze-tier", f"source_{safe}{hashed}"), "data"


def _west(version: Stored) -> float | None:
    """Where a raster lies; None for what cannot be read."""
    word, _, west = version.data.decode().partition(" ")
    if version.archived or word not in ("raster", "cog"):
        return None
    return float(west)


def _text(version: Stored) -> str:
    return version.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
