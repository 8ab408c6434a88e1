"""Opening a blob with GDAL so that it reads that blob and nothing else."""

import hashlib
import mmap
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile

from eventstac.blobs import BlobReader
from eventstac.errors import Rejected
from eventstac.raster.arriving import Arriving
from eventstac.raster.crs_names import names_in_ascii
from eventstac.raster.formats import driver_of
from eventstac.raster.gdal import (
    UNREADABLE,
    grid_names,
    open_dataset,
    ran_out_of_memory,
    settled,
    verdict,
)
from eventstac.raster.options import WHOLE_BYTES, Options
from eventstac.raster.ranges import OneFile, Ranges
from eventstac.raster.strips import Slab, slabs_of
from eventstac.raster.tiff import Tiff
from eventstac.raster.tiff_header import parse
from eventstac.raster.truncated import refuse_incomplete, refuse_truncated

_MOST_METADATA_BYTES = 4 * 1024 * 1024  # 150 for each of 4,096 bands is far less


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
    tiff: Tiff | None
    ranges: Ranges
    local: bool
    sha256: Callable[[], bytes | None]
    await_rows: Callable[[int | None], None] = lambda rows: None
    slabs: tuple[Slab, ...] = ()

    def gdal_metadata(self) -> bytes:
        """The value of a TIFF's GDAL_METADATA tag; empty where there is none."""
        start, length = self.tiff.main.gdal_metadata if self.tiff else (0, 0)
        return self.ranges.read(start, min(length, _MOST_METADATA_BYTES)) if length else b""


@contextmanager
def open_raster(reader: BlobReader, options: Options) -> Iterator[Opened]:
    """Open the blob; whole in memory, by ranges, or through a temporary file, whichever costs least.

    Raises Rejected `empty`, `not-a-raster`, `unsupported-driver`, `truncated`, `bad-raster`; lets BlobChanged and
    Transient of the reader through.
    """
    driver = driver_of(reader)
    ranges = Ranges(reader)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        stack.enter_context(settled())
        try:
            yield _opened(stack, reader, driver, ranges, options)
        except UNREADABLE as error:
            raise verdict(error, driver, ranges) from error
        except RuntimeError as error:  # what pyproj raises
            if ran_out_of_memory(error):
                raise verdict(error, driver, ranges) from error
            raise
        if ranges.error is not None:
            raise ranges.error


def _opened(stack: ExitStack, reader: BlobReader, driver: str, ranges: Ranges, options: Options) -> Opened:
    """The dataset in the way that costs least; what it holds is closed with the stack."""
    is_tiff = driver == "GTiff"
    small = ranges.size <= WHOLE_BYTES and not (options.header_only and is_tiff)
    data = ranges.whole() if small else None
    structure = parse(ranges.read, ranges.size, inner=not options.header_only) if is_tiff else None
    if structure is not None:
        refuse_truncated(structure, ranges.size, header_only=options.header_only)
    if data is not None:
        if structure is None:
            refuse_incomplete(driver, data, header_only=options.header_only)
        memory = stack.enter_context(MemoryFile(data))
        dataset = _dataset(stack, memory, driver, ranges, options, structure)
        return Opened(dataset, driver, structure, ranges, True, hashlib.sha256(data).digest)
    slabs = _slabs(structure, ranges.size, options)
    if structure is not None and (
        options.header_only or slabs or not _wants_download(structure, ranges.size, options)
    ):
        dataset = _tiff(stack, OneFile(ranges), ranges, structure)
        return Opened(dataset, driver, structure, ranges, False, lambda: None, slabs=slabs)
    return _downloaded(stack, reader, driver, ranges, structure, options)


def _downloaded(
    stack: ExitStack,
    reader: BlobReader,
    driver: str,
    ranges: Ranges,
    structure: Tiff | None,
    options: Options,
) -> Opened:
    """Through a temporary file, which is read while it arrives."""
    size = ranges.size
    if size > max(options.max_download_bytes, WHOLE_BYTES):
        raise Rejected(
            "too-large",
            f"a {driver} of {size} bytes would have to be downloaded whole; the limit max_download_bytes is "
            f"{options.max_download_bytes}",
        )
    path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eventstac-"))) / "blob"
    arriving = Arriving(reader, path)
    stack.callback(arriving.close)
    arriving.wait(size if structure is None else _header_end(structure, size))
    if structure is None:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            refuse_incomplete(driver, content, header_only=options.header_only)
    dataset = _dataset(stack, str(path), driver, ranges, options, structure)

    def await_rows(rows: int | None) -> None:
        if structure is not None:
            arriving.wait(size if rows is None else structure.main.data_end_of(rows))

    return Opened(dataset, driver, structure, ranges, True, arriving.sha256, await_rows)


def _wants_download(structure: Tiff, size: int, options: Options) -> bool:
    if size > options.max_download_bytes:
        return False
    return options.exact_statistics or not structure.overviews


def _slabs(structure: Tiff | None, size: int, options: Options) -> tuple[Slab, ...]:
    """The rows that stand for all of a large striped image; none where the rule wants what only all of it gives."""
    everything = options.exact_statistics or options.footprint.mode == "valid-data" or options.header_only
    if structure is None or everything or size <= max(options.sample_above_bytes, WHOLE_BYTES):
        return ()
    return slabs_of(structure, size)


def _tiff(
    stack: ExitStack, source: MemoryFile | str | OneFile, ranges: Ranges, structure: Tiff
) -> DatasetReader:
    """A TIFF, with the names in its CRS changed to ASCII where they are no UTF-8."""
    try:
        dataset = open_dataset(stack, source, "GTiff", ranges)
        if dataset.crs is None:
            _ = dataset.gcps  # that of control points is read only now
    except (Rejected, UnicodeDecodeError) as problem:
        place = structure.main.crs_names
        if not place[1] or not isinstance(problem.__cause__ or problem, UnicodeDecodeError):
            raise
    else:
        return dataset
    if not isinstance(source, str):
        return open_dataset(stack, OneFile(ranges, names_in_ascii(ranges.read, place)), "GTiff", ranges)
    with Path(source).open("r+b") as file:
        start, names = names_in_ascii(lambda at, length: os.pread(file.fileno(), length, at), place)
        os.pwrite(file.fileno(), names, start)
    return open_dataset(stack, source, "GTiff", ranges)


def _dataset(
    stack: ExitStack,
    source: MemoryFile | str,
    driver: str,
    ranges: Ranges,
    options: Options,
    structure: Tiff | None,
) -> DatasetReader:
    """The file, or of a netCDF the grid that the rule names. Raises Rejected `bad-options` where it has none such."""
    if structure is not None:
        return _tiff(stack, source, ranges, structure)
    if driver not in ("netCDF", "HDF5") or not options.variable:
        return open_dataset(stack, source, driver, ranges)
    path = source.name if isinstance(source, MemoryFile) else source
    try:
        return open_dataset(stack, f'NETCDF:"{path}":{options.variable}', driver, ranges)
    except Rejected as problem:
        if problem.reason != "bad-raster":
            raise
        grids = grid_names(open_dataset(stack, source, driver, ranges))  # what is no netCDF fails once more
        if not grids or options.variable in grids:
            raise
        raise Rejected(
            "bad-options",
            f"option variable is {options.variable!r}, but the file has no such grid: it has {', '.join(grids)}; "
            "correct the rule",
        ) from problem


def _header_end(structure: Tiff, size: int) -> int:
    """Up to where GDAL reads before it is asked for pixels: everything, where there is more than one image."""
    return min(size, structure.main.header_end) if len(structure.directories) == 1 else size
