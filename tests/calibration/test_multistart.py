"""Fit of the model's own output: derivatives, optimisers, uncertainty, restart."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import FitError, fit
from temjax.calibration.tunables import no_effect_text
from temjax.calibration.twin import twin_objective
from temjax.calibration.uncertainty import laplace, linear_bands
from temjax.programs.exported import exported_jit
from temjax.runtime.cache import PROGRAM
from tests.support.short_site import NAMES, short_objective

TRUTH = np.array([0.6, -0.5, 0.4, -0.3])
STARTS = 4
PRIOR_SCALE = 0.1


@pytest.fixture(scope="module")
def twin():
    objective = short_objective()
    made = twin_objective(objective, TRUTH, starts=STARTS)
    # Four years of history say little beside the prior: weaken it, so that the data lead.
    return dataclasses.replace(made, prior_scale=jnp.asarray(np.asarray(PRIOR_SCALE)))


@pytest.fixture(scope="module")
def fitted(twin):
    return fit(twin, starts=STARTS, seed=3, steps=12, tolerance=1e-5)


def test_the_jacobian_is_that_of_central_differences(twin):
    point = np.array([0.2, -0.1, 0.3, 0.1])
    step = 1e-4
    exact = twin.linearise(jnp.asarray(np.repeat(point[:, None], STARTS, axis=1)))
    differences = np.zeros((exact.residuals.shape[0], len(NAMES)))
    for first in range(0, len(NAMES), 2):
        moved = np.repeat(point[:, None], STARTS, axis=1)
        for offset in (0, 1):
            moved[first + offset, 2 * offset] += step
            moved[first + offset, 2 * offset + 1] -= step
        residuals = np.asarray(twin.linearise(jnp.asarray(moved)).residuals)
        for offset in (0, 1):
            pair = residuals[:, 2 * offset] - residuals[:, 2 * offset + 1]
            differences[:, first + offset] = pair / (2 * step)
    jacobian = np.asarray(exact.jacobian)[:, :, 0]
    assert bool(jnp.all(exact.converged))
    np.testing.assert_allclose(jacobian, differences, rtol=2e-5, atol=2e-5)
    gradient = jacobian.T @ np.asarray(exact.residuals)[:, 0]
    numeric = differences.T @ np.asarray(exact.residuals)[:, 0]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_another_process_need_not_trace_the_jacobian(twin, kept_folder, monkeypatch):
    points = jnp.asarray(np.linspace(-0.2, 0.3, len(NAMES) * STARTS).reshape(-1, STARTS))
    traced = twin.linearise(points)
    assert len([*kept_folder.glob(f"*{PROGRAM}")]) == 1
    again = exported_jit(type(twin).linearise.__wrapped__, packages=("temjax.sites",))
    monkeypatch.setattr(type(twin), "residual_vector", None)
    for found, expected in zip(again(twin, points), traced, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_starts_do_not_touch_each_other(twin):
    points = np.zeros((len(NAMES), STARTS))
    points[0, 1:] = (0.5, -0.5, 1.0)
    together = np.asarray(twin.linearise(jnp.asarray(points)).residuals)
    swapped = np.asarray(twin.linearise(jnp.asarray(points[:, ::-1])).residuals)
    np.testing.assert_allclose(together, swapped[:, ::-1], rtol=1e-6, atol=1e-8)


def test_the_loss_falls_and_the_fit_moves_to_the_truth(fitted):
    assert fitted.loss[fitted.best] < 0.1 * fitted.losses[0, 0]
    before = np.linalg.norm(fitted.path[0][:, 0] - TRUTH)
    after = np.linalg.norm(fitted.free[:, fitted.best] - TRUTH)
    assert after < 0.4 * before


def test_the_history_is_complete(fitted):
    steps = len(fitted.losses)
    assert fitted.path.shape == (steps, len(NAMES), STARTS)
    assert fitted.gradients.shape == fitted.path.shape
    assert len(fitted.reasons) == STARTS and all(fitted.reasons)
    assert fitted.dropped == ()
    best = fitted.best
    row = np.nanargmin(fitted.losses[:, best])
    np.testing.assert_allclose(fitted.path[row][:, best], fitted.free[:, best])
    total = sum(fitted.misfit.values())
    np.testing.assert_allclose(total, fitted.loss[best], rtol=1e-9)


def test_the_posterior_is_narrower_than_the_prior(fitted):
    posterior = laplace(fitted)
    assert np.all(posterior.shrinkage >= 0) and np.all(posterior.shrinkage < 1)
    assert np.all(np.linalg.eigvalsh(posterior.covariance) > 0)
    jacobian = fitted.jacobian[:, :, fitted.best]
    # The prior's own rows carry the step from free space to prior standard deviations.
    stretch = np.diag(jacobian[-len(NAMES) :]) / PRIOR_SCALE
    data = jacobian[: -len(NAMES)] / stretch
    direct = np.linalg.inv(data.T @ data + np.eye(len(NAMES)))
    np.testing.assert_allclose(posterior.covariance, direct, rtol=1e-6, atol=1e-9)
    low, high = posterior.interval()
    assert np.all(low < fitted.values) and np.all(fitted.values < high)


def test_the_predictive_band_is_centred_at_the_fit(fitted):
    bands = linear_bands(fitted, laplace(fitted))
    band = bands["gross_flux@haibei-meadow"]
    used = np.asarray(band.target.used) > 0
    assert np.all(band.total_sd[used] > band.parameter_sd[used])
    sd = np.asarray(band.target.sd)
    residual = ((band.centre - np.asarray(band.target.values)) / sd)[used]
    share = 0.5 * np.sum(residual**2)
    np.testing.assert_allclose(share, fitted.misfit["gross_flux"], rtol=1e-9)


def test_a_fit_is_resumed_from_its_checkpoint(twin, fitted, tmp_path):
    path = tmp_path / "fit.npz"
    fit(twin, starts=STARTS, seed=3, steps=3, tolerance=1e-5, checkpoint=path)
    whole = fit(twin, starts=STARTS, seed=3, steps=12, tolerance=1e-5, checkpoint=path)
    np.testing.assert_allclose(whole.losses, fitted.losses, rtol=1e-6)
    assert whole.reasons == fitted.reasons
    with pytest.raises(FitError, match="belongs to another fit"):
        fit(twin, starts=STARTS, seed=4, steps=3, checkpoint=path)


@pytest.mark.parametrize(("method", "steps"), [("lbfgs", 8), ("adam", 8)])
def test_the_rules_of_optax_lower_the_loss(twin, method, steps):
    result = fit(twin, method=method, starts=STARTS, seed=3, steps=steps)
    assert np.all(result.loss < 0.8 * result.losses[0])


def test_a_start_without_a_finite_loss_is_dropped(twin):
    first = np.zeros((len(NAMES), STARTS))
    first[0, 2] = np.nan
    result = fit(twin, first=first, steps=2)
    assert result.dropped == (2,)
    assert result.reasons[2].startswith("dropped")
    assert np.isinf(result.loss[2]) and np.isfinite(np.delete(result.loss, 2)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "newton"}, "choose one of lm, lbfgs, adam"),
        ({"starts": 0}, "needs at least one"),
        ({"steps": 0}, "needs at least one"),
        ({"first": np.zeros((2, 3))}, r"give \(4, start\)"),
    ],
)
def test_invalid_arguments(twin, arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(twin, **arguments)


def test_a_parameter_that_no_observation_depends_on_is_named(fitted):
    assert fitted.without_effect == () and no_effect_text(()) == ""
    jacobian = fitted.jacobian.copy()
    jacobian[: fitted.objective.number_of_residuals, 1] = 0.0  # the prior's rows stay
    flat = dataclasses.replace(fitted, jacobian=jacobian)
    assert flat.without_effect == (NAMES[1],)
    text = no_effect_text(("temperature_optimum_minimum@meadow", NAMES[1]))
    assert "the month of most leaf, and that is not below TOPTMIN), " in text
    assert f"{NAMES[1]} have no effect at the optimum" in text
