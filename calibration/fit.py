"""Gradient descent with Optax on the parameters of one place.

Two rules of descent: Adam on the gradient, or Gauss–Newton steps, which the forward-mode Jacobian
gives for nothing and which need fewer model runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import jax.numpy as jnp
import numpy as np
import optax

from calibration.objective import Objective
from temjax import ModelOptions, Parameters, State


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


Method = Literal["gauss_newton", "adam"]
FIRST_DAMPING = 0.3
# Descent runs with coarse sub-steps; what a fit reports is run again with the default ones.
DESCENT = ModelOptions(substeps=16)
LONGEST_STEP = 2.0  # prior standard deviations


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


def _settled(method: Method, losses: list[float], tolerance: float) -> bool:
    loss = losses[-1]
    if method == "adam":
        return len(losses) > 10 and abs(losses[-11] - loss) < tolerance * loss
    before = min(losses[:-1], default=np.inf)
    return 0 <= before - loss < tolerance * loss


def gauss_newton() -> optax.GradientTransformationExtraArgs:
    """Turn a gradient J^T r into the damped Gauss–Newton direction (J^T J + d I)^-1 J^T r.

    ``update`` takes ``jacobian`` and ``damping`` as extra arguments.
    """

    def update(updates, state, params=None, *, jacobian, damping, **_):
        curvature = jacobian.T @ jacobian + damping * jnp.eye(jacobian.shape[1])
        return jnp.linalg.solve(curvature, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def _optimiser(method: Method, steps: int, learning_rate: float):
    if method == "adam":
        schedule = optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1)
        return optax.with_extra_args_support(optax.adam(schedule))
    if method == "gauss_newton":
        return optax.chain(
            gauss_newton(),
            optax.clip_by_global_norm(LONGEST_STEP),
            optax.scale_by_learning_rate(1.0),
        )
    raise ValueError(f"method = {method!r}; choose 'gauss_newton' or 'adam'")


def fit(
    objective: Objective,
    *,
    method: Method = "gauss_newton",
    steps: int = 12,
    learning_rate: float = 0.2,
    tolerance: float = 1e-3,
    progress: Callable[[int, float], None] | None = None,
) -> FitResult:
    """Minimise half the sum of squared residuals.

    Args:
        objective: from ``Objective.of``.
        method: ``"gauss_newton"``: damped steps from the best point so far, more damping after a
            step that failed; ``"adam"`` with a cosine schedule wants some 40 steps.
        steps: evaluations of loss and Jacobian at most.
        learning_rate: of Adam, in prior standard deviations per step, decaying to a tenth.
        tolerance: stop when the loss fell by less than this share: of a Gauss–Newton step, or
            over ten Adam steps.
        progress: called with the step and its loss.

    Raises:
        FitError: the loss is not finite at the start.
        ValueError: unknown method.
    """
    optimiser = _optimiser(method, steps, learning_rate)
    damping = FIRST_DAMPING
    free = jnp.zeros(len(objective.free.names))
    memory = optimiser.init(free)
    guess = objective.equilibrium_state()
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
        if _settled(method, losses, tolerance):
            reason = f"loss fell by less than {tolerance:g} of itself"
            break
        if method == "gauss_newton":
            # Always on from the best point; a step that failed is tried again, shorter.
            damping = damping / 3 if best[0] == loss else damping * 6
            free = jnp.asarray(best[1])
            residuals, jacobian = (jnp.asarray(part) for part in (best[3], best[2]))
            gradient = jacobian.T @ residuals
        updates, memory = optimiser.update(
            gradient, memory, free, jacobian=jacobian, damping=damping
        )
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
