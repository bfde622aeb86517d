"""Records of a user's own CSV table, whose columns the ``[table]`` of a site file names.

Values become rates per day by the unit (``units``), rates become means over calendar months
(``aggregate``), and the means of fluxes and precipitation become sums over the month.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.conventions.units import parse_unit
from temjax.files.findings import Finding
from temjax.runs.validation import check_months
from temjax.sites.observations import OBSERVED
from temjax.sites.readers.aggregate import monthly_means, overlapping_rows
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.codes import missing_codes
from temjax.sites.readers.csv_table import (
    SHOWN_NAMES,
    CsvTable,
    absent_column,
    no_rows,
    read_csv_table,
)
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months
from temjax.sites.readers.table_dates import row_dates
from temjax.sites.table_mapping import STEP_MINUTES, Column, Table

SHORTEST_MONTH, LONGEST_MONTH = 28 * 1440, 31 * 1440  # minutes


@dataclass(frozen=True)
class Intervals:
    """What the rows cover.

    Attributes:
        begin, end: datetime64[m], ``(row,)``.
        step: in words.
        monthly: whether each row is a calendar month.
    """

    begin: np.ndarray
    end: np.ndarray
    step: str
    monthly: bool


def read_mapped(
    path: Path, reading: Reading, mapping: Table
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a table and its findings; no record where its rows have no dates.

    Args:
        path: of the table.
        reading: ``minimum_coverage`` holds for tables of shorter steps than a month.
        mapping: ``[table]`` of the site file.
    """
    path = Path(path)
    named = _named_columns(mapping)
    table, findings = read_csv_table(
        MemberFile(path),
        named.__contains__,
        words=True,
        separator=mapping.separator,
        header=mapping.header,
        first_row=mapping.first_row or 0,
        decimal="," if mapping.decimal == "," else None,
    )
    if table is None or findings:
        return None, findings
    if table.frame.columns.empty:
        shown = ", ".join(table.names[:SHOWN_NAMES])
        message = f"none of the columns {', '.join(named)}; the header has {shown}"
        mend = "Check the names, the separator and the line of the header in [table]."
        where = f"line {mapping.header}"
        return None, [Finding(str(path), "file", where, message, mend)]
    findings = [absent_column(table, name) for name in named if name not in table.frame.columns]
    if any(finding.variable in mapping.time_columns.values() for finding in findings):
        return None, findings
    findings = findings or no_rows(table)
    if not len(table.frame):
        return None, findings
    intervals, faults = row_intervals(table, mapping)
    if intervals is None:
        return None, [*findings, *faults]
    absent = {finding.variable for finding in findings}
    values, faults = _daily_values(table, mapping, intervals, absent)
    return _record(table, reading, mapping, intervals, values), [*findings, *faults]


def _named_columns(mapping: Table) -> list[str]:
    """Columns that the site file names, each once."""
    names = list(mapping.time_columns.values())
    for column in mapping.columns.given.values():
        names += [name for name in (column.column, column.quality, column.sd) if name]
    return list(dict.fromkeys(names))


def _time_label(mapping: Table) -> str:
    """Column of the dates, or of the years."""
    return mapping.time or mapping.time_columns["year"]


