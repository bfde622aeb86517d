"""Soil climates made by formula, so that tests of carbon and nitrogen need no heat solve."""

import jax.numpy as jnp
import numpy as np

from temjax import Forcing, Location, SoilClimate
from temjax.forcing import MONTH_DAYS
from temjax.processes.snow import snow_series
from temjax.state import SoilHeatState

AIR = np.array([-14.8, -10.6, -5.4, 1.2, 3.4, 8.3, 10.7, 10.1, 5.7, -0.7, -8.0, -12.5])
RAIN = np.array([2.0, 3, 15, 30, 76, 98, 108, 132, 100, 25, 5, 1])
SUN = np.array([142.0, 169, 206, 255, 248, 264, 248, 224, 193, 176, 152, 126])


def forcing(years: int, cells: tuple[int, ...] = (), dtype=jnp.float64, warming=0.02) -> Forcing:
    """Haibei-like months; cells differ by up to 4 K and a factor of two in rain."""
    spread = np.linspace(-2.0, 2.0, int(np.prod(cells)) or 1).reshape(cells) if cells else 0.0
    trailing = (1,) * len(cells)
    trend = (warming * np.arange(years)).reshape((years, 1, *trailing))
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.7, (years, 12)).reshape((years, 12, *trailing))

    def months(values):
        return values.reshape((1, 12, *trailing))

    shape = (years, 12, *cells)
    return Forcing(
        years=jnp.arange(1895, 1895 + years),
        air_temperature=jnp.asarray(
            np.broadcast_to(months(AIR) + spread + trend + noise, shape), dtype
        ),
        precipitation=jnp.asarray(
            np.broadcast_to(months(RAIN) * (1 + spread / 6) + 0 * trend, shape), dtype
        ),
        shortwave=jnp.asarray(np.broadcast_to(months(SUN) + 0 * trend, shape), dtype),
        co2=jnp.full((years, 12), 330.0, dtype),
    )


def location(cells: tuple[int, ...] = (), dtype=jnp.float64) -> Location:
    """Plateau cells of differing texture."""

    def values(low, high):
        spread = np.linspace(low, high, int(np.prod(cells)) or 1)
        return jnp.asarray(spread.reshape(cells) if cells else low, dtype)

    return Location(values(37.6, 33.0), values(3216.0, 4600.0), values(0.65, 0.3))


def soil_climate_by_formula(
    forcing: Forcing, elevation, thaw_depth, snowpack=0.0, residual_depth=0.0
) -> SoilClimate:
    """Soil 3 K warmer than air, with a prescribed annual maximum thaw depth ``(year, *cell)``."""
    air = forcing.air_temperature
    years, _, *cells = air.shape
    dtype = air.dtype
    pack = jnp.broadcast_to(jnp.asarray(snowpack, dtype), tuple(cells))
    series = snow_series(
        forcing.precipitation.reshape((years * 12, *cells)),
        air.reshape((years * 12, *cells)),
        air[0, 11],
        jnp.broadcast_to(elevation, tuple(cells)).astype(dtype),
        pack,
    )

    def monthly(values):
        return values.reshape((years, 12, *cells))

    soil = air + 3
    depth = jnp.broadcast_to(jnp.asarray(thaw_depth, dtype), (years, *cells))
    days = jnp.asarray(MONTH_DAYS, dtype).reshape((1, 12) + (1,) * len(cells))
    zero = jnp.zeros_like(depth)
    return SoilClimate(
        soil_temperature=jnp.stack([soil] * 6, axis=2),
        soil_temperature_top=soil,
        thaw_fraction=1 / (1 + jnp.exp(-soil / 0.5)),
        thaw_depth=jnp.broadcast_to(depth[:, None], air.shape),
        rainfall=monthly(series.rainfall),
        snowfall=monthly(series.snowfall),
        snowmelt=monthly(series.snowmelt),
        snowpack=monthly(series.snowpack),
        maximum_thaw_depth=depth,
        minimum_thaw_depth=jnp.broadcast_to(jnp.asarray(residual_depth, dtype), depth.shape),
        mean_annual_ground_temperature=zero - 2,
        thawing_degree_days=jnp.sum(jnp.maximum(soil, 0) * days, axis=1),
        permafrost=jnp.ones(depth.shape, bool),
        talik=jnp.zeros(depth.shape, bool),
        energy_residual=zero,
        heat_imbalance=zero,
        final=SoilHeatState(jnp.zeros((25, *cells), dtype), zero[0], jnp.ones((25, *cells), dtype)),
    )
