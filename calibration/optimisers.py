"""Optimisers of many starts at once: Levenberg–Marquardt, and Optax's L-BFGS and Adam.

An optimiser takes loss and derivatives at every start's candidate and returns the next candidates.
Its state is NumPy arrays with starts trailing, so that a fit can be checkpointed and resumed.
"""

from typing import Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from temjax.calibration.transforms import FreeParameters

Method = Literal["lm", "lbfgs", "adam"]
MAX_STEP = 2.0  # prior standard deviations
MARGIN = 1e-3  # distance kept from a bound, share of its range
INITIAL_DAMPING = 0.01
MAX_DAMPING = 1e8
SUFFICIENT_DECREASE = 1e-4  # share of the predicted decrease that a step must reach
MAX_HALVINGS = 12
MAX_DAMPING_INCREASES = 25  # of one step that leads uphill
ADAM_WINDOW = 10
RUNNING = ""


@runtime_checkable
class Optimiser(Protocol):
    """Iterative optimiser of many independent starts."""

    def update(
        self,
        candidate: np.ndarray,
        loss: np.ndarray,
        gradient: np.ndarray,
        residuals: np.ndarray,
        jacobian: np.ndarray,
    ) -> tuple[np.ndarray, list[str]]:
        """Next candidates ``(free, start)`` and, per start, why it stopped (empty: it runs on).

        Args:
            candidate: ``(free, start)``.
            loss: ``(start,)``, infinite where the model failed.
            gradient: ``(free, start)``.
            residuals: ``(n, start)``.
            jacobian: ``(n, free, start)``.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """State of the optimiser, by name."""
        ...

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore a state that ``state`` returned."""
        ...


def _limit_length(step: np.ndarray) -> np.ndarray:
    """Steps scaled to a length of at most ``MAX_STEP``, ``(free, start)``."""
    length = np.sqrt(np.sum(step**2, axis=0))
    return step * np.minimum(1.0, MAX_STEP / np.maximum(length, 1e-300))


