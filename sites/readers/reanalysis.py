"""Reanalysis beside a tower's file (ERA5, ERA-Interim), downscaled to the tower, as a record.

Monthly, weekly and daily files give precipitation in mm d⁻¹, half-hourly and hourly ones in mm per
time step; shorter steps become monthly means (``aggregate.monthly_means``).
"""

import hashlib
import io
import re
from typing import Protocol

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.runs.validation import check_months
from temjax.sites.readers.aggregate import monthly_means, overlapping_rows
from temjax.sites.readers.record import MonthlyValues, Reading, TowerRecord, days_of_months

COLUMNS = {"air_temperature": "TA_ERA", "precipitation": "P_ERA", "shortwave": "SW_IN_ERA"}
STAMPS = ("TIMESTAMP", "TIMESTAMP_START", "TIMESTAMP_END")
MISSING_CODES = (-9999.0, -6999.0)
_PRODUCT = re.compile(r"_(ERA5|ERAI)_")
_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M"}
_MEND = "Give the ERA5 or ERAI file of the tower's archive (MM, DD or HH), as it was published."


class MemberFile(Protocol):
    """Interface of a file on its own or in an archive.

    Attributes:
        name: of the file, without folders.
        where: what findings call it.
    """

    name: str
    where: str

    def read_bytes(self) -> bytes:
        """Contents of the file."""


def read_reanalysis(
    member: MemberFile, reading: Reading = Reading()
) -> tuple[TowerRecord | None, list[Finding]]:
    """Record of a reanalysis file, climate only, and its findings.

    Args:
        member: ``…_FLUXNET_ERA5_MM_1981-2024_….csv`` or ``…_FLUXNET2015_ERAI_DD_….csv``.
        reading: choices; ``minimum_coverage`` of files shorter than monthly.

    Returns:
        The record with product ``ERA5`` or ``ERAI``, None where none can be formed.
    """
    contents = member.read_bytes()
    frame, findings = _read_frame(contents, member.where)
    if frame is None:
        return None, findings
    monthly, findings = _monthly(frame, member.where, reading.minimum_coverage)
    if monthly is None:
        return None, findings
    years, present, lines, rates = monthly
    climate, notes = {}, []
    for name, column in COLUMNS.items():
        values = rates.get(column)
        if values is None or not np.isfinite(values).any():
            notes.append(f"{member.where}: no values of {column}")
            continue
        if name == "precipitation":
            values = values * days_of_months(years)
        climate[name] = MonthlyValues(values, column)
    if not climate:
        message = f"no values of {', '.join(COLUMNS.values())}"
        return None, [Finding(member.where, "TA_ERA", "", message, _MEND)]
    product = _PRODUCT.search(member.name)
    digest = hashlib.sha256(contents).hexdigest()
    record = TowerRecord(
        file=member.where,
        product=product.group(1) if product else "reanalysis",
        tower=None,
        years=years,
        present=present,
        climate=climate,
        notes=tuple(notes),
        lines=lines,
        sources=(f"{member.name} (sha256 {digest})",),
    )
    return record, []


