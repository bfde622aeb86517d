"""Forcing of a run with the air temperature of the one and two months before."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from temjax.forcing import Forcing


class LaggedForcing(eqx.Module):
    """Years of a forcing with lagged air temperature.

    Attributes:
        years: calendar years, ``(year,)``.
        air_temperature: °C, ``(year, 12, *cell)``.
        previous_air_temperature: of the month before, °C.
        second_previous_air_temperature: of two months before, °C.
        shortwave: W m⁻², ``(year, 12, *cell)``.
        co2: ppmv, ``(year, 12)`` or ``(year, 12, *cell)``.
    """

    years: Array
    air_temperature: Float[Array, "year 12 *cell"]
    previous_air_temperature: Float[Array, "year 12 *cell"]
    second_previous_air_temperature: Float[Array, "year 12 *cell"]
    shortwave: Float[Array, "year 12 *cell"]
    co2: Float[Array, "year 12 *co2"]


def lagged_temperature(forcing: Forcing, lag: int, cyclic: bool) -> Float[Array, "year 12 *cell"]:
    """Air temperature ``lag`` months earlier, °C.

    Before the first year it is that year's own, in a cycle the last year's.
    """
    temperature = forcing.air_temperature
    first = temperature[-1:] if cyclic else temperature[:1]
    before = jnp.concatenate([first, temperature[:-1]])
    return jnp.concatenate([before[:, 12 - lag :], temperature[:, : 12 - lag]], axis=1)


def lagged_forcing(forcing: Forcing, start: int, stop: int, cyclic: bool = False) -> LaggedForcing:
    """Rows ``start`` to ``stop`` of a forcing with lagged air temperature.

    Selected outside the compiled run, so that runs of one length share its compilation.

    Args:
        forcing: all years, so that lags are right at either end.
        start, stop: rows.
        cyclic: the last year comes before the first.
    """
    return _select_rows(forcing, np.asarray(start), stop - start, cyclic)


@partial(jax.jit, static_argnums=(2, 3))
def _select_rows(
    forcing: Forcing, start: Int[Array, ""], years: int, cyclic: bool
) -> LaggedForcing:
    def rows(series):
        return jax.lax.dynamic_slice_in_dim(series, start, years)

    return LaggedForcing(
        years=rows(forcing.years),
        air_temperature=rows(forcing.air_temperature),
        previous_air_temperature=rows(lagged_temperature(forcing, 1, cyclic)),
        second_previous_air_temperature=rows(lagged_temperature(forcing, 2, cyclic)),
        shortwave=rows(forcing.shortwave),
        co2=rows(forcing.co2),
    )
