"""The right-hand side: the processes assembled into derivatives of the pools and fluxes.

Source: model.md section 5, evaluated at the state of the stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.cell import CellConstants
from temjax.ecosystem.drivers import MonthDrivers, MonthFactors, month_factors
from temjax.ecosystem.pools import pool_tendency
from temjax.numerics import Cell
from temjax.outputs import FLUXES
from temjax.parameters.registry import Parameters
from temjax.processes import (
    decomposition,
    evapotranspiration,
    nitrogen,
    phenology,
    photosynthesis,
    respiration,
    water,
)
from temjax.state import POOLS, Memory, pool_index

AVAILABLE_NITROGEN = pool_index("available_nitrogen")

# Rows that a month holds constant or that are sums of others are filled in after the sub-steps.
CONSTANT = ("rainfall", "snowfall", "snowmelt", "potential_evapotranspiration", "nitrogen_input")
SUMS = (
    "gross_primary_production",
    "autotrophic_respiration",
    "net_ecosystem_production",
    "nitrogen_uptake",
)
INTEGRATED = tuple(name for name in FLUXES if name not in CONSTANT + SUMS)


class Stage(NamedTuple):
    """What the nitrogen fluxes need of a stage besides available nitrogen."""

    potential_net_production: Cell
    potential_demand: Cell
    uptake_capacity: Cell
    solution_factor: Cell
    solution_loss_rate: Cell
    heterotrophic_respiration: Cell
    substrate: nitrogen.Substrate
    structural_nitrogen: Cell
    labile_nitrogen: Cell
    structural_richness: Cell
    litter: nitrogen.LitterNitrogen


def carbon_and_water(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    factors: MonthFactors,
    pools: Float[Array, "pool *cell"] | Sequence[Cell],
) -> tuple[Stage, dict[str, Cell]]:
    """Everything at a stage that does not depend on available nitrogen."""
    p = parameters
    pool = dict(zip(POOLS, pools, strict=True))

    # Water (5.1)
    wetting = factors.wetting
    unlimited = evapotranspiration.unlimited_evapotranspiration(
        wetting=wetting,
        available_water=pool["available_water"],
    )
    percolation = water.percolation(
        available_water=pool["available_water"],
        available_water_capacity=constants.available_water_capacity,
        water_input=wetting.water_input,
        evapotranspiration=unlimited,
    )
    rain_percolation = factors.rain_share * percolation
    snow_percolation = factors.snowmelt_share * percolation
    eet = water.limit_evapotranspiration(
        evapotranspiration=unlimited,
        available_water=pool["available_water"],
        water_input=wetting.water_input,
        percolation=rain_percolation + snow_percolation,
    )
    soil_moisture = water.soil_moisture(
        available_water=pool["available_water"], wilting_point=constants.wilting_point
    )
    volumetric_moisture = water.volumetric_moisture(
        soil_moisture=soil_moisture, moisture_per_water=factors.moisture_per_water
    )

    # Canopy (5.2)
    unnormalised_leaf = phenology.unnormalised_leaf(terms=factors.leaf, evapotranspiration=eet)
    leaf = phenology.leaf(terms=factors.leaf, unnormalised_leaf=unnormalised_leaf)
    foliage = phenology.foliage(
        vegetation_carbon=pool["vegetation_carbon"],
        foliage_coefficient=p.foliage_coefficient,
        foliage_exponent=p.foliage_exponent,
    )

    # Potential production (5.3, 5.4)
    production = photosynthesis.potential_production(
        maximum_photosynthesis=constants.maximum_photosynthesis,
        foliage=foliage,
        leaf=leaf,
        co2_response=photosynthesis.co2_response(
            co2=drivers.co2,
            canopy_conductance=photosynthesis.canopy_conductance(
                relative_evapotranspiration=eet * wetting.per_potential
            ),
            half_saturation_co2=p.half_saturation_co2,
        ),
        light_response=factors.light_response,
        temperature_response=factors.temperature_response,
        thaw_fraction=drivers.thaw_fraction,
    )
    maintenance = respiration.maintenance_respiration(
        vegetation_carbon=pool["vegetation_carbon"],
        biomass_slope=p.respiration_biomass_slope,
        rate_log=p.respiration_rate_log,
        q10_response=factors.plant_q10,
    )
    net_production = respiration.potential_net_production(
        potential_production=production, maintenance_respiration=maintenance
    )

    # Decomposition and litterfall (5.3, 5.4)
    heterotrophic = decomposition.heterotrophic_respiration(
        decomposition_rate=memory.decomposition_rate,
        soil_organic_carbon=pool["soil_organic_carbon"],
        moisture_response=decomposition.moisture_response(
            volumetric_moisture=volumetric_moisture,
            moisture_minimum=p.moisture_minimum,
            moisture_optimum=p.moisture_optimum,
            moisture_maximum=p.moisture_maximum,
        ),
        temperature_response=factors.decomposition_response,
    )
    litterfall_carbon = decomposition.litterfall(
        pool=pool["vegetation_carbon"], rate=p.litterfall_rate_carbon
    )
    richness = nitrogen.structural_richness(
        structural_nitrogen=pool["structural_nitrogen"],
        vegetation_carbon=pool["vegetation_carbon"],
        vegetation_carbon_to_nitrogen=memory.vegetation_carbon_to_nitrogen,
    )
    litter = nitrogen.litter_nitrogen(
        potential_litterfall_nitrogen=decomposition.litterfall(
            pool=pool["structural_nitrogen"], rate=p.litterfall_rate_nitrogen
        ),
        litterfall_carbon=litterfall_carbon,
        structural_richness=richness,
        production_nitrogen_to_carbon=factors.production_nitrogen_to_carbon,
    )

    stage = Stage(
        potential_net_production=net_production,
        potential_demand=net_production * factors.production_nitrogen_to_carbon,
        uptake_capacity=constants.maximum_nitrogen_uptake * foliage * factors.plant_q10,
        solution_factor=nitrogen.solution_factor(
            volumetric_moisture=volumetric_moisture,
            moisture_per_water=factors.moisture_per_water,
        ),
        solution_loss_rate=nitrogen.solution_loss_rate(
            nitrogen_loss_rate=p.nitrogen_loss_rate,
            soil_moisture=soil_moisture,
            water_input=wetting.water_input,
            evapotranspiration=eet,
            moisture_per_water=factors.moisture_per_water,
        ),
        heterotrophic_respiration=heterotrophic,
        substrate=nitrogen.substrate(
            soil_organic_nitrogen=pool["soil_organic_nitrogen"],
            soil_organic_carbon=pool["soil_organic_carbon"],
            soil_carbon_to_nitrogen=p.soil_carbon_to_nitrogen,
        ),
        structural_nitrogen=pool["structural_nitrogen"],
        labile_nitrogen=pool["labile_nitrogen"],
        structural_richness=richness,
        litter=litter,
    )
    fluxes = {
        "potential_gross_primary_production": production,
        "potential_net_primary_production": net_production,
        "maintenance_respiration": maintenance,
        "heterotrophic_respiration": heterotrophic,
        "litterfall_carbon": litterfall_carbon,
        "litterfall_nitrogen": litter.litterfall,
        "nitrogen_resorption": litter.resorption,
        "evapotranspiration": eet,
        "rain_percolation": rain_percolation,
        "snow_percolation": snow_percolation,
        "rain_runoff": water.rain_runoff(
            rain_runoff_store=pool["rain_runoff_store"], rain_percolation=rain_percolation
        ),
        "snow_runoff": water.snow_runoff(
            snow_runoff_fraction=factors.snow_runoff_fraction,
            snow_runoff_store=pool["snow_runoff_store"],
            snow_percolation=snow_percolation,
        ),
        "unnormalised_leaf": unnormalised_leaf,
        "leaf": leaf,
    }
    return stage, fluxes


def nitrogen_fluxes(
    parameters: Parameters,
    microbial_uptake: Cell,
    drivers: MonthDrivers,
    memory: Memory,
    stage: Stage,
    available_nitrogen: Cell,
) -> dict[str, Cell]:
    """The fluxes that depend on available nitrogen (5.4-5.6)."""
    p = parameters
    accessible = drivers.accessible_nitrogen_fraction * available_nitrogen
    microbial = nitrogen.microbial_saturation(
        concentration=available_nitrogen * stage.solution_factor,
        half_saturation=p.immobilisation_half_saturation,
    )
    mineralisation = nitrogen.net_mineralisation(
        substrate=stage.substrate,
        microbial_saturation=microbial,
        microbial_uptake=microbial_uptake,
        heterotrophic_respiration=stage.heterotrophic_respiration,
    )
    potential_uptake = nitrogen.potential_uptake(
        uptake_capacity=stage.uptake_capacity,
        concentration=accessible * stage.solution_factor,
        half_saturation=p.uptake_half_saturation,
        available_nitrogen=accessible,
        net_mineralisation=mineralisation,
    )
    allocated = nitrogen.allocation(
        potential_net_production=stage.potential_net_production,
        potential_demand=stage.potential_demand,
        potential_uptake=potential_uptake,
        labile_nitrogen=stage.labile_nitrogen,
        structural_nitrogen=stage.structural_nitrogen,
        structural_richness=stage.structural_richness,
        litter=stage.litter,
        production_carbon_to_nitrogen=memory.production_carbon_to_nitrogen,
        labile_nitrogen_fraction=p.labile_nitrogen_fraction,
    )
    loss, mineralisation = nitrogen.mineral_balance(
        available_nitrogen=available_nitrogen,
        solution_loss_rate=stage.solution_loss_rate,
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
        "microbial_uptake_saturation": microbial,
        "net_nitrogen_mineralisation": mineralisation,
        "nitrogen_loss": loss,
    }


def pack(names: tuple[str, ...], values: dict[str, Cell], like: Array) -> Array:
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
    return pack(FLUXES, flux_rows(drivers, integrated), integrated)


def rates(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool *cell"],
) -> tuple[Float[Array, "pool *cell"], Float[Array, "flux *cell"]]:
    """Return the derivative of the pools and all fluxes at a state, per month.

    Args:
        parameters: scalars or per-cell values.
        constants: of the cell.
        drivers: of the month.
        memory: last month's leaf and last year's maxima, rates and ratios; read only.
        pools: rows in the order of `POOLS`, g m⁻² or mm.

    Returns:
        The tendency, rows as `POOLS`, and the fluxes, rows as `FLUXES` (g m⁻² or mm month⁻¹).
        Soil moisture is that of the given pools (model.md 6; TEM takes it from the start of its
        step).
    """
    factors = month_factors(parameters, constants, drivers, memory)
    stage, fluxes = carbon_and_water(parameters, constants, drivers, memory, factors, pools)
    fluxes |= nitrogen_fluxes(
        parameters, factors.microbial_uptake, drivers, memory, stage, pools[AVAILABLE_NITROGEN]
    )
    tendency = pack(POOLS, pool_tendency(drivers, fluxes), pools)
    return tendency, complete_fluxes(drivers, pack(INTEGRATED, fluxes, pools))
