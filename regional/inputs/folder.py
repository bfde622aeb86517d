"""Check of a folder of NetCDF input without an experiment file.

Variables are recognised by CF standard name or by the names that ISIMIP, CRU and TEM use; those
that are recognised are checked, all others are ignored.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.conventions.coordinates import time_coordinate
from temjax.conventions.time_axis import WITHIN_MONTHS, TimeAxis
from temjax.files.findings import Finding
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.gridded import Field, Reader
from temjax.regional.inputs.time_axis import add_month_ends, calendar_months
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import check_climate, check_months, check_texture
from temjax.units import SECONDS_PER_DAY

_NAMES = {
    "air_temperature": {"air_temperature", "tair", "tas", "tmp", "temp", "ta", "t2m"},
    "precipitation": {"precipitation", "precip", "pr", "pre", "prec", "tp"},
    "shortwave": {"shortwave", "nirr", "rsds", "swdown", "sw_in", "ssrd"},
    "co2": {"co2"},
}
_STANDARD_NAMES = {
    "air_temperature": "air_temperature",
    "precipitation_amount": "precipitation",
    "precipitation_flux": "precipitation",
    "lwe_thickness_of_precipitation_amount": "precipitation",
    "downwelling_shortwave_flux_in_air": "shortwave",
    "surface_downwelling_shortwave_flux_in_air": "shortwave",
    "mole_fraction_of_carbon_dioxide_in_air": "co2",
}
_FRACTIONS = ("sand", "silt", "clay")


def check_folder(folder: Path) -> tuple[list[Finding], list[str]] | None:
    """Check the climate, CO2 and texture files of a folder; None if it holds no NetCDF.

    A file may begin and end inside a year: others go on.

    Returns:
        Findings, and notes of what was chosen where the files do not say.
    """
    files = sorted(file.name for file in folder.glob("*.nc*"))
    if not files:
        return None
    reader = Reader(folder)
    for file in files:
        dataset = reader.open(file)
        if dataset is not None:
            with dataset:
                _check_dataset(reader, file, dataset)
    return reader.findings, reader.notes


def kind_of(name: str, array: xr.DataArray) -> str | None:
    """Identify which of the model's drivers a variable is; None if it is none."""
    standard = str(array.attrs.get("standard_name", ""))
    if standard in _STANDARD_NAMES:
        return _STANDARD_NAMES[standard]
    return next((kind for kind, names in _NAMES.items() if name.casefold() in names), None)


@dataclass(frozen=True)
class _Months:
    """Months of a file's records as whole calendar years.

    Attributes:
        years: calendar years, ``(year,)``.
        record: month of the file that each month takes, ``(year, 12)``: its own, or the first of
            the same name where the file begins or ends inside a year.
        complete: whether every month takes one of its own name.
    """

    years: NDArray
    record: NDArray
    complete: bool


def _check_dataset(reader: Reader, file: str, dataset: xr.Dataset) -> None:
    path = str(reader.folder / file)
    kinds = {
        str(name): kind
        for name in dataset.data_vars
        if (kind := kind_of(str(name), dataset[name])) is not None
    }
    stamps = time_coordinate(dataset.variables)
    on_time = "time" if stamps is None else dataset[stamps].dims[0]
    axis = months = None
    if any(on_time in dataset[name].dims for name, kind in kinds.items() if kind != "co2"):
        axis = calendar_months(reader, path, dataset)
        months = None if axis is None else _months(reader, path, axis)
    for name, kind in kinds.items():
        timed = on_time in dataset[name].dims and kind != "co2"
        if timed and axis is not None and axis.step in WITHIN_MONTHS:
            field = _monthly_means(reader, dataset, Variable(file=file, variable=name), axis)
        else:
            field = reader.read_variable(dataset, Variable(file=file, variable=name))
        if field is None:
            continue
        if field.values.ndim == 0:
            reader.add_finding(path, name, "is a single number", "Give monthly or yearly values.")
            continue
        whole = months if timed and months and field.values.ndim == 3 else None
        values = field.values if whole is None else field.values[whole.record]
        interval = None
        if axis is not None and axis.step in WITHIN_MONTHS:
            interval = float(np.median(axis.seconds))
        if whole is not None or not timed:
            by_cell = values.reshape(*values.shape[:2], -1) if whole is not None else values
            shape = values.shape
            values = to_model_units(reader, path, name, kind, field.units, by_cell, interval)
            if values is not None:
                values = values.reshape(shape)
                _check_values(reader, path, (name, kind), values, field, whole)
    _check_texture(reader, path, dataset)


