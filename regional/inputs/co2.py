"""Annual CO2 of text and NetCDF files, ppmv, and July CO2 of the calendar years of a climate."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.conventions.coordinates import time_coordinate
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.time_axis import calendar_months
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate

_TEXT = (".txt", ".csv", ".dat", ".tsv")
_JULY = 7
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

    NetCDF gives a value a year, on an axis of years or a CF time axis, or one a month, of which
    July is taken; text a year and its ppm in every line.
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
    if "year" in array.dims and "year" in dataset.variables and long in ([], ["year"]):
        years = reader.load_values(path, dataset["year"])
        if years is None:
            return None
        if years.ndim != 1 or not (np.abs(years) < 1e6).all():
            reader.add_finding(path, "year", "holds no calendar years", "Give whole years.")
            return None
        return years.astype(int), np.arange(years.size)
    stamps = time_coordinate(dataset.variables, array.dims)
    if stamps is None or long not in ([], list(dataset[stamps].dims)):
        mend = "Give co2(year) with a year axis, or co2(time) with CF time."
        reader.add_finding(path, "year", "no yearly series", mend)
        return None
    axis = calendar_months(reader, path, dataset, source.variable)
    if axis is None:
        return None
    years, months = np.array(axis.months).T
    yearly, counts = np.unique(years, return_counts=True)
    if (counts == 1).all():
        return years, np.arange(years.size)
    july = np.flatnonzero(months == _JULY)
    if years[july].tolist() != yearly.tolist():
        without = sorted(set(yearly.tolist()) - set(years[july].tolist()))
        what = f"{without[0]} has no July" if without else "a July is repeated"
        mend = "Give one value a year, or every month."
        reader.add_finding(path, axis.name, f"CO2 by month, but {what}", mend)
        return None
    reader.add_note(path, source.variable, "by month; July of every year is taken")
    return yearly, july
