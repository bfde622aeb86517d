"""Shares of variance against functions whose components are known."""

import numpy as np
import pytest

from temjax.parameters.posterior import Gaussian
from temjax.regional.studies.parameter_sources import Source
from temjax.regional.studies.variance.analysis import (
    HIGHER,
    analysis_of_variance,
    linear_effects,
    share_errors,
    walk_effects,
)
from temjax.regional.studies.variance.design import groups_of_source, source_walks

NAMES = ("cmax_scale", "kdc_scale", "heterotrophic_q10", "nmax_scale")
COLUMNS = {name: number for number, name in enumerate(NAMES)}
COVARIANCE = np.array(
    [[1.0, 0.6, 0.0, -0.3], [0.6, 2.0, 0.5, 0.0], [0.0, 0.5, 1.5, 0.2], [-0.3, 0.0, 0.2, 0.8]]
)
GRADIENT = np.array([1.0, -0.7, 0.5, 2.0])


def gaussian_source(covariance=COVARIANCE):
    size = len(NAMES)
    gaussian = Gaussian(
        NAMES, np.zeros(size, dtype=bool), np.full(size, -99.0), np.full(size, 99.0),
        np.zeros(size), covariance,
    )  # fmt: skip
    return Source(gaussian, {"alpine-meadow": COLUMNS})


def test_a_sum_has_main_effects_alone():
    a, b, c = np.array([0.0, 1.0, 5.0]), np.array([2.0, -2.0]), np.array([1.0, 2.0, 3.0, 6.0])
    table = a[:, None, None] + b[:, None] + c
    result = analysis_of_variance(table, ("a", "b", "c"))
    expected = {("a",): a.var(), ("b",): b.var(), ("c",): c.var()}
    for term, variance in result.terms.items():
        assert variance == pytest.approx(expected.get(term, 0.0), abs=1e-13)
    assert result.total == pytest.approx(a.var() + b.var() + c.var(), rel=1e-13)


def test_ishigami_has_its_known_components():
    """Ishigami and Homma 1990 on a grid: sines exact, moments of the third number the grid's."""
    angle = 2 * np.pi * np.arange(12) / 12
    third = np.linspace(-np.pi, np.pi, 7)
    x, y, z = np.meshgrid(angle, angle, third, indexing="ij")
    table = np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)
    fourth, eighth = np.mean(third**4), np.mean(third**8)
    expected = {
        ("x",): 0.5 * (1 + 0.1 * fourth) ** 2,
        ("y",): 49 / 8,
        ("x", "z"): 0.5 * 0.01 * (eighth - fourth**2),
    }
    result = analysis_of_variance(table, ("x", "y", "z"))
    for term, variance in result.terms.items():
        assert variance == pytest.approx(expected.get(term, 0.0), rel=1e-12, abs=1e-12)
    assert result.total == pytest.approx(sum(expected.values()), rel=1e-12)


def test_shares_sum_to_one_with_interactions_of_any_order():
    table = np.random.default_rng(3).standard_normal((5, 2, 3, 2, 2))
    result = analysis_of_variance(table, tuple("abcde"))
    assert sum(result.share(term) for term in result.terms) == pytest.approx(1.0, rel=1e-13)
    assert result.share(HIGHER) > 0.05
    assert len(result.terms) == 5 + 10 + 1


def test_a_product_of_three_signs_is_of_higher_order():
    sign = np.array([-1.0, 1.0])
    result = analysis_of_variance(sign[:, None, None] * sign[:, None] * sign, ("a", "b", "c"))
    assert result.share(HIGHER) == pytest.approx(1.0)


def test_a_factor_of_one_level_has_no_term():
    table = np.arange(6.0).reshape(3, 1, 2)
    result = analysis_of_variance(table, ("a", "single", "c"))
    assert set(result.terms) == {("a",), ("c",), ("a", "c")}


def test_nothing_varies():
    result = analysis_of_variance(np.ones((3, 2)), ("a", "b"))
    assert [result.share(term) for term in result.terms] == [0, 0, 0]


