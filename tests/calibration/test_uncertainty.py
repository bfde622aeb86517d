"""Laplace's approximation on a problem with a known answer."""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax import load_parameters
from temjax.calibration import FreeParameters
from temjax.calibration.uncertainty import laplace_at

NAMES = ("cmax_scale", "kdc_scale", "respiration_rate_log")
# The data see the sum of the first two numbers well and the third a little.
DATA = np.array([[10.0, 10.0, 0.0], [0.0, 0.0, 0.5]])


@pytest.fixture(scope="module")
def posterior():
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    jacobian = np.concatenate([DATA, np.eye(3)])
    return laplace_at(free, np.zeros(3), jacobian, observed=2)


def test_the_covariance_is_the_inverse_of_data_and_prior(posterior):
    expected = np.linalg.inv(DATA.T @ DATA + np.eye(3))
    np.testing.assert_allclose(posterior.covariance, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(posterior.shrinkage[2], 1 - 1 / np.sqrt(1.25), rtol=1e-8)


def test_the_spectrum_tells_informed_directions(posterior):
    np.testing.assert_allclose(posterior.eigenvalues, [200.0, 0.25, 0.0], atol=1e-9)
    assert posterior.informed == 1
    weakest = posterior.unconstrained()
    assert len(weakest) == 2
    assert "cmax_scale" in weakest[0] and "kdc_scale" in weakest[0]
    assert "respiration_rate_log" in weakest[1]


def test_the_difference_the_data_do_not_see_is_anticorrelated(posterior):
    assert posterior.correlation[0, 1] < -0.98
    assert abs(posterior.correlation[0, 2]) < 1e-9


def test_intervals_hold_the_samples(posterior):
    low, high = posterior.interval(0.9)
    draws = np.asarray(posterior.free.values(jnp.asarray(posterior.samples(4000, seed=1))))
    inside = np.mean((draws > low[:, None]) & (draws < high[:, None]), axis=1)
    np.testing.assert_allclose(inside, 0.9, atol=0.02)


def test_without_data_the_interval_is_the_priors():
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    posterior = laplace_at(free, np.zeros(3), np.concatenate([0 * DATA, np.eye(3)]), observed=2)
    np.testing.assert_allclose(posterior.shrinkage, 0.0, atol=1e-12)
    rows = posterior.table()
    for row in rows:
        assert row["prior"] == pytest.approx(row["estimate"])
        assert row["low"] == pytest.approx(row["prior_low"])
        assert row["high"] == pytest.approx(row["prior_high"])


def test_an_optimum_at_a_bound_is_named():
    free = FreeParameters.of(load_parameters("alpine-meadow"), NAMES)
    jacobian = np.concatenate([DATA, np.eye(3)])
    posterior = laplace_at(free, np.array([12.0, 0.0, 0.0]), jacobian, observed=2)
    assert posterior.at_bounds() == ("cmax_scale",)
