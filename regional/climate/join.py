"""Months of one driver put together from files in any cut, in any order, overlapping or not.

Only what files have which month is in memory; values are read for the cells that are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from temjax.regional.climate.kept.entry import KeptMonths
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.inputs.climate import cell_blocks
from temjax.runs.validation import check_months

WHOLE = (0.97, 1.03)  # share of a month that its records cover (days are never split evenly)
SAME = (0.01, 1e-3)  # absolute and relative difference that packing explains


class Part(NamedTuple):
    """Share of a month that is in a file: the file, its month there, the share."""

    file: int
    month: int
    covered: float


Parts = tuple[Part, ...]  # of one month; none for a month that no file has


@dataclass
class _Year:
    covered: NDArray = field(default_factory=lambda: np.zeros(12))
    source: NDArray = field(default_factory=lambda: np.full(12, -1))
    record: NDArray = field(default_factory=lambda: np.full(12, -1))
    parts: list[Parts] = field(default_factory=lambda: [()] * 12)


@dataclass
class _Clash:
    """Months that two files have: their name, what stands, and what the second file has."""

    dates: list[str] = field(default_factory=list)
    here: list[Parts] = field(default_factory=list)
    there: list[Parts] = field(default_factory=list)
    months: int = 0
    first: str = ""

    @property
    def both(self) -> int:
        return len(self.dates)


@dataclass(frozen=True)
class JoinedMonths:
    """Months of one driver in whole calendar years.

    Attributes:
        first: calendar year.
        files: that the months are in.
        parts: of each month, ``(year, 12)``.
        source: file that each month is from, −1 for none, ``(year, 12)``.
        record: its first record there, ``(year, 12)``.
        covered: share of each month that records cover, ``(year, 12)``.
    """

    first: int
    files: Sequence[KeptMonths | None]
    parts: Sequence[Sequence[Parts]]
    source: NDArray
    record: NDArray
    covered: NDArray

    @property
    def last(self) -> int:
        """Last calendar year."""
        return self.first + len(self.parts) - 1

    def years(self, first: int, last: int) -> "JoinedMonths":
        """A part of the years."""
        part = slice(first - self.first, last - self.first + 1)
        return JoinedMonths(
            first, self.files, self.parts[part], self.source[part], self.record[part],
            self.covered[part],
        )  # fmt: skip

    def values(self, cells: NDArray) -> NDArray:
        """Months of some cells, ``(year, 12, cell)`` float32; NaN where no file has the month.

        Raises:
            DataError: the months are no longer there.
        """
        months = [parts for year in self.parts for parts in year]
        return _gathered(self.files, months, cells).reshape(-1, 12, cells.size)


def _gathered(
    files: Sequence[KeptMonths | None], months: Sequence[Parts], cells: NDArray
) -> NDArray:
    """Months of some cells, ``(month, cell)``, those of a cell side by side in memory; the parts of
    a month are averaged by their share."""
    values = np.full((cells.size, len(months)), np.nan, np.float32).T
    first = np.array([parts[0][:2] if parts else (-1, -1) for parts in months], dtype=int)
    for number, kept in enumerate(files):
        here = np.flatnonzero(first[:, 0] == number)
        if kept is not None and here.size:
            values[here] = kept.read(first[here, 1], cells)
    for at, parts in enumerate(months):
        have = np.float64(parts[0].covered if parts else 0.0)
        for number, month, give in parts[1:]:
            kept = files[number]
            assert kept is not None
            share = have * values[at] + np.float64(give) * kept.read(np.array([month]), cells)[0]
            values[at] = share / (have + give)
            have += give
    return values


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
    _kept: list[KeptMonths | None] = field(default_factory=list)
    _years: dict[int, _Year] = field(default_factory=dict)
    _clashes: dict[tuple[int, int], _Clash] = field(default_factory=dict)

    def add(self, file: str, kept: KeptMonths | None) -> None:
        """Add the months of a file; of a month that two files have, the first counts."""
        number = len(self.files)
        self.files.append(file)
        self._kept.append(kept)
        if kept is None:
            return
        for row, month in np.argwhere(kept.covered > 0).tolist():
            year = int(kept.years[row])
            old = self._years.setdefault(year, _Year())
            part = Part(number, 12 * row + month, float(kept.covered[row, month]))
            self._add_month(old, part, (year, month), int(kept.record[row, month]))

    def _add_month(self, old: _Year, part: Part, date: tuple[int, int], record: int) -> None:
        year, month = date
        have, give = float(old.covered[month]), part.covered
        if have and have + give <= WHOLE[1]:  # parts of a month
            old.parts[month] += (part,)
            old.covered[month] = have + give
            return
        if not have or have < WHOLE[0] <= give:
            old.parts[month], old.covered[month] = (part,), give
            old.source[month], old.record[month] = part.file, record
            return
        clash = self._clashes.setdefault((int(old.source[month]), part.file), _Clash())
        clash.dates.append(f"{year}-{month + 1:02d}")
        clash.here.append(old.parts[month])
        clash.there.append((part,))

    def _compare(self) -> None:
        """Compare the months that two files have, cell by cell."""
        for clash in self._clashes.values():
            texts: dict[int, str] = {}
            cells = next(kept.cells for kept in self._kept if kept is not None)
            for block in cell_blocks(cells, -(-2 * clash.both // 12)):
                here = _gathered(self._kept, clash.here, block)
                there = _gathered(self._kept, clash.there, block)
                with np.errstate(invalid="ignore"):
                    differs = np.abs(here - there) > SAME[0] + SAME[1] * np.abs(here)
                differs |= np.isnan(here) != np.isnan(there)
                for month in np.flatnonzero(differs.any(axis=1)).tolist():
                    at = month, int(np.argmax(differs[month]))
                    text = f"{clash.dates[month]}: {there[at]:g} here, {here[at]:g} there"
                    texts.setdefault(month, text)
            clash.months = len(texts)
            clash.first = texts[min(texts)] if texts else ""

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
            years = [self._years[year] for year in range(first, last + 1)]
            whole = JoinedMonths(
                first,
                self._kept,
                [year.parts for year in years],
                np.stack([year.source for year in years]),
                np.stack([year.record for year in years]),
                np.stack([year.covered for year in years]),
            )
            self._compare()
            self._tell_clashes()
            if not self._tell_turned(whole):
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

    def _tell_turned(self, joined: JoinedMonths) -> bool:
        """Tell records that lie half in one month and half in the next, so that a month has two of
        them and its neighbour none; whether that is so throughout."""
        twice = np.flatnonzero((joined.covered > WHOLE[1]).ravel())
        absent = (joined.covered == 0).ravel()
        beside = [
            month + step
            for month in twice
            for step in (-1, 1)
            if 0 <= month + step < absent.size and absent[month + step]
        ]
        if not twice.size or len(set(beside)) < twice.size:
            return False

        def date(month: int) -> str:
            return f"{joined.first + month // 12}-{month % 12 + 1:02d}"

        self.reader.add_finding(
            self._file(int(joined.source.ravel()[twice[0]])), "time",
            f"two records in {date(twice[0])} and none in {date(beside[0])}, {twice.size} times: "
            "they lie at the turn of months", "Give bounds or stamps that name one month each.",
            date(twice[0]),
        )  # fmt: skip
        return True

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
