"""Twin experiments: fits of the model's own output, where the true parameters are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from temjax.calibration.multistart import FitResult, Progress, fit
from temjax.calibration.objective import Objective
from temjax.calibration.parallel import ParallelStarts
from temjax.calibration.uncertainty import Laplace, laplace, laplace_at

IDENTIFIED = 0.5  # resolution above which a parameter is set by the data more than by the prior
RECOVERY_STEPS = 40
WEAK_PRIOR = 1e-3  # scale of the prior in noise-free twins: it only fixes uninformed directions


@dataclass(frozen=True)
class Recovery:
    """Parameter recovery of a noise-free twin.

    Attributes:
        names: of the free parameters.
        truth: true values, in units.
        estimates: of every start, ``(free, start)``.
        identified: parameters set by the data more than by the prior: resolution 1 − sd²/sd(prior)²
            from the eigen-spectrum of JᵀJ at the truth of at least ``IDENTIFIED``.
        recovered: starts that bring all identified parameters within ``tolerance``, ``(start,)``.
        worst: largest relative error of an identified parameter, ``(start,)``.
        tolerance: relative to the truth (for values near zero: to the prior sd).
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
    """Coverage of the intervals in replicates of a noisy twin.

    Attributes:
        names: of the free parameters.
        level: of the interval.
        inside: whether the interval covers the truth, ``(free, replicate)``; NaN where dropped.
        rate: share of all intervals that cover.
        by_name: share per parameter.
        replicates: number that counted.
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
    """Objective with its observations replaced by the model's output at ``truth``.

    Args:
        objective: real data define months, errors and weights.
        truth: free vector ``(free,)``, or one per start ``(free, start)``: then every start gets
            data of its own, NaN where the model fails at its truth: a fit drops that start.
        noise_seed: adds Gaussian noise of the targets' standard deviations.
        starts: number of starts of the fit to come, so that it shares this run's compilation.

    Raises:
        ValueError: the model fails at every truth.
    """
    points = np.asarray(truth, dtype=float)
    per_start = points if points.ndim == 2 else np.repeat(points[:, None], starts, axis=1)
    if points.ndim == 2:
        # the fit to come has data by start: the same program computes them
        objective = _with_values(
            objective, [_by_start(target.values, points.shape[1]) for target in objective.targets]
        )
    linear = ParallelStarts(objective).linearise(per_start)
    lives = linear.converged & np.isfinite(linear.residuals).all(axis=0)
    if not lives.any():
        raise ValueError(
            "the model fails at the twin's truth; draw it closer to the prior's centre"
        )
    residuals = np.where(lives, linear.residuals, np.nan)
    rng = np.random.default_rng(noise_seed)
    measured, position = [], 0
    for target in objective.targets:
        rows = residuals[position : position + target.size]
        position += target.size
        if noise_seed is not None:
            rows = rows + rng.standard_normal(rows.shape)
        sd = np.asarray(target.sd * target.used)[..., None] / target.weight**0.5
        values = _by_start(target.values, 1) if points.ndim == 1 else np.asarray(target.values)
        values = values + sd * rows.reshape(*sd.shape[:-1], -1)
        measured.append(values[..., 0] if points.ndim == 1 else values)
    return _with_values(objective, measured)


def _by_start(values: np.ndarray, starts: int) -> np.ndarray:
    """Values repeated along a trailing axis of starts."""
    return np.repeat(np.asarray(values)[..., None], starts, axis=-1)


def _with_values(objective: Objective, values: Sequence[np.ndarray]) -> Objective:
    """Objective with other observed values, by target."""
    targets = [
        eqx.tree_at(lambda t: t.values, target, jnp.asarray(observed))
        for target, observed in zip(objective.targets, values, strict=True)
    ]
    return replace(objective, targets=tuple(targets))


def of_replicate(result: FitResult, number: int) -> FitResult:
    """One replicate of a noisy twin, a start with data of its own, as a fit by itself.

    Its misfit by target at the prior's centre is not kept.

    Args:
        result: of all replicates.
        number: of the start.
    """
    only = slice(number, number + 1)
    own = [np.asarray(target.values)[..., number] for target in result.objective.targets]
    return replace(
        result,
        objective=_with_values(result.objective, own),
        losses=result.losses[:, only],
        path=result.path[..., only],
        gradients=result.gradients[..., only],
        free=result.free[:, only],
        loss=result.loss[only],
        residuals=result.residuals[:, only],
        jacobian=result.jacobian[..., only],
        reasons=result.reasons[only],
        first_misfit={},
    )


def draw_true_points(objective: Objective, count: int, seed: int, scale: float = 1.0) -> np.ndarray:
    """True points drawn from the prior within two standard deviations, ``(free, count)``."""
    rng = np.random.default_rng(seed)
    size = len(objective.free.names)
    normal = np.clip(rng.standard_normal((size, count)), -2.0, 2.0) * scale
    inner = objective.free.clipped(normal, margin=0.05)
    return np.asarray(objective.free.from_prior_space(jnp.asarray(inner)))


def recover(
    objective: Objective,
    *,
    starts: int = 16,
    seed: int = 0,
    steps: int = RECOVERY_STEPS,
    scale: float = 0.5,
    tolerance: float = 0.01,
    progress: Progress | None = None,
) -> Recovery:
    """Parameter recovery of a noise-free twin from many starts.

    Args:
        objective: real data define months, errors and weights.
        starts: Sobol starts.
        seed: of truth and starts.
        steps: per start.
        scale: of the truth about the prior's centre, in prior standard deviations.
        tolerance: relative error that counts as recovered.
        progress: as in ``fit``.
    """
    truth = draw_true_points(objective, 1, seed, scale)[:, 0]
    twin = twin_objective(objective, truth, starts=starts)
    twin = replace(twin, prior_scale=jnp.asarray(np.asarray(WEAK_PRIOR)))
    result = fit(twin, starts=starts, seed=seed, steps=steps, tolerance=1e-8, progress=progress)
    # The Jacobian at the best start approximates that at the truth; laplace_at adds the prior.
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
    progress: Progress | None = None,
) -> Coverage:
    """Coverage of the Laplace interval in noisy twins.

    True points are drawn from the prior and every replicate has its own noise; replicates are the
    starts of one fit, each from the centre of the prior. Those where the model fails do not count.
    """
    truth = draw_true_points(objective, replicates, seed)
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
    counted = np.isfinite(inside).all(axis=0)
    return Coverage(
        names=objective.free.names,
        level=level,
        inside=inside,
        rate=float(inside[:, counted].mean()),
        by_name=dict(
            zip(objective.free.names, inside[:, counted].mean(axis=1).tolist(), strict=True)
        ),
        replicates=int(counted.sum()),
    )
