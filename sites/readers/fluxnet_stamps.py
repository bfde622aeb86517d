"""Time of the rows of FLUXNET files: months, days, weeks, hours and half-hours."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.runs.validation import check_months
from temjax.sites.readers.aggregate import overlapping_rows
from temjax.sites.readers.csv_table import CsvTable

TIMES = ("TIMESTAMP", "TIMESTAMP_START", "TIMESTAMP_END")
SPAN_BY_LENGTH = {4: "yearly", 6: "monthly", 8: "daily", 12: "half-hourly"}
STEP_BY_LENGTH = {6: "MM", 8: "DD"}
STEP_NAMES = {"MM": "monthly", "DD": "daily", "WW": "weekly", "HH": "half-hourly", "HR": "hourly"}
DAY, MINUTE = np.timedelta64(1, "D"), np.timedelta64(1, "m")
STAMP = re.compile(
    r"(\d{4})[-/](\d{1,2})(?:[-/](\d{1,2}))?(?:[T ](\d{1,2}):(\d{2})(?::00)?)?(?:\.0+)?Z?"
)


@dataclass(frozen=True)
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


def read_times(table: CsvTable) -> tuple[Times | None, list[Finding]]:
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
    number = stamps.to_numpy(dtype=object).astype(np.int64)
    clock = np.zeros_like(number)
    if len(stamps.iloc[0]) == 12:
        number, clock = number // 10000, number % 10000
    year, month, day = number // 10000, number // 100 % 100, number % 100
    exists = (year >= 1) & (month >= 1) & (month <= 12)
    first = (12 * (year - 1970) + np.where(exists, month, 1) - 1).astype("datetime64[M]")
    days = (first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")
    exists &= (day >= 1) & (day <= days / DAY) & (clock % 100 < 60) & (clock <= 2400)
    minutes = (day - 1) * 1440 + clock // 100 * 60 + clock % 100
    return first.astype("datetime64[m]") + minutes * MINUTE, ~exists
