"""Measurements at places: bounds count one-sided, smoothly and with a slope everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from temjax.calibration.point_target import BEYOND, PointTarget, one_sided_residual

Z = np.array([-1e4, -40.0, -8.0, -1.0, 0.0, 0.5, 3.0, 8.0, 11.9])


def test_residual_of_a_bound_is_the_root_of_its_deviance():
    expected = np.sqrt(-2 * norm.logcdf(Z))
    np.testing.assert_allclose(one_sided_residual(jnp.asarray(Z)), expected, rtol=1e-10)
    assert float(one_sided_residual(jnp.asarray(0.0))) == pytest.approx(np.sqrt(2 * np.log(2)))
    # far on the wrong side a bound counts as a measured value
    assert float(one_sided_residual(jnp.asarray(-1e4))) == pytest.approx(1e4, rel=1e-6)


def test_derivatives_agree_with_each_other_and_with_differences():
    for z in map(jnp.asarray, Z[1:-1]):
        forward = jax.jvp(one_sided_residual, (z,), (jnp.ones(()),))[1]
        step = 1e-4
        there, back = one_sided_residual(z + step), one_sided_residual(z - step)
        assert forward == pytest.approx(float(jax.grad(one_sided_residual)(z)), rel=1e-12)
        assert forward == pytest.approx(float(there - back) / (2 * step), rel=2e-5, abs=1e-14)
        assert forward < 0


@pytest.mark.parametrize("z", [-1e150, -1e4, BEYOND - 1e-12, BEYOND, 40.0, 1e4])
def test_tails_are_finite_with_their_slopes(z):
    value, slope = jax.value_and_grad(one_sided_residual)(jnp.asarray(z))
    assert np.isfinite(value) and np.isfinite(slope)
    assert value < 1e-16 if z >= BEYOND - 1e-6 else value > 1


def test_float32_holds_to_the_cut():
    z = jnp.asarray([-50.0, 0.0, 5.0, BEYOND - 1e-3, BEYOND + 1], jnp.float32)
    value, slope = jax.jvp(one_sided_residual, (z,), (jnp.ones_like(z),))
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope)) and value.dtype == jnp.float32


def target(**changes):
    given = {"bounds": (0, 1, -1), "weight": 4.0} | changes
    return PointTarget.of("maximum_thaw_depth", [1.8, 2.6, 1.0], [0.5, 0.5, 0.25], **given)


def test_measured_values_and_bounds_of_either_side():
    simulated = jnp.asarray([[2.3, 1.8], [3.1, 1.6], [1.25, 0.75]])
    found = target().residuals(simulated)
    np.testing.assert_allclose(found[0], [2.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(found[1:], 2 * np.sqrt(-2 * norm.logcdf([[1, -2], [-1, 1]])))


def test_an_unused_bound_does_not_count():
    unused = target(used=np.array([1.0, 0.0, 0.0]))
    assert np.all(np.asarray(unused.residuals(jnp.zeros((3, 2))))[1:] == 0)


def test_simulated_values_come_back_from_residuals_but_of_bounds():
    simulated = np.array([2.3, 3.1, 1.25])
    back = target().predicted_from(np.asarray(target().residuals(jnp.asarray(simulated))))
    assert back[0] == pytest.approx(2.3) and np.isnan(back[1:]).all()
    with pytest.raises(ValueError, match="must be positive"):
        PointTarget.of("maximum_thaw_depth", [1.0], [0.0])
