"""Footprints, against points that pyproj puts on the Earth (or finds in the image) without any of our code."""

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from rasterio.features import shapes
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from shapely.geometry import shape

from eventstac.errors import Rejected
from eventstac.raster import opening
from eventstac.raster.extract import read_in_process
from eventstac.raster.footprint import _frame_region
from eventstac.raster.georeference import georeference
from tests.unit.raster.corpus import PLACES, UTM, Place, at, blank, tiff, with_gcps, with_rpcs
from tests.unit.raster.readers import MemoryReader

ACROSS_180 = {
    "utm across 180",
    "utm south across 180",
    "degrees across 180",
    "degrees below -180",
    "mercator past its edge",
    "arctic across 180",
    "alaska albers across 180",
    "alaska in nad27 and feet",
    "geostationary 140",
    "laea hemisphere",
    "laea with a wedge to its antipode",
}

# Without the shift of a datum, PROJ takes a point there and back again within millimetres; a wrapped one by hundreds of
# kilometres.
SAME_M = 1
SAME_DEGREES = 1e-4


def footprint_of(data: bytes, **options: object) -> tuple[dict[str, Any], list[float]]:
    metadata = read_in_process(MemoryReader(data), options, thumbnail=False).metadata
    return metadata["footprint"], metadata["bbox"]


def margin(place: Place) -> float:
    """The tolerance of a footprint in pixels: ten metres or a quarter of a pixel, and a little for rounding."""
    pixel = np.sqrt(abs(place.transform.determinant)) * (
        111_320 if pyproj.CRS(place.crs).is_geographic else 1
    )
    return float(max(0.3, 12 / pixel))


def projection_alone(crs: pyproj.CRS) -> pyproj.Transformer:
    """From degrees of a CRS's own datum to the CRS."""
    return pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)


