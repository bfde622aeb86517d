"""Repair of small faults in monthly climate, counted: missing months, radiation a little too high.

A missing month of a cell takes the mean of the same calendar month in the years around it, from the
same source. Radiation a little above the extraterrestrial is clipped to it. What is more than the
experiment allows is left as it is, and masks the cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temjax.regional.experiment.settings import RepairSettings
from temjax.runs.validation import MISSING_VALUE

YEARS_AROUND = 15  # on either side, of which the climatology is the mean
LEAST_EXCESS = (
    5.0  # W m⁻² that may always be clipped: a share of a polar night's nothing is nothing
)
ROUNDING = 0.01  # W m⁻² above the extraterrestrial that need no repair
LARGEST = 1e15  # larger magnitudes are fill values


@dataclass(frozen=True)
class RepairCounts:
    """What was repaired in the cells of a domain.

    Attributes:
        filled_cells, filled_months: cells with filled months, and those months over all cells.
        clipped_cells, clipped_months: likewise of clipped radiation.
        largest_excess: of clipped radiation, W m⁻².
    """

    filled_cells: int = 0
    filled_months: int = 0
    clipped_cells: int = 0
    clipped_months: int = 0
    largest_excess: float = 0.0

    def __add__(self, other: "RepairCounts") -> "RepairCounts":
        return RepairCounts(
            self.filled_cells + other.filled_cells,
            self.filled_months + other.filled_months,
            self.clipped_cells + other.clipped_cells,
            self.clipped_months + other.clipped_months,
            max(self.largest_excess, other.largest_excess),
        )

    def __bool__(self) -> bool:
        return bool(self.filled_cells or self.clipped_cells)

    def __str__(self) -> str:
        parts = []
        if self.filled_cells:
            parts.append(
                f"{self.filled_months} missing months in {self.filled_cells} cells filled from "
                "the climatology of the cell"
            )
        if self.clipped_cells:
            parts.append(
                f"radiation of {self.clipped_months} months in {self.clipped_cells} cells clipped "
                f"to the extraterrestrial (at most {self.largest_excess:.2g} W m-2 above)"
            )
        return "; ".join(parts) or "nothing"


def is_missing(values: NDArray) -> NDArray:
    """Whether values are missing: not finite, −9999 or a fill value."""
    with np.errstate(invalid="ignore"):
        return ~np.isfinite(values) | (values == MISSING_VALUE) | (np.abs(values) > LARGEST)


def repair_months(
    data: dict[str, NDArray],
    top: NDArray,
    sources: Sequence[slice],
    settings: RepairSettings,
    weight: NDArray | None = None,
) -> tuple[dict[str, NDArray], RepairCounts]:
    """Repair the months of some cells.

    Args:
        data: drivers by name, ``(year, 12, cell)``.
        top: extraterrestrial radiation, W m⁻², ``(12, cell)``.
        sources: rows of the years of each source of the climate.
        weight: domain cells that each cell counts for, ``(cell,)``.
    """
    if settings.strict:
        return data, RepairCounts()
    missing = {name: is_missing(values) for name, values in data.items()}
    anywhere = np.any(list(missing.values()), axis=0)
    excess = data["shortwave"] - top
    allowed = np.maximum(settings.radiation_above_extraterrestrial * top, LEAST_EXCESS)
    if not settings.radiation_above_extraterrestrial:
        allowed = np.zeros_like(allowed)
    with np.errstate(invalid="ignore"):
        high = (excess > ROUNDING) & (excess <= allowed) & ~missing["shortwave"]
    if not anywhere.any() and not high.any():
        return data, RepairCounts()
    repaired = {name: values.copy() for name, values in data.items()}
    repaired["shortwave"] = np.where(high, np.broadcast_to(top, high.shape), data["shortwave"])
    count = anywhere.sum(axis=(0, 1))
    cells = np.flatnonzero((count > 0) & (count <= settings.missing_months))
    for name, values in repaired.items():
        if missing[name][..., cells].any():
            values[..., cells] = _filled(values[..., cells], missing[name][..., cells], sources)
    left = np.any([is_missing(repaired[name][..., cells]) for name in repaired], axis=0)
    filled = (anywhere[..., cells] & ~left).sum(axis=(0, 1))
    clipped = high.sum(axis=(0, 1))
    weight = np.ones(count.size, dtype=int) if weight is None else weight
    return repaired, RepairCounts(
        int(weight[cells][filled > 0].sum()),
        int(weight[cells] @ filled),
        int(weight[clipped > 0].sum()),
        int(weight @ clipped),
        float(excess[high].max(initial=0.0)),
    )


def _filled(values: NDArray, missing: NDArray, sources: Sequence[slice]) -> NDArray:
    """Values with each missing month filled from the years around it."""
    known = np.where(missing, np.nan, values)
    filled = values.copy()
    for source in sources:
        for year, month in np.argwhere(missing[source].any(axis=2)):
            row = (source.start or 0) + int(year)
            first = max(row - YEARS_AROUND, source.start or 0)
            last = min(row + YEARS_AROUND + 1, source.stop)
            around = known[first:last, month]
            number = np.isfinite(around).sum(axis=0)
            mean = np.nansum(around, axis=0) / np.maximum(number, 1)
            fill = missing[row, month] & (number > 0)
            filled[row, month] = np.where(fill, mean, filled[row, month])
    return filled
