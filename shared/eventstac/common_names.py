"""The colours and common names of bands (those that eo v2.0.0 knows), and which of them a band's own name leaves it."""

import re
from collections.abc import Sequence

COLOUR_FIELD = "eventstac:colour_interpretation"  # of a band: GDAL's word for its colour
COMMON_NAMES = frozenset(
    {"pan", "coastal", "blue", "green", "green05", "yellow", "red"}
    | {"rededge", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09"}
    | {"cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12"}
)
# What most writers call the first three bands of any image, false-colour ones too, so that it is displayed.
_OF_DISPLAY = frozenset({"red", "green", "blue"})
_WORD = re.compile(r"[^\W\d_]+|\d+")
_KIND = frozenset({"band", "channel", "layer"})


def are_numbered(names: Sequence[str]) -> bool:
    """Whether numbers in the names of a file's bands, in their order, are those of the file.

    One that is not tells that they are a sensor's: of `Band 8`, `Band 4`, `Band 3` the last is third by chance.
    """
    first_words = [(_words(name) or [""])[0] for name in names]
    return all(_is(word, number) or not word.isdigit() for number, word in enumerate(first_words, 1))


def may_be(common: str, called: str, number: int, *, is_numbered: bool) -> bool:
    """Whether a band (1-based) that is called so may have the colour's common name.

    `is_numbered` is what `are_numbered` says of its file. A name of nothing but its own number (`Band_1`, `b1`) says
    nothing against it. Else red, green and blue stand only where the name says that colour (or its first letter);
    the other common names stand unless the name is a different common name.
    """
    words = _words(called)
    if is_numbered and words and _is(words[0], number):
        del words[0]
    name = "".join(words)
    if common in _OF_DISPLAY:
        return name in ("", common, common[0])
    return name in ("", common) or name not in COMMON_NAMES


def _words(called: str) -> list[str]:
    """The words and numbers of a name, without the word for band. `B1` stays whole: so sensors call theirs."""
    words = _WORD.findall(called)
    if words[0:1] == ["b"] and len(words) > 1 and words[1].isdigit():
        del words[0]
    return [word for word in map(str.casefold, words) if word not in _KIND]


def _is(word: str, number: int) -> bool:
    return word.lstrip("0") == str(number)