def test_jackknife_tells_how_shares_depend_on_the_draws():
    rng = np.random.default_rng(2)
    other = np.array([-1.0, 1.0])
    repeats = [
        analysis_of_variance(rng.standard_normal(64)[:, None] + other, ("draw", "other"))
        for _ in range(60)
    ]
    shares = [result.share(("draw",)) for result in repeats]
    errors = [result.errors["draw",] for result in repeats]
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.3)
    two = analysis_of_variance(np.array([[0.0, 1.0], [1.0, 4.0]]), ("draw", "other"))
    assert np.isnan(two.errors["draw",])


def test_linear_effects_of_independent_groups_are_their_variances():
    effects = linear_effects(GRADIENT, np.diag([1.0, 2.0, 1.5, 0.8]), [[0], [1, 2], [3]])
    assert effects == pytest.approx([1.0, 0.98 + 0.375, 3.2])


def test_linear_effects_of_two_correlated_numbers():
    """Closed form of two numbers: Owen and Prieur 2017."""
    rho, a, b = 0.6, 1.5, -0.8
    effects = linear_effects(np.array([a, b]), np.array([[1, rho], [rho, 1]]), [[0], [1]])
    half = rho**2 / 2
    assert effects == pytest.approx(
        [
            a**2 * (1 - half) + rho * a * b + half * b**2,
            b**2 * (1 - half) + rho * a * b + half * a**2,
        ]
    )


def test_linear_effects_sum_to_the_propagated_variance():
    effects = linear_effects(GRADIENT, COVARIANCE, [[0], [1, 2], [3]])
    assert effects.sum() == pytest.approx(GRADIENT @ COVARIANCE @ GRADIENT)
    exact = COVARIANCE.copy()
    exact[3], exact[:, 3] = 0.0, 0.0  # a number without uncertainty
    effects = linear_effects(GRADIENT, exact, [[0], [1, 2], [3]])
    assert effects[2] == 0.0
    assert effects.sum() == pytest.approx(GRADIENT @ exact @ GRADIENT)


def test_walks_keep_the_distribution_and_what_is_not_yet_replaced():
    walks = source_walks(gaussian_source(), 10_000, seed=1)
    groups = list(groups_of_source(gaussian_source()).values())
    assert groups == [[0], [1, 2], [3]]
    for step, points in enumerate(walks.values):
        assert np.cov(points.T) == pytest.approx(COVARIANCE, abs=0.09)
        for group, columns in enumerate(groups):
            kept = (walks.order[:, step:] == group).any(axis=1)
            same = (points == walks.values[0])[:, columns].all(axis=1)
            assert np.array_equal(same, kept)
    both = np.cov(walks.values[0].T, walks.values[-1].T)[:4, 4:]
    assert both == pytest.approx(np.zeros((4, 4)), abs=0.09)


def test_every_group_is_replaced_first_equally_often():
    order = source_walks(gaussian_source(), 12, seed=4).order
    assert np.bincount(order[:, 0]).tolist() == [4, 4, 4]
    assert np.array_equal(np.sort(order, axis=1), np.tile([0, 1, 2], (12, 1)))


def test_walks_find_the_linear_effects_with_correlations():
    walks = source_walks(gaussian_source(), 8_000, seed=2)
    results = walks.values @ GRADIENT
    effects = walk_effects(results, walks.order)
    assert effects.sum(axis=1) == pytest.approx((results[0] - results[-1]) ** 2 / 2)
    expected = linear_effects(GRADIENT, COVARIANCE, [[0], [1, 2], [3]])
    shares, errors = share_errors(effects)
    assert errors.max() < 0.02
    assert np.all(np.abs(shares - expected / expected.sum()) < 4 * errors)


def test_walks_divide_an_interaction_among_its_groups():
    """f = x·y of independent standard numbers has variance 1, all of it interaction."""
    walks = source_walks(gaussian_source(np.eye(4)), 8_000, seed=3)
    effects = walk_effects(walks.values[..., 0] * walks.values[..., 3], walks.order)
    shares, errors = share_errors(effects)
    assert np.all(np.abs(shares - [0.5, 0.0, 0.5]) < 4 * errors + 1e-12)


def test_shares_of_few_or_constant_walks_have_no_error():
    shares, errors = share_errors(np.array([[1.0, 3.0]]))
    assert shares.tolist() == [0.25, 0.75] and np.isnan(errors).all()
    shares, errors = share_errors(np.zeros((5, 2)))
    assert shares.tolist() == [0, 0] and np.isnan(errors).all()
