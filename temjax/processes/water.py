"""Soil water: percolation, the limit on evapotranspiration, runoff, moisture.

Source: docs/specification/model.md 0, 5.1. Stores in mm (kg m⁻²), rates in mm month⁻¹.
"""

from __future__ import annotations

import jax.numpy as jnp

from temjax.numerics import Cell, CellLike, larger, positive_part, smaller
from temjax.processes.snow import SLOW_MELT_ELEVATION, SNOW_TEMPERATURE

_MINIMUM_MOISTURE = 0.001  # m³ m⁻³


def percolation_shares(*, rainfall: CellLike, snowmelt: CellLike) -> tuple[Cell, Cell]:
    """Shares of rain and snowmelt (mm month⁻¹) in their sum (-); 0 without input."""
    water_input = rainfall + snowmelt
    per_input = 1.0 / jnp.where(water_input > 0, water_input, 0.001)
    return rainfall * per_input, snowmelt * per_input


def percolation(
    *,
    available_water: CellLike,
    available_water_capacity: CellLike,
    water_input: CellLike,
    evapotranspiration: CellLike,
) -> Cell:
    """Percolation RPERC + SPERC (mm month⁻¹).

    What would exceed the available water capacity leaves the root zone; rain and snowmelt
    share it in proportion to their input (`percolation_shares`).
    """
    return positive_part(
        available_water + water_input - evapotranspiration - available_water_capacity
    )


def limit_evapotranspiration(
    *,
    evapotranspiration: CellLike,
    available_water: CellLike,
    water_input: CellLike,
    percolation: CellLike,
) -> Cell:
    """Actual evapotranspiration EET (mm month⁻¹), limited to the water present plus net input."""
    return smaller(evapotranspiration, available_water + water_input - percolation)


def rain_runoff(*, rain_runoff_store: CellLike, rain_percolation: CellLike) -> Cell:
    """Rain runoff RRUN (mm month⁻¹): half of the rain runoff store RGRW and its inflow."""
    return 0.5 * (rain_runoff_store + rain_percolation)


def snow_runoff_fraction(
    *,
    air_temperature: CellLike,
    previous_air_temperature: CellLike,
    second_previous_air_temperature: CellLike,
    elevation: CellLike,
) -> Cell:
    """Fraction of the snow runoff store that leaves within the month (month⁻¹).

    Nothing below -1 °C; 0.1 in the first month above; in the second 0.5, or 0.25 above
    500 m; 0.5 from then on. The steps depend on forcing only.

    Args:
        air_temperature, previous_air_temperature, second_previous_air_temperature: Monthly
            means of this and the two months before, °C.
        elevation: m.
    """
    second_month = jnp.where(
        (second_previous_air_temperature < SNOW_TEMPERATURE) & (elevation > SLOW_MELT_ELEVATION),
        0.25,
        0.5,
    )
    melting = jnp.where(previous_air_temperature < SNOW_TEMPERATURE, 0.1, second_month)
    return jnp.where(air_temperature < SNOW_TEMPERATURE, 0.0, melting).astype(
        jnp.result_type(air_temperature)
    )


def snow_runoff(
    *, snow_runoff_fraction: CellLike, snow_runoff_store: CellLike, snow_percolation: CellLike
) -> Cell:
    """Snow runoff SRUN (mm month⁻¹) from the snow runoff store SGRW and its inflow."""
    return snow_runoff_fraction * (snow_runoff_store + snow_percolation)


def soil_moisture(*, available_water: CellLike, wilting_point: CellLike) -> Cell:
    """Soil moisture SM (mm), all water of the root zone."""
    return available_water + wilting_point


def moisture_per_water(*, rooting_depth: CellLike) -> Cell:
    """Volumetric moisture per mm of water (mm⁻¹) in a root zone `rooting_depth` m deep."""
    return 0.001 / rooting_depth


def volumetric_moisture(*, soil_moisture: CellLike, moisture_per_water: CellLike) -> Cell:
    """Volumetric soil moisture VSM (m³ m⁻³) of SM mm of water, at least 0.001."""
    return larger(soil_moisture * moisture_per_water, _MINIMUM_MOISTURE)
