"""Rules of descent for many starts at once: Levenberg–Marquardt, and Optax's L-BFGS and Adam.

A rule is told what every start's candidate gave and answers with the next candidates. It works on
plain arrays with starts trailing, so that a fit can be written to a file and taken up again.
"""

from typing import Literal, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

Method = Literal["lm", "lbfgs", "adam"]
METHODS = ("lm", "lbfgs", "adam")
LONGEST_STEP = 2.0  # prior standard deviations
FIRST_DAMPING = 0.1
MOST_DAMPING = 1e8
SUFFICIENT = 1e-4  # share of the predicted fall that a step must reach
MOST_HALVINGS = 12
ADAM_WINDOW = 10
RUNNING = ""


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
    """Damped Gauss–Newton steps with Nielsen's rule for the damping.

    Each start goes on from the best point it has seen; a step that failed is tried again with more
    damping. Free space is scaled by the prior, so the damping matrix is the identity.
    """

    _kept = ("point", "loss", "normal", "gradient", "damping", "growth", "predicted")

    def __init__(self, free: int, starts: int, *, tolerance: float, **_) -> None:
        self.tolerance = tolerance
        self.point = np.zeros((free, starts))
        self.loss = np.full(starts, np.inf)
        self.normal = np.zeros((starts, free, free))
        self.gradient = np.zeros((free, starts))
        self.damping = np.full(starts, FIRST_DAMPING)
        self.growth = np.full(starts, 2.0)
        self.predicted = np.full(starts, np.nan)

    def advance(self, candidate, loss, gradient, residuals, jacobian):
        fall, first = _fall(self.loss, loss)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(first, 1.0, fall / self.predicted)
        ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
        better = np.isfinite(loss) & (first | (ratio > SUFFICIENT))
        small = np.zeros_like(better)
        np.less_equal(fall, self.tolerance * np.abs(loss), out=small, where=better & ~first)
        # Both the real and the predicted fall below the tolerance: nothing left to gain.
        spent = self.predicted <= self.tolerance * np.abs(self.loss)
        self.point = np.where(better, candidate, self.point)
        self.loss = np.where(better, loss, self.loss)
        self.gradient = np.where(better, gradient, self.gradient)
        with np.errstate(invalid="ignore", over="ignore"):
            curvature = np.einsum("nfs,ngs->sfg", jacobian, jacobian)
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
            for little, gone, won, damping in zip(small, spent, better, self.damping, strict=True)
        ]
        step = self._step()
        return self.point + step, reasons

    def _step(self) -> np.ndarray:
        size = self.normal.shape[-1]
        matrix = self.normal + self.damping[:, None, None] * np.eye(size)
        step = -np.linalg.solve(matrix, self.gradient.T[..., None])[..., 0].T
        step = _shortened(step)
        along = np.sum(self.gradient * step, axis=0)
        bend = np.einsum("fs,sfg,gs->s", step, self.normal, step)
        self.predicted = -(along + 0.5 * bend)
        return step


class LimitedMemory(_Remembering):
    """L-BFGS directions of Optax with step halving, for every start on its own."""

    _kept = ("point", "loss", "gradient", "direction", "length", "halvings")

    def __init__(self, free: int, starts: int, *, tolerance: float, **_) -> None:
        self.tolerance = tolerance
        self.rule = optax.scale_by_lbfgs(memory_size=10)
        self.memory = jax.vmap(self.rule.init)(jnp.zeros((starts, free)))
        self.point = np.zeros((free, starts))
        self.loss = np.full(starts, np.inf)
        self.gradient = np.zeros((free, starts))
        self.direction = np.zeros((free, starts))
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

    def arrays(self):
        leaves = jax.tree.leaves(self.memory)
        return super().arrays() | {f"memory_{i}": np.asarray(x) for i, x in enumerate(leaves)}

    def restore(self, arrays):
        super().restore(arrays)
        self.memory = _refilled(self.memory, arrays)


class Adam(_Remembering):
    """Adam with a cosine schedule."""

    _kept = ("recent",)

    def __init__(
        self, free: int, starts: int, *, tolerance: float, steps: int, learning_rate: float
    ) -> None:
        self.tolerance = tolerance
        self.rule = optax.adam(optax.cosine_decay_schedule(learning_rate, steps, alpha=0.1))
        self.memory = self.rule.init(jnp.zeros((free, starts)))
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

    def arrays(self):
        leaves = jax.tree.leaves(self.memory)
        return super().arrays() | {f"memory_{i}": np.asarray(x) for i, x in enumerate(leaves)}

    def restore(self, arrays):
        super().restore(arrays)
        self.memory = _refilled(self.memory, arrays)


def _refilled(tree, arrays: dict[str, np.ndarray]):
    """The tree with the leaves ``memory_0``, ``memory_1``, …"""
    leaves, shape = jax.tree.flatten(tree)
    return jax.tree.unflatten(
        shape, [jnp.asarray(arrays[f"memory_{i}"]) for i in range(len(leaves))]
    )


def make_rule(
    method: Method, free: int, starts: int, *, tolerance: float, steps: int, learning_rate: float
) -> Rule:
    """The rule of a name.

    Raises:
        ValueError: unknown method.
    """
    rules = {"lm": LevenbergMarquardt, "lbfgs": LimitedMemory, "adam": Adam}
    if method not in rules:
        raise ValueError(f"method = {method!r}; choose one of {', '.join(METHODS)}")
    return rules[method](
        free, starts, tolerance=tolerance, steps=steps, learning_rate=learning_rate
    )
