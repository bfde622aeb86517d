"""Cells of a region that stand for the places of measurements."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.inputs.climate import cell_blocks
from temjax.regional.inputs.grids.grid import wrapped
from temjax.regional.run.member_group import MemberGroup, ScenarioRun
from temjax.regional.studies.design.candidate_file import CLIMATES, Candidate, Place

CLIMATE_YEARS = 30  # before the branch, whose mean air temperature orders the cells
QUANTILES = {"cold": 0.1, "warm": 0.9}  # of the type's area


@dataclass(frozen=True)
class Site:
    """Cell of a candidate.

    Attributes:
        cell: of the domain.
        vegetation: its type.
        latitude, longitude: degrees.
        temperature: mean of air temperature over ``CLIMATE_YEARS``, °C.
    """

    cell: int
    vegetation: str
    latitude: float
    longitude: float
    temperature: float

    @property
    def label(self) -> str:
        """Type, coordinates and temperature."""
        return (
            f"{self.vegetation} at {self.latitude:.2f} N {self.longitude:.2f} E "
            f"({self.temperature:.1f} °C)"
        )


def sites_of(path: Path, candidates: Sequence[Candidate], group: MemberGroup) -> list[Site]:
    """Cell of every candidate.

    Args:
        path: of the file of candidates, for findings.
        candidates: of types that have valid cells.
        group: whose first scenario's climate counts.

    Raises:
        DataError: coordinates without a cell of the type near them.
    """
    domain, run = group.domain, group.runs[0]
    valid = np.array([cell not in group.findings for cell in range(domain.size)])
    cells = {
        kind: np.flatnonzero(valid & (domain.vegetation == kind))
        for kind in dict.fromkeys(one.type for one in candidates)
    }
    temperature = {kind: mean_temperature(run, of_type) for kind, of_type in cells.items()}
    findings, sites = [], []
    for number, one in enumerate(candidates, 1):
        of_type = cells[one.type]
        if isinstance(one.climate, Place):
            distance = np.hypot(
                domain.latitude[of_type] - one.climate.latitude,
                wrapped(domain.longitude[of_type] - one.climate.longitude)
                * np.cos(np.radians(one.climate.latitude)),
            )
            chosen = int(np.argmin(distance))
            if distance[chosen] > 2 * domain.grid.spacing():
                message = (
                    f"no {one.type} is near: its nearest is {domain.label(of_type[chosen])}, "
                    f"{distance[chosen]:.2g} degrees away"
                )
                mend = f"Give other coordinates, or {', '.join(CLIMATES)}."
                key = f"candidates[{number}].climate"
                findings.append(Finding(str(path), key, "", message, mend))
        else:
            chosen = climate_cell(temperature[one.type], domain.area[of_type], one.climate)
        cell = int(of_type[chosen])
        sites.append(
            Site(
                cell, one.type, float(domain.latitude[cell]), float(domain.longitude[cell]),
                float(temperature[one.type][chosen]),
            )
        )  # fmt: skip
    raise_findings(findings)
    return sites


def mean_temperature(run: ScenarioRun, cells: NDArray) -> NDArray:
    """Mean air temperature before the branch, °C, ``(cell,)``."""
    branch = run.timeline.future[0]
    rows = run.timeline.rows[max(branch - CLIMATE_YEARS, run.timeline.historical[0]) : branch]
    parts = [
        run.climate.load(cells[block])["air_temperature"][rows].mean(axis=(0, 1))
        for block in cell_blocks(cells.size, run.climate.years.size)
    ]
    return np.concatenate(parts)


def climate_cell(temperature: NDArray, area: NDArray, climate: str) -> int:
    """Cell nearest to the area's mean temperature, or to its quantile for cold and warm."""
    if climate == "mean":
        wanted = float(np.average(temperature, weights=area))
    else:
        order = np.argsort(temperature)
        share = np.cumsum(area[order]) / area.sum()
        wanted = float(temperature[order][np.searchsorted(share, QUANTILES[climate])])
    return int(np.argmin(np.abs(temperature - wanted)))
