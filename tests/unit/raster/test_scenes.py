"""Control points and rational polynomials give the scene's true outline, as another way than ours tells it."""

import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from eventstac.errors import Rejected
from tests.unit.raster.corpus import with_gcps
from tests.unit.raster.scenes import CAMERAS, SWATHS, Camera, Points, swath
from tests.unit.raster.test_footprint import GRID, footprint_of, seen_points, unseen_points


def holds(data: bytes, seen: Points, unseen: Points) -> list[float]:
    """Check that a footprint holds what is seen, and nothing else; gives its bbox."""
    geometry, bbox = footprint_of(data)
    region = shape(geometry)
    assert region.is_valid
    assert len(seen[0]) > 2000
    assert len(unseen[0]) > 2000
    assert shapely.intersects_xy(region, *seen).all()
    assert not shapely.contains_xy(region, *unseen).any()
    return bbox


@pytest.mark.parametrize("name", SWATHS)
def test_control_points_give_the_outline_of_the_swath_that_they_were_taken_from(name: str) -> None:
    place, _ = SWATHS[name]
    bbox = holds(swath(name), seen_points(place), unseen_points(place))
    assert (bbox[0] > bbox[2]) == ("across 180" in name)
    assert (bbox[1] == -90) == ("around the pole" in name)


@pytest.mark.parametrize("name", CAMERAS)
def test_polynomials_give_the_outline_at_their_mean_height(name: str) -> None:
    camera = CAMERAS[name]
    bbox = holds(camera.scene(), *camera.points())
    assert (bbox[0] > bbox[2]) == ("across 180" in name)


def test_the_height_matters_to_where_polynomials_place_a_scene() -> None:
    """At sea level this scene shows another piece of the Earth: a footprint that left heights out would be told."""
    camera = CAMERAS["polynomials of a mountain"]
    (lon, lat), _ = camera.points()
    column, row = camera.pixel_of(lon, lat, 0.0)
    outside = (column < 0) | (column > camera.columns) | (row < 0) | (row > camera.rows)
    assert outside.mean() > 0.5


def test_polynomials_are_those_that_gdal_reads_back() -> None:
    """The order of the coefficients here is that of the file: GDAL's own transformer finds the same pixels."""
    from rasterio.transform import RPCTransformer

    camera = Camera(10.0, 45.0)
    (lon, lat), _ = camera.points()
    with RPCTransformer(camera.rpcs, rpc_height=300.0) as gdal:
        rows, columns = gdal.rowcol(lon, lat, op=np.asarray)
    column, row = camera.pixel_of(lon, lat, 300.0)
    assert np.abs(np.asarray(columns) - column).max() < 0.51
    assert np.abs(np.asarray(rows) - row).max() < 0.51


@pytest.mark.parametrize("copies", [1, 3])
def test_a_control_point_that_is_given_twice_counts_once(copies: int) -> None:
    row, column, x, y = GRID[0]
    once, _ = footprint_of(with_gcps(GRID))
    again, _ = footprint_of(with_gcps([*GRID, *[GRID[0]] * copies]))
    close, _ = footprint_of(with_gcps([*GRID, (row, column, x + 1e-5, y)]))
    assert again == once
    assert shapely.hausdorff_distance(shape(close), shape(once)) < 2e-5


@pytest.mark.parametrize("off", [0.1, 5.0])
def test_control_points_on_one_pixel_that_contradict_one_another_are_named(off: float) -> None:
    row, column, x, y = GRID[4]
    with pytest.raises(Rejected, match=r"row 50, column 60 .* km apart") as caught:
        footprint_of(with_gcps([*GRID, (row, column, x + off, y)]))
    assert caught.value.reason == "no-georeference"


def test_three_control_points_of_which_two_are_the_same_fix_nothing() -> None:
    with pytest.raises(Rejected, match="2 ground control points do not fix an image"):
        footprint_of(with_gcps([GRID[0], GRID[0], GRID[2]]))
