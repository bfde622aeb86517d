"""Synthetic cells: parameter vectors inside the registry bounds, climates, a simple spin-up."""

from __future__ import annotations

import dataclasses
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from temjax.ecosystem.imex import MonthDrivers, integrate_month
from temjax.ecosystem.month import right_hand_side
from temjax.ecosystem.year import YearInputs, month_drivers, next_memory
from temjax.forcing import Location
from temjax.outputs import flux_index
from temjax.parameters.cell import CellConstants, cell_constants, initial_pools
from temjax.parameters.registry import REGISTRY, Parameters, tunable_names
from temjax.processes import nitrogen, radiation, snow
from temjax.state import Memory, pool_index
from tests.support.tables import TYPES, parameters_of


class Cells(NamedTuple):
    """Cells with one cyclic year of drivers each (months leading)."""

    parameters: Parameters
    constants: CellConstants
    inputs: YearInputs
    drivers: MonthDrivers
    memory: Memory
    pools: Array


def random_parameters(generator: np.random.Generator, types: np.ndarray) -> Parameters:
    """Published sets with every tunable drawn evenly (in its own space) between its bounds.

    Those of options, which do nothing in the default model, keep their defaults.
    """
    parameters = parameters_of(types)
    drawn = {}
    for name in tunable_names():
        if REGISTRY[name].default is not None:
            continue
        low, high = REGISTRY[name].bounds
        chance = generator.uniform(size=types.shape)
        if REGISTRY[name].transform == "log":
            values = np.exp(np.log(low) + chance * (np.log(high) - np.log(low)))
        else:
            values = low + chance * (high - low)
        drawn[name] = jnp.asarray(values)
    return dataclasses.replace(parameters, **drawn)


@cache
def random_cells(count: int, seed: int, *, published: bool = False) -> Cells:
    """Cells from arctic lowland to high plateau at TEM's starting pools.

    Args:
        count: number of cells.
        seed: of the random generator.
        published: keep the published parameter values.
    """
    generator = np.random.default_rng(seed)
    types = generator.choice(sorted(TYPES), count)
    parameters = parameters_of(types) if published else random_parameters(generator, types)
    latitude = generator.uniform(28.0, 72.0, count)
    elevation = np.where(generator.uniform(size=count) < 0.5, 50.0, 4000.0)
    texture = generator.uniform(0.1, 0.9, count)
    location = Location(jnp.asarray(latitude), jnp.asarray(elevation), jnp.asarray(texture))
    constants = cell_constants(parameters, location)

    month = np.arange(12)[:, None]
    season = -np.cos(2 * np.pi * (month - 0.2) / 12)
    mean = generator.uniform(-14.0, 8.0, count)
    amplitude = generator.uniform(8.0, 18.0, count)
    noise = generator.normal(0.0, 1.0, (12, count))
    # The warmest month supports vegetation in every cell (docs/specification/model.md decision 9).
    air = np.maximum(mean, 3.0 - amplitude) + amplitude * season + noise
    precipitation = (
        generator.uniform(8.0, 80.0, count)
        * (1.0 + generator.uniform(0.0, 0.9, count) * season)
        * generator.gamma(4.0, 0.25, (12, count))
    )
    gross = np.asarray(radiation.gross_irradiance(location.latitude))
    shortwave = gross * generator.uniform(0.3, 0.75, (12, count)) / radiation.SHORTWAVE_TO_CALORIES
    lagged = 0.5 * (air + np.roll(air, 1, axis=0))
    soil = air.mean(axis=0) + 1.5 + 0.7 * (lagged - air.mean(axis=0))
    pack = snow.periodic_snowpack(jnp.asarray(precipitation), jnp.asarray(air), elevation)
    series = snow.snow_series(
        jnp.asarray(precipitation), jnp.asarray(air), jnp.asarray(air[-1]), elevation, pack
    )
    inputs = YearInputs(
        air_temperature=jnp.asarray(air),
        previous_air_temperature=jnp.asarray(np.roll(air, 1, axis=0)),
        second_previous_air_temperature=jnp.asarray(np.roll(air, 2, axis=0)),
        shortwave=jnp.asarray(shortwave),
        co2=jnp.asarray(np.broadcast_to(generator.uniform(280.0, 700.0, count), (12, count))),
        rainfall=series.rainfall,
        snowfall=series.snowfall,
        snowmelt=series.snowmelt,
        soil_temperature=jnp.asarray(soil),
        thaw_fraction=jnp.asarray(1.0 / (1.0 + np.exp(-2.0 * lagged))),
        exposure_factor=jnp.ones(count),
        accessible_nitrogen_fraction=jnp.ones(count),
    )
    drivers = month_drivers(inputs, jnp.asarray(gross))
    pools = initial_pools(parameters, location).at[pool_index("snowpack")].set(pack)
    return Cells(
        parameters,
        constants,
        inputs,
        drivers,
        first_memory(parameters, constants, inputs, drivers),
        pools,
    )


