"""Soil temperature of single days at any depths, to lay beside measured profiles.

Heat is driven by months, so a day lies between the means of two of them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.forcing import MONTH_DAYS, Forcing, Location
from temjax.heat.climate import cell_shape
from temjax.heat.surface import WeatherWindow, surface_series, weather_window
from temjax.heat.year import observe_year
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.processes.soil_profile import depth_shares
from temjax.programs.exported import exported_jit
from temjax.soil_column import soil_column
from temjax.state import SoilHeatState


class ProfileDay(NamedTuple):
    """Day and depths of a temperature profile; a constant of the program.

    Attributes:
        month: whose centre lies at or before the day, counted from the forcing's first January.
        share: of the month after it, 0–1.
        depths: m, from the surface down.
    """

    month: int
    share: float
    depths: tuple[float, ...]


def profile_day(year: int, month: int, day: int, depths: tuple[float, ...]) -> ProfileDay:
    """Place of a day (its noon) between month centres, in the model's calendar of 365 days.

    The first half of the first January and the last half of the last December have no month beyond
    them: the centre of their own month stands for them (``temperature_profiles``).

    Args:
        year: counted from the forcing's first.
        month: 1–12.
        day: 1–31; 29 February counts as the 28th.
        depths: m.
    """
    length = MONTH_DAYS[month - 1]
    past_centre = min(day, length) - 0.5 - 0.5 * length
    neighbour = MONTH_DAYS[(month if past_centre >= 0 else month - 2) % 12]
    share = past_centre / (0.5 * (length + neighbour))
    number = 12 * year + month - 1
    return ProfileDay(number, share, depths) if share >= 0 else ProfileDay(
        number - 1, 1.0 + share, depths
    )  # fmt: skip


@exported_jit
def _monthly_temperatures(
    parameters: Parameters,
    location: Location,
    window: WeatherWindow,
    initial: SoilHeatState,
    snowpack: Array,
    options: ModelOptions,
    depths: tuple[float, ...],
) -> Float[Array, "year 12 depth *cell"]:
    shape = cell_shape(parameters, location, window)
    series = surface_series(parameters, location, window, shape, snowpack, initial.snow_resistance)
    column = soil_column(parameters, shape, initial.enthalpy.shape[0])
    shares = depth_shares(column, depths)

    def year(enthalpy, drivers):
        after, months = observe_year(column, shares, options, enthalpy, drivers)
        return after, months.soil_temperature

    step = jax.checkpoint(year, prevent_cse=False)
    return jax.lax.scan(step, initial.enthalpy, series.drivers)[1]


def temperature_profiles(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    initial: SoilHeatState,
    snowpack: Float[Array, "*cell"],
    days: tuple[ProfileDay, ...],
    *,
    options: ModelOptions = ModelOptions(),
) -> tuple[Float[Array, "depth *cell"], ...]:
    """Soil temperature of days at their depths, °C, by a run of heat alone.

    Args:
        parameters: scalar or ``(*cell)``.
        location: elevation.
        forcing: whole forcing; it is run up to the last day.
        initial: heat state before the first January.
        snowpack: SWE before the first January, mm.
        days: of the profiles, inside the forcing's years.
        options: heat sub-steps and iterations.
    """
    depths = tuple(sorted({depth for day in days for depth in day.depths}))
    stop = min(max(day.month + 1 for day in days) // 12 + 1, forcing.number_of_years)
    window = weather_window(forcing, 0, stop)
    monthly = _monthly_temperatures(
        parameters, location, window, initial, snowpack, options, depths
    )
    months = monthly.reshape((-1, *monthly.shape[2:]))
    last = months.shape[0] - 1

    def of_day(day: ProfileDay) -> Float[Array, "depth *cell"]:
        rows = jnp.asarray([depths.index(depth) for depth in day.depths])
        before, after = (months[min(max(m, 0), last)] for m in (day.month, day.month + 1))
        return ((1.0 - day.share) * before + day.share * after)[rows]

    return tuple(of_day(day) for day in days)
