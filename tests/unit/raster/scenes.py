"""Scenes that control points or polynomials place, each with points that pyproj or the polynomials say it shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
from rasterio.rpc import RPC
from rasterio.transform import Affine

from tests.unit.raster.corpus import Place, tiff, with_gcps

Points = tuple[np.ndarray, np.ndarray]


def _turned(degrees: float, x: float, y: float, pixel: float) -> Affine:
    turned: Affine = Affine.translation(x, y) @ Affine.rotation(degrees) @ Affine.scale(pixel, -pixel)
    return turned


# Where the pixels of a swath truly lie; the files hold nothing of it but some of the points.
SWATHS = {
    "control points of a radar scene": (
        Place("", "EPSG:32633", _turned(13, 4e5, 5e6, 500), 500, 400),
        (21, 10),
    ),
    "control points across 180": (Place("", "EPSG:32601", _turned(-12, 1e5, 2e6, 500), 500, 400), (21, 10)),
    "control points beside the pole": (
        Place("", "EPSG:3413", _turned(30, 2e5, -2e5, 500), 500, 400),
        (21, 10),
    ),
    "control points around the pole": (
        Place("", "EPSG:3031", _turned(0, -2e5, 2e5, 1000), 400, 400),
        (15, 15),
    ),
    "control points at four corners": (Place("", "EPSG:32633", _turned(25, 5e5, 5e6, 10), 500, 400), (2, 2)),
}


def swath(name: str) -> bytes:
    """The file: pixels without a transform, and control points in degrees on a grid."""
    place, (down, across) = SWATHS[name]
    row, column = (
        axis.ravel()
        for axis in np.meshgrid(
            np.linspace(0, place.height, down), np.linspace(0, place.width, across), indexing="ij"
        )
    )
    x, y = place.transform @ np.array([column, row])
    lon, lat = pyproj.Transformer.from_crs(place.crs, "OGC:CRS84", always_xy=True).transform(x, y)
    points = zip(row.tolist(), column.tolist(), lon.tolist(), lat.tolist(), strict=True)
    return with_gcps(list(points), place.height, place.width)


@dataclass(frozen=True)
class Camera:
    """Rational polynomials of a scene that is turned, sheared by its terrain's height, and slightly curved."""

    longitude: float
    latitude: float
    rows: int = 1000
    columns: int = 1200
    mean_height_m: float = 300.0

    @property
    def rpcs(self) -> RPC:
        """The coefficients in the order of RPC00B: 1, L, P, H, LP, LH, PH, LL, PP, HH, and the cubic ones."""
        line = [0.01, 0.12, -1.0, 0.3, 0.004, 0.001, 0.002, 0.006, 0.01, 0.001, *[0.0002] * 10]
        sample = [-0.02, 1.0, 0.15, -0.2, 0.003, 0.002, 0.001, 0.008, 0.005, 0.0, *[-0.0001] * 10]
        return RPC(
            height_off=self.mean_height_m, height_scale=500, lat_off=self.latitude, lat_scale=0.05,
            long_off=self.longitude, long_scale=0.05, line_off=500, line_scale=500, samp_off=600, samp_scale=600,
            line_num_coeff=line, line_den_coeff=[1.0, 0.002, 0.003, 0.001, *[0.0001] * 16],
            samp_num_coeff=sample, samp_den_coeff=[1.0, -0.001, 0.002, 0.002, *[0.0001] * 16],
            err_bias=0, err_rand=0,
        )  # fmt: skip

    def pixel_of(self, lon: np.ndarray, lat: np.ndarray, height_m: float) -> Points:
        """Column and row (0 is the outer edge of the first pixel) at which a place at a height is seen."""
        rpcs: Any = self.rpcs
        longitude = ((lon - rpcs.long_off + 180) % 360 - 180) / rpcs.long_scale
        latitude = (lat - rpcs.lat_off) / rpcs.lat_scale
        height = np.full_like(lon, (height_m - rpcs.height_off) / rpcs.height_scale)
        terms = _terms(longitude, latitude, height)
        row = (rpcs.line_num_coeff @ terms) / (rpcs.line_den_coeff @ terms) * rpcs.line_scale + rpcs.line_off
        column = (rpcs.samp_num_coeff @ terms) / (
            rpcs.samp_den_coeff @ terms
        ) * rpcs.samp_scale + rpcs.samp_off
        return column + 0.5, row + 0.5  # the polynomials count from the centre of the first pixel

    def points(self, margin: float = 0.5) -> tuple[Points, Points]:
        """Places at the mean height that the scene shows, and places that it does not, near and far."""
        random = np.random.default_rng(11)
        lon = self.longitude + random.uniform(-0.12, 0.12, 20000)
        lat = self.latitude + random.uniform(-0.12, 0.12, 20000)
        column, row = self.pixel_of(lon, lat, self.mean_height_m)
        across, down = np.abs(column - self.columns / 2), np.abs(row - self.rows / 2)
        inside = (across < self.columns / 2 - margin) & (down < self.rows / 2 - margin)
        outside = (across > self.columns / 2 + margin) | (down > self.rows / 2 + margin)
        far_lon, far_lat = random.uniform(-180, 180, 1000), random.uniform(-40, 40, 1000)
        lon = (lon + 180) % 360 - 180
        unseen = np.append(lon[outside], far_lon), np.append(lat[outside], far_lat)
        return (lon[inside], lat[inside]), unseen

    def scene(self, **profile: Any) -> bytes:
        """The file."""
        return tiff(np.ones((self.rows, self.columns), "uint8"), rpcs=self.rpcs, **profile)


def _terms(lon: np.ndarray, lat: np.ndarray, height: np.ndarray) -> np.ndarray:
    one = np.ones_like(lon)
    return np.stack(
        [
            one, lon, lat, height, lon * lat, lon * height, lat * height, lon**2, lat**2, height**2,
            lat * lon * height, lon**3, lon * lat**2, lon * height**2, lon**2 * lat, lat**3, lat * height**2,
            lon**2 * height, lat**2 * height, height**3,
        ]
    )  # fmt: skip


CAMERAS = {
    "polynomials with terrain": Camera(10.0, 45.0),
    "polynomials across 180": Camera(179.99, -17.0),
    "polynomials of a mountain": Camera(86.9, 28.0, mean_height_m=5200.0),
}
