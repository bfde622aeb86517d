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
from collections.abc import Callable, Mapping

import numpy as np

from temjax.files.findings import Finding
from temjax.sites.readers.aggregate import monthly_means
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.csv_table import CsvTable, no_rows, read_csv_table
from temjax.sites.readers.fluxnet_stamps import STEP_NAMES, TIMES, Times, read_times
from temjax.sites.readers.fluxnet_units import to_monthly_units
from temjax.sites.readers.record import days_of_months

SHOWN_CODED = 4  # columns with codes in a note
NOT_MEASURED = (-9999.0, -6999.0)  # whole numbers below a code's belong to it: -9999.99
DAY = np.timedelta64(1, "D")


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
        source: name and hash of the file.
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
    source: str = ""
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

    table, findings = read_csv_table(member, read, numeric=lambda name: name.upper() not in TIMES)
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
        return None, no_rows(table, "TIMESTAMP")
    times, findings = read_times(table)
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
        source=table.source,
        notes=(*table.notes, *notes, *unit_notes, *months.notes),
        sparse=months.sparse,
    ), findings


def _read_values(
    table: CsvTable, times: Times
) -> tuple[dict[str, np.ndarray], list[str], list[Finding]]:
    """Values of every column per row, codes as NaN, notes on codes, and findings."""

    def row_text(row: int) -> str:
        return f"line {table.lines[row]} (TIMESTAMP {times.stamps.iloc[row]})"

    columns, findings = {}, []
    codes, infinite, coded_columns = 0, 0, []
    for name in table.frame:
        if name in TIMES:
            continue
        values, faults = table.numbers(name, row_text)
        findings += faults
        unbounded = np.isinf(values)
        infinite += int(unbounded.sum())
        values[unbounded] = np.nan
        for code in NOT_MEASURED:
            coded = (values <= code) & (values > code - 1)
            if code == NOT_MEASURED[1] and coded.any():
                codes += int(coded.sum())
                coded_columns.append(name)
            values[coded] = np.nan
        columns[name] = values
    shown = ", ".join(coded_columns[:SHOWN_CODED]) + (", …" * (len(coded_columns) > SHOWN_CODED))
    notes = [f"{codes} values of -6999 read as missing ({shown})"] if codes else []
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
