"""Monthly soil temperatures from the mean profiles of months."""

import jax
from jaxtyping import Array, Float

from temjax.native.accelerate import accelerated
from temjax.processes.soil_profile import DepthShares, Profile, mean_above, temperature_at

Reported = tuple[Float[Array, "month depth *cell"], Float[Array, "month *cell"]]


@accelerated("monthly_temperatures", cells="in_top")
def monthly_temperatures(
    shares: DepthShares, in_top: Float[Array, "layer *cell"], mean: Profile
) -> Reported:
    """Temperature at depths and mean temperature of the top soil, °C.

    On CPUs a kernel for many cells: XLA's sums over layers take eight times as long.

    Args:
        shares: of the depths.
        in_top: of the top soil.
        mean: profile of each month, leaves ``(month, layer, *cell)``.
    """

    def month(mean):
        return temperature_at(shares, mean), mean_above(in_top, mean.centre)

    return jax.vmap(month)(mean)
