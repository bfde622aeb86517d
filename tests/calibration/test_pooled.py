"""Places around a type: map, derivatives and posterior against known answers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import JointObjective, fit
from temjax.calibration.pooled import deviated
from temjax.calibration.pooled_posterior import reported_posterior, reported_slopes
from temjax.calibration.uncertainty import laplace
from tests.support.linear_parts import LinearPart, pooled_posterior, wide_free

NAMES = ("cmax_scale", "kdc_scale")
STRENGTH = 0.5


def places(count=3, seed=0, rows=6):
    rng = np.random.default_rng(seed)
    return tuple(
        LinearPart(
            f"place-{k}", wide_free(NAMES), rng.normal(size=(rows, 2)), 2 * rng.normal(size=rows)
        )
        for k in range(count)
    )


def pooled(strength=STRENGTH, parts=None):
    return JointObjective.of(parts or places(), pooled=("cmax",), strength=strength)


def test_a_deviation_is_the_step_inside_and_never_crosses_a_bound():
    step = jnp.linspace(-30, 30, 601)
    value = deviated(jnp.asarray(1.0), step, jnp.asarray(0.0), jnp.asarray(5.0))
    inside = jnp.where(step < 0, jnp.abs(step) < 0.4, step < 1.6)
    np.testing.assert_allclose(value[inside], 1 + step[inside], atol=1e-3)
    assert 0 < float(value.min()) and float(value.max()) < 5
    assert bool(jnp.all(jnp.diff(value) > 0))


@pytest.mark.parametrize("step", [0.0, 0.3, -0.8, 4.0, -30.0])
def test_derivatives_of_a_deviation(step):
    def value(both):
        return deviated(both[0], both[1], jnp.asarray(0.0), jnp.asarray(5.0))

    point = jnp.array([1.0, step])
    forward, reverse = jax.jacfwd(value)(point), jax.jacrev(value)(point)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-15)
    assert float(forward[1]) > 0
    moved = [value(point.at[i].add(1e-6)) - value(point.at[i].add(-1e-6)) for i in (0, 1)]
    np.testing.assert_allclose(forward, np.array(moved) / 2e-6, rtol=1e-4, atol=1e-8)


def test_a_type_at_its_bound_keeps_the_map_finite():
    value, slope = jax.value_and_grad(lambda s: deviated(jnp.array(5.0), s, 0.0, 5.0))(0.5)
    assert np.isfinite(value) and value <= 5.0 and np.isfinite(slope)


def test_a_pooled_parameter_has_one_column_and_one_for_each_place():
    joint = pooled()
    assert joint.reported.names[:3] == ("cmax_scale", "cmax_scale@place-0", "kdc_scale@place-0")
    assert joint.free.names[1] == "deviation of cmax_scale@place-0"
    assert joint.columns[1] == (3, 4) and joint.pooling.types == (0, 0, 0)
    assert joint.reported.prior_sd[3] == pytest.approx(np.hypot(1, STRENGTH))
    stronger = joint.with_strength(2.0)
    assert stronger.reported.prior_sd[3] == pytest.approx(np.hypot(1, 2.0))
    assert stronger.pooling.strength == 2.0


def test_without_strength_the_places_are_tied():
    joint, tied = pooled(0.0), JointObjective.of(places(), ("cmax",))
    assert joint.pooling is None and joint.columns == tied.columns
    assert dataclasses.astuple(joint.free) == dataclasses.astuple(tied.free)


def test_other_parts_have_the_parameters_of_the_type():
    points = LinearPart("alt", wide_free(NAMES), np.eye(2), (1.0, 1.0), is_site=False)
    joint = pooled(parts=(*places(2), points))
    assert joint.reported.names[joint.columns[2][0]] == "cmax_scale"
    free = jnp.asarray(np.random.default_rng(1).normal(size=(len(joint.free.names), 2)))
    np.testing.assert_allclose(joint.part_point(2, free)[0], free[0])


def test_parts_that_join_later_have_the_parameters_of_the_type():
    names = ("cmax_scale", "heterotrophic_q10")
    points = LinearPart("alt", wide_free(names), np.eye(2), (1.0, 1.0), is_site=False)
    joint = JointObjective.joined(pooled(parts=places(2)), (points,))
    assert joint.columns[2] == (0, 5) and joint.pooling.places == (1, 3)
    assert joint.reported.names[5] == joint.free.names[5] == "heterotrophic_q10"
    free = jnp.asarray(np.random.default_rng(1).normal(size=(6, 2)))
    np.testing.assert_allclose(joint.part_point(2, free), free[np.array([0, 5])])
    linear = joint.linearise(free)
    assert not np.asarray(linear.jacobian)[12:14, 1:5].any()


def test_the_joint_jacobian_is_that_of_differences():
    joint = pooled(2.0)
    free = jnp.asarray(np.random.default_rng(3).normal(size=(len(joint.free.names), 2)))
    linear = joint.linearise(free)
    np.testing.assert_allclose(linear.residuals, joint.residuals(free)[0])
    for column in range(len(free)):
        ends = [joint.residuals(free.at[column].add(sign * 1e-5))[0] for sign in (1, -1)]
        np.testing.assert_allclose(
            linear.jacobian[:, column], (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-7
        )


def test_posterior_of_type_and_places():
    parts = places()
    joint = pooled(parts=parts)
    result = fit(joint, starts=2, steps=30, tolerance=1e-12)
    posterior = reported_posterior(result, laplace(result))
    mean, covariance = pooled_posterior(parts, 1, STRENGTH)
    sd = np.asarray(joint.reported.prior_sd)
    np.testing.assert_allclose(posterior.centre * sd, mean, atol=1e-4)
    np.testing.assert_allclose(
        posterior.covariance * np.outer(sd, sd), covariance, rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(result.values, mean, atol=1e-4)
    # predictions have the same spread whichever numbers carry it
    free = laplace(result)
    np.testing.assert_allclose(posterior.predicted_sd(), free.predicted_sd(), rtol=1e-6)
    slopes = reported_slopes(joint, free.centre)[1]
    np.testing.assert_allclose(posterior.jacobian @ slopes, free.jacobian, atol=1e-8)


def test_a_large_strength_leaves_each_place_to_its_data():
    parts = places(rows=40)
    wide = fit(pooled(30.0, parts), starts=2, steps=40, tolerance=1e-12)
    for k, part in enumerate(parts):
        matrix, observed = np.asarray(part.matrix), np.asarray(part.observed)
        prior = np.diag([1 / (1 + 30.0**2), 1.0])
        alone = np.linalg.solve(matrix.T @ matrix + prior, matrix.T @ observed)
        found = wide.values[list(wide.objective.columns[k])]
        np.testing.assert_allclose(found, alone, atol=2e-2)
