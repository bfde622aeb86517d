"""Time axes of climate files: calendar month, length and step of every record.

The axis is told by standard name, ``axis = "T"`` or units ``... since`` (CF 1.11 section 4.4). The
month of a record is that in the middle of its bounds, or of its stamp where there are none.
"""

import re
from dataclasses import dataclass

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.regional.inputs.grids.axes import time_coordinate
from temjax.regional.inputs.grids.files import FileReader
from temjax.runs.validation import check_months
from temjax.units import DAYS_PER_YEAR, SECONDS_PER_DAY

_CALENDAR_STEPS = re.compile(
    r"\s*(?P<step>months?|mons?|(?:(?:common|calendar)[_ ])?years?|yrs?)\s+since\s+"
    r"(?P<year>-?\d{1,6})"
    r"(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?(?:[T\s].*)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"\s*(?P<step>day|month|year)\s+as\s+(?P<form>%Y(?:%m)?(?:%d)?)(?:\.%f)?\s*",
                       re.IGNORECASE)  # fmt: skip
_STEPS = (  # longest interval in seconds, name
    (2 * 3600, "hourly"), (5 * 3600, "3-hourly"), (9 * 3600, "6-hourly"), (18 * 3600, "12-hourly"),
    (1.5 * SECONDS_PER_DAY, "daily"), (10 * SECONDS_PER_DAY, "weekly"),
    (45 * SECONDS_PER_DAY, "monthly"), (100 * SECONDS_PER_DAY, "seasonal"),
    (400 * SECONDS_PER_DAY, "yearly"),
)  # fmt: skip
WITHIN_MONTHS = ("hourly", "3-hourly", "6-hourly", "12-hourly", "daily", "weekly")
_MEND = "Give CF time: `days since ...` in a CF calendar."


@dataclass(frozen=True)
class TimeAxis:
    """Records of a time axis.

    Attributes:
        name: of the axis in the file.
        months: calendar year and month 1-12 of each record.
        seconds: length of each record's interval, from the bounds, else the distance between
            stamps; of a monthly record without bounds the length of its month.
        step: hourly, 3-hourly, 6-hourly, 12-hourly, daily, weekly, monthly, seasonal, yearly or
            irregular.
        dates: middle of each record's bounds, or its stamp; None where the axis counts calendar
            months or years.
        month_ends: whether every stamp is the first instant of a month, there are no bounds, and
            the records run from February to January: they look like the ends of months.
    """

    name: str
    months: list[tuple[int, int]]
    seconds: NDArray
    step: str
    dates: NDArray | None = None
    month_ends: bool = False


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
    name = time_coordinate(dataset, dims)
    if name is None or "units" not in dataset[name].attrs:
        mend = "Add CF time: `days since ...`."
        reader.add_finding(path, name or "time", "no time axis with units", mend)
        return None
    values = reader.load_values(path, dataset[name])
    if values is None:
        return None
    units = str(dataset[name].attrs["units"])
    values = np.asarray(values, dtype=float)
    invalid = np.flatnonzero(~np.isfinite(values))
    if invalid.size or not values.size:
        what = f"record {invalid[0]} is no number" if invalid.size else "no records"
        reader.add_finding(path, name, f"units {units!r}: no dates ({what})", _MEND)
        return None
    stepped, absolute = _CALENDAR_STEPS.fullmatch(units), _ABSOLUTE.fullmatch(units)
    if stepped:
        return _count_of_months(reader, path, name, values, stepped)
    if absolute:
        return _absolute_dates(reader, path, dataset[name], values, absolute)
    return _cf_dates(reader, path, dataset, name, values)


