"""Potential (Jensen-Haise) and actual evapotranspiration of a month.

Source: docs/specification/model.md 4 (PET), 5.1 (EET). Water in mm (kg m⁻²), rates per month.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from temjax.numerics import Cell, CellLike, larger, smaller

MINIMUM_POTENTIAL_EVAPOTRANSPIRATION = 0.001
"""mm month⁻¹; keeps EET/PET defined in frozen months."""

# exp() of larger arguments overflows in float32; EET equals PET long before.
_LARGEST_EXPONENT = 50.0
_EFFICIENCY_SCALE = 1.0 / (1.0 - math.exp(-5.0))


def potential_evapotranspiration(
    *, air_temperature: CellLike, canopy_irradiance: CellLike, days: CellLike
) -> Cell:
    """Potential evapotranspiration PET (mm month⁻¹) after Jensen and Haise.

    Args:
        air_temperature: Monthly mean, °C.
        canopy_irradiance: NIRR, cal cm⁻² d⁻¹.
        days: Length of the month, d.
    """
    fahrenheit = 1.8 * air_temperature + 32.0
    demand = (0.014 * fahrenheit - 0.37) * 0.016742 * canopy_irradiance * days
    return larger(demand, MINIMUM_POTENTIAL_EVAPOTRANSPIRATION)


class WettingTerms(NamedTuple):
    """Constants of a month's actual evapotranspiration (each `(*cell)`)."""

    water_input: Cell
    """R, rain and snowmelt, mm month⁻¹."""
    potential_evapotranspiration: Cell
    """PET, mm month⁻¹."""
    per_potential: Cell
    """1/PET, month mm⁻¹."""
    daily_demand: Cell
    """e = PET/days, mm d⁻¹."""
    per_event_depth: Cell
    """1/b, of the mean depth of a wetting event, d mm⁻¹."""
    exceedance: Cell
    """exp(-e/b), chance that an event exceeds the day's demand."""
    per_capacity: Cell
    """1/AWC, mm⁻¹."""
    available_water_capacity: Cell
    """AWC, mm."""
    is_wet: Cell
    """R >= PET: the demand is met."""


def wetting_terms(
    *,
    water_input: CellLike,
    potential_evapotranspiration: CellLike,
    days: CellLike,
    available_water_capacity: CellLike,
) -> WettingTerms:
    """Constants of a month's actual evapotranspiration.

    Source: docs/specification/model.md 5.1.

    Args:
        water_input: R, rain and snowmelt, mm month⁻¹.
        potential_evapotranspiration: PET, mm month⁻¹.
        days: length of the month, d.
        available_water_capacity: AWC, mm.

    The depth of an event b = R/(days (1 - exp(-0.005 R))) tends to 200 mm/days for R -> 0;
    the fluxes that contain it carry a factor R, so the limit replaces TEM's b = 0.
    """
    has_input = water_input > 0
    safe_input = jnp.where(has_input, water_input, 1.0)
    per_event_depth = days * jnp.where(
        has_input, -jnp.expm1(-0.005 * safe_input) / safe_input, 0.005
    )
    daily_demand = potential_evapotranspiration / days
    return WettingTerms(
        water_input=water_input,
        potential_evapotranspiration=potential_evapotranspiration,
        per_potential=1.0 / potential_evapotranspiration,
        daily_demand=daily_demand,
        per_event_depth=per_event_depth,
        exceedance=jnp.exp(-daily_demand * per_event_depth),
        per_capacity=1.0 / available_water_capacity,
        available_water_capacity=available_water_capacity,
        is_wet=water_input >= potential_evapotranspiration,
    )


def unlimited_evapotranspiration(*, wetting: WettingTerms, available_water: CellLike) -> Cell:
    """Actual evapotranspiration EET (mm month⁻¹) before the limit by available water.

    Args:
        wetting: The month's constants.
        available_water: AVLW, mm above wilting point.

    EET equals PET where rain and melt cover it. Otherwise soil water supplies the rest with
    an efficiency g that saturates with AVLW/AWC. The step at R = PET is TEM's own; it depends
    on forcing only, so no parameter's derivative is lost (docs/specification/model.md 14.2).
    """
    drought = jnp.exp(-5.0 * available_water * wetting.per_capacity)
    efficiency = _EFFICIENCY_SCALE * (1.0 - drought)
    deficit = wetting.daily_demand + wetting.available_water_capacity - available_water
    filling = jnp.exp(smaller(-deficit * wetting.per_event_depth, _LARGEST_EXPONENT))
    storage_change = (
        wetting.water_input * (efficiency + (1.0 - efficiency) * wetting.exceedance - filling)
        - wetting.potential_evapotranspiration * efficiency
    )
    drying = smaller(wetting.potential_evapotranspiration, wetting.water_input - storage_change)
    return jnp.where(wetting.is_wet, wetting.potential_evapotranspiration, drying)
