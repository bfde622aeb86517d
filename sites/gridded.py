"""Gridded monthly climate (NetCDF) at a site: nearest cell, units by their attributes, CF time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
import xarray as xr

from temjax.files.findings import Finding
from temjax.sites.readers.record import CLIMATE, MonthlyValues, TowerRecord, days_of_months
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS, canonical_unit

EARTH_RADIUS = 6371.0  # km
LARGEST_LONE_CELL = 0.5  # degrees to the centre of a file of one cell, whose size is not known
STANDARD_NAMES = {
    "air_temperature": ("air_temperature",),
    "precipitation": ("precipitation_flux", "precipitation_amount", "lwe_precipitation_rate",
                      "lwe_thickness_of_precipitation_amount"),
    "shortwave": ("surface_downwelling_shortwave_flux_in_air",
                  "downwelling_shortwave_flux_in_air", "surface_downwelling_shortwave_flux"),
}  # fmt: skip
NAMES = {
    "air_temperature": ("tas", "tair", "t2m", "tmp", "temp", "ta", "air_temperature", "tmean"),
    "precipitation": ("pr", "precip", "tp", "pre", "prcp", "ppt", "precipitation", "rain"),
    "shortwave": ("rsds", "nirr", "ssrd", "swdown", "dswrf", "srad", "msdwswrf", "avg_sdswrf",
                  "shortwave"),
}  # fmt: skip
# unit -> factor, whether it counts once a day of the month, offset
_UNITS: Mapping[str, Mapping[str, tuple[float, bool, float]]] = {
    "air_temperature": {"degC": (1, False, 0), "K": (1, False, -ZERO_CELSIUS)},
    "precipitation": {
        "mm month-1": (1, False, 0), "kg m-2 month-1": (1, False, 0), "mm": (1, False, 0),
        "kg m-2": (1, False, 0), "cm month-1": (10, False, 0), "m month-1": (1000, False, 0),
        "mm d-1": (1, True, 0), "kg m-2 d-1": (1, True, 0), "m d-1": (1000, True, 0),
        "m": (1000, True, 0), "mm h-1": (24, True, 0), "mm s-1": (SECONDS_PER_DAY, True, 0),
        "kg m-2 s-1": (SECONDS_PER_DAY, True, 0), "m s-1": (1000 * SECONDS_PER_DAY, True, 0),
    },
    "shortwave": {
        "W m-2": (1, False, 0), "J m-2 d-1": (1 / SECONDS_PER_DAY, False, 0),
        "J m-2": (1 / SECONDS_PER_DAY, False, 0), "kJ m-2 d-1": (1e3 / SECONDS_PER_DAY, False, 0),
        "MJ m-2 d-1": (1e6 / SECONDS_PER_DAY, False, 0),
    },
}  # fmt: skip
# without a time: mm and kg m-2 are of the month, m and J m-2 of a day, as ECMWF's monthly means are
_TAKEN_AS = {"mm": "mm month-1", "kg m-2": "kg m-2 month-1", "m": "m d-1", "j m-2": "J m-2 d-1"}
# what the NetCDF libraries raise for damaged files and other formats
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, OverflowError)
_TIME_MEND = "Give CF time, such as `days since 1901-01-01` with a calendar, one record a month."


class _Fault(Exception):
    """Fault of a file, as a finding."""

    def __init__(self, file: object, variable: str, message: str, mend: str, index: str = ""):
        self.finding = Finding(str(file), variable, index, message, mend)


@dataclass(frozen=True)
class _Series:
    """Monthly values of one variable of one file."""

    label: str
    months: np.ndarray  # 12 * year + month - 1
    values: np.ndarray
    notes: tuple[str, ...]


def read_gridded(
    path: Path, latitude: float, longitude: float
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of the cell that has the coordinates in it, climate only, and findings.

    Args:
        path: NetCDF file, or a folder whose NetCDF files hold one or more variables each; files of
            one variable are joined in time.
        latitude, longitude: degrees north and east; longitudes of 0-360 and of ±180 both match.
    """
    files = sorted(path.glob("*.nc*")) if path.is_dir() else [path]
    if not files:
        mend = "Give a NetCDF file, or a folder with NetCDF files."
        return None, [Finding(str(path), "history", "", "the folder has no NetCDF file", mend)]
    parts: dict[str, list[_Series]] = {}
    used = []
    try:
        for file in files:
            found = _read_file(file, latitude, longitude, required=len(files) == 1)
            used += [file] if found else []
            for name, series in found.items():
                parts.setdefault(name, []).append(series)
        if not parts:
            raise _no_climate(path, [])
        climate, years = _joined(path, parts)
    except _Fault as fault:
        return None, [fault.finding]
    notes = dict.fromkeys(
        note for series in parts.values() for part in series for note in part.notes
    )
    record = TowerRecord(
        file=str(path),
        product="gridded climate",
        tower=None,
        years=years,
        present=np.any([np.isfinite(v.values) for v in climate.values()], axis=0),
        climate=climate,
        notes=tuple(notes),
        sources=tuple(f"{file.name} (sha256 {_digest(file)})" for file in used),
    )
    return record, []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_climate(path: Path, variables: list[str]) -> _Fault:
    holds = f" (it holds {', '.join(variables[:8])})" if variables else ""
    message = f"no air temperature, precipitation or shortwave found{holds}"
    mend = "Name the variables tas, pr and rsds, or give them CF standard names."
    return _Fault(path, "history", message, mend)


