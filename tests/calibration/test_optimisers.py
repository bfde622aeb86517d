"""Bounded Levenberg–Marquardt on a linear problem whose bounded minimum is known."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from temjax import load_parameters
from temjax.calibration import FreeParameters
from temjax.calibration.optimisers import MARGIN, LevenbergMarquardt, make_optimiser

MATRIX = np.array([[10.0, 10.0, 0.0], [3.0, -1.0, 2.0], [0.0, 1.0, 5.0], [1.0, 0.0, 0.0]])
NAMES = ("cmax_scale", "respiration_rate_log", "kdc_scale")


def descend(unbounded: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Minimise |A z − A z*|² over shifts z; returns shifts, reasons, and the box."""
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    optimiser = LevenbergMarquardt(free, first.shape[1], tolerance=1e-10)
    target = MATRIX @ unbounded
    candidate = first
    for _ in range(40):
        shift, stretch = free.shifts(candidate)
        residuals = MATRIX @ shift - target[:, None]
        jacobian = MATRIX[:, :, None] * stretch
        gradient = np.einsum("nfs,ns->fs", jacobian, residuals)
        loss = 0.5 * np.sum(residuals**2, axis=0)
        candidate, reasons = optimiser.update(candidate, loss, gradient, residuals, jacobian)
        if all(reasons):
            break
    return optimiser.point, reasons, np.stack(free.shift_bounds(MARGIN))


@pytest.mark.parametrize("minimum", [(0.5, -0.3, 0.2), (5.0, -3.0, 0.5), (-9.0, 2.0, 6.0)])
def test_every_start_finds_the_bounded_minimum(minimum):
    first = np.zeros((3, 4))
    first[:, 1:] = [[8.0, -1.0, 0.5], [-0.5, -8.0, 1.0], [0.3, 0.2, 9.0]]
    found, reasons, box = descend(np.array(minimum), first)
    expected = lsq_linear(MATRIX, MATRIX @ np.array(minimum), bounds=tuple(box), tol=1e-14).x
    assert all(reasons)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 4, axis=1), atol=2e-4)


def test_an_unknown_rule():
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    with pytest.raises(ValueError, match="choose one of lm, lbfgs, adam"):
        make_optimiser("bfgs", free, 1, tolerance=1e-4, steps=3, learning_rate=0.1)
