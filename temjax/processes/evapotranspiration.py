"""Potential (Jensen-Haise) and actual evapotranspiration of a month.

Source: model.md sections 4 (PET) and 5.1 (EET). Water in mm (kg m⁻²), rates per month.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from temjax.numerics import Cell, CellLike

MINIMUM_POTENTIAL_EVAPOTRANSPIRATION = 0.001
"""mm month⁻¹; keeps EET/PET defined in frozen months."""

# exp() of larger arguments overflows in float32; EET equals PET long before.
_LARGEST_EXPONENT = 50.0


def potential_evapotranspiration(
    *, air_temperature: CellLike, canopy_irradiance: CellLike, days: CellLike
) -> Cell:
    """Return PET (mm month⁻¹) after Jensen and Haise.

    Args:
        air_temperature: Monthly mean, °C.
        canopy_irradiance: NIRR, cal cm⁻² d⁻¹.
        days: Length of the month, d.
    """
    fahrenheit = 1.8 * air_temperature + 32.0
    demand = (0.014 * fahrenheit - 0.37) * 0.016742 * canopy_irradiance * days
    return jnp.maximum(demand, MINIMUM_POTENTIAL_EVAPOTRANSPIRATION)


class WettingTerms(NamedTuple):
    """What actual evapotranspiration needs and a month holds constant (each `(*cell)`)."""

    water_input: Cell
    """R, rain and snowmelt, mm month⁻¹."""
    potential_evapotranspiration: Cell
    """PET, mm month⁻¹."""
    daily_demand: Cell
    """e = PET/days, mm d⁻¹."""
    event_depth: Cell
    """b, mean depth of a wetting event, mm d⁻¹ (its limit for a vanishing input)."""
    dry_event_fraction: Cell
    """exp(-e/b), chance that an event exceeds the day's demand."""
    is_wet: Cell
    """R >= PET: the demand is met."""


def wetting_terms(
    *, water_input: CellLike, potential_evapotranspiration: CellLike, days: CellLike
) -> WettingTerms:
    """Return the month's constants of the actual evapotranspiration (model.md 5.1).

    The depth of an event b = R/(days (1 - exp(-0.005 R))) tends to 200 mm/days for R -> 0;
    the fluxes that contain it carry a factor R, so the limit replaces TEM's b = 0.
    """
    has_input = water_input > 0
    safe_input = jnp.where(has_input, water_input, 1.0)
    event_depth = jnp.where(has_input, safe_input / -jnp.expm1(-0.005 * safe_input), 200.0) / days
    daily_demand = potential_evapotranspiration / days
    return WettingTerms(
        water_input=water_input,
        potential_evapotranspiration=potential_evapotranspiration,
        daily_demand=daily_demand,
        event_depth=event_depth,
        dry_event_fraction=jnp.exp(-daily_demand / event_depth),
        is_wet=water_input >= potential_evapotranspiration,
    )


def unlimited_evapotranspiration(
    *, wetting: WettingTerms, available_water: CellLike, available_water_capacity: CellLike
) -> Cell:
    """Return EET (mm month⁻¹) before the limit set by the water that is there.

    Args:
        wetting: The month's constants.
        available_water: AVLW, mm above wilting point.
        available_water_capacity: AWC, mm.

    EET equals PET where rain and melt cover it. Otherwise soil water supplies the rest with
    an efficiency g that saturates with AVLW/AWC. The step at R = PET is TEM's own; it depends
    on forcing only, so no parameter's derivative is lost (model.md 14).
    """
    efficiency = -jnp.expm1(-5.0 * available_water / available_water_capacity) / (
        -jnp.expm1(jnp.asarray(-5.0, jnp.result_type(available_water)))
    )
    deficit = wetting.daily_demand + available_water_capacity - available_water
    filling = jnp.exp(jnp.minimum(-deficit / wetting.event_depth, _LARGEST_EXPONENT))
    storage_change = (
        wetting.water_input
        * (efficiency + (1.0 - efficiency) * wetting.dry_event_fraction - filling)
        - wetting.potential_evapotranspiration * efficiency
    )
    drying = jnp.minimum(wetting.potential_evapotranspiration, wetting.water_input - storage_change)
    return jnp.where(wetting.is_wet, wetting.potential_evapotranspiration, drying)
