"""Tables of CSV files as users have them, every cell a string, with the lines of the file.

Encodings (UTF-8, UTF-16, Latin-1), separators (comma, semicolon, tab), decimal commas, title and
comment lines above the header, a row of units below it and rows without any value, as spreadsheets
leave them, are understood; what is not a table is named.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from temjax.files.findings import DataError, Finding, nearest
from temjax.sites.readers.archive import MemberFile
from temjax.sites.readers.csv_text import (
    COMMA,
    COMMENT,
    SEPARATORS,
    duplicate_names,
    is_number,
    layout_of,
    other_kind,
    ragged_rows,
    row_widths,
    utf8,
)

MISSING_TEXTS = ("", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--")
SHOWN_NAMES = 30  # of the columns in a message
SEPARATED = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+[.,]\d*|[+-]?\d{1,3}(?:,\d{3}){2,}")
UNIT_ROWS = 3  # rows of words that may follow a header (units, kind of average)


@dataclass(frozen=True)
class CsvTable:
    """Cells of a CSV file as stripped strings.

    Attributes:
        where: the file, as findings name it.
        frame: one column of strings per column read, or of numbers where asked for; rows without
            any value are left out.
        lines: line of the file per row, ``(row,)``.
        header_line: line of the names of the columns.
        names: all columns of the file, also those that were not read.
        units: column -> unit, where a row of units follows the header.
        source: name and hash of the file.
        notes: how the file was understood where it is no plain CSV.
    """

    where: str
    frame: pd.DataFrame
    lines: np.ndarray
    header_line: int
    names: tuple[str, ...]
    units: Mapping[str, str]
    source: str = ""
    notes: tuple[str, ...] = ()

    def numbers(
        self,
        column: str,
        row_text: Callable[[int], str] | None = None,
        *,
        missing: Sequence[float | str] = (),
        percent_sign: bool = False,
    ) -> tuple[np.ndarray, list[Finding]]:
        """Values of a column, ``(row,)``, and a finding where cells are not numbers.

        Empty cells and the words of ``MISSING_TEXTS`` are NaN; infinite values stay.

        Args:
            column: name.
            row_text: describes a row; by default its line.
            missing: further numbers and words that stand for missing values.
            percent_sign: whether ``45%`` is a number.
        """
        text = self.frame[column]
        if is_numeric_dtype(text):
            return text.to_numpy(dtype=float, copy=True), []
        plain = text.str.rstrip("% ") if percent_sign else text
        values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, copy=True)
        wrong = np.flatnonzero(np.isnan(values))
        if wrong.size:
            words = {*MISSING_TEXTS, *(str(code).strip().casefold() for code in missing)}
            wrong = wrong[~text.iloc[wrong].str.casefold().isin(words).to_numpy()]
        codes = [float(code) for code in missing if isinstance(code, int | float)]
        values[np.isin(values, codes)] = np.nan
        if not wrong.size:
            return values, []
        cell, count = text.iloc[wrong[0]], wrong.size
        message = f"{cell!r} is not a number" + (f" ({count} such cells)" if count > 1 else "")
        if cell.startswith("#"):
            message = f"{cell!r} is an error of a spreadsheet ({count} such cells)"
        where = row_text(wrong[0]) if row_text else f"line {self.lines[wrong[0]]}"
        mend = "Write a number, or -9999 where missing."
        return values, [Finding(self.where, column, where, message, mend)]


def read_csv_table(
    member: MemberFile,
    wanted: Callable[[str], bool] | None = None,
    *,
    numeric: Callable[[str], bool] = lambda name: False,
    words: bool = False,
    separator: str | None = None,
    header: int | None = None,
    first_row: int = 0,
    decimal: str | None = None,
) -> tuple[CsvTable | None, list[Finding]]:
    """Table of a CSV file, None where it is none, and findings.

    Args:
        member: the file.
        wanted: whether a column is read; all by default.
        numeric: whether a column may be read as numbers at once, where all its cells are numbers:
            faster for files of many rows.
        words: rows without any number are data; otherwise those below the header are its units.
        separator: of columns; found by default.
        header: line of the names of the columns; found by default.
        first_row: first line of data.
        decimal: ``,`` where decimals have a comma; by default found, if commas do not separate.
    """
    where = member.where

    def fault(message: str, mend: str, index: str = "") -> tuple[None, list[Finding]]:
        return None, [Finding(where, "file", index, message, mend)]

    data, source, findings = _contents(member)
    if findings:
        return None, findings
    layout = layout_of(data, separator, header)
    if layout is None:
        return fault(
            "not a CSV table: no header line with the names of columns",
            "Give a CSV file whose header names the columns, separated by commas.",
            f"line {header}" if header else "",
        )
    separator, row, names = layout
    used = [name for name in names if name and (wanted is None or wanted(name))]
    findings = duplicate_names(used, where, row)
    open_quote = "a quote is not closed: the rest of the file is one cell"
    quote_mend = "Remove the quotes, or close them."
    try:
        widths, starts = row_widths(data, separator)
    except csv.Error:  # the cell is larger than any
        return fault(open_quote, quote_mend)
    above = max(row, int(np.searchsorted(starts, first_row)) - 1)
    findings += ragged_rows(data, separator, names, above, widths, starts, where)
    if findings:
        return None, findings
    try:
        frame, numbers = _cells(data, layout, widths, starts, used, numeric)
    except pd.errors.ParserError:
        return fault(open_quote, quote_mend, f"line {starts[-1]}")
    frame, numbers, units, notes = _unit_rows(frame, numbers, member.name, words)
    lines = starts[numbers]
    frame = frame[lines >= first_row].reset_index(drop=True)
    lines = lines[lines >= first_row]
    example = ""
    if decimal == ",":
        point = frame.apply(lambda text: text.str.replace(",", ".", regex=False))
        frame = frame.where(~frame.apply(lambda text: text.str.fullmatch(COMMA.pattern)), point)
    elif separator != "," or b'"' in data:
        frame, example, findings = _decimal_point(frame, lines, separator, where)
    if separator != "," or example:
        kind = f"separated by {SEPARATORS.get(separator, repr(separator))}"
        kind += ", decimal commas" if example else ""
        notes.insert(
            0, f"{member.name}: {kind}: read as such" + (f" ({example})" if example else "")
        )
    known = tuple(name for name in names if name)
    table = CsvTable(where, frame, lines, int(starts[row]), known, units, source, tuple(notes))
    return table, findings


def no_rows(table: CsvTable, variable: str = "file") -> list[Finding]:
    """Finding of a table without rows."""
    if len(table.frame):
        return []
    where = f"line {table.header_line + 1}"
    return [Finding(table.where, variable, where, "the file has no rows", "Give a file with data.")]


def absent_column(table: CsvTable, column: str) -> Finding:
    """Finding of a column that is not in a table, with the nearest names."""
    mend = nearest(column, table.names)
    if mend.startswith("Known:") and len(table.names) > SHOWN_NAMES:
        more = len(table.names) - SHOWN_NAMES
        mend = f"Its columns: {', '.join(table.names[:SHOWN_NAMES])} and {more} more."
    return Finding(table.where, column, f"line {table.header_line}", "no such column", mend)


def common_text(values: Iterable[str]) -> str:
    """The most frequent text that is not empty; empty where there is none."""
    series = pd.Series([value for value in values if value.casefold() not in MISSING_TEXTS])
    return "" if series.empty else str(series.mode().iloc[0])


def _contents(member: MemberFile) -> tuple[bytes, str, list[Finding]]:
    """Text of a file as UTF-8, its name and hash, and the finding of one that is no text."""

    def fault(message: str, mend: str, index: str = "") -> tuple[bytes, str, list[Finding]]:
        return b"", "", [Finding(member.where, "file", index, message, mend)]

    try:
        data = member.read_bytes()
    except DataError as error:
        return b"", "", error.findings
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        return fault("the file is empty", "Give a file with data.")
    not_table = other_kind(data)
    if not_table:
        return fault(*not_table)
    name = f"{member.path.name}:{member.member}" if member.member else member.name
    source = f"{name} (sha256 {hashlib.sha256(data).hexdigest()})"
    data = utf8(data)
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        message = f"{data.count(bytes(1))} NUL bytes: the file is damaged"
        return fault(message, "Fetch or save it again.", f"line {line}")
    return data, source, []


def _cells(
    data: bytes,
    layout: tuple[str, int, list[str]],
    widths: np.ndarray,
    starts: np.ndarray,
    used: list[str],
    numeric: Callable[[str], bool],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Stripped cells of the columns used and their rows in the file, empty rows left out."""
    separator, header, names = layout
    use = [i for i, name in enumerate(names) if name in used]
    untidy = b" " in data or b"'" in data
    at_once = [i for i in use if i and not untidy and numeric(names[i])]
    frame = pd.read_csv(
        io.BytesIO(data),
        sep=separator,
        header=None,
        names=range(max(len(names), int(widths.max()))),
        usecols=sorted({0, *use}),
        skiprows=int(starts[header]),
        nrows=widths.size - header - 1,
        dtype=dict.fromkeys({0, *use}.difference(at_once), str),
        na_values={i: [*MISSING_TEXTS, *map(str.upper, MISSING_TEXTS), "NaN"] for i in at_once},
        keep_default_na=False,
        index_col=False,
        skip_blank_lines=False,
        skipinitialspace=True,
        low_memory=False,
    )
    rows = header + 1 + np.arange(len(frame))
    valued = np.zeros(len(frame), dtype=bool)
    for column in frame:
        cells = frame[column]
        if is_numeric_dtype(cells) and not is_bool_dtype(cells):
            frame[column] = cells.astype(float)
            valued |= cells.notna().to_numpy()
            continue
        cells = cells.astype(str).where(cells.notna(), "") if column in at_once else cells
        frame[column] = cells.str.strip().str.strip("'").str.strip() if untidy else cells
        valued |= (frame[column] != "").to_numpy()
    comment = frame[0].str.startswith(("#", "%")).to_numpy(copy=True)
    for row in np.flatnonzero(comment):
        comment[row] = COMMENT.match(frame[0].iloc[row]) is not None
    valued &= ~comment
    if not valued.all():
        frame, rows = frame.loc[valued].reset_index(drop=True), rows[valued]
    return frame[use].set_axis([names[i] for i in use], axis=1), rows