def row_intervals(table: CsvTable, mapping: Table) -> tuple[Intervals | None, list[Finding]]:
    """Interval of each row; None with findings where dates are wrong or rows share time."""
    stamps, months_only, findings = row_dates(table, mapping)
    if findings:
        return None, findings
    label = _time_label(mapping)

    def fault(row: int, message: str, mend: str) -> tuple[None, list[Finding]]:
        where = f"line {table.lines[row]}"
        return None, [Finding(table.where, label, where, message, mend)]

    step = mapping.step or _found_step(stamps, months_only)
    if step is None:
        return fault(
            0,
            "the rows are neither months, weeks, days nor hours",
            'Name what a row covers: step = "month", "day", "hour" or "half-hour" in [table].',
        )
    if step == "month":
        if mapping.stamp == "end" and not months_only:
            stamps = stamps - np.timedelta64(1, "m")
        month = stamps.astype("datetime64[M]")
        numbers = month.astype(int) + 1970 * 12
        findings = check_months(
            [(int(number) // 12, int(number) % 12 + 1) for number in numbers],
            file=table.where,
            variable=label,
            index_text=lambda record: f"line {table.lines[record]}",
            gaps=False,
        )
        if findings:
            return None, findings
        begin = month.astype("datetime64[m]")
        return Intervals(begin, (month + 1).astype("datetime64[m]"), "month", True), []
    if months_only:
        return fault(0, f"dates are months, but step is {step!r}", "Give a column with days.")
    length = np.timedelta64(STEP_MINUTES[step] or 0, "m")
    begin = stamps - length if mapping.stamp == "end" else stamps
    shared = overlapping_rows(begin, begin + length)
    if shared.size:
        message = f"{stamps[shared[0]]} is repeated, or closer than a {step} to another row"
        more = f" ({shared.size} such rows)" if shared.size > 1 else ""
        return fault(int(shared[0]), message + more, "Give every moment once.")
    return Intervals(begin, begin + length, step, False), []


def _found_step(stamps: np.ndarray, months_only: bool) -> str | None:
    """Step of the table: the commonest distance of neighbouring rows."""
    if months_only:
        return "month"
    apart = np.diff(np.sort(stamps)).astype(int)
    if not apart.size:
        return None
    lengths, counts = np.unique(apart, return_counts=True)
    usual = int(lengths[counts.argmax()])
    if SHORTEST_MONTH <= usual <= LONGEST_MONTH:
        return "month"
    return next((name for name, minutes in STEP_MINUTES.items() if minutes == usual), None)


def _daily_values(
    table: CsvTable, mapping: Table, intervals: Intervals, absent: set[str]
) -> tuple[dict[tuple[str, str], np.ndarray], list[Finding]]:
    """(variable, value or quality or sd) -> rows, as means or rates per day, and findings."""
    begin = intervals.begin
    month, year = begin.astype("datetime64[M]"), begin.astype("datetime64[Y]")
    lengths = {
        "step": (intervals.end - begin) / np.timedelta64(1, "D"),
        "month": (month + 1).astype("datetime64[D]") - month.astype("datetime64[D]"),
        "year": (year + 1).astype("datetime64[D]") - year.astype("datetime64[D]"),
    }
    lengths = {name: np.asarray(days, dtype=float) for name, days in lengths.items()}
    values, findings = {}, []

    def read(column: str) -> np.ndarray:
        numbers, faults = table.numbers(column, missing=mapping.missing_codes)
        findings.extend(faults)
        return numbers

    for name, column in mapping.columns.given.items():
        unit = parse_unit(column.unit, column.quantity)
        if column.column not in absent:
            numbers = read(column.column)
            coded, faults = _codes(table, column.column, numbers)
            findings += faults
            rows = np.where(coded, np.nan, numbers) * column.signed_factor
            values[name, "value"] = unit.daily(rows, **lengths)
        if column.sd and column.sd not in absent and intervals.monthly:
            rows = read(column.sd) * abs(column.factor)
            values[name, "sd"] = unit.daily(rows, **lengths) - unit.offset
        if column.quality and column.quality not in absent:
            values[name, "quality"], faults = _quality(table, column, read(column.quality))
            findings += faults
    return values, findings


def _codes(table: CsvTable, column: str, numbers: np.ndarray) -> tuple[np.ndarray, list[Finding]]:
    """Rows that hold a code of missing values, ``(row,)``, and their finding: means hide them."""
    codes = missing_codes(numbers, np.ones(numbers.size))
    mask = np.isfinite(codes)
    coded = np.flatnonzero(mask)
    if not coded.size:
        return mask, []
    count = f" ({coded.size} such rows)" if coded.size > 1 else ""
    code = f"{codes[coded[0]]:g}"
    message = f"{code} is a code of missing values, not a number of the variable{count}"
    mend = f"Add it to the codes in [table]: missing = [{code}]."
    where = f"line {table.lines[coded[0]]}"
    return mask, [Finding(table.where, column, where, message, mend)]


def _quality(
    table: CsvTable, column: Column, numbers: np.ndarray
) -> tuple[np.ndarray, list[Finding]]:
    """Share of measured or good data of each row, and the finding of other numbers."""
    if column.quality_unit == "flag":
        good = np.isin(numbers, column.good_flags).astype(float)
        return np.where(np.isnan(numbers), np.nan, good), []
    share = numbers / 100 if column.quality_unit == "percent" else numbers
    wrong = np.flatnonzero((share < 0) | (share > 1))
    if not wrong.size:
        return share, []
    message = f"{numbers[wrong[0]]:g} is no quality in {column.quality_unit}"
    mend = 'Give quality_unit = "share" (0-1), "percent" or "flag" (with good_flags) in [table].'
    where = f"line {table.lines[wrong[0]]}"
    return share, [Finding(table.where, column.quality or "", where, message, mend)]


def _record(
    table: CsvTable,
    reading: Reading,
    mapping: Table,
    intervals: Intervals,
    values: dict[tuple[str, str], np.ndarray],
) -> TowerRecord:
    """Record of rows in rates per day."""
    measured = {key: rows for key, rows in values.items() if key[1] == "value"}
    others = {key: rows for key, rows in values.items() if key[1] != "value"}
    least = 0.0 if intervals.monthly else reading.minimum_coverage
    named = {str(key): rows for key, rows in measured.items()}
    means = monthly_means(intervals.begin, intervals.end, named, least)
    stated = monthly_means(
        intervals.begin, intervals.end, {str(key): rows for key, rows in others.items()}, 0.0
    )
    days = days_of_months(means.years)
    climate, observed, absent, notes = {}, {}, {}, list(table.notes)
    if not intervals.monthly:
        notes.append(
            f"{Path(table.where).name}: each row covers a {intervals.step}; means over calendar "
            f"months, missing where less than {least:.0%} of the month has values"
        )
    for name, column in mapping.columns.given.items():
        if (name, "value") not in values:
            continue
        monthly = means.means[str((name, "value"))]
        coverage = means.coverage[str((name, "value"))]
        short = (coverage > 0) & (coverage < least)
        if short.any():
            notes.append(
                f"{column.column}: {short.sum()} months have values for less than {least:.0%} of "
                "their time, left out"
            )
        if not np.isfinite(monthly).any():
            reason = f"{column.column} holds no value" + (" for whole months" * bool(short.any()))
            if name in OBSERVED:
                absent[name] = reason
            else:
                notes.append(reason)
            continue
        unit = parse_unit(column.unit, column.quantity)
        sd, quality = (stated.means.get(str((name, kind))) for kind in ("sd", "quality"))
        if column.sd and sd is None and not intervals.monthly:
            notes.append(
                f"{column.sd}: not used; the error of a month does not follow from those of its "
                f"{intervals.step}s"
            )
        series = MonthlyValues(
            unit.monthly(monthly, days),
            column.column,
            quality=quality,
            sd=None if sd is None else unit.monthly(sd, days),
            sd_source=column.sd or "",
            partition=getattr(column, "partition", None),
            depth=getattr(column, "depth", None),
        )
        (observed if name in OBSERVED else climate)[name] = series
    for name in OBSERVED:
        if name not in mapping.columns.given:
            absent[name] = f"the site file has no [table.columns.{name}]"
    first = means.first_row
    return TowerRecord(
        file=table.where,
        product=mapping.product,
        tower=None,
        years=means.years,
        present=means.present,
        climate=climate,
        observed=observed,
        absent=absent,
        notes=tuple(notes),
        lines=np.where(first >= 0, table.lines[first], 0),
        time=_time_label(mapping),
        sources=(table.source,),
    )
