"""Small tables of measurements as people have them: columns by any of their usual names."""

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from temjax.conventions.units import Quantity, UnitError, parse_unit
from temjax.files.findings import DataError, Finding
from temjax.sites.readers.csv_text import layout_of, other_kind, utf8

NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_VALUE = re.compile(rf"\s*(?P<bound>[<>≤≥]?)=?\s*(?P<number>{NUMBER})\s*(?P<unit>[^\d\s].*)?")
_RANGE = re.compile(rf"\s*(?P<low>{NUMBER})\s*(?:-|–|to|\.\.\.|…)\s*(?P<high>{NUMBER})\s*")
_YEAR = re.compile(r"\b(1[6-9]\d\d|2[0-4]\d\d)\b")
_MISSING = {"", "na", "n/a", "nan", "-", "–", "none", "null", "-9999", "-999"}


@dataclass(frozen=True)
class PlainTable:
    """Rows of a table by folded column name.

    Attributes:
        file: name of the file.
        columns: folded names: lower case, words joined by underscores.
        rows: line and cells by column.
    """

    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]

    def column(self, *names: str) -> str | None:
        """The first of some columns that the table has."""
        return next((name for name in names if name in self.columns), None)

    def fault(self, column: str, line: int, message: str, mend: str) -> DataError:
        """Error of a cell, or of the header where the line is 0."""
        place = f"line {line}" if line else "header"
        return DataError([Finding(self.file, column, place, message, mend)])

    def number(self, row: tuple[int, dict[str, str]], column: str | None) -> float:
        """Number of a cell; NaN where it is empty or the table lacks the column.

        Raises:
            DataError: the cell holds no number.
        """
        line, cells = row
        text = "" if column is None else cells[column]
        if is_missing(text):
            return float("nan")
        try:
            return to_float(text)
        except ValueError as error:
            raise self.fault(
                column, line, f"{text!r} is no number", "Write plain numbers."
            ) from error

    def spread(self, row: tuple[int, dict[str, str]], column: str | None) -> float:
        """Standard deviation in a cell; NaN where it is empty or the table lacks the column.

        Raises:
            DataError: the cell holds no number above 0.
        """
        value = self.number(row, column)
        if value <= 0 or math.isinf(value):
            message = f"{row[1][column]!r} is no standard deviation"
            mend = "Give a number above 0, or leave the cell empty."
            raise self.fault(column, row[0], message, mend)
        return value

    def place(
        self, row: tuple[int, dict[str, str]], latitude: str | None, longitude: str | None
    ) -> tuple[float, float]:
        """Coordinates of a row, degrees; NaN where there are none.

        Raises:
            DataError: a cell holds no number, or one that is nowhere on the globe.
        """
        place = self.number(row, latitude), self.number(row, longitude)
        limits = ((latitude, place[0], -90, 90), (longitude, place[1], -180, 360))
        for column, value, low, high in limits:
            if not math.isnan(value) and not low <= value <= high:
                message = f"{value:g} lies outside {low} to {high} degrees"
                mend = "Give decimal degrees north and east."
                raise self.fault(column, row[0], message, mend)
        return place

    def years(self, row: tuple[int, dict[str, str]], *names: str) -> tuple[int, ...]:
        """Calendar years in the first of some columns; none where it is empty or not there.

        Raises:
            DataError: the cell names no year.
        """
        column = self.column(*names)
        text = "" if column is None else row[1][column]
        years = read_years(text)
        if not years and not is_missing(text):
            mend = "Write 2006, 2006-2009, or leave the cell empty."
            raise self.fault(column, row[0], f"{text!r} names no year", mend)
        return years


def fold(name: str) -> str:
    """Column name in lower case with underscores: ``Thaw depth (cm)`` is ``thaw_depth_cm``."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().casefold()).strip("_")


def is_missing(text: str) -> bool:
    """Whether a cell holds nothing."""
    return text.strip().casefold() in _MISSING


def to_float(text: str) -> float:
    """Number of a text with a decimal point or comma.

    Raises:
        ValueError: something else.
    """
    return float(text.strip().replace("−", "-").replace(",", "."))


def read_plain_table(path: Path) -> PlainTable:
    """Read a table with a header; separator and encoding are found.

    Raises:
        DataError: no such file, no table, no row, or two columns of one name.
    """

    def fault(message: str, mend: str) -> DataError:
        return DataError([Finding(str(path), "file", "", message, mend)])

    try:
        data = path.read_bytes()
    except OSError as error:
        raise fault(f"cannot be read ({error.strerror})", "Give a table (CSV).") from error
    if other := other_kind(data):
        raise fault(*other)
    data = utf8(data)
    layout = layout_of(data)
    if layout is None:
        raise fault("has no header of columns", "Give a table (CSV) with names of columns.")
    separator, header, _ = layout
    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator)
    lines = [(reader.line_num, cells) for cells in reader]
    names = next(cells for line, cells in lines if line >= header + 1)
    columns = tuple(fold(name) for name in names)
    twice = [name for number, name in enumerate(columns) if name and name in columns[:number]]
    if twice:
        raise fault(f"column {twice[0]!r} stands twice", "Keep one column of each name.")
    rows = [
        (line, dict(zip(columns, [*map(str.strip, cells), *[""] * len(columns)], strict=False)))
        for line, cells in lines
        if line > header + 1 and any(cell.strip() for cell in cells)
    ]
    if not rows:
        raise fault("has no rows", "Give one row for each measurement.")
    return PlainTable(str(path), columns, tuple(rows))


def read_value(text: str) -> tuple[float, str, str]:
    """Number, bound (``>``, ``<`` or nothing) and unit of a text such as ``>2.6 m``.

    Raises:
        ValueError: something else.
    """
    found = _VALUE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    bound = {"≥": ">", "≤": "<"}.get(found["bound"], found["bound"])
    return to_float(found["number"]), bound, (found["unit"] or "").strip()


def read_range(text: str) -> tuple[float, float] | None:
    """Ends of a text such as ``14.4-17.5``; None of another."""
    found = _RANGE.fullmatch(text)
    return None if found is None else (to_float(found["low"]), to_float(found["high"]))


def read_years(text: str) -> tuple[int, ...]:
    """Calendar years of a text: one, several, or the ends of a span (``2006-2009``)."""
    years = tuple(int(year) for year in _YEAR.findall(text))
    if len(years) == 2 and re.search(r"\d\s*(-|–|/|to)\s*\d", text) and years[0] < years[1]:
        return tuple(range(years[0], years[1] + 1))
    return years


def factor_to_model(unit: str, quantity: Quantity) -> float | None:
    """Factor of a unit to the model's; None where it is not understood."""
    try:
        return float(parse_unit(unit, quantity, any_mass=True).scale)
    except UnitError:
        return None
