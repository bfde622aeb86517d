"""Interface of monthly climate, common to all sources, and blocks of cells that fit into memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol as Interface
from typing import runtime_checkable

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding

VARIABLES = ("air_temperature", "precipitation", "shortwave")
BLOCK_CELLS = 2000  # in memory at a time,
BLOCK_BYTES = 16e6  # or fewer where the float64 months of a driver are more than this


@dataclass(frozen=True)
class Segment:
    """Consecutive years from one source."""

    label: str
    first: int
    last: int


@runtime_checkable
class Climate(Interface):
    """Interface of a member's climate.

    Attributes:
        years: consecutive calendar years, ``(year,)``.
        co2: July values of those years, ppmv, ``(year,)``.
        segments: the sources in order.
        findings: faults by cell; such cells are masked.
        notes: what was chosen where the files do not say, repaired, and suspicious.
        repairs: what was repaired over the whole domain, by name; empty for nothing.
        kept: what of its months is on disk and where; empty for nothing.
        common_until: last year in which all scenarios of this climate model are the same; None
            where there is one scenario only.
    """

    years: NDArray
    co2: NDArray
    common_until: int | None
    segments: tuple[Segment, ...]
    findings: dict[int, list[Finding]]
    notes: tuple[str, ...]
    repairs: dict[str, float]
    kept: str

    def load(self, cells: NDArray) -> dict[str, NDArray]:
        """Load air temperature (°C), precipitation (mm month⁻¹) and shortwave (W m⁻²) of cells.

        Args:
            cells: indices into the domain, ``(cell,)``.

        Returns:
            ``(year, 12, cell)`` by name, float64.
        """


def cell_blocks(number: int, years: int) -> Iterator[NDArray]:
    """Blocks of cells whose months fit into memory with room for work on them.

    Args:
        number: of all cells.
        years: of the climate.
    """
    size = max(min(BLOCK_CELLS, int(BLOCK_BYTES // (8 * 12 * max(years, 1)))), 1)
    for start in range(0, number, size):
        yield np.arange(start, min(start + size, number))


def merge_findings(*parts: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
    """Merge findings by cell of several sources."""
    merged: dict[int, list[Finding]] = {}
    for part in parts:
        for cell, findings in part.items():
            merged.setdefault(cell, []).extend(findings)
    return dict(sorted(merged.items()))