def _count_of_months(
    reader: FileReader, path: str, name: str, values: NDArray, units: re.Match
) -> TimeAxis | None:
    """Axis that counts calendar months or years since a month; part of a month stays in it."""
    years = "y" in units["step"].casefold()
    month, day = int(units["month"] or 1), int(units["day"] or 1)
    if not 1 <= month <= 12 or (day != 1 and not years) or (np.abs(values) > 1e6).any():
        mend = "Count from the first of a month, or give `days since ...`."
        reader.add_finding(path, name, f"units {units.string!r}: no dates", mend)
        return None
    counted = 12 * int(units["year"]) + month - 1
    counted = counted + np.floor(values * (12 if years else 1) + 1e-6).astype(int)
    months = [(int(m) // 12, int(m) % 12 + 1) for m in counted]
    step = "yearly" if years else "monthly"
    days = [DAYS_PER_YEAR if years else MONTH_DAYS[month - 1] for _, month in months]
    return TimeAxis(name, months, SECONDS_PER_DAY * np.array(days, dtype=float), step)


def _absolute_dates(
    reader: FileReader, path: str, axis: xr.DataArray, values: NDArray, units: re.Match
) -> TimeAxis | None:
    """Axis that writes dates as numbers, ``day as %Y%m%d.%f``, the form of CDO."""
    digits, form = np.floor(values + 1e-9).astype(int), units["form"]
    day = digits % 100 if "%d" in form else np.ones_like(digits)
    digits = digits // 100 if "%d" in form else digits
    month = digits % 100 if "%m" in form else np.ones_like(digits)
    year = digits // 100 if "%m" in form else digits
    name = str(axis.name)
    if not ((1 <= month) & (month <= 12) & (1 <= day) & (day <= 31)).all():
        wrong = int(np.argmin((1 <= month) & (month <= 12) & (1 <= day) & (day <= 31)))
        message = f"units {units.string!r}: record {wrong}, {values[wrong]:.10g}, is no date"
        reader.add_finding(path, name, message, _MEND)
        return None
    calendar = str(axis.attrs.get("calendar", "standard"))
    try:
        stamps = [
            cftime.datetime(*map(int, date), calendar=calendar)
            for date in zip(year, month, day, strict=True)
        ]
        fraction = np.mod(values, 1) * SECONDS_PER_DAY if "%d" in form else np.zeros(values.size)
        numbers = cftime.date2num(stamps, "seconds since 1900-01-01", calendar) + fraction
    except (ValueError, TypeError, OverflowError):
        reader.add_finding(path, name, f"calendar {calendar!r}: no dates", _MEND)
        return None
    dates = np.array(stamps, dtype=object)
    return _axis(name, dates, np.asarray(numbers, dtype=float), None)


def _cf_dates(
    reader: FileReader, path: str, dataset: xr.Dataset, name: str, values: NDArray
) -> TimeAxis | None:
    """Axis of CF time; the middle of the bounds where there are any."""
    units, calendar = (
        str(dataset[name].attrs.get(key, "standard")) for key in ("units", "calendar")
    )
    bounds = _bounds(reader, path, dataset, name, values)
    middle = values if bounds is None else bounds.mean(axis=1)
    try:
        dates = cftime.num2date(middle, units, calendar)
        ends = values if bounds is None else bounds
        seconds = _elapsed(ends, units, calendar)
    except (ValueError, TypeError, OverflowError):
        message = f"units {units!r} in calendar {calendar!r}: no dates"
        reader.add_finding(path, name, message, _MEND)
        return None
    return _axis(name, np.atleast_1d(dates), seconds, bounds)


def _elapsed(values: NDArray, units: str, calendar: str) -> NDArray:
    """Seconds since the reference of the units."""
    first, one = (cftime.num2date(number, units, calendar) for number in (0, 1))
    return values * (one - first).total_seconds()


def _bounds(
    reader: FileReader, path: str, dataset: xr.Dataset, name: str, values: NDArray
) -> NDArray | None:
    """CF bounds of the records ``(record, 2)`` in the axis's units; None without usable ones."""
    attributes = dataset[name].attrs | dataset[name].encoding
    label = str(attributes.get("bounds", ""))
    if not label:
        return None
    if label not in dataset.variables:
        reader.add_note(path, name, f"bounds {label} are not in the file; the stamps are used")
        return None
    bounds = reader.load_values(path, dataset[label])
    if bounds is None:
        return None
    bounds = np.asarray(bounds, dtype=float)
    if bounds.shape != (values.size, 2) or not np.isfinite(bounds).all():
        usable = False
    else:
        low, high = bounds.min(axis=1), bounds.max(axis=1)
        usable = ((high > low) & (low <= values) & (values <= high)).all()
    if not usable:
        reader.add_note(path, label, "do not enclose the stamps, which are used instead")
        return None
    return bounds


def _axis(name: str, dates: NDArray, seconds: NDArray, bounds: NDArray | None) -> TimeAxis:
    """Records from dates and elapsed seconds of stamps ``(record,)`` or bounds ``(record, 2)``."""
    months = [(date.year, date.month) for date in dates]
    if bounds is not None:
        lengths = np.abs(seconds[:, 1] - seconds[:, 0])
    elif seconds.size > 1:
        steps = np.abs(np.diff(seconds))
        lengths = np.r_[steps, steps[-1:]]
    else:
        lengths = np.array([float(dates[0].daysinmonth) * SECONDS_PER_DAY])
    typical = float(np.median(lengths))
    step = next((name for longest, name in _STEPS if 0 < typical <= longest), "irregular")
    if step == "monthly" and bounds is None:
        lengths = np.array([date.daysinmonth * SECONDS_PER_DAY for date in dates])
    starts = all((date.day, date.hour, date.minute, date.second) == (1, 0, 0, 0) for date in dates)
    ends = (
        bounds is None and step == "monthly" and starts and months[0][1] == 2 and months[-1][1] == 1
    )
    return TimeAxis(name, months, lengths, step, dates, ends)


def decode_dates(reader: FileReader, path: str, dataset: xr.Dataset) -> NDArray | None:
    """Decode the dates of a time axis of days; None with a finding where that fails."""
    axis = calendar_months(reader, path, dataset)
    if axis is None or axis.dates is not None:
        return None if axis is None else axis.dates
    units = str(dataset[axis.name].attrs["units"])
    reader.add_finding(path, axis.name, f"units {units!r} count months, not days", _MEND)
    return None


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
            f"{first[0]}-{first[1]:02d} to {last[0]}-{last[1]:02d}, without bounds",
            "Add time bounds, or stamp every month in its middle.", "record 0",
        )  # fmt: skip
    return axis.month_ends
