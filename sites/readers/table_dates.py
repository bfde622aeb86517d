"""Dates of the rows of a user's table: one column of dates, or columns of their parts."""

import re

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.sites.readers.csv_table import CsvTable
from temjax.sites.table_mapping import Table

# Form of dates -> strptime's; seconds, T and / are gone by then
DATE_FORMS = (
    (r"\d{6}", "%Y%m"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{10}", "%Y%m%d%H"),
    (r"\d{12}", "%Y%m%d%H%M"),
    (r"\d{4}-\d{1,2}", "%Y-%m"),
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}", "%Y-%m-%d %H:%M"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),  # the point tells the order, a slash would not
    (r"\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}", "%d.%m.%Y %H:%M"),
)
MONTH_FORMS = ("%Y%m", "%Y-%m")
TAIL = re.compile(r"(?:\.0+|(?<=:\d\d):\d\d(?:\.\d+)?|Z|\+00:?00|(?<=:\d\d)\s*UTC)+$")


def row_dates(table: CsvTable, mapping: Table) -> tuple[np.ndarray, bool, list[Finding]]:
    """Dates as datetime64[m], whether they name months only, and the finding of a wrong one."""
    if mapping.time is None:
        return _dates_of_parts(table, mapping)
    text = table.frame[mapping.time]
    if mapping.time_format is not None:
        form = mapping.time_format
        parsed = pd.to_datetime(text, format=form, errors="coerce")
    else:
        plain = text.str.replace(TAIL, "", regex=True).str.replace("/", "-").str.replace("T", " ")
        pattern, form = next(
            ((p, f) for p, f in DATE_FORMS if re.fullmatch(p, plain.iloc[0])), (r"(?!)", "%Y")
        )
        fitting = plain.where(plain.str.fullmatch(pattern))
        parsed = pd.to_datetime(fitting, format=form, errors="coerce")
    wrong = np.flatnonzero(parsed.isna())
    if wrong.size:
        return np.array([]), False, [_no_date(table, mapping.time, wrong, text.iloc[wrong[0]])]
    return parsed.to_numpy().astype("datetime64[m]"), form in MONTH_FORMS, []


def _no_date(table: CsvTable, column: str, wrong: np.ndarray, shown: str) -> Finding:
    """Finding of rows without a date."""
    count = f" ({wrong.size} such rows)" if wrong.size > 1 else ""
    mend = (
        "Write YYYYMM, YYYY-MM, YYYYMMDD or YYYY-MM-DD hh:mm in every row, or give time_format "
        'such as "%d/%m/%Y" in [table].'
    )
    where = f"line {table.lines[wrong[0]]}"
    return Finding(table.where, column, where, f"{shown!r} is not a date{count}", mend)


def _dates_of_parts(table: CsvTable, mapping: Table) -> tuple[np.ndarray, bool, list[Finding]]:
    """``row_dates`` of columns of years, months, days, hours."""
    columns, findings, parts = mapping.time_columns, [], {}
    for name, column in columns.items():
        parts[name], faults = table.numbers(column)
        findings += faults
    if findings:
        return np.array([]), False, findings
    whole = [name for name in ("year", "month", "day") if name in parts]
    right = np.all([parts[name] == np.round(parts[name]) for name in whole], axis=0)
    right &= np.all([np.isfinite(values) for values in parts.values()], axis=0)
    date = {name: parts.get(name, np.ones(right.size)) for name in ("year", "month", "day")}
    days = pd.to_datetime(
        {name: np.where(right, values, 0).astype(int) for name, values in date.items()},
        errors="coerce",
    )
    day_of_year = parts.get("day_of_year", np.ones(right.size))
    hour, minute = (parts.get(name, np.zeros(right.size)) for name in ("hour", "minute"))
    right &= (day_of_year >= 1) & (day_of_year < 367) & (hour >= 0) & (hour <= 24)
    wrong = np.flatnonzero(~right | days.isna().to_numpy() | (date["year"] < 1000))
    if wrong.size:
        shown = ", ".join(f"{name} {table.frame[c].iloc[wrong[0]]}" for name, c in columns.items())
        return np.array([]), False, [_no_date(table, columns["year"], wrong, shown)]
    minutes = np.round((day_of_year - 1) * 1440 + hour * 60 + minute).astype("timedelta64[m]")
    months_only = not {"day", "day_of_year"} & set(parts)
    return days.to_numpy().astype("datetime64[m]") + minutes, months_only, []
