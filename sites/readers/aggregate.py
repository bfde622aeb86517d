"""Calendar-month means of half-hourly, hourly, daily and weekly records.

Every row stands for the interval it covers. A row that straddles months counts in each of them by
the time it has in it, so that a week's value is split by days and the mean of a month is the mean
over its time, 29 days in leap Februaries.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MonthlyMeans:
    """Means of columns over calendar months.

    Attributes:
        years: calendar years that the rows touch, consecutive, ``(year,)``.
        means: column -> ``(year, 12)``, weighted by overlap with the month; NaN where the coverage
            is below the least or no value is valid.
        coverage: column -> ``(year, 12)``, share of the month's time that valid values cover (0-1).
        present: months that any row touches, ``(year, 12)``.
        first_row: index of the first row that touches the month, ``(year, 12)``, -1 where none.
    """

    years: np.ndarray
    means: Mapping[str, np.ndarray]
    coverage: Mapping[str, np.ndarray]
    present: np.ndarray
    first_row: np.ndarray


def overlapping_rows(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rows whose time another row already covers, ascending: duplicates and overlaps.

    Of rows that share time the one that begins first, or comes first in the file where they begin
    together, is not listed. Order of the rows in time is not required.

    Args:
        begin, end: datetime64 of each row's interval, ``(row,)``.
    """
    if len(begin) < 2:
        return np.empty(0, dtype=int)
    order = np.argsort(begin, kind="stable")
    latest = np.maximum.accumulate(end[order])
    return np.sort(order[1:][begin[order][1:] < latest[:-1]])


def monthly_means(
    begin: np.ndarray,
    end: np.ndarray,
    columns: Mapping[str, np.ndarray],
    minimum_coverage: float,
) -> MonthlyMeans:
    """Means over calendar months, weighted by the overlap of each row's interval with the month.

    Args:
        begin, end: datetime64 of the interval each row covers, ``(row,)``; ``end`` is the first
            moment after it.
        columns: name -> values, ``(row,)``, NaN where missing.
        minimum_coverage: least share of a month's time that valid values must cover (0-1).

    Returns:
        The means, over whole calendar years.

    Raises:
        ValueError: no rows, an interval that does not end after its begin, or rows that share time
            (they would count twice): readers look with ``overlapping_rows`` first and report them.
    """
    begin, end = begin.astype("datetime64[m]"), end.astype("datetime64[m]")
    if not len(begin) or not (end > begin).all():  # NaT compares false
        raise ValueError("monthly means need rows, each with an end after its begin")
    if overlapping_rows(begin, end).size:
        raise ValueError("rows share time: their values would count twice")
    first, last = _month_number(begin), _month_number(end - np.timedelta64(1, "m"))
    pieces = last - first + 1  # of a row, one a month that it touches
    row = np.repeat(np.arange(len(begin)), pieces)
    month = first[row] + np.arange(row.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    inside = np.minimum(end[row], _begin(month + 1)) - np.maximum(begin[row], _begin(month))
    minutes = inside.astype(float)

    years = np.arange(first.min() // 12, last.max() // 12 + 1)
    months = years[0] * 12 + np.arange(years.size * 12)
    length = (_begin(months + 1) - _begin(months)).astype(float)
    at = month - months[0]
    means, coverage = {}, {}
    for name, column in columns.items():
        values = np.asarray(column, dtype=float)[row]
        valid = np.isfinite(values)
        weight = np.where(valid, minutes, 0.0)
        total = np.bincount(at, weight * np.where(valid, values, 0.0), minlength=months.size)
        covered = np.bincount(at, weight, minlength=months.size)
        share = covered / length
        enough = (covered > 0) & (share >= minimum_coverage)
        mean = np.where(enough, total / np.where(enough, covered, 1.0), np.nan)
        means[name], coverage[name] = mean.reshape(-1, 12), share.reshape(-1, 12)
    first_row = np.full(months.size, len(begin))
    np.minimum.at(first_row, at, row)
    first_row = np.where(first_row == len(begin), -1, first_row).reshape(-1, 12)
    return MonthlyMeans(years, means, coverage, first_row >= 0, first_row)


def _month_number(time: np.ndarray) -> np.ndarray:
    """Months since January of year 0."""
    return time.astype("datetime64[M]").astype(int) + 1970 * 12


def _begin(month: np.ndarray) -> np.ndarray:
    """First minute of a month numbered from January of year 0."""
    return (month - 1970 * 12).astype("datetime64[M]").astype("datetime64[m]")
