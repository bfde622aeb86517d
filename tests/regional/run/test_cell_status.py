"""Cells that ran but are to be read with care, or not at all: status, reason, what is kept."""

import numpy as np

from temjax.regional.inputs.domain import load_domain
from temjax.regional.member import (
    HEAT_NOT_SOLVED,
    NEGATIVE_POOL,
    NOT_CONVERGED,
    NOT_FINITE,
    OK,
    STATUS,
)
from temjax.regional.run.members import classify_cells
from temjax.runs.equilibrium import METHODS
from tests.support.small_region import small_experiment


def test_every_fault_is_named_and_only_what_is_not_finite_is_masked(tmp_path):
    domain = load_domain(small_experiment(tmp_path))
    assert domain.size == 5
    converged, lost = METHODS.index("broyden"), METHODS.index("not converged")
    tile = {
        "equilibrium/method": np.array([converged, converged, converged, lost, converged]),
        "equilibrium/heat_residual": np.zeros(5),
        "finite": np.array([True, True, True, True, False]),
        "least_pool": np.array([-1e-9, -1e-3, 0.0, 0.0, np.nan]),
        "heat_imbalance": np.array([0.5, 0.0, 20.0, 20.0, np.nan]),
        "equilibrium/residual": np.ones(5),
    }
    findings = {}
    by_cell, status = classify_cells(domain, [(np.arange(5), tile)], findings)
    assert list(status) == [OK, NEGATIVE_POOL, HEAT_NOT_SOLVED, NOT_CONVERGED, NOT_FINITE]
    np.testing.assert_array_equal(np.isnan(by_cell["equilibrium/residual"]), status == NOT_FINITE)
    assert {cell: [f.variable for f in of_cell] for cell, of_cell in findings.items()} == {
        1: [STATUS[NEGATIVE_POOL]],
        2: [STATUS[HEAT_NOT_SOLVED]],
        3: [STATUS[HEAT_NOT_SOLVED], STATUS[NOT_CONVERGED]],
        4: [STATUS[NOT_FINITE]],
    }
    assert all(f.message and f.mend for of_cell in findings.values() for f in of_cell)
