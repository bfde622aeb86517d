"""Time axes of climate files: CF dates, calendar years of monthly records."""

from dataclasses import dataclass
from itertools import pairwise

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.inputs.gridded import Reader
from temjax.runs.validation import check_months


def decode_dates(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """Decode the dates of a time axis with units; None with a finding where that fails."""
    time = dataset["time"]
    values = reader.load_values(path, time)
    if values is None:
        return None
    units, calendar = str(time.attrs["units"]), str(time.attrs.get("calendar", "standard"))
    invalid = np.flatnonzero(~np.isfinite(values))
    try:
        if values.ndim != 1 or invalid.size:
            raise ValueError(
                f"record {invalid[0]} is no number" if invalid.size else "not one axis"
            )
        return cftime.num2date(values, units, calendar)
    except (ValueError, TypeError, OverflowError) as error:
        mend = "Give CF time: `days since ...` in a CF calendar."
        reader.add_finding(path, "time", f"units {units!r}: no dates ({error})", mend)
        return None


def whole_years(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """Calendar years of a monthly time axis; None with findings where a month is missing."""
    if "time" not in dataset.variables or "units" not in dataset["time"].attrs:
        reader.add_finding(
            path, "time", "no time axis with units", "Add CF time: `days since ...`."
        )
        return None
    stamps = decode_dates(reader, path, dataset)
    if stamps is None:
        return None
    months = [(stamp.year, stamp.month) for stamp in stamps]
    findings = check_months(months, file=path)
    reader.findings += findings
    if findings or not months:
        return None
    return np.arange(months[0][0], months[-1][0] + 1)


@dataclass(frozen=True)
class TimeAxis:
    """Calendar month and length (s) of every record, and the step in words."""

    months: list[tuple[int, int]]
    seconds: NDArray
    step: str


def calendar_months(
    reader: Reader, path: str, dataset: xr.Dataset, variable: str | None = None
) -> TimeAxis | None:
    """Calendar month of every record; None with a finding where there is no time axis."""
    name = next((n for n in ("time", "valid_time") if n in dataset.variables), None)
    if name is None or "units" not in dataset[name].attrs:
        mend = "Add CF time: `days since ...`."
        reader.add_finding(path, "time", "no time axis with units", mend)
        return None
    stamps = decode_dates(reader, path, dataset.rename({name: "time"}))
    if stamps is None:
        return None
    months = [(stamp.year, stamp.month) for stamp in stamps]
    gaps = [(b - a).total_seconds() for a, b in pairwise(stamps)]
    typical = float(np.median(gaps)) if gaps else 30 * 86400.0
    step = "monthly" if typical > 20 * 86400 else "daily" if typical > 43200 else "hourly"
    return TimeAxis(months, np.full(len(months), typical), step)
