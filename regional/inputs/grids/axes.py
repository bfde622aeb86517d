"""Axes of a NetCDF variable, told by CF attributes and names, never by their order or size.

CF conventions 1.11, chapter 4 (latitude, longitude, time) and section 5.2 (two-dimensional
coordinates).
"""

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import xarray as xr

LATITUDE, LONGITUDE, TIME = "latitude", "longitude", "time"
_NORTH = re.compile(r"degrees?_?n(orth)?", re.IGNORECASE)
_EAST = re.compile(r"degrees?_?e(ast)?", re.IGNORECASE)
_DEGREES = re.compile(r"deg(ree)?s?", re.IGNORECASE)
_ROTATED = {"rlat", "rlon"}  # degrees of another sphere
_SINCE = re.compile(r"\bsince\b|\bas\s+%Y", re.IGNORECASE)
_NAMES = {
    LATITUDE: {"lat", "latitude", "nav_lat", "xlat", "lats", "latitudes"},
    LONGITUDE: {"lon", "longitude", "nav_lon", "xlong", "lons", "longitudes", "long"},
    TIME: {"time", "valid_time"},
}
# of dimensions whose coordinates are no degrees: projected, rotated, or a mere number
_ROWS = {"y", "row", "rows", "j", "nj", "rlat", "south_north", "northing", "yc", "nlat"}
_COLUMNS = {
    "x",
    "col",
    "column",
    "columns",
    "i",
    "ni",
    "rlon",
    "west_east",
    "easting",
    "xc",
    "nlon",
}
_STANDARD_ROWS = {"projection_y_coordinate", "grid_latitude"}
_STANDARD_COLUMNS = {"projection_x_coordinate", "grid_longitude"}


def quantity(name: Hashable, variable: xr.Variable | xr.DataArray) -> tuple[str, int] | None:
    """The quantity of a coordinate and how surely: latitude, longitude or time; None for others.

    The second number is 0 for its standard name, 1 for its units or axis, 2 for its own name, 3 for
    degrees along an axis that is said to be Y or X.
    """
    attributes = variable.attrs
    standard = str(attributes.get("standard_name", ""))
    units = str(attributes.get("units", "")).strip()
    if standard in (LATITUDE, LONGITUDE, TIME):
        return standard, 0
    if _NORTH.fullmatch(units):
        return LATITUDE, 1
    if _EAST.fullmatch(units):
        return LONGITUDE, 1
    if _SINCE.search(units) or str(attributes.get("axis", "")) == "T":
        return TIME, 1
    own = str(name).casefold()
    for kind, names in _NAMES.items():
        if own in names:
            return kind, 2
    if not standard and _DEGREES.fullmatch(units) and own not in _ROTATED:
        kind = {"Y": LATITUDE, "X": LONGITUDE}.get(str(attributes.get("axis", "")))
        return None if kind is None else (kind, 3)
    return None


def time_coordinate(dataset: xr.Dataset, dims: Iterable[Hashable] | None = None) -> str | None:
    """Name of the time axis; of the dimensions of one variable where these are given."""
    found = []
    for name, variable in dataset.variables.items():
        told = quantity(name, variable)
        if told is None or told[0] != TIME or variable.ndim != 1:
            continue
        if dims is None or variable.dims[0] in dims:
            own = name != variable.dims[0]
            found.append((told[1], own, str(name)))
    return min(found)[2] if found else None


@dataclass(frozen=True)
class Layout:
    """Where a variable's horizontal and time axes are.

    Attributes:
        latitude, longitude: names of the coordinates; None where the file has none for it.
        rows, columns: names of the horizontal dimensions; empty where a single row or column has
            no dimension.
        time: name of the time dimension, or None.
        others: remaining dimensions, in the variable's order.
    """

    latitude: str | None
    longitude: str | None
    rows: str
    columns: str
    time: str | None
    others: tuple[str, ...]


def layout(dataset: xr.Dataset, array: xr.DataArray) -> Layout:
    """Layout of a variable, from the coordinates of its file."""
    latitude, longitude = (_horizontal(dataset, array, kind) for kind in (LATITUDE, LONGITUDE))
    rows = columns = ""
    if latitude is not None and longitude is not None:
        rows, columns = _horizontal_dims(dataset, latitude, longitude)
    stamps = time_coordinate(dataset, array.dims)
    time = None if stamps is None else str(dataset[stamps].dims[0])
    if time is None and "time" in array.dims:
        time = "time"
    used = {rows, columns, time}
    others = tuple(str(dim) for dim in array.dims if dim not in used)
    return Layout(latitude, longitude, rows, columns, time, others)


def _horizontal(dataset: xr.Dataset, array: xr.DataArray, kind: str) -> str | None:
    """Name of the latitude or longitude of a variable: on its dimensions before others, named by
    its ``coordinates`` before others, surely told before others."""
    named = str(array.encoding.get("coordinates", array.attrs.get("coordinates", ""))).split()
    bounds = {str(v.attrs["bounds"]) for v in dataset.variables.values() if "bounds" in v.attrs}
    found = []
    for name, variable in dataset.variables.items():
        told = quantity(name, variable)
        if told is None or told[0] != kind or variable.ndim > 2 or name in bounds:
            continue
        if variable.dtype.kind not in "iufOSU" or name == array.name:
            continue
        elsewhere = not set(variable.dims) <= set(array.dims)
        found.append((elsewhere, name not in named, told[1], variable.ndim == 0, str(name)))
    return min(found)[-1] if found else None


def _horizontal_dims(dataset: xr.Dataset, latitude: str, longitude: str) -> tuple[str, str]:
    """Dimensions of rows and columns; empty for a coordinate that is one number."""
    north, east = dataset[latitude].dims, dataset[longitude].dims
    if len(north) == 2:
        return row_and_column(dataset, tuple(map(str, north)))
    return (str(north[0]) if north else ""), (str(east[0]) if east else "")


def row_and_column(dataset: xr.Dataset, dims: tuple[str, str]) -> tuple[str, str]:
    """Two horizontal dimensions, rows first, by axis attribute, standard name or name; as they come
    where nothing tells."""
    first, second = (direction(dataset, dim) for dim in dims)
    if (first, second) in (("X", "Y"), ("X", ""), ("", "Y")):
        return dims[1], dims[0]
    return dims


def direction(dataset: xr.Dataset, dim: str) -> str:
    """Whether a dimension counts rows (Y) or columns (X); empty where nothing tells."""
    for variable in [dataset.variables[n] for n in (dim, dim.casefold()) if n in dataset.variables]:
        standard, axis = (str(variable.attrs.get(key, "")) for key in ("standard_name", "axis"))
        told = quantity(dim, variable)
        if axis == "Y" or standard in _STANDARD_ROWS or (told and told[0] == LATITUDE):
            return "Y"
        if axis == "X" or standard in _STANDARD_COLUMNS or (told and told[0] == LONGITUDE):
            return "X"
    name = dim.casefold()
    if name in _ROWS | _NAMES[LATITUDE]:
        return "Y"
    return "X" if name in _COLUMNS | _NAMES[LONGITUDE] else ""
