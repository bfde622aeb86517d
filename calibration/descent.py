"""Rules of descent for many starts at once: Levenberg–Marquardt, and Optax's L-BFGS and Adam.

A rule is told what every start's candidate gave and answers with the next candidates. It works on
plain arrays with starts trailing, so that a fit can be written to a file and taken up again.
"""

from typing import Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from temjax.calibration.transforms import Free

Method = Literal["lm", "lbfgs", "adam"]
LONGEST_STEP = 2.0  # prior standard deviations
MARGIN = 1e-3  # distance kept from a bound, share of its range
FIRST_DAMPING = 0.01
MOST_DAMPING = 1e8
SUFFICIENT = 1e-4  # share of the predicted fall that a step must reach
MOST_HALVINGS = 12
MOST_TURNS = 25  # times a step that leads uphill is damped more
ADAM_WINDOW = 10
RUNNING = ""


@runtime_checkable
class Rule(Protocol):
    """One rule of descent."""

    def advance(
        self,
        candidate: np.ndarray,
        loss: np.ndarray,
        gradient: np.ndarray,
        residuals: np.ndarray,
        jacobian: np.ndarray,
    ) -> tuple[np.ndarray, list[str]]:
        """Next candidates ``(free, start)`` and, per start, why it stopped (empty: it goes on).

        Args:
            candidate: ``(free, start)``.
            loss: ``(start,)``, infinite where the model failed.
            gradient: ``(free, start)``.
            residuals: ``(n, start)``.
            jacobian: ``(n, free, start)``.
        """
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything the rule remembers."""
        ...

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take up what ``arrays`` returned."""
        ...


def _shortened(step: np.ndarray) -> np.ndarray:
    """Steps no longer than ``LONGEST_STEP``, ``(free, start)``."""
    length = np.sqrt(np.sum(step**2, axis=0))
    return step * np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-300))


