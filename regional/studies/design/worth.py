"""Worth of measurements for regional numbers, to first order and with Gaussian errors.

A number t depends on the uncertain numbers θ through its gradient g; they have the covariance C. A
measurement with Jacobian J and error covariance R leaves C' = (C⁻¹ + Jᵀ R⁻¹ J)⁻¹. Its worth for t
is the share of the variance of t that it takes away, 1 − gᵀ C' g / gᵀ C g. Informations Jᵀ R⁻¹ J of
independent measurements add up. With C = L Lᵀ everything is computed in units of C's own spread,
so that neither units nor scales of θ matter and C may be singular.

Variance left is not submodular in general: two measurements may be worth more together than the
sum of both (one tells what confuses the other), or less (both tell the same). Greedy choice is
therefore set beside the best of all subsets where these are few (Chaloner and Verdinelli 1995,
Stat. Sci. 10:273, doi:10.1214/ss/1177009939: Bayesian c-optimal design).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

MOST_SUBSETS = 5000
_BATCH = 256  # subsets solved together


@dataclass(frozen=True)
class Measurements:
    """Candidates and targets in units of the spread of the uncertain numbers.

    Attributes:
        root: L of the covariance, ``(number, number)``.
        directions: Lᵀ g of each target, ``(target, number)``.
        information: Lᵀ Jᵀ R⁻¹ J L of each candidate, ``(candidate, number, number)``.
    """

    root: NDArray
    directions: NDArray
    information: NDArray

    @classmethod
    def of(
        cls, covariance: NDArray, gradients: NDArray, information: Sequence[NDArray]
    ) -> "Measurements":
        """Measurements of a covariance, gradients ``(target, number)`` and informations Jᵀ R⁻¹ J.

        Raises:
            ValueError: a target that no uncertain number moves.
        """
        root = covariance_root(covariance)
        directions = gradients @ root
        if not (np.square(directions).sum(axis=1) > 0).all():
            raise ValueError("a target does not depend on any uncertain number")
        return cls(root, directions, np.stack([root.T @ one @ root for one in information]))

    @property
    def size(self) -> int:
        """Number of candidates."""
        return len(self.information)

    @property
    def variances(self) -> NDArray:
        """Variance of each target before any measurement, ``(target,)``."""
        return np.square(self.directions).sum(axis=1)

    def worths(self, subsets: Sequence[Sequence[int]]) -> NDArray:
        """Worth of the candidates of each subset together, ``(subset, target)``."""
        results = [
            self._worths(subsets[start : start + _BATCH])
            for start in range(0, len(subsets), _BATCH)
        ]
        return np.concatenate(results) if results else np.zeros((0, len(self.directions)))

    def _worths(self, subsets: Sequence[Sequence[int]]) -> NDArray:
        identity = np.eye(self.root.shape[1])
        precision = np.stack([identity + self.information[list(s)].sum(axis=0) for s in subsets])
        solved = np.linalg.solve(precision, np.broadcast_to(
            self.directions.T, (len(subsets), *self.directions.T.shape)
        ))  # fmt: skip
        left = np.einsum("tn,snt->st", self.directions, solved)
        return 1 - left / self.variances

    def variance_left(self, chosen: Sequence[int]) -> NDArray:
        """Share of the variance of each uncertain number that is left, ``(number,)``; NaN of 0."""
        precision = np.eye(self.root.shape[1]) + self.information[list(chosen)].sum(axis=0)
        after = np.einsum("ij,ji->i", self.root, np.linalg.solve(precision, self.root.T))
        before = np.square(self.root).sum(axis=1)
        return np.divide(after, before, out=np.full_like(before, np.nan), where=before > 0)


def covariance_root(covariance: NDArray) -> NDArray:
    """Root L with L Lᵀ = C of a covariance that may be singular."""
    sd = np.sqrt(np.diagonal(covariance))
    scale = np.where(sd > 0, sd, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


def information(jacobian: NDArray, independent: NDArray, common: Sequence[NDArray]) -> NDArray:
    """Information Jᵀ R⁻¹ J with R = diag(independent²) + Σ c cᵀ.

    Args:
        jacobian: ``(value, number)``.
        independent: standard deviation of each value by itself, ``(value,)``.
        common: errors that values share, ``(value,)`` each: one standard deviation of each of them.
    """
    scaled = jacobian / independent[:, None]
    if not common:
        return scaled.T @ scaled
    shared = np.stack(common, axis=1) / independent[:, None]
    inner = np.eye(shared.shape[1]) + shared.T @ shared  # Woodbury
    projected = shared.T @ scaled
    return scaled.T @ scaled - projected.T @ np.linalg.solve(inner, projected)


@dataclass(frozen=True)
class Choice:
    """Measurements chosen one after the other, or a best subset.

    Attributes:
        chosen: candidates, in order.
        worth: of the first, the first two, …, together, ``(step, target)``.
    """

    chosen: tuple[int, ...]
    worth: NDArray


def greedy(measurements: Measurements, number: int, weights: NDArray) -> Choice:
    """Choose at each step the candidate that adds most to the weighted worth of the targets.

    Args:
        measurements: candidates and targets.
        number: of steps at most; it ends where nothing adds anything.
        weights: of the targets, ``(target,)``.
    """
    chosen: list[int] = []
    worth: list[NDArray] = []
    score = 0.0
    while len(chosen) < min(number, measurements.size):
        others = [one for one in range(measurements.size) if one not in chosen]
        worths = measurements.worths([[*chosen, one] for one in others])
        best = int(np.argmax(worths @ weights))
        if worths[best] @ weights <= score + 1e-12:
            break
        chosen.append(others[best])
        worth.append(worths[best])
        score = float(worths[best] @ weights)
    return Choice(tuple(chosen), np.array(worth).reshape(len(chosen), len(weights)))


def exhaustive(
    measurements: Measurements, number: int, weights: NDArray, pool: Sequence[int] | None = None
) -> Choice:
    """Best subset of a size; its members are in the order in which they add most.

    Args:
        measurements: candidates and targets.
        number: size of the subset; that of the pool where it is smaller.
        weights: of the targets, ``(target,)``.
        pool: candidates to choose from; ``None``: all.
    """
    pool = range(measurements.size) if pool is None else sorted(pool)
    subsets = list(combinations(pool, min(number, len(pool))))
    best = subsets[int(np.argmax(measurements.worths(subsets) @ weights))]
    return in_order(measurements, best, weights)


def searchable(
    measurements: Measurements, choice: Choice, weights: NDArray, most: int = MOST_SUBSETS
) -> list[int]:
    """Candidates whose subsets of a choice's size can all be tried: its own, then the best alone.

    Args:
        measurements: candidates and targets.
        choice: of a greedy search.
        weights: of the targets, ``(target,)``.
        most: number of subsets to try at most.
    """
    alone = measurements.worths([[one] for one in range(measurements.size)]) @ weights
    others = [int(one) for one in np.argsort(-alone, kind="stable") if one not in choice.chosen]
    pool, size = list(choice.chosen), len(choice.chosen)
    while others and comb(len(pool) + 1, size) <= most:
        pool.append(others.pop(0))
    return pool


def in_order(measurements: Measurements, chosen: Sequence[int], weights: NDArray) -> Choice:
    """Candidates of a set in the order in which they add most."""
    order: list[int] = []
    worth: list[NDArray] = []
    while len(order) < len(chosen):
        others = [one for one in chosen if one not in order]
        worths = measurements.worths([[*order, one] for one in others])
        best = int(np.argmax(worths @ weights))
        order.append(others[best])
        worth.append(worths[best])
    return Choice(tuple(order), np.array(worth).reshape(len(order), len(weights)))


def joint_gains(measurements: Measurements) -> NDArray:
    """What two candidates are worth together beyond the sum of both, ``(target, one, other)``.

    Positive: they complement each other. Negative: they tell the same. The diagonal is that of a
    second measurement of the same kind with errors of its own.
    """
    size = measurements.size
    single = measurements.worths([[one] for one in range(size)])
    pairs = [(one, other) for one in range(size) for other in range(one, size)]
    together = measurements.worths(pairs)
    gains = np.zeros((len(measurements.directions), size, size))
    for (one, other), worth in zip(pairs, together, strict=True):
        gains[:, one, other] = gains[:, other, one] = worth - single[one] - single[other]
    return gains
