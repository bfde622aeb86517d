"""Conversion of climate, CO2 and soil units to those of the model.

Units are read as UDUNITS spells them (powers as ``-2``, ``**-2``, ``^-2`` or by ``/``), with what
files write beside it: ``mm/mon``, ``Wm-2``, ``m of water equivalent``. UDUNITS itself takes a month
for a twelfth of a year, and units without a time for no rate; here a month is the calendar's, and
an amount without a time is one of the record's interval. Fractions keep factors exact.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS
from temjax.regional.inputs.grids.files import FileReader
from temjax.runs.validation import MISSING_VALUE
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

MONTH_LENGTHS = np.array(MONTH_DAYS, dtype=float)

_DAY = Fraction(int(SECONDS_PER_DAY))
_BASES = ("m", "kg", "s", "mol", "month")


def _symbols() -> dict[str, tuple[Fraction, tuple[int, ...]]]:
    """Unit symbols: factor and powers of the base units."""
    rows = (
        ((1, 0, 0, 0, 0), {"m": 1, "meter": 1, "metre": 1, "dm": "1/10", "cm": "1/100",
                           "mm": "1/1000", "millimeter": "1/1000", "millimetre": "1/1000",
                           "km": 1000, "kilometer": 1000, "kilometre": 1000}),
        ((3, 0, 0, 0, 0), {"l": "1/1000", "L": "1/1000", "liter": "1/1000", "litre": "1/1000"}),
        ((0, 1, 0, 0, 0), {"kg": 1, "kilogram": 1, "g": "1/1000", "gram": "1/1000",
                           "mg": "1/1000000"}),
        ((0, 0, 1, 0, 0), {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600,
                           "hr": 3600, "hour": 3600, "d": _DAY, "day": _DAY}),
        ((0, 0, 0, 0, 1), {"month": 1, "mon": 1, "mo": 1}),
        ((2, 1, -2, 0, 0), {"J": 1, "joule": 1, "kJ": 1000, "MJ": 10**6, "GJ": 10**9,
                            "mJ": "1/1000", "cal": "4.184", "kcal": 4184, "Wh": 3600,
                            "kWh": 3600000}),
        ((2, 1, -3, 0, 0), {"W": 1, "watt": 1, "kW": 1000, "MW": 10**6, "mW": "1/1000"}),
        ((0, 0, 0, 1, 0), {"mol": 1, "mole": 1, "mmol": "1/1000", "umol": "1/1000000",
                           "micromol": "1/1000000", "micromole": "1/1000000",
                           "nmol": "1/1000000000"}),
        ((0, 0, 0, 0, 0), {"%": "1/100", "percent": "1/100", "pct": "1/100",
                           "ppm": "1/1000000", "ppmv": "1/1000000", "ppb": "1/1000000000",
                           "ppbv": "1/1000000000", "fraction": 1}),
    )  # fmt: skip
    return {
        name: (Fraction(factor), powers)
        for powers, names in rows
        for symbol, factor in names.items()
        for name in {symbol, symbol + "s" if len(symbol) > 2 else symbol}
    }


_SYMBOLS = _symbols()
# upper case as in MM/DAY; letters that would mean two things (mJ, MJ) keep their case
_LOWER = {
    name.casefold(): name
    for name in _SYMBOLS
    if sum(other.casefold() == name.casefold() for other in _SYMBOLS) == 1
}
_FACTOR = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2}(?!\d))?)|(?P<name>[A-Za-z%]+)"
)
_POWER = re.compile(r"\s*(?:\*\*|\^)\s*\(?\s*([+-]?\d+)\s*\)?|\s*([+-]\d+)|(\d+)")
_OF_WATER = re.compile(r"\(?\bof\s+(liquid\s+)?water(\s+equivalent)?\b\)?|\bwater\s+equivalent\b|"
                       r"\b(lwe|swe|w\.e\.|h2o)(?![A-Za-z])", re.IGNORECASE)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹µμ−", "-0123456789uu-")
_LONGEST = 80  # letters; longer texts are no units
_CELSIUS, _KELVIN = {"c", "celsius", "celcius", "centigrade"}, {"k", "kelvin", "kelvins"}


@dataclass(frozen=True)
class Unit:
    """Factor to SI units and powers of m, kg, s, mol and calendar months."""

    factor: Fraction
    powers: tuple[int, ...]

    def over(self, power: int, other: "Unit") -> "Unit":
        """Product with a power of another unit."""
        powers = tuple(a + power * b for a, b in zip(self.powers, other.powers, strict=True))
        return Unit(self.factor * other.factor**power, powers)


_ONE = Unit(Fraction(1), (0,) * len(_BASES))


def parse_unit(text: str) -> Unit | None:
    """Read the text of a unit; None where it is not understood."""
    if len(text) > _LONGEST:
        return None
    text = _OF_WATER.sub(" ", re.sub(r"[{}$\\]", "", text.translate(_SUPERSCRIPTS)))
    text = re.sub(r"\bper\b", "/", text, flags=re.IGNORECASE).strip()
    if not text:
        return None
    unit, rest = _product(text)
    return unit if unit is not None and not rest else None


def _product(text: str) -> tuple[Unit | None, str]:
    """Read factors up to the end or a closing bracket; a division takes the next factor only."""
    unit, sign = _ONE, 1
    while text := text.lstrip(" _·"):
        if text[0] == ")":
            break
        if text[0] in "*.":
            text = text[1:]
        elif text[0] == "/":
            sign, text = -1, text[1:]
        else:
            factor, text = _factor(text)
            if factor is None:
                return None, text
            unit, sign = unit.over(sign, factor), 1
    return (unit, text) if sign == 1 else (None, text)


def _factor(text: str) -> tuple[Unit | None, str]:
    """Read one number, symbol or bracket with its power."""
    if text[0] == "(":
        unit, text = _product(text[1:])
        if unit is None or not text.startswith(")"):
            return None, text
        text = text[1:]
    else:
        found = _FACTOR.match(text)
        if found is None:
            return None, text
        text = text[found.end() :]
        if found["number"]:
            unit = Unit(Fraction(found["number"]), _ONE.powers)
        else:
            name, joined = _split(found["name"])
            unit, text = _symbol(name), joined + text
        if unit is None or not unit.factor:
            return None, text
    power = _POWER.match(text)
    if power is None:
        return unit, text
    exponent = int(power[1] or power[2] or power[3])
    if abs(exponent) > 12:  # no unit: 0**99999999 and the like
        return None, text
    return _ONE.over(exponent, unit), text[power.end() :]


def _symbol(name: str) -> Unit | None:
    """Unit of a symbol."""
    known = name if name in _SYMBOLS else _LOWER.get(name.casefold())
    return None if known is None else Unit(*_SYMBOLS[known])


def _split(name: str) -> tuple[str, str]:
    """First symbol of a word and the rest: two can be written together, as in ``Wm-2``."""
    if _symbol(name) is None:
        for cut in range(len(name) - 1, 0, -1):
            if _symbol(name[:cut]) and _symbol(name[cut:]):
                return name[:cut], name[cut:]
    return name, ""


def _temperature(units: str) -> tuple[float, float] | None:
    """Factor and offset to °C."""
    text = units.casefold().replace("℃", "c").replace("°", "deg").replace("º", "deg")
    text = re.sub(r"[\s_.]+", "", text)
    scale = re.sub(r"^deg(ree)?s?", "", text)
    if scale in _CELSIUS:
        return 1.0, 0.0
    return (1.0, -ZERO_CELSIUS) if scale in _KELVIN else None


def _precipitation(unit: Unit, interval: float | None) -> NDArray | float | None:
    """Factor to mm month⁻¹ of a depth or a mass per area, by time or by record."""
    depth, mass = (1, 0), (-2, 1)
    if unit.powers[:2] not in (depth, mass) or unit.powers[3]:
        return None
    millimetres = unit.factor * (1000 if unit.powers[:2] == depth else 1)
    return _monthly_amount(millimetres, unit.powers[2], unit.powers[4], interval)


def _monthly_amount(
    amount: Fraction, seconds: int, months: int, interval: float | None
) -> NDArray | float | None:
    """Factor to amounts per month of a rate (powers of s and months), or of amounts of a record."""
    if (seconds, months) == (-1, 0):
        return float(amount * _DAY) * MONTH_LENGTHS
    if (seconds, months) == (0, -1):
        return float(amount)
    if (seconds, months) != (0, 0):
        return None
    if interval is None:
        return float(amount) if amount == 1 else None  # monthly sums are given in mm
    return float(amount * _DAY / Fraction(interval)) * MONTH_LENGTHS


def _shortwave(unit: Unit, interval: float | None) -> NDArray | float | None:
    """Factor to W m⁻² of power per area, or of energy per area by time or by record."""
    length, mass, seconds, moles, months = unit.powers
    if (length, mass, moles) != (0, 1, 0):
        return None
    if (seconds, months) == (-3, 0):
        return float(unit.factor)
    if (seconds, months) == (-2, -1):
        return float(unit.factor / _DAY) / MONTH_LENGTHS
    if (seconds, months) == (-2, 0) and interval is not None:
        return float(unit.factor / Fraction(interval))
    return None


def _number(unit: Unit, scale: int) -> float | None:
    """Factor of a dimensionless unit to parts of ``scale``."""
    return None if any(unit.powers) else float(unit.factor * scale)


_UNDERSTOOD = {
    "air_temperature": "degC, K",
    "precipitation": "mm month-1, mm d-1, m d-1, kg m-2 s-1",
    "shortwave": "W m-2, J m-2 d-1, MJ m-2 d-1",
    "co2": "ppm, 1e-6, mol mol-1",
    "elevation": "m, km",
    "texture": "percent, 1, g kg-1",
}
_TAKEN = {  # what values without units are taken for, and the range in which that is certain
    "air_temperature": ("degC", -95.0, 60.0),
    "precipitation": ("mm month-1", 0.0, 3000.0),
    "shortwave": ("W m-2", 0.0, 700.0),
    "co2": ("ppm", 100.0, 5000.0),
}
# a region's mean monthly rain, and its brightest month, in the smaller units that come without a
# name (mm d-1; MJ m-2 d-1) stay below these
_CERTAIN_MEAN_RAIN, _CERTAIN_BRIGHTEST = 10.0, 60.0
_LOOKS_KELVIN = 150.0


def conversion(
    kind: str, units: str, interval: float | None = None
) -> tuple[NDArray | float, float] | None:
    """Factor (a number, or one for each month) and offset from a unit to that of the model.

    Args:
        kind: air_temperature (°C), precipitation (mm month⁻¹), shortwave (W m⁻²), co2 (ppmv),
            elevation (m) or texture (percent).
        units: of the file.
        interval: seconds a record covers, for amounts that come without a time.

    Returns:
        None where the unit is not understood, or is none of this kind.
    """
    if kind == "air_temperature":
        return _temperature(units)
    unit = parse_unit(units)
    if unit is None:
        return None
    if kind == "precipitation":
        factor = _precipitation(unit, interval)
    elif kind == "shortwave":
        factor = _shortwave(unit, interval)
    elif kind == "elevation":
        factor = float(unit.factor) if unit.powers == (1, 0, 0, 0, 0) else None
    elif kind == "co2" and re.search(r"\b[kmu]?g\b", units):
        return None  # a mass fraction
    else:
        factor = _number(unit, 10**6 if kind == "co2" else 100)
    return None if factor is None else (factor, 0.0)


def to_model_units(
    reader: FileReader,
    path: str,
    label: str,
    name: str,
    units: str,
    values: NDArray,
    interval: float | None = None,
) -> NDArray | None:
    """Convert values to the model's units, float32; None with a finding where that is not possible.

    Values without units are taken to be in the model's own where their size leaves no doubt, with a
    note.

    Args:
        reader: for the finding or note.
        path, label: file and variable.
        name: air_temperature, precipitation, shortwave or co2.
        units: of the file.
        values: ``([year,] 12, cell)`` where the factor depends on the month.
        interval: seconds a record covers, for amounts that come without a time; None for monthly
            sums in mm.
    """
    factor, offset = 1.0, 0.0
    if units.strip():
        found = conversion(name, units, interval)
        if found is None:
            mend = f"Give one of: {_UNDERSTOOD[name]}."
            message = f"unit {units!r} is not understood"
            if name in ("precipitation", "shortwave") and conversion(name, units, _DAY):
                message = f"unit {units!r} names no time: a day or a month?"
            reader.add_finding(path, label, message, mend)
            return None
        factor, offset = found
    elif not _told_by_size(reader, path, label, name, values):
        return None
    if isinstance(factor, np.ndarray):
        factor = factor[:, None]
    converted = values * factor
    converted += offset
    np.copyto(converted, values, where=values == MISSING_VALUE)
    return converted.astype(np.float32)


def _told_by_size(reader: FileReader, path: str, label: str, name: str, values: NDArray) -> bool:
    """Whether values without units can only be in the model's own; a note, or else a finding."""
    unit, low, high = _TAKEN[name]
    plain = values[np.isfinite(values) & (values != MISSING_VALUE) & (np.abs(values) < 1e15)]
    if not plain.size:
        return True  # nothing but gaps, which are findings of their own
    least, most, mean = float(plain.min()), float(plain.max()), float(plain.mean())
    doubtful = (name == "precipitation" and mean < _CERTAIN_MEAN_RAIN) or (
        name == "shortwave" and most < _CERTAIN_BRIGHTEST
    )
    size = f"no units, and values from {least:.4g} to {most:.4g}"
    if name == "air_temperature" and least > _LOOKS_KELVIN:
        mend = 'They look like kelvin: add the attribute units = "K".'
    elif not low <= mean <= high or doubtful:
        mend = f"Add the attribute units, one of: {_UNDERSTOOD[name]}."
    else:
        reader.add_note(path, label, f"no units; taken as {unit}, which the values fit")
        return True
    reader.add_finding(path, label, size, mend)
    return False
