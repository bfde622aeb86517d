"""Shares of variance: balanced analysis of variance, and Shapley effects of groups of numbers.

Analysis of variance: every combination of the levels of all factors was run once; effects are
differences of means, their variances sum to that of the table. Sources: Yip et al. 2011,
doi:10.1175/2011JCLI4085.1 (interactions in ensembles of climate models); Box, Hunter and Hunter
2005, Statistics for Experimenters, chapter 4.

Shapley effects: the share of a group of numbers is its mean contribution over all orders in which
groups become known. They are not negative and sum to the variance whatever the correlations
(Owen and Prieur 2017, doi:10.1137/16M1097717); first-order and total Sobol' indices do neither
where numbers are correlated. Where a model is a sum over independent blocks, the effects are those
of the blocks (Broto et al. 2019, arXiv:1801.04095). Estimator by walks: Goda 2021,
doi:10.1016/j.ress.2021.107683, for independent groups; it holds for correlated ones where every
step is drawn from the conditional distribution, since all steps then have one distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

HIGHER = ("higher",)  # all interactions of three and more factors


@dataclass(frozen=True)
class VarianceTerms:
    """Analysis of variance of a table with one value per combination of levels.

    Attributes:
        total: variance of the table, over its entries (divided by n).
        terms: variance by set of factors: main effects, interactions of two, and ``HIGHER``.
        errors: jackknife standard error of each term's share of the total over the levels of the
            first factor; NaN below three levels.
    """

    total: float
    terms: dict[tuple[str, ...], float]
    errors: dict[tuple[str, ...], float]

    def share(self, term: tuple[str, ...]) -> float:
        """Share of a term in the total; 0 where nothing varies."""
        return _share(self.terms[term], self.total)


def _share(part: float, total: float) -> float:
    return part / total if total > 0 else 0.0


def effects_variance(
    values: NDArray, factors: Sequence[str]
) -> tuple[float, dict[tuple[str, ...], float]]:
    """Total variance of a table, and that of each main effect, pair and of the rest.

    Args:
        values: one axis per factor, every combination once. Factors of one level have no effect.
        factors: names of the axes.
    """
    axes = range(values.ndim)
    effects: dict[tuple[int, ...], NDArray] = {(): values.mean(keepdims=True)}
    varied = [axis for axis in axes if values.shape[axis] > 1]
    chosen = [subset for order in (1, 2) for subset in combinations(varied, order)]
    for subset in chosen:
        others = tuple(axis for axis in axes if axis not in subset)
        mean = values.mean(axis=others, keepdims=True)
        effects[subset] = mean - sum(
            effect for below, effect in effects.items() if set(below) < set(subset)
        )
    rest = values - sum(effects.values())
    terms = {
        tuple(factors[axis] for axis in subset): float(np.mean(effects[subset] ** 2))
        for subset in chosen
    }
    if len(varied) > 2:
        terms[HIGHER] = float(np.mean(rest**2))
    return float(values.var()), terms


def analysis_of_variance(values: NDArray, factors: Sequence[str]) -> VarianceTerms:
    """Balanced analysis of variance; the first axis is that of draws, which errors come from."""
    total, terms = effects_variance(values, factors)
    number = values.shape[0]
    errors = dict.fromkeys(terms, float("nan"))
    if number >= 3:
        without = [
            effects_variance(np.delete(values, draw, axis=0), factors) for draw in range(number)
        ]
        for term in terms:
            shares = np.array([_share(of[term], whole) for whole, of in without])
            spread = (number - 1) * np.mean((shares - shares.mean()) ** 2)
            errors[term] = float(np.sqrt(spread))
    return VarianceTerms(total, terms, errors)


def walk_effects(values: NDArray, order: NDArray) -> NDArray:
    """Unbiased estimates of Shapley effects of groups by walk, ``(walk, group)``.

    A walk begins at a draw and replaces the groups one after the other, each time from the
    distribution given those not yet replaced; it ends at an independent draw. The sum over groups
    is ½(f(first) − f(last))², whose mean is the variance.

    Args:
        values: results by step, ``(group + 1, walk)``.
        order: group that each step replaces, ``(walk, group)``.
    """
    first, before, after = values[0], values[:-1], values[1:]
    steps = (first - (before + after) / 2) * (before - after)
    effects = np.empty(order.shape)
    np.put_along_axis(effects, order, steps.T, axis=1)
    return effects


def share_errors(effects: NDArray) -> tuple[NDArray, NDArray]:
    """Share of each column in the sum of means over walks, and its standard error.

    The error is that of a ratio of means (delta method); NaN below two walks.

    Args:
        effects: ``(walk, column)``.
    """
    whole = effects.sum(axis=1)
    total = whole.mean()
    if not total > 0:
        return np.zeros(effects.shape[1]), np.full(effects.shape[1], np.nan)
    shares = effects.mean(axis=0) / total
    number = len(effects)
    if number < 2:
        return shares, np.full(shares.size, np.nan)
    residual = effects - shares * whole[:, None]
    return shares, residual.std(axis=0, ddof=1) / np.sqrt(number) / total


def linear_effects(
    gradient: NDArray, covariance: NDArray, groups: Sequence[Sequence[int]]
) -> NDArray:
    """Shapley effects of groups of numbers on gᵀx, x Gaussian, ``(group,)``; their sum is gᵀCg.

    The variance explained by some numbers is that of the mean given them (Owen and Prieur 2017).
    """
    numbers = range(len(groups))
    explained = {}
    for size in range(len(groups) + 1):
        for known in combinations(numbers, size):
            columns = [column for group in known for column in groups[group]]
            explained[known] = _explained(gradient, covariance, columns)
    effects = np.zeros(len(groups))
    for known, variance in explained.items():
        for group in numbers:
            if group not in known:
                gain = explained[tuple(sorted((*known, group)))] - variance
                effects[group] += gain / (len(groups) * comb(len(groups) - 1, len(known)))
    return effects


def _explained(gradient: NDArray, covariance: NDArray, columns: list[int]) -> float:
    """Variance of E[gᵀx | the columns of x]."""
    if not columns:
        return 0.0
    with_known = covariance[:, columns].T @ gradient
    within = covariance[np.ix_(columns, columns)]
    return float(with_known @ np.linalg.pinv(within, hermitian=True) @ with_known)
