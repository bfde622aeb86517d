"""Soil organic matter above a depth, from horizons: the part of a whole profile a pool stands for.

Within a horizon carbon accumulates as a power of the depth, C(z) = C (z/h)^n, with n = 1 where it
is uniform; mineral soils of the far north have n near 0.8 (Yi et al. 2009, doi
10.1029/2008JG000841, the form of dvm-dos-tem).
"""

from collections.abc import Sequence
from typing import NamedTuple


class Horizon(NamedTuple):
    """Horizon of a soil profile, from the top down.

    Attributes:
        carbon: in it, g C m⁻².
        thickness: h, m.
        exponent: n of its cumulative carbon (–).
    """

    carbon: float
    thickness: float
    exponent: float = 1.0


def carbon_above(horizons: Sequence[Horizon], depth: float) -> float:
    """Carbon above a depth (m) in g C m⁻²; that of the whole profile where it ends higher."""
    total, top = 0.0, 0.0
    for horizon in horizons:
        part = min(max((depth - top) / horizon.thickness, 0.0), 1.0)
        total += horizon.carbon * part**horizon.exponent
        top += horizon.thickness
    return total


def share_above(horizons: Sequence[Horizon], depth: float) -> float:
    """Share of the profile's carbon that lies above a depth in m (–)."""
    return carbon_above(horizons, depth) / sum(horizon.carbon for horizon in horizons)
