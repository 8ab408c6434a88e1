"""GDAL as we use it: its settings, opening one file with a driver, and what its failures mean."""

import ctypes
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import rasterio
import rasterio._env
from rasterio._err import CPLE_BaseError, CPLE_OutOfMemoryError
from rasterio.env import getenv, hasenv
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile

from eventstac.errors import EventstacError, Rejected
from eventstac.raster.complete import has_no_grid
from eventstac.raster.formats import UNREAD
from eventstac.raster.ranges import FILE_NAME, OneFile, Ranges

# No directory listing, no sidecar, no .aux.xml, no threads of its own, and a bounded cache.
_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": 64 * 1024 * 1024,
    "GDAL_MAX_BAND_COUNT": "4096",
    "GDAL_JPEG_MAX_ALLOWED_SCAN_NUMBER": "100",
    "JPEGMEM": "64M",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
}


# What rasterio raises for a damaged file: its own errors, GDAL's, and texts in the header that are no UTF-8.
UNREADABLE = (Rejected, RasterioError, CPLE_BaseError, UnicodeDecodeError)


_NO_MEMORY = re.compile("out of memory|cannot allocate|not enough memory|bad_alloc", re.IGNORECASE)
_LINKS = (
    "It is HDF5, but none that libnetcdf opens, most often for a link which leads nowhere or into another file "
    "(h5dump -n shows them): take such links out (h5py: del file[name])"
)
_NO_GRID = f"holds no grid, nothing that has two dimensions: write it with one; {UNREAD}"
_NO_LINKS = (
    "What lies behind a link which leads nowhere or into another file does not count (h5dump -n shows them), nor what "
    "is damaged: upload it again where it should hold one"
)
_OUR_NAMES = re.compile(
    r"(/vsi[a-z0-9_]+/)?[^\s'\"]*?(eventstac-\w+/blob|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^\s'\",:]*)"
)
# MEM: what is written as a thumbnail lies in memory first. HDF5 and HDF5Image tell why netCDF opens none.
_KEPT_DRIVERS = {"GTiff", "JP2OpenJPEG", "PNG", "JPEG", "netCDF", "HDF5", "HDF5Image", "WEBP", "MEM"}
_DRIVERS = {"HDF5": "netCDF"}  # the one that knows of axes and grid mappings


def settled() -> AbstractContextManager[object]:
    """GDAL with our settings; nothing is done where they hold already.

    Entering and leaving an Env of rasterio costs a millisecond or two: PROJ then opens its database anew for each file.
    """
    if hasenv() and getenv().items() >= _SETTINGS.items():
        return nullcontext()
    env: AbstractContextManager[object] = rasterio.Env(**_SETTINGS)
    return env


@contextmanager
def decoding() -> Iterator[None]:
    """GDAL with our settings, and no driver but those that read or write a file here: for the process that decodes.

    The others reach other files and addresses (VRT, HTTP, WMS, STACIT, ...), should anything ever name one.
    """
    with settled():  # GDAL registers its drivers as it begins
        # This finds what that library is linked with: rasterio has no function.
        gdal = ctypes.CDLL(rasterio._env.__file__)
        gdal.GDALGetDriver.restype = ctypes.c_void_p
        gdal.GDALGetDriverShortName.argtypes = gdal.GDALDeregisterDriver.argtypes = [ctypes.c_void_p]
        gdal.GDALGetDriverShortName.restype = ctypes.c_char_p
        for driver in [gdal.GDALGetDriver(number) for number in range(gdal.GDALGetDriverCount())]:
            if gdal.GDALGetDriverShortName(driver).decode() not in _KEPT_DRIVERS:
                gdal.GDALDeregisterDriver(driver)
        yield


