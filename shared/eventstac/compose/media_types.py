"""What kind of file an asset is, where neither its rule nor its reading says so."""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from eventstac.compose.shown import Shown

# What clients send that do not know it: the SDKs', AWS', curl's.
_UNKNOWN = {"", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"}
_OF_FORMATS = {"json": "application/json", "xml": "application/xml"}
# Not Python's table: it is of the machine and of the version, and an Item comes out the same everywhere.
_OF_ENDINGS = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".gif": "image/gif",
    ".gpkg": "application/geopackage+sqlite3",
    ".h5": "application/x-hdf5",
    ".htm": "text/html",
    ".html": "text/html",
    ".jp2": "image/jp2",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".md": "text/markdown",
    ".nc": "application/netcdf",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".webp": "image/webp",
    ".xml": "application/xml",
    ".zip": "application/zip",
}


def stored_media_type(shown: Shown) -> str | None:
    """What the storage says, else what the file's ending says of a sidecar's format, or of any other file."""
    stored = str((shown.finding.storage or {}).get("content_type") or "").strip()
    if stored.partition(";")[0].strip().lower() not in _UNKNOWN:
        return stored
    sidecar_format = str((shown.asset.sidecar or {}).get("format", ""))
    of_ending = _OF_ENDINGS.get(PurePosixPath(unquote(urlsplit(shown.fact.url).path)).suffix.lower(), "")
    if sidecar_format in _OF_FORMATS and not of_ending.endswith(sidecar_format):  # GeoJSON is JSON, KML XML
        return _OF_FORMATS[sidecar_format]
    return of_ending or stored or None
