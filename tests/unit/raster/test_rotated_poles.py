"""Grids of a rotated pole, against points that pyproj puts into them without any of our code."""

from collections.abc import Iterator

import numpy as np
import pyproj
import pytest
import shapely
from rasterio.transform import Affine
from shapely.geometry import shape

from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import tiff
from tests.unit.raster.readers import MemoryReader

COSMO = (
    -17.5,
    39.25,
    18.0,
)  # as the model's own: longitude of the origin, latitude and longitude of the pole
Box = tuple[float, float, float, float]  # in degrees of the rotated pole: west, south, width, height


def crs_of(pole: tuple[float, float, float]) -> str:
    origin, latitude, longitude = pole
    return (
        f"+proj=ob_tran +o_proj=longlat +o_lon_p={origin} +o_lat_p={latitude} +lon_0={longitude} +R=6371229 "
        "+type=crs"
    )


def grid(box: Box, columns: int, rows: int) -> Affine:
    west, south, width, height = box
    return Affine(width / columns, 0, west, 0, -height / rows, south + height)


def wrongly_told(crs: str, box: Box, columns: int, rows: int, random: np.random.Generator) -> float:
    """The share of points all over the Earth, but for those near the edge, that the footprint has or lacks wrongly."""
    west, south, width, height = box
    # No GeoTIFF can hold such a CRS: a rule gives it.
    file = tiff(np.ones((rows, columns), "uint8"), crs=None, transform=grid(box, columns, rows))
    footprint = read_in_process(MemoryReader(file), {"crs": crs}).metadata["footprint"]
    lon = random.uniform(-180, 180, 4000)
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, 4000)))
    x, y = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(lon, lat)
    x = (x - west) % 360
    near = 2 * max(width / columns, height / rows) / 4 + 0.001
    with np.errstate(divide="ignore"):
        near_x = near / np.cos(np.radians(y))
    at_edge = np.minimum(np.abs(y - south), np.abs(y - south - height)) < near
    closed = 360 - width < width / columns / 2
    if not closed:
        at_edge |= np.minimum.reduce([x, 360 - x, np.abs(x - width)]) < near_x
    shown = ((x <= width) | closed) & (y >= south) & (y <= south + height)
    region = shape(footprint)
    assert region.is_valid
    return float(((shapely.intersects_xy(region, lon, lat) != shown) & ~at_edge).mean())


@pytest.mark.parametrize(
    "box",
    [
        (0, -90, 360, 180), (-180, -90, 360, 180), (-10, -90, 360, 180), (-180.5, -90, 360, 180), (0, -80, 360, 160),
        (0, -45, 200, 90), (90, -45, 180, 90), (342, -15, 36, 30), (0, 0, 360, 90), (0, -30, 360, 60),
        (0, -90, 359.9999, 180), (-20, -60, 400, 120),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("pole", [COSMO, (0, 37.5, 177.5), (0, 90, 100), (0, 0, 0)], ids=str)
def test_a_grid_of_a_rotated_pole_has_all_that_it_shows_wherever_it_begins(
    pole: tuple[float, float, float], box: Box
) -> None:
    assert wrongly_told(crs_of(pole), box, 72, 36, np.random.default_rng(1)) == 0


@pytest.mark.parametrize(
    ("pole", "box", "columns", "rows"),
    [
        ((-90.7179672, -24.3571274, 29.3342446), (0, -53.41315, 147.8592, 106.8263), 360, 180),
        ((0, 39.25, 0), (-196.39411, -45.43485, 358.8327, 124.50649), 1440, 720),
        ((-27.126368615, 39.25, 0), (-67.72059, -0.7094568, 289.0502, 1.4189136), 1440, 6),
    ],
    ids=["outline that goes back where it begins", "part that does", "part that is thin"],
)
def test_a_grid_has_no_more_than_it_shows(
    pole: tuple[float, float, float], box: Box, columns: int, rows: int
) -> None:
    random = np.random.default_rng(5)
    assert max(wrongly_told(crs_of(pole), box, columns, rows, random) for _ in range(5)) == 0


def random_frames(random: np.random.Generator, count: int) -> Iterator[tuple[str, Box, int, int]]:
    for _ in range(count):
        pole = (
            float(random.choice([0, random.uniform(-180, 180)])),
            float(random.choice([0, 39.25, random.uniform(-85, 85)])),
            float(random.choice([0, 180, random.uniform(-180, 180)])),
        )
        width = float(random.choice([360, random.uniform(10, 360), random.uniform(180, 400)]))
        height = float(random.choice([180, random.uniform(10, 180)]))
        west = float(random.choice([0, -180, random.uniform(-300, 300)]))
        south = float(random.choice([-90, -height / 2, random.uniform(-90, 90 - height)]))
        yield crs_of(pole), (west, south, width, height), int(random.choice([36, 360])), 90


def test_any_grid_of_any_rotated_pole_has_all_that_it_shows_and_nothing_else() -> None:
    random = np.random.default_rng(7)
    for frame in random_frames(random, 150):
        assert wrongly_told(*frame, random) < 0.001, frame


@pytest.mark.parametrize(("columns", "refused"), [(20, False), (80, True)])
def test_a_grid_turned_in_its_rotated_system_is_refused_where_it_is_wide(columns: int, refused: bool) -> None:
    transform = Affine.rotation(5) @ Affine.scale(3, -3)
    file = MemoryReader(tiff(np.ones((20, columns), "uint8"), crs=None, transform=transform))
    if refused:
        with pytest.raises(Rejected, match="more than half of the Earth") as caught:
            read_in_process(file, {"crs": crs_of(COSMO)})
        assert caught.value.reason == "no-georeference"
    else:
        assert read_in_process(file, {"crs": crs_of(COSMO)}).metadata["footprint"]


def test_valid_data_of_a_wide_grid_of_a_rotated_pole_have_its_frame_and_the_reason() -> None:
    data = np.ones((36, 72), "uint8")
    data[10:20, 5:60] = 0
    file = tiff(data, crs=None, nodata=0, transform=grid((0, -90, 360, 180), 72, 36))
    options = {"crs": crs_of(COSMO), "footprint": {"mode": "valid-data"}}
    metadata = read_in_process(MemoryReader(file), options).metadata
    assert metadata["bbox"] == [-180, -90, 180, 90]
    assert "rotated pole" in metadata["footprint_problem"]["detail"]
