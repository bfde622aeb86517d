"""Residual scales of a linear model whose errors are understated."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import Objective
from temjax.calibration.multistart import fit
from temjax.calibration.part import Linearisation
from temjax.calibration.residual_scale import (
    ResidualScales,
    SeriesScale,
    estimate_scales,
    fit_with_common_scale,
    rescaled,
    scaled_posterior,
)
from temjax.calibration.uncertainty import laplace, linear_bands
from tests.calibration.test_gross_flux import VALUES, objective_of, series

TRUE_SCALES = (3.0, 0.5)
SLOPES = np.random.default_rng(5).standard_normal((48, 2)) * 6.0


class Linear(Objective):
    """NEP and the gross flux as linear functions of two numbers: a fit without a model run."""

    def linearise(self, free):
        slopes = (
            jnp.asarray(SLOPES) / jnp.concatenate([jnp.ravel(t.sd) for t in self.targets])[:, None]
        )
        shift = self.free.prior_residuals(free)
        observed = jnp.concatenate([jnp.ravel(t.values / t.sd) for t in self.targets])
        data = slopes @ shift - observed[:, None]
        slope = jnp.asarray(self.free.shifts(free)[1])
        size = free.shape[0]
        jacobian = jnp.concatenate([slopes, jnp.eye(size)])[:, :, None] * slope[None]
        return Linearisation(
            jnp.concatenate([data, shift]), jacobian, jnp.ones(free.shape[1], bool)
        )


@pytest.fixture(scope="module")
def linear() -> Objective:
    """Residuals three times the stated errors in NEP, half of them in the gross flux."""
    stated = objective_of(*map(series, VALUES))
    rng = np.random.default_rng(2)
    targets = []
    for number, (target, scale) in enumerate(zip(stated.targets, TRUE_SCALES, strict=True)):
        rows = SLOPES[24 * number : 24 * number + 24] @ np.array([0.5, -0.3])
        noise = scale * np.asarray(target.sd) * rng.standard_normal(target.sd.shape)
        values = jnp.asarray(rows.reshape(target.sd.shape) + noise)
        targets.append(eqx.tree_at(lambda t: t.values, target, values))
    fields = {field.name: getattr(stated, field.name) for field in dataclasses.fields(stated)}
    return Linear(**(fields | {"targets": tuple(targets)}))


@pytest.fixture(scope="module")
def fitted(linear):
    return fit(linear, starts=2, tolerance=1e-10)


def test_scales_of_understated_errors_are_found(fitted, linear):
    scales = estimate_scales(fitted)
    net, gross = scales.series
    assert net.scale == pytest.approx(3.0, rel=0.35) and gross.scale == 1.0
    # by hand: the residuals of a series and the parameters it has fixed
    sd = [np.ravel(target.sd)[:, None] for target in linear.targets]
    slopes = np.concatenate([SLOPES[:24] / sd[0], SLOPES[24:] / sd[1]])
    covariance = np.linalg.inv(slopes.T @ slopes + np.eye(2))
    leverage = np.einsum("nf,fg,ng->n", slopes, covariance, slopes)
    residuals = fitted.residuals[:48, fitted.best]
    assert net.leverage == pytest.approx(leverage[:24].sum(), rel=1e-6)
    expected = np.sqrt(np.sum(residuals[:24] ** 2) / (24 - leverage[:24].sum()))
    assert net.scale == pytest.approx(expected, rel=1e-6)
    both = np.sqrt(np.sum(residuals**2) / (48 - leverage.sum()))
    assert scales.common == pytest.approx(both, rel=1e-6)


def test_intervals_have_the_width_that_the_residuals_ask_for(fitted, linear):
    scales = estimate_scales(fitted)
    posterior = scaled_posterior(fitted, scales)
    stated = scaled_posterior(fitted, None)
    net, gross = (np.ravel(target.sd)[:, None] for target in linear.targets)
    slopes = np.concatenate([SLOPES[:24] / (scales.series[0].scale * net), SLOPES[24:] / gross])
    expected = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes + np.eye(2))))
    np.testing.assert_allclose(posterior.sd, expected, rtol=1e-6)
    assert (posterior.sd > stated.sd).all() and (posterior.sd < 1).all()
    np.testing.assert_array_equal(posterior.centre, stated.centre)
    # the band of a target: parameters and errors, both with the scale
    target, scale = linear.targets[0], scales.series[0].scale
    band = linear_bands(fitted, posterior)[f"{target.label}@{linear.name}"]
    np.testing.assert_allclose(
        band.total_sd**2, band.parameter_sd**2 + (scale * target.sd) ** 2, rtol=1e-9
    )


def test_profiles_and_draws_take_one_scale(fitted, linear):
    """The optimum moves towards the prior, not from one series to the other."""
    scales = ResidualScales((), common=2.0)
    assert rescaled(linear, 2.0).targets[1].sd[0, 0] == 2 * linear.targets[1].sd[0, 0]
    common = fit_with_common_scale(fitted, scales, steps=30)
    sd = [2 * np.ravel(target.sd)[:, None] for target in linear.targets]
    slopes = np.concatenate([SLOPES[:24] / sd[0], SLOPES[24:] / sd[1]])
    observed = np.concatenate([np.ravel(t.values) for t in linear.targets]) / np.ravel(sd)
    expected = np.linalg.solve(slopes.T @ slopes + np.eye(2), slopes.T @ observed)
    found = linear.free.shifts(common.free[:, common.best])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_errors_that_suffice_count_as_stated(linear):
    enough = fit(rescaled(linear, 8.0), starts=2)
    scales = estimate_scales(enough)
    assert [one.scale for one in scales.series] == [1.0, 1.0] and scales.common == 1.0
    np.testing.assert_array_equal(
        scaled_posterior(enough, scales).covariance, laplace(enough).covariance
    )


def test_scales_in_words():
    scales = ResidualScales((SeriesScale("a", "net_x", 24, 1.0, 1.934, 0.1),), 1.5)
    (line,) = scales.lines()
    assert line.startswith("residual scales: net x 1.93; in the intervals errors count so many")
    assert "profiles and draws: 1.50 times" in line
    assert scales.at("a") == {"net_x": 1.934} and scales.scale("a", "other") == 1.0
    assert "not estimated" in ResidualScales(()).lines()[0]
