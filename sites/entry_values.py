"""Values of a site file in the model's units, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from temjax.conventions.units import QUANTITIES, UNDERSTOOD, known_unit
from temjax.files.findings import Finding, finding_of_mask
from temjax.forcing import MONTH_DAYS
from temjax.outputs import FORCING_VARIABLES
from temjax.runs.validation import check_climate
from temjax.sites.observations import LARGEST_FLUX, OBSERVED, Stock
from temjax.units import DAYS_PER_YEAR

CLIMATE = ("air_temperature", "precipitation", "shortwave")
UNITS = {
    **{name: FORCING_VARIABLES[name].unit for name in CLIMATE},
    **{name: unit for name, (unit, _) in OBSERVED.items()},
}
FLUXES = tuple(name for name in OBSERVED if name != "soil_temperature")
STOCK_ELEMENTS = {"soil_organic_carbon": "C", "soil_organic_nitrogen": "N"}
SINGLE_UNITS = {
    **dict.fromkeys(FLUXES, "g C m-2 yr-1"),
    "soil_temperature": "degC",
    **{name: f"g {element} m-2" for name, element in STOCK_ELEMENTS.items()},
}
ANNUAL = ("g C m-2 yr-1", "kg C m-2 yr-1", "t C ha-1 yr-1", "g C m-2 d-1")  # of single fluxes
MONTHS, YEAR = np.asarray(MONTH_DAYS, dtype=float), float(DAYS_PER_YEAR)  # of a mean year
# g m⁻², over whatever depth; assumed: from the sand of a desert to more than peat of 5 m holds
# (some 300 kg C m⁻²), and nitrogen for C:N of 5 to 10
PLAUSIBLE = {"C": (50.0, 400e3), "N": (10.0, 40e3)}
# of a stock's standard deviation over its value; beyond, the two have different units
RELATIVE_SD = (1e-3, 10.0)


class Monthly(Protocol):
    """``[climatology.<variable>]``."""

    unit: str
    mean: list[float]
    sd: list[float] | None


class Single(Protocol):
    """``[[annual]]`` or ``[[published]]``."""

    variable: str
    unit: str
    value: float


@dataclass(frozen=True)
class Conversion:
    """Linear map of a unit to the model's: ``factor * value + offset``.

    Attributes:
        factor: a number, or one per month, ``(12,)``, where the days of the month matter.
    """

    factor: np.ndarray | float
    offset: float = 0.0

    def apply(self, values: np.ndarray | list[float] | float) -> np.ndarray:
        """Values in the model's unit."""
        return np.asarray(values, dtype=float) * self.factor + self.offset

    def apply_sd(self, values: np.ndarray | list[float] | float) -> np.ndarray:
        """Standard deviations in the model's unit: no offset."""
        return np.asarray(values, dtype=float) * self.factor


def monthly_conversion(text: str, name: str) -> Conversion | None:
    """Conversion of a mean year of a variable; None where the unit does not measure it.

    A month has the days of its calendar month; water without a time is the sum of the month.
    """
    unit = known_unit(text, QUANTITIES[name], any_mass=True)
    if unit is None or (unit.lacks_time and unit.quantity != "water"):
        return None
    return Conversion(unit.monthly_factor(MONTHS, step=MONTHS, year=YEAR), unit.offset)


def single_conversion(text: str, name: str) -> Conversion | None:
    """Conversion of a single value: of a stock, of a temperature, of a flux per year."""
    unit = known_unit(text, QUANTITIES[name], any_mass=True)
    if unit is None or not unit.is_rate:
        return None if unit is None else Conversion(unit.scale, unit.offset)
    if unit.per in ("step", "month"):
        return None
    return Conversion(unit.factor(year=YEAR) * YEAR)


def stock_in_model_unit(name: str, stock: Stock) -> Stock:
    """Stock in g m⁻²; as it is where its unit is not understood."""
    scale = single_conversion(stock.unit, name)
    if scale is None:
        return stock
    value, sd = float(scale.apply(stock.value)), float(scale.apply_sd(stock.sd))
    return replace(stock, value=value, sd=sd, unit=SINGLE_UNITS[name])


def monthly_in_model_unit(name: str, table: Monthly) -> dict:
    """Fields of a mean year that change with the model's unit; none if it is not understood."""
    scale = monthly_conversion(table.unit, name) if name in UNITS else None
    if scale is None:
        return {}
    sd = None if table.sd is None else scale.apply_sd(table.sd).tolist()
    return {"unit": UNITS[name], "mean": scale.apply(table.mean).tolist(), "sd": sd}