def _read_frame(contents: bytes, where: str) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Stamps and climate columns as text."""
    known = {*STAMPS, *COLUMNS.values()}
    try:
        frame = pd.read_csv(
            io.BytesIO(contents),
            dtype=str,
            skipinitialspace=True,
            usecols=lambda name: name.strip() in known,
            encoding="utf-8-sig",
        )
    except (ValueError, pd.errors.ParserError):
        return None, [Finding(where, "file", "", "not a CSV table", _MEND)]
    frame.columns = frame.columns.str.strip()
    if not set(COLUMNS.values()) & set(frame.columns):
        message = f"no column {', '.join(COLUMNS.values())}: not a reanalysis of a tower"
        return None, [Finding(where, "TA_ERA", "line 1", message, _MEND)]
    if not set(STAMPS) & set(frame.columns):
        message = "no column TIMESTAMP or TIMESTAMP_START"
        return None, [Finding(where, "TIMESTAMP", "line 1", message, _MEND)]
    if frame.empty:
        return None, [Finding(where, "TIMESTAMP", "line 2", "the file has no rows", _MEND)]
    return frame, []


def _monthly(
    frame: pd.DataFrame, where: str, minimum_coverage: float
) -> tuple[tuple | None, list[Finding]]:
    """Years, months in the file, first lines and monthly means by column."""
    first = "TIMESTAMP" if "TIMESTAMP" in frame else "TIMESTAMP_START"
    begin = frame[first].fillna("").str.strip()
    length = int(begin.str.len().mode().iloc[0])
    text = {6: "YYYYMM", 8: "YYYYMMDD", 12: "YYYYMMDDHHMM"}.get(length)
    if text is None or (first == "TIMESTAMP_START" and "TIMESTAMP_END" not in frame):
        message = f"{begin.iloc[0]!r} is not a month, day or half-hour"
        return None, [Finding(where, first, "line 2", message, _MEND)]
    end = frame["TIMESTAMP_END"].fillna("").str.strip() if "TIMESTAMP_END" in frame else begin
    for column, stamps in ((first, begin), ("TIMESTAMP_END", end)):
        wrong = np.flatnonzero(~stamps.str.fullmatch(rf"\d{{{length}}}"))
        if wrong.size:
            message = f"{stamps.iloc[wrong[0]]!r} is not {text}"
            return None, [Finding(where, column, f"line {wrong[0] + 2}", message, _MEND)]
    columns, findings = _numbers(frame, where)
    if findings:
        return None, findings
    if length == 6:
        return _of_months(begin, columns, where)
    return _of_intervals(begin, end, first, columns, where, minimum_coverage)


def _numbers(frame: pd.DataFrame, where: str) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """Climate columns as numbers, NaN where missing."""
    columns, findings = {}, []
    for name in COLUMNS.values():
        if name not in frame:
            continue
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        text = frame[name].fillna("").str.strip().str.lower()
        wrong = np.flatnonzero(np.isnan(values) & ~text.isin(["", "nan", "na"]).to_numpy())
        if wrong.size:
            message = f"{frame[name].iloc[wrong[0]]!r} is not a number"
            mend = "Write a number, or -9999 where missing."
            findings.append(Finding(where, name, f"line {wrong[0] + 2}", message, mend))
        columns[name] = np.where(np.isin(values, MISSING_CODES), np.nan, values)
    return columns, findings


def _of_months(
    stamps: pd.Series, columns: dict[str, np.ndarray], where: str
) -> tuple[tuple | None, list[Finding]]:
    months = [(int(stamp[:4]), int(stamp[4:])) for stamp in stamps]
    findings = check_months(
        months,
        file=where,
        variable="TIMESTAMP",
        index_text=lambda record: f"line {record + 2}",
        gaps=False,
    )
    if findings:
        return None, findings
    years = np.arange(months[0][0], months[-1][0] + 1)
    index = tuple(np.array([(year - years[0], month - 1) for year, month in months]).T)
    lines = np.zeros((years.size, 12), dtype=int)
    lines[index] = np.arange(len(months)) + 2
    rates = {name: np.full((years.size, 12), np.nan) for name in columns}
    for name, values in columns.items():
        rates[name][index] = values
    return (years, lines > 0, lines, rates), []


def _of_intervals(
    begin: pd.Series,
    end: pd.Series,
    column: str,
    columns: dict[str, np.ndarray],
    where: str,
    minimum_coverage: float,
) -> tuple[tuple | None, list[Finding]]:
    """Monthly means of days, weeks (the end is their last day) or parts of days."""
    form = _FORMATS[len(begin.iloc[0])]
    start, stop = (
        pd.to_datetime(stamps, format=form, errors="coerce").to_numpy().astype("datetime64[m]")
        for stamps in (begin, end)
    )
    if form == "%Y%m%d":
        stop = stop + np.timedelta64(1, "D")
    wrong = np.flatnonzero(~(stop > start))  # NaT compares false
    if wrong.size:
        message = f"{begin.iloc[wrong[0]]}-{end.iloc[wrong[0]]} is no span of time"
        return None, [Finding(where, column, f"line {wrong[0] + 2}", message, _MEND)]
    twice = overlapping_rows(start, stop)
    if twice.size:
        message = f"{begin.iloc[twice[0]]} is repeated ({twice.size} such rows)"
        mend = "Give each time once."
        return None, [Finding(where, column, f"line {twice[0] + 2}", message, mend)]
    if form != "%Y%m%d" and "P_ERA" in columns:
        days = (stop - start).astype(float) / (24 * 60)
        columns = columns | {"P_ERA": columns["P_ERA"] / days}
    monthly = monthly_means(start, stop, columns, minimum_coverage)
    lines = np.where(monthly.first_row >= 0, monthly.first_row + 2, 0)
    return (monthly.years, monthly.present, lines, dict(monthly.means)), []
