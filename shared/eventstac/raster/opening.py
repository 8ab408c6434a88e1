"""Opening a blob with GDAL so that it reads that blob and nothing else."""

import hashlib
import mmap
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError, CPLE_OutOfMemoryError
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from eventstac.blobs import BlobReader
from eventstac.errors import EventstacError, Rejected
from eventstac.raster import tiff
from eventstac.raster.arriving import Arriving
from eventstac.raster.complete import is_virtual, least_size
from eventstac.raster.confinement import is_confined
from eventstac.raster.options import WHOLE_BYTES, Options
from eventstac.raster.ranges import FILE_NAME, OneFile, Ranges
from eventstac.raster.strips import Slab, slabs_of

# The formats we open, by their first bytes: GDAL is told the driver, and never guesses. An HDF5 file (netCDF-4 is one)
# can name any file of the machine, as a link or as its own data: it is opened in a process that can open no other.
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_MAGIC = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"CDF\x01", "netCDF"),
    (b"CDF\x02", "netCDF"),
    (_HDF5_MAGIC, "HDF5"),
)
_KNOWN_BUT_NOT_OPENED = (
    (b"CDF\x05", "netCDF of the 64-bit data kind (CDF-5)"),
    (b"<VRTDataset", "a VRT"),
    (b"GRIB", "GRIB"),
    (b"NITF", "NITF"),
    (b"EHFA_HEADER_TAG", "ERDAS Imagine"),
    (b"SQLite format 3", "a GeoPackage or other SQLite file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF"),
    (b"RIFF", "WebP or another RIFF file"),
)

# What netCDF's library writes into an HDF5 file; the driver is the same, the media type is not.
_NETCDF4_MARKS = (b"_NCProperties", b"_Netcdf4", b"_nc3_strict", b"DIMENSION_SCALE")
_GDAL_DRIVERS = {"HDF5": "netCDF"}  # the one that knows of axes and grid mappings

