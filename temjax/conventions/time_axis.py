"""Time axes of files: calendar month, length and step of every record.

Read are CF times (``days since``, CF 1.11 section 4.4), counts of calendar months and years
(``months since``) and dates written as numbers (``day as %Y%m%d.%f``, of CDO). The month of a
record is that in the middle of its bounds, or of its stamp where there are none.
"""

import re
from dataclasses import dataclass

import cftime
import numpy as np
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.units import DAYS_PER_YEAR, SECONDS_PER_DAY

_CALENDAR_STEPS = re.compile(
    r"\s*(?P<step>months?|mons?|(?:(?:common|calendar)[_ ])?years?|yrs?)\s+since\s+"
    r"(?P<year>-?\d{1,6})"
    r"(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?(?:[T\s].*)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"\s*(?P<step>day|month|year)\s+as\s+(?P<form>%Y(?:%m)?(?:%d)?)(?:\.%f)?\s*",
                       re.IGNORECASE)  # fmt: skip
_ORIGIN = "seconds since 1900-01-01"
_LARGEST_COUNT = 1e6  # months or years
_STEPS = (  # longest interval in seconds, name
    (2 * 3600, "hourly"), (5 * 3600, "3-hourly"), (9 * 3600, "6-hourly"), (18 * 3600, "12-hourly"),
    (1.5 * SECONDS_PER_DAY, "daily"), (10 * SECONDS_PER_DAY, "weekly"),
    (45 * SECONDS_PER_DAY, "monthly"), (100 * SECONDS_PER_DAY, "seasonal"),
    (400 * SECONDS_PER_DAY, "yearly"),
)  # fmt: skip
WITHIN_MONTHS = ("hourly", "3-hourly", "6-hourly", "12-hourly", "daily", "weekly")
_MEND = "Give CF time: `days since ...` in a CF calendar."


