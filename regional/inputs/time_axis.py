"""Time axes of climate files: CF dates, calendar years of monthly records."""

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.inputs.gridded import Reader
from temjax.validation import check_months


def dates(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """The dates of a time axis that has units; None with a finding where they are none."""
    time = dataset["time"]
    numbers = reader.numbers(path, time)
    if numbers is None:
        return None
    units, calendar = str(time.attrs["units"]), str(time.attrs.get("calendar", "standard"))
    wrong = np.flatnonzero(~np.isfinite(numbers))
    try:
        if numbers.ndim != 1 or wrong.size:
            raise ValueError(f"record {wrong[0]} is no number" if wrong.size else "not one axis")
        return cftime.num2date(numbers, units, calendar)
    except (ValueError, TypeError, OverflowError) as error:
        mend = "Give CF time: `days since ...` in a CF calendar."
        reader.find(path, "time", f"units {units!r}: no dates ({error})", mend)
        return None


def whole_years(reader: Reader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """The calendar years of a monthly time axis."""
    if "time" not in dataset.variables or "units" not in dataset["time"].attrs:
        reader.find(path, "time", "no time axis with units", "Add CF time: `days since ...`.")
        return None
    stamps = dates(reader, path, dataset)
    if stamps is None:
        return None
    months = [(stamp.year, stamp.month) for stamp in stamps]
    found = check_months(months, file=path)
    reader.findings += found
    if found or not months:
        return None
    return np.arange(months[0][0], months[-1][0] + 1)
