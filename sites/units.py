"""Units as people write them, and their conversion to the model's.

A unit is read as amounts, areas and times in any of the usual spellings: ``g C m-2 d-1``,
``gC/m2/day``, ``µmol CO2 m⁻² s⁻¹``, ``t C ha^-1``, ``mm per half hour``. One without a time is a
sum over a step, which the caller knows or refuses. UDUNITS knows neither ``g C`` nor months of
their own length.

Molar masses of carbon are those of ONEFlux (its CO2TOC, µmol CO2 m⁻² s⁻¹ to g C m⁻² d⁻¹, is
1.03772448).
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

import numpy as np

from temjax.sites.unit_words import ENDINGS, FOLDED, FRACTIONS, SUBSTANCES, TEMPERATURES, WORDS
from temjax.units import SECONDS_PER_DAY

Quantity = Literal[
    "temperature", "water", "energy", "carbon", "co2", "carbon stock", "nitrogen stock"
]
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
    "soil_organic_carbon": "carbon stock",
    "soil_organic_nitrogen": "nitrogen stock",
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
    "co2": ("ppm", "umol mol-1", "mol mol-1"),
    "carbon stock": ("g C m-2", "kg C m-2", "hg C m-2", "Mg C ha-1", "t C ha-1", "mol C m-2"),
    "nitrogen stock": ("g N m-2", "kg N m-2", "kg N ha-1", "t N ha-1", "mol N m-2"),
}  # fmt: skip
ELEMENTS: dict[Quantity, str] = {"carbon": "C", "carbon stock": "C", "nitrogen stock": "N"}
NOUNS: dict[Quantity, str] = {
    "temperature": "a temperature",
    "water": "an amount of water",
    "energy": "a flux of energy",
    "carbon": "a flux of carbon",
    "co2": "a mole fraction",
    "carbon stock": "a stock of carbon",
    "nitrogen stock": "a stock of nitrogen",
}
_SIGNS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹−–₂µμ_·⋅×", "-+0123456789--2uu    ")
_TOKEN = re.compile(r"(/?)\s*(30min|[A-Za-z]+(?:2(?![\d-])(?<=[Cc][Oo]2)|2(?=O)O)?)\s*([+-]?\d+)?")


class UnitError(ValueError):
    """Unit that is not understood or is one of another quantity; the message says which."""


@dataclass(frozen=True)
class Unit:
    """Conversion of a unit to the model's.

    Attributes:
        quantity: what it measures.
        scale: factor to °C, mm, J m⁻², g m⁻² of the element, or ppmv.
        offset: added after the factor, °C.
        per: days of the unit's time; ``month``, ``year``; ``step``: none is given, so the value is
            a sum over a step. Of no meaning for temperatures, mole fractions and stocks.
    """

    quantity: Quantity
    scale: float
    offset: float = 0.0
    per: float | Literal["month", "year", "step"] = 1.0

    @property
    def is_rate(self) -> bool:
        """Whether values are amounts in a time."""
        return self.quantity in ("water", "energy", "carbon")

    @property
    def lacks_time(self) -> bool:
        """Whether values are sums over a step that the unit does not name."""
        return self.is_rate and self.per == "step"

    def factor(self, *, step: Days = np.nan, month: Days = np.nan, year: Days = np.nan) -> Days:
        """Factor to °C, ppmv, g m⁻² (stocks), W m⁻², or rates per day: mm, g C m⁻².

        Args:
            step: days of the interval that a value covers.
            month, year: days of the month and the year it lies in.
        """
        if not self.is_rate:
            return self.scale
        lengths = {"step": step, "month": month, "year": year}
        days = lengths[self.per] if isinstance(self.per, str) else self.per
        return self.scale / (days * (SECONDS_PER_DAY if self.quantity == "energy" else 1.0))

    def daily(self, values: np.ndarray, **days: Days) -> np.ndarray:
        """Values in the unit of ``factor``, whose arguments are ``days``."""
        return values * self.factor(**days) + self.offset

    def monthly(self, daily: np.ndarray, month: Days) -> np.ndarray:
        """Means over months in the unit of ``factor`` as the model has them: sums of the month."""
        return daily * month if self.quantity in ("water", "carbon") else daily

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
    plain = _plain(text)
    found = _temperature(text) or _fraction(plain) or _product(plain, quantity, any_mass)
    if found is not None and found.quantity == quantity:
        return found
    understood = f"understood: {', '.join(UNDERSTOOD[quantity])}"
    reason = _hint(plain, quantity)
    if reason:
        raise UnitError(f"unit {text!r}: {reason}; {understood}")
    found = found or next(filter(None, (_product(plain, other) for other in NOUNS)), None)
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


def _plain(text: str) -> str:
    """One spelling of signs, powers and half hours."""
    text = text.strip().translate(_SIGNS).replace("**", "").replace("^", "")
    text = re.sub(r"(?i)\(?\b(half[ -]*hour(ly)?|30[ -]*min(utes)?)\b\)?", "halfhour", text)
    text = re.sub(r"(?i)\bper\b", "/", text)
    text = re.sub(r"/\s*\(([^)]*)\)", lambda m: "/" + "/".join(re.split(r"[ *.]+", m[1])), text)
    return re.sub(r"\s+", " ", re.sub(r"[*.()\[\]{}](?!\d)|\{(?=[-+]?\d)", " ", text)).strip()


def _temperature(text: str) -> Unit | None:
    name = unicodedata.normalize("NFKC", text.replace("º", "")).casefold()
    terms = TEMPERATURES.get(re.sub(r"[\s_°]", "", name))
    return None if terms is None else Unit("temperature", *terms)


def _fraction(plain: str) -> Unit | None:
    """Mole fraction of CO2: ``umol mol-1``, ``umolCO2/mol``."""
    name = re.sub(r"co2| ", "", plain.casefold()).replace("/mol", "mol-1")
    factor = FRACTIONS.get(name)
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
    if word.casefold() in SUBSTANCES:
        return "substance", 1.0, SUBSTANCES[word.casefold()]
    for ending in ENDINGS:
        stem = word.removesuffix(ending) if ending and word.endswith(ending) else word
        if ending and stem == word:
            continue
        known = WORDS.get(stem) or FOLDED.get(stem.casefold())
        if known is not None and (not ending or known[0] in ("mass", "mole")):
            return *known, SUBSTANCES.get(ending.casefold(), "")
    return None


def _product(plain: str, quantity: Quantity, any_mass: bool = False) -> Unit | None:
    """Unit that is a product of words: an amount, an area, a time."""
    words = _words(plain.replace("CO2-C", "C").replace("C-CO2", "C"))
    if words is None:
        return None
    scale, substances = 1.0, set()
    per: float | str = "step"
    powers = dict.fromkeys(("mass", "mole", "energy", "length"), 0)
    for word, exponent in words:
        meaning = _meaning(word)
        if meaning is None:
            return None
        dimension, size, of = meaning
        substances |= {of} - {""}
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
    if len(substances) > 1:
        return None
    substance = next(iter(substances), "")
    if any_mass and not substance and quantity in ELEMENTS:
        substance = ELEMENTS[quantity]
    return _amount(tuple(powers.values()), scale, substance, per, quantity)


def _amount(
    powers: tuple[int, ...], scale: float, substance: str, per: float | str, quantity: Quantity
) -> Unit | None:
    """Unit of the quantity that these powers of mass, mole, energy and length form."""
    if powers == (0, 0, 0, 1) and substance in ("", "H2O"):
        return Unit("water", scale * 1000, per=per)  # m to mm
    if powers == (1, 0, 0, -2) and substance in ("", "H2O"):
        return Unit("water", scale / 1000, per=per)  # 1 kg m⁻² is 1 mm
    if powers == (0, 0, 1, -2):
        return Unit("energy", scale, per=per)
    if powers not in ((1, 0, 0, -2), (0, 1, 0, -2)) or substance == "H2O":
        return None
    moles = powers[1] == 1
    if substance == "N" or (moles and not substance and quantity == "nitrogen stock"):
        scale *= NITROGEN_MASS if moles else 1.0
        return Unit("nitrogen stock", scale, per=per) if per == "step" else None
    if moles:
        scale *= CARBON_MASS
    elif substance == "CO2":
        scale *= CARBON_MASS / CO2_MASS
    stock = quantity == "carbon stock" and per == "step"
    return Unit("carbon stock" if stock else "carbon", scale, per=per)


def _hint(plain: str, quantity: Quantity) -> str:
    """Reason for two units that people mistake; empty for others."""
    found = _product(plain, quantity)
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
