"""Tables of FLUXNET2015 / ONEFlux monthly files, parsed and checked."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from temjax.files.findings import Finding
from temjax.runs.validation import MISSING_VALUE, check_months

CLIMATE_COLUMNS = {"air_temperature": "TA_F", "precipitation": "P_F", "shortwave": "SW_IN_F"}
ID_PATTERN = re.compile(r"_?([A-Z]{2}-[A-Za-z0-9]{3})_")
SPAN_BY_LENGTH = {4: "yearly", 8: "daily or weekly", 12: "half-hourly"}


@dataclasses.dataclass(frozen=True)
class FluxnetTable:
    """Monthly file as complete calendar years.

    Attributes:
        path: the file.
        years: calendar years, consecutive.
        columns: column -> ``(year, 12)``, NaN where -9999 or where the month is not in the file.
        present: months that are in the file, ``(year, 12)``.
        line: of the file, per month, ``(year, 12)``, 0 where absent.
    """

    path: Path
    years: np.ndarray
    columns: Mapping[str, np.ndarray]
    present: np.ndarray
    line: np.ndarray


def fluxnet_id(path: str | Path) -> str | None:
    """Site id in a file name such as ``FLX_CN-HaM_FLUXNET2015_FULLSET_MM_2002-2004_1-4.csv``."""
    match = ID_PATTERN.search(Path(path).name)
    return match.group(1) if match else None


def read_table(path: str | Path) -> tuple[FluxnetTable | None, list[Finding]]:
    """Table and findings of a monthly file; None for a table that cannot be formed.

    Months that are absent within the period stay NaN in the table (``climate.check_gaps``).
    """
    path = Path(path)

    def fault(variable: str, index: str, message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(str(path), variable, index, message, mend)]

    try:
        frame = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except OSError as error:
        return fault("file", "", error.strerror or str(error), "Check the path.")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        return fault("file", "", f"not a CSV table: {error}", "Give the unpacked monthly CSV.")
    if "TIMESTAMP" not in frame:
        kind = "a half-hourly file" if "TIMESTAMP_START" in frame else "no FLUXNET monthly file"
        return fault("TIMESTAMP", "line 1", f"no such column: {kind}", "Give the MM (monthly) CSV.")
    if frame.empty:
        return fault("TIMESTAMP", "line 2", "the file has no rows", "Give a file with data.")
    stamps = frame["TIMESTAMP"].fillna("").str.strip()
    wrong = np.flatnonzero(~stamps.str.fullmatch(r"\d{6}"))
    if wrong.size:
        stamp = stamps.iloc[wrong[0]]
        kind = SPAN_BY_LENGTH.get(len(stamp))
        message = f"{stamp!r} is not YYYYMM" + (f": this is a {kind} file" if kind else "")
        return fault("TIMESTAMP", f"line {wrong[0] + 2}", message, "Give the MM (monthly) CSV.")
    months = [(int(stamp[:4]), int(stamp[4:])) for stamp in stamps]
    findings = check_months(
        months,
        file=str(path),
        variable="TIMESTAMP",
        index_text=lambda record: f"line {record + 2}",
        gaps=False,
    )
    if any(not 1 <= month <= 12 for _, month in months):
        return None, findings
    years = np.arange(min(months)[0], max(months)[0] + 1)
    line = np.zeros((years.size, 12), dtype=int)
    index = tuple(np.array([(year - years[0], month - 1) for year, month in months]).T)
    line[index] = np.arange(len(months)) + 2
    columns = {}
    for name in frame.columns:
        if name == "TIMESTAMP":
            continue
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        text = frame[name].fillna("NaN").str.strip().str.lower()
        invalid = np.flatnonzero(np.isnan(values) & ~text.isin(["nan", "", "na"]).to_numpy())
        if invalid.size:
            where = f"line {invalid[0] + 2} (TIMESTAMP {stamps.iloc[invalid[0]]})"
            message = f"{frame[name].iloc[invalid[0]]!r} is not a number"
            mend = "Write a number, or -9999 where missing."
            findings.append(Finding(str(path), name, where, message, mend))
        columns[name] = np.full((years.size, 12), np.nan)
        columns[name][index] = np.where(values == MISSING_VALUE, np.nan, values)
    return FluxnetTable(path, years, columns, line > 0, line), findings


def check_columns(table: FluxnetTable) -> list[Finding]:
    """Findings of climate columns that are absent."""
    mend = "Give a FULLSET or SUBSET monthly file that has it."
    return [
        Finding(str(table.path), column, "line 1", "no such column", mend)
        for column in CLIMATE_COLUMNS.values()
        if column not in table.columns
    ]
