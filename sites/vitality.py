"""Whether the vegetation of a run can live in its climate."""

import numpy as np

from temjax.parameters.registry import Parameters
from temjax.runs.simulate import Run
from temjax.sites.site import Site

LAST_YEARS = 10
LEAST_PRODUCTION = 1.0  # g C m⁻² yr⁻¹; below, the ground is bare


def vegetation_fault(
    run: Run, site: Site, parameters: Parameters, *, parameter_set: str | None = None
) -> str:
    """Why a run is one of bare ground, a sentence; empty where vegetation lives.

    Args:
        run: of the site.
        site: its forcing and observations.
        parameters: of the run.
        parameter_set: their name; by default the site's set.
    """
    production = float(np.mean(np.asarray(run.annual.gross_primary_production)[-LAST_YEARS:]))
    if production >= LEAST_PRODUCTION:
        return ""
    name = parameter_set or site.parameter_set
    return (
        f"the parameter set {name!r} cannot live in this climate: GPP is {production:.2g} g C m⁻² "
        "a year (bare ground)"
    )
