"""Coordinates of a NetCDF file, told by CF attributes and names, never by their order or size.

CF conventions 1.11, chapter 4 (latitude, longitude, time).
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol

LATITUDE, LONGITUDE, TIME = "latitude", "longitude", "time"
NAMES = {
    LATITUDE: {"lat", "latitude", "nav_lat", "xlat", "lats", "latitudes"},
    LONGITUDE: {"lon", "longitude", "nav_lon", "xlong", "lons", "longitudes", "long"},
    TIME: {"time", "valid_time"},
}
_NORTH = re.compile(r"degrees?_?n(orth)?", re.IGNORECASE)
_EAST = re.compile(r"degrees?_?e(ast)?", re.IGNORECASE)
_DEGREES = re.compile(r"deg(ree)?s?", re.IGNORECASE)
_ROTATED = {"rlat", "rlon"}  # degrees of another sphere
_DATES = re.compile(r"\bsince\b|\bas\s+%Y", re.IGNORECASE)


class Coordinate(Protocol):
    """What is read of a variable: xarray's has it."""

    @property
    def dims(self) -> tuple[Hashable, ...]: ...

    @property
    def attrs(self) -> Mapping: ...


def coordinate_kind(name: Hashable, variable: Coordinate) -> tuple[str, int] | None:
    """Whether a variable is latitude, longitude or time, and how surely; None for others.

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
    if _DATES.search(units) or str(attributes.get("axis", "")) == "T":
        return TIME, 1
    for kind, names in NAMES.items():
        if str(name).casefold() in names:
            return kind, 2
    if not standard and _DEGREES.fullmatch(units) and str(name).casefold() not in _ROTATED:
        along = {"Y": LATITUDE, "X": LONGITUDE}.get(str(attributes.get("axis", "")))
        return None if along is None else (along, 3)
    return None


def time_coordinate(
    variables: Mapping[Hashable, Coordinate], dims: Iterable[Hashable] | None = None
) -> str | None:
    """Name of the time axis of a file; of the dimensions of one variable where these are given."""
    found = []
    for name, variable in variables.items():
        kind = coordinate_kind(name, variable)
        if kind is None or kind[0] != TIME or len(variable.dims) != 1:
            continue
        if dims is None or variable.dims[0] in dims:
            own = name != variable.dims[0]
            found.append((kind[1], own, str(name)))
    return min(found)[2] if found else None