def _fall(before: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much the loss fell, −∞ where the model failed, and which starts have none before."""
    fails = ~np.isfinite(loss)
    first = ~np.isfinite(before) & ~fails
    known = np.where(np.isfinite(before), before, 0.0)
    return np.where(fails, -np.inf, known - np.where(fails, 0.0, loss)), first


class _Remembering:
    """Attributes named in ``_kept`` are the memory of a rule."""

    _kept: tuple[str, ...] = ()

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(getattr(self, name)) for name in self._kept}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        for name in self._kept:
            setattr(self, name, np.array(arrays[name]))


class LevenbergMarquardt(_Remembering):
    """Damped Gauss–Newton steps with Marquardt's scaling and Nielsen's rule for the damping.

    Steps are taken in prior space, measured in prior standard deviations: in free space a number
    that came near a bound would hardly find its way back. A step is cut at the bounds, and a
    number at a bound whose gradient points outward rests. Each start goes on from the best point
    it has seen; a step that failed is tried again with more damping.
    """

    _kept = ("point", "loss", "normal", "gradient", "damping", "growth", "predicted", "quiet")

    def __init__(
        self, free: Free, starts: int, *, tolerance: float, pinned: np.ndarray | None = None, **_
    ) -> None:
        self.free, self.tolerance = free, tolerance
        size = len(free.names)
        self.pinned = np.zeros((size, starts), bool) if pinned is None else pinned
        self.lowest, self.highest = free.box(MARGIN)
        self.point = np.zeros((size, starts))
        self.loss = np.full(starts, np.inf)
        self.normal = np.broadcast_to(np.eye(size), (starts, size, size)).copy()
        self.gradient = np.zeros((size, starts))
        self.damping = np.full(starts, FIRST_DAMPING)
        self.growth = np.full(starts, 2.0)
        self.predicted = np.full(starts, np.nan)
        self.quiet = np.zeros(starts, int)

    def advance(self, candidate, loss, gradient, residuals, jacobian):
        shift, stretch = self.free.shifts(candidate)
        fall, first = _fall(self.loss, loss)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(first, 1.0, fall / self.predicted)
        ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
        better = np.isfinite(loss) & (first | (ratio > SUFFICIENT))
        small = np.zeros_like(better)
        np.less_equal(fall, self.tolerance * np.abs(loss), out=small, where=better & ~first)
        # One small fall may be that of one strongly damped step.
        self.quiet = np.where(better, np.where(small, self.quiet + 1, 0), self.quiet)
        # A step that promised nothing and brought nothing: nothing left to gain.
        spent = self.predicted <= self.tolerance * np.abs(self.loss)
        self.point = np.where(better, shift, self.point)
        self.loss = np.where(better, loss, self.loss)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            scaled = jacobian / stretch
            curvature = np.einsum("nfs,ngs->sfg", scaled, scaled)
            self.gradient = np.where(better, gradient / stretch, self.gradient)
        self.normal = np.where(better[:, None, None], curvature, self.normal)
        shrink = np.maximum(1 / 3, 1 - (2 * np.where(better, ratio, 0.5) - 1) ** 3)
        self.damping = np.where(
            better, np.where(first, self.damping, self.damping * shrink), self.damping * self.growth
        )
        self.growth = np.where(better, 2.0, self.growth * 2)
        reasons = [
            f"loss fell by less than {self.tolerance:g} of itself"
            if little or (gone and not won)
            else ("no shorter step lowers the loss" if damping > MOST_DAMPING else RUNNING)
            for little, gone, won, damping in zip(
                self.quiet >= 2, spent, better, self.damping, strict=True
            )
        ]
        ahead = self.point + self._step()
        return self.free.from_shifts(ahead), reasons

    def _step(self) -> np.ndarray:
        """Bounded step of every start, ``(free, start)``; sets the fall it promises.

        A step cut at the bounds need not lead downhill; more damping turns it towards the cut
        gradient step, which does.
        """
        low, high = self.lowest[:, None], self.highest[:, None]
        resting = ((self.point <= low) & (self.gradient > 0)) | (
            (self.point >= high) & (self.gradient < 0)
        )
        resting = resting | self.pinned
        for _ in range(MOST_TURNS):
            step = self._damped(resting, low - self.point, high - self.point)
            along = np.sum(self.gradient * step, axis=0)
            bend = np.einsum("fs,sfg,gs->s", step, self.normal, step)
            self.predicted = -(along + 0.5 * bend)
            uphill = (self.predicted <= 0) & ~np.all(resting, axis=0) & np.isfinite(self.loss)
            if not uphill.any():
                break
            self.damping = np.where(uphill, 4 * self.damping, self.damping)
        return step

    def _damped(self, resting: np.ndarray, down: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Damped Gauss–Newton step within bounds, ``(free, start)``.

        A number that would leave its range is put on the bound and the others are solved again.

        Args:
            resting: numbers that stay, ``(free, start)``.
            down, up: room to the bounds.
        """
        identity = np.eye(len(resting))
        diagonal = np.einsum("sff->sf", self.normal)
        full = self.normal + identity * (self.damping[:, None] * diagonal)[:, None, :]
        fixed, held = resting.copy(), np.zeros_like(self.point)
        for _ in range(len(resting)):
            moving = ~fixed.T
            matrix = np.where(moving[:, :, None] & moving[:, None, :], full, identity)
            pulled = self.gradient.T + np.einsum("sfg,gs->sf", full, held)
            right = np.where(moving, -pulled, held.T)
            step = np.linalg.solve(matrix, right[..., None])[..., 0].T
            outside = ~fixed & ((step < down) | (step > up))
            if not outside.any():
                break
            held = np.where(outside, np.clip(step, down, up), held)
            fixed |= outside
        longest = np.max(np.abs(step), axis=0)
        step = step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, 1e-300))
        return np.clip(step, down, up)


class _RememberingOptax(_Remembering):
    """Keeps the leaves of an Optax state, ``memory``, as well."""

    def arrays(self) -> dict[str, np.ndarray]:
        leaves = jax.tree.leaves(self.memory)
        return super().arrays() | {f"memory_{i}": np.asarray(x) for i, x in enumerate(leaves)}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        super().restore(arrays)
        leaves, shape = jax.tree.flatten(self.memory)
        stored = [jnp.asarray(arrays[f"memory_{i}"]) for i in range(len(leaves))]
        self.memory = jax.tree.unflatten(shape, stored)


