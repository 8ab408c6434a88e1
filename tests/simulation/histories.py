"""Storage histories: what people and converters do to blobs, drawn from a seed."""

from collections.abc import Callable
from dataclasses import dataclass
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
RULE_VARIANTS = ("plain", "renamed", "moved", "replacing", "ignoring", "requiring")


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
    blobs = random.sample(SOURCES, random.choice((1, 2, 3, 4)))
    steps: list[Step] = []
    for _ in range(random.choice((3, 6, 10, 16))):
        step = _step(random, blobs, rule_changes=rule_changes)
        if losses and random.random() < 0.25:
            step = Step(step.gap_s, step.does, step.url, step.other, step.text, heard=False)
        steps.append(step)
    return tuple(steps)


def _step(random: Random, blobs: list[str], *, rule_changes: bool) -> Step:
    gap_s = random.choice((0.0, 0.1, 0.2, 0.4, 0.7, 1.1, 1.7, 3.0, 8.0, 30.0))
    url = random.choice(blobs)
    kinds = [*_KINDS, *(["change-rules"] * 4 if rule_changes else [])]
    does = random.choice(kinds)
    if does == "change-rules":
        return Step(gap_s, does, text=random.choice(RULE_VARIANTS))
    if does in _CHOICES:
        return _CHOICES[does](random, gap_s, url)
    if does != "convert-in-place" and random.random() < 0.2:
        url = random.choice(COGS.get(url, (url,)))
    return Step(gap_s, does, url)


def _put(random: Random, gap_s: float, url: str) -> Step:
    text = random.choice(("raster 10", "raster 20", "raster 20.00", "cog 30", "nonsense"))
    return Step(gap_s, "put", url, text=text)


def _put_cog(random: Random, gap_s: float, url: str) -> Step:
    """Something is written where a COG is or will be, and nobody says that it is one."""
    text = random.choice(("raster 40", "cog 40", "nonsense"))
    return Step(gap_s, "put", random.choice(COGS.get(url, (url,))), text=text)


def _convert(random: Random, gap_s: float, url: str) -> Step:
    """`late`: made from the version before; `blind`: without ETags; `bad`: no COG comes out."""
    how = random.choice(("", "", "", "late", "blind", "bad"))
    return Step(gap_s, "convert", url, random.choice(COGS.get(url, (url,))), how)


def _rename(random: Random, gap_s: float, url: str) -> Step:
    return Step(gap_s, "rename", url, random.choice(SOURCES))


_CHOICES: dict[str, Callable[[Random, float, str], Step]] = {
    "put": _put,
    "put-cog": _put_cog,
    "convert": _convert,
    "rename": _rename,
}
_KINDS = (
    *("put",) * 6,
    *("delete", "convert", "put-same", "tag") * 3,
    *("undelete", "rename", "convert-in-place", "put-cog") * 2,
    *("archive", "rehydrate", "completed-again", "scan"),
)


def _short(url: str) -> str:
    return "/".join(url.split("/")[4:])
