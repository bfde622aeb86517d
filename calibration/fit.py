"""Gradient descent with Optax on the parameters of one place."""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
import optax

from calibration.objective import Objective
from temjax import Parameters, State


@dataclass(frozen=True)
class FitResult:
    """What a fit saw; nothing is thrown away.

    Attributes:
        objective: what was minimised.
        names: parameters that moved.
        start: their values at the start.
        best: their values at the lowest loss.
        standard_deviations: from the Gauss–Newton curvature at the last evaluation of the best
            point, in prior space (relative for logarithmic parameters); NaN where singular.
        losses: loss of every step.
        path: values of every step, ``(step, free)``.
        gradients: in free space, ``(step, free)``.
        misfits: share of each target at the start and at the best point.
        reason: why the fit stopped.
        parameters: the full set at the best point.
        state: equilibrium state at the best point.
    """

    objective: Objective
    names: tuple[str, ...]
    start: np.ndarray
    best: np.ndarray
    standard_deviations: np.ndarray
    losses: np.ndarray
    path: np.ndarray
    gradients: np.ndarray
    misfits: dict[str, dict[str, float]]
    reason: str
    parameters: Parameters
    state: State
    free: np.ndarray = field(repr=False)


class FitError(RuntimeError):
    """A fit that cannot go on; the message says at which step and what was not finite."""


def _standard_deviations(objective: Objective, jacobian: np.ndarray, free: np.ndarray):
    """Laplace approximation: inverse of J^T J, carried to prior space."""
    try:
        covariance = np.linalg.inv(jacobian.T @ jacobian)
    except np.linalg.LinAlgError:
        return np.full(free.shape, np.nan)
    step = 1e-5
    slope = (
        np.asarray(objective.free.prior_space(jnp.asarray(free + step)))
        - np.asarray(objective.free.prior_space(jnp.asarray(free - step)))
    ) / (2 * step)
    return np.sqrt(np.maximum(np.diag(covariance), 0.0)) * np.abs(slope)


def fit(
    objective: Objective,
    *,
    steps: int = 40,
    learning_rate: float = 0.3,
    tolerance: float = 1e-3,
    progress: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Minimise half the sum of squared residuals with Adam and a cosine schedule.

    Args:
        objective: from ``Objective.of``.
        steps: gradient evaluations at most.
        learning_rate: in prior standard deviations per step, decaying to a tenth.
        tolerance: stop when the loss changed by less than this share over ten steps.
        progress: called with the step and its loss.

    Raises:
        FitError: the loss is not finite at the start.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1)
    optimiser = optax.adam(schedule)
    free = jnp.zeros(len(objective.free.names))
    memory = optimiser.init(free)
    guess: State | None = None
    losses, path, gradients = [], [], []
    first_misfit = best = None
    reason = f"all {steps} steps used"
    for step in range(steps):
        residuals, jacobian, guess = objective.linearised(free, guess)
        loss = 0.5 * float(jnp.sum(residuals**2))
        gradient = jacobian.T @ residuals
        if not np.isfinite(loss) or not bool(jnp.all(jnp.isfinite(gradient))):
            if best is None:
                broken = [k for k, v in objective.misfit(residuals).items() if not np.isfinite(v)]
                raise FitError(
                    "loss or gradient not finite at the start; first non-finite target: "
                    f"{broken[0] if broken else 'none (gradient only)'}"
                )
            reason = f"not finite at step {step}"
            break
        losses.append(loss)
        path.append(np.asarray(objective.free.values(free)))
        gradients.append(np.asarray(gradient))
        if first_misfit is None:
            first_misfit = objective.misfit(residuals)
        if best is None or loss < best[0]:
            best = (loss, np.asarray(free), np.asarray(jacobian), np.asarray(residuals), guess)
        if progress is not None:
            progress(step, loss)
        if step >= 10 and abs(losses[-11] - loss) < tolerance * loss:
            reason = f"loss changed by less than {tolerance:g} over ten steps"
            break
        updates, memory = optimiser.update(gradient, memory)
        free = optax.apply_updates(free, updates)
    _, best_free, jacobian, residuals, state = best
    return FitResult(
        objective=objective,
        names=objective.free.names,
        start=path[0],
        best=np.asarray(objective.free.values(jnp.asarray(best_free))),
        standard_deviations=_standard_deviations(objective, jacobian, best_free),
        losses=np.asarray(losses),
        path=np.stack(path),
        gradients=np.stack(gradients),
        misfits={"start": first_misfit, "best": objective.misfit(jnp.asarray(residuals))},
        reason=reason,
        parameters=objective.free.put(objective.parameters, jnp.asarray(best_free)),
        state=state,
        free=best_free,
    )
