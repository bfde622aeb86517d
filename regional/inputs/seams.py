"""Discontinuities of a region's mean climate at the transition between sources.

They are reported, never smoothed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.climate import Climate, Segment
from temjax.regional.inputs.units import MONTH_LENGTHS


@dataclass(frozen=True)
class Seam:
    """Discontinuity of the regional mean climate at the transition between two sources."""

    before: Segment
    after: Segment
    years_before: tuple[int, int]
    years_after: tuple[int, int]
    temperature: float  # K
    precipitation: float  # relative
    shortwave: float  # relative

    def __str__(self) -> str:
        (a, b), (c, d) = self.years_before, self.years_after
        return (
            f"{self.before.label} {a}-{b} to {self.after.label} {c}-{d}: "
            f"air temperature {self.temperature:+.2f} K, precipitation {self.precipitation:+.1%}, "
            f"shortwave {self.shortwave:+.1%}"
        )


def find_seams(climate: Climate, area: NDArray, *, span: int = 10) -> list[Seam]:
    """Find the discontinuities of the area-weighted mean climate between sources.

    Args:
        climate: of one member.
        area: weights ``(cell,)``.
        span: years averaged on each side.
    """
    if len(climate.segments) < 2:
        return []
    valid = np.array([c for c in range(area.size) if c not in climate.findings], dtype=int)
    data = climate.load(valid)
    weight = area[valid] / area[valid].sum()

    def mean(name: str, first: int, last: int) -> float:
        rows = (climate.years >= first) & (climate.years <= last)
        monthly = data[name][rows].mean(axis=0) @ weight
        if name == "precipitation":
            return float(monthly.sum())
        return float(monthly @ MONTH_LENGTHS / MONTH_LENGTHS.sum())

    seams = []
    for before, after in zip(climate.segments[:-1], climate.segments[1:], strict=True):
        old = (max(before.first, before.last - span + 1), before.last)
        new = (after.first, min(after.last, after.first + span - 1))
        seams.append(
            Seam(
                before, after, old, new,
                temperature=mean("air_temperature", *new) - mean("air_temperature", *old),
                precipitation=mean("precipitation", *new) / mean("precipitation", *old) - 1,
                shortwave=mean("shortwave", *new) / mean("shortwave", *old) - 1,
            )
        )  # fmt: skip
    return seams
