"""Units as people and files write them, and their conversion to the model's.

A unit is read as a product of powers (``unit_text``) in any of the usual spellings: ``g C m-2
d-1``, ``gC/m2/day``, ``µmol CO2 m⁻² s⁻¹``, ``t C ha^-1``, ``mm per half hour``, ``kg m**-2 s**-1``,
``m of water equivalent``. A month is the calendar's; an amount without a time is a sum over a step,
which the caller knows or refuses.

Molar masses of carbon are those of ONEFlux (its CO2TOC, µmol CO2 m⁻² s⁻¹ to g C m⁻² d⁻¹, is
1.03772448).
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from temjax.conventions.unit_text import Product, parse_product
from temjax.conventions.unit_words import LENGTH, NONE, TEMPERATURES
from temjax.units import SECONDS_PER_DAY

Quantity = Literal[
    "temperature", "water", "energy", "carbon", "nitrogen", "co2", "carbon stock",
    "nitrogen stock", "length", "share",
]  # fmt: skip
Days = np.ndarray | float

CARBON_MASS, CO2_MASS, NITROGEN_MASS = 12.0107, 44.0095, 14.0067  # g mol⁻¹

QUANTITIES: dict[str, Quantity] = {  # of the model's variables
    "air_temperature": "temperature",
    "soil_temperature": "temperature",
    "precipitation": "water",
    "shortwave": "energy",
    "co2": "co2",
    "net_ecosystem_production": "carbon",
    "gross_primary_production": "carbon",
    "ecosystem_respiration": "carbon",
    "net_primary_production": "carbon",
    "potential_gross_primary_production": "carbon",
    "potential_net_primary_production": "carbon",
    "nitrogen_uptake": "nitrogen",
    "vegetation_carbon": "carbon stock",
    "structural_nitrogen": "nitrogen stock",
    "soil_organic_carbon": "carbon stock",
    "soil_organic_nitrogen": "nitrogen stock",
    "available_nitrogen": "nitrogen stock",
    "maximum_thaw_depth": "length",
    "elevation": "length",
    "texture": "share",
}
UNDERSTOOD: dict[Quantity, tuple[str, ...]] = {
    "temperature": ("degC", "K", "degF"),
    "water": (
        "mm month-1", "mm d-1", "mm h-1", "mm (half hour)-1", "m d-1", "kg m-2 d-1", "kg m-2 s-1",
    ),
    "energy": ("W m-2", "MJ m-2 d-1", "J m-2 d-1", "kWh m-2 d-1"),
    "carbon": (
        "g C m-2 month-1", "g C m-2 d-1", "g C m-2 yr-1", "kg C m-2 s-1", "t C ha-1 month-1",
        "umol m-2 s-1", "mmol m-2 d-1", "mol m-2 month-1", "mg CO2 m-2 s-1", "g CO2 m-2 d-1",
    ),
    "nitrogen": ("g N m-2 yr-1", "g N m-2 month-1", "kg N ha-1 yr-1", "mg N m-2 d-1"),
    "co2": ("ppm", "1e-6", "umol mol-1", "mol mol-1"),
    "carbon stock": ("g C m-2", "kg C m-2", "hg C m-2", "Mg C ha-1", "t C ha-1", "mol C m-2"),
    "nitrogen stock": ("g N m-2", "kg N m-2", "kg N ha-1", "t N ha-1", "mol N m-2"),
    "length": ("m", "km"),
    "share": ("percent", "1", "g kg-1"),
}  # fmt: skip
ELEMENTS: dict[Quantity, str] = {
    "carbon": "C",
    "nitrogen": "N",
    "carbon stock": "C",
    "nitrogen stock": "N",
}
SUMS: tuple[Quantity, ...] = ("water", "carbon", "nitrogen")  # over a month
NOUNS: dict[Quantity, str] = {
    "temperature": "a temperature",
    "water": "an amount of water",
    "energy": "a flux of energy",
    "carbon": "a flux of carbon",
    "nitrogen": "a flux of nitrogen",
    "co2": "a mole fraction",
    "carbon stock": "a stock of carbon",
    "nitrogen stock": "a stock of nitrogen",
    "length": "a length",
    "share": "a share",
}


class UnitError(ValueError):
    """Unit that is not understood or is one of another quantity; the message says which."""


@dataclass(frozen=True)
class Unit:
    """Conversion of a unit to the model's.

    Attributes:
        quantity: what it measures.
        scale: factor to °C, mm, J m⁻², g m⁻² of the element, ppmv, m or percent.
        offset: added after the factor, °C.
        per: the unit's time; of seconds to weeks, a day; ``step``: none is given, so the value is
            a sum over a step. Of no meaning for what is no rate.
    """

    quantity: Quantity
    scale: float
    offset: float = 0.0
    per: Literal["day", "month", "year", "step"] = "step"

    @property
    def is_rate(self) -> bool:
        """Whether values are amounts in a time."""
        return self.quantity in (*SUMS, "energy")

    @property
    def lacks_time(self) -> bool:
        """Whether values are sums over a step that the unit does not name."""
        return self.is_rate and self.per == "step"

    def factor(self, *, step: Days = np.nan, month: Days = np.nan, year: Days = np.nan) -> Days:
        """Factor to °C, ppmv, g m⁻² (stocks), m, percent, W m⁻², or rates per day: mm, g m⁻².

        Args:
            step: days of the interval that a value covers.
            month, year: days of the month and the year it lies in.
        """
        if not self.is_rate:
            return self.scale
        days = {"step": step, "day": 1.0, "month": month, "year": year}[self.per]
        return self.scale / (days * (SECONDS_PER_DAY if self.quantity == "energy" else 1.0))

    def monthly_factor(self, month: Days, *, step: Days = np.nan, year: Days = np.nan) -> Days:
        """Factor to values of months as the model has them: amounts are sums.

        Args:
            month, year: days of the month and the year a value lies in.
            step: days of the interval that it covers.
        """
        if self.quantity not in SUMS:
            return self.factor(step=step, month=month, year=year)
        return self.scale if self.per == "month" else self.factor(step=step, year=year) * month

    def daily(self, values: np.ndarray, **days: Days) -> np.ndarray:
        """Values in the unit of ``factor``, whose arguments are ``days``."""
        return values * self.factor(**days) + self.offset

    def monthly(self, daily: np.ndarray, month: Days) -> np.ndarray:
        """Means over months in the unit of ``factor`` as the model has them: sums of the month."""
        return daily * month if self.quantity in SUMS else daily

    def same_as(self, other: "Unit") -> bool:
        """Whether two units, however they are written, are one."""
        scales = math.isclose(self.scale, other.scale) and self.offset == other.offset
        return scales and (self.quantity, self.per) == (other.quantity, other.per)


def parse_unit(text: str, quantity: Quantity, *, any_mass: bool = False) -> Unit:
    """Unit of values that measure a quantity.

    Args:
        text: as written.
        quantity: that is measured.
        any_mass: a mass of no substance is one of the element; of fluxes it is refused otherwise.

    Raises:
        UnitError: not understood, or a unit of another quantity.
    """
    product = parse_product(text)
    found = _temperature(text) or _of_product(product, quantity, any_mass)
    if found is not None and found.quantity == quantity:
        return found
    understood = f"understood: {', '.join(UNDERSTOOD[quantity])}"
    reason = _hint(text, found, quantity)
    if reason:
        raise UnitError(f"unit {text!r}: {reason}; {understood}")
    found = found or next(filter(None, (_of_product(product, other) for other in NOUNS)), None)
    if found is not None:
        raise UnitError(
            f"unit {text!r} is that of {NOUNS[found.quantity]}, not of {NOUNS[quantity]}; "
            f"{understood}"
        )
    raise UnitError(f"unit {text!r} is not understood; {understood}")


def known_unit(text: str, quantity: Quantity, *, any_mass: bool = False) -> Unit | None:
    """``parse_unit``, None in place of an error."""
    try:
        return parse_unit(text, quantity, any_mass=any_mass)
    except UnitError:
        return None


def unit_with_time(text: str, quantity: Quantity, *, any_mass: bool = False) -> Unit | None:
    """``known_unit``, None also where an amount lacks its time: ``mm`` of what step."""
    unit = known_unit(text, quantity, any_mass=any_mass)
    return None if unit is None or unit.lacks_time else unit


def _temperature(text: str) -> Unit | None:
    name = unicodedata.normalize("NFKC", text.replace("º", "")).casefold()
    name = re.sub(r"[\s_°.]", "", name)
    terms = TEMPERATURES.get(name) or TEMPERATURES.get(re.sub(r"^deg(ree)?s?", "", name))
    return None if terms is None else Unit("temperature", *terms)


def _of_product(product: Product | None, quantity: Quantity, any_mass: bool = False) -> Unit | None:
    """Unit of the quantity that a product of powers forms; it may be another one than asked for."""
    if product is None or len(product.substances) > 1:
        return None
    substance = next(iter(product.substances), "")
    if any_mass and not substance:
        substance = ELEMENTS.get(quantity, "")
    length, mass, seconds, moles, months, years = product.powers
    energy = (length, mass, moles) == (0, 1, 0)
    time = (seconds + 2 if energy else seconds, months, years)
    per = {(0, 0, 0): "step", (-1, 0, 0): "day", (0, -1, 0): "month", (0, 0, -1): "year"}.get(time)
    if per is None:
        return None
    scale = product.factor * (int(SECONDS_PER_DAY) if per == "day" else 1)
    if energy:
        return Unit("energy", float(scale), per=per)
    if product.powers == NONE:
        return _ratio(product, substance, quantity)
    if (product.powers, substance, quantity) == (LENGTH, "", "length"):
        return Unit("length", float(scale))
    return _amount((length, mass, moles), scale, substance, per, quantity)


def _ratio(product: Product, substance: str, quantity: Quantity) -> Unit | None:
    """Share, or mole fraction of CO2: ``umol mol-1``, ``umolCO2/mol``."""
    if quantity == "share" and not substance:
        return Unit("share", float(product.factor * 100))
    if product.has_mass or substance not in ("", "CO2"):
        return None
    return Unit("co2", float(product.factor * 10**6))


def _amount(
    powers: tuple[int, ...], amount: Fraction, substance: str, per: str, quantity: Quantity
) -> Unit | None:
    """Water, carbon or nitrogen of these powers of m, kg and mol."""
    if substance in ("", "H2O"):
        water = {(1, 0, 0): 1000, (-2, 1, 0): 1}.get(powers)  # m to mm; 1 kg m⁻² is 1 mm
        if water is not None:
            return Unit("water", float(amount * water), per=per)
    if powers not in ((-2, 1, 0), (-2, 0, 1)) or substance == "H2O":
        return None
    moles = powers == (-2, 0, 1)
    scale = float(amount if moles else amount * 1000)  # kg to g
    if substance == "N" or (moles and not substance and quantity.startswith("nitrogen")):
        scale *= NITROGEN_MASS if moles else 1.0
        if per == "step" and quantity != "nitrogen":
            return Unit("nitrogen stock", scale)
        return Unit("nitrogen", scale, per=per)
    if moles:
        scale *= CARBON_MASS
    elif substance == "CO2":
        scale *= CARBON_MASS / CO2_MASS
    if quantity == "carbon stock" and per == "step":
        return Unit("carbon stock", scale)
    return Unit("carbon", scale, per=per)


def _hint(text: str, found: Unit | None, quantity: Quantity) -> str:
    """Reason for two units that people mistake; empty for others."""
    if found is None:
        return ""
    if quantity == "energy" and "mol" in text.casefold():
        return (
            "a flux of photons (PAR), not the energy of all shortwave radiation; give the "
            "pyranometer's column, or convert it yourself"
        )
    if quantity == "carbon" and found.quantity == "water" and "g" in text.casefold():
        return "it does not say of what: write g C or g CO2"
    return ""
