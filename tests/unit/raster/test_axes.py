"""Grids of netCDF: those that GDAL has in the right place have a footprint, others none."""

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import mapping

from eventstac.errors import Rejected
from eventstac.raster.extract import read_in_process
from tests.unit.raster.corpus import classic_netcdf, netcdf
from tests.unit.raster.readers import MemoryReader

IN_DEGREES = {"crs": "EPSG:4326"}


def read(data: bytes, **options: object) -> dict[str, Any]:
    return read_in_process(MemoryReader(data), options).metadata


def refused(data: bytes, **options: object) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(data, **options)
    return caught.value


@pytest.mark.parametrize("columns", [60, 40])
@pytest.mark.parametrize("order", [("lat", "lon"), ("time", "lat", "lon")], ids="-".join)
def test_a_grid_in_the_usual_order_lies_where_its_axes_say(order: tuple[str, ...], columns: int) -> None:
    metadata = read(netcdf(40, columns, order), **IN_DEGREES)
    assert metadata["bbox"] == pytest.approx([0, 30, 6, 34], abs=1e-4)
    assert metadata["projection"]["proj:shape"] == [40, columns]
    assert metadata["projection"]["proj:transform"][2] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("columns", [60, 40])
@pytest.mark.parametrize(
    "order",
    [
        ("lon", "lat"),
        ("time", "lon", "lat"),
        ("lat", "lon", "time"),
        ("lat", "time", "lon"),
        ("lon", "time", "lat"),
    ],
    ids="-".join,
)
def test_a_grid_in_another_order_is_not_put_where_gdal_has_it(order: tuple[str, ...], columns: int) -> None:
    data = netcdf(40, columns, order)
    for options in ({}, IN_DEGREES):
        problem = refused(data, **options)
        assert problem.reason == "no-georeference"
        assert 'transpose(..., "lat", "lon")' in problem.detail


def test_a_grid_in_another_order_has_the_rules_footprint_and_no_swapped_transform() -> None:
    given = mapping(shapely.box(0, 30, 6, 34))
    metadata = read(netcdf(40, 60, ("lon", "lat")), footprint={"geometry": given}, **IN_DEGREES)
    assert metadata["bbox"] == [0, 30, 6, 34]
    assert metadata["projection"] == {"proj:shape": [60, 40], "proj:code": None}
    metadata = read(netcdf(40, 60, ("lon", "lat")), allow_no_footprint=True, **IN_DEGREES)
    assert metadata["footprint"] is None
    assert metadata["footprint_problem"]["reason"] == "no-georeference"
    assert metadata["projection"] == {"proj:shape": [60, 40], "proj:code": None}


@pytest.mark.parametrize("columns", [60, 40])
@pytest.mark.parametrize(("unit", "metres"), [("m", 1), ("km", 1000)])
def test_a_projected_grid_is_told_by_its_axes_in_whatever_unit(unit: str, metres: int, columns: int) -> None:
    axes = {
        "y": (
            (5e6 - 500 * np.arange(40)) / metres,
            {"standard_name": "projection_y_coordinate", "units": unit},
        ),
        "x": (
            (5e5 + 500 * np.arange(columns)) / metres,
            {"standard_name": "projection_x_coordinate", "units": unit},
        ),
    }
    crs = {name: str(value) for name, value in pyproj.CRS(32633).to_cf().items() if name != "crs_wkt"}
    metadata = read(classic_netcdf(axes, ("y", "x"), {}, crs))
    assert metadata["bbox"] == pytest.approx([15, 44.97, 15 + columns * 0.0063, 45.16], abs=0.02)
    problem = refused(classic_netcdf(axes, ("x", "y"), {}, crs))
    assert problem.reason == "no-georeference"
    assert 'transpose(..., "y", "x")' in problem.detail