def open_dataset(
    stack: ExitStack, source: str | MemoryFile | OneFile, driver: str, ranges: Ranges
) -> DatasetReader:
    """The dataset of a path, of memory or of ranges. Raises what `verdict` says."""
    name = _DRIVERS.get(driver, driver)
    try:
        if isinstance(source, str):
            opened = rasterio.open(source, driver=name, sharing=False)
        elif isinstance(source, OneFile):
            opened = rasterio.open(FILE_NAME, driver=name, sharing=False, opener=source)
        else:
            opened = source.open(driver=name, sharing=False)
        dataset: DatasetReader = stack.enter_context(opened)
    except UNREADABLE as error:
        found = verdict(error, driver, ranges)
        if name == "netCDF" and isinstance(found, Rejected) and found.reason == "bad-raster":
            found = _without_grid(found, source, ranges)
        raise found from error
    _refuse_other_file(dataset)
    return dataset


def _refuse_other_file(dataset: DatasetReader) -> None:
    """Raise Rejected `bad-raster` for a file that names another, or an address, as that of its overviews.

    GDAL opens what stands there with any driver that it has, but not before it is asked for overviews. What it has
    understood is looked at, not the bytes: a text in XML can be written in many ways.
    """
    if dataset.get_tag_item("OVERVIEW_FILE", "OVERVIEWS") is not None:
        raise Rejected(
            "bad-raster",
            "the file's metadata name another file or an address as that of its overviews (the item OVERVIEW_FILE of "
            "the domain OVERVIEWS), and no other is opened: write it without (gdalwarp -nomd)",
        )


def grid_names(dataset: DatasetReader) -> list[str]:
    """The grids of a netCDF: a container's by its list, else the one that its bands are of."""
    if dataset.subdatasets:
        return [name.rsplit(":", 1)[-1] for name in dataset.subdatasets]
    name = dataset.tags(1).get("NETCDF_VARNAME") if dataset.count else None
    return [name] if name else []


def _without_grid(problem: Rejected, source: str | MemoryFile | OneFile, ranges: Ranges) -> Rejected:
    """Why GDAL opens no netCDF here: where the file is sound otherwise, for want of a grid, or for its links."""
    path = source.name if isinstance(source, MemoryFile) else source
    if not isinstance(path, str):
        return problem
    if ranges.read(0, 3) == b"CDF":
        return Rejected("no-bands", f"the netCDF file {_NO_GRID}") if has_no_grid(ranges.read) else problem
    plain_path = path.removeprefix('NETCDF:"').partition('"')[0]
    try:
        with rasterio.open(plain_path, driver="HDF5", sharing=False) as dataset:
            if dataset.count or dataset.subdatasets:
                return Rejected(problem.reason, f"{problem.detail} {_LINKS}")
            return Rejected("no-bands", f"the HDF5 file {_NO_GRID}. {_NO_LINKS}")
    except UNREADABLE:
        return problem


def verdict(error: Exception, driver: str, ranges: Ranges) -> EventstacError:
    """What a failure in GDAL means: the storage's own error if there was one, else that the file is damaged."""
    if ranges.error is not None:
        return ranges.error
    if isinstance(error, Rejected) and error.reason == "too-large":
        return error
    if ran_out_of_memory(error):
        return Rejected("too-large", f"DECODER_MEMORY_MB is not enough to read the file: {plain(error)}")
    if isinstance(error, Rejected):
        return error
    if "missing codec" in str(error):
        return Rejected(
            "unsupported-codec",
            f"the file is compressed in a way that is not read here ({plain(error)}): write it with DEFLATE or ZSTD",
        )
    if isinstance(error, UnicodeDecodeError):
        near = error.object[max(0, error.start - 20) : error.end + 20].decode("latin-1")
        return Rejected(
            "bad-raster",
            f"a text of the {driver} file, of its CRS most likely, is no UTF-8 ({near!r}): write it with one that is",
        )
    return Rejected("bad-raster", f"GDAL's {driver} driver cannot read the file: {plain(error)}")


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether GDAL or PROJ failed, or what they failed for, because they could not allocate: PROJ says so in words."""
    seen: set[int] = set()  # an error that was raised from itself is its own cause
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, CPLE_OutOfMemoryError) or _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def plain(error: BaseException | str) -> str:
    """GDAL's words without the name that we gave the file: another one each time, but a look must repeat itself."""
    return _OUR_NAMES.sub("blob", str(error))
