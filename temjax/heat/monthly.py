"""Monthly soil temperatures from the mean profiles of months."""

import jax
from jaxtyping import Array, Float

from temjax.native.call import serves
from temjax.native.primitive import by_kernel
from temjax.processes.soil_profile import DepthShares, Profile, mean_above, temperature_at

Reported = tuple[Float[Array, "month depth *cell"], Float[Array, "month *cell"]]


def _of_arrays(shares: DepthShares, in_top: Float[Array, "layer *cell"], mean: Profile) -> Reported:
    def month(mean):
        return temperature_at(shares, mean), mean_above(in_top, mean.centre)

    return jax.vmap(month)(mean)


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
    if not serves(in_top):
        return _of_arrays(shares, in_top, mean)
    from temjax.kernels.cpu.monthly import temperatures_natively

    return by_kernel(temperatures_natively, _of_arrays, shares, in_top, mean)
