"""Tables of text: any encoding and separator to columns of strings with the lines they stand on."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from temjax.files.findings import Finding, nearest

SEPARATORS = (",", ";", "\t", "|")
MISSING_WORDS = {"", "nan", "na", "n/a", "null", "none", "-", "--", "#n/a"}
SHOWN_NAMES = 30  # of the columns in a message


@dataclass(frozen=True)
class TextTable:
    """Rows of a table as text.

    Attributes:
        path: the file.
        frame: columns of stripped strings; rows without any value are left out.
        names: of all columns of the file, also those that are not in ``frame``.
        lines: line of the file each row stands on, ``(row,)``.
        digest: name and hash of the file.
    """

    path: Path
    frame: pd.DataFrame
    names: tuple[str, ...]
    lines: np.ndarray
    digest: str


def read_text(path: Path) -> tuple[str | None, list[Finding]]:
    """Text of a file in UTF-8, UTF-16 with its mark, or Latin-1; None with a finding."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, [Finding(str(path), "file", "", error.strerror or str(error),
                              "Check the path.")]  # fmt: skip
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace"), []
    if b"\0" in content:
        mend = "Save it as CSV: text, one row a line."
        return None, [Finding(str(path), "file", "", "not text, so no CSV table", mend)]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("latin-1"), []


def split_lines(text: str) -> list[str]:
    """Lines of a text, whatever ends them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def found_separator(header: str) -> str:
    """Separator that stands most often in a header outside quotes."""
    bare = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=bare.count)


def header_of(path: str | Path, line: int = 1) -> list[str]:
    """Names of the columns in a line of a file; empty where it has no text."""
    text, _ = read_text(Path(path))
    lines = split_lines(text or "")
    if len(lines) < line:
        return []
    row = next(csv.reader([lines[line - 1]], delimiter=found_separator(lines[line - 1])), [])
    return [name.strip() for name in row]


def read_text_table(
    path: Path,
    *,
    separator: str | None = None,
    header: int = 1,
    first_row: int | None = None,
    wanted: Callable[[str], bool] = lambda name: True,
    small_letters: bool = False,
) -> tuple[TextTable | None, list[Finding]]:
    """Table of a file; None with findings where it cannot be formed.

    Args:
        path: of the file.
        separator: of columns; by default the one that stands most often in the header.
        header: line of the names.
        first_row: first line of data, by default the one below the header.
        wanted: whether to keep a column, by its name.
        small_letters: whether names differ by their letters only, not by their case.
    """

    def fault(index: str, message: str, mend: str) -> tuple[None, list[Finding]]:
        return None, [Finding(str(path), "file", index, message, mend)]

    text, findings = read_text(path)
    if text is None:
        return None, findings
    lines = split_lines(text)
    if len(lines) < header or not lines[header - 1].strip():
        return fault(f"line {header}", "no names of columns", "Give a table with a header.")
    separator = separator or found_separator(lines[header - 1])
    stream = io.StringIO("\n".join(lines[header - 1 :]) + "\n")
    reader = csv.reader(stream, delimiter=separator, strict=True)
    try:
        names = [name.strip() for name in next(reader)]
        names = [name.casefold() for name in names] if small_letters else names
        keep = [i for i, name in enumerate(names) if name and wanted(name)]
        rows, numbers, findings = _rows(path, reader, len(names), keep, header, first_row or 0)
    except csv.Error:
        where = f"line {header + reader.line_num - 1}"
        return fault(where, "a quote is not closed", "Close the quote, or remove it.")
    if findings:
        return None, findings
    kept = [names[i] for i in keep]
    twice = sorted({name for name in kept if kept.count(name) > 1})
    if twice:
        message = f"column {twice[0]!r} stands {names.count(twice[0])} times in the header"
        return fault(f"line {header}", message, "Rename all but one.")
    if not rows:
        return fault(f"line {header + 1}", "the file has no rows", "Give a file with data.")
    frame = pd.DataFrame(rows, columns=kept, dtype=str)
    digest = f"{path.name} (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()})"
    return TextTable(path, frame, tuple(names), np.array(numbers), digest), []


def _rows(
    path: Path, reader: Any, width: int, keep: list[int], header: int, first_row: int
) -> tuple[list[list[str]], list[int], list[Finding]]:
    """Kept cells of rows with any value, their lines, and the finding of one that is too wide."""
    rows, numbers = [], []
    line = header + reader.line_num
    for cells in reader:
        if line >= first_row and any(cell.strip() for cell in cells):
            if len(cells) > width and any(cell.strip() for cell in cells[width:]):
                message = f"{len(cells)} cells, but the header has {width} names"
                mend = "Put cells that contain the separator in quotes."
                return [], [], [Finding(str(path), "file", f"line {line}", message, mend)]
            if len(cells) < width:
                cells += [""] * (width - len(cells))
            rows.append([cells[i].strip() for i in keep])
            numbers.append(line)
        line = header + reader.line_num
    return rows, numbers, []


def numbers_of(
    table: TextTable,
    column: str,
    *,
    missing: Sequence[float | str] = (-9999.0,),
    decimal: str = ".",
    percent_sign: bool = False,
) -> tuple[np.ndarray, list[Finding]]:
    """Numbers of a column, NaN where missing, ``(row,)``, and one finding for cells of words.

    Args:
        table: the table.
        column: its name.
        missing: numbers and words that stand for missing values.
        decimal: sign of decimals.
        percent_sign: whether ``45%`` is a number.
    """
    text = table.frame[column].str.strip()
    words = MISSING_WORDS | {str(code).strip().casefold() for code in missing}
    plain = text.str.replace(decimal, ".", regex=False) if decimal != "." else text
    if percent_sign:
        plain = plain.str.rstrip("% ")
    values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float)
    absent = text.str.casefold().isin(words).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(values) & ~absent)
    findings = []
    if wrong.size:
        count = f" ({wrong.size} such cells)" if wrong.size > 1 else ""
        shown = text.iloc[wrong[0]]
        mend = "Write a number, or leave the cell empty where it is missing."
        if decimal == "." and pd.notna(pd.to_numeric(shown.replace(",", "."), errors="coerce")):
            mend = 'Write decimals with a point, or give decimal = "," in [table] of a site file.'
        where = f"line {table.lines[wrong[0]]}"
        findings.append(
            Finding(str(table.path), column, where, f"{shown!r} is not a number{count}", mend)
        )
    codes = [float(code) for code in missing if isinstance(code, int | float)]
    return np.where(absent | np.isin(values, codes), np.nan, values), findings


def absent_column(table: TextTable, column: str, header: int = 1) -> Finding:
    """Finding of a column that is not in a table, with the nearest names."""
    names = [name for name in table.names if name]
    mend = nearest(column, names)
    if mend.startswith("Known:") and len(names) > SHOWN_NAMES:
        mend = f"Its columns: {', '.join(names[:SHOWN_NAMES])} and {len(names) - SHOWN_NAMES} more."
    return Finding(str(table.path), column, f"line {header}", "no such column", mend)


def common_text(values: Iterable[str]) -> str:
    """The most frequent text that is not empty; empty where there is none."""
    series = pd.Series([value for value in values if value.casefold() not in MISSING_WORDS])
    return "" if series.empty else str(series.mode().iloc[0])
