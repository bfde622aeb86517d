"""Climate of a member from the source that its experiment names."""

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.climate.monthly import MonthlyClimate
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
    uneven = climate.uneven if isinstance(climate, MonthlyClimate) else ""
    raise_findings(_period_findings(experiment, climate.years, source, uneven))
    return climate


def _period_findings(
    experiment: Experiment, years: NDArray, source: str, uneven: str
) -> list[Finding]:
    """The finding of the periods of the protocol that the climate does not cover.

    Args:
        years: of the climate.
        source: of the climate.
        uneven: years of each driver, where they differ.
    """
    asked = {
        name: getattr(experiment.protocol, name)
        for name in ("equilibrium_years", "spin_up_years", "historical", "future")
    }
    lacking = {
        name: first if first < years[0] else int(years[-1]) + 1
        for name, (first, last) in asked.items()
        if first < years[0] or last > years[-1]
    }
    if not lacking:
        return []
    texts = dict.fromkeys("{}-{}".format(*asked[name]) for name in lacking)
    there = f"{years[0]}-{years[-1]}" + (f" ({uneven})" if uneven else "")
    message = f"{', '.join(texts)} asked for, climate has {there}"
    mend = "Give climate for these years or change the period."
    names = "protocol." + ", ".join(lacking)
    return [Finding(source, names, f"year {min(lacking.values())}", message, mend)]
