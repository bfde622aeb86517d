"""Years of a forcing with the air temperature of the months before them."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from temjax.forcing import Forcing


class ClimateBlock(eqx.Module):
    """Rows of a forcing with the air temperature of the months before them."""

    years: Array
    air_temperature: Float[Array, "year 12 *cell"]
    previous_air_temperature: Float[Array, "year 12 *cell"]
    second_previous_air_temperature: Float[Array, "year 12 *cell"]
    shortwave: Float[Array, "year 12 *cell"]
    co2: Float[Array, "year 12 *co2"]


def shifted_months(forcing: Forcing, lag: int, cyclic: bool) -> Float[Array, "..."]:
    """Air temperature ``lag`` months earlier; before the first year its own, or a cycle's last."""
    temperature = forcing.air_temperature
    first = temperature[-1:] if cyclic else temperature[:1]
    before = jnp.concatenate([first, temperature[:-1]])
    return jnp.concatenate([before[:, 12 - lag :], temperature[:, : 12 - lag]], axis=1)


def climate_block(forcing: Forcing, start: int, stop: int, cyclic: bool = False) -> ClimateBlock:
    """Cut rows outside the compiled run, so that blocks of one length share its compilation."""
    return _cut(forcing, np.asarray(start), stop - start, cyclic)


@partial(jax.jit, static_argnums=(2, 3))
def _cut(forcing: Forcing, start: Int[Array, ""], years: int, cyclic: bool) -> ClimateBlock:
    def rows(series):
        return jax.lax.dynamic_slice_in_dim(series, start, years)

    return ClimateBlock(
        years=rows(forcing.years),
        air_temperature=rows(forcing.air_temperature),
        previous_air_temperature=rows(shifted_months(forcing, 1, cyclic)),
        second_previous_air_temperature=rows(shifted_months(forcing, 2, cyclic)),
        shortwave=rows(forcing.shortwave),
        co2=rows(forcing.co2),
    )
