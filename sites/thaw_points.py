"""Observed thaw depths at points: active layers, and bounds where the probe did not reach it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from temjax.files.findings import DataError, Finding
from temjax.sites.entry_tables import DEEPEST_THAW
from temjax.sites.plain_table import (
    PlainTable,
    factor_to_model,
    is_missing,
    read_plain_table,
    read_value,
)

_DEPTH = r"(?:thaw_?depth|alt|active_layer(?:_thickness|_depth)?|thaw)"
_UNIT = r"(?:_(?P<unit>m|cm|mm))?"
_VALUE = re.compile(rf"{_DEPTH}{_UNIT}")
_MEAN = re.compile(rf"{_DEPTH}{_UNIT}_mean(?:_(?P<first>\d{{4}})_(?P<last>\d{{4}}))?")
_OF_YEAR = re.compile(rf"{_DEPTH}{_UNIT}_(?P<year>\d{{4}})")
_SD = re.compile(rf"(?:{_DEPTH}_)?(?:sd|std|uncertainty|error){_UNIT}")
_BOUND_IN_FLAGS = re.compile(r"([<>])\s*(\d+(?:\.\d+)?)\s*(m|cm)\b")
Bound = Literal["", ">", "<"]


@dataclass(frozen=True)
class ThawPoint:
    """Observed active layer at a point.

    Attributes:
        name: of the point.
        latitude, longitude: degrees.
        observed: thaw depth, m, or the bound.
        bound: ``>``: deeper than ``observed``; ``<``: shallower; empty: measured.
        years: whose mean it is; none where the table does not say.
        sd: of the measurement, m; NaN where unknown.
        elevation: m; NaN where unknown.
        source: of the value.
    """

    name: str
    latitude: float
    longitude: float
    observed: float
    bound: Bound = ""
    years: tuple[int, ...] = ()
    sd: float = float("nan")
    elevation: float = float("nan")
    source: str = ""

    @property
    def censored(self) -> bool:
        """Whether the value is a bound."""
        return self.bound != ""

    @property
    def place(self) -> tuple:
        """What two rows of one measurement share."""
        return self.latitude, self.longitude, self.years


@dataclass(frozen=True)
class _Columns:
    """Columns of a table of thaw depths and the unit of its values; empty: by row."""

    value: str
    unit: str
    years: tuple[int, ...]
    of_year: dict[str, int]
    sd: str | None
    sd_unit: str


def read_thaw_points(path: Path) -> tuple[list[ThawPoint], list[str]]:
    """Read a table of thaw depths at points.

    Columns, in any order and with the usual spellings: ``lat``, ``lon``, ``thaw_depth`` (or
    ``alt``) with its unit at the end of the name (``alt_cm``), in a column ``unit`` or behind the
    number; optional ``name``, ``year`` or ``years``, ``sd``, ``elevation``, ``source``. A value
    ``>2.6`` or ``<0.4`` is a bound. A table with a column for each year beside their mean
    (``alt_m_2006``, ``alt_m_mean_2006_2009``) gives the mean; where it is empty, a bound in the
    column ``flags`` (``> 2.35 m``) counts.

    Returns:
        The points, and what was left out or taken how, as sentences.

    Raises:
        DataError: no table, a column that is missing, or a cell that cannot be read, with its line.
    """
    table = read_plain_table(path)
    latitude = _needed(table, "latitude", "lat_suggested", "lat", "latitude")
    longitude = _needed(table, "longitude", "lon_suggested", "lon", "longitude", "long")
    columns = _depth_columns(table)
    points, seen, left_out = [], set(), {}
    for row in table.rows:
        line, cells = row
        place = table.place(row, latitude, longitude)
        if not np.all(np.isfinite(place)):
            left_out.setdefault("without coordinates", []).append(line)
            continue
        found = _depth(table, columns, row)
        if isinstance(found, str):
            left_out.setdefault(found, []).append(line)
            continue
        observed, bound, sd, years = found
        point = ThawPoint(
            name=_text(table, cells, "name", "site", "point", "id") or f"line {line}",
            latitude=place[0], longitude=place[1], observed=observed, bound=bound, years=years,
            sd=sd, elevation=table.number(row, table.column("elevation", "elevation_m", "elev_m")),
            source=_text(table, cells, "source", "reference"),
        )  # fmt: skip
        if point.place in seen:
            left_out.setdefault("of a place and years that stand above", []).append(line)
            continue
        seen.add(point.place)
        points.append(point)
    notes = []
    if latitude == "lat_suggested" and table.column("lat", "latitude", "lat_published"):
        notes.append(f"coordinates are those of the columns {latitude} and {longitude}")
    notes += [
        f"{len(lines)} of {len(table.rows)} rows left out: {reason} (line {_lines_text(lines)})"
        for reason, lines in left_out.items()
    ]
    return points, notes


def _lines_text(lines: list[int]) -> str:
    """Up to five lines."""
    return ", ".join(map(str, lines[:5])) + (" …" if len(lines) > 5 else "")


def _text(table: PlainTable, cells: dict[str, str], *names: str) -> str:
    """Text of the first of some columns; empty without one."""
    column = table.column(*names)
    return "" if column is None else cells[column]


def _needed(table: PlainTable, what: str, *names: str) -> str:
    """The first of some columns.

    Raises:
        DataError: the table has none of them.
    """
    column = table.column(*names)
    if column is None:
        mend = f"Name a column {names[1]}; the table has {', '.join(table.columns)}."
        raise DataError([Finding(table.file, what, "header", "the column is missing", mend)])
    return column


def _depth_columns(table: PlainTable) -> _Columns:
    """Columns of the values, their years and their errors.

    Raises:
        DataError: no column of thaw depth.
    """
    named = {name: _VALUE.fullmatch(name) for name in table.columns}
    means = {name: _MEAN.fullmatch(name) for name in table.columns}
    found = next(((n, m) for matches in (named, means) for n, m in matches.items() if m), None)
    if found is None:
        mend = (
            "Name a column thaw_depth_m, thaw_depth_cm or thaw_depth (with a column unit); the "
            f"table has {', '.join(table.columns)}."
        )
        raise table.fault("thaw depth", 0, "the column is missing", mend)
    name, match = found
    span = match.groupdict().get("first"), match.groupdict().get("last")
    years = tuple(range(int(span[0]), int(span[1]) + 1)) if all(span) else ()
    of_year = {
        column: int(year["year"])
        for column in table.columns
        if (year := _OF_YEAR.fullmatch(column)) and int(year["year"]) in years
    }
    errors = {column: _SD.fullmatch(column) for column in table.columns}
    sd = next(((column, m) for column, m in errors.items() if m), None)
    return _Columns(
        name, match["unit"] or "", years, of_year,
        None if sd is None else sd[0], "" if sd is None else sd[1]["unit"] or "",
    )  # fmt: skip


def _depth(
    table: PlainTable, columns: _Columns, row: tuple[int, dict[str, str]]
) -> tuple[float, Bound, float, tuple[int, ...]] | str:
    """Value and bound in m, its standard deviation and years; a reason where there is none.

    Raises:
        DataError: the cell holds no depth.
    """
    line, cells = row
    text, flags = cells[columns.value], _text(table, cells, "flags", "flag", "note")
    years = table.years(row, "years", "year", "period")
    in_flags = _BOUND_IN_FLAGS.search(flags) if is_missing(text) else None
    if in_flags:
        text = "".join(in_flags.groups())
    elif is_missing(text):
        return "without a thaw depth"
    else:
        observed = tuple(
            year for column, year in columns.of_year.items() if not is_missing(cells[column])
        )
        years = observed or columns.years or years
    try:
        number, bound, own = read_value(text)
    except ValueError as error:
        mend = "Write a number, or a bound such as >2.6."
        raise table.fault(columns.value, line, f"{text!r} is no thaw depth", mend) from error
    unit = own or columns.unit or _text(table, cells, "unit", "units")
    factor = factor_to_model(unit, "length") if unit else None
    if not unit:
        mend = "Name the column thaw_depth_m or thaw_depth_cm, or add a column unit."
        raise table.fault(columns.value, line, "the unit is missing", mend)
    if factor is None:
        return f"with a unit that is not understood ({unit!r})"
    if not (np.isfinite(number) and number > 0):
        mend = "Give thaw depths above 0, or leave the cell empty."
        raise table.fault(columns.value, line, f"{text!r} is no depth", mend)
    if number * factor > DEEPEST_THAW:
        message = f"{number * factor:g} m is deeper than any active layer"
        mend = "Give the unit in which the table has it, such as cm."
        raise table.fault(columns.value, line, message, mend)
    sd = table.spread(row, columns.sd) * (
        factor_to_model(columns.sd_unit, "length") if columns.sd_unit else factor
    )
    return number * factor, bound, sd, years
