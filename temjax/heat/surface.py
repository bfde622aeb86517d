"""Surface drivers of soil heat over a run of years: equivalent temperature, snow, resistances."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from temjax.forcing import Forcing, Location
from temjax.heat.year import YearDrivers
from temjax.parameters.registry import Parameters
from temjax.processes import snow
from temjax.processes.ground_surface import equivalent_temperature, with_neighbours

Monthly = Float[Array, "year 12 *cell"]


class WeatherWindow(eqx.Module):
    """Weather of a run of years and of the months before and after it.

    Attributes:
        air_temperature: °C; the last year is the one after the run, ``(year + 1, 12, *cell)``.
        precipitation: mm month⁻¹, of the same years.
        shortwave: W m⁻², of the same years.
        air_temperature_before: of the December before, °C.
        shortwave_before: of the December before, W m⁻².
    """

    air_temperature: Monthly
    precipitation: Monthly
    shortwave: Monthly
    air_temperature_before: Float[Array, "*cell"]
    shortwave_before: Float[Array, "*cell"]

    @property
    def number_of_years(self) -> int:
        """Years of the run, without the one after it."""
        return self.air_temperature.shape[0] - 1


def _window(forcing: Forcing, rows: list[int], before: int) -> WeatherWindow:
    """Years in ``rows``, the last the one after the run, and the December of year ``before``."""
    return _select(forcing, np.asarray(rows), np.asarray(before))


@jax.jit  # one program per length, not one per operation and start
def _select(forcing: Forcing, rows: Int[Array, "row"], before: Int[Array, ""]) -> WeatherWindow:
    return WeatherWindow(
        air_temperature=forcing.air_temperature[rows],
        precipitation=forcing.precipitation[rows],
        shortwave=forcing.shortwave[rows],
        air_temperature_before=forcing.air_temperature[before, 11],
        shortwave_before=forcing.shortwave[before, 11],
    )


def cyclic_window(forcing: Forcing) -> WeatherWindow:
    """Window of a whole forcing as a cycle: its last December before, its first January after."""
    return _window(forcing, [*range(forcing.number_of_years), 0], -1)


def weather_window(forcing: Forcing, start: int, stop: int) -> WeatherWindow:
    """Window of the years ``start`` to ``stop`` of a forcing, neighbours included.

    Called outside the compiled function, so that blocks of one length share a compilation.
    The forcing's first year has its own December before it, the last its own January after it.
    """
    following = min(stop, forcing.number_of_years - 1)
    return _window(forcing, [*range(start, stop), following], max(start - 1, 0))


class SurfaceSeries(eqx.Module):
    """Surface drivers of a run of years, from the forcing alone.

    Attributes:
        drivers: of the heat years, leading axis ``year``.
        snow: snow of every month, ``(year·12, *cell)``.
        temperature: equivalent temperature, °C, ``(year, 12, *cell)``.
        snow_resistance: at month centres, m² K W⁻¹, ``(year, 12, *cell)``.
    """

    drivers: YearDrivers
    snow: snow.SnowSeries
    temperature: Monthly
    snow_resistance: Monthly


def surface_series(
    parameters: Parameters,
    location: Location,
    window: WeatherWindow,
    shape: tuple[int, ...],
    snowpack: Float[Array, "*cell"],
    previous_resistance: Float[Array, "*cell"] | None,
) -> SurfaceSeries:
    """Surface drivers of a run of years: equivalent temperature and snow.

    Args:
        parameters: surface and snow parameters.
        location: elevation.
        window: weather of the years, and before and after them.
        shape: cell shape.
        snowpack: before the first month, mm.
        previous_resistance: snow resistance at the centre of the month before the first,
            m² K W⁻¹; ``None`` takes that of the last month (a cycle).
    """
    p = parameters

    def cells(value):
        return jnp.broadcast_to(value, (*value.shape[:2], *shape))

    air = cells(window.air_temperature)
    rain = cells(window.precipitation)
    sun = cells(window.shortwave)
    temperature = equivalent_temperature(air, sun, p.surface_shortwave_coefficient)
    air_before = jnp.broadcast_to(window.air_temperature_before, shape)
    sun_before = jnp.broadcast_to(window.shortwave_before, shape)
    temperature_before = equivalent_temperature(
        air_before, sun_before, p.surface_shortwave_coefficient
    )
    elevation = jnp.broadcast_to(jnp.asarray(location.elevation, air.dtype), shape)
    series = snow.snow_series(
        rain.reshape((-1, *shape)), air.reshape((-1, *shape)), air_before, elevation, snowpack
    )
    resistance = snow.monthly_snow_resistance(
        series, air, rain, snowpack, p.snow_fraction, p.snow_cap, p.snow_windy
    )
    if previous_resistance is None:
        previous_resistance = resistance[-2, -1]
    count = window.number_of_years
    surface_resistance = jnp.broadcast_to(p.surface_resistance, (count, *shape))
    drivers = YearDrivers(
        temperature=with_neighbours(temperature[:-1], temperature_before, temperature[-1, 0]),
        snow_resistance=with_neighbours(resistance[:-1], previous_resistance, resistance[-1, 0]),
        surface_resistance=surface_resistance.astype(air.dtype),
    )
    months = 12 * count
    return SurfaceSeries(
        drivers=drivers,
        snow=jax.tree.map(lambda x: x[:months].reshape((count, 12, *shape)), series),
        temperature=temperature[:-1],
        snow_resistance=resistance[:-1],
    )
