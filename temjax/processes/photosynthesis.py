"""Potential gross primary production: photosynthesis without nitrogen limitation.

Source: docs/specification/model.md 4 (temperature), 5.3 (conductance), 5.4 (INGPP).
"""

from __future__ import annotations

import jax.numpy as jnp

from temjax.numerics import Cell, CellLike, positive_part, reciprocal, smaller, temperature_bell


def temperature_response(
    *,
    air_temperature: CellLike,
    temperature_minimum: CellLike,
    optimum_temperature: CellLike,
    temperature_optimum_maximum: CellLike,
    temperature_maximum: CellLike,
) -> Cell:
    """Temperature response f(T) in [0, 1]: 1 from TOPT to TOPTMAX, 0 at TMIN and TMAX (°C).

    Continuous, with a continuous first derivative at the ends of the plateau and kinks at
    TMIN and TMAX.
    """
    nearest_optimum = jnp.where(
        air_temperature < optimum_temperature,
        optimum_temperature,
        smaller(air_temperature, temperature_optimum_maximum),
    )
    return temperature_bell(
        air_temperature, temperature_minimum, nearest_optimum, temperature_maximum
    )


def canopy_conductance(*, relative_evapotranspiration: CellLike) -> Cell:
    """Relative canopy conductance g_v in [0, 1] from r = EET/PET.

    `2.9 r - 10 r^2` up to r = 0.1 (not below 0), `0.1 + 0.9 r` above: value and slope join.
    """
    ratio = relative_evapotranspiration
    dry = positive_part(ratio * (2.9 - 10.0 * ratio))
    return jnp.where(ratio <= 0.1, dry, 0.1 + 0.9 * ratio)


def light_response(
    *, photosynthetically_active_radiation: CellLike, half_saturation_light: CellLike
) -> Cell:
    """Light response PAR/(KI + PAR) (-); both in cal cm⁻² d⁻¹."""
    return photosynthetically_active_radiation / (
        half_saturation_light + photosynthetically_active_radiation
    )


def co2_response(
    *, co2: CellLike, canopy_conductance: CellLike, half_saturation_co2: CellLike
) -> Cell:
    """CO2 response Ci/(KC + Ci) (-) of the internal CO2 Ci = CO2 g_v; ppmv."""
    internal = co2 * canopy_conductance
    return internal * reciprocal(half_saturation_co2 + internal)


def potential_production(
    *,
    maximum_photosynthesis: CellLike,
    foliage: CellLike,
    leaf: CellLike,
    co2_response: CellLike,
    light_response: CellLike,
    temperature_response: CellLike,
    thaw_fraction: CellLike,
) -> Cell:
    """Potential gross primary production INGPP (g C m⁻² month⁻¹): CMAX times its limitations.

    Args:
        maximum_photosynthesis: CMAX, g C m⁻² month⁻¹.
        foliage, leaf, co2_response, light_response, temperature_response, thaw_fraction:
            Factors in [0, 1].
    """
    return positive_part(
        maximum_photosynthesis
        * foliage
        * co2_response
        * leaf
        * light_response
        * temperature_response
        * thaw_fraction
    )
