"""Cell of a grid that has a place in it: by one- or two-dimensional latitude and longitude."""

from pathlib import Path

import numpy as np
import xarray as xr

from temjax.files.findings import Finding

EARTH_RADIUS = 6371.0  # km
LARGEST_LONE_CELL = 0.5  # degrees to the centre of a file of one cell, whose size is not known


class GridFault(Exception):
    """Fault of a gridded file, as a finding."""

    def __init__(self, file: object, variable: str, message: str, mend: str, index: str = ""):
        self.finding = Finding(str(file), variable, index, message, mend)


def _coordinate(dataset: xr.Dataset, name: str) -> xr.DataArray | None:
    """Latitude or longitude of the cells, told by standard name, unit or name."""
    north_east = "north" if name == "latitude" else "east"
    usual = (name, name[:3], f"nav_{name[:3]}")
    bounds = {str(array.attrs.get("bounds", "")) for array in dataset.variables.values()}
    for test in (
        lambda label, a: a.attrs.get("standard_name") == name,
        lambda label, a: (
            str(a.attrs.get("units", "")).casefold().startswith("degree")
            and north_east in str(a.attrs["units"]).casefold()
        ),
        lambda label, a: label.casefold() in usual,
    ):
        for label, array in dataset.variables.items():
            if array.ndim <= 2 and str(label) not in bounds and test(str(label), array):
                return dataset[label]
    return None


def nearest_cell(
    path: Path, dataset: xr.Dataset, array: xr.DataArray, latitude: float, longitude: float
) -> tuple[xr.DataArray, str]:
    """Part of an array in the cell that has the coordinates in it, and a note on where it is.

    Args:
        path: of the file, for faults and the note.
        dataset: with the coordinates of the cells, one- or two-dimensional.
        array: one of its variables.
        latitude, longitude: degrees north and east.

    Raises:
        GridFault: no coordinates, or every centre is more than half a cell away.
    """
    lat, lon = _coordinate(dataset, "latitude"), _coordinate(dataset, "longitude")
    if lat is None or lon is None:
        raise GridFault(path, str(array.name), "the file has no latitude and longitude",
                     "Add latitude and longitude of the cells.")  # fmt: skip
    if lat.ndim < 2 and lon.ndim < 2:
        lat, lon = xr.broadcast(lat, lon)
    lat, lon = lat.squeeze(), lon.squeeze()
    dims = lat.dims
    if lon.dims != dims or not set(dims) <= set(array.dims):
        message = f"has dimensions {array.dims}, latitude and longitude have {dims}"
        raise GridFault(path, str(array.name), message, "Give all on one grid.")
    north = np.asarray(lat.values, dtype=float)
    east = np.asarray(lon.values, dtype=float)
    apart = _distance(latitude, longitude, north, east)
    if not np.isfinite(apart).any():
        raise GridFault(path, str(lat.name), "no cell has coordinates", "Mend latitude, longitude.")
    at = np.unravel_index(int(np.nanargmin(apart)), apart.shape)
    height, width = _cell_size(north, east, at)
    off_north = abs(north[at] - latitude)
    off_east = abs((east[at] - longitude + 180) % 360 - 180)
    where = f"{north[at]:.3f} N {(east[at] + 180) % 360 - 180:.3f} E"
    if lat.ndim == 2 and _skewed(north, east):
        inside = apart[at] <= np.hypot(height, width) / 2 * (np.pi / 180 * EARTH_RADIUS)
    else:
        scale = np.cos(np.radians(north[at]))
        rounding = 1.001  # a chord is shorter than its parallel; coordinates are float32 at times
        inside = off_north <= height / 2 * rounding and off_east * scale <= width / 2 * rounding
    if not inside:
        message = (
            f"the nearest cell ({where}) is {apart[at]:.1f} km from {latitude:g} N "
            f"{longitude:g} E, more than half a cell"
        )
        raise GridFault(path, str(array.name), message, "Give a climate that covers the site.")
    selected = array.isel(dict(zip(dims, at, strict=True)))
    return selected, f"{path.name}: cell {where}, its centre {apart[at]:.1f} km from the site"


def _distance(latitude: float, longitude: float, north: np.ndarray, east: np.ndarray) -> np.ndarray:
    """Great-circle distance, km."""
    a, b = np.radians(latitude), np.radians(north)
    half = np.sin((b - a) / 2) ** 2
    half = half + np.cos(a) * np.cos(b) * np.sin(np.radians(east - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def _skewed(north: np.ndarray, east: np.ndarray) -> bool:
    """Whether rows and columns of a two-dimensional grid do not follow latitude and longitude."""
    return bool(np.ptp(north, axis=1).max() > 1e-4 or np.ptp(east, axis=0).max() > 1e-4)


def _cell_size(north: np.ndarray, east: np.ndarray, at: tuple) -> tuple[float, float]:
    """Distance of a cell's centre to its neighbours' along both axes, degrees of latitude."""
    sizes = []
    for axis, size in enumerate(north.shape):
        if size < 2:
            continue
        other = list(at)
        other[axis] += 1 if at[axis] + 1 < size else -1
        apart = _distance(north[at], east[at], north[tuple(other)], east[tuple(other)])
        sizes.append(float(apart) / (np.pi / 180 * EARTH_RADIUS))
    if not sizes:
        return 2 * LARGEST_LONE_CELL, 2 * LARGEST_LONE_CELL
    return sizes[0], sizes[-1]
