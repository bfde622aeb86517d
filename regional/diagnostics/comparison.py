"""Decision whether the numbers of Liu et al. 2022 may stand beside those of a region.

They are numbers of the permafrost region of the Qinghai-Tibetan Plateau. A region is that by its
cells and their vegetation, whatever its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from temjax.regional.diagnostics.naming import span_text
from temjax.regional.diagnostics.totals import MEADOW, STEPPE, MemberTotals
from temjax.regional.inputs.domain import Domain, in_box
from temjax.regional.inputs.grids.grid import wrapped
from temjax.regional.results.effect import weights

PLATEAU_BOX = (73.0, 25.0, 105.0, 40.0)  # west, south, east, north; Zhang et al. 2002
PLATEAU_TYPES = (
    MEADOW, STEPPE, "alpine-cushion", "alpine-desert", "alpine-shrubland", "alpine-forest",
)  # fmt: skip
MOST = 0.95  # share of the area that must lie in the box, and bear these types
PAPER_AREA = (0.97e6, 1.06e6)  # km²
_AREA_TOLERANCE = 0.1
FRACTIONS = ("decomposed fraction", "N-use fraction")

_Known = TypeVar("_Known")


@dataclass(frozen=True)
class Comparison:
    """What of the paper may stand beside a region.

    Attributes:
        place: whether the region lies on the plateau and bears its vegetation.
        totals: whether it is the whole of the plateau's permafrost, so that totals compare.
        why: the reason, a sentence of the report.
    """

    place: bool
    totals: bool
    why: str

    def known(self, numbers: Mapping[str, Mapping[str, _Known]]) -> dict[str, dict[str, _Known]]:
        """The paper's numbers by scenario and name that may be shown."""
        if not self.place:
            return {}
        return {
            scenario: {n: v for n, v in values.items() if self.totals or n in FRACTIONS}
            for scenario, values in numbers.items()
        }


def comparison_of(members: list[MemberTotals]) -> Comparison:
    """Decide by coordinates, vegetation types and area of the cells in use."""
    domain = members[0].stored.domain
    weight = weights(members[0].stored)
    area = float(domain.area[weight > 0].sum())
    inside = float(weight @ in_box(PLATEAU_BOX, domain.latitude, domain.longitude))
    alpine = float(weight @ np.isin(domain.vegetation, PLATEAU_TYPES))
    grassland = bool(np.isin(domain.vegetation[weight > 0], (MEADOW, STEPPE)).any())
    if inside < MOST or alpine < MOST or not grassland:
        return Comparison(False, False, _unknown_place(domain, weight))
    whole = PAPER_AREA[0] * (1 - _AREA_TOLERANCE) <= area <= PAPER_AREA[1] * (1 + _AREA_TOLERANCE)
    place = (
        f"{inside:.0%} of the area lies on the Qinghai-Tibetan Plateau (25–40° N, 73–105° E) and "
        f"{alpine:.0%} bears its alpine vegetation, so numbers of Liu et al. 2022 stand beside ours"
    )
    if whole:
        return Comparison(True, True, f"{place}; nothing was tuned to them.")
    size = f"{area / 1e6:.2g} million km² are not the paper's 0.97–1.06"
    return Comparison(
        True, False, f"{place}, but no totals: {size}. Densities and fractions are compared."
    )


def _unknown_place(domain: Domain, weight: NDArray) -> str:
    """Why no published numbers are shown: where the region is and what grows there."""
    used = weight > 0
    latitude = span_text(domain.latitude[used], "N", "S")
    degrees_east = wrapped(domain.longitude[used])
    if np.ptp(degrees_east) > 180:  # across the date line
        degrees_east = degrees_east % 360
    longitude = span_text(degrees_east, "E", "W")
    shares = {name: float(weight[domain.vegetation == name].sum()) for name in
              sorted(set(domain.vegetation[used]) - {""})}  # fmt: skip
    largest = sorted(shares, key=shares.__getitem__, reverse=True)
    types = ", ".join(f"{name} {shares[name]:.0%}" for name in largest)
    return (
        "No published regional numbers stand beside those of this run: temjax holds none for "
        f"{latitude}, {longitude} with this vegetation ({types})."
    )