def _months(reader: Reader, path: str, axis: TimeAxis) -> _Months | None:
    """Months of a file as whole years; None with findings where one is missing between others, out
    of order, or a day of it."""
    if add_month_ends(reader, path, axis):
        return None
    months, counts = list(dict.fromkeys(axis.months)), Counter(axis.months)
    if axis.step not in WITHIN_MONTHS:
        months = axis.months
    elif axis.dates is not None:
        seconds = float(np.median(axis.seconds))
        for date in axis.dates:
            records = round(date.daysinmonth * SECONDS_PER_DAY / seconds)
            if counts[date.year, date.month] != records:
                text = f"{date.year}-{date.month:02d}"
                message = f"{counts[date.year, date.month]} records in {text}, not {records}"
                reader.add_finding(path, axis.name, message, "Give every record once.", text)
                return None
    (first, before), (last, after) = months[0], months[-1]
    whole = [(first, month) for month in range(1, before)] + months
    whole += [(last, month) for month in range(after + 1, 13)]
    findings = check_months(
        whole, file=path, variable=axis.name,
        index_text=lambda record: f"record {record - before + 1}",
    )  # fmt: skip
    reader.findings += findings
    if findings:
        return None
    record = np.arange(len(whole)) - (before - 1)
    of_month = {month: number for number, (_, month) in reversed(list(enumerate(months)))}
    for slot, (_, month) in enumerate(whole):
        if not 0 <= record[slot] < len(months):
            record[slot] = of_month.get(month, 0)
    years = np.arange(first, last + 1)
    return _Months(years, record.reshape(-1, 12), len(of_month) == 12)


def _monthly_means(
    reader: Reader, dataset: xr.Dataset, variable: Variable, axis: TimeAxis
) -> Field | None:
    """Means of the calendar months of a variable, ``(month, row, column)``, one month in memory."""
    counted = np.array([12 * year + month for year, month in axis.months])
    (dim,) = dataset[axis.name].dims
    fields = []
    for month in dict.fromkeys(counted.tolist()):
        records = np.flatnonzero(counted == month)
        part = dataset.isel({dim: slice(records[0], records[-1] + 1)})
        field = reader.read_variable(part, variable)
        if field is None:
            return None
        fields.append(field)
    means = [np.asarray(field.values, float).mean(axis=0) for field in fields]
    return replace(fields[0], values=np.stack(means))


def _check_values(
    reader: Reader,
    path: str,
    variable: tuple[str, str],
    values: NDArray,
    field: Field,
    months: _Months | None,
) -> None:
    """Add the faults of a variable (its name and kind) in the model's units."""
    name, kind = variable
    latitude = None
    if field.grid is not None:
        latitude = field.grid.fields()[0]
        outside = np.argwhere(~(np.abs(latitude) <= 90))
        if outside.size:
            row, column = outside[0]
            reader.add_finding(
                path, "lat", f"latitude {latitude[row, column]:g} is out of range",
                "Give degrees north, -90 to 90.", f"cell ({row}, {column})",
            )  # fmt: skip
            latitude = None

    def place(at: tuple[int, ...]) -> str:
        if months is None:
            return f"record {at[0]}" + (f", cell {at[1:]}" if at[1:] else "")
        record = months.record[at[:2]]
        return f"record {record} ({months.years[at[0]]}-{at[1] + 1:02d}), cell ({at[2]}, {at[3]})"

    complete = months is not None and months.complete
    reader.findings += check_climate(
        {kind: values.astype(float)},
        latitude=latitude if complete else None,
        file=path,
        names={kind: name},
        index_text=place,
    )


def _check_texture(reader: Reader, path: str, dataset: xr.Dataset) -> None:
    """Check that sand, silt and clay of one file sum to 100 in every cell."""
    names = {
        fraction: next((v for v in dataset.data_vars if fraction in str(v).casefold()), None)
        for fraction in _FRACTIONS
    }
    if None in names.values():
        return
    loaded = [reader.load_values(path, dataset[names[name]]) for name in _FRACTIONS]
    if any(values is None for values in loaded):
        return
    if len({values.shape for values in loaded}) > 1:
        reader.add_finding(path, "texture", "sand, silt and clay differ in shape", "Give one grid.")
        return
    fractions = np.stack([np.asarray(values, float) for values in loaded])
    faults = 0
    for at in np.ndindex(fractions.shape[1:]):
        cell = fractions[(slice(None), *at)]
        findings = np.isfinite(cell).any() and check_texture(*map(float, cell), file=path)
        if findings and not faults:
            first, place = findings[0], at
        faults += bool(findings)
    if faults:
        reader.add_finding(
            path, first.variable, f"{first.message} ({faults} such cells)", first.mend,
            f"cell {place}",
        )  # fmt: skip
