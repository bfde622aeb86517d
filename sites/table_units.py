"""Units of a user's table, and their conversion to the model's.

A unit is read as amounts, areas and times in any of the usual spellings: ``g C m-2 d-1``,
``gC/m2/day``, ``µmol CO2 m⁻² s⁻¹``, ``mm per half hour``. A unit without a time is a sum over the
step of the table: ``mm`` in a daily table is mm a day. A table of names would need every
spelling; UDUNITS knows neither ``g C`` nor months of their own length.

Molar masses are those of ONEFlux (its CO2TOC, µmol CO2 m⁻² s⁻¹ to g C m⁻² d⁻¹, is 1.03772448).
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

Quantity = Literal["temperature", "water", "energy", "carbon", "co2"]

CARBON_MASS, CO2_MASS = 12.0107, 44.0095  # g mol⁻¹
MINUTES_PER_DAY = 24 * 60.0
ABSOLUTE_ZERO_FAHRENHEIT = 459.67  # °F below zero

UNDERSTOOD: dict[Quantity, tuple[str, ...]] = {
    "temperature": ("degC", "K", "degF"),
    "water": (
        "mm month-1", "mm d-1", "mm h-1", "mm (half hour)-1", "mm (a sum over the step)", "m d-1",
        "kg m-2 d-1", "kg m-2 s-1",
    ),
    "energy": ("W m-2", "MJ m-2 d-1", "J m-2 d-1", "kWh m-2 d-1"),
    "carbon": (
        "g C m-2 month-1", "g C m-2 d-1", "g C m-2 yr-1", "kg C m-2 s-1", "t C ha-1 month-1",
        "umol m-2 s-1", "mmol m-2 d-1", "mol m-2 month-1", "mg CO2 m-2 s-1", "g CO2 m-2 d-1",
    ),
    "co2": ("ppm", "umol mol-1", "mol mol-1"),
}  # fmt: skip
NOUNS: dict[Quantity, str] = {
    "temperature": "a temperature",
    "water": "an amount of water",
    "energy": "a flux of energy",
    "carbon": "a flux of carbon",
    "co2": "a mole fraction",
}

# Word -> dimension and scale in g, mol, m, J and days. Metric prefixes need their own case.
_WORDS = {
    **{p + "g": ("mass", s) for p, s in {"": 1, "k": 1e3, "m": 1e-3, "u": 1e-6, "M": 1e6}.items()},
    **{
        p + "mol": ("mole", s)
        for p, s in {"": 1, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "micro": 1e-6}.items()
    },
    **{p + "m": ("length", s) for p, s in {"": 1, "m": 1e-3, "c": 1e-2, "k": 1e3}.items()},
    **{p + "J": ("energy", s) for p, s in {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}.items()},
    **{p + "Wh": ("energy", s * 3600) for p, s in {"": 1, "k": 1e3, "M": 1e6}.items()},
    **dict.fromkeys(("t", "tonne", "tonnes"), ("mass", 1e6)),
    **dict.fromkeys(("in", "inch", "inches"), ("length", 0.0254)),
    **dict.fromkeys(("cal", "calorie", "calories"), ("energy", 4.184)),
    "moles": ("mole", 1.0),
    "micromoles": ("mole", 1e-6),
    "umoles": ("mole", 1e-6),
    **dict.fromkeys(("ha", "hectare"), ("area", 1e4)),
    **dict.fromkeys(("l", "litre", "liter", "litres", "liters"), ("volume", 1e-3)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("time", 1 / SECONDS_PER_DAY)),
    **dict.fromkeys(("min", "minute", "minutes"), ("time", 1 / MINUTES_PER_DAY)),
    **dict.fromkeys(("halfhour", "hh", "30min"), ("time", 1 / 48)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), ("time", 1 / 24)),
    **dict.fromkeys(("d", "day", "days"), ("time", 1.0)),
    **dict.fromkeys(("wk", "week", "weeks"), ("time", 7.0)),
    **dict.fromkeys(("month", "months", "mon", "mo", "mth"), ("time", "month")),
    **dict.fromkeys(("yr", "year", "years", "y", "a", "annum"), ("time", "year")),
    **{p + "W": ("power", s) for p, s in {"": 1, "m": 1e-3, "k": 1e3}.items()},
}
_FOLDED = {word.casefold(): meaning for word, meaning in reversed(_WORDS.items())}
_SUBSTANCES = {"c": "C", "carbon": "C", "co2": "CO2", "co2-c": "C", "c-co2": "C", "h2o": "H2O",
               "water": "H2O"}  # fmt: skip
_TEMPERATURES = {
    **dict.fromkeys(
        ("degc", "c", "celsius", "deg c", "degree c", "degrees c", "degree celsius",
         "degrees celsius", "degree_celsius", "degrees_celsius", "deg_c", "degree_c"),
        (1.0, 0.0),
    ),
    **dict.fromkeys(("k", "kelvin", "degk", "deg k", "degrees kelvin"), (1.0, -ZERO_CELSIUS)),
    **dict.fromkeys(
        ("f", "degf", "deg f", "fahrenheit", "degrees fahrenheit", "degree fahrenheit"),
        (5 / 9, ABSOLUTE_ZERO_FAHRENHEIT * 5 / 9 - ZERO_CELSIUS),
    ),
}  # fmt: skip
_MOLE_FRACTIONS = {
    **dict.fromkeys(
        ("ppm", "ppmv", "umol mol-1", "umol co2 mol-1", "umolco2 mol-1", "umol/mol", "1e-6",
         "10-6"),
        1.0,
    ),
    **dict.fromkeys(("mol mol-1", "mol/mol", "1", "mol co2 mol-1"), 1e6),
    **dict.fromkeys(("mmol mol-1", "mmol/mol"), 1e3),
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−–", "-+0123456789--")
_TOKEN = re.compile(r"(/?)\s*(30min|[A-Za-z]+(?:2(?![\d-])(?<=CO2)|2(?=O)O)?)\s*([+-]?\d+)?")


class UnitError(ValueError):
    """Unit that is not understood or is one of another quantity; the message says which."""


@dataclass(frozen=True)
class Unit:
    """Conversion of a column to the model's units.

    Attributes:
        quantity: what it measures.
        scale: factor to °C, mm, J m⁻², g C m⁻² or ppmv.
        offset: added after the factor, °C.
        per: days of the unit's time; ``month``, ``year``; ``step``: none is given, so the value is
            a sum over the step of the table. Of no meaning for temperatures and mole fractions.
    """

    quantity: Quantity
    scale: float
    offset: float = 0.0
    per: float | Literal["month", "year", "step"] = 1.0

    def daily(
        self, values: np.ndarray, step_days: np.ndarray | float, year_days: np.ndarray | float,
        month_days: np.ndarray | float,
    ) -> np.ndarray:  # fmt: skip
        """Values as °C, ppmv or rates per day: mm, J m⁻², g C m⁻².

        Args:
            values: of the column, any shape.
            step_days: length of the interval each value covers.
            year_days, month_days: lengths of the year and the month it lies in.
        """
        converted = values * self.scale + self.offset
        if self.quantity in ("temperature", "co2"):
            return converted
        lengths = {"step": step_days, "month": month_days, "year": year_days}
        return converted / (lengths[self.per] if isinstance(self.per, str) else self.per)


def parse_unit(text: str, quantity: Quantity) -> Unit:
    """Unit of a column that holds a quantity.

    Raises:
        UnitError: not understood, or a unit of another quantity.
    """
    plain = _plain(text)
    found = _temperature(plain) or _mole_fraction(plain) or _product(plain)
    if found is not None and found.quantity == quantity:
        return found
    understood = f"understood: {', '.join(UNDERSTOOD[quantity])}"
    reason = _hint(plain, quantity)
    if reason:
        raise UnitError(f"unit {text!r}: {reason}; {understood}")
    if found is not None:
        raise UnitError(
            f"unit {text!r} is that of {NOUNS[found.quantity]}, not of {NOUNS[quantity]}; "
            f"{understood}"
        )
    raise UnitError(f"unit {text!r} is not understood; {understood}")


def _plain(text: str) -> str:
    """One spelling of signs, powers and half hours."""
    text = text.strip().translate(_SUPERSCRIPTS)
    text = re.sub("[µμ]", "u", text).replace("°", "deg").replace("**", "").replace("^", "")
    text = re.sub(r"(?i)\(?\b(half[ _-]*hour(ly)?|30[ -]*min(utes)?)\b\)?", "halfhour", text)
    text = re.sub(r"(?i)\bper\b", "/", text)
    text = re.sub(r"/\s*\(([^)]*)\)", lambda m: "/" + "/".join(re.split(r"[ ·*.]+", m[1])), text)
    return re.sub(r"\s+", " ", re.sub(r"[·*.()\[\]{}](?!\d)", " ", text)).strip()


def _temperature(plain: str) -> Unit | None:
    conversion = _TEMPERATURES.get(plain.casefold())
    return None if conversion is None else Unit("temperature", *conversion)


def _mole_fraction(plain: str) -> Unit | None:
    factor = _MOLE_FRACTIONS.get(plain.casefold())
    return None if factor is None else Unit("co2", factor)


def _words(plain: str) -> list[tuple[str, int]] | None:
    """Words and their exponents; None where something else stands between them."""
    words, end = [], 0
    for match in _TOKEN.finditer(plain):
        if plain[end : match.start()].strip():
            return None
        slash, word, power = match.groups()
        exponent = int(power) if power else 1
        stem, last = word[:-1], word[-1]
        if _meaning(word) is None and power and _meaning(stem) and last in "msd":
            words.append((stem, -1 if slash else 1))  # written as one word: Wm-2
            word = last
        words.append((word, -exponent if slash else exponent))
        end = match.end()
    return words if words and not plain[end:].strip() else None


def _meaning(word: str) -> tuple[str, float | str, str] | None:
    """Dimension, scale and substance of a word such as ``kgC``; the substance may be empty."""
    if word.casefold() in _SUBSTANCES:
        return "substance", 1.0, _SUBSTANCES[word.casefold()]
    for ending in ("CO2", "co2", "H2O", "C", "c", ""):
        stem = word.removesuffix(ending) if ending and word.endswith(ending) else word
        if ending and stem == word:
            continue
        known = _WORDS.get(stem) or _FOLDED.get(stem.casefold())
        if known is not None and (not ending or known[0] in ("mass", "mole")):
            return *known, _SUBSTANCES.get(ending.casefold(), "")
    return None


def _product(plain: str) -> Unit | None:
    """Unit that is a product of words: an amount, an area, a time."""
    words = _words(plain.replace("CO2-C", "C").replace("C-CO2", "C"))
    if words is None:
        return None
    scale, substance = 1.0, ""
    per: float | str = "step"
    powers = dict.fromkeys(("mass", "mole", "energy", "length"), 0)
    for word, exponent in words:
        meaning = _meaning(word)
        if meaning is None:
            return None
        dimension, size, of = meaning
        substance = of or substance
        if dimension == "substance":
            continue
        if dimension == "time":
            if exponent != -1 or per != "step":
                return None
            per = size
            continue
        if dimension == "power":
            if exponent != 1 or per != "step":
                return None
            dimension, per = "energy", 1 / SECONDS_PER_DAY
        if dimension in ("area", "volume"):
            of_length = 2 if dimension == "area" else 3
            size, exponent = float(size) ** (1 / of_length), of_length * exponent
            dimension = "length"
        powers[dimension] += exponent
        scale *= float(size) ** exponent
    return _flux(tuple(powers.values()), scale, substance, per)


def _flux(powers: tuple[int, ...], scale: float, substance: str, per: float | str) -> Unit | None:
    """Unit of the quantity that these powers of mass, mole, energy and length form."""
    if powers == (0, 0, 0, 1) and substance in ("", "H2O"):
        return Unit("water", scale * 1000, per=per)  # m to mm
    if powers == (1, 0, 0, -2) and substance in ("", "H2O"):
        return Unit("water", scale / 1000, per=per)  # 1 kg m⁻² is 1 mm
    if powers == (0, 0, 1, -2):
        return Unit("energy", scale, per=per)
    if powers == (1, 0, 0, -2):
        return Unit(
            "carbon", scale * (CARBON_MASS / CO2_MASS if substance == "CO2" else 1), per=per
        )
    if powers == (0, 1, 0, -2) and substance != "H2O":
        return Unit("carbon", scale * CARBON_MASS, per=per)
    return None


def _hint(plain: str, quantity: Quantity) -> str:
    """Reason for two units that people mistake; empty for others."""
    found = _product(plain)
    if found is None:
        return ""
    if quantity == "energy" and "mol" in plain.casefold():
        return (
            "a flux of photons (PAR), not the energy of all shortwave radiation; give the "
            "pyranometer's column, or convert it yourself"
        )
    if quantity == "carbon" and found.quantity == "water" and "g" in plain.casefold():
        return "it does not say of what: write g C or g CO2"
    return ""
