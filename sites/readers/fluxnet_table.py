"""Tables of FLUXNET files of any resolution as calendar months, in the units of monthly files.

Monthly files give fluxes in g C m-2 d-1 and precipitation in mm d-1; daily and weekly files too.
Half-hourly and hourly files give µmol CO2 m-2 s-1 and mm per time step. Their means over a month,
weighted by time, are the monthly values (Pastorello et al. 2020); ``*_QC`` is the share of
measured and good-quality filled data (0 and 1 of the half-hourly flags).

Errors of a monthly mean: random errors (``*_RANDUNC``) of the rows are independent and add in
quadrature; what a joint error (``*_JOINTUNC``) holds beyond them, and percentiles over thresholds,
are common to the rows and are averaged.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.runs.validation import check_months
from temjax.sites.readers.aggregate import monthly_means, overlapping_rows
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.csv_table import CsvTable, read_csv_table
from temjax.sites.readers.fluxnet_units import to_monthly_units
from temjax.sites.readers.record import days_of_months

TIMES = ("TIMESTAMP", "TIMESTAMP_START", "TIMESTAMP_END")
SPAN_BY_LENGTH = {4: "yearly", 6: "monthly", 8: "daily", 12: "half-hourly"}
STEP_BY_LENGTH = {6: "MM", 8: "DD"}
STEP_NAMES = {"MM": "monthly", "DD": "daily", "WW": "weekly", "HH": "half-hourly", "HR": "hourly"}
NOT_MEASURED = (-9999.0, -6999.0)  # whole numbers below a code's belong to it: -9999.99
DAY, MINUTE = np.timedelta64(1, "D"), np.timedelta64(1, "m")
STAMP = re.compile(
    r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?:[T ](\d{1,2}):(\d{2})(?::00)?)?(?:\.0+)?Z?"
)


@dataclasses.dataclass(frozen=True)
class FluxnetTable:
    """FLUXNET file as complete calendar years, columns in the units of monthly files.

    Attributes:
        where: the file, as findings name it.
        step: resolution of the file: MM, DD, WW, HH or HR.
        years: calendar years, consecutive.
        columns: column -> ``(year, 12)``, NaN where missing or where the month is not in the file.
        present: months that are in the file, ``(year, 12)``.
        line: of the file, per month, ``(year, 12)``, 0 where absent.
        names: all columns of the file, in capitals, also those that were not read.
        header_line: line of the names of the columns.
        notes: how the file was understood.
        sparse: column -> months left out because too few values cover them, ``(year, 12)``.
    """

    where: str
    step: str
    years: np.ndarray
    columns: Mapping[str, np.ndarray]
    present: np.ndarray
    line: np.ndarray
    names: tuple[str, ...]
    header_line: int
    notes: tuple[str, ...] = ()
    sparse: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def count(self, column: str) -> int:
        """Number of months with a value; 0 for a column that the file lacks."""
        values = self.columns.get(column)
        return 0 if values is None else int(np.isfinite(values).sum())


def read_table(
    member: MemberFile,
    wanted: Callable[[str], bool],
    minimum_coverage: float,
    units: Mapping[str, str] | None = None,
) -> tuple[FluxnetTable | None, list[Finding]]:
    """Table and findings of a file; None for a table that cannot be formed.

    Months that are absent within the period stay NaN in the table (``climate.check_gaps``).

    Args:
        member: the file.
        wanted: whether a column (in capitals) is used.
        minimum_coverage: least share of a month's time with values, where the file is not monthly.
        units: column -> unit, as a companion of the file states them.
    """

    def read(name: str) -> bool:
        return name.upper() in TIMES or wanted(name.upper())

    table, findings = read_csv_table(member, read)
    if table is None or findings:
        return None, findings
    names = tuple(name.upper() for name in table.names)
    frame = table.frame.set_axis([name.upper() for name in table.frame], axis=1)
    table = dataclasses.replace(table, frame=frame)
    header = f"line {table.header_line}"

    def fault(variable: str, index: str, message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(table.where, variable, index, message, mend)]

    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        return fault(twice[0], header, "two columns of this name", "Keep one of them.")
    if not any(name in frame for name in TIMES):
        shown = ", ".join(table.names[:4])
        message = f"no such column: no FLUXNET file (its columns: {shown}, …)"
        return fault("TIMESTAMP", header, message, "Give the MM (monthly) CSV of the tower.")
    if frame.empty:
        line = f"line {table.header_line + 1}"
        return fault("TIMESTAMP", line, "the file has no rows", "Give a file with data.")
    times, findings = _read_times(table)
    if times is None:
        return None, findings
    columns, notes, value_findings = _read_values(table, times)
    units = {name.upper(): unit for name, unit in (table.units | dict(units or {})).items()}
    columns, unit_notes, unit_findings = to_monthly_units(
        columns, times.step, times.begin, times.end, units, table.where
    )
    findings += [*value_findings, *unit_findings]
    if times.step == "MM":
        months = _place(times, columns, table.lines)
    elif findings:
        return None, findings
    else:
        months = _average(times, columns, table.lines, minimum_coverage)
    if not months.present.any():
        first, last = times.stamps.iloc[0], times.stamps.iloc[-1]
        message = f"a {STEP_NAMES[times.step]} file without a whole month ({first} to {last})"
        return fault("TIMESTAMP", header, message, "Give a longer file, or the MM (monthly) one.")
    return FluxnetTable(
        where=table.where,
        step=times.step,
        years=months.years,
        columns=months.columns,
        present=months.present,
        line=months.line,
        names=names,
        header_line=table.header_line,
        notes=(*table.notes, *notes, *unit_notes, *months.notes),
        sparse=months.sparse,
    ), findings


@dataclasses.dataclass(frozen=True)
class Times:
    """Intervals of the rows: resolution, first minute and the minute after the last, ``(row,)``."""

    step: str
    stamps: pd.Series
    begin: np.ndarray
    end: np.ndarray


def plain_stamp(text: str) -> str:
    """Digits of a time stamp that a spreadsheet rewrote: 201101.0, 2011-01, 2011/1, 2.01101E+05."""
    match = STAMP.fullmatch(text)
    if match:
        year, *rest = match.groups()
        digits = year + "".join(part.zfill(2) for part in rest if part is not None)
        return digits.removesuffix("0000") if len(digits) == 12 and len(text) > 15 else digits
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() and number > 0 else text


def _read_times(table: CsvTable) -> tuple[Times | None, list[Finding]]:
    """Intervals of the rows and findings; None where a stamp cannot be read."""
    frame = table.frame
    where, lines = table.where, table.lines
    interval = "TIMESTAMP_START" in frame and "TIMESTAMP_END" in frame
    name = "TIMESTAMP" if "TIMESTAMP" in frame and not interval else "TIMESTAMP_START"

    def fault(row: int, message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(where, name, f"line {lines[row]}", message, mend)]

    if name not in frame or (name != "TIMESTAMP" and not interval):
        message = "TIMESTAMP_START and TIMESTAMP_END go together: one is missing"
        return fault(0, message, "Give both columns.")
    stamps = _plain(frame[name])
    length = stamps.str.len().where(stamps.str.fullmatch(r"\d+"), 0).to_numpy()
    lengths, counts = np.unique(length, return_counts=True)
    usual = int(lengths[counts.argmax()])
    wrong = np.flatnonzero(length != usual)
    expected = {6: "YYYYMM", 8: "YYYYMMDD", 12: "YYYYMMDDHHMM"}
    if usual == 4:
        return fault(0, "this is a yearly file", "Give the MM, DD or HH file.")
    if wrong.size or usual not in ((8, 12) if interval else STEP_BY_LENGTH):
        row = int(wrong[0]) if wrong.size and usual in expected else 0
        text, kind = frame[name].iloc[row], SPAN_BY_LENGTH.get(int(length[row]))
        count = wrong.size if usual in expected and wrong.size else len(frame)
        message = f"{text!r} is not {expected.get(usual, 'YYYYMM')}"
        message += f": this is a {kind} stamp" if kind else ""
        message += f" ({count} such stamps)" if count > 1 else ""
        return fault(row, message, "Write the time stamps as in the file of the product.")
    if not interval and usual == 8 and stamps.str.endswith("01").all():
        stamps = stamps.str[:6]  # first days of months, as dates are written
        usual = 6
    if usual == 6:
        return _monthly_times(table, stamps)
    begin, bad = _moments(stamps)
    ends, bad_end = _moments(_plain(frame["TIMESTAMP_END"])) if interval else (begin, bad)
    bad |= bad_end
    if bad.any():
        row = int(bad.argmax())
        text = f"{frame[name].iloc[row]!r} is no day or time ({bad.sum()} such stamps)"
        return fault(row, text, f"Write {expected[usual]}.")
    end = ends + DAY if usual == 8 else ends  # the last day is inside
    if not (end > begin).all():
        row = int((end <= begin).argmax())
        return fault(row, "the time stamp ends before it begins", "Write both ends in order.")
    span = np.median((end - begin) / MINUTE)
    step = "DD" if not interval else "WW" if usual == 8 else "HH" if span < 45 else "HR"
    twice = overlapping_rows(begin, end)
    back = np.flatnonzero(begin[1:] < begin[:-1]) + 1
    if twice.size or back.size:
        row = int(twice[0] if twice.size else back[0])
        count = twice.size or back.size
        what = "repeats time of another row" if twice.size else "is out of order"
        message = f"{frame[name].iloc[row]} {what} ({count} such records)"
        return fault(row, message, "Sort by time, each time step once.")
    return Times(step, stamps, begin, end), []


def _monthly_times(table: CsvTable, stamps: pd.Series) -> tuple[Times | None, list[Finding]]:
    """Intervals of a monthly file and findings; None for a month that does not exist."""
    months = [(int(stamp[:4]), int(stamp[4:])) for stamp in stamps]
    findings = check_months(
        months,
        file=table.where,
        variable="TIMESTAMP",
        index_text=lambda row: f"line {table.lines[row]}",
        gaps=False,
    )
    if any(not 1 <= month <= 12 for _, month in months):
        return None, findings
    begin = np.array([f"{year:04d}-{month:02d}" for year, month in months], "datetime64[M]")
    times = Times("MM", stamps, begin.astype("datetime64[m]"), (begin + 1).astype("datetime64[m]"))
    return times, findings


def _plain(stamps: pd.Series) -> pd.Series:
    """Stamps as digits where they can be read as such."""
    plain = stamps.str.fullmatch(r"\d{4}|\d{6}|\d{8}|\d{12}").to_numpy()
    return stamps if plain.all() else stamps.where(plain, stamps.map(plain_stamp))


def _moments(stamps: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Minutes of YYYYMMDD or YYYYMMDDHHMM stamps and which of them do not exist, ``(row,)``."""
    midnight = stamps.str.endswith("2400").to_numpy() & (stamps.str.len() == 12).to_numpy()
    days = pd.to_datetime(stamps.str[:8], format="%Y%m%d", errors="coerce").to_numpy()
    clock = stamps.str[8:].where(stamps.str.len() == 12, "0000")
    digits = pd.to_numeric(clock, errors="coerce").to_numpy(dtype=float)
    bad = np.isnat(days) | ~(digits % 100 < 60) | ~((digits < 2400) | midnight)
    minutes = np.where(bad, 0, digits // 100 * 60 + digits % 100).astype(int)
    return days.astype("datetime64[m]") + minutes * MINUTE, bad


def _read_values(
    table: CsvTable, times: Times
) -> tuple[dict[str, np.ndarray], list[str], list[Finding]]:
    """Values of every column per row, codes as NaN, notes on codes, and findings."""

    def row_text(row: int) -> str:
        return f"line {table.lines[row]} (TIMESTAMP {times.stamps.iloc[row]})"

    columns, findings = {}, []
    codes, infinite = 0, 0
    for name in table.frame:
        if name in TIMES:
            continue
        values, faults = table.numbers(name, row_text)
        findings += faults
        for code in NOT_MEASURED:
            coded = (values <= code) & (values > code - 1)
            codes += int(coded.sum()) if code == NOT_MEASURED[1] else 0
            values[coded] = np.nan
        columns[name] = values
        infinite += int(table.frame[name].str.contains("inf", case=False, regex=False).sum())
    notes = [f"{codes} values of -6999 read as missing"] if codes else []
    notes += [f"{infinite} infinite values read as missing"] if infinite else []
    return columns, notes, findings


@dataclasses.dataclass(frozen=True)
class _Months:
    """Columns by calendar month, ``(year, 12)`` each; see ``FluxnetTable``."""

    years: np.ndarray
    columns: Mapping[str, np.ndarray]
    present: np.ndarray
    line: np.ndarray
    sparse: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _place(times: Times, columns: Mapping[str, np.ndarray], lines: np.ndarray) -> _Months:
    """Months of a monthly file."""
    months = times.begin.astype("datetime64[M]").astype(int) + 1970 * 12
    years = np.arange(months.min() // 12, months.max() // 12 + 1)
    index = months // 12 - years[0], months % 12
    line = np.zeros((years.size, 12), dtype=int)
    line[index] = lines
    placed = {}
    for name, values in columns.items():
        placed[name] = np.full(line.shape, np.nan)
        placed[name][index] = values
    return _Months(years, placed, line > 0, line)


def _average(
    times: Times, columns: Mapping[str, np.ndarray], lines: np.ndarray, minimum_coverage: float
) -> _Months:
    """Months of a daily, weekly or (half-)hourly file, errors by the rule of the module."""
    rows = {"": np.ones(lines.size)}  # time that the file covers
    squares, common = {}, {}
    for name, values in columns.items():
        if name.endswith("_RANDUNC"):
            squares[name] = values**2
        elif name.endswith("_JOINTUNC"):
            random = columns.get(name.replace("_JOINTUNC", "_RANDUNC"), np.zeros(values.size))
            random = np.where(np.isnan(random), 0.0, random)
            common[name] = np.sqrt(np.maximum(values**2 - random**2, 0.0))
        else:
            rows[name] = values
    means = monthly_means(times.begin, times.end, rows, minimum_coverage)
    errors = monthly_means(times.begin, times.end, squares | common, 0.0)
    monthly = {name: values for name, values in means.means.items() if name}
    span = np.median((times.end - times.begin) / DAY)
    for name in squares:
        count = np.maximum(errors.coverage[name] * days_of_months(errors.years) / span, 1.0)
        monthly[name] = np.sqrt(errors.means[name] / count)
    for name in common:
        random = monthly.get(name.replace("_JOINTUNC", "_RANDUNC"), np.zeros(1))
        monthly[name] = np.hypot(errors.means[name], np.where(np.isnan(random), 0.0, random))
    present = means.coverage[""] >= minimum_coverage
    line = np.where(means.first_row < 0, 0, lines[means.first_row])
    kind = STEP_NAMES[times.step]
    notes = [f"monthly means of a {kind} file ({times.step}), weighted by time"]
    partial = means.present & ~present
    if partial.any():
        months = month_list(means.years, partial)
        notes.append(f"months of which less than {minimum_coverage:.0%} is in the file: {months}")
    with_month = np.flatnonzero(present.any(axis=1))
    keep = slice(with_month[0], with_month[-1] + 1) if with_month.size else slice(0, None)
    columns = {name: np.where(present, month, np.nan)[keep] for name, month in monthly.items()}
    sparse = {
        name: (present & (share > 0) & (share < minimum_coverage))[keep]
        for name, share in means.coverage.items()
    }
    line = (line * present)[keep]
    return _Months(means.years[keep], columns, present[keep], line, sparse, tuple(notes))


def month_list(years: np.ndarray, months: np.ndarray) -> str:
    """Months of a mask ``(year, 12)`` in words, the first six of many."""
    texts = [f"{years[year]}-{month + 1:02d}" for year, month in np.argwhere(months)]
    return ", ".join(texts[:6]) + (f" and {len(texts) - 6} more" if len(texts) > 6 else "")
