"""Evaluation of the starts of a fit on all cores of this machine.

Each core has a thread that runs the compiled objective on its share of the starts; XLA releases
Python's lock meanwhile. Programs that run at once in one process share XLA's pool of threads. They
can wait for each other for ever only if an operation occupies a thread of that pool until another
operation has run: collectives between devices, calls back into Python, and Fourier transforms,
which fill the pool they run in. The objective has none of them, so each of its programs ends
whatever the number of threads: tests compare its operations with ``BLOCKING`` and run many
threads at once.
"""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from temjax.calibration.joint import JointObjective
from temjax.calibration.objective import Objective
from temjax.calibration.part import Linearisation
from temjax.runtime.machine import computes_on_cpus, usable_cores

# Parts of the names of operations (StableHLO) and custom-call targets that wait for other work.
BLOCKING = (
    "all_gather", "all_reduce", "all_to_all", "collective", "reduce_scatter",
    "infeed", "outfeed", "stablehlo.send", "stablehlo.recv", "callback", "stablehlo.fft",
)  # fmt: skip


def number_of_cores() -> int:
    """Cores to distribute the starts over; 1 where JAX computes on accelerators."""
    if not computes_on_cpus():
        return 1
    return usable_cores()


class ParallelStarts:
    """Residuals and Jacobian of many starts, a share of them on each core.

    All shares have the same number of starts, so that one compiled program serves them; the last
    one is padded with copies of the last start. The first call compiles with the first share alone.
    Where every start has data of its own (replicates of a twin experiment) there is one share.
    """

    def __init__(self, objective: Objective | JointObjective, cores: int | None = None) -> None:
        self.objective = objective
        cores = number_of_cores() if cores is None else cores
        self.cores = 1 if _has_data_by_start(objective) else cores
        self._compiled = False

    def linearise(self, points: np.ndarray) -> Linearisation:
        """As ``Objective.linearise``, in NumPy arrays.

        Args:
            points: in free space, ``(free, start)``.
        """
        count = points.shape[1]
        width = -(-count // self.cores)
        shares = -(-count // width)
        columns = np.minimum(np.arange(shares * width), count - 1).reshape(shares, width)
        parts = [jnp.asarray(points[:, column]) for column in columns]
        alone = 0 if self._compiled else 1
        results = [self._linearise_share(part) for part in parts[:alone]]
        self._compiled = True
        with ThreadPoolExecutor(shares) as pool:
            results += pool.map(self._linearise_share, parts[alone:])
        return Linearisation(
            *(np.concatenate(leaves, axis=-1)[..., :count] for leaves in zip(*results, strict=True))
        )

    def _linearise_share(self, part: jax.Array) -> Linearisation:
        return jax.tree.map(np.asarray, self.objective.linearise(part))


def _has_data_by_start(objective: Objective | JointObjective) -> bool:
    """Whether the observed values have an axis of starts."""
    return any(
        target.values.ndim > target.sd.ndim for part in objective.parts for target in part.targets
    )
