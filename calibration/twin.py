"""Twin experiments: fit the model's own output, where the truth is known."""

from dataclasses import dataclass, field, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from temjax.calibration.fitting import FitResult, fit
from temjax.calibration.objective import Objective
from temjax.calibration.side_by_side import SideBySide
from temjax.calibration.uncertainty import Laplace, laplace, laplace_at

IDENTIFIED = 0.5  # resolution from which the data decide more of a number than the prior
WEAK_PRIOR = 1e-3  # noise-free twins: the prior only keeps directions without data in place


@dataclass(frozen=True)
class Recovery:
    """A noise-free twin.

    Attributes:
        names: of the free numbers.
        truth: in units.
        estimates: of every start, ``(free, start)``.
        identified: numbers the data decide more than the prior: resolution 1 − sd²/sd(prior)², from
            the eigen-spectrum of JᵀJ at the truth, of at least ``IDENTIFIED``.
        recovered: starts that bring all identified numbers within ``tolerance``, ``(start,)``.
        worst: largest relative error of an identified number, ``(start,)``.
        tolerance: relative to the truth (of numbers near zero: of the prior sd).
        result: the fit.
        posterior: at the truth, with the full prior.
    """

    names: tuple[str, ...]
    truth: np.ndarray
    estimates: np.ndarray
    identified: np.ndarray
    recovered: np.ndarray
    worst: np.ndarray
    tolerance: float
    result: FitResult = field(repr=False)
    posterior: Laplace = field(repr=False)


@dataclass(frozen=True)
class Coverage:
    """A noisy twin with replicates.

    Attributes:
        names: of the free numbers.
        level: of the interval.
        inside: whether the interval covers the truth, ``(free, replicate)``; NaN where dropped.
        rate: share of all intervals that cover.
        by_name: share per number.
        replicates: counted ones.
    """

    names: tuple[str, ...]
    level: float
    inside: np.ndarray = field(repr=False)
    rate: float
    by_name: dict[str, float]
    replicates: int


def twin_objective(
    objective: Objective,
    truth: np.ndarray,
    *,
    noise_seed: int | None = None,
    starts: int = 1,
) -> Objective:
    """The objective with its observations replaced by the model's output at ``truth``.

    Args:
        objective: real data define months, errors and weights.
        truth: free vector ``(free,)``, or one per start ``(free, start)``: then every start gets
            data of its own.
        noise_seed: adds Gaussian noise of the targets' standard deviations.
        starts: number of starts of the fit to come, so that it shares this run's compilation.

    Raises:
        ValueError: the model fails at the truth.
    """
    points = np.asarray(truth, dtype=float)
    wide = points if points.ndim == 2 else np.repeat(points[:, None], starts, axis=1)
    linear = SideBySide(objective).linearised(wide)
    residuals = linear.residuals
    if not (np.all(linear.converged) and np.isfinite(residuals).all()):
        raise ValueError(
            "the model fails at the twin's truth; draw it closer to the prior's centre"
        )
    rng = np.random.default_rng(noise_seed)
    targets, position = [], 0
    for target in objective.targets:
        rows = residuals[position : position + target.size]
        position += target.size
        if noise_seed is not None:
            rows = rows + rng.standard_normal(rows.shape)
        sd = np.asarray(target.sd * target.used)[..., None] / target.weight**0.5
        values = np.asarray(target.values)[..., None] + sd * rows.reshape(*sd.shape[:-1], -1)
        kept = values[..., 0] if points.ndim == 1 else values
        targets.append(eqx.tree_at(lambda t: t.values, target, jnp.asarray(kept)))
    return replace(objective, targets=tuple(targets))


def draw_truth(objective: Objective, count: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """Truths from the prior, ``(free, count)``, kept within two standard deviations."""
    rng = np.random.default_rng(seed)
    size = len(objective.free.names)
    normal = np.clip(rng.standard_normal((size, count)), -2.0, 2.0) * spread
    inner = objective.free.inside(normal, margin=0.05)
    return np.asarray(objective.free.from_prior_space(jnp.asarray(inner)))


def recover(
    objective: Objective,
    *,
    starts: int = 16,
    seed: int = 0,
    steps: int = 40,
    spread: float = 0.5,
    tolerance: float = 0.01,
    progress=None,
) -> Recovery:
    """Noise-free twin from many starts.

    Args:
        objective: real data define months, errors and weights.
        starts: Sobol starts.
        seed: of truth and starts.
        steps: per start.
        spread: of the truth about the prior's centre, in prior standard deviations.
        tolerance: relative error that counts as recovered.
        progress: as in ``fit``.
    """
    truth = draw_truth(objective, 1, seed, spread)[:, 0]
    twin = twin_objective(objective, truth, starts=starts)
    twin = replace(twin, prior_scale=jnp.asarray(np.asarray(WEAK_PRIOR)))
    result = fit(twin, starts=starts, seed=seed, steps=steps, tolerance=1e-8, progress=progress)
    # The Jacobian of the best start stands for that at the truth; laplace_at adds the full prior.
    posterior = laplace_at(
        objective.free, truth, result.jacobian[:, :, result.best], twin.number_of_residuals
    )
    values = np.asarray(objective.free.values(jnp.asarray(truth)))
    estimates = np.asarray(objective.free.values(jnp.asarray(result.free)))
    is_log = np.asarray(objective.free.is_log)
    size = np.where(is_log, np.abs(values), np.maximum(np.abs(values), objective.free.prior_sd))
    error = np.abs(estimates - values[:, None]) / size[:, None]
    identified = 1.0 - (1.0 - posterior.shrinkage) ** 2 >= IDENTIFIED
    worst = np.max(np.where(identified[:, None], error, 0.0), axis=0)
    return Recovery(
        names=objective.free.names,
        truth=values,
        estimates=estimates,
        identified=identified,
        recovered=worst <= tolerance,
        worst=worst,
        tolerance=tolerance,
        result=result,
        posterior=posterior,
    )


def coverage(
    objective: Objective,
    *,
    replicates: int = 50,
    level: float = 0.9,
    seed: int = 0,
    steps: int = 20,
    progress=None,
) -> Coverage:
    """Noisy twins: how often the Laplace interval covers the truth.

    Truths are drawn from the prior and every replicate has its own noise; replicates run side by
    side as starts, each from the centre of the prior.
    """
    truth = draw_truth(objective, replicates, seed)
    twin = twin_objective(objective, truth, noise_seed=seed + 1)
    first = np.zeros_like(truth)
    result = fit(twin, first=first, steps=steps, tolerance=1e-6, progress=progress)
    values = np.asarray(objective.free.values(jnp.asarray(truth)))
    inside = np.full(truth.shape, np.nan)
    for replicate in range(replicates):
        if replicate in result.dropped:
            continue
        low, high = laplace(result, replicate).interval(level)
        inside[:, replicate] = (low <= values[:, replicate]) & (values[:, replicate] <= high)
    kept = np.isfinite(inside).all(axis=0)
    return Coverage(
        names=objective.free.names,
        level=level,
        inside=inside,
        rate=float(inside[:, kept].mean()),
        by_name=dict(zip(objective.free.names, inside[:, kept].mean(axis=1).tolist(), strict=True)),
        replicates=int(kept.sum()),
    )
