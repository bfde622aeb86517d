"""Monthly means of one variable of one file: read in blocks of records, in the model's units."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import EllipsisType

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.conventions.time_axis import WITHIN_MONTHS, TimeAxis
from temjax.regional.climate.kept.entry import YearOfMonths
from temjax.regional.climate.places import Place, Placing
from temjax.regional.climate.projects import CLOUD_COVER, ProjectVariable
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.climate.suspicion import counted_calendar
from temjax.regional.inputs.time_axis import add_month_ends, calendar_months
from temjax.regional.inputs.units import conversion, to_model_units
from temjax.runs.validation import MISSING_VALUE
from temjax.units import SECONDS_PER_DAY

BLOCK_BYTES = 256e6  # of float64 records in memory at a time
VERSIONS = "expver"  # of ERA5: final and preliminary values, which exclude each other
_PER_HOURS = re.compile(r"(?P<unit>mm|kg m-2) ?/ ?(?P<hours>\d+) ?h(?:r|ours?)?")


def file_years(
    reader: ClimateReader, path: Path, variable: ProjectVariable, place: Placing
) -> Iterator[YearOfMonths]:
    """Read the months of a variable by calendar year; faults are findings.

    Args:
        variable: the driver, or cloud cover, and how the file writes it.
        place: row and column of each climate cell on the grid of a file.
    """
    whole = None
    for part in _file_parts(reader, path, variable, place):
        if whole is not None and part.year == whole.year:
            new = part.covered > 0
            for name in ("values", "covered", "record"):
                getattr(whole, name)[new] = getattr(part, name)[new]
            continue
        if whole is not None:
            yield whole
        whole = part
    if whole is not None:
        yield whole


def _file_parts(
    reader: ClimateReader, path: Path, variable: ProjectVariable, place: Placing
) -> Iterator[YearOfMonths]:
    """Months of a variable in the order of time, of a year that is too large in several parts."""
    dataset = reader.open_path(path)
    if dataset is None:
        return
    file = str(path)
    with dataset:
        if variable.name not in dataset.variables:
            known = ", ".join(map(str, dataset.data_vars)) or "no variable"
            absent = "variable is not in the file"
            reader.add_finding(file, variable.name, absent, f"The file has {known}.")
            return
        axis = _calendar_months(reader, file, dataset, variable.name)
        if axis is None or not _is_read(reader, file, axis, variable):
            return
        array = dataset[variable.name]
        unit = str(array.attrs.get("units", "")).strip()
        unit, interval = _interval(variable.units.get(unit, unit), axis)
        at = place(path, dataset, array)
        if at is None:
            _check_unit(reader, file, array, variable, unit, interval)
            return
        array = _ordered(reader, file, array, axis, at)
        if array is None:
            return
        keys = np.array([12 * year + month - 1 for year, month in axis.months])
        share = _month_share(axis)
        for rows in _blocks(keys, 8 * array[0].size):
            months = (rows, keys, share)
            for year, values, covered, record in _read_means(
                reader, file, array, months, at, axis.step
            ):
                converted = _convert(reader, file, variable, unit, values, interval)
                if converted is None:
                    return
                yield YearOfMonths(year, converted, covered, record)


def _calendar_months(
    reader: ClimateReader, file: str, dataset: xr.Dataset, name: str
) -> TimeAxis | None:
    """Time axis of a variable, in the calendar that its days count."""
    axis = calendar_months(reader, file, dataset, name)
    if axis is None:
        return None
    counted = counted_calendar(axis, str(dataset[axis.name].attrs.get("calendar", "standard")))
    if counted is None:
        return axis
    reader.add_note(file, axis.name, f"suspicious: {counted[1]}")
    return counted[0]


def _is_read(reader: ClimateReader, file: str, axis: TimeAxis, variable: ProjectVariable) -> bool:
    """Whether records are of a step that is read; a finding otherwise."""
    if axis.step not in ("monthly", *WITHIN_MONTHS):
        mend = "Give months, days or hours."
        reader.add_finding(file, axis.name, f"records are {axis.step}", mend)
        return False
    if variable.steps and axis.step not in variable.steps:
        message = f"records are {axis.step}: their amounts are no sums of one record"
        reader.add_finding(file, variable.name, message, "Give means of months or days.")
        return False
    return not add_month_ends(reader, file, axis)


def _ordered(
    reader: ClimateReader, file: str, array: xr.DataArray, axis: TimeAxis, at: Place
) -> xr.DataArray | None:
    """The variable with time first, cut to the box of its cells; axes of one value are dropped."""
    axes = at.axes
    if axes.time is None or array.sizes[axes.time] != len(axis.months):
        message = f"has shape {array.shape}, but the file holds {len(axis.months)} records"
        mend = "Give (time, latitude, longitude), one record per month, day or hour."
        reader.add_finding(file, str(array.name), message, mend)
        return None
    several = [dim for dim in axes.others if array.sizes[dim] > 1 and dim != VERSIONS]
    if several:
        message = f"has {array.sizes[several[0]]} values along {several[0]}"
        reader.add_finding(file, str(array.name), message, "Give one of them.")
        return None
    array = array.isel({dim: 0 for dim in axes.others if dim != VERSIONS})
    box = {axes.rows: at.row, axes.columns: at.column}
    array = array.isel({d: slice(i.min(), i.max() + 1) for d, i in box.items() if d})
    return array.transpose(axes.time, ..., *(dim for dim in (axes.rows, axes.columns) if dim))


def _read_means(
    reader: ClimateReader,
    file: str,
    array: xr.DataArray,
    records: tuple[NDArray, NDArray, NDArray],
    at: Place,
    step: str,
) -> Iterator[tuple[int, NDArray, NDArray, NDArray]]:
    """Monthly means of some records by calendar year, see ``_means``; those of a month that are too
    many for memory are read in bands of cells. A fault ends it.

    Args:
        records: those to read, and the month and share of a month of all.
    """
    rows, keys, share = records
    number = int(-(-8 * rows.size * array[0].size // BLOCK_BYTES))
    bands = np.array_split(np.argsort(at.row, kind="stable"), number) if number > 1 else [...]
    banded = np.empty((12, at.row.size)) if number > 1 else None
    for cells in bands:
        block = _read(reader, file, array, rows, at, cells)
        if block is None:
            return
        if step in WITHIN_MONTHS:
            block[block == MISSING_VALUE] = np.nan  # must not enter a mean
        for year in np.unique(keys[rows] // 12).tolist():
            inside = keys[rows] // 12 == year
            means = _means(block[_slice(inside)], rows[inside], keys, share)
            if banded is None:
                yield year, *means
            else:
                banded[:, cells] = means[0]
    if banded is not None:
        yield int(keys[rows[0]] // 12), banded, *means[1:]


def _slice(inside: NDArray) -> slice:
    """Positions of records that lie together."""
    (positions,) = np.nonzero(inside)
    return slice(int(positions[0]), int(positions[-1]) + 1)


def _read(
    reader: ClimateReader,
    file: str,
    array: xr.DataArray,
    rows: NDArray,
    at: Place,
    cells: NDArray | EllipsisType,
) -> NDArray | None:
    """Records ``(record, cell)`` of some cells; of several versions the first that has a value
    counts."""
    row, column = (at.row - at.row.min())[cells], (at.column - at.column.min())[cells]
    consecutive = (np.diff(rows) == 1).all()
    part = array[slice(rows[0], rows[-1] + 1) if consecutive else rows]
    if at.axes.rows:
        part = part.isel({at.axes.rows: slice(row.min(), row.max() + 1)})
        row = row - row.min()
    values = reader.load_values(file, part)
    if values is None:
        return None
    if VERSIONS in part.dims:
        values = values.astype(float)
        first = values[:, 0]
        for version in range(1, values.shape[1]):
            other = np.isnan(first) & ~np.isnan(values[:, version])
            if other.any():
                text = f"of {values.shape[1]} versions ({VERSIONS}) the first with a value is taken"
                reader.add_note(file, str(array.name), text)
            first = np.where(other, values[:, version], first)
        values = first
    columns = part.sizes[at.axes.columns] if at.axes.columns else 1
    values = values.reshape(len(rows), -1)
    cell = row * columns + column
    if cell.size != values.shape[1] or (np.diff(cell) != 1).any():
        values = values[:, cell]
    return values if values.dtype.kind == "f" else values.astype(float)


def _check_unit(
    reader: ClimateReader,
    file: str,
    array: xr.DataArray,
    variable: ProjectVariable,
    unit: str,
    interval: float | None,
) -> None:
    """Faults of the unit of a variable whose cells are not those of the region: both are told."""
    leading = array.isel({array.dims[0]: slice(0, 12)})
    values = reader.load_values(file, leading)
    if values is not None and values.shape[0] == 12:
        _convert(reader, file, variable, unit, values.reshape(12, -1).astype(float), interval)


def _interval(unit: str, axis: TimeAxis) -> tuple[str, float | None]:
    """Unit, and the seconds that an amount in it covers; None for monthly sums."""
    hours = _PER_HOURS.fullmatch(unit)
    if hours:
        return hours["unit"], 3600.0 * float(hours["hours"])
    within = axis.step in WITHIN_MONTHS
    return unit, float(np.median(axis.seconds)) if within else None


def _month_share(axis: TimeAxis) -> NDArray:
    """Share of its month that each record covers."""
    if axis.step not in WITHIN_MONTHS or axis.dates is None:
        return np.ones(len(axis.months))
    days = np.array([date.daysinmonth for date in axis.dates])
    return float(np.median(axis.seconds)) / SECONDS_PER_DAY / days


def _blocks(keys: NDArray, record_bytes: int) -> Iterator[NDArray]:
    """Records of whole months that fit into memory together, or of one month."""
    order = np.argsort(keys, kind="stable")
    block: list[NDArray] = []
    size = 0
    for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        if block and (size + rows.size) * record_bytes > BLOCK_BYTES:
            yield np.concatenate(block)
            block, size = [], 0
        block.append(rows)
        size += rows.size
    if size:
        yield np.concatenate(block)


def _means(
    block: NDArray, rows: NDArray, keys: NDArray, share: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Monthly means ``(12, cell)`` of the records of a calendar year, their cover and first
    records; those of a month lie together in the block."""
    values = np.full((12, block.shape[1]), np.nan)
    covered, record = np.zeros(12), np.full(12, -1)
    for key in np.unique(keys[rows]):
        inside = keys[rows] == key
        values[key % 12] = block[_slice(inside)].mean(axis=0, dtype=float)
        covered[key % 12] = share[rows[inside]].sum()
        record[key % 12] = rows[inside].min()
    return values, covered, record


def _convert(
    reader: ClimateReader,
    file: str,
    variable: ProjectVariable,
    unit: str,
    values: NDArray,
    interval: float | None,
) -> NDArray | None:
    """Monthly means in the model's units; cloud cover in percent."""
    name, kind = variable.name, variable.kind
    if kind != CLOUD_COVER:
        return to_model_units(reader, file, name, kind, unit, values, interval)
    share = unit.replace("percentage", "percent") or "percent"
    found = conversion("texture", share)  # percent as well
    if found is None:
        reader.add_finding(file, name, f"unit {unit!r} is not understood", "Give percent.")
        return None
    return (found[0] * values).astype(np.float32)
