"""Twin experiments at full length of history."""

import numpy as np
import pytest

from temjax import sites
from temjax.calibration import DISEQUILIBRIUM, Objective, twin
from temjax.calibration.part import Linearisation
from temjax.calibration.twin import coverage, draw_true_points, recover
from tests.support.short_site import short_objective


def test_truths_lie_inside_the_bounds():
    objective = short_objective()
    truth = draw_true_points(objective, 40, seed=1)
    shifts = np.asarray(objective.free.prior_residuals(truth))
    assert np.abs(shifts).max() <= 2.0 + 1e-9
    assert 0.6 < shifts.std() < 1.1


class _Linearised:
    """Residuals of 1 everywhere; the model fails at points that begin with a negative number."""

    def __init__(self, objective):
        self.size = objective.number_of_residuals + len(objective.free.names)

    def linearise(self, points):
        ones = np.ones((self.size, points.shape[1]))
        return Linearisation(ones, np.zeros((self.size, *points.shape)), points[0] >= 0)


def test_a_replicate_whose_truth_fails_has_no_data(monkeypatch):
    monkeypatch.setattr(twin, "ParallelStarts", _Linearised)
    objective = short_objective()
    truth = np.zeros((len(objective.free.names), 3))
    truth[0, 1] = -1.0
    measured = twin.twin_objective(objective, truth)
    for target, real in zip(measured.targets, objective.targets, strict=True):
        expected = np.asarray(real.values + real.sd * real.used)
        for start, factor in ((0, 1.0), (1, np.nan), (2, 1.0)):
            assert np.asarray(target.values)[..., start] == pytest.approx(
                factor * expected, nan_ok=True
            )
    with pytest.raises(ValueError, match="fails at the twin's truth"):
        twin.twin_objective(objective, truth[:, 1])


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
