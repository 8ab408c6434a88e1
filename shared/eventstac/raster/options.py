"""What a rule may ask of the extraction: the keys of its `options`, checked and with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import float_info
from typing import Any, Literal

from eventstac.errors import Rejected

WHOLE_BYTES = 8 * 1024 * 1024  # up to here one GET of everything is cheaper than choosing ranges
MAX_DOWNLOAD_BYTES = 4 * 1024**3  # a larger file without overviews gets no statistics
# A striped file up to here is read whole, statistics and hash are exact.
SAMPLE_ABOVE_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 1_000_000_000  # samples decoded for one file (pixels times bands)
TIMEOUT_S = 120.0
# Half of the apps' functionTimeout: the rest is for the storage, and to read a file again whose decoder was killed.
MAX_TIMEOUT_S = 300.0


class BadOption(Rejected):
    """A value that means nothing: which option it is (`thumbnail.bands`), and what is expected instead."""

    def __init__(self, key: str, value: object, expected: str) -> None:
        self.key, self.value, self.expected = key, value, expected
        super().__init__("bad-options", f"option {key} is {value!r}: expected {expected}; correct the rule")


@dataclass(frozen=True)
class FootprintOptions:
    """How the footprint is made; `geometry` is one that the rule states itself (GeoJSON, EPSG:4326).

    `tolerance_m` None: 10 m, or a quarter of a pixel where that is more.
    """

    tolerance_m: float | None = None
    mode: Literal["frame", "valid-data"] = "frame"
    geometry: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ThumbnailOptions:
    """How the thumbnail looks: `bands` are 1-based (one or three), `stretch` percentiles of the valid values."""

    format: Literal["png", "webp"] = "png"
    size: int = 512
    bands: tuple[int, ...] = ()
    stretch: tuple[float, float] | None = (2.0, 98.0)


@dataclass(frozen=True)
class Options:
    """All settings of one extraction; docs/rasters.md describes each."""

    footprint: FootprintOptions = field(default_factory=FootprintOptions)
    thumbnail: ThumbnailOptions = field(default_factory=ThumbnailOptions)
    exact_statistics: bool = False
    allow_no_footprint: bool = False
    header_only: bool = False
    max_pixels: int = MAX_PIXELS
    max_download_bytes: int = MAX_DOWNLOAD_BYTES
    sample_above_bytes: int = SAMPLE_ABOVE_BYTES
    timeout_s: float = TIMEOUT_S
    nodata: float | None = None
    crs: str | None = None
    variable: str | None = None


def parse(options: Mapping[str, Any]) -> Options:
    """Options from a rule's mapping; keys that are not about rasters are left alone.

    Raises BadOption, which is Rejected `bad-options` and names the key, for a value that means nothing.
    """
    footprint = _mapping(options, "footprint")
    thumbnail = _mapping(options, "thumbnail")
    mode = footprint.get("mode", "frame")
    if mode not in ("frame", "valid-data"):
        raise BadOption("footprint.mode", mode, '"frame" or "valid-data"')
    image_format = thumbnail.get("format", "png")
    if image_format not in ("png", "webp"):
        raise BadOption("thumbnail.format", image_format, '"png" or "webp"')
    return Options(
        footprint=FootprintOptions(
            tolerance_m=_number(footprint, "tolerance_m", 0, 0.01) if "tolerance_m" in footprint else None,
            mode=mode,
            geometry=_mapping(footprint, "geometry") or None,
        ),
        thumbnail=ThumbnailOptions(
            format=image_format,
            size=int(_number(thumbnail, "size", 512, 16, 512)),
            bands=_bands(thumbnail),
            stretch=_stretch(thumbnail),
        ),
        exact_statistics=bool(_mapping(options, "statistics").get("exact", False)),
        allow_no_footprint=bool(options.get("allow_no_footprint", False)),
        header_only=bool(options.get("header_only", False)),
        max_pixels=int(_number(options, "max_pixels", MAX_PIXELS, 1)),
        max_download_bytes=int(_number(options, "max_download_bytes", MAX_DOWNLOAD_BYTES, 0)),
        sample_above_bytes=int(_number(options, "sample_above_bytes", SAMPLE_ABOVE_BYTES, 0)),
        timeout_s=timeout_of(options),
        nodata=float(options["nodata"]) if _is_number_text(options.get("nodata")) else None,
        crs=_text(options, "crs"),
        variable=_text(options, "variable"),
    )


def timeout_of(options: Mapping[str, Any], default: float = TIMEOUT_S) -> float:
    """Seconds that reading a file may take; `default` where the rule does not say.

    More than may be is taken for the most: rules in force, and looks that were queued by them, may say so from before.
    """
    return min(_number(options, "timeout_s", default, 0.1), MAX_TIMEOUT_S)


def _mapping(options: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = options.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadOption(key, value, "a mapping")
    return value


def _number(
    options: Mapping[str, Any], key: str, default: float, least: float, most: float = float("inf")
) -> float:
    value = options.get(key, default)
    highest = min(most, float_info.max)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= highest:
        raise BadOption(key, value, f"a number from {least:g} to {most:g}")
    return float(value)


def _text(options: Mapping[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is not None and not isinstance(value, str):
        raise BadOption(key, value, "text")
    return value


def _is_number_text(value: object) -> bool:
    if value is None:
        return False
    number = isinstance(value, float) or (type(value) is int and abs(value) <= float_info.max)
    if not number and value not in ("nan", "inf", "-inf"):
        raise BadOption("nodata", value, 'a number, "nan", "inf" or "-inf"')
    return True


def _bands(thumbnail: Mapping[str, Any]) -> tuple[int, ...]:
    value = thumbnail.get("bands", ())
    if (
        not isinstance(value, (list, tuple))
        or len(value) not in (0, 1, 3)
        or not all(type(b) is int for b in value)
    ):
        raise BadOption("thumbnail.bands", value, "one or three band numbers, counted from 1")
    return tuple(value)


def _stretch(thumbnail: Mapping[str, Any]) -> tuple[float, float] | None:
    value = thumbnail.get("stretch", (2.0, 98.0))
    if value is None:
        return None
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError) as error:
        raise BadOption("thumbnail.stretch", value, "two percentiles or null") from error
    if not 0 <= low < high <= 100:
        raise BadOption("thumbnail.stretch", value, "two percentiles, the smaller first")
    return low, high
