"""Right-hand side of a month: the processes assembled into tendencies of the pools and fluxes.

Source: docs/specification/model.md 5, evaluated at the state of the stage. Carbon and water come
first (``carbon_and_water``), then what depends on available nitrogen.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.ecosystem.carbon_and_water import NitrogenTerms, carbon_and_water
from temjax.ecosystem.drivers import MonthDrivers, month_factors
from temjax.ecosystem.pools import pool_tendency
from temjax.numerics import Cell
from temjax.outputs import FLUXES
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes import nitrogen, respiration
from temjax.state import POOLS, Memory, pool_index

AVAILABLE_NITROGEN = pool_index("available_nitrogen")

# Fluxes that are constant in a month, or sums of others, are added after the sub-steps.
CONSTANT = ("rainfall", "snowfall", "snowmelt", "potential_evapotranspiration", "nitrogen_input")
SUMS = (
    "gross_primary_production",
    "autotrophic_respiration",
    "net_ecosystem_production",
    "nitrogen_uptake",
)
INTEGRATED = tuple(name for name in FLUXES if name not in CONSTANT + SUMS)


def nitrogen_fluxes(
    parameters: Parameters,
    microbial_uptake: Cell,
    drivers: MonthDrivers,
    memory: Memory,
    terms: NitrogenTerms,
    available_nitrogen: Cell,
) -> dict[str, Cell]:
    """Fluxes that depend on available nitrogen.

    Source: docs/specification/model.md 5.4, 5.5, 5.6.

    Args:
        parameters, drivers, memory: as for ``right_hand_side``.
        microbial_uptake: NUP DECAY, g N immobilised per g C respired at full saturation.
        terms: from ``carbon_and_water`` at the same state.
        available_nitrogen: AVLN, g N m⁻².

    Returns:
        Fluxes by name, g m⁻² month⁻¹.
    """
    p = parameters
    accessible = drivers.accessible_nitrogen_fraction * available_nitrogen
    microbial = nitrogen.microbial_saturation(
        concentration=available_nitrogen * terms.solution_factor,
        half_saturation=p.immobilisation_half_saturation,
    )
    mineralisation = nitrogen.net_mineralisation(
        substrate=terms.substrate,
        microbial_saturation=microbial,
        microbial_uptake=microbial_uptake,
        heterotrophic_respiration=terms.heterotrophic_respiration,
    )
    potential_uptake = nitrogen.potential_uptake(
        uptake_capacity=terms.uptake_capacity,
        concentration=accessible * terms.solution_factor,
        half_saturation=p.uptake_half_saturation,
        available_nitrogen=accessible,
        net_mineralisation=mineralisation,
    )
    allocated = nitrogen.allocation(
        potential_net_production=terms.potential_net_production,
        potential_demand=terms.potential_demand,
        potential_uptake=potential_uptake,
        labile_nitrogen=terms.labile_nitrogen,
        structural_nitrogen=terms.structural_nitrogen,
        structural_richness=terms.structural_richness,
        litter=terms.litter,
        production_carbon_to_nitrogen=memory.production_carbon_to_nitrogen,
        labile_nitrogen_fraction=p.labile_nitrogen_fraction,
    )
    loss, mineralisation = nitrogen.mineral_balance(
        available_nitrogen=available_nitrogen,
        solution_loss_rate=terms.solution_loss_rate,
        net_mineralisation=mineralisation,
        uptake=allocated.structural_uptake + allocated.labile_uptake,
    )
    return {
        "net_primary_production": allocated.net_primary_production,
        "growth_respiration": respiration.growth_respiration(
            net_primary_production=allocated.net_primary_production
        ),
        "potential_nitrogen_uptake": potential_uptake,
        "structural_nitrogen_uptake": allocated.structural_uptake,
        "labile_nitrogen_uptake": allocated.labile_uptake,
        "nitrogen_mobilisation": allocated.mobilisation,
        # as TEM reports it: 0 without organic matter, where nothing is mineralised
        "microbial_uptake_saturation": jnp.where(terms.substrate.richness > 0, microbial, 0.0),
        "net_nitrogen_mineralisation": mineralisation,
        "nitrogen_loss": loss,
    }


def stack_rows(names: tuple[str, ...], values: dict[str, Cell], like: Array) -> Array:
    """Stack named values, each broadcast to the cells of `like`, in the order of `names`."""
    shape = jnp.shape(like)[1:]
    return jnp.stack([jnp.broadcast_to(values[name], shape) for name in names])


def flux_rows(
    drivers: MonthDrivers, integrated: Sequence[Cell] | Float[Array, "integrated *cell"]
) -> dict[str, Cell]:
    """Add the constant rows and the sums of others to the integrated rows."""
    f = dict(zip(INTEGRATED, integrated, strict=True))
    f |= {name: getattr(drivers, name) for name in CONSTANT if name != "nitrogen_input"}
    f["nitrogen_input"] = jnp.zeros_like(integrated[0])
    f["autotrophic_respiration"] = f["maintenance_respiration"] + f["growth_respiration"]
    f["gross_primary_production"] = f["net_primary_production"] + f["autotrophic_respiration"]
    f["net_ecosystem_production"] = f["net_primary_production"] - f["heterotrophic_respiration"]
    f["nitrogen_uptake"] = f["structural_nitrogen_uptake"] + f["labile_nitrogen_uptake"]
    return f


def complete_fluxes(
    drivers: MonthDrivers, integrated: Float[Array, "integrated *cell"]
) -> Float[Array, "flux *cell"]:
    """All fluxes, rows as ``FLUXES``, from those that are integrated."""
    return stack_rows(FLUXES, flux_rows(drivers, integrated), integrated)


def right_hand_side(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool *cell"],
) -> tuple[Float[Array, "pool *cell"], Float[Array, "flux *cell"]]:
    """Right-hand side of the month's equations: tendencies of the pools and all fluxes.

    Args:
        parameters: scalars or per-cell values.
        constants: of the cell.
        drivers: of the month.
        memory: last month's leaf and last year's maxima, rates and ratios; read only.
        pools: rows in the order of `POOLS`, g m⁻² or mm.

    Returns:
        The tendency, rows as `POOLS`, and the fluxes, rows as `FLUXES` (g m⁻² or mm month⁻¹).
        Soil moisture is that of the given pools (docs/specification/model.md 6; TEM takes it from
        the start of its step).
    """
    factors = month_factors(parameters, constants, drivers, memory)
    terms, fluxes = carbon_and_water(parameters, constants, drivers, memory, factors, pools)
    fluxes |= nitrogen_fluxes(
        parameters, factors.microbial_uptake, drivers, memory, terms, pools[AVAILABLE_NITROGEN]
    )
    tendency = stack_rows(POOLS, pool_tendency(drivers, fluxes), pools)
    return tendency, complete_fluxes(drivers, stack_rows(INTEGRATED, fluxes, pools))
