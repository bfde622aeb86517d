"""Annual CO2 of text and NetCDF files, ppmv, and July CO2 of the calendar years of a climate."""

import re
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.conventions.coordinates import TIME, coordinate_kind, time_coordinate
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.time_axis import calendar_months
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate

_TEXT = (".txt", ".csv", ".dat", ".tsv")
_JULY = 7
_YEAR_NAMES = {"year", "years", "yr", "yrs", "calendar_year", "common_year"}
_YEARS = re.compile(
    r"((calendar|common)[ _]?)?(years?|yrs?)( ?(a\.?d\.?|c\.?e\.?))?|a\.?d\.?|c\.?e\.?"
)
_YEAR_RANGE = (1000, 3000)  # of numbers that can be nothing else
_SEPARATORS = re.compile(r"[\s,;]+")


def co2_of_files(reader: Reader, sources: Sequence[Variable], years: NDArray | None) -> NDArray:
    """CO2 of years from files that the experiment names, ppmv; without years only their faults."""
    series: dict[int, float] = {}
    for source in sources:
        series |= read_co2_file(reader, source) or {}
    if years is None:
        return np.empty(0)
    last = sources[-1]
    return _of_years(reader, series, years, str(reader.folder / last.file), last.variable)


def co2_of_texts(reader: Reader, paths: Iterable[Path], years: NDArray) -> NDArray:
    """CO2 of years from text files found by name, ppmv."""
    series: dict[int, float] = {}
    for path in paths:
        series |= read_co2_text(reader, path)
    co2 = _of_years(reader, series, years, str(reader.folder), "co2")
    if not reader.findings:
        reader.findings += check_climate(
            {"co2": co2[:, None]}, file=str(reader.folder),
            index_text=lambda at: f"year {years[at[0]]}",
        )  # fmt: skip
    return co2


def _of_years(
    reader: Reader, series: dict[int, float], years: NDArray, file: str, variable: str
) -> NDArray:
    absent = [year for year in years.tolist() if year not in series]
    if absent and not reader.findings:
        reader.add_finding(
            file, variable, f"CO2 lacks {len(absent)} of the climate's years",
            "Give CO2 for every year of the climate.", f"year {absent[0]}",
        )  # fmt: skip
    return np.array([series.get(year, np.nan) for year in years.tolist()])


def read_co2_file(reader: Reader, source: Variable) -> dict[int, float] | None:
    """CO2 by calendar year of a NetCDF or text file, ppmv; None with a finding where it has none.

    NetCDF gives a value a year, on an axis of calendar years or a CF time axis, or one a month, of
    which July is taken; text a year and its ppm in every line.
    """
    path = reader.folder / source.file
    if path.suffix.casefold() in _TEXT and path.is_file():
        series = read_co2_text(reader, path)
    else:
        dataset = reader.open(source.file)
        if dataset is None:
            return None
        with dataset:
            series = _read_co2_netcdf(reader, str(path), dataset, source)
    if series:
        years = list(series)
        reader.findings += check_climate(
            {"co2": np.array(list(series.values()))[:, None]},
            file=str(path),
            names={"co2": source.variable},
            index_text=lambda at: f"year {years[at[0]]}",
        )
    return series


