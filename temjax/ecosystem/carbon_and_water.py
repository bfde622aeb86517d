"""Water, canopy, production, decomposition and litterfall at a state, in the order of the text.

Source: docs/specification/model.md 5.1, 5.2, 5.3, 5.4. Nothing here depends on available nitrogen:
an implicit solve for it evaluates these terms once a stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Array, Float

from temjax.ecosystem.drivers import MonthDrivers, MonthFactors
from temjax.numerics import Cell
from temjax.parameters.cell import CellConstants
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
from temjax.state import POOLS, Memory


class NitrogenTerms(NamedTuple):
    """What the nitrogen fluxes need of a state besides available nitrogen, each ``(*cell)``."""

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


class SoilWater(NamedTuple):
    """Water fluxes, mm month⁻¹, and moisture of the root zone: SM, mm, and VSM, m³ m⁻³."""

    evapotranspiration: Cell
    rain_percolation: Cell
    snow_percolation: Cell
    soil_moisture: Cell
    volumetric_moisture: Cell


class Canopy(NamedTuple):
    """UNL, LEAF and FOLIAGE (–)."""

    unnormalised_leaf: Cell
    leaf: Cell
    foliage: Cell


class PotentialProduction(NamedTuple):
    """INGPP, RM and INNPP, g C m⁻² month⁻¹."""

    gross: Cell
    maintenance_respiration: Cell
    net: Cell


class OrganicMatter(NamedTuple):
    """RH and litterfall, g m⁻² month⁻¹, and the nitrogen of tissue relative to its target (–)."""

    heterotrophic_respiration: Cell
    litterfall_carbon: Cell
    structural_richness: Cell
    litter: nitrogen.LitterNitrogen


Pools = dict[str, Cell]


def _soil_water(constants: CellConstants, factors: MonthFactors, pool: Pools) -> SoilWater:
    """Evapotranspiration, percolation and soil moisture.

    Source: docs/specification/model.md 5.1.
    """
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
    return SoilWater(eet, rain_percolation, snow_percolation, soil_moisture, volumetric_moisture)


def _canopy(
    parameters: Parameters, factors: MonthFactors, pool: Pools, soil_water: SoilWater
) -> Canopy:
    """Leaf phenology and foliage.

    Source: docs/specification/model.md 5.2.
    """
    unnormalised_leaf = phenology.unnormalised_leaf(
        terms=factors.leaf, evapotranspiration=soil_water.evapotranspiration
    )
    leaf = phenology.leaf(terms=factors.leaf, unnormalised_leaf=unnormalised_leaf)
    foliage = phenology.foliage(
        vegetation_carbon=pool["vegetation_carbon"],
        foliage_coefficient=parameters.foliage_coefficient,
        foliage_exponent=parameters.foliage_exponent,
    )
    return Canopy(unnormalised_leaf, leaf, foliage)


def _potential_production(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    factors: MonthFactors,
    pool: Pools,
    soil_water: SoilWater,
    canopy: Canopy,
) -> PotentialProduction:
    """Production and maintenance respiration without nitrogen limitation.

    Source: docs/specification/model.md 5.3, 5.4.
    """
    p = parameters
    gross = photosynthesis.potential_production(
        maximum_photosynthesis=constants.maximum_photosynthesis,
        foliage=canopy.foliage,
        leaf=canopy.leaf,
        co2_response=photosynthesis.co2_response(
            co2=drivers.co2,
            canopy_conductance=photosynthesis.canopy_conductance(
                relative_evapotranspiration=soil_water.evapotranspiration
                * factors.wetting.per_potential
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
        freezing_decline=factors.maintenance_decline,
    )
    net = respiration.potential_net_production(
        potential_production=gross, maintenance_respiration=maintenance
    )
    return PotentialProduction(gross, maintenance, net)


def _organic_matter(
    parameters: Parameters,
    memory: Memory,
    factors: MonthFactors,
    pool: Pools,
    soil_water: SoilWater,
) -> OrganicMatter:
    """Decomposition and litterfall.

    Source: docs/specification/model.md 5.3, 5.4.
    """
    p = parameters
    heterotrophic = decomposition.heterotrophic_respiration(
        decomposition_rate=memory.decomposition_rate,
        soil_organic_carbon=pool["soil_organic_carbon"],
        moisture_response=decomposition.moisture_response(
            volumetric_moisture=soil_water.volumetric_moisture,
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
    return OrganicMatter(heterotrophic, litterfall_carbon, richness, litter)


def _nitrogen_terms(
    parameters: Parameters,
    constants: CellConstants,
    factors: MonthFactors,
    pool: Pools,
    soil_water: SoilWater,
    canopy: Canopy,
    production: PotentialProduction,
    organic: OrganicMatter,
) -> NitrogenTerms:
    """What ``nitrogen_fluxes`` needs.

    Source: docs/specification/model.md 5.3, 5.4, 5.5, 5.6.
    """
    p = parameters
    return NitrogenTerms(
        potential_net_production=production.net,
        potential_demand=production.net * factors.production_nitrogen_to_carbon,
        uptake_capacity=constants.maximum_nitrogen_uptake * canopy.foliage * factors.plant_q10,
        solution_factor=nitrogen.solution_factor(
            volumetric_moisture=soil_water.volumetric_moisture,
            moisture_per_water=factors.moisture_per_water,
        ),
        solution_loss_rate=nitrogen.solution_loss_rate(
            nitrogen_loss_rate=p.nitrogen_loss_rate,
            soil_moisture=soil_water.soil_moisture,
            water_input=factors.wetting.water_input,
            evapotranspiration=soil_water.evapotranspiration,
            moisture_per_water=factors.moisture_per_water,
        ),
        heterotrophic_respiration=organic.heterotrophic_respiration,
        substrate=nitrogen.substrate(
            soil_organic_nitrogen=pool["soil_organic_nitrogen"],
            soil_organic_carbon=pool["soil_organic_carbon"],
            soil_carbon_to_nitrogen=p.soil_carbon_to_nitrogen,
        ),
        structural_nitrogen=pool["structural_nitrogen"],
        labile_nitrogen=pool["labile_nitrogen"],
        structural_richness=organic.structural_richness,
        litter=organic.litter,
    )


def carbon_and_water(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    factors: MonthFactors,
    pools: Float[Array, "pool *cell"] | Sequence[Cell],
) -> tuple[NitrogenTerms, dict[str, Cell]]:
    """Carbon and water fluxes at a state: everything that available nitrogen does not change.

    Args:
        parameters, constants, drivers, memory, pools: as for ``right_hand_side``.
        factors: of the month.

    Returns:
        What the nitrogen fluxes need, and the fluxes by name, g m⁻² or mm month⁻¹.
    """
    pool = dict(zip(POOLS, pools, strict=True))
    soil_water = _soil_water(constants, factors, pool)
    canopy = _canopy(parameters, factors, pool, soil_water)
    production = _potential_production(
        parameters, constants, drivers, factors, pool, soil_water, canopy
    )
    organic = _organic_matter(parameters, memory, factors, pool, soil_water)
    terms = _nitrogen_terms(
        parameters, constants, factors, pool, soil_water, canopy, production, organic
    )
    fluxes = {
        "potential_gross_primary_production": production.gross,
        "potential_net_primary_production": production.net,
        "maintenance_respiration": production.maintenance_respiration,
        "heterotrophic_respiration": organic.heterotrophic_respiration,
        "litterfall_carbon": organic.litterfall_carbon,
        "litterfall_nitrogen": organic.litter.litterfall,
        "nitrogen_resorption": organic.litter.resorption,
        "evapotranspiration": soil_water.evapotranspiration,
        "rain_percolation": soil_water.rain_percolation,
        "snow_percolation": soil_water.snow_percolation,
        "rain_runoff": water.rain_runoff(
            rain_runoff_store=pool["rain_runoff_store"],
            rain_percolation=soil_water.rain_percolation,
        ),
        "snow_runoff": water.snow_runoff(
            snow_runoff_fraction=factors.snow_runoff_fraction,
            snow_runoff_store=pool["snow_runoff_store"],
            snow_percolation=soil_water.snow_percolation,
        ),
        "unnormalised_leaf": canopy.unnormalised_leaf,
        "leaf": canopy.leaf,
    }
    return terms, fluxes