@pytest.mark.parametrize("words", [{"long_name": "{}"}, {"units": "Degrees_{}"}], ids=["name", "unit"])
@pytest.mark.parametrize("columns", [60, 40])
def test_the_words_of_an_axis_count_as_gdal_takes_them(words: dict[str, str], columns: int) -> None:
    names = (
        {"lat": "Latitude", "lon": "Longitude"} if "long_name" in words else {"lat": "North", "lon": "East"}
    )
    axes = {
        "a": (34 - 0.1 * np.arange(40), {key: text.format(names["lat"]) for key, text in words.items()}),
        "b": (0.1 * np.arange(columns), {key: text.format(names["lon"]) for key, text in words.items()}),
    }
    problem = refused(classic_netcdf(axes, ("b", "a"), {}), **IN_DEGREES)
    assert problem.reason == "no-georeference"
    assert 'transpose(..., "a", "b")' in problem.detail
    assert read(classic_netcdf(axes, ("a", "b"), {}), **IN_DEGREES)["bbox"][0] == pytest.approx(-0.05)


def test_a_grid_with_a_longitude_beside_its_axes_is_taken() -> None:
    axes: dict[str, Any] = {
        "lon": (np.array([15.0]), {"units": "degrees_east"}),
        "y": (5e6 - 500 * np.arange(40), {"standard_name": "projection_y_coordinate", "units": "m"}),
        "x": (5e5 + 500 * np.arange(60), {"standard_name": "projection_x_coordinate", "units": "m"}),
    }
    crs = {name: str(value) for name, value in pyproj.CRS(32633).to_cf().items() if name != "crs_wkt"}
    metadata = read(classic_netcdf(axes, ("lon", "y", "x"), {}, crs))
    assert metadata["bbox"][0] == pytest.approx(15, abs=0.01)


@pytest.mark.parametrize("unit", ["m", "Metres", "1 m", "meter", ""])
def test_metres_are_metres(unit: str) -> None:
    axes = {
        name: (10 * np.arange(20), {"standard_name": f"projection_{name}_coordinate", "units": unit})
        for name in "yx"
    }
    crs = {"grid_mapping_name": "transverse_mercator", "crs_wkt": pyproj.CRS(32633).to_wkt()}
    assert read(classic_netcdf(axes, ("y", "x"), {}, crs))["bbox"]


@pytest.mark.parametrize("unit", ["km", "rad", "1000 m", "cm", "hm"])
def test_axes_in_another_unit_than_a_crs_in_metres_put_the_grid_nowhere(unit: str) -> None:
    axes = {
        name: (10 * np.arange(20), {"standard_name": f"projection_{name}_coordinate", "units": unit})
        for name in "yx"
    }
    crs = {"grid_mapping_name": "transverse_mercator", "crs_wkt": pyproj.CRS(32633).to_wkt()}
    data = classic_netcdf(axes, ("y", "x"), {}, crs)
    problem = refused(data)
    assert problem.reason == "no-georeference"
    assert f"in {unit}, but its CRS is in metres" in problem.detail
    metadata = read(data, footprint={"geometry": mapping(shapely.box(0, 30, 6, 34))})
    assert metadata["projection"] == {"proj:shape": [20, 20], "proj:code": None}
    in_km = {**crs, "crs_wkt": pyproj.CRS("+proj=utm +zone=33 +units=km").to_wkt()}
    assert read(classic_netcdf(axes, ("y", "x"), {}, in_km))["bbox"][1] == pytest.approx(0, abs=0.1)


def test_a_grid_in_degrees_without_a_crs_is_told_which_one_to_give() -> None:
    problem = refused(netcdf())
    assert problem.reason == "no-crs"
    assert "`crs: EPSG:4326`" in problem.detail
    assert "gdal_edit" not in problem.detail
    metres = {name: (10 * np.arange(9), {"units": "m", "axis": name.upper()}) for name in "yx"}
    assert "EPSG:4326" not in refused(classic_netcdf(metres, ("y", "x"), {})).detail


def test_a_series_is_sound_but_holds_no_grid() -> None:
    series = {"time": (np.arange(9), {"units": "days since 2020-01-01"})}
    data = classic_netcdf(series, ("time",), {"units": "m"})
    assert refused(data).reason == "no-bands"
    assert refused(data, variable="nothing").reason == "no-bands"
    damaged = data.replace(b"\0\0\0\x0b", b"\0\0\0\x0d")  # the tag of the list of variables
    assert damaged != data
    assert refused(damaged).reason == "bad-raster"
