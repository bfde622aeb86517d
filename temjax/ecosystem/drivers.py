"""Drivers of a month, and the factors that follow from them and are constant in it.

Source: docs/specification/model.md 3, 4.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Float

from temjax.numerics import Cell, freezing_decline
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes import (
    decomposition,
    evapotranspiration,
    phenology,
    photosynthesis,
    respiration,
    water,
)
from temjax.state import Memory


class MonthDrivers(eqx.Module):
    """Drivers of a month, constant in it; each `(*cell)` or a scalar.

    Attributes:
        air_temperature: TAIR, °C.
        previous_air_temperature: TAIR of the month before, °C.
        second_previous_air_temperature: TAIR two months before, °C.
        rainfall: mm month⁻¹.
        snowfall: mm month⁻¹.
        snowmelt: SNOWINF, mm month⁻¹.
        potential_evapotranspiration: PET, mm month⁻¹.
        days: length of the month, d.
        photosynthetically_active_radiation: PAR, cal cm⁻² d⁻¹.
        co2: ppmv.
        soil_temperature: temperature that drives decomposition, °C.
        thaw_fraction: F, share of the month in which photosynthesis finds thawed soil (–).
        accessible_nitrogen_fraction: share of AVLN within reach of roots (–). It scales AVLN in
            plant uptake and in what a month can supply; microbes have access to all of it.
    """

    air_temperature: Cell
    previous_air_temperature: Cell
    second_previous_air_temperature: Cell
    rainfall: Cell
    snowfall: Cell
    snowmelt: Cell
    potential_evapotranspiration: Cell
    days: Cell
    photosynthetically_active_radiation: Cell
    co2: Float[Array, "*co2_cell"]
    soil_temperature: Cell
    thaw_fraction: Cell
    accessible_nitrogen_fraction: Cell | float = 1.0


class MonthFactors(NamedTuple):
    """Factors that depend on drivers and memory only, evaluated once per month, each ``(*cell)``.

    Attributes:
        wetting: constants of evapotranspiration.
        leaf: constants of leaf phenology.
        rain_share, snowmelt_share: of the water input (–).
        moisture_per_water: VSM per mm of water, mm⁻¹.
        microbial_uptake: NUP DECAY, g N immobilised per g C respired at full saturation.
        production_nitrogen_to_carbon: 1/CNEVEN, g N g⁻¹ C.
        snow_runoff_fraction: share of the snow runoff store that leaves, month⁻¹.
        temperature_response: f(T) of production (–).
        light_response: PAR/(KI + PAR) (–).
        plant_q10: of plant respiration and uptake (–).
        decomposition_response: dq10 of heterotrophic respiration (–).
        maintenance_decline: of maintenance respiration by freezing (–); None without a cut-off.
    """

    wetting: evapotranspiration.WettingTerms
    leaf: phenology.LeafTerms
    rain_share: Cell
    snowmelt_share: Cell
    moisture_per_water: Cell
    microbial_uptake: Cell
    production_nitrogen_to_carbon: Cell
    snow_runoff_fraction: Cell
    temperature_response: Cell
    light_response: Cell
    plant_q10: Cell
    decomposition_response: Cell
    maintenance_decline: Cell | None = None


def month_factors(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    freezing_cutoff: bool = False,
    decomposition_response: Cell | None = None,
) -> MonthFactors:
    """Factors of a month from its drivers and the memory at its start.

    Args:
        parameters, constants, drivers, memory: of the month.
        freezing_cutoff: of respiration, see ``ModelOptions``.
        decomposition_response: of soil in layers; ``None``: of the drivers' soil temperature.
    """
    p = parameters
    if decomposition_response is None:
        decomposition_response = decomposition.temperature_response(
            soil_temperature=drivers.soil_temperature,
            q10=p.heterotrophic_q10,
            freezing_q10=p.heterotrophic_freezing_q10 if freezing_cutoff else None,
        )
    rain_share, snowmelt_share = water.percolation_shares(
        rainfall=drivers.rainfall, snowmelt=drivers.snowmelt
    )
    return MonthFactors(
        wetting=evapotranspiration.wetting_terms(
            water_input=drivers.rainfall + drivers.snowmelt,
            potential_evapotranspiration=drivers.potential_evapotranspiration,
            days=drivers.days,
            available_water_capacity=constants.available_water_capacity,
        ),
        leaf=phenology.leaf_terms(
            evapotranspiration_maximum=memory.evapotranspiration_maximum,
            leaf_maximum=memory.leaf_maximum,
            previous_unnormalised_leaf=memory.unnormalised_leaf,
            leaf_evapotranspiration=p.leaf_evapotranspiration,
            leaf_persistence=p.leaf_persistence,
            leaf_intercept=p.leaf_intercept,
            minimum_leaf=p.minimum_leaf,
        ),
        rain_share=rain_share,
        snowmelt_share=snowmelt_share,
        moisture_per_water=water.moisture_per_water(rooting_depth=constants.rooting_depth),
        microbial_uptake=constants.microbial_nitrogen_uptake * constants.litter_decay,
        production_nitrogen_to_carbon=1.0 / memory.production_carbon_to_nitrogen,
        snow_runoff_fraction=water.snow_runoff_fraction(
            air_temperature=drivers.air_temperature,
            previous_air_temperature=drivers.previous_air_temperature,
            second_previous_air_temperature=drivers.second_previous_air_temperature,
            elevation=constants.elevation,
        ),
        temperature_response=photosynthesis.temperature_response(
            air_temperature=drivers.air_temperature,
            temperature_minimum=p.temperature_minimum,
            optimum_temperature=memory.optimum_temperature,
            temperature_optimum_maximum=p.temperature_optimum_maximum,
            temperature_maximum=p.temperature_maximum,
        ),
        light_response=photosynthesis.light_response(
            photosynthetically_active_radiation=drivers.photosynthetically_active_radiation,
            half_saturation_light=p.half_saturation_light,
        ),
        plant_q10=respiration.plant_q10_response(
            air_temperature=drivers.air_temperature,
            a0=p.respiration_q10_a0,
            a1=p.respiration_q10_a1,
            a2=p.respiration_q10_a2,
            a3=p.respiration_q10_a3,
        ),
        decomposition_response=decomposition_response,
        maintenance_decline=freezing_decline(drivers.air_temperature, p.respiration_freezing_q10)
        if freezing_cutoff
        else None,
    )