def first_memory(
    parameters: Parameters, constants: CellConstants, inputs: YearInputs, drivers: MonthDrivers
) -> Memory:
    """Memory of year 0: the largest PET and its temperature.

    Source: docs/specification/model.md 1.
    """
    demand = drivers.potential_evapotranspiration
    warmest = jnp.argmax(demand, axis=0)
    like = jnp.zeros_like(demand[0])
    tissue, production = nitrogen.carbon_to_nitrogen(
        annual_evapotranspiration=1.0,
        annual_potential_evapotranspiration=1.0,
        december_co2=nitrogen.REFERENCE_CO2,
        slope=parameters.vegetation_carbon_to_nitrogen_slope,
        intercept=parameters.vegetation_carbon_to_nitrogen_intercept,
        minimum=parameters.vegetation_carbon_to_nitrogen_minimum,
        production_reference=parameters.production_carbon_to_nitrogen,
    )
    return Memory(
        unnormalised_leaf=parameters.initial_unnormalised_leaf + like,
        leaf_maximum=parameters.initial_leaf_maximum + like,
        evapotranspiration_maximum=jnp.max(demand, axis=0),
        optimum_temperature=jnp.take_along_axis(inputs.air_temperature, warmest[None], 0)[0],
        decomposition_rate=constants.decomposition_rate + like,
        vegetation_carbon_to_nitrogen=tissue + like,
        production_carbon_to_nitrogen=production + like,
    )


def run_year(integrate, cells: Cells):
    """Twelve months by `integrate(parameters, constants, drivers, memory, pools)`.

    Returns the cells a year later (memory updated) and the monthly fluxes `(12, flux, *cell)`.
    """

    def month(carry, drivers):
        pools, leaf = carry
        memory = dataclasses.replace(cells.memory, unnormalised_leaf=leaf)
        pools, fluxes = integrate(cells.parameters, cells.constants, drivers, memory, pools)
        return (pools, fluxes[flux_index("unnormalised_leaf")]), fluxes

    start = (cells.pools, cells.memory.unnormalised_leaf)
    (pools, _), fluxes = jax.lax.scan(month, start, cells.drivers)
    memory = next_memory(cells.parameters, cells.constants, cells.inputs, fluxes)
    return cells._replace(pools=pools, memory=memory), fluxes


def spin_up(cells: Cells, years: int, integrate=integrate_month) -> Cells:
    """Repeat the year with the baseline rule SOLN = SOLC/CNSOIL.

    Source: docs/specification/model.md 8.
    """
    carbon, organic = pool_index("soil_organic_carbon"), pool_index("soil_organic_nitrogen")

    def year(carry, _):
        pools, memory = carry
        after, _ = run_year(integrate, cells._replace(pools=pools, memory=memory))
        baseline = after.pools[carbon] / cells.parameters.soil_carbon_to_nitrogen
        return (after.pools.at[organic].set(baseline), after.memory), None

    (pools, memory), _ = jax.lax.scan(year, (cells.pools, cells.memory), None, length=years)
    return cells._replace(pools=pools, memory=memory)


@cache
def spun_up_cells(count: int, seed: int = 5, years: int = 1) -> Cells:
    """Published cells after ``spin_up``: made once for all tests of a process."""
    return jax.jit(partial(spin_up, years=years))(random_cells(count, seed, published=True))


def runge_kutta_month(parameters, constants, drivers, memory, pools, *, substeps: int):
    """Classical fourth-order Runge-Kutta: the yardstick of the default integrator."""
    step = 1.0 / substeps
    right = partial(right_hand_side, parameters, constants, drivers, memory)

    def substep(carry, _):
        state, totals = carry
        k1, f1 = right(state)
        k2, f2 = right(state + 0.5 * step * k1)
        k3, f3 = right(state + 0.5 * step * k2)
        k4, f4 = right(state + step * k3)
        state = state + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        totals = totals + step / 6.0 * (f1 + 2.0 * f2 + 2.0 * f3 + f4)
        return (state, totals), None

    _, fluxes = right(pools)
    (pools, totals), _ = jax.lax.scan(
        substep, (pools, jnp.zeros_like(fluxes)), None, length=substeps
    )
    return pools, totals


def month_of(cells, index):
    """Arguments of `integrate_month` for one month of a set of cells."""
    drivers = jax.tree.map(lambda value: value[index], cells.drivers)
    return cells.parameters, cells.constants, drivers, cells.memory, cells.pools
