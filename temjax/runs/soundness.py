"""What a run tells of itself: pools below zero, and heat steps without a solution.

Values that are not finite are in ``Run.finite``. A sound run has pools of at least ``LEAST_POOL``
and an imbalance of at most ``SOLVED``; docs/fidelity.md says which cells have neither.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax.runs.simulate import Run

LEAST_POOL = -1e-6  # of the pool's largest value; rounding of float32 is below
SOLVED = 1.0  # W m-2
SMALLEST_SCALE = 1e-6  # g m-2


# of a run, or read back from its restart points
Flags = Bool[Array, "*cell"] | Bool[np.ndarray, "*cell"]


class Soundness(NamedTuple):
    """Per cell.

    Attributes:
        finite: whether every value is.
        least_pool: smallest negative pool at a month's end, as a share of the pool's largest
            value; 0 where none is negative.
        heat_imbalance: largest flux imbalance a heat step was left with, W m⁻².
    """

    finite: Bool[Array, "*cell"]
    least_pool: Float[Array, "*cell"]
    heat_imbalance: Float[Array, "*cell"]

    @property
    def negative(self) -> Flags:
        """Where a pool fell below zero by more than rounding."""
        return self.least_pool < LEAST_POOL

    @property
    def unsolved(self) -> Flags:
        """Where a heat step was left without a solution."""
        return self.heat_imbalance > SOLVED

    def beside(self, other: "Soundness") -> "Soundness":
        """Of two runs of the same cells, taken together."""
        return Soundness(
            self.finite & other.finite,
            jnp.minimum(self.least_pool, other.least_pool),
            jnp.maximum(self.heat_imbalance, other.heat_imbalance),
        )


@eqx.filter_jit
def soundness(run: Run) -> Soundness:
    """What the months of a run say."""
    pools = run.monthly.pools
    least, largest = jnp.min(pools, axis=(1, 2)), jnp.max(pools, axis=(1, 2))
    shares = least / jnp.maximum(largest, SMALLEST_SCALE)
    return Soundness(
        run.finite,
        jnp.minimum(jnp.min(shares, axis=0), 0.0),
        jnp.max(run.soil.heat_imbalance, axis=0),
    )
