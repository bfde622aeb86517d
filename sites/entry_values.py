"""Values of a site file in the model's units, and what is wrong with them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from temjax.files.findings import Finding, finding_of_mask
from temjax.outputs import FORCING_VARIABLES
from temjax.runs.validation import check_climate
from temjax.sites.observations import LARGEST_FLUX, OBSERVED, Stock
from temjax.sites.units import UNDERSTOOD, conversion

CLIMATE = ("air_temperature", "precipitation", "shortwave")
UNITS = {
    **{name: FORCING_VARIABLES[name].unit for name in CLIMATE},
    **{name: unit for name, (unit, _) in OBSERVED.items()},
}
FLUXES = tuple(name for name in OBSERVED if name != "soil_temperature")
# variable -> what its unit measures, of monthly means, of single values and of stocks
MONTHLY = {
    "air_temperature": "temperature",
    "soil_temperature": "temperature",
    "precipitation": "water",
    "shortwave": "radiation",
    **dict.fromkeys(FLUXES, "carbon flux"),
}
STOCK_ELEMENTS = {"soil_organic_carbon": "C", "soil_organic_nitrogen": "N"}
SINGLE = {
    **dict.fromkeys(FLUXES, "annual carbon flux"),
    "soil_temperature": "temperature",
    **STOCK_ELEMENTS,
}
SINGLE_UNITS = {"annual carbon flux": "g C m-2 yr-1", "temperature": "degC"}
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


def stock_unit(element: str) -> str:
    """The model's unit of a stock."""
    return f"g {element} m-2"


def stock_in_model_unit(name: str, stock: Stock) -> Stock:
    """Stock in g m⁻²; as it is where its unit is not understood."""
    element = STOCK_ELEMENTS[name]
    scale = conversion(stock.unit, element)
    if scale is None:
        return stock
    value, sd = float(scale.apply(stock.value)), float(scale.apply_sd(stock.sd))
    return replace(stock, value=value, sd=sd, unit=stock_unit(element))


def monthly_in_model_unit(name: str, table: Monthly) -> dict:
    """Fields of a mean year that change with the model's unit; none if it is not understood."""
    scale = conversion(table.unit, MONTHLY[name]) if name in MONTHLY else None
    if scale is None:
        return {}
    sd = None if table.sd is None else scale.apply_sd(table.sd).tolist()
    return {"unit": UNITS[name], "mean": scale.apply(table.mean).tolist(), "sd": sd}


def single_in_model_unit(row: Single) -> dict:
    """Fields of a single value that change with the model's unit; none if not understood."""
    quantity = SINGLE.get(row.variable)
    scale = conversion(row.unit, quantity) if quantity else None
    if quantity is None or scale is None:
        return {}
    unit = SINGLE_UNITS.get(quantity) or stock_unit(quantity)
    return {"unit": unit, "value": float(scale.apply(row.value))}


def check_stocks(stocks: Mapping[str, Stock], *, file: str) -> list[Finding]:
    """Unit, value and standard deviation of stocks, after conversion."""
    findings = []
    for name, stock in stocks.items():
        element, key = STOCK_ELEMENTS[name], f"stocks.{name}"
        if conversion(stock.unit, element) is None:
            findings.append(_unit_finding(file, f"{key}.unit", stock.unit, name, element))
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
        if not bad and stock.unit == stock_unit(element):
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
        if conversion(table.unit, MONTHLY[name]) is None:
            key = f"climatology.{name}.unit"
            findings.append(_unit_finding(file, key, table.unit, name, MONTHLY[name]))
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
        _unit_finding(file, f"{key}[{i}].unit", row.unit, row.variable, SINGLE[row.variable])
        for i, row in enumerate(rows, start=1)
        if row.variable in SINGLE and conversion(row.unit, SINGLE[row.variable]) is None
    ]


def _unit_finding(file: str, key: str, unit: str, name: str, quantity: str) -> Finding:
    """Finding of a unit that does not measure a quantity."""
    message = f"unit {unit!r} is not understood for {name.replace('_', ' ')}"
    return Finding(file, key, "", message, f"Give one of: {UNDERSTOOD[quantity]}.")