def seen_points(place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of points spread over the image and along its left edge, inside by the margin."""
    random, m = np.random.default_rng(3), margin(place)
    column = np.concatenate([random.uniform(m, place.width - m, 3000), np.full(200, m)])
    row = np.concatenate([random.uniform(m, place.height - m, 3000), np.linspace(m, place.height - m, 200)])
    x, y = place.transform @ np.array([column, row])
    crs = pyproj.CRS(place.crs)
    if crs.is_geographic:
        there = np.abs(y) <= 90
        x, y = x[there], y[there]
    to_degrees = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    there = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90)
    if not crs.is_geographic and (crs.coordinate_operation and crs.coordinate_operation.method_name) not in (
        "Popular Visualisation Pseudo Mercator",
        "Equidistant Cylindrical",
    ):
        projection = projection_alone(crs)
        back_x, back_y = projection.transform(*projection.transform(x, y, direction="INVERSE"))
        with np.errstate(invalid="ignore"):
            there &= np.hypot(back_x - x, back_y - y) < SAME_M / crs.axis_info[0].unit_conversion_factor
    return (lon[there] + 180) % 360 - 180, lat[there]


def unseen_points(place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Points all over the Earth, as many of them near the image as far away, that the image does not show."""
    random = np.random.default_rng(5)
    lon, lat = seen_points(place)
    near_lon = random.choice(lon, 6000) + random.normal(0, 1, 6000) * max(np.ptp(lat), 0.01) / 4
    near_lat = np.clip(
        random.choice(lat, 6000) + random.normal(0, 1, 6000) * max(np.ptp(lat), 0.01) / 4, -90, 90
    )
    far_lon, far_lat = random.uniform(-180, 180, 3000), np.degrees(np.arcsin(random.uniform(-1, 1, 3000)))
    lon, lat = np.concatenate([near_lon, far_lon]), np.concatenate([near_lat, far_lat])
    lon = (lon + 180) % 360 - 180
    crs = pyproj.CRS(place.crs)
    to_crs = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    inside = np.zeros(len(lon), bool)
    # A cylindrical grid may show a place one turn further east or west than where the CRS puts it.
    half = to_crs.transform(90, 0)[0] * 2 if "Mercator" in place.name or "mercator" in place.name else 180
    turns = (0, 2 * half, -2 * half) if crs.is_geographic or "mercator" in place.name else (0,)
    x, y = to_crs.transform(lon, lat)
    projection = projection_alone(crs)
    own_lon, own_lat = pyproj.Transformer.from_crs("OGC:CRS84", crs.geodetic_crs, always_xy=True).transform(
        lon, lat
    )
    back_lon, back_lat = projection.transform(*projection.transform(own_lon, own_lat), direction="INVERSE")
    with np.errstate(invalid="ignore"):
        around = np.abs((back_lon - own_lon + 180) % 360 - 180) * np.cos(np.radians(lat))
        there = around + np.abs(back_lat - own_lat) < SAME_DEGREES
        for turn in turns:
            column, row = ~place.transform @ np.array([x + turn, y])
            m = margin(place)
            across, down = np.abs(column - place.width / 2), np.abs(row - place.height / 2)
            inside |= (across <= place.width / 2 + m) & (down <= place.height / 2 + m)
    hidden = ~(there & inside)
    return lon[hidden], lat[hidden]


# Each needs one of the limits of eventstac.raster.earth to be as it is: in degrees, and in the unit of the CRS.
AT_LIMITS = (
    Place("albers of alaska, all of its cone", "EPSG:2964", Affine(5e5, 0, -3e7, 0, -6e5, 3e7), 120, 100),
    Place(
        "sinusoidal near the pole, in kilometres",
        "+proj=sinu +R=6371007.181 +units=km",
        Affine(10, 0, 300, 0, -3, 9900),
        100,
        100,
    ),
)


@pytest.mark.parametrize("place", [*PLACES, *AT_LIMITS], ids=lambda place: place.name)
def test_footprint_holds_what_the_image_shows_and_nothing_else(place: Place) -> None:
    geometry, bbox = footprint_of(at(place))
    region = shape(geometry)
    lon, lat = seen_points(place)
    assert len(lon) > 100
    held = shapely.intersects_xy(region, lon, lat)
    assert held.mean() > 0.999, f"missing {np.column_stack([lon, lat])[~held][:5]}"
    lon, lat = unseen_points(place)
    wrong = shapely.contains_xy(region, lon, lat)
    # Points beyond a horizon have no pixel, so no margin in pixels: the tolerance shows as a few of thousands.
    assert wrong.sum() <= 0.002 * len(wrong), f"too much: {np.column_stack([lon, lat])[wrong][:5]}"
    if place.bbox is not None:
        assert bbox == pytest.approx(place.bbox, abs=1e-6)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_footprint_is_geojson_as_rfc_7946_wants_it(place: Place) -> None:
    geometry, bbox = footprint_of(at(place))
    region = shape(geometry)
    assert geometry["type"] in ("Polygon", "MultiPolygon")
    assert region.is_valid
    west, south, east, north = region.bounds
    assert west >= -180
    assert east <= 180
    assert south >= -90
    assert north <= 90
    for polygon in shapely.get_parts(region):
        assert polygon.exterior.is_ccw
        assert not any(hole.is_ccw for hole in polygon.interiors)
    assert bbox[1] == pytest.approx(south, abs=1e-6)
    assert bbox[3] == pytest.approx(north, abs=1e-6)
    parts = [p.bounds for p in shapely.get_parts(region)]
    if place.name in ACROSS_180:
        assert bbox[0] > bbox[2]
        assert all(p[0] >= bbox[0] - 1e-6 or p[2] <= bbox[2] + 1e-6 for p in parts)
    else:
        assert bbox[0] < bbox[2]


def far_from_the_edge_m(place: Place, geometry: dict[str, Any]) -> float:
    """How far the footprint's border is, at most, from points of the frame's edge that lie on the Earth, in metres."""
    along, none, all_ = np.linspace(0, 1, 2001), np.zeros(2001), np.ones(2001)
    column, row = np.hstack([(along, none), (along, all_), (none, along), (all_, along)])
    x, y = place.transform @ np.array([column * place.width, row * place.height])
    to_degrees = pyproj.Transformer.from_crs(place.crs, "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    back_x, back_y = to_degrees.transform(lon, lat, direction="INVERSE")
    with np.errstate(invalid="ignore"):
        there = np.hypot(back_x - x, back_y - y) < 100
    border = shape(geometry).boundary
    points = shapely.points(lon[there], lat[there])
    nearest = shapely.get_coordinates(shapely.shortest_line(points, border)).reshape(-1, 4)
    return float(pyproj.Geod(ellps="WGS84").inv(*nearest.T)[2].max())


@pytest.mark.parametrize("tolerance_m", [None, 100, 10])
def test_the_tolerance_is_kept_where_the_frame_leaves_the_globe(tolerance_m: float | None) -> None:
    place = next(p for p in PLACES if p.name == "goes conus")
    geometry, _ = footprint_of(at(place), footprint={"tolerance_m": tolerance_m} if tolerance_m else {})
    assert far_from_the_edge_m(place, geometry) < (tolerance_m or 2004.017 / 4)


def test_a_wedge_that_runs_out_in_one_point_is_one_piece_on_each_side_of_180() -> None:
    place = next(p for p in PLACES if p.name.startswith("laea with a wedge"))
    geometry, _ = footprint_of(at(place))
    assert len(shapely.get_parts(shape(geometry))) == 2
    assert far_from_the_edge_m(place, geometry) < 5000


def square(name: str, crs: str, half_m: float, pixels: int) -> Place:
    """A frame around the middle of a projection."""
    pixel = 2 * half_m / pixels
    return Place(name, crs, Affine(pixel, 0, -half_m, 0, -pixel, half_m), pixels, pixels)


def modis_tile(across: int, down: int, pixels: int) -> Place:
    """A tile of the sinusoidal grid of MODIS."""
    side = 1111950.5196666666
    west, north = -20015109.354 + across * side, 10007554.677 - down * side
    transform = Affine(side / pixels, 0, west, 0, -side / pixels, north)
    name = f"h{across:02}v{down:02}, {pixels} pixels"
    return Place(name, "+proj=sinu +R=6371007.181 +units=m", transform, pixels, pixels)


GEOS, ORTHO = "+proj=geos +h=%s +lon_0=%s +ellps=%s", "+proj=ortho +lat_0=%s +lon_0=170 +ellps=WGS84"
DISKS = [
    *(square(f"frame of {m:g} m", GEOS % (35785831, 0, "WGS84"), m, 200) for m in (5.44e6, 5.72e6, 5.88e6)),
    square("gk-2a", GEOS % (35785863, 128.2, "GRS80"), 5511022.9, 5500),
    square("fy-4a", GEOS % (35785863, 104.7, "GRS80"), 5495021.206, 2748),
    square("himawari", GEOS % (35785863, 140.7, "GRS80"), 5499999.9, 5500),
    square("goes-west", GEOS % (35786023, -137, "GRS80") + " +sweep=x", 5434894.885, 5424),
]


@pytest.mark.parametrize("disk", DISKS, ids=lambda place: place.name)
def test_a_geostationary_disk_is_whole_however_large_its_frame(disk: Place) -> None:
    geometry, bbox = footprint_of(blank(disk))
    region = shape(geometry)
    assert held_of(disk, region) > 0.999
    lon, lat = unseen_points(disk)
    assert shapely.contains_xy(region, lon, lat).mean() < 0.002
    assert (bbox[1], bbox[3]) == pytest.approx((-81.327, 81.327), abs=0.01)
    assert len(shapely.get_parts(region)) == (2 if bbox[0] > bbox[2] else 1)


@pytest.mark.parametrize(
    ("crs", "side", "west", "east"),
    [
        ("+proj=ortho +lat_0=90 +lon_0=10 +R=6371000", 6371000, 100, -170),
        ("+proj=laea +lat_0=90 +lon_0=0 +datum=WGS84", 13e6, 90, 180),
    ],
    ids=["orthographic", "equal area"],
)
def test_a_frame_with_a_corner_at_the_pole_that_leaves_the_earth_is_no_wider_than_its_quarter(
    crs: str, side: float, west: float, east: float
) -> None:
    step = side / 300
    _, bbox = footprint_of(blank(Place("quarter", crs, Affine(step, 0, 0, 0, -step, side), 300, 300)))
    assert (bbox[0], bbox[2]) == pytest.approx((west, east), abs=1e-4)


def held_of(place: Place, region: Any) -> float:
    """The share of the points that an image shows that a region holds."""
    lon, lat = seen_points(place)
    return float(shapely.intersects_xy(region, lon, lat).mean())


@pytest.mark.parametrize(
    ("crs", "west", "north", "pixel"),
    [
        ("EPSG:27700", 670000, 352000, 20),
        ("EPSG:27700", 672000, 305000, 100),
        ("EPSG:2964", 2263778, 1020150, 6560),
    ],
    ids=["off great yarmouth", "further south", "south of alaska, in feet"],
)
def test_a_scene_beyond_the_area_of_its_datum_has_its_place(
    crs: str, west: float, north: float, pixel: float
) -> None:
    place = Place("scene", crs, Affine(pixel, 0, west, 0, -pixel, north), 50, 50)
    geometry, _ = footprint_of(blank(place))
    assert geometry["type"] == "Polygon"
    assert held_of(place, shape(geometry)) > 0.999


@pytest.mark.parametrize(
    "tile",
    [
        modis_tile(*tile)
        for tile in (
            (0, 8, 2400), (25, 2, 240), (25, 2, 1200), (31, 12, 2400), (33, 6, 240), (18, 0, 2400), (14, 16, 240),
            (14, 17, 1200), (18, 0, 300),
        )
    ],
    ids=lambda place: place.name,
)  # fmt: skip
def test_a_tile_that_ends_at_180_degrees_is_one_piece_on_its_own_side(tile: Place) -> None:
    geometry, (west, _, east, _) = footprint_of(blank(tile))
    assert west < east
    assert geometry["type"] == "Polygon"
    region = shape(geometry)
    near = tile.transform.a / 4 / 111_320
    assert shapely.dwithin(region, shapely.points(*seen_points(tile)), near).all()
    assert shapely.contains_xy(region, *unseen_points(tile)).mean() < 0.002


def test_a_tile_that_touches_the_earth_by_rounding_alone_is_not_on_it() -> None:
    with pytest.raises(Rejected) as caught:
        footprint_of(blank(modis_tile(8, 2, 240)))
    assert caught.value.reason == "not-on-earth"


@pytest.mark.parametrize(
    "tile", [modis_tile(25, 2, 240), modis_tile(29, 4, 240)], ids=lambda place: place.name
)
def test_a_sharp_tip_of_a_tile_is_reached_by_its_main_part(tile: Place) -> None:
    geometry, (west, _, _, _) = footprint_of(blank(tile))
    lon, _ = pyproj.Transformer.from_crs(tile.crs, "OGC:CRS84", always_xy=True).transform(
        *(tile.transform @ (0, tile.height))
    )
    assert west == pytest.approx(lon, abs=1e-6)
    assert geometry["type"] == "Polygon"


@pytest.mark.parametrize(
    ("latitude", "half_m", "pixels"),
    [(40, 8e6, 200), (40, 1e7, 200), (40, 6.37e6, 1000), (-40, 8e6, 200), (20, 6.5e6, 300)],
)
def test_a_half_of_the_earth_with_a_pole_is_one_piece(latitude: int, half_m: float, pixels: int) -> None:
    half = square("half", ORTHO % latitude, half_m, pixels)
    geometry, bbox = footprint_of(blank(half))
    assert geometry["type"] == "Polygon"
    assert held_of(half, shape(geometry)) > 0.999
    ends = (latitude - 90, 90) if latitude > 0 else (-90, latitude + 90)
    assert (bbox[1], bbox[3]) == pytest.approx(ends, abs=0.02)


@pytest.mark.parametrize(
    ("first", "step", "columns", "crs"),
    [
        (-0.4166667, 0.8333333, 432, "EPSG:4326"),
        (-180.0, 0.8333333, 432, "EPSG:4326"),
        (360.0, -0.8333333, 432, "EPSG:4326"),
        (0.0, 0.9989, 360, "EPSG:4326"),
        (-179.9995, 359.999 / 360, 360, "EPSG:4326"),
        (0.0, 111319.4, 360, "EPSG:4087"),
    ],
    ids=["from 0", "from -180", "westward", "less than half a pixel", "a hair", "in metres"],
)
def test_a_grid_that_goes_around_but_for_rounding_is_closed(
    first: float, step: float, columns: int, crs: str
) -> None:
    unit = 1 if crs == "EPSG:4326" else 111319.49
    transform = Affine(step, 0, first, 0, -0.5 * unit, 90 * unit)
    geometry, bbox = footprint_of(blank(Place("grid", crs, transform, columns, 360)))
    assert bbox == pytest.approx([-180, -90, 180, 90], abs=1e-6)
    assert geometry["type"] == "Polygon"
    assert shape(geometry).area == pytest.approx(360 * 180)


@pytest.mark.parametrize(
    "crs", ["EPSG:4314", "EPSG:4301", "+proj=longlat +towgs84=500,-200,300 +ellps=bessel"]
)
def test_a_cap_in_degrees_of_another_datum_has_no_slivers_for_holes(crs: str) -> None:
    cap = tiff(np.ones((60, 720), "uint8"), crs=crs, transform=Affine(0.5, 0, -180, 0, -0.5, 90))
    region = shape(footprint_of(cap)[0])
    assert [len(part.interiors) for part in shapely.get_parts(region)] == [0]
    assert region.is_valid
    assert region.bounds == pytest.approx((-180, 60, 180, 90), abs=0.02)


def test_ground_that_a_coarse_frame_of_the_globe_does_not_reach_is_a_hole_of_it() -> None:
    """At both ends of a map in Equal Earth, between its frame and 180 degrees from its middle: less than a pixel."""
    left, top, width, height = -17_159_837, 8_392_928, 34_319_673, 16_785_855
    place = Affine(width / 40, 0, left, 0, -height / 30, top)
    region = shape(footprint_of(tiff(np.ones((30, 40), "uint8"), crs="EPSG:8859", transform=place))[0])
    [hole] = [ring for part in shapely.get_parts(region) for ring in part.interiors]
    assert hole.bounds == pytest.approx((-30.88, -8.23, -29.12, 8.23), abs=0.05)


def test_valid_data_of_a_grid_that_goes_around_are_closed_too() -> None:
    data = np.ones((60, 120), "uint8")
    data[:20] = data[40:] = 0
    transform = Affine(2.9999999, 0, -1.5, 0, -3, 90)
    geometry, bbox = footprint_of(
        tiff(data, nodata=0, crs="EPSG:4326", transform=transform), footprint={"mode": "valid-data"}
    )
    assert bbox == pytest.approx([-180, -30, 180, 30])
    assert geometry["type"] == "Polygon"


@pytest.mark.parametrize("west", [0, -0.16666666, -180, 100], ids=str)
@pytest.mark.parametrize("step", [1 / 3, 0.333333], ids=["a third", "rounded"])
def test_valid_data_that_go_around_lie_where_they_do_wherever_the_grid_begins(
    west: float, step: float
) -> None:
    lon, lat = west + (np.arange(1080) + 0.5) * step, 90 - (np.arange(540) + 0.5) * step
    held = (lat[:, None] < 23) | (np.abs((lon + 145 + 180) % 360 - 180) > 17)
    file = tiff(
        held.astype("uint8"), nodata=0, crs="EPSG:4326", transform=Affine(step, 0, west, 0, -step, 90)
    )
    geometry, _ = footprint_of(file, footprint={"mode": "valid-data"})
    for east, north, there in ((-145, 60, False), (35, 60, True), (-145, 0, True), (-100, 60, True)):
        assert shapely.contains_xy(shape(geometry), east, north) == there


def test_a_grid_that_lacks_more_than_half_a_pixel_stays_open() -> None:
    geometry, bbox = footprint_of(
        blank(Place("grid", "EPSG:4326", Affine(0.9983, 0, 0, 0, -1, 90), 360, 180))
    )
    assert bbox == pytest.approx([0, -90, 359.388 - 360, 90])
    assert geometry["type"] == "MultiPolygon"


@pytest.mark.parametrize("mode", ["frame", "valid-data"])
@pytest.mark.parametrize("beyond", [0.0, 0.0005, 0.02])
def test_a_region_that_ends_at_180_degrees_crosses_it_only_with_ground(beyond: float, mode: str) -> None:
    data = np.ones((80, 96), "uint8")
    data[:9] = 0
    region = tiff(data, nodata=0, crs="EPSG:4326", transform=Affine((80 + beyond) / 96, 0, 100, 0, -1, 40))
    geometry, bbox = footprint_of(region, footprint={"mode": mode})
    assert (bbox[0] > bbox[2]) == (beyond > 0.01)
    assert len(shapely.get_parts(shape(geometry))) == (2 if beyond > 0.01 else 1)


def test_a_finer_tolerance_gives_an_edge_that_is_closer_to_the_true_one() -> None:
    place = next(p for p in PLACES if p.name == "europe laea")
    coarse, _ = footprint_of(at(place), footprint={"tolerance_m": 20000})
    fine, _ = footprint_of(at(place), footprint={"tolerance_m": 50})
    column = np.linspace(0, place.width, 501)
    x, y = place.transform @ np.array([column, np.zeros(501)])
    lon, lat = pyproj.Transformer.from_crs(place.crs, "OGC:CRS84", always_xy=True).transform(x, y)
    points = shapely.points(lon, lat)
    off = [shapely.distance(shape(g).boundary, points).max() * 111_320 for g in (coarse, fine)]
    assert off[1] < 60
    assert 60 < off[0] < 25000


GRID = [
    (r, c, 10 + c * 0.01 + r * 0.002, 50 - r * 0.01 + c * 0.001) for r in (0, 50, 100) for c in (0, 60, 120)
]


@pytest.mark.parametrize("shift", [0.0, 169.5, -190.5], ids=["europe", "across 180", "below -180"])
def test_control_points_give_the_outline_of_the_real_image(shift: float) -> None:
    points = [(r, c, x + shift, y) for r, c, x, y in GRID]
    geometry, bbox = footprint_of(with_gcps(points))
    corners = [(x + shift, y) for r, c, x, y in GRID if r in (0, 100) and c in (0, 120)]
    truth = shapely.MultiPoint(corners).convex_hull
    assert shape(geometry).area == pytest.approx(truth.area, rel=0.001)
    wests = [(x + 180) % 360 - 180 for x, _ in corners]
    assert (bbox[0] > bbox[2]) == (max(wests) - min(wests) > 180)


def test_control_points_give_no_transform_and_the_shape_of_the_file() -> None:
    metadata = read_in_process(MemoryReader(with_gcps(GRID)), {}).metadata
    assert metadata["projection"] == {"proj:shape": [100, 120], "proj:code": None}


def test_a_swath_curved_by_many_control_points_is_followed() -> None:
    points = [
        (r, c, 10 + c * 0.01 + 0.3 * np.sin(r / 100 * np.pi), 50 - r * 0.01)
        for r in np.linspace(0, 100, 21)
        for c in np.linspace(0, 120, 10)
    ]
    geometry, _ = footprint_of(with_gcps(points))
    region = shape(geometry)
    assert region.area == pytest.approx(1.2 * 1.0, rel=0.002)
    assert region.covers(shapely.Point(10 + 0.3 + 0.01, 49.5))
    assert not region.covers(shapely.Point(10.2, 49.5))


@pytest.mark.parametrize("longitude", [10.0, 179.99])
def test_rational_polynomials_place_a_scene(longitude: float) -> None:
    geometry, bbox = footprint_of(with_rpcs(longitude))
    assert shape(geometry).area == pytest.approx(0.1 * 0.1, rel=0.01)
    assert bbox[1] == pytest.approx(44.95, abs=0.001)
    assert bbox[0] == pytest.approx(longitude - 0.05, abs=0.001)
    assert (bbox[0] > bbox[2]) == (longitude > 179)


def test_valid_data_footprint_follows_the_pixels_that_hold_data() -> None:
    data = np.zeros((400, 400), "uint16")
    data[100:300, 50:150] = 7
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    corners = [(399960 + 10 * c, 5000040 - 10 * r) for r, c in ((100, 50), (300, 50), (300, 150), (100, 150))]
    degrees = pyproj.Transformer.from_crs("EPSG:32633", "OGC:CRS84", always_xy=True)
    truth = shapely.Polygon([degrees.transform(x, y) for x, y in corners])
    assert shape(geometry).symmetric_difference(truth).area < truth.area * 0.02


@pytest.mark.parametrize("pixel", [0.01, 0.05, 1, 300])
def test_valid_data_have_an_outline_that_is_right_to_a_pixel_however_small(pixel: float) -> None:
    row, column = np.mgrid[:512, :512]
    disc = np.hypot(row - 255.5, column - 255.5) < 200
    place = Affine(pixel, 0, 7e5, 0, -pixel, 5.71e6)
    data = tiff(disc.astype("uint8"), nodata=0, crs="EPSG:32630", transform=place)
    geometry, _ = footprint_of(data, footprint={"mode": "valid-data"})
    region = in_pixels(geometry, "EPSG:32630", place)
    assert shapely.hausdorff_distance(region, shapely.Point(256, 256).buffer(200, 64)) < 2
    assert shapely.contains_xy(region, column[disc] + 0.5, row[disc] + 0.5).mean() > 0.99
    coarse, _ = footprint_of(data, footprint={"mode": "valid-data", "tolerance_m": 20 * pixel})
    assert len(coarse["coordinates"][0]) < len(geometry["coordinates"][0]) / 2


def in_pixels(geometry: dict[str, Any], crs: str, place: Affine) -> Any:
    """A footprint in columns and rows of its image."""
    to_crs = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    return shapely.transform(
        shape(geometry), lambda at: np.column_stack(~place @ np.array(to_crs.transform(*at.T)))
    )


@pytest.mark.parametrize("turn", [5, 15, 37, 45])
def test_valid_data_of_a_turned_scene_have_no_vertex_for_each_step_of_their_edge(turn: float) -> None:
    row, column = np.mgrid[:1000, :1000] - 499.5
    across = column * np.cos(np.radians(turn)) + row * np.sin(np.radians(turn))
    down = row * np.cos(np.radians(turn)) - column * np.sin(np.radians(turn))
    data = ((np.abs(across) < 350) & (np.abs(down) < 350)).astype("uint8")
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    assert len(geometry["coordinates"][0]) < 10
    assert in_pixels(geometry, UTM["crs"], UTM["transform"]).area == pytest.approx(data.sum(), rel=0.003)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_valid_data_of_any_shape_are_right_to_a_pixel_and_a_half_but_for_few_places(seed: int) -> None:
    random = np.random.default_rng(seed)
    row, column = np.mgrid[:250, :250] / 250 * 2 * np.pi
    waves = [(random.normal(), random.uniform(0, 7), *random.uniform(-9, 9, 2)) for _ in range(12)]
    valid = sum(high * np.cos(east * column + north * row + at) for high, at, east, north in waves) > 0
    off = how_far_off(valid)
    assert off.max() < 3
    assert (off > 1.75).mean() < 0.005


def test_valid_data_of_five_swaths_are_as_right_as_those_of_one() -> None:
    row, column = np.mgrid[:1024, :1024]
    off = how_far_off((row + column) % 410 < 328)
    assert off.max() < 3
    assert (off > 1.75).mean() < 0.01


def how_far_off(valid: Any) -> Any:
    """How far from the edge of the valid pixels the footprint's is, in pixels, all along it."""
    geometry, _ = footprint_of(tiff(valid.astype("uint8"), nodata=0), footprint={"mode": "valid-data"})
    region = shapely.make_valid(in_pixels(geometry, UTM["crs"], UTM["transform"]))
    truth = shapely.union_all([shape(area) for area, _ in shapes(valid.astype("uint8"), mask=valid)])
    edge = shapely.points(shapely.get_coordinates(shapely.segmentize(truth.boundary, 0.5)))
    return shapely.distance(edge, region.boundary)


@pytest.mark.parametrize(("across", "down"), [(17, 0), (14, 1), (11, 2), (25, 2), (31, 12)])
@pytest.mark.parametrize("kept", [0.64, 1.0])
def test_valid_data_of_a_tile_at_the_edge_of_the_earth_end_with_it(
    across: int, down: int, kept: float
) -> None:
    tile = modis_tile(across, down, 480)
    row, column = np.mgrid[:480, :480] + 0.5
    x, y = tile.transform @ np.array([column.ravel(), row.ravel()])
    half = np.pi * 6371007.181 * np.cos(y / 6371007.181)
    valid = ((np.abs(x) < half) & (column.ravel() > (1 - kept) * 480)).reshape(480, 480)
    data = tiff(valid.astype("uint8"), nodata=0, crs=tile.crs, transform=tile.transform)
    metadata = read_in_process(MemoryReader(data), {"footprint": {"mode": "valid-data"}}).metadata
    assert "footprint_problem" not in metadata
    region = shape(metadata["footprint"])
    degrees = pyproj.Transformer.from_crs(tile.crs, "OGC:CRS84", always_xy=True)
    held = shapely.intersects_xy(region, *degrees.transform(x, y)).reshape(480, 480)
    assert held[valid].mean() > 0.985
    frame = shape(footprint_of(blank(tile))[0])
    share = valid.sum() / (np.abs(x) < half).sum()
    assert shapely.difference(region, shapely.buffer(frame, 0.05)).is_empty
    assert equal_area(region) == pytest.approx(equal_area(frame) * share, rel=0.02)


def equal_area(region: Any) -> float:
    return float(
        shapely.transform(region, lambda at: np.column_stack([at[:, 0], np.sin(np.radians(at[:, 1]))])).area
    )


def test_valid_data_of_a_full_disk_are_those_on_the_earth_though_space_has_some() -> None:
    disk = DISKS[0]
    row, column = np.mgrid[:200, :200] + 0.5
    data = tiff((column > 80).astype("uint8"), nodata=0, crs=disk.crs, transform=disk.transform)
    metadata = read_in_process(MemoryReader(data), {"footprint": {"mode": "valid-data"}}).metadata
    assert "footprint_problem" not in metadata
    x, y = disk.transform @ np.array([column.ravel(), row.ravel()])
    lon, lat = pyproj.Transformer.from_crs(disk.crs, "OGC:CRS84", always_xy=True).transform(x, y)
    inner = np.isfinite(lon) & (np.hypot(lon, lat) < 70)
    held = shapely.intersects_xy(shape(metadata["footprint"]), lon[inner], lat[inner])
    clear = np.abs(column.ravel()[inner] - 80) > 1.5
    assert (held == (column.ravel()[inner] > 80))[clear].all()


def test_an_alpha_band_tells_where_valid_data_are() -> None:
    data = np.full((4, 400, 400), 7, "uint8")
    data[3] = 0
    data[3, 100:300, 50:150] = 255
    frame, _ = footprint_of(tiff(data, photometric="RGB", alpha="YES"))
    geometry, _ = footprint_of(tiff(data, photometric="RGB", alpha="YES"), footprint={"mode": "valid-data"})
    assert shape(geometry).area == pytest.approx(shape(frame).area / 8, rel=0.02)


@pytest.mark.parametrize("size", [(1, 30), (2, 30), (3, 3), (1, 100_000), (100_000, 1)], ids=str)
def test_valid_data_of_a_narrow_image_keep_their_width(size: tuple[int, int]) -> None:
    data = np.zeros(size, "uint8")
    data[: (size[0] + 1) // 2, : (size[1] + 1) // 2] = 1
    file = tiff(data, nodata=0, crs="EPSG:32633", transform=Affine(1, 0, 4e5, 0, -1, 5e6))
    frame, _ = footprint_of(file)
    geometry, _ = footprint_of(file, footprint={"mode": "valid-data"})
    assert shape(geometry).area / shape(frame).area == pytest.approx(data.mean(), rel=0.05)


@pytest.mark.parametrize("first", [1000, 1001, 1003])
@pytest.mark.parametrize("turned", [False, True], ids=["rows", "columns"])
def test_a_strip_narrower_than_the_pixels_that_stand_for_the_image_is_outlined(
    first: int, turned: bool
) -> None:
    data = np.zeros((3000, 3000), "uint8")
    data[first : first + 2] = 1
    file = tiff(data.T.copy() if turned else data, nodata=0)
    metadata = read_in_process(MemoryReader(file), {"footprint": {"mode": "valid-data"}}).metadata
    assert "footprint_problem" not in metadata
    strip = shapely.box(0, first, 3000, first + 2)
    strip = shapely.transform(strip, lambda at: at[:, ::-1]) if turned else strip
    region = in_pixels(metadata["footprint"], UTM["crs"], UTM["transform"])
    assert shapely.hausdorff_distance(region, strip) < 3 * 1.5


def swath_of(size: int) -> Any:
    """A slanted swath over the right of a square image."""
    data = np.zeros((size, size), "uint8")
    for row in range(size):
        data[row, int(0.4 * size + 0.3 * row) :] = 1
    return data


@pytest.mark.parametrize(
    ("size", "specks"),
    [(200, 20), (1000, 0), (1000, 1000), (2000, 2000), (4000, 0), (4000, 3000), (10980, 20_000)],
)
def test_stray_pixels_in_the_fill_do_not_widen_the_outline_of_a_swath(size: int, specks: int) -> None:
    data = swath_of(size)
    swath = data.sum()
    data.ravel()[np.random.default_rng(4).integers(0, data.size, specks)] = 1
    file = tiff(data, nodata=0, tiled=True, compress="deflate")
    geometry, _ = footprint_of(file, footprint={"mode": "valid-data"})
    region = in_pixels(geometry, UTM["crs"], UTM["transform"])
    assert region.area == pytest.approx(swath, rel=0.005)
    assert region.bounds == pytest.approx((0.4 * size, 0, size, size), abs=3 * -(-size // 1024))


@pytest.mark.parametrize("wide", [1, 2, 3])
@pytest.mark.parametrize(
    ("size", "slope", "mirrored"),
    [(200, 0.6, False), (1000, 0.37, False), (1000, 1, False), (2000, 0.8, False), (4000, 0.1, False),
     (4000, 1, False), (10980, 0.37, False), (10980, 0.8, False), (200, 0.6, True), (1000, 1, True),
     (2000, 0.8, True), (4000, 0.1, True)],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True], ids=["steep", "flat"])
def test_a_slanted_strip_beside_a_swath_is_of_one_piece_with_it(
    size: int, slope: float, wide: int, turned: bool, mirrored: bool
) -> None:
    data = np.zeros((size, size), "uint8")
    first, ends = size // 20, size // 2
    for row in range(ends):
        left = first + int(slope * row)
        data[row, left : left + wide] = 1
    data[ends:] = 1
    seen = data[:, ::-1] if mirrored else data
    file = tiff(np.ascontiguousarray(seen.T if turned else seen), nodata=0, tiled=True, compress="deflate")
    geometry, _ = footprint_of(file, footprint={"mode": "valid-data"})
    region = in_pixels(geometry, UTM["crs"], UTM["transform"])
    region = shapely.transform(region, lambda at: at[:, ::-1]) if turned else region
    if mirrored:
        region = shapely.transform(region, lambda at: [size, 0] + at * [-1, 1])
    last = first + slope * ends
    strip = shapely.Polygon([(first, 0), (last, ends), (last + wide, ends), (first + wide, 0)])
    truth = shapely.union(strip, shapely.box(0, ends, size, size))
    assert region.geom_type == "Polygon"
    assert shapely.hausdorff_distance(region, truth) < 3 * -(-size // 1024)
    assert shapely.get_num_coordinates(region) < 60


@pytest.mark.parametrize(("n", "pixels", "stays"), [(1, 2, False), (1, 3, True), (2, 4, False), (2, 5, True)])
def test_what_has_more_pixels_than_strays_is_outlined(n: int, pixels: int, stays: bool) -> None:
    data = np.zeros((1000 * n, 1000 * n), "uint8")
    data[:, 600 * n :] = 1
    data[300, 200 : 200 + pixels] = 1
    geometry, _ = footprint_of(tiff(data, nodata=0, tiled=True), footprint={"mode": "valid-data"})
    left = in_pixels(geometry, UTM["crs"], UTM["transform"]).bounds[0]
    assert left == pytest.approx(200 if stays else 600 * n, abs=n + 1)


@pytest.mark.parametrize(("high", "wide"), [(40, 40_000), (20, 20_000), (300, 30_000)])
def test_a_strip_across_a_narrow_image_is_outlined(high: int, wide: int) -> None:
    data = np.zeros((high, wide), "uint8")
    data[:, wide // 2 :] = 1
    data[:, wide // 10] = 1
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    left = in_pixels(geometry, UTM["crs"], UTM["transform"]).bounds[0]
    assert left == pytest.approx(wide // 10, abs=-(-wide // 1024))


def test_slanted_gaps_between_wide_data_stay() -> None:
    rows, columns = np.indices((600, 600))
    data = ((rows + columns // 5) % 30 != 0).astype("uint8")
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    region = in_pixels(geometry, UTM["crs"], UTM["transform"])
    assert region.area == pytest.approx(data.sum(), rel=0.005)


@pytest.mark.parametrize("share", [0.002, 0.05])
def test_data_that_are_sparse_everywhere_are_no_stray_pixels(share: float) -> None:
    data = (np.random.default_rng(1).random((4000, 4000)) < share).astype("uint8")
    data[:, 2500:] = 0
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    region = in_pixels(geometry, UTM["crs"], UTM["transform"])
    assert region.area == pytest.approx(4000 * 2500, rel=0.03)


def test_many_small_areas_have_some_thousands_of_vertices_at_most() -> None:
    data = np.zeros((1024, 1024), "uint8")
    data[::23, ::23] = 1
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    assert len(shapely.get_coordinates(shape(geometry))) < 2800


@pytest.mark.parametrize("share", [0.01, 0.5, 0.97])
def test_specks_all_over_make_a_short_outline_soon(share: float) -> None:
    data = (np.random.default_rng(1).random((1024, 1024)) < share).astype("uint8")
    data[:, 700:] = 0
    geometry, _ = footprint_of(tiff(data, nodata=0), footprint={"mode": "valid-data"})
    frame, _ = footprint_of(tiff(data, nodata=0))
    assert len(shapely.get_coordinates(shape(geometry))) < (500 if share > 0.1 else 2800)
    most = shape(frame).area * 700 / 1024
    assert (0.97 if share > 0.1 else 0.1) * most < shape(geometry).area < 1.03 * most


@pytest.mark.parametrize("inner", [0, 40], ids=["disc", "ring"])
@pytest.mark.parametrize("crs", ["EPSG:3031", "EPSG:3413"])
def test_valid_data_around_a_pole(crs: str, inner: int) -> None:
    row, column = np.mgrid[:500, :500]
    far = np.hypot(row - 249.5, column - 249.5)
    data = ((far < 200) & (far >= inner)).astype("uint8")
    transform = Affine(1e4, 0, -2.5e6, 0, -1e4, 2.5e6)
    geometry, bbox = footprint_of(
        tiff(data, nodata=0, crs=crs, transform=transform), footprint={"mode": "valid-data"}
    )
    to_crs = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    random = np.random.default_rng(2)
    lat = random.uniform(65, 90, 4000) * (1 if crs == "EPSG:3413" else -1)
    lon = random.uniform(-180, 180, 4000)
    far = np.hypot(*to_crs.transform(lon, lat)) / 1e4
    held = shapely.contains_xy(shape(geometry), lon, lat)
    clear = (np.abs(far - 200) > 2) & (np.abs(far - inner) > 2)
    assert (held == ((far < 200) & (far >= inner)))[clear].all()
    assert (bbox[0], bbox[2]) == (-180, 180)
    assert (90 in (bbox[3], -bbox[1])) == (inner == 0)


@pytest.mark.parametrize("wide", [7, 9])
@pytest.mark.parametrize("crs", ["EPSG:3031", "EPSG:3413"])
def test_a_pole_in_the_middle_of_a_pixel_lies_within_the_few_valid_data_around_it(
    crs: str, wide: int
) -> None:
    data = np.zeros((41, 41), "uint8")
    data[20 - wide // 2 :, 20 - wide // 2 :][:wide, :wide] = 1
    transform = Affine(25_000, 0, -20.5 * 25_000, 0, -25_000, 20.5 * 25_000)
    file = tiff(data, nodata=0, crs=crs, transform=transform)
    metadata = read_in_process(MemoryReader(file), {"footprint": {"mode": "valid-data"}}).metadata
    assert "footprint_problem" not in metadata
    square = equal_area(shape(metadata["footprint"]))
    assert square == pytest.approx(equal_area(shape(footprint_of(file)[0])) * (wide / 41) ** 2, rel=0.05)


@pytest.mark.parametrize(
    "size", [(20, 30), (1, 30), (1, 100_000), (3, 100_000), (100_000, 1), (1, 1)], ids=str
)
@pytest.mark.parametrize("pixel", [0.02, 0.1, 10, 30])
@pytest.mark.parametrize("turn", [0, 20])
def test_a_small_or_narrow_image_has_its_own_outline(
    size: tuple[int, int], pixel: float, turn: float
) -> None:
    rows, columns = size
    transform = Affine.translation(4e5, 5e6) @ Affine.rotation(turn) @ Affine.scale(pixel, -pixel)
    geometry, _ = footprint_of(tiff(np.ones(size, "uint8"), transform=transform, crs="EPSG:32633"))
    region = shape(geometry)
    corners = [transform @ corner for corner in ((0, 0), (0, rows), (columns, rows), (columns, 0))]
    degrees = pyproj.Transformer.from_crs("EPSG:32633", "OGC:CRS84", always_xy=True)
    edge = shapely.segmentize(shapely.Polygon(corners), max(rows, columns) * pixel / 500)
    truth = shapely.Polygon(np.column_stack(degrees.transform(*shapely.get_coordinates(edge).T)))
    assert shapely.hausdorff_distance(region, truth) * 111_320 < 0.02 + 0.1 * pixel * min(size)


def test_a_rule_can_state_the_footprint_of_a_file_without_a_crs() -> None:
    box = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}
    geometry, bbox = footprint_of(tiff(np.ones((9, 9), "uint8"), crs=None), footprint={"geometry": box})
    assert bbox == [0, 0, 1, 1]
    assert shapely.is_ccw(shapely.get_exterior_ring(shape(geometry)))


def test_rpcs_place_a_scene_that_names_a_crs_without_a_geotransform() -> None:
    alone, _ = footprint_of(with_rpcs())
    named, _ = footprint_of(with_rpcs(crs="EPSG:32632"))
    assert named == alone


@pytest.mark.parametrize("options", [{}, {"header_only": True}], ids=["all is nodata", "no pixel is read"])
def test_a_frame_that_stands_for_valid_data_is_said_to_be_one(options: dict[str, object]) -> None:
    data = tiff(np.zeros((40, 40), "uint8"), nodata=0)
    wanted = {"footprint": {"mode": "valid-data"}, **options}
    metadata = read_in_process(MemoryReader(data), wanted).metadata
    frame, _ = footprint_of(data)
    assert metadata["footprint"] == frame
    assert metadata["footprint_problem"]["reason"] == "no-valid-data"


@pytest.mark.parametrize(("whole", "which"), [(True, "pixel"), (False, "pixel of the overview")])
def test_no_more_pixels_are_said_to_hold_no_data_than_were_read(
    monkeypatch: pytest.MonkeyPatch, *, whole: bool, which: str
) -> None:
    if not whole:
        monkeypatch.setattr(opening, "WHOLE_BYTES", 0)
    data = np.zeros((2048, 2048), "uint8")
    blocks: dict[str, Any] = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    file = tiff(data, lambda dataset: dataset.build_overviews([2]), nodata=0, **blocks)
    metadata = read_in_process(MemoryReader(file), {"footprint": {"mode": "valid-data"}}).metadata
    assert metadata["statistics_exact"] == whole
    assert metadata["footprint_problem"]["detail"] == f"no {which} holds data"


@pytest.mark.parametrize(
    ("crs", "half", "rows"),
    [
        ("+proj=sinu +R=6371007.181 +units=m", 20015109.354, 240),
        ("+proj=laea +datum=WGS84 +units=m", 12.8e6, 480),
        ("+proj=aeqd +lat_0=90 +datum=WGS84 +units=m", 20.1e6, 480),
    ],
    ids=["sinusoidal", "laea", "aeqd"],
)
@pytest.mark.parametrize("north", [90, 60])
def test_valid_data_of_a_whole_world_are_those_or_have_the_frame(
    crs: str, half: float, rows: int, north: float
) -> None:
    step = half / 240
    transform = Affine(step, 0, -half, 0, -step, step * rows / 2)
    row, column = np.mgrid[:rows, :480] + 0.5
    x, y = transform @ np.array([column.ravel(), row.ravel()])
    to_crs = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    lon, lat = to_crs.transform(x, y, direction="INVERSE")
    with np.errstate(invalid="ignore"):
        on_earth = np.hypot(*(np.array(to_crs.transform(lon, lat)) - [x, y])) < 1000
        valid = on_earth & (lat < north)
    data = tiff(valid.reshape(rows, 480).astype("uint8"), nodata=0, crs=crs, transform=transform)
    metadata = read_in_process(MemoryReader(data), {"footprint": {"mode": "valid-data"}}).metadata
    region = shape(metadata["footprint"])
    assert shapely.intersects_xy(region, lon[valid], lat[valid]).mean() > 0.97
    if "footprint_problem" in metadata:
        assert "not known surely" in metadata["footprint_problem"]["detail"]
        assert metadata["footprint"] == footprint_of(data)[0]


@pytest.mark.parametrize("mode", ["frame", "valid-data"])
def test_a_frame_that_is_all_valid_is_nothing_to_speak_of(mode: str) -> None:
    data = tiff(np.ones((40, 40), "uint8"), nodata=0)
    metadata = read_in_process(MemoryReader(data), {"footprint": {"mode": mode}}).metadata
    assert "footprint_problem" not in metadata


def test_files_of_one_grid_share_its_georeference_and_others_do_not() -> None:
    data = np.ones((8, 8), "uint8")
    place = Affine(10, 0, 500_000, 0, -10, 5_000_000)
    files = [tiff(data, crs=crs, transform=place) for crs in ("EPSG:32633", "EPSG:32633", "EPSG:32634")]
    files.append(tiff(data, crs="EPSG:32633", transform=place @ Affine.translation(0, 1)))
    found = []
    for file in files:
        with MemoryFile(file) as memory, memory.open() as dataset:
            found.append(georeference(dataset))
    assert found[0] is found[1]
    assert len({id(each) for each in found}) == 3


def test_what_is_kept_of_a_grid_is_of_its_size_its_tolerance_and_its_crs() -> None:
    grid = Affine(1000, 0, 300_000, 0, -1000, 8_000_000)

    def read(side: int, crs: str, metres: float) -> tuple[dict[str, Any], list[float]]:
        data = tiff(np.ones((side, side), "uint8"), crs=crs, transform=grid)
        return footprint_of(data, footprint={"tolerance_m": metres})

    asked = [
        (side, crs, metres)
        for side in (200, 300)
        for crs in ("EPSG:32633", "EPSG:32733")
        for metres in (5, 300)
    ]
    first = [read(*each) for each in asked]
    assert all(one != other for index, one in enumerate(first) for other in first[:index])
    first[0][0]["coordinates"].clear()  # what is kept is not what is given away
    again = [read(*each) for each in asked]
    _frame_region.cache_clear()
    assert again == [read(*each) for each in asked]
    assert first[1:] == again[1:]
