"""Multi-start nonlinear least squares: the fit of an objective, with checkpoints."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from temjax.calibration.checkpoint import FitHistory, NoFiniteStart, fingerprint
from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Objective
from temjax.calibration.optimisers import Method, make_optimiser
from temjax.calibration.parallel import ParallelStarts
from temjax.calibration.part import Linearisation
from temjax.calibration.starts import prior_starts

STARTS = 8
STEPS = 25
METHOD: Method = "lm"
TOLERANCE = 1e-4
NOT_FINITE = "dropped: not finite at the start"
NO_EQUILIBRIUM = "dropped: no equilibrium at the start"
OUT_OF_STEPS = "all"  # begins the reason of a start that did not stop by itself

Progress = Callable[[int, float, int], None]


@dataclass(frozen=True)
class FitResult:
    """Result of a fit with the history of every start.

    Attributes:
        objective: what was minimised.
        method: of optimisation.
        seed: of the starts.
        names: of the parameters behind the free numbers; in joint fits ``name@site`` where each
            site has its own.
        losses: of every candidate, ``(step, start)``; infinite where the model failed, NaN once
            the start has stopped.
        path: every candidate in free space, ``(step, free, start)``.
        gradients: in free space, ``(step, free, start)``.
        free: best point of every start, ``(free, start)``; NaN where the start was dropped.
        loss: there, ``(start,)``; infinite where it was dropped.
        residuals: there, ``(n, start)``, those of the prior last.
        jacobian: there, ``(n, free, start)``.
        reasons: why each start stopped.
        first_misfit: loss by target at the centre of the prior.
        seconds: wall time of each step, the first with compilation.
    """

    objective: Objective | JointObjective = field(repr=False)
    method: str
    seed: int
    names: tuple[str, ...]
    losses: np.ndarray = field(repr=False)
    path: np.ndarray = field(repr=False)
    gradients: np.ndarray = field(repr=False)
    free: np.ndarray = field(repr=False)
    loss: np.ndarray
    residuals: np.ndarray = field(repr=False)
    jacobian: np.ndarray = field(repr=False)
    reasons: tuple[str, ...]
    first_misfit: dict[str, float]
    seconds: np.ndarray = field(repr=False)

    @property
    def best(self) -> int:
        """Index of the start with the lowest loss."""
        return int(np.argmin(self.loss))

    @property
    def dropped(self) -> tuple[int, ...]:
        """Indices of starts that could not be fitted."""
        return tuple(i for i, reason in enumerate(self.reasons) if reason.startswith("dropped"))

    @property
    def prior_centre(self) -> np.ndarray:
        """Parameters at the centre of the prior, in their units."""
        return np.asarray(self.objective.values(jnp.zeros(len(self.names))))

    @property
    def values(self) -> np.ndarray:
        """Parameters at the lowest loss, in their units."""
        return np.asarray(self.objective.values(jnp.asarray(self.free[:, self.best])))

    @property
    def misfit(self) -> dict[str, float]:
        """Loss by target at the lowest loss."""
        return self.objective.misfit(self.residuals[:, self.best])

    @property
    def residual_ratio(self) -> float:
        """Root mean square of the weighted residuals of the observations at the lowest loss."""
        residuals = self.residuals[: self.objective.number_of_residuals, self.best]
        used = np.concatenate(
            [np.ravel(target.used) for part in self.objective.parts for target in part.targets]
        )
        return float(np.sqrt(np.sum(residuals**2) / np.sum(used)))

    @property
    def without_effect(self) -> tuple[str, ...]:
        """Parameters on which no observed value depends at the lowest loss: derivatives are 0."""
        jacobian = self.jacobian[: self.objective.number_of_residuals, :, self.best]
        flat = np.all(jacobian == 0, axis=0)
        return tuple(name for name, is_flat in zip(self.names, flat, strict=True) if is_flat)

    @property
    def evaluations(self) -> int:
        """Model runs with Jacobian, summed over the starts."""
        return int(np.sum(~np.isnan(self.losses)))

    def starts_within(self, tolerance: float = 0.01) -> int:
        """Number of starts whose loss is within a share of the lowest."""
        return int(np.sum(self.loss <= self.loss[self.best] * (1 + tolerance)))


def fit(
    objective: Objective | JointObjective,
    *,
    method: Method = METHOD,
    starts: int = 1,
    seed: int = 0,
    steps: int = STEPS,
    learning_rate: float = 0.2,
    tolerance: float = TOLERANCE,
    first: np.ndarray | None = None,
    pinned: np.ndarray | None = None,
    counted: np.ndarray | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Minimise half the sum of squared residuals from many starts on all cores.

    Args:
        objective: from ``Objective.of`` or ``JointObjective.of``.
        method: ``lm`` (Levenberg–Marquardt), ``lbfgs`` or ``adam``; the last wants some 40 steps.
        starts: Sobol points of the prior, the first its centre.
        seed: of the Sobol sequence.
        steps: evaluations of loss and Jacobian per start at most.
        learning_rate: of Adam, in prior standard deviations per step, decaying to a tenth.
        tolerance: a start stops when its loss fell by less than this share.
        first: starts in free space, ``(free, start)``, in place of the Sobol points.
        pinned: parameters fixed at their start, ``(free, start)``; ``lm`` only.
        counted: residuals that count, those of the prior last, ``(n, start)``; all by default. Of a
            joint objective, where a part that does not count may fail.
        checkpoint: ``.npz`` file written after each step; the fit is resumed if it exists.
        progress: called with the step, the lowest loss and the number of starts still running.

    Raises:
        NoFiniteStart: no start has a finite loss.
        FitError: the checkpoint is damaged or belongs to another fit.
        ValueError: unknown method, fewer than one start or step, pinned parameters without ``lm``.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps; a fit needs at least one")
    candidate = _first_candidates(objective, starts, seed, first)
    size, count = candidate.shape
    optimiser = make_optimiser(
        method, objective.free, count, tolerance=tolerance, steps=steps,
        learning_rate=learning_rate, pinned=pinned,
    )  # fmt: skip
    evaluation = ParallelStarts(objective)
    history = FitHistory(size, count, objective.number_of_residuals + size)
    identity = fingerprint(objective, method, seed, count, counted)
    checkpoint = None if checkpoint is None else Path(checkpoint)
    if checkpoint is not None and checkpoint.exists():
        candidate = history.read(checkpoint, identity, optimiser)
    for step in range(len(history.losses), steps):
        if not history.running.any():
            break
        started = time.perf_counter()
        linear = _counted(evaluation.linearise(candidate), counted)
        loss, gradient = _loss_and_gradient(linear)
        if step == 0:
            history.first_misfit = objective.misfit(linear.residuals[:, 0])
            if not np.isfinite(loss).any():
                raise NoFiniteStart(_no_finite_start(objective, candidate))
        following, reasons = optimiser.update(
            candidate, loss, gradient, linear.residuals, linear.jacobian
        )
        if step == 0:
            reasons = _drop_failed(reasons, loss, linear.converged)
        history.add(candidate, loss, gradient, linear, reasons, started)
        # A start that has stopped stays at its best point.
        candidate = np.where(history.running, following, np.nan_to_num(history.free))
        if checkpoint is not None:
            history.write(checkpoint, identity, optimiser, candidate)
        if progress is not None:
            progress(step, float(np.min(history.loss)), int(history.running.sum()))
    return _result_of(objective, method, seed, steps, history)


def _first_candidates(
    objective: Objective | JointObjective, starts: int, seed: int, first: np.ndarray | None
) -> np.ndarray:
    """First candidates, ``(free, start)``: Sobol points of the prior, or those of the caller."""
    if first is None:
        return np.asarray(prior_starts(objective.free, starts, seed))
    candidate = np.array(first, dtype=float)
    if candidate.ndim != 2 or candidate.shape[0] != len(objective.free.names):
        raise ValueError(
            f"starts have shape {candidate.shape}; give ({len(objective.free.names)}, start)"
        )
    return candidate


def _counted(linear: Linearisation, counted: np.ndarray | None) -> Linearisation:
    """Linearisation of the residuals that count.

    Those of a part of a joint objective that did not converge are NaN, so what counts tells
    whether a point is valid.
    """
    if counted is None:
        return linear
    return Linearisation(
        np.where(counted, linear.residuals, 0.0),
        np.where(counted[:, None, :], linear.jacobian, 0.0),
        np.ones_like(linear.converged),
    )


def _loss_and_gradient(linear: Linearisation) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient; infinite and zero where the model failed."""
    loss = 0.5 * np.sum(linear.residuals**2, axis=0)
    gradient = np.einsum("nfs,ns->fs", linear.jacobian, linear.residuals)
    valid = np.isfinite(loss) & np.all(np.isfinite(gradient), axis=0) & linear.converged
    return np.where(valid, loss, np.inf), np.where(valid, gradient, 0.0)


