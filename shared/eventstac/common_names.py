"""The colours and common names of bands (those that eo v2.0.0 knows), and which of them a band's own name leaves it."""

import re

COLOUR_FIELD = "eventstac:colour_interpretation"  # of a band: GDAL's word for its colour
COMMON_NAMES = frozenset(
    {"pan", "coastal", "blue", "green", "green05", "yellow", "red"}
    | {"rededge", "rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09"}
    | {"cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12"}
)
# What most writers call the first three bands of any image, false-colour ones too, so that it is displayed.
_OF_DISPLAY = frozenset({"red", "green", "blue"})
_WORD = re.compile(r"[^\W_]+")
_KIND = frozenset({"band", "channel"})


def may_be(common: str, called: str, number: int) -> bool:
    """Whether a band (1-based) that is called so may have the colour's common name.

    A name of nothing but its own number (`Band_1`) says nothing against it. Else a colour of display stands only where
    the name is that colour, any other but beside a name that is another common name.
    """
    words = [word for word in _WORD.findall(called.casefold()) if word not in _KIND]
    if words and words[0].lstrip("0") == str(number):
        del words[0]
    name = "".join(words)
    return name in ("", common) or (common not in _OF_DISPLAY and name not in COMMON_NAMES)
