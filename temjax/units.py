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


def typeset_unit(unit: str) -> str:
    """UDUNITS text with superscripts: ``g m-2`` as g m⁻², ``degC`` as °C."""

    def superscript(match: re.Match) -> str:
        return "⁻½" if match[2] else match[1].translate(_SUPERSCRIPTS)

    return _EXPONENT.sub(superscript, unit.replace("degC", "°C"))


def power_of_ten(power: int) -> str:
    """Power of ten with superscripts: 10⁻⁵."""
    return "10" + str(power).translate(_SUPERSCRIPTS)
