"""Monthly means of one variable of one file: read in blocks of records, in the model's units."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.climate.places import horizontal_dims
from temjax.regional.climate.projects import CLOUD_COVER
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.inputs.time_axis import TimeAxis, calendar_months
from temjax.regional.inputs.units import to_model_units
from temjax.runs.validation import MISSING_VALUE
from temjax.units import SECONDS_PER_DAY

BLOCK_BYTES = 256e6  # of float64 records in memory at a time
Placing = Callable[[Path, xr.Dataset, xr.DataArray], tuple[NDArray, NDArray] | None]
# amounts in a record of less than a month → rate of the same, in records a day
_AMOUNTS = {"mm": "mm d-1", "kg m-2": "mm d-1", "m": "m d-1"}
_ENERGY = re.compile(r"J ?(?:/ ?m(?:\^|\*\*)?2|m(?:\^|\*\*)?-2)", re.IGNORECASE)
_PER_HOURS = re.compile(r"(?P<unit>mm|kg m-2) ?/ ?(?P<hours>\d+) ?h(?:r|our)?s?")
_PERCENT = {"%": 1.0, "percent": 1.0, "percentage": 1.0, "": 1.0, "1": 100.0, "fraction": 100.0}


@dataclass(frozen=True)
class YearOfMonths:
    """Months of a calendar year in one file.

    Attributes:
        values: model's units, ``(12, cell)``; NaN in absent months.
        covered: share of each month that the file's records cover, ``(12,)``.
        record: first record of each month, ``(12,)``.
    """

    year: int
    values: NDArray
    covered: NDArray
    record: NDArray


def file_years(
    reader: ClimateReader,
    path: Path,
    kind: str,
    name: str,
    units: Mapping[str, str],
    place: Placing,
) -> Iterator[YearOfMonths]:
    """Read the months of a variable by calendar year; faults are findings.

    Args:
        kind: the driver, or ``cloud_cover``.
        name: of the variable in the file.
        units: unit in the file → the unit it stands for.
        place: row and column of each climate cell on the grid of a file.
    """
    dataset = reader.open_path(path)
    if dataset is None:
        return
    file = str(path)
    with dataset:
        if name not in dataset.variables:
            absent = "variable is not in the file"
            known = ", ".join(map(str, dataset.data_vars)) or "no variable"
            reader.add_finding(file, name, absent, f"The file has {known}.")
            return
        axis = calendar_months(reader, file, dataset, name)
        at = None if axis is None else place(path, dataset, dataset[name])
        array = None if at is None else _ordered(reader, file, dataset, name, len(axis.months), at)
        if array is None:
            return
        unit = str(array.attrs.get("units", "")).strip()
        unit, factor = _rate(units.get(unit, unit), axis)
        keys = np.array([12 * year + month - 1 for year, month in axis.months])
        share = _month_share(dataset, axis, keys)
        for rows in _blocks(keys, 8 * array[0].size):
            block = _read(reader, file, array, rows, at)
            if block is None:
                return
            if axis.step != "monthly":
                block[block == MISSING_VALUE] = np.nan  # must not enter a mean
            years, values, covered, record = _means(factor * block, rows, keys, share)
            converted = _convert(reader, file, kind, name, unit, values)
            if converted is None:
                return
            yield from map(YearOfMonths, years, converted, covered, record)


def _ordered(
    reader: ClimateReader, file: str, dataset: xr.Dataset, name: str, records: int, at: tuple
) -> xr.DataArray | None:
    """The variable with time first, cut to the box of its cells, dimensions of one dropped."""
    row, column = at
    array = dataset[name]
    horizontal = horizontal_dims(dataset, array)
    time = next((dim for dim in array.dims if array.sizes[dim] == records), None)
    if time is None or array.ndim < 3:
        message = f"has shape {array.shape}, but the file holds {records} records"
        mend = "Give (time, latitude, longitude), one record per month, day or hour."
        reader.add_finding(file, str(array.name), message, mend)
        return None
    for dim in array.dims:
        if dim not in (time, *horizontal) and array.sizes[dim] == 1:
            array = array.isel({dim: 0})
    y, x = horizontal
    return array.isel(
        {y: slice(row.min(), row.max() + 1), x: slice(column.min(), column.max() + 1)}
    ).transpose(time, ..., y, x)


def _read(
    reader: ClimateReader, file: str, array: xr.DataArray, rows: NDArray, at: tuple
) -> NDArray | None:
    """Records ``(record, cell)``; of several versions the first that has a value counts."""
    whole = rows[-1] - rows[0] + 1 == rows.size
    part = array[slice(rows[0], rows[-1] + 1) if whole and (np.diff(rows) == 1).all() else rows]
    values = reader.load_values(file, part)
    if values is None:
        return None
    values = values.astype(float)
    if values.ndim == 4:  # expver of ERA5: final and preliminary values exclude each other
        first = values[:, 0]
        for version in range(1, values.shape[1]):
            first = np.where(np.isnan(first), values[:, version], first)
        values = first
    row, column = at
    return values[:, row - row.min(), column - column.min()]


def _rate(unit: str, axis: TimeAxis) -> tuple[str, float]:
    """Unit of a rate for amounts in records of less than a month, and the factor to it."""
    hours = _PER_HOURS.fullmatch(unit)
    if hours:
        return _AMOUNTS[hours["unit"]], 24 / float(hours["hours"])
    if unit == "m d-1":
        return "mm d-1", 1000.0
    if unit == "J m-2 d-1":
        return "W m-2", 1 / SECONDS_PER_DAY
    if axis.step == "monthly":
        return unit, 1.0
    seconds = float(np.median(axis.seconds))
    if unit in _AMOUNTS:
        metres = 1000.0 if unit == "m" else 1.0
        return "mm d-1", metres * SECONDS_PER_DAY / seconds
    if _ENERGY.fullmatch(unit):
        return "W m-2", 1 / seconds
    return unit, 1.0


def _month_share(dataset: xr.Dataset, axis: TimeAxis, keys: NDArray) -> NDArray:
    """Share of its month that each record covers."""
    if axis.step == "monthly":
        return np.ones(keys.size)
    calendar = next(
        (v.attrs["calendar"] for v in dataset.variables.values() if "calendar" in v.attrs),
        "standard",
    )
    days = {
        key: cftime.datetime(int(key) // 12, int(key) % 12 + 1, 1, calendar=calendar).daysinmonth
        for key in np.unique(keys)
    }
    return axis.seconds / SECONDS_PER_DAY / np.array([days[key] for key in keys])


def _blocks(keys: NDArray, record_bytes: int) -> Iterator[NDArray]:
    """Records of whole calendar years that fit into memory together, or of one year."""
    order = np.argsort(keys, kind="stable")
    block: list[NDArray] = []
    size = 0
    for rows in np.split(order, np.flatnonzero(np.diff(keys[order] // 12)) + 1):
        if block and (size + rows.size) * record_bytes > BLOCK_BYTES:
            yield np.concatenate(block)
            block, size = [], 0
        block.append(rows)
        size += rows.size
    if size:
        yield np.concatenate(block)


def _means(
    block: NDArray, rows: NDArray, keys: NDArray, share: NDArray
) -> tuple[list[int], NDArray, NDArray, NDArray]:
    """Calendar years of a block, monthly means, their cover and first records."""
    years = np.unique(keys[rows] // 12)
    values = np.full((years.size, 12, block.shape[1]), np.nan)
    covered, record = np.zeros((years.size, 12)), np.full((years.size, 12), -1)
    for key in np.unique(keys[rows]):
        inside = keys[rows] == key
        at = np.searchsorted(years, key // 12), key % 12
        values[at] = block[inside].mean(axis=0)
        covered[at] = share[rows[inside]].sum()
        record[at] = rows[inside].min()
    return years.tolist(), values, covered, record


def _convert(
    reader: ClimateReader, file: str, kind: str, name: str, unit: str, values: NDArray
) -> NDArray | None:
    if kind != CLOUD_COVER:
        return to_model_units(reader, file, name, kind, unit, values)
    if unit.casefold() not in _PERCENT:
        reader.add_finding(file, name, f"unit {unit!r} is not understood", "Give percent.")
        return None
    return (_PERCENT[unit.casefold()] * values).astype(np.float32)
