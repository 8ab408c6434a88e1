"""Which format a file is in, by its first bytes: GDAL is told the driver, and never guesses."""

from eventstac.blobs import BlobReader
from eventstac.errors import Rejected
from eventstac.raster.confinement import is_confined
from eventstac.raster.tiff import is_tiff

# An HDF5 file (netCDF-4 is one) can name any file of the machine, as a link or as its own data: it is opened in a
# process that can open no other.
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_MAGIC = (
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
    (b"\xff\x4f\xff\x51", "JP2OpenJPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"CDF\x01", "netCDF"),
    (b"CDF\x02", "netCDF"),
    (HDF5_MAGIC, "HDF5"),
)
_KNOWN_BUT_NOT_OPENED = (
    (b"CDF\x05", "netCDF of the 64-bit data kind (CDF-5)"),
    (b"<VRTDataset", "a VRT"),
    (b"GRIB", "GRIB"),
    (b"NITF", "NITF"),
    (b"EHFA_HEADER_TAG", "ERDAS Imagine"),
    (b"SQLite format 3", "a GeoPackage or other SQLite file"),
    (b"%PDF", "a PDF"),
    (b"RIFF", "WebP or another RIFF file"),
)

_PACKED = (
    (b"\x1f\x8b\x08", "packed by gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard"),
    (b"\xfd7zXZ\x00", "packed by xz"),
    (b"BZh", "packed by bzip2"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
)

UNREAD = "`read: file` catalogs it unread, as an asset beside a raster of its Item"

_TELLING = 4  # bytes of a beginning that is cut off: fewer may be of anything

# What netCDF's library writes into an HDF5 file; the driver is the same, the media type is not.
_NETCDF4_MARKS = (b"_NCProperties", b"_Netcdf4", b"_nc3_strict", b"DIMENSION_SCALE")


def sniff(head: bytes) -> str:
    """GDAL's name of the driver for a file that begins so. Raises Rejected for what we do not open."""
    if is_tiff(head):
        return "GTiff"
    for magic, driver in _MAGIC:
        if head.startswith(magic):
            return "netCDF" if driver == "HDF5" and any(mark in head for mark in _NETCDF4_MARKS) else driver
    for magic, name in _KNOWN_BUT_NOT_OPENED:
        if head.lstrip().startswith(magic):
            raise Rejected(
                "unsupported-driver",
                f"the file is {name}, which is not opened here: convert it to GeoTIFF; {UNREAD}",
            )
    for magic, name in _PACKED:
        if head.startswith(magic):
            raise Rejected(
                "unsupported-driver",
                f"the file is {name}: upload the raster that is in it, without a Content-Encoding; {UNREAD}",
            )
    for magic, driver in _MAGIC:
        if len(head) >= _TELLING and magic.startswith(head):
            raise Rejected(
                "truncated",
                f"the file ends after {len(head)} bytes, within what a {driver} file begins with: upload it again",
            )
    begins = head[:12].hex(" ")
    raise Rejected(
        "not-a-raster", f"the file begins with bytes {begins}, which no supported raster format does"
    )


def driver_of(reader: BlobReader) -> str:
    """The driver for a blob. Raises Rejected for an empty one, and for what is not opened, or not in this process."""
    if reader.look.size == 0:
        failed = reader.look.failed_copy
        why = f"the copy into it {failed}: copy it again" if failed else "the upload did not write anything"
        raise Rejected("empty", f"the blob has 0 bytes: {why}")
    if reader.head.startswith(HDF5_MAGIC) and not is_confined():
        raise Rejected(
            "unsupported-driver",
            "the file is HDF5 or netCDF-4, which can name other files: it is opened only where the kernel keeps the "
            f"decoder from them (Linux with Landlock): convert it to GeoTIFF; {UNREAD}",
        )
    return sniff(reader.head)
