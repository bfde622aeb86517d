"""Months of one driver put together from files in any cut, in any order, overlapping or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temjax.regional.climate.months import YearOfMonths
from temjax.regional.climate.reader import ClimateReader
from temjax.runs.validation import check_months

WHOLE = (0.97, 1.03)  # share of a month that its records cover (days are never split evenly)
SAME = (0.01, 1e-3)  # absolute and relative difference that packing explains


@dataclass
class _Year:
    values: NDArray  # (12, cell)
    covered: NDArray  # (12,)
    source: NDArray  # (12,)
    record: NDArray  # (12,)


@dataclass
class _Clash:
    months: int = 0
    both: int = 0
    first: str = ""


@dataclass(frozen=True)
class JoinedMonths:
    """Months of one driver in whole calendar years.

    Attributes:
        first: calendar year.
        values: ``(year, 12, cell)``; NaN where no file has the month.
        source: file that each month is from, −1 for none, ``(year, 12)``.
        record: its first record there, ``(year, 12)``.
        covered: share of each month that records cover, ``(year, 12)``.
    """

    first: int
    values: NDArray
    source: NDArray
    record: NDArray
    covered: NDArray

    @property
    def last(self) -> int:
        """Last calendar year."""
        return self.first + len(self.values) - 1

    def years(self, first: int, last: int) -> "JoinedMonths":
        """A part of the years."""
        part = slice(first - self.first, last - self.first + 1)
        return JoinedMonths(
            first, self.values[part], self.source[part], self.record[part], self.covered[part]
        )


@dataclass
class Joiner:
    """Months of one driver, file by file.

    Attributes:
        name: of the variable in findings.
        files: names of the files in the order they are added.
    """

    reader: ClimateReader
    name: str
    files: list[str] = field(default_factory=list)
    _years: dict[int, _Year] = field(default_factory=dict)
    _clashes: dict[tuple[int, int], _Clash] = field(default_factory=dict)

    def add(self, file: str, years: Iterable[YearOfMonths]) -> None:
        """Add the months of a file; of a month that two files have, the first counts."""
        number = len(self.files)
        self.files.append(file)
        for year in years:
            old = self._years.get(year.year)
            if old is None:
                origin = np.where(year.covered > 0, number, -1)
                copies = (np.array(part) for part in (year.values, year.covered))
                self._years[year.year] = _Year(*copies, origin, np.array(year.record))
                continue
            for month in np.flatnonzero(year.covered > 0):
                self._add_month(old, year, int(month), number)

    def _add_month(self, old: _Year, new: YearOfMonths, month: int, number: int) -> None:
        have, give = old.covered[month], new.covered[month]
        if have + give <= WHOLE[1]:  # parts of a month, or a month that no file had
            if have:
                share = have * old.values[month] + give * new.values[month]
                old.values[month] = share / (have + give)
            else:
                old.values[month] = new.values[month]
                old.source[month], old.record[month] = number, new.record[month]
            old.covered[month] = have + give
            return
        if have < WHOLE[0] <= give:
            old.values[month], old.covered[month] = new.values[month], give
            old.source[month], old.record[month] = number, new.record[month]
            return
        clash = self._clashes.setdefault((int(old.source[month]), number), _Clash())
        clash.both += 1
        here, there = old.values[month], new.values[month]
        with np.errstate(invalid="ignore"):
            differs = np.abs(here - there) > SAME[0] + SAME[1] * np.abs(here)
        differs |= np.isnan(here) != np.isnan(there)
        if differs.any():
            cell = int(np.argmax(differs))
            clash.months += 1
            clash.first = clash.first or (
                f"{new.year}-{month + 1:02d}: {there[cell]:g} here, {here[cell]:g} there"
            )

    def joined(self, missing_months: int) -> JoinedMonths | None:
        """The months in whole calendar years; gaps, repeated days and contradictions are findings.

        Args:
            missing_months: most months without records that may be left to repair; a calendar year
                without any is a gap.
        """
        findings = len(self.reader.findings)
        if not self._years:
            return None
        first, last = min(self._years), max(self._years)
        if not self._gaps(first, last):
            cells = next(iter(self._years.values())).values.shape[1]
            empty = _Year(
                np.full((12, cells), np.nan, np.float32), np.zeros(12), *np.full((2, 12), -1)
            )
            years = [self._years.pop(year, empty) for year in range(first, last + 1)]
            whole = JoinedMonths(
                first,
                np.stack([year.values for year in years]),
                np.stack([year.source for year in years]),
                np.stack([year.record for year in years]),
                np.stack([year.covered for year in years]),
            )
            self._tell_clashes()
            self._tell_parts(whole)
            whole = self._cut_ends(whole)
            if whole is not None:
                self._tell_missing(whole, missing_months)
        return whole if len(self.reader.findings) == findings else None

    def _file(self, number: int) -> str:
        return self.files[number] if 0 <= number < len(self.files) else str(self.reader.folder)

    def _short(self, number: int) -> str:
        return self._file(number).rpartition("/")[2]

    def _gaps(self, first: int, last: int) -> bool:
        """Whether calendar years are absent between others."""
        absent = [year for year in range(first, last + 1) if year not in self._years]
        if absent:
            before, after = self._years[absent[0] - 1], self._next(absent[0])
            count = f"{len(absent)} years" if len(absent) > 1 else "a year"
            year = min(y for y in self._years if y > absent[0])
            self.reader.add_finding(
                self._file(int(after.source.max())), self.name,
                f"begins in {year}, leaves a gap after "
                f"{self._short(int(before.source.max()))}: {count} absent",
                f"Give the files of {absent[0]} on.", f"year {absent[0]}",
            )  # fmt: skip
        return bool(absent)

    def _next(self, year: int) -> _Year:
        return self._years[min(later for later in self._years if later > year)]

    def _tell_clashes(self) -> None:
        same = [pair for pair, clash in self._clashes.items() if not clash.months]
        for (one, other), clash in self._clashes.items():
            if clash.months:
                self.reader.add_finding(
                    self._file(other), self.name,
                    f"overlaps {self._short(one)} with other values in {clash.months} of "
                    f"{clash.both} months",
                    "Keep one of the two files for these months.", clash.first,
                )  # fmt: skip
        if same:
            one, other = same[0]
            months = sum(self._clashes[pair].both for pair in same)
            self.reader.add_note(
                self._file(other), self.name,
                f"{months} months are in two files with one value ({self._short(one)}), read once",
            )  # fmt: skip

    def _tell_parts(self, joined: JoinedMonths) -> None:
        """Tell months whose days are missing or repeated."""
        for what, wrong in (
            ("days are missing", (joined.covered > 0) & (joined.covered < WHOLE[0])),
            ("days or months are repeated", joined.covered > WHOLE[1]),
        ):
            if wrong.any():
                row, month = np.argwhere(wrong)[0]
                at = f"{joined.first + row}-{month + 1:02d}"
                count = f" and {wrong.sum() - 1} other months" if wrong.sum() > 1 else ""
                self.reader.add_finding(
                    self._file(int(joined.source[row, month])), "time",
                    f"{what} in {at}{count}", "Give every day and month once.", at,
                )  # fmt: skip

    def _cut_ends(self, joined: JoinedMonths) -> JoinedMonths | None:
        """Leave out an incomplete first or last calendar year."""
        present = (joined.source >= 0).all(axis=1)
        inner = np.flatnonzero(present)
        if not inner.size:
            months = [
                (joined.first + int(row), int(month) + 1)
                for row, month in np.argwhere(joined.source >= 0)
            ]
            self.reader.findings += check_months(months, file=self._file(0), variable=self.name)
            return None
        first, last = joined.first, joined.last
        start, stop = first + (not present[0]), last - (not present[-1])
        for year in range(first, start):
            text = f"begins inside {year}: that year is left out"
            self.reader.add_note(self._file(int(joined.source[0].max())), self.name, text)
        for year in range(stop + 1, last + 1):
            text = f"ends inside {year}: that year is left out"
            self.reader.add_note(self._file(int(joined.source[-1].max())), self.name, text)
        return joined.years(start, stop)

    def _tell_missing(self, joined: JoinedMonths, missing_months: int) -> None:
        absent = np.argwhere(joined.source < 0)
        if len(absent) > missing_months:
            months = [
                (joined.first + int(row), int(month) + 1)
                for row, month in np.argwhere(joined.source >= 0)
            ]
            file = self._file(int(joined.source[max(int(absent[0][0]) - 1, 0)].max()))
            self.reader.findings += check_months(months, file=file, variable="time")
