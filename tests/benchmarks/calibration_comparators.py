"""Alternatives to a gradient fit at an equal budget: CMA-ES, and Jacobians by differences."""

import time
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from temjax.calibration.objective import Objective
from temjax.calibration.part import Linearisation


@dataclass(frozen=True)
class Differenced:
    """Objective whose Jacobian comes from one-sided differences, one more run per parameter.

    Replaces the objective in ``fit``.
    """

    objective: Objective
    step: float = 1e-4  # prior standard deviations near the centre

    def __getattr__(self, name: str):
        return getattr(self.objective, name)

    def linearise(self, free) -> Linearisation:
        """As ``Objective.linearise``."""
        residuals, converged = self.objective.residuals(free)
        columns = [
            (self.objective.residuals(free.at[row].add(self.step))[0] - residuals) / self.step
            for row in range(free.shape[0])
        ]
        return Linearisation(residuals, jnp.stack(columns, axis=1), converged)


@dataclass(frozen=True)
class SearchResult:
    """Result of a derivative-free search.

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
    initial_sd: float = 1.0,
    bound: float = 8.0,
) -> SearchResult:
    """CMA-ES (package ``cma``) in free space, each generation as the cells of one run.

    Args:
        objective: one site.
        runs: model runs to spend.
        population: runs per generation.
        seed: of the search.
        initial_sd: in prior standard deviations.
        bound: of every free number, to both sides.

    Raises:
        ImportError: the package ``cma`` is missing; install ``temjax[benchmark]``.
    """
    try:
        import cma
    except ImportError as error:
        raise ImportError("CMA-ES needs the package cma: pip install temjax[benchmark]") from error
    started = time.perf_counter()
    size = len(objective.free.names)
    options = {
        "popsize": population,
        "seed": seed + 1,  # cma takes 0 for the clock
        "bounds": [-bound, bound],
        "verbose": -9,
    }
    search = cma.CMAEvolutionStrategy(np.zeros(size), initial_sd, options)
    losses, spent = [], []
    best, best_loss = np.zeros(size), np.inf
    while (not spent or spent[-1] + population <= runs) and not search.stop():
        points = search.ask()
        residuals, converged = objective.residuals(jnp.asarray(np.stack(points, axis=1)))
        loss = 0.5 * np.sum(np.asarray(residuals) ** 2, axis=0)
        valid = np.isfinite(loss) & np.asarray(converged)
        # CMA-ES ranks: any large number marks a failed point.
        loss = np.where(valid, loss, 1e12)
        search.tell(points, loss.tolist())
        lowest = int(np.argmin(loss))
        if loss[lowest] < best_loss:
            best, best_loss = np.asarray(points[lowest]), float(loss[lowest])
        losses.append(best_loss)
        spent.append((spent[-1] if spent else 0) + population)
    return SearchResult(
        "CMA-ES", np.array(losses), np.array(spent), best, time.perf_counter() - started
    )