def _unit_rows(
    frame: pd.DataFrame, rows: np.ndarray, name: str, words: bool
) -> tuple[pd.DataFrame, np.ndarray, dict[str, str], list[str]]:
    """Table without the rows of units below the header, the units, and a note."""
    count = 0
    while not words and count < min(UNIT_ROWS, len(frame)):
        cells = [str(cell) for cell in frame.iloc[count] if cell != ""]
        gaps = [cell.strip("-").casefold() in MISSING_TEXTS for cell in cells if cell.strip("-")]
        plain = any(gaps) or any(map(is_number, cells))
        if plain or len(cells) < frame.shape[1] / 2:
            break
        count += 1
    if not count:
        return frame, rows, {}, []
    units = {str(column): cell for column, cell in frame.iloc[0].items() if cell}
    shown = ", ".join(f"{column} {cell}" for column, cell in list(units.items())[:4])
    lines = f"line {rows[0] + 1}" if count == 1 else f"lines {rows[0] + 1}-{rows[count - 1] + 1}"
    notes = [f"{name}: {lines} taken as units, not as values ({shown}, …)"]
    return frame.iloc[count:].reset_index(drop=True), rows[count:], units, notes


def _decimal_point(
    frame: pd.DataFrame, lines: np.ndarray, separator: str, where: str
) -> tuple[pd.DataFrame, str, list[Finding]]:
    """Table with decimal points, an example of what was replaced, and findings of mixed numbers."""
    example, first_comma, point = "", None, False
    replaced = {}
    for name in frame:
        text = frame[name]
        if is_numeric_dtype(text):
            point |= bool((text % 1 > 0).any())
            continue
        comma = text.str.contains(",", regex=False).to_numpy()
        if not comma.any():
            point |= bool(text.iloc[:200].str.fullmatch(r"[+-]?\d*\.\d+").any())
            continue
        cells = text[comma]
        doubtful = cells.str.fullmatch(SEPARATED.pattern)
        if doubtful.any():
            row = int(np.flatnonzero(comma)[doubtful.to_numpy().argmax()])
            message = f"{text.iloc[row]!r}: thousands are separated"
            mend = "Write numbers without separators of thousands, with a decimal point."
            return frame, "", [Finding(where, str(name), f"line {lines[row]}", message, mend)]
        if not cells.str.fullmatch(COMMA.pattern).all():
            continue  # words
        if first_comma is None:
            first_comma = (str(name), int(np.flatnonzero(comma)[0]))
            example = f"{cells.iloc[0]} is {cells.iloc[0].replace(',', '.')}"
        point |= bool(text[~comma].str.fullmatch(r"[+-]?\d*\.\d+").any())
        replaced[name] = text.str.replace(",", ".", regex=False)
    if first_comma is None:
        return frame, "", []
    if point or separator == ",":
        name, row = first_comma
        message = f"{frame[name].iloc[row]!r}: decimal commas" + (
            " and decimal points in one file" if point else " in a file separated by commas"
        )
        mend = "Write decimal points throughout, without separators of thousands."
        return frame, "", [Finding(where, name, f"line {lines[row]}", message, mend)]
    return frame.assign(**replaced), example, []
