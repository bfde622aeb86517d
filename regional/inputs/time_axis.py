"""Time axes of climate files: CF dates, calendar years of monthly records."""

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
