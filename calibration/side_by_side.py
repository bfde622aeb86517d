"""Starts of a fit spread over the cores of this machine."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Linearised, Objective
from temjax.runtime.machine import computes_on_cpus, usable_cores


def number_of_cores() -> int:
    """Cores for the shares of the starts; 1 where JAX computes on accelerators."""
    if not computes_on_cpus():
        return 1
    return usable_cores()


class SideBySide:
    """Residuals and Jacobian of many starts, each core with its share of them.

    All shares have one width, so that there is one program; the last is filled up by repeating a
    start. The first call compiles with the first share alone.
    """

    def __init__(self, objective: Objective | JointObjective, cores: int | None = None) -> None:
        self.objective = objective
        self.cores = number_of_cores() if cores is None else cores
        self._compiled = False

    def linearised(self, points: np.ndarray) -> Linearised:
        """As ``Objective.linearised``, in NumPy arrays.

        Args:
            points: in free space, ``(free, start)``.
        """
        count = points.shape[1]
        width = -(-count // self.cores)
        shares = -(-count // width)
        columns = np.minimum(np.arange(shares * width), count - 1).reshape(shares, width)
        parts = [jnp.asarray(points[:, column]) for column in columns]
        alone = 0 if self._compiled else 1
        done = [self._one(part) for part in parts[:alone]]
        self._compiled = True
        with ThreadPoolExecutor(shares) as pool:
            done += pool.map(self._one, parts[alone:])
        return Linearised(
            *(np.concatenate(leaves, axis=-1)[..., :count] for leaves in zip(*done, strict=True))
        )

    def _one(self, part: jax.Array) -> Linearised:
        return jax.tree.map(np.asarray, self.objective.linearised(part))
