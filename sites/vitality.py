"""Whether the vegetation of a run can live in its climate."""

import numpy as np

from temjax.runs.simulate import Run

BARE = 1.0  # g C m-2 yr-1; the sparsest tundra has tens
LAST_YEARS = 10


def vegetation_fault(run: Run) -> str:
    """Why the vegetation of a run cannot live there, a clause; empty if it can."""
    production = float(np.mean(np.asarray(run.annual.gross_primary_production)[-LAST_YEARS:]))
    if production >= BARE:
        return ""
    return f"bare ground: GPP of the last years is {production:.2g} g C m⁻² yr⁻¹"
