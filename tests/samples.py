"""Facts for tests: what a look at a small raster finds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstac.facts import Claim, Fact, Finding, Match, fact_of
from eventstac.times import to_text

ACCOUNT = "http://127.0.0.1:10000/devstoreaccount1"
START = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def url_of(path: str, container: str = "source") -> str:
    return f"{ACCOUNT}/{container}/{path}"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def metadata(
    west: float = 10.0, south: float = 50.0, size: float = 0.5, *, resolution: float = 10.0
) -> dict[str, Any]:
    """What the extractor reads from a UTM raster of one band."""
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "media_type": "image/tiff; application=geotiff",
        "driver": "GTiff",
        "footprint": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "projection": {
            "proj:code": "EPSG:32632",
            "proj:shape": [1000, 1000],
            "proj:transform": [resolution, 0.0, 500000.0, 0.0, -resolution, 5600000.0],
            "proj:bbox": [500000.0, 5600000.0 - 1000 * resolution, 500000.0 + 1000 * resolution, 5600000.0],
        },
        "gsd": resolution,
        "bands": [
            {
                "name": "b1",
                "data_type": "uint16",
                "nodata": 0,
                "statistics": {
                    "minimum": 1,
                    "maximum": 1000,
                    "mean": 400.5,
                    "stddev": 12.25,
                    "valid_percent": 100,
                },
            }
        ],
        "file": {"file:size": 1234},
        "cog": {"valid": False, "tiled": False, "problems": ["it is not tiled"]},
        "datetimes": [],
        "properties": {},
        "statistics_exact": True,
    }


def storage(size: int = 1234, modified: float = 0.0, md5: str | None = None) -> dict[str, Any]:
    moment = to_text(at(modified))
    return {
        "size": size,
        "last_modified": moment,
        "created": moment,
        "content_type": "image/tiff",
        "content_md5": md5,
        "version_id": None,
    }


def present(match: Match, seconds: float, etag: str, *, revision: int = 1, **changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "storage": storage(modified=seconds, size=changes.pop("size", 1234), md5=changes.pop("md5", None)),
        "metadata": metadata(**changes),
    }
    return Finding(match, revision, "present", at(seconds), etag, **fields)


def gone(match: Match, seconds: float, *, revision: int = 1) -> Finding:
    return Finding(match, revision, "gone", at(seconds))


def rejected(match: Match, seconds: float, etag: str, *, revision: int = 1) -> Finding:
    return Finding(
        match,
        revision,
        "rejected",
        at(seconds),
        etag,
        storage=storage(modified=seconds),
        reason="not-a-raster",
        detail="no driver reads it",
    )


def cog_fact(url: str, finding: Finding, source_url: str, source_etag: str = "") -> Fact:
    if finding.metadata:
        cog = {"valid": True, "tiled": True, "problems": []}
        finding = replace(finding, metadata={**finding.metadata, "cog": cog})
    return fact_of(
        url, finding, Claim(source_url, finding.match, finding.revision, finding.seen, source_etag)
    )
