"""Starts of a fit on the cores of a machine."""

import threading

import numpy as np
import pytest

from temjax.calibration.objective import Linearised
from temjax.calibration.side_by_side import SideBySide


class _Recording:
    """Stands for an objective: twice the points, and who asked for what."""

    def __init__(self):
        self.shapes, self.threads = [], []

    def linearised(self, free):
        self.shapes.append(free.shape)
        self.threads.append(threading.get_ident())
        return Linearised(2 * free, np.ones((3, *free.shape)) * free, free[0] > 0)


@pytest.mark.parametrize("starts", [1, 2, 5, 16])
@pytest.mark.parametrize("cores", [1, 2, 3, 16])
def test_shares_are_put_together_in_the_order_of_the_starts(starts, cores):
    objective = _Recording()
    points = np.arange(2.0 * starts).reshape(2, starts) - 3
    spread = SideBySide(objective, cores)
    for _ in range(2):
        found = spread.linearised(points)
        np.testing.assert_array_equal(found.residuals, 2 * points)
        np.testing.assert_array_equal(found.jacobian[1], points)
        np.testing.assert_array_equal(found.converged, points[0] > 0)
    assert len(set(objective.shapes)) == 1, "one program serves all shares"
    assert len(objective.shapes) / 2 <= cores


def test_the_first_share_compiles_alone():
    objective = _Recording()
    spread = SideBySide(objective, 4)
    spread.linearised(np.zeros((1, 8)))
    main = threading.get_ident()
    assert [one == main for one in objective.threads] == [True, False, False, False]
    spread.linearised(np.zeros((1, 8)))
    assert main not in objective.threads[4:]
