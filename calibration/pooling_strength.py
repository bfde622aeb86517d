"""Pooling strength τ by maximal evidence: how much places of a type differ, from their data.

The evidence p(y | τ) is that of the model linearised at an optimum (Laplace's approximation): with
residuals r and Jacobian J in standard deviations of error and prior, free numbers x there and
d = r − J x, the data are Gaussian about the prior's centre with covariance 1 + J Jᵀ, and

    log p = −½ (dᵀd − bᵀ H⁻¹ b) − ½ log det H + const,   b = Jᵀ d,   H = 1 + Jᵀ J.

τ multiplies the columns of the deviations, so one linearisation gives the evidence of every τ. The
fit is repeated from its optimum with the τ of most evidence until that stands still. (The rule that
updates τ from the posterior of the deviations, EM, has the same fixed point and creeps where the
data say little.) Errors count times the scales of the residuals, as in the posterior: with errors
too small, misfit of the model would pass for differences among places.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.multistart import OUT_OF_STEPS, FitResult, fit
from temjax.calibration.pooled import DEVIATIONS, FARTHEST_DEVIATION
from temjax.calibration.residual_scale import ResidualScales, error_factors, estimate_scales

FIRST_STRENGTH = 0.5
SMALLEST, LARGEST = 0.02, 5.0
GRID = np.geomspace(SMALLEST, LARGEST, 240)
CLOSE = 0.05  # relative change of τ at which it stands still
LARGEST_RATIO = 3.0  # of strengths of one round and the next: a linearisation does not reach far
ROUNDS = 6
ROUND_STEPS = 10  # of each but the last, from the optimum of the one before
DROP_OF_90 = 1.353  # of the log evidence at the ends of a 90 % interval: ½ 1.645²


@dataclass(frozen=True)
class StrengthEvidence:
    """Evidence of pooling strengths.

    Attributes:
        strengths: τ, ascending.
        log_evidence: of each, up to a constant.
    """

    strengths: np.ndarray
    log_evidence: np.ndarray

    @property
    def best(self) -> float:
        """Strength of most evidence."""
        return float(self.strengths[np.argmax(self.log_evidence)])

    def interval(self) -> tuple[float, float]:
        """Strengths whose evidence is not far below the most, about 90 %."""
        near = self.log_evidence >= self.log_evidence.max() - DROP_OF_90
        inside = self.strengths[near]
        return float(inside[0]), float(inside[-1])


def strength_evidence(
    result: FitResult, factors: np.ndarray, strengths: np.ndarray = GRID
) -> StrengthEvidence:
    """Evidence of pooling strengths from the linearisation at the lowest loss.

    Args:
        result: of a fit with pooling.
        factors: errors that count over the stated ones, of every observation.
        strengths: τ, ascending.
    """
    objective, best = result.objective, result.best
    observed = objective.number_of_residuals
    shift, slope = objective.free.shifts(result.free[:, best])
    jacobian = result.jacobian[:observed, :, best] / slope / factors[:, None]
    from_centre = result.residuals[:observed, best] / factors - jacobian @ shift
    gram, right = jacobian.T @ jacobian, jacobian.T @ from_centre
    square = float(from_centre @ from_centre)
    size, places = len(shift), list(objective.pooling.places)
    values = []
    for strength in strengths:
        scale = np.ones(size)
        scale[places] = strength / objective.pooling.strength
        precision = np.eye(size) + scale[:, None] * gram * scale
        explained = (scale * right) @ np.linalg.solve(precision, scale * right)
        values.append(-0.5 * (square - explained) - 0.5 * np.linalg.slogdet(precision)[1])
    return StrengthEvidence(np.asarray(strengths), np.array(values))


def fit_strength(
    result: FitResult,
    *,
    steps: int,
    residual_scale: bool = True,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], Callable[[int, float, int], None] | None] | None = None,
    **options,
) -> FitResult:
    """Fit again and again with the pooling strength of most evidence, until it stands still.

    Args:
        result: of a fit with some strength.
        steps: of the last fit at most.
        residual_scale: errors count times the scales of the residuals.
        checkpoint: of the first fit; those of the others are named after it.
        progress: gives the ``progress`` of ``fit`` for a round and its strength.
        options: of ``fit``.

    Returns:
        The last fit, with the history of all of them.
    """
    rounds = [result]
    for number in range(1, ROUNDS + 1):
        before = rounds[-1].objective.pooling.strength
        best = evidence_of(rounds[-1], residual_scale).best
        strength = float(np.clip(best, before / LARGEST_RATIO, before * LARGEST_RATIO))
        still = abs(np.log(strength / before)) < CLOSE
        if still and (number == 1 or has_converged(rounds[-1])):
            break
        last = still or number == ROUNDS
        objective = rounds[-1].objective.with_strength(before if still else strength)
        path = checkpoint and checkpoint.with_stem(f"{checkpoint.stem}-round-{number}")
        refit = fit(
            objective, first=moved_points(rounds[-1], objective), checkpoint=path,
            steps=steps if last else min(steps, ROUND_STEPS),
            progress=None if progress is None else progress(number, objective.pooling.strength),
            method=result.method, seed=result.seed, **options,
        )  # fmt: skip
        rounds.append(refit)
        if still:
            break
    return joined(rounds)


def has_converged(result: FitResult) -> bool:
    """Whether the best start of a fit stopped by itself."""
    return not result.reasons[result.best].startswith(OUT_OF_STEPS)


def evidence_of(result: FitResult, residual_scale: bool) -> StrengthEvidence:
    """Evidence of pooling strengths with the errors of a fit, or with their estimated scales."""
    scales = estimate_scales(result) if residual_scale else ResidualScales(())
    return strength_evidence(result, error_factors(result, scales))


def moved_points(result: FitResult, objective: JointObjective) -> np.ndarray:
    """Best points of the starts of a fit as free numbers of another strength.

    The parameters of the places stay; a start that was dropped takes the best one's.
    """
    best = result.free[:, [result.best]]
    points = np.where(np.isfinite(result.free), result.free, best)
    places = list(objective.pooling.places)
    deviation = np.asarray(DEVIATIONS.prior_space(jnp.asarray(points[places])))
    deviation = deviation * (result.objective.pooling.strength / objective.pooling.strength)
    inside = 0.9 * FARTHEST_DEVIATION
    deviation = jnp.asarray(np.clip(deviation, -inside, inside))
    points[places] = np.asarray(DEVIATIONS.from_prior_space(deviation))
    return points


def joined(rounds: list[FitResult]) -> FitResult:
    """Last of several fits from the points of the one before, with the history of all."""
    first, last = rounds[0], rounds[-1]
    dropped = list(first.dropped)
    free, loss = last.free.copy(), last.loss.copy()
    free[:, dropped], loss[dropped] = np.nan, np.inf
    reasons = [
        old if number in dropped else new
        for number, (old, new) in enumerate(zip(first.reasons, last.reasons, strict=True))
    ]
    return replace(
        last, free=free, loss=loss, reasons=tuple(reasons), first_misfit=first.first_misfit,
        **{
            name: np.concatenate([getattr(one, name) for one in rounds])
            for name in ("losses", "path", "gradients", "seconds")
        },
    )  # fmt: skip
