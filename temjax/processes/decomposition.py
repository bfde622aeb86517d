"""Litterfall and heterotrophic respiration with the litter-quality feedback on its rate.

Source: docs/specification/model.md 4, 5.3, 5.4, 8.
"""

from __future__ import annotations

import jax.numpy as jnp

from temjax.numerics import (
    Cell,
    CellLike,
    freezing_decline,
    positive_part,
    smaller,
    temperature_bell,
)

_LITTER_QUALITY_EXPONENT = -0.784


def temperature_response(
    *, soil_temperature: CellLike, q10: CellLike, freezing_q10: CellLike | None = None
) -> Cell:
    """Temperature response of decomposition RHQ10^(T/10) (-), T at 20 cm in °C; 1 at 0 °C.

    Args:
        soil_temperature: T, °C.
        q10: RHQ10 (-).
        freezing_q10: RHFQ10 (-), by which freezing slows decomposition beyond RHQ10; ``None``
            for TEM's response, which has no cut-off below freezing.
    """
    response = jnp.exp(0.1 * soil_temperature * jnp.log(q10))
    if freezing_q10 is None:
        return response
    return response * freezing_decline(soil_temperature, freezing_q10)


def moisture_response(
    *,
    volumetric_moisture: CellLike,
    moisture_minimum: CellLike,
    moisture_optimum: CellLike,
    moisture_maximum: CellLike,
) -> Cell:
    """Moisture response of decomposition RHM in [0, 1] from VSM; all m3 m⁻³."""
    return temperature_bell(
        volumetric_moisture, moisture_minimum, moisture_optimum, moisture_maximum
    )


def heterotrophic_respiration(
    *,
    decomposition_rate: CellLike,
    soil_organic_carbon: CellLike,
    moisture_response: CellLike,
    temperature_response: CellLike,
) -> Cell:
    """Heterotrophic respiration RH = KD SOLC RHM dq10 (g C m⁻² month⁻¹).

    KD in month⁻¹, SOLC in g C m⁻².
    """
    return positive_part(
        decomposition_rate * soil_organic_carbon * moisture_response * temperature_response
    )


def litterfall(*, pool: CellLike, rate: CellLike) -> Cell:
    """Litterfall of a vegetation pool (g m⁻² month⁻¹): LTRC or potential LTRN."""
    return positive_part(rate * pool)


def decomposition_rate(
    *,
    reference_rate: CellLike,
    litterfall_carbon: CellLike,
    litterfall_nitrogen: CellLike,
    reference_carbon_to_nitrogen: CellLike,
) -> Cell:
    """Decomposition rate KD (month⁻¹) of the next year from this year's litter quality.

    Args:
        reference_rate: KDC, month⁻¹.
        litterfall_carbon, litterfall_nitrogen: Annual LTRC (g C m⁻²) and LTRN (g N m⁻²).
        reference_carbon_to_nitrogen: LCCLNC, g C g⁻¹ N.

    `KDC (LTRC/LTRN/LCCLNC)^-0.784`. TEM puts 0.001 g in place of a non-positive LTRN; where
    LTRC itself is of that size, LTRC/LCCLNC stands in, so that a dying plant cover leaves KDC
    and not a rate that grows without bound.
    """
    has_carbon = litterfall_carbon > 0
    carbon = jnp.where(has_carbon, litterfall_carbon, 1.0)
    substitute = smaller(0.001, carbon / reference_carbon_to_nitrogen)
    nitrogen = jnp.where(litterfall_nitrogen > 0, litterfall_nitrogen, substitute)
    quality = carbon / nitrogen / reference_carbon_to_nitrogen
    scaled = reference_rate * jnp.exp(_LITTER_QUALITY_EXPONENT * jnp.log(quality))
    return jnp.where(has_carbon, scaled, reference_rate)
