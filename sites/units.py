"""Units as people write them, read by their parts, and conversion to the model's units.

A unit is a product of symbols with exponents: ``kg C m-2``, ``kgC/m2``, ``t C ha^-1``,
``µmol m⁻² s⁻¹``. What a symbol stands for is a table here; UDUNITS knows no ``g C`` and no
``month``, and a month of a climatology has the days of its calendar month.
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from temjax.forcing import MONTH_DAYS
from temjax.units import DAYS_PER_YEAR, SECONDS_PER_DAY, ZERO_CELSIUS

CARBON_MASS = 12.011  # g mol⁻¹
CARBON_DIOXIDE_MASS = 44.009  # g mol⁻¹
NITROGEN_MASS = 14.007  # g mol⁻¹

# symbol -> factor and dimensions; basic: g, mol, m, d, month, J
_SYMBOLS: dict[str, tuple[float, dict[str, int]]] = {
    **{name: (1.0, {"g": 1}) for name in ("g", "gram", "grams", "gm")},
    **{name: (1e3, {"g": 1}) for name in ("kg", "kilogram", "kilograms")},
    "hg": (1e2, {"g": 1}),
    "dag": (10.0, {"g": 1}),
    "mg": (1e-3, {"g": 1}),
    **{name: (1e-6, {"g": 1}) for name in ("ug", "microgram", "micrograms")},
    **{name: (1e6, {"g": 1}) for name in ("Mg", "t", "ton", "tons", "tonne", "tonnes")},
    "Gg": (1e9, {"g": 1}),
    "Tg": (1e12, {"g": 1}),
    "mol": (1.0, {"mol": 1}),
    "mmol": (1e-3, {"mol": 1}),
    **{name: (1e-6, {"mol": 1}) for name in ("umol", "micromol")},
    **{name: (1.0, {"m": 1}) for name in ("m", "meter", "metre", "meters", "metres")},
    "mm": (1e-3, {"m": 1}),
    "cm": (1e-2, {"m": 1}),
    "dm": (1e-1, {"m": 1}),
    "km": (1e3, {"m": 1}),
    **{name: (1e4, {"m": 2}) for name in ("ha", "hectare", "hectares")},
    **{name: (1 / SECONDS_PER_DAY, {"d": 1}) for name in ("s", "sec", "second", "seconds")},
    **{name: (1 / 24, {"d": 1}) for name in ("h", "hr", "hour", "hours")},
    **{name: (1.0, {"d": 1}) for name in ("d", "day", "days")},
    **{name: (1.0, {"month": 1}) for name in ("month", "months", "mon", "mth", "mo")},
    **{name: (DAYS_PER_YEAR, {"d": 1}) for name in ("yr", "y", "a", "year", "years", "annum")},
    **{name: (SECONDS_PER_DAY, {"J": 1, "d": -1}) for name in ("W", "watt", "watts")},
    "J": (1.0, {"J": 1}),
    "kJ": (1e3, {"J": 1}),
    "MJ": (1e6, {"J": 1}),
    "cal": (4.184, {"J": 1}),
    **{name: (1.0, {"C": 1}) for name in ("C", "carbon")},
    **{name: (1.0, {"N": 1}) for name in ("N", "nitrogen")},
    "CO2": (1.0, {"CO2": 1}),
}
_TEMPERATURE = {
    **{
        name: (1.0, 0.0)
        for name in (
            "degc", "c", "celsius", "degreecelsius", "degreescelsius", "degreec", "degreesc",
            "degcelsius", "celsiusdegrees",
        )
    },
    **{name: (1.0, -ZERO_CELSIUS) for name in ("k", "kelvin", "degk", "degreesk", "degreekelvin")},
    **{name: (1 / 1.8, -32 / 1.8) for name in ("degf", "f", "fahrenheit", "degreesfahrenheit")},
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−–", "0123456789-+--")
_PART = re.compile(r"(/)|([A-Za-z]+2?(?![A-Za-z]))\s*(?:\^|\*\*)?\s*\{?([-+]?\d+)?\}?")
# a mass and its element, or W and m, in one word
_JOINED = re.compile(
    r"(?<![A-Za-z])(g|kg|hg|mg|ug|Gg|Tg|t|umol|mmol|mol|W)(CO2|C|N|m)(?![A-Za-z])", re.IGNORECASE
)

# what a unit may measure -> examples
UNDERSTOOD = {
    "C": "g C m-2, kg C m-2, hg C m-2, Mg C ha-1, t C ha-1, mol C m-2",
    "N": "g N m-2, kg N m-2, kg N ha-1, t N ha-1, mol N m-2",
    "temperature": "degC, K, degF",
    "water": "mm month-1, mm d-1, mm yr-1, cm month-1, kg m-2 s-1",
    "radiation": "W m-2, MJ m-2 d-1, J m-2 d-1, MJ m-2 month-1, cal cm-2 d-1",
    "carbon flux": "g C m-2 month-1, g C m-2 d-1, kg C m-2 s-1, t C ha-1 yr-1, umol m-2 s-1",
    "annual carbon flux": "g C m-2 yr-1, kg C m-2 yr-1, t C ha-1 yr-1, g C m-2 d-1",
}
_ELEMENTS = {"C": CARBON_MASS, "N": NITROGEN_MASS, "CO2": CARBON_DIOXIDE_MASS}


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


def conversion(unit: str, quantity: str) -> Conversion | None:
    """Conversion of a unit to that of the model; None where it does not measure the quantity.

    Args:
        unit: as written.
        quantity: a key of ``UNDERSTOOD``: stocks ``C`` and ``N`` become g m⁻², ``temperature`` °C,
            ``water`` mm month⁻¹, ``radiation`` W m⁻², ``carbon flux`` g m⁻² month⁻¹ and ``annual
            carbon flux`` g m⁻² yr⁻¹.
    """
    if quantity == "temperature":
        name = unicodedata.normalize("NFKC", unit.replace("º", "")).casefold()
        name = re.sub(r"[\s_°]", "", name)
        scale = _TEMPERATURE.get(name)
        return None if scale is None else Conversion(*scale)
    parts = _parse(unit)
    if parts is None:
        return None
    factor, dimensions = parts
    if quantity in ("C", "N"):
        mass = _mass(factor, dimensions, quantity)
        return None if mass is None or dimensions != {"m": -2} else Conversion(mass)
    if quantity == "radiation":
        return _per_area(factor, dimensions, {"J": 1, "m": -2}, per="d", scale=1 / SECONDS_PER_DAY)
    if quantity == "water":
        if dimensions.pop("g", 0) == 1:  # 1 kg m⁻² is 1 mm
            factor, dimensions["m"] = factor * 1e-6, dimensions.get("m", 0) + 3
        if dimensions == {"m": 1}:  # the sum of the month
            return Conversion(factor * 1000)
        return _per_area(factor, dimensions, {"m": 1}, per="month", scale=1000.0)
    mass = _mass(factor, dimensions, "C")
    if mass is None:
        return None
    if quantity == "annual carbon flux":
        return Conversion(mass * DAYS_PER_YEAR) if dimensions == {"m": -2, "d": -1} else None
    return _per_area(mass, dimensions, {"m": -2}, per="month", scale=1.0)


def _parse(unit: str) -> tuple[float, dict[str, int]] | None:
    """Factor and dimensions of a product of symbols; None with one that is not known."""
    text = unit.translate(_SUPERSCRIPTS).replace("µ", "u").replace("μ", "u").replace("₂", "2")
    text = re.sub(r"\bper\b", "/", text)
    text = re.sub(r"[·⋅×.()\[\]]", " ", text)
    text = _JOINED.sub(r"\1 \2", text)
    text = re.sub(r"(?<=\w)\*(?!\*)", " ", text)
    factor, dimensions, sign, end = 1.0, {}, 1, 0
    for match in _PART.finditer(text):
        if text[end : match.start()].strip():
            return None
        end = match.end()
        if match[1]:
            sign = -1
            continue
        name, exponent = match[2], match[3]
        if name.upper() != "CO2" and name.endswith("2"):  # m2, cm2: the exponent
            name, exponent = name[:-1], exponent or "2"
        symbol = _SYMBOLS.get(name) or _SYMBOLS.get(name.lower()) or _SYMBOLS.get(name.upper())
        if symbol is None:
            return None
        power = sign * int(exponent or 1)
        size, symbols = symbol
        factor *= size**power
        for base, count in symbols.items():
            dimensions[base] = dimensions.get(base, 0) + power * count
    if text[end:].strip() or not dimensions:
        return None
    return factor, {name: power for name, power in dimensions.items() if power}


def _mass(factor: float, dimensions: dict[str, int], element: str) -> float | None:
    """Factor in g of an element; takes the mass out of ``dimensions``. None for another thing."""
    said = [name for name in _ELEMENTS if name in dimensions]
    if len(said) > 1 or any(dimensions.pop(name) != 1 for name in said):
        return None
    substance = said[0] if said else element
    if substance != element and not (substance == "CO2" and element == "C"):
        return None
    if dimensions.pop("mol", 0) == 1:  # a mole of CO2 holds a mole of carbon
        return None if "g" in dimensions else factor * _ELEMENTS[element]
    if dimensions.pop("g", 0) != 1:
        return None
    return factor * (_ELEMENTS[element] / _ELEMENTS["CO2"] if substance == "CO2" else 1.0)


def _per_area(
    factor: float, dimensions: dict[str, int], target: dict[str, int], *, per: str, scale: float
) -> Conversion | None:
    """Conversion of a rate per day or month to one per ``per``."""
    days = np.asarray(MONTH_DAYS, dtype=float)
    times = {name: dimensions.pop(name, 0) for name in ("d", "month")}
    if dimensions != target or sorted(times.values()) != [-1, 0]:
        return None
    given = "d" if times["d"] else "month"
    if given == per:
        return Conversion(factor * scale)
    return Conversion(factor * scale * (days if per == "month" else 1 / days))