class TimeError(ValueError):
    """Time axis that says no dates.

    Attributes:
        message: the fault.
        mend: the remedy, a sentence.
    """

    def __init__(self, message: str, mend: str = _MEND):
        super().__init__(message)
        self.message, self.mend = message, mend


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
        refused_bounds: why the bounds of the file are not used; empty where it has none, or they
            are.
    """

    name: str
    months: list[tuple[int, int]]
    seconds: NDArray
    step: str
    dates: NDArray | None = None
    month_ends: bool = False
    refused_bounds: str = ""


def decode_time(
    name: str, values: NDArray, units: str, calendar: str, bounds: NDArray | None = None
) -> TimeAxis:
    """Records of a time axis.

    Args:
        name: of the axis.
        values: stamps, ``(record,)``.
        units, calendar: of the stamps; CF's calendar is ``standard`` where a file has none.
        bounds: in the same units, ``(record, 2)``; see ``enclose``.

    Raises:
        TimeError: no dates.
    """
    values = np.asarray(values, dtype=float)
    invalid = np.flatnonzero(~np.isfinite(values))
    if invalid.size or not values.size:
        what = f"record {invalid[0]} is no number" if invalid.size else "no records"
        raise TimeError(f"units {units!r}: no dates ({what})")
    stepped, absolute = _CALENDAR_STEPS.fullmatch(units), _ABSOLUTE.fullmatch(units)
    if stepped:
        middle = values if bounds is None else bounds.mean(axis=1)
        return _count_of_months(name, middle, stepped, bounds is not None)
    if absolute:
        values = _elapsed_at(values, absolute, calendar)
        if bounds is not None:
            bounds = _elapsed_at(bounds.ravel(), absolute, calendar).reshape(-1, 2)
        units = _ORIGIN
    return _cf_dates(name, values, units, calendar, bounds)


def enclose(bounds: NDArray, values: NDArray) -> bool:
    """Whether bounds are intervals that enclose the stamps."""
    if bounds.shape != (values.size, 2) or not np.isfinite(bounds).all():
        return False
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    return bool(((high > low) & (low <= values) & (values <= high)).all())


def bounds_in(units: str, calendar: str, bounds: NDArray, own: str) -> NDArray | None:
    """Bounds that are written in units of their own, in those of the stamps.

    Args:
        units, calendar: of the stamps.
        bounds: ``(record, 2)``.
        own: units of the bounds, in the same calendar.

    Returns:
        None where either counts calendar months, or says no dates.
    """
    try:
        return np.asarray(
            cftime.date2num(cftime.num2date(bounds, own, calendar), units, calendar), dtype=float
        )
    except (ValueError, TypeError, OverflowError, AttributeError):
        return None


def _count_of_months(name: str, values: NDArray, units: re.Match, bounded: bool) -> TimeAxis:
    """Axis that counts calendar months or years since a month; part of a month stays in it."""
    years = "y" in units["step"].casefold()
    month, day = int(units["month"] or 1), int(units["day"] or 1)
    partial = not years and day != 1 and (values % 1 != 0).any()
    if not 1 <= month <= 12 or partial or (np.abs(values) > _LARGEST_COUNT).any():
        mend = "Count from the first of a month, or give `days since ...`."
        raise TimeError(f"units {units.string!r}: no dates", mend)
    counted = 12 * int(units["year"]) + month - 1
    counted = counted + np.floor(values * (12 if years else 1) + 1e-6).astype(int)
    months = [(int(m) // 12, int(m) % 12 + 1) for m in counted]
    twelfths = counted.size > 1 and np.median(np.diff(counted)) == 1
    yearly = years and not twelfths
    days = [DAYS_PER_YEAR if yearly else MONTH_DAYS[month - 1] for _, month in months]
    starts = not bounded and not years and day == 1 and (values % 1 == 0).all()
    ends = bool(starts and (months[0][1], months[-1][1]) == (2, 1))
    seconds = SECONDS_PER_DAY * np.array(days, dtype=float)
    return TimeAxis(name, months, seconds, "yearly" if yearly else "monthly", month_ends=ends)


def _elapsed_at(values: NDArray, units: re.Match, calendar: str) -> NDArray:
    """Seconds since the origin of dates that are written as numbers, ``day as %Y%m%d.%f``."""
    digits, form = np.floor(values + 1e-9).astype(int), units["form"]
    day = digits % 100 if "%d" in form else np.ones_like(digits)
    digits = digits // 100 if "%d" in form else digits
    month = digits % 100 if "%m" in form else np.ones_like(digits)
    year = digits // 100 if "%m" in form else digits
    valid = (1 <= month) & (month <= 12) & (1 <= day) & (day <= 31)
    if not valid.all():
        wrong = int(np.argmin(valid))
        raise TimeError(f"units {units.string!r}: record {wrong}, {values[wrong]:.10g}, is no date")
    try:
        stamps = [
            cftime.datetime(*map(int, date), calendar=calendar)
            for date in zip(year, month, day, strict=True)
        ]
        whole = np.asarray(cftime.date2num(stamps, _ORIGIN, calendar), dtype=float)
    except (ValueError, TypeError, OverflowError):
        raise TimeError(f"calendar {calendar!r}: no dates") from None
    return whole + (np.mod(values, 1) * SECONDS_PER_DAY if "%d" in form else 0.0)


def _cf_dates(
    name: str, values: NDArray, units: str, calendar: str, bounds: NDArray | None
) -> TimeAxis:
    """Axis of CF time; the middle of the bounds where there are any."""
    try:
        dates = cftime.num2date(values if bounds is None else bounds.mean(axis=1), units, calendar)
        first, one = (cftime.num2date(number, units, calendar) for number in (0, 1))
    except (ValueError, TypeError, OverflowError, AttributeError):
        raise TimeError(f"units {units!r} in calendar {calendar!r}: no dates") from None
    seconds = (values if bounds is None else bounds) * (one - first).total_seconds()
    return _axis(name, np.atleast_1d(dates), seconds, bounds is not None)


def _axis(name: str, dates: NDArray, seconds: NDArray, bounded: bool) -> TimeAxis:
    """Records from dates and elapsed seconds of stamps ``(record,)`` or bounds ``(record, 2)``."""
    months = [(date.year, date.month) for date in dates]
    if bounded:
        lengths = np.abs(seconds[:, 1] - seconds[:, 0])
    elif seconds.size > 1:
        steps = np.abs(np.diff(seconds))
        lengths = np.r_[steps, steps[-1:]]
    else:
        lengths = np.array([float(dates[0].daysinmonth) * SECONDS_PER_DAY])
    typical = float(np.median(lengths))
    step = next((name for longest, name in _STEPS if 0 < typical <= longest), "irregular")
    if step == "monthly" and not bounded:
        lengths = np.array([date.daysinmonth * SECONDS_PER_DAY for date in dates])
    starts = all((date.day, date.hour, date.minute, date.second) == (1, 0, 0, 0) for date in dates)
    ends = not bounded and step == "monthly" and starts
    ends = ends and (months[0][1], months[-1][1]) == (2, 1)
    return TimeAxis(name, months, lengths, step, dates, ends)
