"""Discontinuities of a region's mean climate at the transition between sources.

They are reported, never smoothed.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.climate import VARIABLES, Climate, Segment, cell_blocks
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
    spans = [
        (
            (max(before.first, before.last - span + 1), before.last),
            (after.first, min(after.last, after.first + span - 1)),
        )
        for before, after in pairwise(climate.segments)
    ]
    valid = np.array([c for c in range(area.size) if c not in climate.findings], dtype=int)
    if not spans or not valid.size:
        return []
    weight = area[valid] / area[valid].sum()
    means = {(name, years): np.zeros(12) for name in VARIABLES for pair in spans for years in pair}
    for block in cell_blocks(valid.size, climate.years.size):
        data = climate.load(valid[block])
        for name, (first, last) in means:
            rows = (climate.years >= first) & (climate.years <= last)
            means[name, (first, last)] += data[name][rows].mean(axis=0) @ weight[block]

    def mean(name: str, years: tuple[int, int]) -> float:
        monthly = means[name, years]
        if name == "precipitation":
            return float(monthly.sum())
        return float(monthly @ MONTH_LENGTHS / MONTH_LENGTHS.sum())

    return [
        Seam(
            before, after, old, new,
            temperature=mean("air_temperature", new) - mean("air_temperature", old),
            precipitation=_change(mean("precipitation", old), mean("precipitation", new)),
            shortwave=_change(mean("shortwave", old), mean("shortwave", new)),
        )
        for (before, after), (old, new) in zip(pairwise(climate.segments), spans, strict=True)
    ]  # fmt: skip


def _change(old: float, new: float) -> float:
    """Relative change; from nothing to something it is infinite."""
    if old == 0:
        return 0.0 if new == 0 else np.inf
    return new / old - 1
