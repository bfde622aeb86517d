"""Residual scales: found with the parameters of a linear model whose errors are understated."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.calibration import Objective
from temjax.calibration.multistart import fit
from temjax.calibration.objective import Linearisation
from temjax.calibration.residual_scale import (
    ResidualScales,
    SeriesScale,
    estimate_scales,
    fit_with_scales,
    rescaled,
    stated_residuals,
)
from temjax.calibration.uncertainty import laplace
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


def test_scales_of_understated_errors_are_found_with_the_parameters(linear):
    result, scales = fit_with_scales(fit(linear, starts=2))
    net, gross = scales.series
    assert scales.settled and scales.rounds >= 1
    assert net.scale == pytest.approx(3.0, rel=0.35) and gross.scale == 1.0
    # restricted maximum likelihood by hand, at the optimum of the scaled errors
    residuals = stated_residuals(result, scales)[:24]
    assert net.scale == pytest.approx(np.sqrt(np.sum(residuals**2) / (24 - net.leverage)), rel=0.02)
    sd = laplace(result).sd
    jacobian = np.concatenate([
        SLOPES[:24] / (net.scale * np.ravel(linear.targets[0].sd)[:, None]),
        SLOPES[24:] / np.ravel(linear.targets[1].sd)[:, None],
    ])  # fmt: skip
    expected = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian + np.eye(2))))
    np.testing.assert_allclose(sd, expected, rtol=1e-6)
    assert (sd > laplace(fit(linear)).sd).all()


def test_errors_that_suffice_are_left_as_stated(linear):
    enough = rescaled(linear, ResidualScales(tuple(
        SeriesScale(linear.name, target.label, 24, 1.0, 4.0, 0.0) for target in linear.targets
    )))  # fmt: skip
    first = fit(enough, starts=2)
    result, scales = fit_with_scales(first)
    assert [one.scale for one in scales.series] == [1.0, 1.0] and scales.rounds == 0
    np.testing.assert_array_equal(result.free, first.free)


def test_a_stock_has_no_scale(linear):
    result = fit(linear, starts=1)
    labels = [one.target for one in estimate_scales(result).series]
    assert labels == [target.label for target in linear.targets]


def test_scales_in_words():
    scales = ResidualScales((SeriesScale("a", "net_x", 24, 1.0, 1.934, 0.1),), 3, False)
    first, second = scales.lines()
    assert "net x 1.93; errors count so many times the stated ones" in first
    assert second == "residual scales had not settled after 3 rounds"
