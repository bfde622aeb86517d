"""Names of scenarios and places and units of totals, as tables, figures and texts write them."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RCP = re.compile(r"rcp(\d)[.p]?(\d)", re.IGNORECASE)
_SSP = re.compile(r"ssp(\d)[-_]?(\d)[.p]?(\d)", re.IGNORECASE)
_UNITS = (("Pg", "Tg"), ("Tg", "Gg"), ("Gg", "Mg"), ("Mg", "kg"))
_AREAS = (2e5, 2e2, 0.2)  # km², below which the next smaller units are taken


def scenario_name(scenario: str) -> str:
    """Name of a scenario as it is written in text: RCP8.5, SSP3-7.0, SSP5-3.4-over, 1pctCO2."""
    name = _RCP.sub(r"RCP\1.\2", scenario)
    name = _SSP.sub(r"SSP\1-\2.\3", name)
    return "piControl" if name.casefold() == "picontrol" else name


@dataclass(frozen=True)
class Units:
    """Units of a region's totals by its area: of a large one Pg of stocks and Tg of fluxes.

    Attributes:
        stock, amount: names of the units of carbon stocks, and of fluxes and nitrogen.
        stock_size, amount_size: their size, Tg.
    """

    stock: str
    amount: str
    stock_size: float
    amount_size: float

    @classmethod
    def of_area(cls, area: float) -> "Units":
        """Units for a region of an area in km², in which its totals are neither 0.00 nor huge."""
        level = sum(area < limit for limit in _AREAS)
        return cls(*_UNITS[level], stock_size=1000.0 ** (1 - level), amount_size=1000.0**-level)

    @property
    def rate(self) -> str:
        """Unit of carbon fluxes for figures."""
        return f"{self.amount} C yr$^{{-1}}$"


def span_text(values: NDArray, positive: str, negative: str) -> str:
    """Range of latitudes or longitudes with the letters of both hemispheres: 68–69.5° N."""
    low, high = float(np.min(values)), float(np.max(values))
    if low < 0 < high:
        return f"{-low:.3g}° {negative}–{high:.3g}° {positive}"
    letter = negative if low < 0 else positive
    ends = [f"{end:.4g}" for end in sorted((abs(low), abs(high)))]
    return f"{'–'.join(dict.fromkeys(ends))}° {letter}"


def variable_name(label: str) -> str:
    """Label of a quantity as the name of a NetCDF variable: sum_delta_NEP for ΣΔNEP."""
    plain = label.replace("ΣΔ", "sum_delta_").replace("Δ", "delta_").replace("Σ", "sum_")
    return plain.replace(" ", "_")