def _drop_failed(reasons: list[str], loss: np.ndarray, converged: np.ndarray) -> list[str]:
    """Reasons after the first step: starts that failed there are dropped."""
    return [
        reason if np.isfinite(value) else (NOT_FINITE if balanced else NO_EQUILIBRIUM)
        for reason, value, balanced in zip(reasons, loss, converged, strict=True)
    ]


def _no_finite_start(objective: Objective | JointObjective, candidate: np.ndarray) -> str:
    """Message that no start can be fitted, with the first failure of each site."""
    lines = []
    first = jnp.asarray(candidate[:, 0])
    for index, part in enumerate(objective.parts):
        point = np.asarray(objective.part_point(index, first))
        lines.append(f"{part.name}: {part.first_failure(point)}")
    return (
        "the loss is not finite at any start; at the centre of the prior the first fault is: "
        + "; ".join(lines)
    )


def _result_of(
    objective: Objective | JointObjective, method: str, seed: int, steps: int, history: FitHistory
) -> FitResult:
    """Result of a finished history."""
    return FitResult(
        objective=objective,
        method=method,
        seed=seed,
        names=objective.reported.names,
        losses=np.stack(history.losses),
        path=np.stack(history.path),
        gradients=np.stack(history.gradients),
        free=history.free,
        loss=history.loss,
        residuals=history.residuals,
        jacobian=history.jacobian,
        reasons=tuple(reason or f"{OUT_OF_STEPS} {steps} steps used" for reason in history.reasons),
        first_misfit=history.first_misfit,
        seconds=np.asarray(history.seconds),
    )
