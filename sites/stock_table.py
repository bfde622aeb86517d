"""Observed soil stocks of vegetation types or points, with the depths they are of."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from temjax.conventions.units import Quantity
from temjax.files.findings import DataError, Finding, nearest
from temjax.parameters.files import parameter_set_names
from temjax.sites.plain_table import (
    PlainTable,
    factor_to_model,
    is_missing,
    read_plain_table,
    read_range,
    read_value,
)

STOCKS: dict[str, tuple[str, Quantity]] = {
    "soc": ("soil_organic_carbon", "carbon stock"),
    "son": ("soil_organic_nitrogen", "nitrogen stock"),
}
DEEPEST = 30.0  # m; what a table gives from there on is in cm
_DEPTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:(?:-|–|to)\s*(\d+(?:\.\d+)?))?\s*(m|cm)?\s*")


@dataclass(frozen=True)
class StockDatum:
    """Observed stock of a vegetation type, or of a point.

    Attributes:
        variable: ``soil_organic_carbon`` or ``soil_organic_nitrogen``.
        value: g m⁻² of the element.
        sd: of the measurement, g m⁻²; NaN where unknown.
        depths: top and bottom, m; None where the table does not say.
        vegetation: parameter set of the type; empty of a point.
        latitude, longitude: degrees; NaN of a type.
        years: of the measurement; none where the table does not say.
        source: of the value.
    """

    variable: str
    value: float
    sd: float
    depths: tuple[float, float] | None
    vegetation: str
    latitude: float
    longitude: float
    years: tuple[int, ...]
    source: str

    @property
    def where(self) -> str:
        """Type, or coordinates of the point."""
        return self.vegetation or f"{self.latitude:g} N {self.longitude:g} E"


def read_stocks(path: Path) -> tuple[list[StockDatum], list[str]]:
    """Read a table of soil stocks.

    Columns, in any order: ``vegetation`` (name of a parameter set) or ``lat`` and ``lon``;
    ``variable`` (SOC or SON), ``value`` (a number, or a range such as 14.4-17.5: its middle, with
    half of it as the error), ``unit``; optional ``sd``, ``depth`` (``0-2 m``), ``years``,
    ``source``.

    Returns:
        The stocks, and what was taken how, as sentences.

    Raises:
        DataError: no table, a column that is missing, or a cell that cannot be read, with its line.
    """
    table = read_plain_table(path)
    needed = ("variable", "value", "unit")
    absent = [name for name in needed if table.column(name) is None]
    by_type = table.column("vegetation", "type", "vegetation_type")
    if not absent and by_type is None and table.column("lat", "latitude") is None:
        absent = ["vegetation (or lat and lon)"]
    if absent:
        mend = (
            "Give a table with the columns vegetation (or lat and lon), variable (SOC or SON), "
            "value, unit and, optionally, sd, depth, years and source; "
            f"it has {', '.join(table.columns)}."
        )
        raise DataError([Finding(str(path), absent[0], "header", "the column is missing", mend)])
    found = [_datum(table, row, by_type) for row in table.rows]
    ranges = sum(is_range for _, is_range in found)
    notes = []
    if ranges:
        notes.append(f"{ranges} stocks are ranges: their middle counts, with half as the error")
    stocks = [datum for datum, _ in found]
    measured = [(one.variable, one.where, one.depths, one.years) for one in stocks]
    again = [n for n, one in enumerate(measured) if one in measured[:n]]
    if again:
        notes.append(
            f"{len(again)} stocks are of a place, depth and years that stand above (first: line "
            f"{table.rows[again[0]][0]}): each counts by itself"
        )
    return stocks, notes


def _datum(
    table: PlainTable, row: tuple[int, dict[str, str]], by_type: str | None
) -> tuple[StockDatum, bool]:
    """Stock of a row, and whether it is given as a range."""
    line, cells = row

    def text(*names: str) -> str:
        column = table.column(*names)
        return "" if column is None else cells[column]

    variable = _variable(table, line, cells["variable"])
    quantity = dict(STOCKS.values())[variable]
    factor = factor_to_model(cells["unit"], quantity)
    if factor is None:
        element = quantity[0].upper()
        mend = f"Write kg {element} m-2, t {element} ha-1 or the like."
        message = f"{cells['unit']!r} is no unit of {variable.replace('_', ' ')}"
        raise table.fault("unit", line, message, mend)
    ends = read_range(cells["value"])
    sd = table.spread(row, table.column("sd", "std", "uncertainty"))
    if ends is not None:
        if np.isfinite(sd):
            mend = "Give the range, whose half is the error, or one value with its sd."
            raise table.fault("value", line, "both a range and an sd are given", mend)
        value, own = (ends[0] + ends[1]) / 2, abs(ends[1] - ends[0]) / 2
    else:
        try:
            value, bound, unit = read_value(cells["value"])
        except ValueError as error:
            mend = "Write a number, or a range such as 14.4-17.5."
            message = f"{cells['value']!r} is no stock"
            raise table.fault("value", line, message, mend) from error
        if bound:
            raise table.fault("value", line, "a bound is no stock", "Give a value or a range.")
        if unit:
            message = f"{cells['value']!r} has a unit of its own"
            raise table.fault("value", line, message, "Write the number alone, and name its unit "
                              "in the column unit.")  # fmt: skip
        own = sd
    if not value > 0:
        raise table.fault("value", line, f"{value:g} is no stock", "Give a value above 0.")
    vegetation = text("vegetation", "type", "vegetation_type") if by_type else ""
    if vegetation and vegetation not in parameter_set_names():
        message = f"{vegetation!r} is no vegetation type"
        raise table.fault(by_type, line, message, nearest(vegetation, parameter_set_names()))
    place = table.place(
        row, table.column("lat", "latitude"), table.column("lon", "longitude", "long")
    )
    if not vegetation and not np.all(np.isfinite(place)):
        mend = "Name the vegetation type, or give lat and lon."
        raise table.fault(by_type or "lat", line, "neither a type nor a point", mend)
    return StockDatum(
        variable=variable, value=value * factor, sd=own * factor,
        depths=_depths(table, line, text("depth", "depth_m", "depth_cm")),
        vegetation=vegetation, latitude=place[0], longitude=place[1],
        years=table.years(row, "years", "year", "period"), source=text("source", "reference"),
    ), ends is not None  # fmt: skip


def _variable(table: PlainTable, line: int, text: str) -> str:
    """Name of a stock in the model."""
    folded = text.strip().casefold().replace(" ", "_")
    names = {name for name, _ in STOCKS.values()}
    if folded in names:
        return folded
    if folded not in STOCKS:
        raise table.fault("variable", line, f"{text!r} is no stock", "Write SOC or SON.")
    return STOCKS[folded][0]


def _depths(table: PlainTable, line: int, text: str) -> tuple[float, float] | None:
    """Top and bottom of a text such as ``0-2 m``; one number is the bottom."""
    if is_missing(text):
        return None
    column = table.column("depth", "depth_m", "depth_cm")
    match = _DEPTH.fullmatch(text)
    if match is None:
        raise table.fault(column, line, f"{text!r} is no depth", "Write 0-2 m or the like.")
    scale = 0.01 if (match[3] or column.removeprefix("depth_")) == "cm" else 1.0
    first, second = float(match[1]), match[2]
    top, bottom = (0.0, first) if second is None else (first, float(second))
    if not top < bottom:
        raise table.fault(column, line, f"{text!r} ends above its top", "Write 0-2 m or the like.")
    if bottom * scale >= DEEPEST:
        raise table.fault(column, line, f"{text!r} is {bottom:g} m deep", "Write 0-30 cm, if cm.")
    return top * scale, bottom * scale
