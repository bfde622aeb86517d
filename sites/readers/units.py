"""Units of tower data, however they are spelt, and their conversion to the model's.

A table and not a units library: a tower's file has five quantities, and a unit that means two
things (``mm`` without a time, ``g m-2 d-1`` of carbon or of carbon dioxide) must be refused.
"""

import re
from dataclasses import dataclass

import numpy as np

from temjax.sites.readers.record import days_of_months
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

CARBON_MOLAR_MASS = 12.0107  # g mol⁻¹, that of ONEFlux (its CO2TOC is 1.03772448)
CARBON_OF_DIOXIDE = CARBON_MOLAR_MASS / 44.0095
HOURS_PER_DAY = 24.0
CARBON_FLUXES = (
    "net_ecosystem_production", "gross_primary_production", "ecosystem_respiration",
)  # fmt: skip

_SUPERSCRIPTS = str.maketrans("⁻−⁰¹²³⁴⁵⁶⁷⁸⁹µμ", "--0123456789uu")
_WORDS = {
    "day": "d", "days": "d", "sec": "s", "second": "s", "seconds": "s", "hour": "h", "hours": "h",
    "hr": "h", "mon": "month", "months": "month", "kelvin": "k", "degk": "k", "celsius": "degc",
    "c": "degc", "°c": "degc", "ppmv": "ppm", "watt": "w", "watts": "w",
}  # fmt: skip


@dataclass(frozen=True)
class Conversion:
    """Conversion to the model's unit.

    Attributes:
        factor: of the value; gives a daily mean where ``daily``.
        offset: added after the factor.
        daily: whether the model's unit is the sum over the month of that daily mean.
    """

    factor: float = 1.0
    offset: float = 0.0
    daily: bool = False

    def convert(self, means: np.ndarray, years: np.ndarray) -> np.ndarray:
        """Monthly means ``(year, 12)`` in the model's unit."""
        days = days_of_months(years) if self.daily else 1.0
        return (means * self.factor + self.offset) * days


def canonical_unit(text: str) -> str:
    """Unit with one spelling: ``umolCO2/m2/s`` and ``µmol m⁻² s⁻¹`` as ``m-2 s-1 umol``."""
    text = text.strip().translate(_SUPERSCRIPTS).lower()
    text = text.replace("degrees", "deg").replace("degree", "deg")
    text = re.sub(r"deg[\s_]*(?:c|celsius)\b", "degc", text).replace("**", "").replace("^", "")
    text = re.sub(r"mol[\s_]*co2", "mol", text)
    text = re.sub(r"g[\s_]*co2", "gdioxide", text)
    text = re.sub(r"(?<!de)g[\s_]*c(?![a-z0-9])", "gcarbon", text)
    text = re.sub(r"\bper\b", "/", re.sub(r"[·*.]", " ", text))
    numerator, *denominators = text.split("/")
    tokens = [_token(word, 1) for word in numerator.split()]
    tokens += [_token(word, -1) for part in denominators for word in part.split()]
    return " ".join(sorted(tokens))


def _token(word: str, sign: int) -> str:
    """One factor of a unit: its name with its exponent, 1 not written."""
    match = re.fullmatch(r"([^\d-]+)(-?\d+)?", word)
    if match is None:
        return word
    name = _WORDS.get(match[1], match[1])
    exponent = sign * int(match[2] or 1)
    return name if exponent == 1 else f"{name}{exponent}"


def _table(*rows: tuple[str, Conversion]) -> dict[str, Conversion]:
    return {canonical_unit(unit): conversion for unit, conversion in rows}


_TEMPERATURE = _table(("degC", Conversion()), ("K", Conversion(offset=-ZERO_CELSIUS)))
_CARBON = _table(
    ("umol m-2 s-1", Conversion(CARBON_MOLAR_MASS * 1e-6 * SECONDS_PER_DAY, daily=True)),
    ("mol m-2 s-1", Conversion(CARBON_MOLAR_MASS * SECONDS_PER_DAY, daily=True)),
    ("gC m-2 d-1", Conversion(daily=True)),
    ("mgC m-2 d-1", Conversion(1e-3, daily=True)),
    ("gC m-2 s-1", Conversion(SECONDS_PER_DAY, daily=True)),
    ("mgC m-2 s-1", Conversion(1e-3 * SECONDS_PER_DAY, daily=True)),
    ("kgC m-2 s-1", Conversion(1e3 * SECONDS_PER_DAY, daily=True)),
    ("gCO2 m-2 d-1", Conversion(CARBON_OF_DIOXIDE, daily=True)),
    ("mgCO2 m-2 s-1", Conversion(1e-3 * CARBON_OF_DIOXIDE * SECONDS_PER_DAY, daily=True)),
    ("gC m-2 month-1", Conversion()),
)
_UNITS = {
    "air_temperature": _TEMPERATURE,
    "soil_temperature": _TEMPERATURE,
    "precipitation": _table(
        ("kg m-2 s-1", Conversion(SECONDS_PER_DAY, daily=True)),
        ("mm s-1", Conversion(SECONDS_PER_DAY, daily=True)),
        ("mm h-1", Conversion(HOURS_PER_DAY, daily=True)),
        ("kg m-2 h-1", Conversion(HOURS_PER_DAY, daily=True)),
        ("mm d-1", Conversion(daily=True)),
        ("kg m-2 d-1", Conversion(daily=True)),
        ("mm month-1", Conversion()),
        ("kg m-2 month-1", Conversion()),
    ),
    "shortwave": _table(
        ("W m-2", Conversion()),
        ("J m-2 s-1", Conversion()),
        ("MJ m-2 d-1", Conversion(1e6 / SECONDS_PER_DAY)),
    ),
    "co2": _table(
        ("ppm", Conversion()),
        ("umol mol-1", Conversion()),
        ("mol mol-1", Conversion(1e6)),
        ("1e-6", Conversion()),
    ),
    **dict.fromkeys(CARBON_FLUXES, _CARBON),
}
_EXAMPLES = {
    "air_temperature": "K or degC",
    "soil_temperature": "K or degC",
    "precipitation": "kg m-2 s-1, mm d-1 or mm month-1",
    "shortwave": "W m-2",
    "co2": "ppm",
    **dict.fromkeys(CARBON_FLUXES, "umol m-2 s-1, gC m-2 d-1 or gC m-2 month-1"),
}


def conversion(variable: str, unit: str) -> Conversion | None:
    """Conversion of a variable's unit; None where the unit is not one of its quantity."""
    return _UNITS[variable].get(canonical_unit(unit))


def unit_examples(variable: str) -> str:
    """Units that are understood, for a finding's mend."""
    return _EXAMPLES[variable]
