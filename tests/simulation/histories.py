"""Storage histories: what people and converters do to blobs, drawn from a seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.samples import url_of

SOURCES = (
    url_of("scenes/a/b1.tif"),
    url_of("scenes/a/b1.tiff"),  # the same asset of the same Item: a conflict
    url_of("scenes/a/b2.tif"),
    url_of("scenes/b/b1.tif"),
    url_of("loose.tif"),
)
# The COGs that each source may get: in a container of their own, and among the sources.
COGS = {
    SOURCES[0]: (url_of("a-b1.tif", "cogs"), url_of("made/a-b1.tif")),
    SOURCES[1]: (url_of("0-b1.tif", "cogs"),),
    SOURCES[2]: (url_of("a-b2.tif", "cogs"), url_of("again/a-b2.tif", "cogs")),
    SOURCES[4]: (url_of("made/loose.tif"),),
}
RULE_VARIANTS = ("plain", "renamed", "moved", "replacing", "ignoring", "requiring", "reading")


@dataclass(frozen=True)
class Step:
    """One thing that happens, `gap_s` seconds after the one before it.

    `does` is one of the words that `World` knows; `url` the blob, `other` a second one, `text` its content or the
    name of the rules. What is not `heard` happens, but its events are lost.
    """

    gap_s: float
    does: str
    url: str = ""
    other: str = ""
    text: str = ""
    heard: bool = True

    def __str__(self) -> str:
        """One line of a trace."""
        words = [self.does, *(_short(url) for url in (self.url, self.other) if url), repr(self.text or "")]
        return f"+{self.gap_s:g} s  {' '.join(word for word in words if word != repr(''))}" + (
            "" if self.heard else "  (its events are lost)"
        )


def history(seed: int, *, losses: bool, rule_changes: bool) -> tuple[Step, ...]:
    """A history of a few steps on a few blobs: short ones find as much as long ones, and are read more easily."""
    random = Random(f"{seed}/history")
    author = _Author(random, random.sample(SOURCES, random.choice((1, 2, 3, 4))), rule_changes=rule_changes)
    steps = [author.step() for _ in range(random.choice((3, 6, 10, 16)))]
    steps = [*_with_runs(steps, Random(f"{seed}/runs"))]
    return tuple(replace(step, heard=not losses or random.random() > LOST) for step in steps)


def _with_runs(steps: Sequence[Step], random: Random) -> Iterator[Step]:
    """Rules that change between two pages of a run, which may remove what it likes: half of them mend a mistake."""
    for step in steps:
        if step.does != "change-rules" or random.random() < 0.5:
            yield step
            continue
        if random.random() < 0.5:
            yield Step(step.gap_s, "change-rules", text="ignoring")
        yield Step(0.1, "reconcile")
        yield replace(step, gap_s=random.choice((0.4, 1.1, 1.7, 3.0)))


class _Author:
    """Writes histories in which most steps do something: it notes roughly what is there."""

    def __init__(self, random: Random, sources: list[str], *, rule_changes: bool) -> None:
        self._random, self._sources = random, sources
        self._there: set[str] = set()
        self._deleted: set[str] = set()
        self._rule_changes = rule_changes

    def step(self) -> Step:
        gap_s = self._random.choice((0.0, 0.1, 0.2, 0.4, 0.7, 1.1, 1.7, 3.0, 8.0, 30.0))
        if self._rule_changes and self._random.random() < 0.15:
            if self._random.random() < 0.15:
                return Step(gap_s, "change-extractor")
            return Step(gap_s, "change-rules", text=self._random.choice(RULE_VARIANTS))
        url = self._random.choice(self._sources)
        if url in self._there:
            # A COG of it, made or to be made, every now and then instead of the source.
            other = self._random.choice(COGS.get(url, (url,)))
            write = self._on_cog if other != url and self._random.random() < 0.25 else self._on_source
            return write(gap_s, url, other)
        if url in self._deleted and self._random.random() < 0.4:
            self._there.add(url)
            return Step(gap_s, "undelete", url)
        return self._put(gap_s, url)

    def _on_source(self, gap_s: float, url: str, cog: str) -> Step:
        does = self._random.choice(_TO_SOURCES)
        if does == "put":
            return self._put(gap_s, url)
        if does == "convert" and cog != url:
            self._there.add(cog)
            # From the version before, without ETags, or so badly that no COG comes out.
            how = self._random.choice(("", "", "", "late", "blind", "bad"))
            return Step(gap_s, "convert", url, cog, how)
        if does == "rename":
            to = self._random.choice(SOURCES)
            self._is_gone(url)
            self._there.add(to)
            return Step(gap_s, "rename", url, to)
        if does in ("delete", "delete-folder"):
            self._is_gone(url)
        if does == "convert-back":
            # What is no source container of ours can have no COG.
            return (
                Step(gap_s, does, url, cog) if "/source/" in cog and cog != url else Step(gap_s, "tag", url)
            )
        return Step(gap_s, "convert-in-place" if does == "convert" else does, url)

    def _on_cog(self, gap_s: float, url: str, cog: str) -> Step:
        """Something is done to a COG, or written where one will be, and nobody says that it is one."""
        if cog not in self._there:
            self._there.add(cog)
            text = self._random.choice(("raster 40", "cog 40", "nonsense"))
            return Step(gap_s, "put", cog, text=text)
        does = self._random.choice(("delete", "undelete", "tag", "put-same", "completed-again", "archive"))
        return Step(gap_s, does, cog)

    def _put(self, gap_s: float, url: str) -> Step:
        self._there.add(url)
        text = self._random.choice(("raster 10", "raster 20", "raster 20.00", "cog 30", "nonsense"))
        return Step(gap_s, "put", url, text=text)

    def _is_gone(self, url: str) -> None:
        self._there.discard(url)
        self._deleted.add(url)


LOST = 0.25  # of the events, where some are lost
_TO_SOURCES = (
    *("put", "convert") * 4,
    *("delete", "put-same", "tag", "rename", "delete-folder") * 2,
    *("convert-in-place", "convert-back", "archive", "rehydrate", "completed-again", "scan"),
)


def _short(url: str) -> str:
    return "/".join(url.split("/")[4:])
