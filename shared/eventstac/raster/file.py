"""What the file is as a file: its media type, and the fields of the file extension (v2.1.0)."""

from typing import Any

from eventstac.blobs import Look

GEOTIFF = "image/tiff; application=geotiff"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_MEDIA_TYPES = {
    "JP2OpenJPEG": "image/jp2",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "netCDF": "application/netcdf",
    "HDF5": "application/x-hdf5",
}
_SHA256, _MD5 = "1220", "d50110"  # multihash: code of the function, and length of the digest


def media_type(driver: str, cog: dict[str, Any], has_position: bool) -> str:
    """The media type of an asset; a COG only where the layout is one and in tiles."""
    if driver != "GTiff":
        return _MEDIA_TYPES[driver]
    if not has_position:
        return "image/tiff"
    return COG if cog["valid"] and cog["tiled"] else GEOTIFF


def file_fields(look: Look, sha256: bytes | None) -> dict[str, Any]:
    """`file:size`, and `file:checksum` where it costs nothing: of the bytes read, else the storage's Content-MD5."""
    fields: dict[str, Any] = {"file:size": look.size}
    if sha256 is not None:
        fields["file:checksum"] = _SHA256 + sha256.hex()
    elif look.content_md5:
        fields["file:checksum"] = _MD5 + look.content_md5.hex()
    return fields
