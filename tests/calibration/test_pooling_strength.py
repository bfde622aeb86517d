"""Pooling strength by the evidence: against the exact one, and on places of a known spread."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from temjax.calibration import JointObjective, fit
from temjax.calibration.pooling_strength import SMALLEST, fit_strength, strength_evidence
from tests.support.linear_parts import LinearPart, wide_free

NAMES = ("cmax_scale", "kdc_scale", "heterotrophic_q10")
TRUE_STRENGTH = 0.6


def made_places(count, spread, seed, rows=20):
    """Places whose parameters lie about a type's with a known spread, measured with errors of 1."""
    rng = np.random.default_rng(seed)
    of_type = rng.normal(size=len(NAMES))
    parts = []
    for number in range(count):
        matrix = 2 * rng.normal(size=(rows, len(NAMES)))
        place = of_type + spread * rng.normal(size=len(NAMES))
        observed = matrix @ place + rng.normal(size=rows)
        parts.append(LinearPart(f"place-{number}", wide_free(NAMES), matrix, observed))
    return tuple(parts)


def fitted(parts, strength):
    return fit(
        JointObjective.of(parts, pooled=NAMES, strength=strength), starts=2, steps=30,
        tolerance=1e-10,
    )  # fmt: skip


def test_the_evidence_is_that_of_the_gaussian():
    parts = made_places(3, 0.5, seed=1, rows=5)
    result = fitted(parts, 0.5)
    strengths = np.array([0.1, 0.5, 2.0])
    factors = np.full(result.objective.number_of_residuals, 1.3)
    found = strength_evidence(result, factors, strengths).log_evidence
    exact = []
    for strength in strengths:
        columns = [np.concatenate([part.matrix for part in parts])]
        for number in range(3):
            own = [part.matrix * (k == number) for k, part in enumerate(parts)]
            columns.append(strength * np.concatenate(own))
        jacobian = np.concatenate(columns, axis=1)
        covariance = jacobian @ jacobian.T + 1.3**2 * np.eye(len(jacobian))
        observed = np.concatenate([part.observed for part in parts])
        exact.append(multivariate_normal(cov=covariance).logpdf(observed))
    np.testing.assert_allclose(np.diff(found), np.diff(exact), rtol=1e-4, atol=1e-4)


def test_the_spread_of_places_is_recovered():
    result = fit_strength(fitted(made_places(14, TRUE_STRENGTH, seed=4), 0.1), steps=20)
    strength = result.objective.pooling.strength
    assert strength == pytest.approx(TRUE_STRENGTH, rel=0.2)
    evidence = strength_evidence(result, np.ones(result.objective.number_of_residuals))
    low, high = evidence.interval()
    assert low < TRUE_STRENGTH < high and high / low < 2
    # the history of all rounds is kept, and the first loss is that of the prior's centre
    assert result.losses[0, 0] == pytest.approx(sum(result.first_misfit.values()))


def test_places_that_do_not_differ_are_tied():
    result = fit_strength(fitted(made_places(8, 0.0, seed=2), 0.5), steps=20)
    assert result.objective.pooling.strength < 0.1
    assert result.objective.pooling.strength >= SMALLEST