def _decrease(before: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decrease of the loss, −∞ where the model failed, and starts with their first finite loss."""
    failed = ~np.isfinite(loss)
    first = ~np.isfinite(before) & ~failed
    previous = np.where(np.isfinite(before), before, 0.0)
    return np.where(failed, -np.inf, previous - np.where(failed, 0.0, loss)), first


class _ArrayState:
    """State made of the attributes named in ``_state``."""

    _state: tuple[str, ...] = ()

    def state(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(getattr(self, name)) for name in self._state}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        for name in self._state:
            setattr(self, name, np.array(arrays[name]))


class LevenbergMarquardt(_ArrayState):
    """Levenberg–Marquardt with Marquardt's scaling, Nielsen's damping rule and bounds.

    Steps are taken in prior space, measured in prior standard deviations: in free space a
    parameter that came near a bound would hardly leave it. A step is clipped at the bounds, and a
    parameter at a bound whose gradient points outward is inactive. Each start continues from its
    best point; a rejected step is tried again with more damping.
    """

    _state = ("point", "loss", "normal", "gradient", "damping", "growth", "predicted", "stalled")

    def __init__(
        self,
        free: FreeParameters,
        starts: int,
        *,
        tolerance: float,
        pinned: np.ndarray | None = None,
        **_,
    ) -> None:
        self.free, self.tolerance = free, tolerance
        size = len(free.names)
        self.pinned = np.zeros((size, starts), bool) if pinned is None else pinned
        self.lower, self.upper = free.shift_bounds(MARGIN)
        self.point = np.zeros((size, starts))
        self.loss = np.full(starts, np.inf)
        self.normal = np.broadcast_to(np.eye(size), (starts, size, size)).copy()
        self.gradient = np.zeros((size, starts))
        self.damping = np.full(starts, INITIAL_DAMPING)
        self.growth = np.full(starts, 2.0)
        self.predicted = np.full(starts, np.nan)
        self.stalled = np.zeros(starts, int)

    def update(self, candidate, loss, gradient, residuals, jacobian):
        shift, slope = self.free.shifts(candidate)
        decrease, first = _decrease(self.loss, loss)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(first, 1.0, decrease / self.predicted)
        ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
        accepted = np.isfinite(loss) & (first | (ratio > SUFFICIENT_DECREASE))
        small = np.zeros_like(accepted)
        np.less_equal(decrease, self.tolerance * np.abs(loss), out=small, where=accepted & ~first)
        # A single small decrease may be that of one strongly damped step.
        self.stalled = np.where(accepted, np.where(small, self.stalled + 1, 0), self.stalled)
        # A step was rejected that was predicted to gain nothing: converged.
        no_gain = self.predicted <= self.tolerance * np.abs(self.loss)
        self.point = np.where(accepted, shift, self.point)
        self.loss = np.where(accepted, loss, self.loss)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            scaled = jacobian / slope
            curvature = np.einsum("nfs,ngs->sfg", scaled, scaled)
            self.gradient = np.where(accepted, gradient / slope, self.gradient)
        self.normal = np.where(accepted[:, None, None], curvature, self.normal)
        shrink = np.maximum(1 / 3, 1 - (2 * np.where(accepted, ratio, 0.5) - 1) ** 3)
        self.damping = np.where(
            accepted,
            np.where(first, self.damping, self.damping * shrink),
            self.damping * self.growth,
        )
        self.growth = np.where(accepted, 2.0, self.growth * 2)
        reasons = [
            f"loss fell by less than {self.tolerance:g} of itself"
            if is_stalled or (gains_nothing and not is_accepted)
            else ("no shorter step lowers the loss" if damping > MAX_DAMPING else RUNNING)
            for is_stalled, gains_nothing, is_accepted, damping in zip(
                self.stalled >= 2, no_gain, accepted, self.damping, strict=True
            )
        ]
        return self.free.from_shifts(self.point + self._step()), reasons

    def _step(self) -> np.ndarray:
        """Bounded step of every start, ``(free, start)``; sets the predicted decrease.

        A step clipped at the bounds need not lead downhill; more damping turns it towards the
        clipped gradient step, which does.
        """
        low, high = self.lower[:, None], self.upper[:, None]
        inactive = ((self.point <= low) & (self.gradient > 0)) | (
            (self.point >= high) & (self.gradient < 0)
        )
        inactive = inactive | self.pinned
        for _ in range(MAX_DAMPING_INCREASES):
            step = self._damped_step(inactive, low - self.point, high - self.point)
            linear_term = np.sum(self.gradient * step, axis=0)
            quadratic_term = np.einsum("fs,sfg,gs->s", step, self.normal, step)
            self.predicted = -(linear_term + 0.5 * quadratic_term)
            uphill = (self.predicted <= 0) & ~np.all(inactive, axis=0) & np.isfinite(self.loss)
            if not uphill.any():
                break
            self.damping = np.where(uphill, 4 * self.damping, self.damping)
        return step

    def _damped_step(self, inactive: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Damped Gauss–Newton step within bounds, ``(free, start)``.

        A parameter that would leave its range is fixed at the bound and the others are solved
        again.

        Args:
            inactive: parameters that do not change, ``(free, start)``.
            low, high: bounds of the step, ``(free, start)``.
        """
        identity = np.eye(len(inactive))
        diagonal = np.einsum("sff->sf", self.normal)
        full = self.normal + identity * (self.damping[:, None] * diagonal)[:, None, :]
        fixed, fixed_step = inactive.copy(), np.zeros_like(self.point)
        for _ in range(len(inactive)):
            active = ~fixed.T
            matrix = np.where(active[:, :, None] & active[:, None, :], full, identity)
            gradient = self.gradient.T + np.einsum("sfg,gs->sf", full, fixed_step)
            right = np.where(active, -gradient, fixed_step.T)
            step = np.linalg.solve(matrix, right[..., None])[..., 0].T
            outside = ~fixed & ((step < low) | (step > high))
            if not outside.any():
                break
            fixed_step = np.where(outside, np.clip(step, low, high), fixed_step)
            fixed |= outside
        longest = np.max(np.abs(step), axis=0)
        step = step * np.minimum(1.0, MAX_STEP / np.maximum(longest, 1e-300))
        return np.clip(step, low, high)


class _OptaxState(_ArrayState):
    """State made of the leaves of an Optax state, ``optax_state``, and of attributes."""

    def state(self) -> dict[str, np.ndarray]:
        leaves = jax.tree.leaves(self.optax_state)
        return super().state() | {f"optax_{i}": np.asarray(x) for i, x in enumerate(leaves)}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        super().load_state(arrays)
        leaves, structure = jax.tree.flatten(self.optax_state)
        stored = [jnp.asarray(arrays[f"optax_{i}"]) for i in range(len(leaves))]
        self.optax_state = jax.tree.unflatten(structure, stored)


class LBFGS(_OptaxState):
    """L-BFGS directions of Optax with step halving, each start by itself."""

    _state = ("point", "loss", "gradient", "direction", "length", "halvings")

    def __init__(self, free: FreeParameters, starts: int, *, tolerance: float, **_) -> None:
        self.tolerance = tolerance
        size = len(free.names)
        self.transform = optax.scale_by_lbfgs(memory_size=10)
        self.optax_state = jax.vmap(self.transform.init)(jnp.zeros((starts, size)))
        self.point = np.zeros((size, starts))
        self.loss = np.full(starts, np.inf)
        self.gradient = np.zeros((size, starts))
        self.direction = np.zeros((size, starts))
        self.length = np.ones(starts)
        self.halvings = np.zeros(starts, int)

    def update(self, candidate, loss, gradient, residuals, jacobian):
        decrease, first = _decrease(self.loss, loss)
        slope = np.sum(self.gradient * self.direction, axis=0)
        sufficient = -SUFFICIENT_DECREASE * self.length * slope
        accepted = np.isfinite(loss) & (first | (decrease > sufficient))
        small = np.zeros_like(accepted)
        np.less_equal(decrease, self.tolerance * np.abs(loss), out=small, where=accepted & ~first)
        self.point = np.where(accepted, candidate, self.point)
        self.loss = np.where(accepted, loss, self.loss)
        self.gradient = np.where(accepted, gradient, self.gradient)
        scaled, optax_state = jax.vmap(self.transform.update)(
            jnp.asarray(self.gradient.T), self.optax_state, jnp.asarray(self.point.T)
        )
        keep = jnp.asarray(accepted)
        self.optax_state = jax.tree.map(
            lambda new, old: jnp.where(jnp.reshape(keep, (-1,) + (1,) * (new.ndim - 1)), new, old),
            optax_state,
            self.optax_state,
        )
        scaled = np.asarray(scaled).T
        downhill = np.where(np.sum(scaled * self.gradient, axis=0) > 0, -scaled, -self.gradient)
        self.direction = np.where(accepted, _limit_length(downhill), self.direction)
        self.length = np.where(accepted, 1.0, self.length / 2)
        self.halvings = np.where(accepted, 0, self.halvings + 1)
        reasons = [
            f"loss fell by less than {self.tolerance:g} of itself"
            if is_small
            else ("no shorter step lowers the loss" if halvings > MAX_HALVINGS else RUNNING)
            for is_small, halvings in zip(small, self.halvings, strict=True)
        ]
        return self.point + self.length * self.direction, reasons


class Adam(_OptaxState):
    """Adam of Optax with a cosine schedule of the learning rate."""

    _state = ("recent",)

    def __init__(
        self,
        free: FreeParameters,
        starts: int,
        *,
        tolerance: float,
        steps: int,
        learning_rate: float,
    ) -> None:
        self.tolerance = tolerance
        self.transform = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))
        self.optax_state = self.transform.init(jnp.zeros((len(free.names), starts)))
        self.recent = np.zeros((0, starts))

    def update(self, candidate, loss, gradient, residuals, jacobian):
        finite = np.isfinite(loss)
        valid = jnp.asarray(np.where(finite, gradient, 0.0))
        updates, self.optax_state = self.transform.update(valid, self.optax_state)
        self.recent = np.concatenate([self.recent, loss[None]])[-ADAM_WINDOW - 1 :]
        converged = np.zeros(loss.size, bool)
        if len(self.recent) > ADAM_WINDOW:
            with np.errstate(invalid="ignore"):
                change = np.max(self.recent, axis=0) - np.min(self.recent, axis=0)
            converged = change <= self.tolerance * np.abs(loss)
        reasons = [
            "not finite"
            if not is_finite
            else (
                f"loss moved by less than {self.tolerance:g} of itself in {ADAM_WINDOW} steps"
                if is_converged
                else RUNNING
            )
            for is_finite, is_converged in zip(finite, converged, strict=True)
        ]
        return candidate + np.asarray(updates), reasons


OPTIMISERS = {"lm": LevenbergMarquardt, "lbfgs": LBFGS, "adam": Adam}


def make_optimiser(
    method: Method,
    free: FreeParameters,
    starts: int,
    *,
    tolerance: float,
    steps: int,
    learning_rate: float,
    pinned: np.ndarray | None = None,
) -> Optimiser:
    """Optimiser by name.

    Args:
        method: ``lm``, ``lbfgs`` or ``adam``.
        free: free parameters.
        starts: number of starts.
        tolerance: relative decrease of the loss below which a start stops.
        steps: of the learning-rate schedule of Adam.
        learning_rate: initial one of Adam, prior standard deviations per step.
        pinned: parameters fixed at their start, ``(free, start)``.

    Raises:
        ValueError: unknown method, or pinned parameters with another method than ``lm``.
    """
    if method not in OPTIMISERS:
        raise ValueError(f"method = {method!r}; choose one of {', '.join(OPTIMISERS)}")
    options = {} if pinned is None else {"pinned": pinned}
    if options and method != "lm":
        raise ValueError(f"method = {method!r} cannot pin parameters; take lm")
    return OPTIMISERS[method](
        free, starts, tolerance=tolerance, steps=steps, learning_rate=learning_rate, **options
    )
