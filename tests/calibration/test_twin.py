"""Twin experiments at full length of history."""

import numpy as np
import pytest

from temjax import sites
from temjax.calibration import DISEQUILIBRIUM, Objective
from temjax.calibration.twin import coverage, draw_true_points, recover
from tests.support.short_site import short_objective


def test_truths_lie_inside_the_bounds():
    objective = short_objective()
    truth = draw_true_points(objective, 40, seed=1)
    shifts = np.asarray(objective.free.prior_residuals(truth))
    assert np.abs(shifts).max() <= 2.0 + 1e-9
    assert 0.6 < shifts.std() < 1.1


@pytest.mark.slow
def test_identified_numbers_come_back():
    names = ("cmax_scale", "respiration_rate_log", "kdc_scale", DISEQUILIBRIUM)
    objective = Objective.of(sites.load("haibei-meadow"), names, ("nep", "gpp", "reco", "soc"))
    outcome = recover(objective, starts=8, steps=30, seed=1)
    assert outcome.identified.any()
    assert outcome.recovered.sum() >= 6


@pytest.mark.slow
def test_intervals_cover_the_truth():
    objective = short_objective()
    found = coverage(objective, replicates=50, seed=2)
    assert found.replicates >= 45
    assert 0.80 <= found.rate <= 0.97