def _joined(
    path: Path, parts: Mapping[str, list[_Series]]
) -> tuple[dict[str, MonthlyValues], np.ndarray]:
    """Variables on common calendar years."""
    every = np.concatenate([part.months for series in parts.values() for part in series])
    years = np.arange(every.min() // 12, every.max() // 12 + 1)
    climate = {}
    for name in (name for name in CLIMATE if name in parts):
        rows = np.full(years.size * 12, np.nan)
        for part in parts[name]:
            at = part.months - years[0] * 12
            twice = np.isfinite(rows[at])
            if twice.any():
                month = part.months[twice][0]
                message = f"{month // 12}-{month % 12 + 1:02d} stands in two files of the folder"
                raise _Fault(path, part.label, message, "Give each month once.")
            rows[at] = part.values
        labels = dict.fromkeys(part.label for part in parts[name])
        climate[name] = MonthlyValues(rows.reshape(-1, 12), ", ".join(labels))
    return climate, years


def _read_file(
    path: Path, latitude: float, longitude: float, *, required: bool
) -> dict[str, _Series]:
    """Climate variables of one file at the coordinates."""
    if not path.is_file():
        raise _Fault(path, "history", "no such file", "Check the path.")
    try:
        dataset = xr.open_dataset(path, decode_times=False, engine="netcdf4")
    except _UNREADABLE:
        mend = "Give a whole NetCDF file: this one is truncated, damaged or of another kind."
        raise _Fault(path, "history", "not readable as NetCDF", mend) from None
    with dataset:
        labels = _climate_variables(dataset)
        if not labels and required:
            raise _no_climate(path, [str(name) for name in dataset.data_vars])
        found = {}
        for name, label in labels.items():
            array, distance = _cell(path, dataset, dataset[label], latitude, longitude)
            found[name] = _series(path, dataset, name, array, distance)
        return found


def _climate_variables(dataset: xr.Dataset) -> dict[str, str]:
    """Label in the file of each climate variable: by CF standard name, else by usual name."""
    labels = {str(name): array for name, array in dataset.data_vars.items() if array.ndim}
    found = {}
    for name in CLIMATE:
        by_standard = [
            label
            for label, array in labels.items()
            if str(array.attrs.get("standard_name", "")).strip() in STANDARD_NAMES[name]
        ]
        by_name = [label for known in NAMES[name] for label in labels if label.casefold() == known]
        # a standard name can belong to several (tas, tasmax): of those the usual name goes first
        both = [label for label in by_name if label in by_standard]
        choice = both or by_standard or by_name
        if choice:
            found[name] = choice[0]
    return found


def _coordinate(dataset: xr.Dataset, name: str) -> xr.DataArray | None:
    """Latitude or longitude of the cells, told by standard name, unit or name."""
    north_east = "north" if name == "latitude" else "east"
    usual = (name, name[:3], f"nav_{name[:3]}", f"X{name.upper()}")
    for test in (
        lambda label, a: a.attrs.get("standard_name") == name,
        lambda label, a: (
            str(a.attrs.get("units", "")).casefold().startswith("degree")
            and north_east in str(a.attrs["units"]).casefold()
        ),
        lambda label, a: label.casefold() in usual,
    ):
        for label, array in dataset.variables.items():
            if array.ndim <= 2 and test(str(label), array):
                return dataset[label]
    return None


def _cell(
    path: Path, dataset: xr.Dataset, array: xr.DataArray, latitude: float, longitude: float
) -> tuple[xr.DataArray, str]:
    """Time series of the cell that has the coordinates in it, and a note on where it is."""
    lat, lon = _coordinate(dataset, "latitude"), _coordinate(dataset, "longitude")
    if lat is None or lon is None:
        raise _Fault(path, str(array.name), "the file has no latitude and longitude",
                     "Add latitude and longitude of the cells.")  # fmt: skip
    if lat.ndim < 2 and lon.ndim < 2:
        lat, lon = xr.broadcast(lat, lon)
    lat, lon = lat.squeeze(), lon.squeeze()
    dims = lat.dims
    if lon.dims != dims or not set(dims) <= set(array.dims):
        message = f"has dimensions {array.dims}, latitude and longitude have {dims}"
        raise _Fault(path, str(array.name), message, "Give all on one grid.")
    north = np.asarray(lat.values, dtype=float)
    east = np.asarray(lon.values, dtype=float)
    apart = _distance(latitude, longitude, north, east)
    if not np.isfinite(apart).any():
        raise _Fault(path, str(lat.name), "no cell has coordinates", "Mend latitude, longitude.")
    at = np.unravel_index(int(np.nanargmin(apart)), apart.shape)
    height, width = _cell_size(north, east, at)
    off_north = abs(north[at] - latitude)
    off_east = abs((east[at] - longitude + 180) % 360 - 180)
    where = f"{north[at]:.3f} N {(east[at] + 180) % 360 - 180:.3f} E"
    if lat.ndim == 2 and _skewed(north, east):
        inside = apart[at] <= np.hypot(height, width) / 2 * (np.pi / 180 * EARTH_RADIUS)
    else:
        scale = max(np.cos(np.radians(latitude)), 1e-6)
        inside = off_north <= height / 2 + 1e-4 and off_east * scale <= width / 2 + 1e-4
    if not inside:
        message = (
            f"the nearest cell ({where}) is {apart[at]:.1f} km from {latitude:g} N "
            f"{longitude:g} E, more than half a cell"
        )
        raise _Fault(path, str(array.name), message, "Give a climate that covers the site.")
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


def _series(
    path: Path, dataset: xr.Dataset, name: str, array: xr.DataArray, distance: str
) -> _Series:
    """Monthly values of a cell in the model's units."""
    label = str(array.name)
    time = next((d for d in array.dims if d in dataset.coords and _is_time(dataset[d])), None)
    if time is None:
        raise _Fault(path, "time", f"no time axis of {label}", _TIME_MEND)
    extra = [d for d in array.dims if d != time and array.sizes[d] > 1]
    if extra:
        message = f"has the dimension {extra[0]} beside time and place"
        raise _Fault(path, label, message, "Give one value a month and cell.")
    try:
        values = np.asarray(array.values, dtype=float).reshape(-1)
    except _UNREADABLE:
        mend = "Give a whole NetCDF file: this one is truncated or damaged."
        raise _Fault(path, label, "not readable", mend) from None
    values = np.where(np.isin(values, (-9999.0, -6999.0)) | (np.abs(values) > 1e15), np.nan, values)
    if not np.isfinite(values).any():
        message = f"no values in the nearest cell ({distance})"
        raise _Fault(path, label, message, "Give a climate with values at the site.")
    months = _months(path, dataset, dataset[time])
    unit = canonical_unit(str(array.attrs.get("units", "")))
    known = {canonical_unit(text): terms for text, terms in _UNITS[name].items()}
    if unit not in known:
        given = array.attrs.get("units")
        message = f"unit {given!r} is not understood" if given else "has no attribute units"
        raise _Fault(path, label, message, f"Give one of: {', '.join(_UNITS[name])}.")
    factor, daily, offset = known[unit]
    lengths = days_of_months(np.arange(months.min() // 12, months.max() // 12 + 1)).reshape(-1)
    days = lengths[months - months.min() // 12 * 12] if daily else 1
    notes = [distance]
    if unit in _TAKEN_AS:
        notes.append(f"{path.name}: {label} in {array.attrs['units']} taken as {_TAKEN_AS[unit]}")
    return _Series(label, months, values * factor * days + offset, tuple(notes))


def _is_time(axis: xr.DataArray) -> bool:
    units = str(axis.attrs.get("units", "")).casefold()
    return " since " in units or units.startswith("day as")


def _months(path: Path, dataset: xr.Dataset, axis: xr.DataArray) -> np.ndarray:
    """Calendar months of a time axis, counted from January of year 0; by its bounds if it has any.

    Raises:
        _Fault: no dates, or more than one record in a month.
    """
    units, calendar = str(axis.attrs["units"]), str(axis.attrs.get("calendar", "standard"))
    numbers = np.asarray(axis.values, dtype=float)
    bounds = dataset.variables.get(str(axis.attrs.get("bounds", "")))
    if bounds is not None and bounds.shape == (numbers.size, 2):
        numbers = np.asarray(bounds.values, dtype=float).mean(axis=1)
    step, _, origin = units.partition(" since ")
    try:
        if not origin:  # day as %Y%m%d.%f
            months = numbers // 10000 * 12 + numbers // 100 % 100 - 1
        elif step.strip().casefold() in ("month", "months"):
            start = cftime.num2date(0, f"days since {origin}", calendar)
            months = start.year * 12 + start.month - 1 + np.floor(numbers)
        else:
            dates = cftime.num2date(numbers, units, calendar)
            months = np.array([date.year * 12 + date.month - 1 for date in dates])
        months = months.astype(int)
    except (ValueError, TypeError, OverflowError, AttributeError):
        raise _Fault(path, str(axis.name), f"units {units!r}: no dates", _TIME_MEND) from None
    twice = np.flatnonzero(np.diff(months) <= 0)
    if twice.size:
        month = months[twice[0] + 1]
        message = (
            f"{month // 12}-{month % 12 + 1:02d} stands more than once or out of order: "
            "not a monthly series"
        )
        index = f"record {twice[0] + 1}"
        raise _Fault(path, str(axis.name), message, "Give monthly means in order.", index)
    return months
