"""Time axes of a region's files, with their findings."""

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.conventions.coordinates import time_coordinate
from temjax.conventions.time_axis import (
    WITHIN_MONTHS,
    TimeAxis,
    TimeError,
    bounds_in,
    decode_time,
    enclose,
)
from temjax.regional.inputs.grids.files import FileReader
from temjax.runs.validation import check_months


def calendar_months(
    reader: FileReader, path: str, dataset: xr.Dataset, variable: str | None = None
) -> TimeAxis | None:
    """Read the time axis of a file; None with a finding where there is none that can be read.

    Args:
        reader: for findings and notes.
        path: of the file.
        dataset: open, times not decoded.
        variable: whose axis it is; by default that of the file.
    """
    dims = None if variable is None else dataset[variable].dims
    name = time_coordinate(dataset.variables, dims)
    if name is None or "units" not in dataset[name].attrs:
        mend = "Add CF time: `days since ...`."
        reader.add_finding(path, name or "time", "no time axis with units", mend)
        return None
    values = reader.load_values(path, dataset[name])
    if values is None:
        return None
    units, calendar = (
        str(dataset[name].attrs.get(key, "standard")) for key in ("units", "calendar")
    )
    bounds, refused = _bounds(reader, path, dataset, name, values)
    try:
        axis = decode_time(name, values, units, calendar, bounds)
        return replace(axis, refused_bounds=refused)
    except TimeError as fault:
        reader.add_finding(path, name, fault.message, fault.mend)
        return None


def _bounds(
    reader: FileReader, path: str, dataset: xr.Dataset, name: str, values: NDArray
) -> tuple[NDArray | None, str]:
    """CF bounds of the records ``(record, 2)`` in the axis's units; None without usable ones, and
    why those of the file are not used, which is told."""
    attributes = dataset[name].attrs | dataset[name].encoding
    label = str(attributes.get("bounds", ""))
    if not label:
        return None, ""
    if label not in dataset.variables:
        reader.add_note(path, name, f"bounds {label} are not in the file; the stamps are used")
        return None, f"its bounds {label} are not in the file"
    bounds = reader.load_values(path, dataset[label])
    if bounds is None:
        return None, f"its bounds {label} cannot be read"
    bounds: NDArray | None = np.asarray(bounds, dtype=float)
    units, own = (str(dataset[key].attrs.get("units", "")) for key in (name, label))
    if own and own != units:
        bounds = bounds_in(units, str(dataset[name].attrs.get("calendar", "standard")), bounds, own)
    if bounds is None or not enclose(bounds, values):
        reader.add_note(path, label, "do not enclose the stamps, which are used instead")
        return None, f"its bounds {label} do not enclose the stamps"
    return bounds, ""


def whole_years(reader: FileReader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """Calendar years of a monthly time axis; None with findings where a month is missing."""
    axis = calendar_months(reader, path, dataset)
    if axis is None or add_month_ends(reader, path, axis):
        return None
    if axis.step in WITHIN_MONTHS:
        mend = "Give monthly means, or name the project whose files these are in climate.kind."
        reader.add_finding(path, axis.name, f"records are {axis.step}, not monthly", mend)
        return None
    findings = check_months(axis.months, file=path, variable=axis.name)
    reader.findings += findings
    if findings:
        return None
    return np.arange(axis.months[0][0], axis.months[-1][0] + 1)


def add_month_ends(reader: FileReader, path: str, axis: TimeAxis) -> bool:
    """Add the fault of stamps that look like the ends of months; whether they do."""
    if axis.month_ends:
        first, last = axis.months[0], axis.months[-1]
        reader.add_finding(
            path, axis.name, f"stamps look like the ends of months: the first of every month from "
            f"{first[0]}-{first[1]:02d} to {last[0]}-{last[1]:02d}, "
            f"{axis.refused_bounds or 'without bounds'}",
            "Give bounds that enclose the stamps, or stamp every month in its middle.", "record 0",
        )  # fmt: skip
    return axis.month_ends
