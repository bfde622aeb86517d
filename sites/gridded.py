"""Gridded monthly climate (NetCDF) at a site: nearest cell, units by their attributes, CF time."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.conventions.coordinates import time_coordinate
from temjax.conventions.time_axis import TimeError, decode_time, enclose
from temjax.conventions.units import QUANTITIES, UNDERSTOOD, Unit, known_unit
from temjax.files.findings import Finding
from temjax.sites.grid_cell import GridFault, nearest_cell
from temjax.sites.readers.record import CLIMATE, MonthlyValues, TowerRecord, days_of_months

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
# Units without a time, as in ECMWF's monthly means: scale of the unit -> what it is taken as
_TIMELESS = {
    ("water", 1.0): ("month", "{} month-1"),  # mm, kg m-2
    ("water", 1000.0): ("day", "{} d-1"),  # m
    ("energy", 1.0): ("day", "{} d-1"),  # J m-2
}
# what the NetCDF libraries raise for damaged files and other formats
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, OverflowError)
_TIME_MEND = "Give CF time, such as `days since 1901-01-01` with a calendar, one record a month."


@dataclass(frozen=True)
class _Series:
    """Monthly values of one variable of one file."""

    label: str
    months: np.ndarray  # 12 * year + month - 1, consecutive
    values: np.ndarray  # NaN where missing
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
    except GridFault as fault:
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


def _month_text(month: int) -> str:
    """Month that is counted from January of year 0, as text."""
    return f"{month // 12}-{month % 12 + 1:02d}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_climate(path: Path, variables: list[str]) -> GridFault:
    holds = f" (it holds {', '.join(variables[:8])})" if variables else ""
    message = f"no air temperature, precipitation or shortwave found{holds}"
    mend = "Name the variables tas, pr and rsds, or give them CF standard names."
    return GridFault(path, "history", message, mend)


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
            twice = np.isfinite(rows[at]) & np.isfinite(part.values)
            if twice.any():
                month = _month_text(part.months[twice][0])
                message = f"{month} stands in two files of the folder"
                raise GridFault(path, part.label, message, "Give each month once.")
            rows[at] = np.where(np.isfinite(part.values), part.values, rows[at])
        labels = dict.fromkeys(part.label for part in parts[name])
        climate[name] = MonthlyValues(rows.reshape(-1, 12), ", ".join(labels))
    return climate, years


def _read_file(
    path: Path, latitude: float, longitude: float, *, required: bool
) -> dict[str, _Series]:
    """Climate variables of one file at the coordinates."""
    if not path.is_file():
        raise GridFault(path, "history", "no such file", "Check the path.")
    try:
        dataset = xr.open_dataset(path, decode_times=False, engine="netcdf4")
    except _UNREADABLE:
        mend = "Give a whole NetCDF file: this one is truncated, damaged or of another kind."
        raise GridFault(path, "history", "not readable as NetCDF", mend) from None
    with dataset:
        labels = _climate_variables(dataset)
        if not labels and required:
            raise _no_climate(path, [str(name) for name in dataset.data_vars])
        found = {}
        for name, label in labels.items():
            array, distance = nearest_cell(path, dataset, dataset[label], latitude, longitude)
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


def _series(
    path: Path, dataset: xr.Dataset, name: str, array: xr.DataArray, distance: str
) -> _Series:
    """Monthly values of a cell in the model's units."""
    label = str(array.name)
    stamps = time_coordinate(dataset.variables, array.dims)
    if stamps is None or "units" not in dataset[stamps].attrs:
        message = f"no time axis with units for {label}"
        raise GridFault(path, stamps or "time", message, _TIME_MEND)
    (time,) = dataset[stamps].dims
    extra = [d for d in array.dims if d != time and array.sizes[d] > 1]
    if extra:
        message = f"has the dimension {extra[0]} beside time and place"
        raise GridFault(path, label, message, "Give one value a month and cell.")
    try:
        values = np.asarray(array.values, dtype=float).reshape(-1)
    except _UNREADABLE:
        mend = "Give a whole NetCDF file: this one is truncated or damaged."
        raise GridFault(path, label, "not readable", mend) from None
    values = np.where(np.isin(values, (-9999.0, -6999.0)) | (np.abs(values) > 1e15), np.nan, values)
    if not np.isfinite(values).any():
        message = f"no values in the nearest cell ({distance})"
        raise GridFault(path, label, message, "Give a climate with values at the site.")
    months, notes = _months(path, dataset, stamps)
    text = str(array.attrs.get("units", ""))
    unit, meaning = _unit(text, name)
    if unit is None:
        message = f"unit {text!r} is not understood" if text else "has no attribute units"
        mend = f"Give one of: {', '.join(UNDERSTOOD[QUANTITIES[name]])}."
        raise GridFault(path, label, message, mend)
    years = np.arange(months.min() // 12, months.max() // 12 + 1)
    rows = np.full(years.size * 12, np.nan)
    rows[months - years[0] * 12] = values
    month = days_of_months(years)
    factor = unit.monthly_factor(month, year=month.sum(axis=1, keepdims=True))
    rows = (rows.reshape(-1, 12) * factor + unit.offset).reshape(-1)
    notes.insert(0, distance)
    if meaning:
        notes.append(f"{path.name}: {label} in {text} taken as {meaning}")
    return _Series(label, years[0] * 12 + np.arange(rows.size), rows, tuple(notes))


def _unit(text: str, name: str) -> tuple[Unit | None, str]:
    """Unit of a variable, None where not understood, and what one without a time is taken as."""
    unit = known_unit(text, QUANTITIES[name])
    if unit is None or not unit.lacks_time:
        return unit, ""
    per, meaning = _TIMELESS.get((unit.quantity, unit.scale), (None, ""))
    return (None, "") if per is None else (replace(unit, per=per), meaning.format(text))


def _months(path: Path, dataset: xr.Dataset, name: str) -> tuple[np.ndarray, list[str]]:
    """Calendar months of a time axis, counted from January of year 0, and notes.

    Raises:
        GridFault: no dates, or more than one record in a month.
    """
    attributes = dataset[name].attrs
    units, calendar = (str(attributes.get(key, "standard")) for key in ("units", "calendar"))
    notes = []
    try:
        stamps = np.asarray(dataset[name].values, dtype=float)
        bounds = dataset.variables.get(str(attributes.get("bounds", "")))
        bounds = None if bounds is None else np.asarray(bounds.values, dtype=float)
        if bounds is not None and not enclose(bounds, stamps):
            notes.append(f"{path.name}: {name}: bounds do not enclose the stamps, which are used")
            bounds = None
        axis = decode_time(name, stamps, units, calendar, bounds)
    except TimeError as fault:
        raise GridFault(path, name, fault.message, _TIME_MEND) from None
    except _UNREADABLE:
        message = f"units {units!r}: no dates"
        raise GridFault(path, name, message, _TIME_MEND) from None
    months = np.array([12 * year + month - 1 for year, month in axis.months])
    twice = np.flatnonzero(np.diff(months) <= 0)
    if twice.size:
        message = (
            f"{_month_text(months[twice[0] + 1])} stands more than once or out of order: "
            "not a monthly series"
        )
        index = f"record {twice[0] + 1}"
        raise GridFault(path, name, message, "Give monthly means in order.", index)
    if axis.month_ends:
        first, last = _month_text(months[0]), _month_text(months[-1])
        notes.append(
            f"{path.name}: {name}: every stamp is the first of a month, {first} to {last}, without "
            "bounds: taken as the months that begin there"
        )
    return months, notes
