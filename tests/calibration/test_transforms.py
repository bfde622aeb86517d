"""Bounded parameters and the free numbers that stand for them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import load_parameters, replace_parameters
from temjax.calibration import TABLE_S2, THERMAL, FreeParameters
from temjax.calibration.starts import WHOLE_RANGE, prior_starts
from temjax.parameters.registry import REGISTRY, tunable_names

MEADOW = load_parameters("alpine-meadow")


def inside(names):
    """Names whose value in the meadow set lies inside its bounds."""
    return tuple(
        name
        for name in names
        if REGISTRY[name].bounds[0] < float(getattr(MEADOW, name)) < REGISTRY[name].bounds[1]
    )


NAMES = inside(tunable_names())


def test_almost_every_tunable_of_the_set_can_be_freed():
    assert len(NAMES) >= len(tunable_names()) - 1


def test_zero_is_the_start():
    free = FreeParameters.of(MEADOW, NAMES)
    expected = [float(getattr(MEADOW, name)) for name in NAMES]
    np.testing.assert_allclose(free.values(jnp.zeros(len(NAMES))), expected, rtol=1e-12)


def test_a_unit_step_near_the_start_is_one_prior_standard_deviation():
    free = FreeParameters.of(MEADOW, NAMES)
    slope = jax.jvp(free.prior_residuals, (jnp.zeros(len(NAMES)),), (jnp.ones(len(NAMES)),))[1]
    np.testing.assert_allclose(slope, 1.0, rtol=1e-10)


@pytest.mark.parametrize("size", [1.0, 4.0, 30.0])
def test_values_stay_inside_their_bounds(size):
    free = FreeParameters.of(MEADOW, NAMES)
    for sign in (-1.0, 1.0):
        values = np.asarray(free.values(jnp.full(len(NAMES), sign * size)))
        for name, value in zip(NAMES, values, strict=True):
            low, high = REGISTRY[name].bounds
            # rounding may put a value on its bound, never beyond
            assert low - 1e-12 * abs(low) <= value <= high + 1e-12 * abs(high), name


def test_the_gradient_lives_six_standard_deviations_away():
    free = FreeParameters.of(MEADOW, NAMES)
    for sign in (-6.0, 6.0):
        point = jnp.full(len(NAMES), sign)
        slope = jax.jvp(free.values, (point,), (jnp.ones(len(NAMES)),))[1]
        assert np.all(np.asarray(slope) > 0)


@pytest.mark.parametrize("size", [0.3, 3.0])
def test_from_values_is_the_inverse_of_values(size):
    free = FreeParameters.of(MEADOW, NAMES)
    point = size * jax.random.normal(jax.random.key(1), (len(NAMES), 5))
    values = free.values(point)
    np.testing.assert_allclose(free.from_values(values), point, rtol=1e-6, atol=1e-7)


def test_from_values_refuses_what_lies_outside():
    free = FreeParameters.of(MEADOW, ("cmax_scale",))
    with pytest.raises(ValueError, match=r"cmax_scale = 2.5 1 is not inside its bounds 0.2 … 2.5"):
        free.from_values(np.array([2.5]))


def test_put_sets_only_what_is_free():
    free = FreeParameters.of(MEADOW, ("cmax_scale", "krb", "disequilibrium_factor"))
    changed, history = free.insert(MEADOW, jnp.asarray([0.5, -0.5, 0.0]))
    assert float(changed.cmax_scale) > float(MEADOW.cmax_scale)
    assert float(changed.respiration_rate_log) < float(MEADOW.respiration_rate_log)
    assert float(changed.kdc_scale) == float(MEADOW.kdc_scale)
    assert list(history) == ["disequilibrium_factor"]
    assert float(history["disequilibrium_factor"]) == pytest.approx(1.0)


def test_starts_trail():
    free = FreeParameters.of(MEADOW, ("cmax_scale", "krb"))
    points = jnp.asarray([[0.0, 1.0, -1.0], [0.5, 0.0, 0.0]])
    for start in range(3):
        alone = free.values(points[:, start])
        np.testing.assert_allclose(free.values(points)[:, start], alone, rtol=1e-12)


def test_groups_open_and_a_centre_replaces_the_set():
    free = FreeParameters.of(MEADOW, ("table-s2", "thermal"), centre={"cmax_scale": 0.7})
    assert set(TABLE_S2) | set(THERMAL) == set(free.names)
    values = dict(zip(free.names, np.asarray(free.values(jnp.zeros(len(free.names)))), strict=True))
    assert values["cmax_scale"] == pytest.approx(0.7)


def test_sobol_starts_fill_the_prior():
    free = FreeParameters.of(MEADOW, NAMES)
    starts = prior_starts(free, 64, seed=2)
    np.testing.assert_array_equal(starts[:, 0], 0.0)
    np.testing.assert_array_equal(starts, prior_starts(free, 64, seed=2))
    narrow = [name not in WHOLE_RANGE for name in free.names]
    shifts = np.asarray(free.prior_residuals(starts))[narrow, 1:]
    assert np.all(np.isfinite(shifts)) and np.abs(shifts).max() <= 2.5 + 1e-6
    assert 0.5 < shifts.std() < 1.1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("cmx",), "unknown parameter 'cmx'"),
        (("CMAX", "cmax_scale"), "named twice"),
        (("TOPTMAX",), "is fixed"),
    ],
)
def test_names_that_cannot_be_freed(names, message):
    with pytest.raises(ValueError, match=message):
        FreeParameters.of(MEADOW, names)


def test_a_start_outside_its_bounds():
    outside = replace_parameters(MEADOW, cmax_scale=3.0)
    with pytest.raises(ValueError, match=r"cmax_scale starts at 3 1, not inside its bounds"):
        FreeParameters.of(outside, ("cmax_scale",))


def test_starts_of_a_limit_lie_all_over_its_range():
    """Where TOPTMIN does not act it has no derivative: some starts must be where it does."""
    names = ("cmax_scale", "temperature_optimum_minimum")
    free = FreeParameters.of(load_parameters("alpine-meadow"), names)
    starts = prior_starts(free, 64, seed=2)
    values = np.asarray(free.values(starts))
    np.testing.assert_allclose(values[:, 0], (1.0, 5.5))
    low, high = np.quantile(values[1], (0.25, 0.75))
    assert low == pytest.approx(8.25, abs=0.5) and high == pytest.approx(14.75, abs=0.5)
    assert np.abs(np.log(values[0])).max() < 2.5 * free.prior_sd[0] + 1e-9
