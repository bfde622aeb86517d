"""Suspicious forcing: what is possible but seldom true. It is told and does not stop a run."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cftime
import numpy as np
from numpy.typing import NDArray

from temjax.conventions.time_axis import WITHIN_MONTHS, TimeAxis
from temjax.regional.climate.repair import is_missing
from temjax.regional.inputs.units import MONTH_LENGTHS
from temjax.units import SECONDS_PER_DAY

STUCK_MONTHS = 4  # of one value
BLOCK_YEARS = 10  # whose variances are compared
VARIANCE_RATIO = 16.0
LEAST_RADIATION = 0.15  # of the extraterrestrial over all years: cloud lets more through
LEAST_CELLS = 10  # of one series
LEAST_SHARE = 0.2  # of all cells
CALENDARS = ("standard", "noleap", "360_day")


def counted_calendar(axis: TimeAxis, calendar: str) -> tuple[TimeAxis, str] | None:
    """Time axis in the calendar whose years the days of a file fill, where its own does not.

    A file that begins on a first of January and holds days or hours ends with a whole year in its
    calendar; where it does so in another one only, the attribute is wrong.

    Args:
        axis: as the file's calendar has it.
        calendar: of the file.

    Returns:
        The axis, and why; None where nothing speaks against the calendar.
    """
    if axis.step not in WITHIN_MONTHS or axis.dates is None:
        return None
    first, seconds = axis.dates[0], float(np.median(axis.seconds))
    days = len(axis.dates) * seconds / SECONDS_PER_DAY
    even = np.allclose(np.diff([_seconds(date) for date in axis.dates]), seconds)
    if (first.month, first.day) != (1, 1) or not even or days < 360:
        return None
    fits = [name for name in CALENDARS if _fills_years(first.year, days, name)]
    if not fits or any(_same_calendar(name, calendar) for name in fits):
        return None
    since = f"seconds since {first.year}-01-01"
    offset = 3600 * first.hour + 60 * first.minute + first.second
    dates = cftime.num2date(offset + seconds * np.arange(len(axis.dates)), since, fits[0])
    text = f"calendar {calendar!r}, but {days:g} days are whole years of {fits[0]!r}: taken as that"
    months = [(date.year, date.month) for date in dates]
    return replace(axis, dates=dates, months=months), text


def _seconds(date: cftime.datetime) -> float:
    return cftime.date2num(date, "seconds since 1850-01-01", date.calendar)


def _same_calendar(one: str, other: str) -> bool:
    names = {"365_day": "noleap", "gregorian": "standard", "proleptic_gregorian": "standard"}
    return one == names.get(other, other)


def _fills_years(year: int, days: float, calendar: str) -> bool:
    """Whether days from a first of January on fill whole years of a calendar."""
    while days > 0.5:
        start, stop = (cftime.datetime(y, 1, 1, calendar=calendar) for y in (year, year + 1))
        days -= (stop - start).days
        year += 1
    return abs(days) <= 0.5


@dataclass
class Suspicions:
    """Suspicious series of a climate, counted over blocks of cells.

    Attributes:
        years: calendar years.
    """

    years: NDArray
    _cells: int = 0
    _stuck: dict[str, tuple[int, str]] = field(default_factory=dict)
    _jumps: dict[str, tuple[int, str]] = field(default_factory=dict)
    _dark: tuple[int, str] = (0, "")
    _series: dict[str, list[NDArray]] = field(default_factory=dict)  # hashes of 8 bytes a cell

    def add(self, data: dict[str, NDArray], top: NDArray, label: Callable[[int], str]) -> None:
        """Add cells.

        Args:
            data: drivers by name, ``(year, 12, cell)``.
            top: extraterrestrial radiation, W m⁻², ``(12, cell)``.
            label: names a cell of the block.
        """
        self._cells += next(iter(data.values())).shape[2]
        dark = np.flatnonzero(
            data["shortwave"].mean(axis=(0, 1)) < LEAST_RADIATION * top.mean(axis=0)
        )
        if dark.size:
            before, place = self._dark
            self._dark = before + dark.size, place or label(int(dark[0]))
        for name, values in data.items():
            known = np.where(is_missing(values), np.nan, values)
            self._count(self._stuck, name, *self._stuck_months(name, known, label))
            self._count(self._jumps, name, *self._variance_jumps(known, label))
            columns = np.ascontiguousarray(known.reshape(-1, known.shape[2]).T)
            keys = [
                hashlib.blake2b(column, digest_size=8).digest()
                for column in columns[~np.isnan(columns).all(axis=1)]
            ]
            series = self._series.setdefault(name, [])
            series.append(np.frombuffer(b"".join(keys), dtype=np.uint64))

    def notes(self, names: dict[str, str]) -> list[tuple[str, str]]:
        """Name in the files and one text for each kind of suspicion and driver."""
        found = []
        if self._dark[0]:
            text = (
                f"below {LEAST_RADIATION:.0%} of the extraterrestrial over all years in "
                f"{self._dark[0]} cells (first {self._dark[1]}): is the unit right?"
            )
            found.append((names["shortwave"], text))
        for name, (cells, first) in self._stuck.items():
            text = f"one value for {STUCK_MONTHS} months or more in {cells} cells (first {first})"
            found.append((names[name], text))
        for name, (cells, first) in self._jumps.items():
            found.append((
                names[name], f"the variance of {cells} cells changes more than "
                f"{VARIANCE_RATIO:g}-fold from one decade to the next (first {first})",
            ))  # fmt: skip
        for name, series in self._series.items():
            same = int(np.unique(np.concatenate(series), return_counts=True)[1].max(initial=0))
            if same >= LEAST_CELLS and same >= LEAST_SHARE * self._cells:
                text = f"{same} of {self._cells} cells have one and the same series"
                found.append((names[name], text))
        return found

    @staticmethod
    def _count(counts: dict[str, tuple[int, str]], name: str, cells: int, first: str) -> None:
        if cells:
            before, place = counts.get(name, (0, first))
            counts[name] = (before + cells, place)

    def _stuck_months(
        self, name: str, known: NDArray, label: Callable[[int], str]
    ) -> tuple[int, str]:
        """Cells with months of one value other than zero; amounts are compared per day as well."""
        flat = known.reshape(-1, known.shape[2])
        same = _is_stuck(flat)
        if name == "precipitation":
            per_day = (known / MONTH_LENGTHS[:, None]).reshape(flat.shape)
            same |= _is_stuck(np.round(per_day, 5))
        cells = np.flatnonzero(same.any(axis=0))
        if not cells.size:
            return 0, ""
        month = int(np.argmax(same[:, cells[0]]))
        place = f"{self.years[month // 12]}-{month % 12 + 1:02d}, {label(int(cells[0]))}"
        return cells.size, place

    def _variance_jumps(self, known: NDArray, label: Callable[[int], str]) -> tuple[int, str]:
        """Cells whose monthly anomalies vary very differently in neighbouring decades."""
        blocks = known.shape[0] // BLOCK_YEARS
        if blocks < 2:
            return 0, ""
        decades = known[: blocks * BLOCK_YEARS].reshape(blocks, BLOCK_YEARS, *known.shape[1:])
        variance = np.var(decades, axis=1).mean(axis=1)  # (decade, cell)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = variance[1:] / variance[:-1]
            jump = (ratio > VARIANCE_RATIO) | (ratio < 1 / VARIANCE_RATIO)
        cells = np.flatnonzero(jump.any(axis=0))
        if not cells.size:
            return 0, ""
        row = (int(np.argmax(jump[:, cells[0]])) + 1) * BLOCK_YEARS
        return cells.size, f"{self.years[row]}, {label(int(cells[0]))}"


def _is_stuck(flat: NDArray) -> NDArray:
    """Whether a series ``(month, cell)`` keeps one value other than zero from a month on."""
    number = STUCK_MONTHS - 1
    if len(flat) <= number:
        return np.zeros(flat.shape, dtype=bool)
    with np.errstate(invalid="ignore"):
        equal = (np.diff(flat, axis=0) == 0) & (flat[1:] != 0)
    run = equal[: len(equal) - number + 1].copy()
    for later in range(1, number):
        run &= equal[later : later + len(run)]
    return np.concatenate([run, np.zeros((number, flat.shape[1]), dtype=bool)])
