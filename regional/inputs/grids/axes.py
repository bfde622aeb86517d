"""Axes of a NetCDF variable, told by CF attributes and names, never by their order or size.

CF conventions 1.11, section 5.2 (two-dimensional coordinates).
"""

from dataclasses import dataclass

import xarray as xr

from temjax.conventions.coordinates import (
    LATITUDE,
    LONGITUDE,
    NAMES,
    coordinate_kind,
    time_coordinate,
)

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
    stamps = time_coordinate(dataset.variables, array.dims)
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
        told = coordinate_kind(name, variable)
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
        told = coordinate_kind(dim, variable)
        if axis == "Y" or standard in _STANDARD_ROWS or (told and told[0] == LATITUDE):
            return "Y"
        if axis == "X" or standard in _STANDARD_COLUMNS or (told and told[0] == LONGITUDE):
            return "X"
    name = dim.casefold()
    if name in _ROWS | NAMES[LATITUDE]:
        return "Y"
    return "X" if name in _COLUMNS | NAMES[LONGITUDE] else ""
