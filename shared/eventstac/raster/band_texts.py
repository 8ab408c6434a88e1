"""What a file calls its bands and their units, in UTF-8 or not: rasterio gives up on every other text.

Where one text is no UTF-8, a TIFF's are taken from GDAL's own tag (its XML), a netCDF's units from its attributes.
What is no UTF-8 there is taken for Latin-1, of which every byte is a character.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

_ITEM = re.compile(rb"<Item\b([^<>]*)>([^<]*)</Item>")
_SAMPLE = re.compile(rb"""\bsample\s*=\s*["'](\d{1,6})["']""")
_ROLE = re.compile(rb"""\brole\s*=\s*["'](\w+)["']""")
# Bands whose numbers are no heights, whatever the CRS counts heights in.
_COLOURS = {ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha, ColorInterp.palette}


@dataclass(frozen=True)
class BandTexts:
    """The texts of an open raster's bands; `xml` reads the value of a TIFF's GDAL_METADATA tag (None: no TIFF)."""

    dataset: DatasetReader
    xml: Callable[[], bytes] | None = None

    def descriptions(self) -> list[str]:
        """One for each band; empty where it has none."""
        try:
            return [text or "" for text in self.dataset.descriptions]
        except UnicodeDecodeError as error:
            if self.xml is not None:
                return self._of_tag("description")
            return [_text(error.object)] if self.dataset.count == 1 else [""] * self.dataset.count

    def units(self, colours: Sequence[ColorInterp]) -> list[str]:
        """One for each band; empty where it has none, or only the unit of a compound CRS's heights and may be none.

        GDAL gives the bands of a TIFF without units that of the CRS's heights: only a file of one band, no colour, is
        taken for one of heights. `colours`: the bands' interpretations.
        """
        try:
            units = [text or "" for text in self.dataset.units]
        except UnicodeDecodeError:
            return self._of_tag("unittype") if self.xml is not None else self._of_attributes()
        if self.xml is None or not any(units) or (len(units) == 1 and colours[0] not in _COLOURS):
            return units
        stated = self._of_tag("unittype")
        return [unit if own else "" for unit, own in zip(units, stated, strict=True)]

    def _of_tag(self, role: str) -> list[str]:
        return [self._tag.get((role, band), "") for band in range(self.dataset.count)]

    @cached_property
    def _tag(self) -> dict[tuple[str, int], str]:
        """The texts in GDAL's XML by role and band (0-based)."""
        found = {}
        for attributes, value in _ITEM.findall(self.xml() if self.xml is not None else b""):
            sample, role = _SAMPLE.search(attributes), _ROLE.search(attributes)
            if sample and role:
                # GDAL escapes what it writes there twice.
                found[role[1].decode("ascii", "replace").lower(), int(sample[1])] = html.unescape(
                    html.unescape(_text(value))
                )
        return found

    def _of_attributes(self) -> list[str]:
        """Of a netCDF: its variables' attributes, one for each band."""
        return [self._attribute(band, "units") for band in range(1, self.dataset.count + 1)]

    def _attribute(self, band: int, name: str) -> str:
        try:
            return self.dataset.get_tag_item(name, bidx=band) or ""
        except UnicodeDecodeError as error:
            return _text(error.object)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