def single_in_model_unit(row: Single) -> dict:
    """Fields of a single value that change with the model's unit; none if not understood."""
    known = row.variable in SINGLE_UNITS
    scale = single_conversion(row.unit, row.variable) if known else None
    if scale is None:
        return {}
    return {"unit": SINGLE_UNITS[row.variable], "value": float(scale.apply(row.value))}


def check_stocks(table: str, stocks: Mapping[str, Stock], *, file: str) -> list[Finding]:
    """Unit, value and standard deviation of the stocks of a table, after conversion."""
    findings = []
    for name, stock in stocks.items():
        element, key = STOCK_ELEMENTS[name], f"{table}.{name}"
        if single_conversion(stock.unit, name) is None:
            findings.append(_unit_finding(file, f"{key}.unit", stock.unit, name))
        bad = {
            part: number
            for part, number in (("value", stock.value), ("sd", stock.sd))
            if not (np.isfinite(number) and number > 0)
        }
        mends = {
            "value": "Give the stock, or remove the table where it is not known.",
            "sd": "Give the standard deviation, by which a fit divides; a wide one is 40 % of the "
            "value.",
        }
        for part, number in bad.items():
            message = f"{part} {number:g} {stock.unit} is not a positive number"
            findings.append(Finding(file, f"{key}.{part}", "", message, mends[part]))
        if not bad and stock.unit == SINGLE_UNITS[name]:
            findings += _plausible(key, stock, element, file)
    return findings


def _plausible(key: str, stock: Stock, element: str, file: str) -> list[Finding]:
    """Findings of a stock, or its error, that no soil has: the unit is another one."""
    low, high = PLAUSIBLE[element]
    value, unit = stock.value, stock.unit
    if not low <= value <= high:
        bound, limit = ("less", low) if value < low else ("more", high)
        mend = "Check value and unit."
        if value < low and low <= value * 1000 <= high:
            mend = f'This looks like kg: write unit = "kg {element} m-2".'
        elif value > high and low <= value / 1000 <= high:
            mend = f'This looks like g: write unit = "{unit}".'
        message = f"{value:g} {unit} is {bound} than {limit:g} {unit}, which no soil has"
        return [Finding(file, f"{key}.value", "", message, mend)]
    ratio = stock.sd / value
    if not RELATIVE_SD[0] <= ratio <= RELATIVE_SD[1]:
        message = f"sd {stock.sd:g} beside the value {value:g} {unit}"
        mend = "Give both in the same unit."
        return [Finding(file, f"{key}.sd", "", message, mend)]
    return []


def check_climatology(
    tables: Mapping[str, Monthly], latitude: float, *, file: str
) -> list[Finding]:
    """Units and values of mean years, after conversion."""
    findings, climate = [], {}

    def month(at: tuple[int, ...]) -> str:
        return f"month {at[-1] + 1}"

    for name, table in tables.items():
        if name not in UNITS:
            continue  # refused with the form of the file
        if monthly_conversion(table.unit, name) is None:
            key = f"climatology.{name}.unit"
            findings.append(_unit_finding(file, key, table.unit, name))
            continue
        values = np.asarray([table.mean])
        if name in FLUXES:
            limit = LARGEST_FLUX * 31
            findings += finding_of_mask(
                np.abs(values) > limit, values, file, name, month,
                lambda value: f"{value:g} {UNITS['gross_primary_production']} is beyond any flux",
                "Check the unit, and missing-value codes.",
            )  # fmt: skip
        else:
            climate[name] = values
        if table.sd is not None:
            sd = np.asarray([table.sd])
            findings += finding_of_mask(
                sd < 0, sd, file, f"climatology.{name}.sd", month,
                lambda value: f"negative standard deviation {value:g}",
                "Give the standard deviation between years, or leave the key out.",
            )  # fmt: skip
    if climate:
        findings += check_climate(climate, latitude=latitude, file=file, index_text=month)
    return findings


def check_single_values(key: str, rows: list, *, file: str) -> list[Finding]:
    """Units of ``[[annual]]`` or ``[[published]]`` values, after conversion."""
    return [
        _unit_finding(file, f"{key}[{i}].unit", row.unit, row.variable, ANNUAL)
        for i, row in enumerate(rows, start=1)
        if row.variable in SINGLE_UNITS and single_conversion(row.unit, row.variable) is None
    ]


def _unit_finding(
    file: str, key: str, unit: str, name: str, of_rates: tuple[str, ...] = ()
) -> Finding:
    """Finding of a unit that does not measure a variable."""
    message = f"unit {unit!r} is not understood for {name.replace('_', ' ')}"
    examples = of_rates if of_rates and name in FLUXES else UNDERSTOOD[QUANTITIES[name]]
    return Finding(file, key, "", message, f"Give one of: {', '.join(examples)}.")