# No directory listing, no sidecar, no .aux.xml, no threads of its own, and a bounded cache.
_GDAL_SETTINGS = {
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
_UNREADABLE = (Rejected, RasterioError, CPLE_BaseError, UnicodeDecodeError)


_NO_MEMORY = re.compile("out of memory|cannot allocate|not enough memory|bad_alloc", re.IGNORECASE)
_OUR_NAMES = re.compile(
    r"(/vsi[a-z0-9_]+/)?[^\s'\"]*?(eventstac-\w+/blob|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[^\s'\",:]*)"
)


@dataclass(frozen=True)
class Opened:
    """A raster that GDAL has open.

    `tiff` is the structure of a TIFF (None for other formats), `local` tells that all bytes are here or on their way
    (so that reading everything costs no request), `sha256` gives their hash then. Before rows of the image are read,
    `await_rows` waits for the first so many of them (None: for everything). `slabs` are the rows that stand for all
    of a large image without overviews; empty for every other.
    """

    dataset: DatasetReader
    driver: str
    tiff: tiff.Tiff | None
    ranges: Ranges
    local: bool
    sha256: Callable[[], bytes | None]
    await_rows: Callable[[int | None], None] = lambda rows: None
    slabs: tuple[Slab, ...] = ()


def sniff(head: bytes) -> str:
    """GDAL's name of the driver for a file that begins so. Raises Rejected for what we do not open."""
    if tiff.is_tiff(head):
        return "GTiff"
    for magic, driver in _MAGIC:
        if head.startswith(magic):
            return "netCDF" if driver == "HDF5" and any(mark in head for mark in _NETCDF4_MARKS) else driver
    for magic, name in _KNOWN_BUT_NOT_OPENED:
        if head.lstrip().startswith(magic):
            raise Rejected(
                "unsupported-driver",
                f"the file is {name}, which is not opened here: convert it to GeoTIFF, or give its rule `read: file`",
            )
    begins = head[:12].hex(" ")
    raise Rejected(
        "not-a-raster", f"the file begins with bytes {begins}, which no supported raster format does"
    )


def _driver_of(reader: BlobReader) -> str:
    if reader.look.size == 0:
        raise Rejected("empty", "the blob has 0 bytes: the upload did not write anything")
    if reader.head.startswith(_HDF5_MAGIC) and not is_confined():
        raise Rejected(
            "unsupported-driver",
            "the file is HDF5 or netCDF-4, which can name other files: it is opened only where the kernel keeps the "
            "decoder from them (Linux with Landlock); convert it to GeoTIFF, or give its rule `read: file`",
        )
    return sniff(reader.head)


@contextmanager
def open_raster(reader: BlobReader, options: Options) -> Iterator[Opened]:
    """Open the blob; whole in memory, by ranges, or through a temporary file, whichever costs least.

    Raises Rejected `empty`, `not-a-raster`, `unsupported-driver`, `truncated`, `bad-raster`; lets BlobChanged and
    Transient of the reader through.
    """
    driver = _driver_of(reader)
    ranges = Ranges(reader)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        stack.enter_context(rasterio.Env(**_GDAL_SETTINGS))
        small = ranges.size <= WHOLE_BYTES and not (options.header_only and driver == "GTiff")
        data = ranges.whole() if small else None
        structure = tiff.parse(ranges.read, ranges.size) if driver == "GTiff" else None
        if structure is not None and not options.header_only:
            _refuse_truncated(structure, ranges.size)
        slabs = _slabs(structure, ranges.size, options)
        if data is not None and structure is None:
            _refuse_incomplete(driver, data, options)
        arriving: Arriving | None = None
        if data is not None:
            memory = stack.enter_context(MemoryFile(data))
            dataset = _open(stack, _of_variable(memory.name, driver, options) or memory, driver, ranges)
        elif structure is not None and (
            options.header_only or slabs or not _wants_download(structure, ranges.size, options)
        ):
            dataset = _open(stack, OneFile(ranges), driver, ranges)
        else:
            if ranges.size > max(options.max_download_bytes, WHOLE_BYTES):
                raise Rejected(
                    "too-large",
                    f"a {driver} of {ranges.size} bytes would have to be downloaded whole; the limit "
                    f"max_download_bytes is {options.max_download_bytes}",
                )
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eventstac-"))
            path = Path(folder) / "blob"
            arriving = Arriving(reader, path)
            stack.callback(arriving.close)
            arriving.wait(ranges.size if structure is None else _header_end(structure, ranges.size))
            if structure is None:
                with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    _refuse_incomplete(driver, content, options)
            dataset = _open(stack, _of_variable(str(path), driver, options) or str(path), driver, ranges)
        try:
            local = _local(arriving, data, structure, ranges.size)
            yield Opened(dataset, driver, structure, ranges, *local, slabs)
        except _UNREADABLE as error:
            raise _verdict(error, driver, ranges) from error
        except RuntimeError as error:  # what pyproj raises
            if ran_out_of_memory(error):
                raise _verdict(error, driver, ranges) from error
            raise
        if ranges.error is not None:
            raise ranges.error


def _wants_download(structure: tiff.Tiff, size: int, options: Options) -> bool:
    if size > options.max_download_bytes:
        return False
    return options.exact_statistics or not structure.overviews


def _slabs(structure: tiff.Tiff | None, size: int, options: Options) -> tuple[Slab, ...]:
    """The rows that stand for all of a large striped image; none where the rule wants what only all of it gives."""
    everything = options.exact_statistics or options.footprint.mode == "valid-data" or options.header_only
    if structure is None or everything or size <= max(options.sample_above_bytes, WHOLE_BYTES):
        return ()
    return slabs_of(structure, size)


def _of_variable(path: str, driver: str, options: Options) -> str | None:
    """GDAL's name of one grid of a file of several; None where the rule names none."""
    several = driver in ("netCDF", "HDF5") and options.variable
    return f'NETCDF:"{path}":{options.variable}' if several else None


def _refuse_incomplete(driver: str, content: bytes | mmap.mmap, options: Options) -> None:
    """What another format lacks: GDAL might fill it in."""
    least = least_size(driver, lambda offset, length: content[offset : offset + length], len(content))
    if least > len(content) and not options.header_only:
        raise Rejected(
            "truncated",
            f"the file has {len(content)} bytes, by its own words there are more: at least {least - len(content)} "
            "bytes are missing; upload it again (or let the rule ask for header_only)",
        )
    if content[: len(_HDF5_MAGIC)] == _HDF5_MAGIC and is_virtual(content):
        raise Rejected(
            "unsupported-driver",
            "the file is a virtual HDF5 dataset: its data lie in other files, which are not opened",
        )


def _refuse_truncated(structure: tiff.Tiff, size: int) -> None:
    if structure.end > size:
        missing = structure.end - size
        raise Rejected(
            "truncated",
            f"the file has {size} bytes, its header speaks of {structure.end}: {missing} bytes are missing; "
            "upload it again (or let the rule ask for header_only)",
        )


def _local(
    arriving: Arriving | None, data: bytes | None, structure: tiff.Tiff | None, size: int
) -> tuple[bool, Callable[[], bytes | None], Callable[[int | None], None]]:
    """Whether all bytes are here or on their way, their hash, and how to wait for rows."""
    if arriving is None:
        return data is not None, lambda: data and hashlib.sha256(data).digest(), lambda _: None
    if structure is None:
        return True, arriving.sha256, lambda _: None
    main = structure.main

    def await_rows(rows: int | None) -> None:
        arriving.wait(size if rows is None else main.data_end_of(rows))

    return True, arriving.sha256, await_rows


def _header_end(structure: tiff.Tiff, size: int) -> int:
    """Up to where GDAL reads before it is asked for pixels: everything, where there is more than one image."""
    return min(size, structure.main.header_end) if len(structure.directories) == 1 else size


def _open(stack: ExitStack, source: str | MemoryFile | OneFile, driver: str, ranges: Ranges) -> DatasetReader:
    name = _GDAL_DRIVERS.get(driver, driver)
    try:
        if isinstance(source, str):
            opened = rasterio.open(source, driver=name, sharing=False)
        elif isinstance(source, OneFile):
            opened = rasterio.open(FILE_NAME, driver=name, sharing=False, opener=source)
        else:
            opened = source.open(driver=name, sharing=False)
        return stack.enter_context(opened)
    except _UNREADABLE as error:
        raise _verdict(error, driver, ranges) from error


def _verdict(error: Exception, driver: str, ranges: Ranges) -> EventstacError:
    """What a failure in GDAL means: the storage's own error if there was one, else that the file is damaged."""
    if ranges.error is not None:
        return ranges.error
    if ran_out_of_memory(error):
        return Rejected("too-large", f"there is not enough memory to read the file: {plain(error)}")
    if isinstance(error, Rejected):
        return error
    if "missing codec" in str(error):
        return Rejected(
            "unsupported-codec",
            f"the file is compressed in a way that is not read here ({plain(error)}): write it with DEFLATE or ZSTD",
        )
    return Rejected("bad-raster", f"GDAL's {driver} driver cannot read the file: {plain(error)}")


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether GDAL or PROJ failed, or what they failed for, because they could not allocate: PROJ says so in words."""
    while error is not None:
        if isinstance(error, CPLE_OutOfMemoryError) or _NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def plain(error: BaseException | str) -> str:
    """GDAL's words without the name that we gave the file: another one each time, but a look must repeat itself."""
    return _OUR_NAMES.sub("blob", str(error))
