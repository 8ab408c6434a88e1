"""Whether a TIFF is a Cloud Optimized GeoTIFF, from its header alone.

The rules are those of GDAL's and rio-cogeo's validators (header first, overviews sorted, data of small levels first);
they call a small striped file valid, so whether it is tiled is said separately.
"""

from itertools import pairwise
from typing import Any

from eventstac.raster.tiff import Directory, Tiff

_SMALL = 512  # a side up to which tiles and overviews are not asked for
_HEADER_BYTES = 300  # the main directory must begin before; GDAL's ghost area lies in front of it


def cog_report(tiff: Tiff | None) -> dict[str, Any]:
    """`{valid, tiled, problems}`; `problems` says what keeps the file from being a COG."""
    if tiff is None:
        return {"valid": False, "tiled": False, "problems": ["the file is not a TIFF"]}
    problems = [*_layout(tiff), *_data_order(tiff)]
    return {"valid": not problems, "tiled": _is_tiled(tiff.main), "problems": problems}


def _is_tiled(image: Directory) -> bool:
    return image.is_tiled and (image.tile_width < image.width or image.tile_width % 16 == 0)


def _is_striped(image: Directory) -> bool:
    """Whether blocks are as wide as the image: both validators take that for strips."""
    return not image.is_tiled or image.tile_width == image.width


def _layout(tiff: Tiff) -> list[str]:
    main, problems = tiff.main, []
    if max(main.width, main.height) > _SMALL and _is_striped(main):
        problems.append(f"the image is larger than {_SMALL} pixels, but not tiled")
    problems += [
        f"overview {number} is larger than {_SMALL} pixels, but not tiled"
        for number, image in enumerate(tiff.overviews, 1)
        if max(image.width, image.height) > _SMALL and _is_striped(image)
    ]
    if main.offset > _HEADER_BYTES:
        problems.append(
            f"the header of the image begins at byte {main.offset}, not within the first {_HEADER_BYTES}"
        )
    if tiff.was_changed:
        problems.append("the file was changed after it had been written as a COG")
    widths = [d.width for d in (main, *tiff.overviews)]
    if any(small >= large for large, small in pairwise(widths)):
        problems.append("the overviews are not sorted from large to small")
    offsets = [d.offset for d in (main, *tiff.overviews)]
    if any(later < earlier for earlier, later in pairwise(offsets)):
        problems.append("the headers of the overviews are not in order after that of the image")
    return problems


def _data_order(tiff: Tiff) -> list[str]:
    images = (tiff.main, *tiff.overviews)
    starts = [d.first_block for d in images if d.first_block]
    if not starts:
        return []
    problems = []
    if starts[-1] < images[-1].offset:
        problems.append("data of the smallest level lies before its header")
    if any(larger < smaller for larger, smaller in pairwise(starts[1:])):
        problems.append("data of a larger overview lies before that of a smaller one")
    if len(starts) >= 2 and starts[0] < starts[1]:
        problems.append("data of the image lies before that of its first overview")
    return problems
