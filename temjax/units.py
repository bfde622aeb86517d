"""Constants, conversions and typesetting of units, for all packages."""

import re

from numpy.typing import NDArray

from temjax.forcing import MONTH_DAYS

DAYS_PER_YEAR = sum(MONTH_DAYS)  # the model's calendar has no leap days
SECONDS_PER_DAY = 86400.0
SECONDS_PER_YEAR = SECONDS_PER_DAY * DAYS_PER_YEAR
GRAMS_PER_KILOGRAM = 1000.0
GRAMS_PER_TERAGRAM = 1e12
SQUARE_METRES_PER_SQUARE_KILOMETRE = 1e6
ZERO_CELSIUS = 273.15  # K

_UNIT_NAMES = {
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("mon", "months"), "month"),
    **dict.fromkeys(("sec", "second", "seconds"), "s"),
    **dict.fromkeys(("hr", "hour", "hours"), "h"),
    **dict.fromkeys(("metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("watt", "watts"), "w"),
    **dict.fromkeys(("joule", "joules"), "j"),
    **dict.fromkeys(("c", "°c"), "celsius"),
    "kelvin": "k",
}
_UNIT_TOKEN = re.compile(r"([^\W\d_]+|°c)(-?\d+)?")

_EXPONENT = re.compile(r"(?<=[A-Za-z)])(-?[1-9])(/2)?")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def grams_per_year(rate: NDArray | float) -> NDArray | float:
    """Mass flux in kg m⁻² s⁻¹ as g m⁻² yr⁻¹."""
    return rate * (SECONDS_PER_YEAR * GRAMS_PER_KILOGRAM)


def teragrams(area_integral: NDArray | float) -> NDArray | float:
    """Area integral in g m⁻² km² as Tg."""
    return area_integral * SQUARE_METRES_PER_SQUARE_KILOMETRE / GRAMS_PER_TERAGRAM


def grams_per_square_metre(total: NDArray | float, area: float) -> NDArray | float:
    """Total in Tg over an area in km² as g m⁻²."""
    return total * GRAMS_PER_TERAGRAM / (area * SQUARE_METRES_PER_SQUARE_KILOMETRE)


def canonical_unit(text: str) -> str:
    """One spelling of a unit in lower case: ``W/m2``, ``W m**-2`` and ``Wm-2`` as ``w m-2``.

    Powers of base units are kept as they are written; scales (``mm`` against ``m``) stay apart.
    Text that is no unit comes back in lower case.
    """
    plain = text.strip().casefold().translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-"))
    plain = re.sub(r"deg(?:ree)?s?[\s_.]*(?=c\b|celsius\b|k\b|kelvin\b)", "", plain)
    plain = re.sub(r"\*\*|\^", "", plain).replace(" per ", "/")
    plain = re.sub(r"^wm(?=-?\d)", "w m", plain)
    powers: dict[str, int] = {}
    for position, part in enumerate(plain.split("/")):
        for token in re.split(r"[\s.*·()]+", part.strip(" ()")):
            match = _UNIT_TOKEN.fullmatch(token)
            if match is None:
                return plain
            name = _UNIT_NAMES.get(match[1], match[1])
            power = int(match[2] or 1) * (-1 if position else 1)
            powers[name] = powers.get(name, 0) + power
    ordered = sorted(powers.items(), key=lambda item: (item[1] < 0, item[0]))
    return " ".join(name if power == 1 else f"{name}{power}" for name, power in ordered)


def typeset_unit(unit: str) -> str:
    """UDUNITS text with superscripts: ``g m-2`` as g m⁻², ``degC`` as °C."""

    def superscript(match: re.Match) -> str:
        return "⁻½" if match[2] else match[1].translate(_SUPERSCRIPTS)

    return _EXPONENT.sub(superscript, unit.replace("degC", "°C"))
