"""One year of a cell: thaw exposure in January, twelve months, then the yearly memory.

Soil heat does not read carbon, nitrogen or water, so the year's soil climate is an input here.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.ecosystem.drivers import MonthDrivers
from temjax.ecosystem.months import integrate_months
from temjax.forcing import MONTH_DAYS
from temjax.options import ModelOptions
from temjax.outputs import flux_index
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes.decomposition import decomposition_rate
from temjax.processes.evapotranspiration import potential_evapotranspiration
from temjax.processes.nitrogen import carbon_to_nitrogen
from temjax.processes.phenology import update_leaf_memory
from temjax.processes.radiation import (
    canopy_irradiance_from_shortwave,
    cloudiness,
    photosynthetically_active_radiation,
)
from temjax.processes.thaw_exposure import Exposed, expose
from temjax.state import EcosystemState, ExposureState, Memory, pool_index


class YearInputs(eqx.Module):
    """Inputs of one year, months leading; with a further leading axis, of many years.

    Attributes:
        air_temperature: °C, ``(12, *cell)``.
        previous_air_temperature: of the month before, °C.
        second_previous_air_temperature: of two months before, °C.
        shortwave: W m⁻².
        co2: ppmv, ``(12,)`` or ``(12, *cell)``.
        rainfall: mm month⁻¹.
        snowfall: mm month⁻¹.
        snowmelt: mm month⁻¹.
        soil_temperature: of decomposition, °C.
        thaw_fraction: F (–).
        exposure_factor: s, ``(*cell)``.
        accessible_nitrogen_fraction: f, ``(*cell)``.
    """

    air_temperature: Float[Array, "*months_of_cells"]
    previous_air_temperature: Float[Array, "*months_of_cells"]
    second_previous_air_temperature: Float[Array, "*months_of_cells"]
    shortwave: Float[Array, "*months_of_cells"]
    co2: Float[Array, "*months_of_co2"]
    rainfall: Float[Array, "*months_of_cells"]
    snowfall: Float[Array, "*months_of_cells"]
    snowmelt: Float[Array, "*months_of_cells"]
    soil_temperature: Float[Array, "*months_of_cells"]
    thaw_fraction: Float[Array, "*months_of_cells"]
    exposure_factor: Float[Array, "*years_of_cells"]
    accessible_nitrogen_fraction: Float[Array, "*years_of_cells"]


class YearCarry(eqx.Module):
    """State that is carried from year to year, without soil heat."""

    ecosystem: EcosystemState
    memory: Memory
    exposure: ExposureState


def month_drivers(inputs: YearInputs, gross_irradiance: Float[Array, "12 *cell"]) -> MonthDrivers:
    """Drivers of the twelve months, month axis leading.

    Args:
        inputs: one year.
        gross_irradiance: GIRR, cal cm⁻² day⁻¹, ``(12, *cell)``.
    """
    shape = jnp.shape(inputs.air_temperature)
    days = jnp.asarray(MONTH_DAYS, inputs.air_temperature.dtype)
    days = jnp.reshape(days, (12,) + (1,) * (len(shape) - 1))
    irradiance = canopy_irradiance_from_shortwave(inputs.shortwave)
    cloud = cloudiness(gross_irradiance, irradiance)
    return MonthDrivers(
        air_temperature=inputs.air_temperature,
        previous_air_temperature=inputs.previous_air_temperature,
        second_previous_air_temperature=inputs.second_previous_air_temperature,
        rainfall=inputs.rainfall,
        snowfall=inputs.snowfall,
        snowmelt=inputs.snowmelt,
        potential_evapotranspiration=potential_evapotranspiration(
            air_temperature=inputs.air_temperature, canopy_irradiance=irradiance, days=days
        ),
        days=jnp.broadcast_to(days, shape),
        photosynthetically_active_radiation=photosynthetically_active_radiation(irradiance, cloud),
        co2=inputs.co2,
        soil_temperature=inputs.soil_temperature,
        thaw_fraction=inputs.thaw_fraction,
        accessible_nitrogen_fraction=jnp.broadcast_to(inputs.accessible_nitrogen_fraction, shape),
    )


def apply_exposure(
    options: ModelOptions, constants: CellConstants, carry: YearCarry, factor: Float[Array, "*cell"]
) -> tuple[YearCarry, Exposed]:
    """Thaw exposure of a year: scale the pools by its factor and update the frozen ledgers."""
    rows = [
        pool_index(name)
        for name in (
            "soil_organic_carbon",
            "soil_organic_nitrogen",
            "available_nitrogen",
            "available_water",
        )
    ]
    pools = carry.ecosystem.pools
    carbon, organic, inorganic, water = (pools[row] for row in rows)
    after, ledgers, exposed = expose(
        options,
        factor=factor,
        soil_organic_carbon=carbon,
        soil_organic_nitrogen=organic,
        available_nitrogen=inorganic,
        available_water=water,
        water_limit=constants.total_porosity - constants.wilting_point,
        ledgers=carry.exposure,
    )
    pools = pools.at[jnp.asarray(rows)].set(jnp.stack(after))
    return YearCarry(EcosystemState(pools), carry.memory, ledgers), exposed


def next_memory(
    parameters: Parameters,
    constants: CellConstants,
    inputs: YearInputs,
    fluxes: Float[Array, "12 flux *cell"],
) -> Memory:
    """Yearly memory of the next year, from the monthly integrals of this one.

    Source: docs/specification/model.md 8.
    """
    evapotranspiration = fluxes[:, flux_index("evapotranspiration")]
    leaf = fluxes[:, flux_index("unnormalised_leaf")]
    leaf_maximum, evapotranspiration_maximum, optimum = update_leaf_memory(
        evapotranspiration=evapotranspiration,
        unnormalised_leaf=leaf,
        air_temperature=inputs.air_temperature,
        temperature_optimum_minimum=parameters.temperature_optimum_minimum,
        temperature_optimum_maximum=parameters.temperature_optimum_maximum,
        leaf_evapotranspiration=parameters.leaf_evapotranspiration,
        leaf_persistence=parameters.leaf_persistence,
        leaf_intercept=parameters.leaf_intercept,
    )
    tissue, production = carbon_to_nitrogen(
        annual_evapotranspiration=jnp.sum(evapotranspiration, axis=0),
        annual_potential_evapotranspiration=jnp.sum(
            fluxes[:, flux_index("potential_evapotranspiration")], axis=0
        ),
        december_co2=inputs.co2[11],
        slope=parameters.vegetation_carbon_to_nitrogen_slope,
        intercept=parameters.vegetation_carbon_to_nitrogen_intercept,
        minimum=parameters.vegetation_carbon_to_nitrogen_minimum,
        production_reference=parameters.production_carbon_to_nitrogen,
    )
    shape = jnp.shape(leaf_maximum)
    return Memory(
        unnormalised_leaf=leaf[11],
        leaf_maximum=leaf_maximum,
        evapotranspiration_maximum=evapotranspiration_maximum,
        optimum_temperature=jnp.broadcast_to(optimum, shape),
        decomposition_rate=decomposition_rate(
            reference_rate=constants.decomposition_rate,
            litterfall_carbon=jnp.sum(fluxes[:, flux_index("litterfall_carbon")], axis=0),
            litterfall_nitrogen=jnp.sum(fluxes[:, flux_index("litterfall_nitrogen")], axis=0),
            reference_carbon_to_nitrogen=parameters.litter_carbon_to_nitrogen_reference,
        ),
        vegetation_carbon_to_nitrogen=jnp.broadcast_to(tissue, shape),
        production_carbon_to_nitrogen=jnp.broadcast_to(production, shape),
    )


def ecosystem_year(
    parameters: Parameters,
    constants: CellConstants,
    options: ModelOptions,
    gross_irradiance: Float[Array, "12 *cell"],
    carry: YearCarry,
    inputs: YearInputs,
) -> tuple[YearCarry, tuple[Float[Array, "12 flux *cell"], Float[Array, "12 pool *cell"], Exposed]]:
    """Advance carbon, nitrogen and water by one year.

    Returns:
        The carry of the next year, and the monthly flux integrals, month-end pools and amounts
        exposed in January.
    """
    carry, exposed = apply_exposure(options, constants, carry, inputs.exposure_factor)

    fluxes, monthly_pools = integrate_months(
        parameters,
        constants,
        month_drivers(inputs, gross_irradiance),
        carry.memory,
        carry.ecosystem.pools,
        substeps=options.substeps,
        freezing_cutoff=options.freezing_cutoff,
    )
    memory = next_memory(parameters, constants, inputs, fluxes)
    return YearCarry(EcosystemState(monthly_pools[-1]), memory, carry.exposure), (
        fluxes,
        monthly_pools,
        exposed,
    )
