"""The one read of an image's pixels, from which statistics, the mask and the thumbnail are made."""

from rasterio.errors import RasterioError

from eventstac.errors import Rejected
from eventstac.raster.gdal import plain, ran_out_of_memory
from eventstac.raster.levels import read_level
from eventstac.raster.limits import refuse_huge_blocks
from eventstac.raster.opening import Opened
from eventstac.raster.options import Options
from eventstac.raster.rows import read_all, read_slabs
from eventstac.raster.sample import Sample

_OUT_OF_TYPE = "#-60 (NetCDF"  # NC_ERANGE: of damage the library says something else
_UNSIGNED = (
    "the file is netCDF-4 with bytes above 127 that are unsigned by an attribute only (`_Unsigned`), which GDAL does "
    "not read: write them as unsigned bytes (NC_UBYTE), or let the rule ask for no pixels (`header_only: true`)"
)


def read_sample(opened: Opened, options: Options) -> Sample:
    """Read every pixel where all bytes are here and the limit allows it, else slabs, or a level near 1024 pixels.

    Raises Rejected `too-large` for what cannot be read within the limits, `bad-raster` for blocks that do not decode,
    `unsupported-codec` for bytes that GDAL cannot read, and the reader's own error where the storage failed.
    """
    dataset = opened.dataset
    refuse_huge_blocks(dataset)
    samples = dataset.width * dataset.height * dataset.count
    try:
        if opened.slabs:
            return read_slabs(opened, options)
        if (
            opened.local
            and samples <= options.max_pixels
            and (options.exact_statistics or _is_cheap(opened, samples))
        ):
            return read_all(opened, options)
        opened.await_rows(None)
        return read_level(opened, options)
    except RasterioError as error:
        if opened.ranges.error is not None:
            raise opened.ranges.error from error
        if ran_out_of_memory(error):
            raise Rejected(
                "too-large", f"DECODER_MEMORY_MB is not enough for a block of the image: {plain(error)}"
            ) from error
        why = plain(error.__cause__ or error)
        if _OUT_OF_TYPE in why:
            raise Rejected("unsupported-codec", f"{_UNSIGNED} ({why})") from error
        raise Rejected(
            "bad-raster", f"the header is right, but a block of the image does not decode: {why}"
        ) from error


def _is_cheap(opened: Opened, samples: int) -> bool:
    """Exact statistics for free: nothing to fetch, and no overview that would spare decoding very much."""
    return not opened.dataset.overviews(1) or samples <= 64_000_000
