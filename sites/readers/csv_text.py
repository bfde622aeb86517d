"""Text of CSV files: encoding, separator, header, and the rows that do not fit it."""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np

from temjax.files.findings import Finding

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
FOUND = tuple(SEPARATORS)[:-1]  # those that a file shows; blanks stand in names as well
HEAD_BYTES = 1 << 16  # of a file, to see its header
NOT_TABLES = {
    b"PK\x03\x04": ("a zip archive or an Excel workbook", "Save the sheet as CSV, or name a zip."),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "Save the sheet as CSV."),
    b"\x1f\x8b": ("a compressed file (gzip)", "Unpack it first."),
    b"\x89HDF": ("a NetCDF or HDF file", "Name it .nc."),
    b"CDF": ("a NetCDF file", "Name it .nc."),
    b"%PDF": ("a PDF document", "Give the CSV table."),
}
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
COMMENT = re.compile(r"[#%](?!N/A|DIV/0|VALUE|REF|NAME|NUM)")  # not an error of a spreadsheet
HEAD_LINES = 60  # lines that are looked at for the header
MINIMUM_WIDTH = 0.7  # of the header's columns relative to most lines: titles have fewer


def other_kind(data: bytes) -> tuple[str, str] | None:
    """What a file is that is no text, and the remedy."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page, not a table: the download did not give the file", "Fetch it again."
    if data.startswith(b"PK\x03\x04") and b"xl/" in data:
        return "this is an Excel workbook", "Save the sheet as CSV."
    for magic, (kind, mend) in NOT_TABLES.items():
        if data.startswith(magic):
            return f"this is {kind}", mend
    return None


def utf8(data: bytes) -> bytes:
    """Text as UTF-8 without a byte order mark, lines ending with a line feed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    elif data[:2].count(0) == 1 and not any(data[data[0] != 0 : 64 : 2]):
        data = data.decode("utf-16-be" if data[0] == 0 else "utf-16-le", errors="replace").encode()
    elif not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            data = data.decode("latin-1").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _fields(line: str, separator: str) -> list[str]:
    """Stripped cells of a line."""
    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip().strip("\"'").strip() for cell in row]


def is_number(cell: str) -> bool:
    return bool(PLAIN.fullmatch(cell) or COMMA.fullmatch(cell))


def head_of(path: Path) -> list[str]:
    """First lines of a file; none where it cannot be read or is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError:
        return []
    if len(data) == HEAD_BYTES:
        data = data[: data.rfind(b"\n")]  # a character cut in two would change the encoding
    return [] if other_kind(data) else utf8(data).decode("utf-8", errors="replace").split("\n")


def header_names(path: Path) -> list[str]:
    """Names of the columns of a file; none where it is no table."""
    layout = layout_of("\n".join(head_of(path)).encode())
    return [] if layout is None else layout[2]


def fields_of_header(line: str, separator: str | None = None) -> tuple[str, list[str]]:
    """Separator of a line, by default the one it has most often outside quotes, and its cells."""
    bare = "".join(line.split('"')[::2])
    separator = separator or max(FOUND, key=bare.count)
    return separator, _fields(line, separator)


def layout_of(
    data: bytes, separator: str | None = None, line: int | None = None
) -> tuple[str, int, list[str]] | None:
    """Separator, row of the header (from 0) and its names; None without a header.

    Args:
        data: UTF-8.
        separator, line: of the header (from 1), where they are known.
    """
    head = data[: 1 << 20].decode("utf-8", errors="replace").split("\n")
    if line is not None:
        if len(head) < line or not head[line - 1].strip():
            return None
        separator, names = fields_of_header(head[line - 1], separator)
        return separator, line - 1, names
    head, found = head[:HEAD_LINES], []
    for separator in FOUND:
        rows = [_fields(line, separator) for line in head]
        used = (max((i for i, cell in enumerate(row, 1) if cell), default=0) for row in rows)
        count = Counter(width for width in used if width > 1)
        if not count:
            continue
        most = max(count, key=lambda width: (count[width], width))
        for index, row in enumerate(rows):
            filled = [cell for cell in row if cell]
            if len(filled) < max(2, MINIMUM_WIDTH * most) or COMMENT.match(row[0]):
                continue
            if sum(map(is_number, filled)) < len(filled) / 2:
                found.append((index, -len(filled), separator, row))
                break
    if not found:
        return None
    index, _, separator, row = min(found)  # of a wrong separator only later lines look like one
    return separator, index, row


def duplicate_names(names: list[str], where: str, header: int) -> list[Finding]:
    """Finding of columns that stand twice among those of the header."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not twice:
        return []
    message = f"{len(twice)} columns stand twice in the header: {', '.join(twice[:6])}"
    mend = "Keep one column of each name."
    return [Finding(where, twice[0], f"line {header + 1}", message, mend)]


def row_widths(data: bytes, separator: str) -> tuple[np.ndarray, np.ndarray]:
    """Number of cells and first line of every row of a file, blank rows included."""
    data = data.removesuffix(b"\n")
    if b'"' in data:  # a quoted cell may hold separators and line ends
        reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator)
        rows = [(len(row), reader.line_num) for row in reader]
        widths = np.array([width for width, _ in rows])
        ends = np.array([line for _, line in rows])
        return widths, np.concatenate([[0], ends[:-1]]) + 1
    text = np.frombuffer(data, dtype=np.uint8)
    ends = np.append(np.flatnonzero(text == ord("\n")), text.size)
    begins = np.concatenate([[0], ends[:-1] + 1])
    widths = np.ones(ends.size, dtype=int)
    rows_at_once = 20000  # bounds the memory for files of half a gigabyte
    for first in range(0, ends.size, rows_at_once):
        part = slice(first, min(first + rows_at_once, ends.size))
        base, stop = begins[part][0], ends[part][-1]
        marks = np.flatnonzero(text[base:stop] == ord(separator)) + base
        widths[part] += np.searchsorted(marks, ends[part]) - np.searchsorted(marks, begins[part])
    widths[begins == ends] = 0
    return widths, np.arange(1, ends.size + 1)


def ragged_rows(
    data: bytes,
    separator: str,
    names: list[str],
    header: int,
    widths: np.ndarray,
    starts: np.ndarray,
    where: str,
) -> list[Finding]:
    """Findings of rows with more or fewer cells than the header has names."""
    last = max(i for i, name in enumerate(names) if name) + 1
    short = np.flatnonzero((widths > 0) & (widths < last))
    wide = np.flatnonzero(widths > len(names))
    findings = []
    for rows, few in ((short[short > header], True), (wide[wide > header], False)):
        if not rows.size:
            continue
        lines = data.split(b"\n") if rows.size else []
        texts = {row: lines[starts[row] - 1].decode("utf-8", errors="replace") for row in rows}
        if few:
            rows = [
                row
                for row in rows
                if texts[row].strip(f"{separator} \t") and not COMMENT.match(texts[row].lstrip())
            ]
        else:
            rows = [row for row in rows if any(_fields(texts[row], separator)[len(names) :])]
        if len(rows):
            count = f"{len(rows)} rows have" if len(rows) > 1 else "1 row has"
            message = (
                f"{count} {'fewer' if few else 'more'} cells than the header ({widths[rows[0]]} "
                f"for {last})"
            )
            mend = (
                "Complete or remove these rows: the file may be cut short."
                if few
                else "Write one cell a column, decimal points, and quotes around text with commas."
            )
            findings.append(Finding(where, "file", f"line {starts[rows[0]]}", message, mend))
    return findings