def read_co2_text(reader: Reader, path: Path) -> dict[int, float]:
    """CO2 by calendar year of a text file, ppmv: a year and its value in every line.

    A line of names may come first; ``#`` begins a comment; blanks, commas and semicolons separate.
    """
    values: dict[int, list[float]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        mend = "Write one year and its ppm per line."
        reader.add_finding(str(path), "co2", "not readable as text", mend)
        return {}
    for number, line in enumerate(lines, start=1):
        fields = [field for field in _SEPARATORS.split(line.split("#")[0].strip()) if field]
        if not fields or (not values and fields[0][0].isalpha()):
            continue
        try:
            year, value = map(float, fields)
            values.setdefault(int(year), []).append(value)
        except (ValueError, OverflowError):
            reader.add_finding(
                str(path), "co2", f"{line.strip()!r} is not a year and a number",
                "Write one year and its ppm per line.", f"line {number}",
            )  # fmt: skip
            break
    if any(len(of_year) > 1 for of_year in values.values()):
        reader.add_note(str(path), "co2", "several values a year; their mean is taken")
    return {year: float(np.mean(of_year)) for year, of_year in values.items()}


def _read_co2_netcdf(
    reader: Reader, path: str, dataset: xr.Dataset, source: Variable
) -> dict[int, float] | None:
    """See ``read_co2_file``."""
    field = reader.read_variable(dataset, source)
    if field is None:
        return None
    records = _records(reader, path, dataset, source)
    if records is None:
        return None
    years, taken = records
    values = field.values.reshape(-1)[taken]
    values = to_model_units(reader, path, source.variable, "co2", field.units, values)
    if values is None:
        return None
    return dict(zip(years.tolist(), values.astype(float).tolist(), strict=True))


def _records(
    reader: Reader, path: str, dataset: xr.Dataset, source: Variable
) -> tuple[NDArray, NDArray] | None:
    """Calendar years of a CO2 series and the records that hold their values."""
    array = dataset[source.variable]
    long = [dim for dim in array.dims if array.sizes[dim] > 1]
    findings = len(reader.findings)
    years = _bare_years(reader, path, dataset, array, long)
    if years is not None or len(reader.findings) > findings:
        return None if years is None else _of_records(reader, path, source.variable, years)
    stamps = time_coordinate(dataset.variables, array.dims)
    if stamps is None or long not in ([], list(dataset[stamps].dims)):
        name, message = "year", "no yearly series"
        mend = "Give co2(year) with a year axis, or co2(time) with CF time."
        beside = [] if stamps is None else [d for d in long if d not in dataset[stamps].dims]
        if beside:
            name = source.variable
            message = f"has {array.sizes[beside[0]]} values along {beside[0]}"
            mend = "Give one of them, for example the global mean."
        reader.add_finding(path, name, message, mend)
        return None
    axis = calendar_months(reader, path, dataset, source.variable)
    return None if axis is None else _of_records(reader, path, source.variable, axis.months)


def _bare_years(
    reader: Reader, path: str, dataset: xr.Dataset, array: xr.DataArray, long: list
) -> list[tuple[int, int]] | None:
    """Year and month of the records of an axis that counts the years of the calendar themselves.

    It is told by its name or units, and by numbers that can be nothing else; the middle of a year
    may stand for it. Parts of a year are its months. None where there is no such axis, or with a
    finding.
    """
    for name, axis in dataset.variables.items():
        units = str(axis.attrs.get("units", "")).strip().casefold()
        named = str(name).casefold() in _YEAR_NAMES
        if axis.ndim != 1 or name == array.name or axis.dims[0] not in array.dims:
            continue
        if not (_YEARS.fullmatch(units) or (not units and (named or _is_time(name, axis)))):
            continue
        if long not in ([], [axis.dims[0]]):
            continue
        years = _numbers(axis)
        mend = "Give whole calendar years, or CF time: `days since ...`."
        if years is None or not (np.abs(years) < 1e6).all():
            what = "text, not numbers" if axis.dtype.kind in "OSU" else "no calendar years"
            reader.add_finding(path, str(name), f"holds {what}", mend)
            return None
        if not named and not ((years >= _YEAR_RANGE[0]) & (years < _YEAR_RANGE[1] + 1)).all():
            text = f"units {units!r}" if units else "no units"
            message = f"{text}, and numbers from {years.min():g} to {years.max():g} are no years"
            reader.add_finding(path, str(name), message, mend)
            return None
        whole = np.floor(years + 1e-6)
        written = axis.dtype.kind in "OSU"
        if not named or units or written:
            text = f"units {units!r}" if units else "text" if written else "no units"
            span = f"{whole.min():.0f}-{whole.max():.0f}"
            reader.add_note(path, str(name), f"{text}; read as calendar years {span}")
        months = np.floor((years - whole) * 12 + 1e-3).clip(0, 11).astype(int) + 1
        return list(zip(whole.astype(int).tolist(), months.tolist(), strict=True))
    return None


def _is_time(name: Hashable, axis: xr.Variable) -> bool:
    told = coordinate_kind(name, axis)
    return told is not None and told[0] == TIME


def _numbers(axis: xr.Variable) -> NDArray | None:
    """Finite numbers of an axis, also where they are written as text."""
    try:
        values = np.asarray(axis.values)
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8")
        numbers = values.astype(float)
    except (ValueError, TypeError, OSError, RuntimeError):
        return None
    return numbers if numbers.size and np.isfinite(numbers).all() else None


def _of_records(
    reader: Reader, path: str, variable: str, records: list[tuple[int, int]]
) -> tuple[NDArray, NDArray] | None:
    """Calendar years, and the only record of each or that of its July."""
    years, months = np.array(records).T
    yearly, counts = np.unique(years, return_counts=True)
    if (counts == 1).all():
        return years, np.arange(years.size)
    july = np.flatnonzero(months == _JULY)
    if sorted(years[july].tolist()) != yearly.tolist():
        without = sorted(set(yearly.tolist()) - set(years[july].tolist()))
        what = f"{without[0]} has no July" if without else "a July is repeated"
        mend = "Give one value a year, or every month."
        if (months == months[0]).all():
            what = f"{yearly[np.argmax(counts > 1)]} is repeated"
        reader.add_finding(path, variable, f"CO2 by month, but {what}", mend)
        return None
    reader.add_note(path, variable, "by month; July of every year is taken")
    return years[july], july
