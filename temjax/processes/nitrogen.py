"""Nitrogen: mineralisation, plant uptake, and its coupling to production through storage.

Source: docs/specification/model.md 5.4, 5.5, 5.6, 8 and the one-branch form of 14.1, which holds
for nitrogen- and carbon-limited plants alike (it takes CNMIN = 0, as every published set does).
Nitrogen in g N m⁻², carbon in g C m⁻², rates per month.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from temjax.numerics import (
    Cell,
    CellLike,
    larger,
    limited,
    positive_part,
    reciprocal,
    safe_divide,
    saturation,
    smaller,
)

CO2_RESPONSE = 0.000519
"""DC2N, relative change of plant C:N per ppmv CO2."""
REFERENCE_CO2 = 286.596
"""INITCO2, ppmv."""


def solution_factor(*, volumetric_moisture: CellLike, moisture_per_water: CellLike) -> Cell:
    """Solution factor KSOIL/SM (mm⁻¹): AVLN times it is the concentration x at the roots.

    `VSM^3/SM` with SM = VSM/moisture_per_water.
    """
    return volumetric_moisture**2 * moisture_per_water


def microbial_saturation(*, concentration: CellLike, half_saturation: CellLike) -> Cell:
    """Saturation of microbial immobilisation MICX = x/(KN2 + x) (-)."""
    return saturation(concentration, half_saturation)


class Substrate(NamedTuple):
    """Composition of soil organic matter (`(*cell)`)."""

    nitrogen_to_carbon: Cell
    """SOLN/SOLC, g N g⁻¹ C."""
    richness: Cell
    """CNSOIL SOLN/SOLC (-), nitrogen relative to the target ratio."""
    poverty: Cell
    """Its reciprocal (-)."""


def substrate(
    *,
    soil_organic_nitrogen: CellLike,
    soil_organic_carbon: CellLike,
    soil_carbon_to_nitrogen: CellLike,
) -> Substrate:
    """Composition of soil organic matter from SOLN, SOLC (g m⁻²) and the target ratio CNSOIL.

    Richness and poverty are 0 where a pool is not positive: nothing is mineralised there.
    """
    has_both = (soil_organic_carbon > 0) & (soil_organic_nitrogen > 0)
    carbon = jnp.where(has_both, soil_organic_carbon, 1.0)
    nitrogen = jnp.where(has_both, soil_organic_nitrogen, 1.0)
    ratio = nitrogen * reciprocal(carbon)
    richness = ratio * soil_carbon_to_nitrogen
    return Substrate(
        nitrogen_to_carbon=ratio,
        richness=jnp.where(has_both, richness, 0.0),
        poverty=jnp.where(has_both, reciprocal(richness), 0.0),
    )


def net_mineralisation(
    *,
    substrate: Substrate,
    microbial_saturation: CellLike,
    microbial_uptake: CellLike,
    heterotrophic_respiration: CellLike,
) -> Cell:
    """Net mineralisation NMIN (g N m⁻² month⁻¹): gross mineralisation less immobilisation.

    Args:
        substrate: composition of soil organic matter.
        microbial_saturation: MICX, -.
        microbial_uptake: NUP DECAY, g N immobilised per g C respired at full saturation.
        heterotrophic_respiration: RH, g C m⁻² month⁻¹.

    Mineralisation grows and immobilisation shrinks with nitrogen in excess of SOLC/CNSOIL.
    """
    unmodified = (
        substrate.nitrogen_to_carbon - microbial_uptake * microbial_saturation
    ) * heterotrophic_respiration
    return unmodified * jnp.where(unmodified >= 0, substrate.richness, substrate.poverty)


def potential_uptake(
    *,
    uptake_capacity: CellLike,
    concentration: CellLike,
    half_saturation: CellLike,
    available_nitrogen: CellLike,
    net_mineralisation: CellLike,
) -> Cell:
    """Potential plant nitrogen uptake INUP (g N m⁻² month⁻¹), without limitation by carbon.

    Args:
        uptake_capacity: NMAX FOLIAGE times the plant q10 response.
        concentration, half_saturation: x of the accessible nitrogen and KN1, g N mm⁻¹.
        available_nitrogen, net_mineralisation: Accessible AVLN and NMIN: what a month can
            supply at most.

    TEM lifts an uptake of exactly zero to 1e-6 to divide by it; the guarded formulas here
    need no such bump.
    """
    demand = uptake_capacity * saturation(concentration, half_saturation)
    return positive_part(smaller(demand, available_nitrogen + net_mineralisation))


class LitterNitrogen(NamedTuple):
    """Nitrogen that leaves living tissue (g N m⁻² month⁻¹, `(*cell)`)."""

    litterfall: Cell
    """LTRN."""
    resorption: Cell
    """RS."""


def litter_nitrogen(
    *,
    potential_litterfall_nitrogen: CellLike,
    litterfall_carbon: CellLike,
    structural_richness: CellLike,
    production_nitrogen_to_carbon: CellLike,
) -> LitterNitrogen:
    """Litterfall and resorption of nitrogen.

    Litter holds at most LTRC/CNEVEN; what its potential falls short of that is resorbed,
    scaled by how rich structural tissue is (STRN C2N/VEGC).
    """
    allowed = litterfall_carbon * production_nitrogen_to_carbon
    return LitterNitrogen(
        litterfall=smaller(potential_litterfall_nitrogen, allowed),
        resorption=positive_part(allowed - potential_litterfall_nitrogen) * structural_richness,
    )


def structural_richness(
    *,
    structural_nitrogen: CellLike,
    vegetation_carbon: CellLike,
    vegetation_carbon_to_nitrogen: CellLike,
) -> Cell:
    """Nitrogen of structural tissue relative to its target, STRN C2N/VEGC (-); 1 without tissue."""
    has_carbon = vegetation_carbon > 0
    carbon = jnp.where(has_carbon, vegetation_carbon, 1.0)
    richness = structural_nitrogen * vegetation_carbon_to_nitrogen * reciprocal(carbon)
    return jnp.where(has_carbon, richness, 1.0)


class Allocation(NamedTuple):
    """Production and plant nitrogen after their mutual limitation (per month, `(*cell)`)."""

    net_primary_production: Cell
    """NPP, g C m⁻² month⁻¹."""
    structural_uptake: Cell
    """SUP, g N m⁻² month⁻¹."""
    labile_uptake: Cell
    """LUP, g N m⁻² month⁻¹."""
    mobilisation: Cell
    """MOBIL, from storage to structure; negative back to storage, g N m⁻² month⁻¹."""


def allocation(
    *,
    potential_net_production: CellLike,
    potential_demand: CellLike,
    potential_uptake: CellLike,
    labile_nitrogen: CellLike,
    structural_nitrogen: CellLike,
    structural_richness: CellLike,
    litter: LitterNitrogen,
    production_carbon_to_nitrogen: CellLike,
    labile_nitrogen_fraction: CellLike,
) -> Allocation:
    """Nitrogen-limited production and allocation of nitrogen, one-branch form of
    docs/specification/model.md 14.1.

    Args:
        potential_net_production, potential_uptake: INNPP and INUP.
        potential_demand: INNPP/CNEVEN, g N m⁻² month⁻¹.
        labile_nitrogen, structural_nitrogen: STON and STRN.
        structural_richness: STRN C2N/VEGC.
        litter: LTRN and RS.
        production_carbon_to_nitrogen, labile_nitrogen_fraction: CNEVEN and LABNCON.

    Production is limited to CNEVEN times the supply of nitrogen (uptake plus storage, at
    least 0); uptake is turned down where production asks for less. Storage serves the demand
    first, then uptake; what uptake is left fills storage up to its share of structure.
    Tissue returns a negative demand in proportion to its richness. Without production,
    storage below a negative demand does not draw uptake. Storage below zero, met only inside
    Runge-Kutta stages, is repaid before anything is built, whatever the richness.
    """
    supply = positive_part(potential_uptake + labile_nitrogen)
    is_growing = potential_net_production > 0
    is_limited = potential_demand >= supply
    inverse = reciprocal(jnp.where(is_growing & ~is_limited, supply, 1.0))
    utilisation = jnp.where(is_growing, jnp.where(is_limited, 1.0, potential_demand * inverse), 0.0)
    uptake_limit = potential_uptake * utilisation * (2.0 - utilisation)

    production = smaller(potential_net_production, production_carbon_to_nitrogen * supply)
    demand = smaller(potential_demand, supply)
    from_storage = smaller(labile_nitrogen, demand)
    returns = (demand < 0) & (labile_nitrogen >= demand)
    mobilisation = jnp.where(returns, from_storage * structural_richness, from_storage)
    structural_uptake = jnp.where(
        is_growing,
        smaller(positive_part(demand - from_storage), uptake_limit),
        0.0,
    )
    labile_target = labile_nitrogen_fraction * (
        structural_nitrogen
        + structural_uptake
        - litter.litterfall
        - litter.resorption
        + mobilisation
    )
    labile_present = labile_nitrogen + litter.resorption - mobilisation
    labile_uptake = smaller(
        positive_part(labile_target - labile_present), uptake_limit - structural_uptake
    )
    return Allocation(production, structural_uptake, labile_uptake, mobilisation)


def mineral_balance(
    *,
    available_nitrogen: CellLike,
    solution_loss_rate: CellLike,
    net_mineralisation: CellLike,
    uptake: CellLike,
) -> tuple[Cell, Cell]:
    """Limits on NLOST and NMIN (g N m⁻² month⁻¹) that keep AVLN from running out.

    Args:
        available_nitrogen: AVLN, g N m⁻².
        solution_loss_rate: Share of AVLN that leaves with water, month⁻¹ (see
            `solution_loss_rate`).
        net_mineralisation, uptake: NMIN and U.

    The loss is limited to what a month leaves over. Where uptake and immobilisation ask for
    more than there is, immobilisation is cut back (NMIN is raised).
    """
    remaining = available_nitrogen - uptake + net_mineralisation
    loss = limited(solution_loss_rate * available_nitrogen, 0.0, positive_part(remaining))
    return loss, net_mineralisation + positive_part(-remaining)


def solution_loss_rate(
    *,
    nitrogen_loss_rate: CellLike,
    soil_moisture: CellLike,
    water_input: CellLike,
    evapotranspiration: CellLike,
    moisture_per_water: CellLike,
) -> Cell:
    """Loss rate of AVLN with drainage (month⁻¹).

    `NLOSS/SM (R - EET + Z)/Z` with the depth Z of the root zone in mm.

    Args:
        nitrogen_loss_rate: NLOSS (-), 0 in all published sets.
        soil_moisture, water_input, evapotranspiration: SM (mm); rain and snowmelt, EET (mm
            month⁻¹).
        moisture_per_water: 1/Z, mm⁻¹.
    """
    flow = 1.0 + (water_input - evapotranspiration) * moisture_per_water
    return nitrogen_loss_rate * flow * reciprocal(soil_moisture)


def carbon_to_nitrogen(
    *,
    annual_evapotranspiration: CellLike,
    annual_potential_evapotranspiration: CellLike,
    december_co2: CellLike,
    slope: CellLike,
    intercept: CellLike,
    minimum: CellLike,
    production_reference: CellLike,
) -> tuple[CellLike, CellLike]:
    """Carbon-to-nitrogen ratios of the next year: C2N of tissue, CNEVEN of production (g C g⁻¹ N).

    Args:
        annual_evapotranspiration, annual_potential_evapotranspiration: Sums of the year, mm.
        december_co2: ppmv.
        slope, intercept, minimum: VEGC2NA, VEGC2NB, C2NMIN.
        production_reference: CNEVEN of the parameter set, at REFERENCE_CO2.
    """
    adjustment = 1.0 + CO2_RESPONSE * (december_co2 - REFERENCE_CO2)
    wetness = safe_divide(annual_evapotranspiration, annual_potential_evapotranspiration)
    tissue = larger(intercept + slope * wetness, minimum) * adjustment
    return tissue, production_reference * adjustment
