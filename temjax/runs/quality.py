"""Quality flags of a run: values that are not finite, negative pools, unconverged heat steps.

A good run has pools of at least ``LEAST_POOL`` and a heat imbalance of at most
``LARGEST_IMBALANCE``; docs/fidelity.md says which cells have neither.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from temjax.runs.result import Run

LEAST_POOL = -1e-6  # of the pool's largest value; rounding of float32 is less
LARGEST_IMBALANCE = 1.0  # W m-2
SMALLEST_SCALE = 1e-6  # g m-2


# JAX's of a run, NumPy's of its restart points
Flags = Bool[Array, "*cell"] | Bool[np.ndarray, "*cell"]


class RunQuality(NamedTuple):
    """Quality of the cells of a run.

    Attributes:
        finite: whether every value is.
        least_pool: smallest negative pool at a month's end, or carbon of a soil layer at a year's,
            as a share of the pool's largest value; 0 where none is negative.
        heat_imbalance: largest flux imbalance at the end of a heat step, W m⁻².
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
        """Where a heat step has not converged."""
        return self.heat_imbalance > LARGEST_IMBALANCE

    def combine(self, other: "RunQuality") -> "RunQuality":
        """The worse of two runs of the same cells."""
        return RunQuality(
            self.finite & other.finite,
            jnp.minimum(self.least_pool, other.least_pool),
            jnp.maximum(self.heat_imbalance, other.heat_imbalance),
        )


@eqx.filter_jit
def run_quality(run: Run) -> RunQuality:
    """Quality flags from the months of a run."""
    pools = run.monthly.pools
    least, largest = jnp.min(pools, axis=(1, 2)), jnp.max(pools, axis=(1, 2))
    shares = least / jnp.maximum(largest, SMALLEST_SCALE)
    least_share = jnp.minimum(jnp.min(shares, axis=0), 0.0)
    if run.layers is not None:
        for stock in (run.layers.active_carbon_by_layer, run.layers.thawed_carbon_by_layer):
            size = jnp.maximum(jnp.max(stock, axis=(0, 1)), SMALLEST_SCALE)
            least_share = jnp.minimum(least_share, jnp.min(stock, axis=(0, 1)) / size)
    return RunQuality(
        run.finite,
        least_share,
        jnp.max(run.soil.heat_imbalance, axis=0),
    )