class LimitedMemory(_RememberingOptax):
    """L-BFGS directions of Optax with step halving, for every start on its own."""

    _kept = ("point", "loss", "gradient", "direction", "length", "halvings")

    def __init__(self, free: Free, starts: int, *, tolerance: float, **_) -> None:
        self.tolerance = tolerance
        size = len(free.names)
        self.rule = optax.scale_by_lbfgs(memory_size=10)
        self.memory = jax.vmap(self.rule.init)(jnp.zeros((starts, size)))
        self.point = np.zeros((size, starts))
        self.loss = np.full(starts, np.inf)
        self.gradient = np.zeros((size, starts))
        self.direction = np.zeros((size, starts))
        self.length = np.ones(starts)
        self.halvings = np.zeros(starts, int)

    def advance(self, candidate, loss, gradient, residuals, jacobian):
        fall, first = _fall(self.loss, loss)
        promised = -SUFFICIENT * self.length * np.sum(self.gradient * self.direction, axis=0)
        better = np.isfinite(loss) & (first | (fall > promised))
        small = np.zeros_like(better)
        np.less_equal(fall, self.tolerance * np.abs(loss), out=small, where=better & ~first)
        self.point = np.where(better, candidate, self.point)
        self.loss = np.where(better, loss, self.loss)
        self.gradient = np.where(better, gradient, self.gradient)
        ahead, memory = jax.vmap(self.rule.update)(
            jnp.asarray(self.gradient.T), self.memory, jnp.asarray(self.point.T)
        )
        keep = jnp.asarray(better)
        self.memory = jax.tree.map(
            lambda new, old: jnp.where(jnp.reshape(keep, (-1,) + (1,) * (new.ndim - 1)), new, old),
            memory,
            self.memory,
        )
        down = np.where(np.sum(np.asarray(ahead).T * self.gradient, axis=0) > 0, 1.0, 0.0)
        downhill = np.where(down > 0, -np.asarray(ahead).T, -self.gradient)
        self.direction = np.where(better, _shortened(downhill), self.direction)
        self.length = np.where(better, 1.0, self.length / 2)
        self.halvings = np.where(better, 0, self.halvings + 1)
        reasons = [
            f"loss fell by less than {self.tolerance:g} of itself"
            if little
            else ("no shorter step lowers the loss" if halved > MOST_HALVINGS else RUNNING)
            for little, halved in zip(small, self.halvings, strict=True)
        ]
        return self.point + self.length * self.direction, reasons


class Adam(_RememberingOptax):
    """Adam with a cosine schedule."""

    _kept = ("recent",)

    def __init__(
        self, free: Free, starts: int, *, tolerance: float, steps: int, learning_rate: float
    ) -> None:
        self.tolerance = tolerance
        self.rule = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))
        self.memory = self.rule.init(jnp.zeros((len(free.names), starts)))
        self.recent = np.zeros((0, starts))

    def advance(self, candidate, loss, gradient, residuals, jacobian):
        safe = np.where(np.isfinite(loss), gradient, 0.0)
        updates, self.memory = self.rule.update(jnp.asarray(safe), self.memory)
        self.recent = np.concatenate([self.recent, loss[None]])[-ADAM_WINDOW - 1 :]
        settled = np.zeros(loss.size, bool)
        if len(self.recent) > ADAM_WINDOW:
            with np.errstate(invalid="ignore"):
                moved = np.max(self.recent, axis=0) - np.min(self.recent, axis=0)
            settled = moved <= self.tolerance * np.abs(loss)
        reasons = [
            "not finite"
            if not finite
            else (
                f"loss moved by less than {self.tolerance:g} of itself in {ADAM_WINDOW} steps"
                if still
                else RUNNING
            )
            for finite, still in zip(np.isfinite(loss), settled, strict=True)
        ]
        return candidate + np.asarray(updates), reasons


RULES = {"lm": LevenbergMarquardt, "lbfgs": LimitedMemory, "adam": Adam}


def make_rule(
    method: Method,
    free: Free,
    starts: int,
    *,
    tolerance: float,
    steps: int,
    learning_rate: float,
    pinned: np.ndarray | None = None,
) -> Rule:
    """The rule of a name.

    Raises:
        ValueError: unknown method, or pinned numbers with a rule that moves all.
    """
    if method not in RULES:
        raise ValueError(f"method = {method!r}; choose one of {', '.join(RULES)}")
    options = {} if pinned is None else {"pinned": pinned}
    if options and method != "lm":
        raise ValueError(f"method = {method!r} cannot keep numbers pinned; take lm")
    return RULES[method](
        free, starts, tolerance=tolerance, steps=steps, learning_rate=learning_rate, **options
    )
