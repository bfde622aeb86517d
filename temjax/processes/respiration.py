"""Plant respiration: maintenance and growth.

Source: docs/specification/model.md 4 (q10), 5.4. Fluxes in g C m⁻² month⁻¹.
"""

from __future__ import annotations

import jax.numpy as jnp

from temjax.numerics import Cell, CellLike, larger, positive_part

GROWTH_FRACTION = 0.2
"""Share of what maintenance leaves that building tissue respires."""


def plant_q10_response(
    *, air_temperature: CellLike, a0: CellLike, a1: CellLike, a2: CellLike, a3: CellLike
) -> Cell:
    """Q10 response of plant respiration q(T)^(T/10) (-).

    q is a cubic in air temperature (°C) with RAQ10A0..A3, positive up to 61 °C with the published
    coefficients; it is floored at 0.1 so that the logarithm exists for every temperature.
    """
    q10 = a0 + air_temperature * (a1 + air_temperature * (a2 + air_temperature * a3))
    return jnp.exp(0.1 * air_temperature * jnp.log(larger(q10, 0.1)))


def maintenance_respiration(
    *,
    vegetation_carbon: CellLike,
    biomass_slope: CellLike,
    rate_log: CellLike,
    q10_response: CellLike,
    freezing_decline: CellLike | None = None,
) -> Cell:
    """Maintenance respiration RM = exp(KRA VEGC + KRB) VEGC q10 (g C m⁻² month⁻¹).

    VEGC in g C m⁻², KRA in m2 g⁻¹, KRB in ln(month⁻¹); times the decline by freezing (-) where the
    model has that option.
    """
    rate = jnp.exp(biomass_slope * vegetation_carbon + rate_log)
    if freezing_decline is not None:
        q10_response = q10_response * freezing_decline
    return positive_part(rate * vegetation_carbon * q10_response)


def potential_net_production(
    *, potential_production: CellLike, maintenance_respiration: CellLike
) -> Cell:
    """Potential net primary production INNPP: INGPP less maintenance and growth respiration."""
    surplus = potential_production - maintenance_respiration
    return surplus - GROWTH_FRACTION * positive_part(surplus)


def growth_respiration(*, net_primary_production: CellLike) -> Cell:
    """Growth respiration RG of the realised production: 0.2/0.8 of a positive NPP."""
    return GROWTH_FRACTION / (1.0 - GROWTH_FRACTION) * positive_part(net_primary_production)
