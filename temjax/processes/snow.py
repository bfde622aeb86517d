"""Snowfall, snowmelt and thermal resistance of the snowpack.

Source: docs/specification/model.md 3, 4; docs/specification/soil_heat.md 5.

The pack depends on air temperature, precipitation and elevation alone, so it runs before heat and
biogeochemistry as a series over months. The tests on temperature are hard switches on forcing: no
parameter gradient passes through them, and the jump is the original's.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.forcing import MONTH_DAYS
from temjax.numerics import CellLike, larger, smaller

Cells = Float[Array, "*cell"]

SNOW_TEMPERATURE = -1.0  # °C, precipitation is rain and the pack melts from here on
SLOW_MELT_ELEVATION = 500.0  # m
COLD_BASE = 10.0  # °C
DEEP_COLD, LITTLE_COLD = 125.0, 50.0  # K month, limits of the cold index
WET_MONTH = 2.0  # mm day-1


class SnowSeries(eqx.Module):
    """Snow of consecutive months, each ``(month, *cell)``, mm month⁻¹ or mm of water.

    Attributes:
        rainfall: mm month⁻¹.
        snowfall: mm month⁻¹.
        snowmelt: SNOWINF, mm month⁻¹.
        snowpack: SNW at the end of the month, mm.
    """

    rainfall: Float[Array, "month *cell"]
    snowfall: Float[Array, "month *cell"]
    snowmelt: Float[Array, "month *cell"]
    snowpack: Float[Array, "month *cell"]


def partition_precipitation(precipitation: Cells, air_temperature: Cells) -> tuple[Cells, Cells]:
    """Rainfall and snowfall, mm month⁻¹: all rain from −1 °C on, else all snow.

    Source: docs/specification/model.md 3.
    """
    rains = air_temperature >= SNOW_TEMPERATURE
    return jnp.where(rains, precipitation, 0.0), jnp.where(rains, 0.0, precipitation)


def snowmelt(
    snowpack: Cells, air_temperature: Cells, previous_air_temperature: Cells, elevation: Cells
) -> Cells:
    """Snowmelt SNOWINF, mm month⁻¹, from the pack at the start of the month.

    Source: docs/specification/model.md 4.

    Nothing below −1 °C; the whole pack up to 500 m; above 500 m half of it in the first month from
    −1 °C on, all of it after.
    """
    first_warm_month = previous_air_temperature < SNOW_TEMPERATURE
    share = jnp.where((elevation > SLOW_MELT_ELEVATION) & first_warm_month, 0.5, 1.0)
    return jnp.where(air_temperature < SNOW_TEMPERATURE, 0.0, share * snowpack)


def snow_series(
    precipitation: Float[Array, "month *cell"],
    air_temperature: Float[Array, "month *cell"],
    previous_air_temperature: Cells,
    elevation: Cells,
    snowpack: Cells,
) -> SnowSeries:
    """Snowpack and its fluxes over consecutive months.

    Args:
        precipitation: mm month⁻¹.
        air_temperature: °C.
        previous_air_temperature: °C, of the month before the first.
        elevation: m.
        snowpack: pack before the first month, mm.
    """
    rainfall, snowfall = partition_precipitation(precipitation, air_temperature)
    before = jnp.concatenate([previous_air_temperature[None], air_temperature[:-1]])

    def month(pack, drivers):
        falling, warmth, earlier_warmth = drivers
        melt = snowmelt(pack, warmth, earlier_warmth, elevation)
        pack = pack + falling - melt
        return pack, (melt, pack)

    start = jnp.broadcast_to(snowpack, jnp.shape(snowfall)[1:]).astype(snowfall.dtype)
    _, (melt, pack) = jax.lax.scan(month, start, (snowfall, air_temperature, before))
    return SnowSeries(rainfall, snowfall, melt, pack)


def periodic_snowpack(
    precipitation: Float[Array, "12 *cell"],
    air_temperature: Float[Array, "12 *cell"],
    elevation: Cells,
) -> Cells:
    """Periodic snowpack: the pack at the end of December of one repeated year, mm.

    The year maps a pack to share·pack + rest, so its fixed point is known from two runs. Where
    nothing ever melts (share = 1) the pack would grow for ever: one year's snow is taken.
    """

    def december(pack):
        return snow_series(
            precipitation, air_temperature, air_temperature[-1], elevation, pack
        ).snowpack[-1]

    rest = december(jnp.zeros_like(elevation))
    # a large trial pack, so that rounding of the rest does not disturb the share
    share = (december(jnp.full_like(elevation, 1024.0)) - rest) / 1024.0
    melts = share < 0.999
    return jnp.where(melts, rest / jnp.where(melts, 1.0 - share, 1.0), rest)


def cold_index(air_temperature: Float[Array, "12 *cell"]) -> Cells:
    """Cold index CDM = Σ max(0, 10 °C − T) over the year's months, K month.

    Source: docs/specification/soil_heat.md 5.
    """
    return jnp.sum(larger(COLD_BASE - air_temperature, 0.0), axis=0)


def snow_density(
    cold: CellLike, precipitation: CellLike, days: Float[Array, "*days"], windy: CellLike
) -> Cells:
    """Snow density of the Sturm class, kg m⁻³.

    Args:
        cold: cold index CDM, K month.
        precipitation: of the month, mm month⁻¹.
        days: length of the month.
        windy: 1 for types with wind-packed snow, else 0.
    """
    tundra_or_taiga = jnp.where(windy > 0.5, 280.0, 225.0)
    prairie_or_maritime = jnp.where(precipitation / days < WET_MONTH, 250.0, 300.0)
    mild = jnp.where(cold > DEEP_COLD, tundra_or_taiga, prairie_or_maritime)
    return jnp.where(cold < LITTLE_COLD, 350.0, mild)


def snow_conductivity(density: Cells) -> Cells:
    """Snow conductivity k = 10^(2.650 ρ − 1.652), W m⁻¹ K⁻¹, ρ in g cm⁻³ (Sturm)."""
    return 10.0 ** (2.650e-3 * density - 1.652)


def snow_resistance(
    snowpack: CellLike, density: CellLike, snow_fraction: CellLike, snow_cap: CellLike
) -> Cells:
    """Thermal resistance of the snowpack, depth/k, m² K W⁻¹.

    Args:
        snowpack: SWE, mm (kg m⁻²).
        density: kg m⁻³.
        snow_fraction: share of the pack that insulates.
        snow_cap: most SWE that insulates, mm; may be infinite.
    """
    water = smaller(snow_fraction * snowpack, snow_cap)
    return water / (density * snow_conductivity(density))


def monthly_snow_resistance(
    series: SnowSeries,
    air_temperature: Float[Array, "year 12 *cell"],
    precipitation: Float[Array, "year 12 *cell"],
    snowpack: Cells,
    snow_fraction: CellLike,
    snow_cap: CellLike,
    windy: CellLike,
) -> Float[Array, "year 12 *cell"]:
    """Snow resistance at the centre of every month, m² K W⁻¹.

    Snowfall and melt are constant within a month, so the pack at its centre is the mean of the
    packs at its ends.

    Args:
        series: snow of the same months, ``(year·12, *cell)``.
        air_temperature: °C.
        precipitation: mm month⁻¹.
        snowpack: pack before the first month, mm.
        snow_fraction: share of the pack that insulates.
        snow_cap: most SWE that insulates, mm.
        windy: 1 for types with wind-packed snow, else 0.
    """
    ends = series.snowpack
    before = jnp.concatenate([jnp.broadcast_to(snowpack, ends.shape[1:])[None], ends[:-1]])
    pack = jnp.reshape(0.5 * (before + ends), air_temperature.shape)
    cold = jax.vmap(cold_index)(air_temperature)[:, None]
    days = jnp.asarray(MONTH_DAYS, air_temperature.dtype)
    days = days.reshape((12,) + (1,) * (air_temperature.ndim - 2))
    return snow_resistance(
        pack, snow_density(cold, precipitation, days, windy), snow_fraction, snow_cap
    )
