"""Climate of a member from the source that its experiment names."""

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.climate.netcdf_climate import netcdf_climate
from temjax.regional.climate.one_percent import one_percent_climate
from temjax.regional.climate.project_climate import project_climate
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.one_percent import OnePercent
from temjax.regional.experiment.settings import GriddedClimate, ProjectClimate
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.climate import Climate, Segment
from temjax.regional.inputs.domain import Domain, in_box, synthetic_cells
from temjax.sites.history import global_co2


def load_climate(experiment: Experiment, domain: Domain, member: str, scenario: str) -> Climate:
    """Load the climate of one member on a domain.

    Raises:
        DataError: files, variables, units or months that cannot be used at all, or years that do
            not cover the protocol. Faulty values of single cells are kept in ``findings``.
    """
    if isinstance(experiment.protocol, OnePercent):
        return one_percent_climate(
            experiment.climate, experiment.protocol, domain, member, scenario
        )
    if isinstance(experiment.climate, ProjectClimate):
        climate: Climate = project_climate(experiment.climate, domain, member, scenario)
        source = str(experiment.climate.folder)
    elif isinstance(experiment.climate, GriddedClimate):
        climate = netcdf_climate(experiment.climate, domain)
        source = str(experiment.climate.folder)
    else:
        cells = synthetic_cells(experiment.domain)
        years = np.arange(synthetic.FIRST_YEAR, synthetic.LAST_YEAR + 1)
        climate = synthetic.SyntheticPlateauClimate(
            cells=cells.select(in_box(experiment.cells, cells.latitude, cells.longitude)),
            member=member,
            scenario=scenario,
            years=years,
            co2=global_co2(int(years[0]), int(years[-1]), scenario)[:, 6],
            segments=(
                Segment(f"{synthetic.LABEL} pseudo-GCM {member}", int(years[0]), int(years[-1])),
            ),
        )
        source = f"{synthetic.LABEL} plateau"
    raise_findings(_period_findings(experiment, climate.years, source))
    return climate


def _period_findings(experiment: Experiment, years: NDArray, source: str) -> list[Finding]:
    """Findings of periods of the protocol that the climate does not cover."""
    findings = []
    for name in ("equilibrium_years", "spin_up_years", "historical", "future"):
        first, last = getattr(experiment.protocol, name)
        if first < years[0] or last > years[-1]:
            absent = first if first < years[0] else int(years[-1]) + 1
            findings.append(
                Finding(
                    source,
                    f"protocol.{name}",
                    f"year {absent}",
                    f"years do not overlap: {first}-{last} is asked for, "
                    f"climate has {years[0]}-{years[-1]}",
                    "Give climate for these years or change the period.",
                )
            )
    return findings
