"""Where pixels lie between ground control points: a thin-plate spline on the sphere."""

from collections.abc import Sequence

import numpy as np
from rasterio.control import GroundControlPoint

from eventstac.errors import Rejected
from eventstac.raster.earth import EarthCrs, Floats, ToLonLat, refuse_beyond_degrees

MAX_GCPS = 400  # a thin-plate spline costs the cube of their number
_LEAST_GCPS = 3
_SAME_PIXEL = 100  # points nearer than a hundredth of a pixel are one
_MOST_APART = 0.005  # of what all points span: half of a hundredth of the image, on each side of the mean
_EARTH_KM = 6371.0


def _to_vector(lon: Floats, lat: Floats) -> Floats:
    lam, phi = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def splined(gcps: Sequence[GroundControlPoint], earth: EarthCrs) -> ToLonLat:
    """A thin-plate spline through the control points, on the sphere: right across 180 degrees and at the poles.

    Raises Rejected `no-georeference` for points that do not fix an image.
    """
    if len(gcps) < _LEAST_GCPS:
        raise Rejected("no-georeference", _too_few(len(gcps)))
    chosen = gcps if len(gcps) <= MAX_GCPS else _spread(gcps)
    x, y = np.array([g.x for g in chosen]), np.array([g.y for g in chosen])
    refuse_beyond_degrees(earth, x, y, "a ground control point has")
    lon, lat = earth.forward(x, y)
    targets = _to_vector(np.asarray(lon), np.asarray(lat))
    points = np.array([[g.col, g.row] for g in chosen], np.float64)
    if not np.isfinite(targets).all():
        raise Rejected("no-georeference", "some ground control points do not lie on the Earth")
    spline = _Spline(*_one_for_each_pixel(points, targets))

    def to_lonlat(column: Floats, row: Floats) -> tuple[Floats, Floats]:
        vector = spline(np.stack([column, row], axis=-1))
        lon = np.degrees(np.arctan2(vector[:, 1], vector[:, 0]))
        return lon, np.degrees(np.arctan2(vector[:, 2], np.hypot(vector[:, 0], vector[:, 1])))

    return to_lonlat


def _one_for_each_pixel(points: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """The mean of points that lie on one pixel, which a spline cannot go through one by one.

    Raises Rejected `no-georeference` where they contradict one another, or leave less than three.
    """
    pixels, group = np.unique(np.round(points * _SAME_PIXEL) / _SAME_PIXEL, axis=0, return_inverse=True)
    group = group.ravel()
    if len(pixels) == len(points):
        return points, targets
    counts = np.bincount(group)[:, None]
    means = np.stack([np.bincount(group, weights=each) for each in targets.T], axis=1) / counts
    off = np.linalg.norm(targets - means[group], axis=1)
    if off.max() > _MOST_APART * np.ptp(targets, axis=0).max():
        worst = int(off.argmax())
        column, row = points[worst]
        raise Rejected(
            "no-georeference",
            f"ground control points at row {row:g}, column {column:g} are {2 * off[worst] * _EARTH_KM:.3g} km apart on "
            "the Earth: one pixel cannot lie at several places; write the file without the wrong ones",
        )
    if len(pixels) < _LEAST_GCPS:
        raise Rejected("no-georeference", _too_few(len(pixels)))
    return pixels, means


def _too_few(count: int) -> str:
    return f"{count} ground control points do not fix an image: {_LEAST_GCPS} are the least"


def _spread(gcps: Sequence[GroundControlPoint]) -> list[GroundControlPoint]:
    """Of very many points the outermost of each direction and an even selection of the others."""
    rows, columns = np.array([g.row for g in gcps]), np.array([g.col for g in gcps])
    angles = np.radians(np.arange(0, 360, 15))
    outer = {int(np.argmax(columns * np.cos(a) + rows * np.sin(a))) for a in angles}
    even = set(np.linspace(0, len(gcps) - 1, MAX_GCPS - len(outer)).astype(int).tolist())
    return [gcps[index] for index in sorted(outer | even)]


class _Spline:
    """A thin-plate spline from the plane to vectors; an affine map where the points allow no more."""

    def __init__(self, points: Floats, targets: Floats) -> None:
        self._centre = points.mean(axis=0)
        self._scale = float(np.abs(points - self._centre).max()) or 1.0
        self._points = (points - self._centre) / self._scale
        count = len(points)
        plane = np.hstack([np.ones((count, 1)), self._points])
        if np.linalg.matrix_rank(plane) < 3:
            raise Rejected(
                "no-georeference", "the ground control points lie on one line: they do not fix an image"
            )
        if count == 3:
            self._bends = np.zeros((0, targets.shape[1]))
            self._points = self._points[:0]
            self._plane = np.linalg.solve(plane, targets)
            return
        kernel = _kernel(self._points, self._points)
        system = np.block([[kernel, plane], [plane.T, np.zeros((3, 3))]])
        right = np.vstack([targets, np.zeros((3, targets.shape[1]))])
        solution = np.linalg.lstsq(system, right, rcond=None)[0]
        self._bends, self._plane = solution[:count], solution[count:]

    def __call__(self, points: Floats) -> Floats:
        scaled = (points - self._centre) / self._scale
        plane = np.hstack([np.ones((len(scaled), 1)), scaled]) @ self._plane
        result: Floats = plane + _kernel(scaled, self._points) @ self._bends
        return result


def _kernel(left: Floats, right: Floats) -> Floats:
    squared = ((left[:, None, :] - right[None, :, :]) ** 2).sum(axis=2)
    result: Floats = squared * np.log(np.where(squared > 0, squared, 1.0))
    return result
