"""Comparators of a gradient fit at an equal budget: CMA-ES, and the same descent by differences."""

import time
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from temjax.calibration.objective import Linearised, Objective


@dataclass(frozen=True)
class Differenced:
    """An objective whose Jacobian comes from one-sided differences: one run more per free number.

    Takes the place of the objective in ``fit``.
    """

    objective: Objective
    step: float = 1e-4  # prior standard deviations near the centre

    def __getattr__(self, name: str):
        return getattr(self.objective, name)

    def linearised(self, free) -> Linearised:
        """As ``Objective.linearised``."""
        here, converged = self.objective.evaluated(free)
        columns = [
            (self.objective.evaluated(free.at[row].add(self.step))[0] - here) / self.step
            for row in range(free.shape[0])
        ]
        return Linearised(here, jnp.stack(columns, axis=1), converged)


@dataclass(frozen=True)
class Comparator:
    """What a derivative-free search reached.

    Attributes:
        name: of the method.
        loss: lowest loss after each generation.
        runs: model runs spent until then, without derivatives.
        free: best point ``(free,)``.
        seconds: wall time, compilation included.
    """

    name: str
    loss: np.ndarray
    runs: np.ndarray
    free: np.ndarray
    seconds: float


def cma_es(
    objective: Objective,
    *,
    runs: int,
    population: int = 16,
    seed: int = 0,
    spread: float = 1.0,
    widest: float = 8.0,
) -> Comparator:
    """CMA-ES (package ``cma``) in free space, a generation side by side as cells.

    Args:
        objective: one site.
        runs: model runs to spend.
        population: runs per generation.
        seed: of the search.
        spread: first standard deviation, in prior standard deviations.
        widest: bound on every free number.

    Raises:
        ImportError: the package ``cma`` is missing; install ``temjax[benchmark]``.
    """
    try:
        import cma
    except ImportError as error:
        raise ImportError("CMA-ES needs the package cma: pip install temjax[benchmark]") from error
    began = time.perf_counter()
    size = len(objective.free.names)
    options = {
        "popsize": population,
        "seed": seed + 1,  # cma takes 0 for the clock
        "bounds": [-widest, widest],
        "verbose": -9,
    }
    search = cma.CMAEvolutionStrategy(np.zeros(size), spread, options)
    losses, spent = [], []
    best, best_loss = np.zeros(size), np.inf
    while (not spent or spent[-1] + population <= runs) and not search.stop():
        points = search.ask()
        residuals, converged = objective.evaluated(jnp.asarray(np.stack(points, axis=1)))
        loss = 0.5 * np.sum(np.asarray(residuals) ** 2, axis=0)
        good = np.isfinite(loss) & np.asarray(converged)
        # CMA-ES ranks: any large number says that a point failed.
        loss = np.where(good, loss, 1e12)
        search.tell(points, loss.tolist())
        lowest = int(np.argmin(loss))
        if loss[lowest] < best_loss:
            best, best_loss = np.asarray(points[lowest]), float(loss[lowest])
        losses.append(best_loss)
        spent.append((spent[-1] if spent else 0) + population)
    return Comparator(
        "CMA-ES", np.array(losses), np.array(spent), best, time.perf_counter() - began
    )
