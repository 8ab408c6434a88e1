"""What random people and programs do to the storage, until it is done: a client tries again while something is away."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.exceptions import AzureError, ResourceNotFoundError

from tests.e2e.conditions import until
from tests.e2e.rasters import cog, geotiff
from tests.e2e.user import User

# A client gives up later than the longest outage here lasts.
_PATIENCE_S = 240.0

_KEYS = ("b1", "b2", "b3")
_SIZES = (16, 24, 32, 40)


@dataclass
class Gate:
    """Holds writers back while Azurite is killed: it saves what it was told every few seconds only.

    A real storage forgets no write that it has acknowledged. Azurite does when it is killed, so that it is killed
    only after it has saved.
    """

    _open: threading.Condition = field(default_factory=threading.Condition)
    _writing: int = 0
    _shut: bool = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A write, which waits while the gate is shut."""
        with self._open:
            self._open.wait_for(lambda: not self._shut)
            self._writing += 1
        try:
            yield
        finally:
            with self._open:
                self._writing -= 1
                self._open.notify_all()

    @contextmanager
    def shut(self, saved: Path) -> Iterator[None]:
        """Nobody writes inside the block, and all that was written before is in the file `saved`."""
        with self._open:
            self._shut = True
            self._open.wait_for(lambda: self._writing == 0)
        try:
            last = saved.stat().st_mtime_ns
            # Azurite saves while something changed; a save that begins now holds everything.
            for _ in range(2):
                until_changed(saved, last)
                last = saved.stat().st_mtime_ns
            yield
        finally:
            with self._open:
                self._shut = False
                self._open.notify_all()


def until_changed(path: Path, last: int) -> None:
    """Wait for a file to be written again; not for ever, since a storage that nobody writes to saves nothing."""
    try:
        until(lambda: path.stat().st_mtime_ns != last, f"{path} to be saved", 12.0)
    except AssertionError:
        return


@dataclass(frozen=True)
class Blob:
    """A blob of a scene, by its place."""

    item: str
    asset: str

    @property
    def path(self) -> str:
        return f"scenes/{self.item}/{self.asset}.tif"

    @property
    def cog_path(self) -> str:
        return f"{self.item}/{self.asset}.tif"


def blobs_of(prefix: str, least: int, dice: random.Random) -> list[list[Blob]]:
    """The blobs of as many Items as it takes, one to three each, to be so many at least; by Item."""
    items: list[list[Blob]] = []
    while sum(map(len, items)) < least:
        item = f"{prefix}{len(items):04}"
        items.append([Blob(item, asset) for asset in _KEYS[: dice.randint(1, len(_KEYS))]])
    return items


class Person:
    """Uploads, overwrites, spoils, deletes and converts some blobs, at random; `uploaded` are those that there were."""

    def __init__(self, user: User, gate: Gate, dice: random.Random, note: Callable[[str], None]) -> None:
        self._user, self._gate, self._dice, self._note = user, gate, dice, note
        self.uploaded: set[Blob] = set()

    def work(self, blobs: Sequence[Blob], stop: threading.Event) -> None:
        """Upload every blob, then change some of them, in any order; ends early when told to."""
        first = self._dice.sample(blobs, k=len(blobs))
        again = self._dice.choices(blobs, k=len(blobs) // 2)
        for blob in [*first, *again]:
            if stop.is_set():
                return
            self._do(blob)

    def _do(self, blob: Blob) -> None:
        deeds = [self._upload, self._convert, self._spoil, self._delete, self._tag]
        weights = [45, 15, 8, 22, 10]
        if blob not in self.uploaded:  # what never was cannot be deleted, or overwritten
            deeds, weights = deeds[:2], weights[:2]
        deed = self._dice.choices(deeds, weights)[0]
        self._note(f"{deed.__name__.strip('_')} {blob.path}")
        deed(blob)
        self.uploaded.add(blob)

    def _upload(self, blob: Blob) -> None:
        content = geotiff(
            seed=self._dice.randrange(1_000_000),
            size=self._dice.choice(_SIZES),
            east=500_000 + 1000 * self._dice.randrange(50),
        )
        self._written(lambda: self._user.upload(blob.path, content))

    def _spoil(self, blob: Blob) -> None:
        self._written(lambda: self._user.upload(blob.path, b"II*\x00 no raster at all"))

    def _delete(self, blob: Blob) -> None:
        def delete() -> None:
            try:
                self._user.delete(blob.path)
            except ResourceNotFoundError:
                return  # it never was, or an attempt of which the answer was lost

        self._written(delete)

    def _tag(self, blob: Blob) -> None:
        """Writes the same bytes again: another ETag, nothing else."""
        client = self._user.storage.get_blob_client("source", blob.path)

        def again() -> None:
            try:
                content = client.download_blob().readall()
            except ResourceNotFoundError:
                return
            self._user.upload(blob.path, content)

        self._written(again)

    def _convert(self, blob: Blob) -> None:
        """What a converter does: read the source, write a COG, and say so."""
        content = geotiff(seed=self._dice.randrange(1_000_000), size=self._dice.choice(_SIZES))
        self._written(lambda: self._user.upload(blob.path, content))
        source = self._user.storage.get_blob_client("source", blob.path)
        made = cog(content)
        self._written(lambda: self._user.upload(blob.cog_path, made, container="cogs"))
        finished = self._user.storage.get_blob_client("cogs", blob.cog_path).url
        self._done(lambda: self._user.cog_completed(source.url, finished))

    def _written(self, write: Callable[[], object]) -> None:
        def gated() -> None:
            with self._gate.writing():
                write()

        self._done(gated)

    def _done(self, act: Callable[[], object]) -> None:
        failures: list[AzureError] = []

        def attempt() -> bool:
            try:
                act()
            except AzureError as error:  # it is away; the deed counts only when it was acknowledged
                failures.append(error)
                return False
            return True

        until(attempt, lambda: f"the storage or Event Grid to take a request: {failures[-1]}", _PATIENCE_S)
