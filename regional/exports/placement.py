"""Grid of an export: the run's own, its rows turned, or the global grid that holds it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.heat.year import DEPTHS, NO_SEASON_DEPTH
from temjax.outputs import DEPTH_ATTRIBUTES

_ALIGNED = 1e-3  # cells


@dataclass(frozen=True)
class Placement:
    """Rows and columns of an export and where those of the run stand among them.

    Attributes:
        coordinates: of the two horizontal dimensions, with all their attributes.
        dims: horizontal dimensions.
        shape: rows and columns.
        rows, columns: of the run's rows and columns.
        width: of the cells, degrees; NaN on a grid without axes.
        is_global: whether it is a global grid.
    """

    coordinates: xr.Dataset
    dims: tuple[str, str]
    shape: tuple[int, int]
    rows: NDArray
    columns: NDArray
    width: float
    is_global: bool

    def place(self, values: NDArray, fill: np.float32) -> NDArray:
        """Values ``(..., row, column)`` of the run on the export's grid, float32; ``fill`` where
        there are none."""
        out = np.full((*values.shape[:-2], *self.shape), fill, dtype=np.float32)
        out[..., self.rows[:, None], self.columns] = np.where(np.isnan(values), fill, values)
        return out


def placement(place: xr.Dataset, *, north_first: bool, global_width: float | None) -> Placement:
    """Placement of a run's grid.

    Args:
        place: horizontal coordinates of a result file.
        north_first: turn rows so that they go from north to south.
        global_width: put the cells on the global grid of this width, degrees, if they are its.
    """
    place = place.drop_vars([name for name in ("depth",) if name in place.variables])
    if place["lat"].ndim != 1:
        rows, columns = map(str, place["lat"].dims)
        shape = place.sizes[rows], place.sizes[columns]
        own = np.arange(shape[0]), np.arange(shape[1])
        return Placement(place, (rows, columns), shape, *own, np.nan, False)
    latitude, longitude = place["lat"].values, place["lon"].values
    width = _width(latitude, longitude)
    if global_width is not None:
        cells = _global_cells(latitude, longitude, global_width)
        if cells is not None:
            return _global_placement(place, global_width, *cells)
    rows = np.arange(latitude.size)
    if north_first:
        rows = np.argsort(np.argsort(-latitude))
        place = place.isel(lat=np.argsort(-latitude))
    shape = latitude.size, longitude.size
    return Placement(place, ("lat", "lon"), shape, rows, np.arange(shape[1]), width, False)


def depth_axis(attributes: dict[str, str]) -> tuple[xr.Variable, NDArray]:
    """Depths of soil temperature and their bounds, halfway between the points.

    The last layer ends halfway to the deepest point of the model's reports, where the mean annual
    ground temperature is taken, so that the layers cover the 3.5 m that ilamb3 looks at.

    Args:
        attributes: in place of those of the run.
    """
    points = np.array([*DEPTHS, NO_SEASON_DEPTH])
    edges = np.concatenate([[0.0], (points[1:] + points[:-1]) / 2])
    variable = xr.Variable("depth", np.asarray(DEPTHS, dtype=float), DEPTH_ATTRIBUTES | attributes)
    return variable, np.stack([edges[:-1], edges[1:]], axis=1)


def _width(latitude: NDArray, longitude: NDArray) -> float:
    for axis in (longitude, latitude):
        if axis.size > 1:
            return float(np.round(np.median(np.abs(np.diff(axis))), 4))
    return float("nan")


def _global_cells(
    latitude: NDArray, longitude: NDArray, width: float
) -> tuple[NDArray, NDArray] | None:
    """Rows and columns on the global grid, from north and from -180°; None if not its cells."""
    rows = (90 - width / 2 - latitude) / width
    east = (longitude + 180) % 360 - 180
    columns = (east + 180 - width / 2) / width
    found = []
    for numbers in (rows, columns):
        whole = np.round(numbers)
        if np.any(np.abs(numbers - whole) > _ALIGNED) or len(set(whole)) < whole.size:
            return None
        found.append(whole.astype(int))
    return found[0], found[1]


def _global_placement(
    place: xr.Dataset, width: float, rows: NDArray, columns: NDArray
) -> Placement:
    latitude = 90 - width / 2 - width * np.arange(round(180 / width))
    longitude = -180 + width / 2 + width * np.arange(round(360 / width))
    coordinates = xr.Dataset(
        {
            "lat": ("lat", latitude, place["lat"].attrs),
            "lon": ("lon", longitude, place["lon"].attrs),
        }
    )
    shape = latitude.size, longitude.size
    return Placement(coordinates, ("lat", "lon"), shape, rows, columns, width, True)
