"""The run of a member: products by cell and year, the status of cells, what the run cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from numpy.typing import NDArray

from temjax.files.findings import Finding
from temjax.regional.inputs.climate import Segment
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.seams import Seam
from temjax.regional.inputs.timeline import Timeline

STATUS = (
    "ok", "equilibrium_not_converged", "invalid_input", "no_vegetation", "not_finite",
    "negative_pool", "heat_not_solved",
)  # fmt: skip
(OK, NOT_CONVERGED, INVALID_INPUT, NO_VEGETATION, NOT_FINITE, NEGATIVE_POOL,
 HEAT_NOT_SOLVED) = range(len(STATUS))  # fmt: skip
MASKED = (INVALID_INPUT, NO_VEGETATION, NOT_FINITE)


@dataclass
class MemberResult:
    """Results of the run of one member.

    Attributes:
        member, scenario: climate model and pathway.
        domain: cells.
        timeline: years.
        products: ``historical/npp``, ``S_R/npp``, ``S_T/npp`` ... ``(year, [depth,] cell)``; NaN in
            masked cells. Convergence diagnostics as ``equilibrium/residual`` ... ``(cell,)``. After
            a run they are read from its restart points on access.
        status: index into ``STATUS``, ``(cell,)``.
        findings: reasons by cell, for every cell that is not ok.
        segments: climate sources in order.
        seams: discontinuities between climate sources.
        notes: what was chosen where the input does not say.
        repairs: of the climate over all cells, by name.
        parameter_hashes: by vegetation type.
        climate: area-weighted annual means of the climate (sum of precipitation) and CO2 by name,
            ``(year,)`` from the first year of the climate on.
        cell_years: simulated in this run, without those of restart points; a past that scenarios
            share counts for the first of them.
        seconds: computing time of its tiles, summed over workers.
    """

    member: str
    scenario: str
    domain: Domain
    timeline: Timeline
    products: Mapping[str, NDArray]
    status: NDArray
    findings: dict[int, list[Finding]]
    segments: tuple[Segment, ...]
    seams: list[Seam]
    parameter_hashes: dict[str, str]
    climate: dict[str, NDArray]
    cell_years: int
    seconds: float
    notes: tuple[str, ...] = ()
    repairs: dict[str, float] = field(default_factory=dict)
