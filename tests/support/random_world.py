"""Random but valid parameters, places, climates and states, made from numbers in 0–1.

Every number of a cell stands for one quantity between its limits: 0 and 1 are the extremes.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax import (
    REGISTRY,
    Forcing,
    Location,
    ModelOptions,
    Parameters,
    Run,
    gather_parameters,
    load_parameters,
    parameter_set_names,
    simulate,
    soil_climate,
    tunable_names,
)
from temjax.heat.equilibrium import steady_enthalpy
from temjax.parameters.cell import cell_constants, initial_pools
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance
from temjax.runs.annual_map import initial_memory
from temjax.runs.exposure import exposure_history, year_inputs
from temjax.runs.lagged_forcing import lagged_forcing
from temjax.soil_column import soil_column
from temjax.state import EcosystemState, ExposureState, SoilHeatState, State, pool_index

# Pools stay positive below this rate of decomposition; beyond it soil matter turns over within a
# month, and nitrogen-rich remains mineralise faster than a sub-step (see the sweep for counts)
FASTEST_DECOMPOSITION = 1.0  # month⁻¹
COLDEST, WARMEST = -50.0, 35.0  # °C
WETTEST = 3000.0  # mm in a year
LARGEST_TREND = 0.1  # K per year
# without those of options, which do nothing in the default model
TUNABLES = tuple(name for name in tunable_names() if REGISTRY[name].default is None)
SETS = tuple(map(load_parameters, parameter_set_names()))
PLACE = ("latitude", "elevation", "texture")
CLIMATE = (
    "mean", "amplitude", "trend", "rain", "rain_season", "rain_noise", "clearness", "co2",
    "snowpack", "stock",
)  # fmt: skip
QUANTITIES = (*TUNABLES, "vegetation", *PLACE, *CLIMATE)
OPTIONS = ModelOptions()


class World(eqx.Module):
    """Cells with all that a run needs."""

    parameters: Parameters
    location: Location
    forcing: Forcing
    initial: State


def _between(share: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + share * (high - low)


def random_parameters(share: dict[str, np.ndarray]) -> Parameters:
    """A bundled set per cell, every tunable anywhere between its bounds."""
    index = np.minimum(share["vegetation"] * len(SETS), len(SETS) - 1).astype(int)
    drawn = {}
    for name in TUNABLES:
        low, high = REGISTRY[name].bounds
        if REGISTRY[name].transform == "log" and low > 0:
            values = np.exp(_between(share[name], np.log(low), np.log(high)))
            drawn[name] = jnp.asarray(np.clip(values, low, high))  # exp(log(20)) is below 20
        else:
            drawn[name] = jnp.asarray(_between(share[name], low, high))
    return dataclasses.replace(gather_parameters(SETS, jnp.asarray(index)), **drawn)


def random_location(share: dict[str, np.ndarray]) -> Location:
    """From 60° S to the pole, sea level to 5500 m, pure sand to pure clay."""
    return Location(
        jnp.asarray(_between(share["latitude"], -60.0, 90.0)),
        jnp.asarray(_between(share["elevation"], 0.0, 5500.0)),
        jnp.asarray(share["texture"]),
    )


def random_forcing(share: dict[str, np.ndarray], location: Location, years: int) -> Forcing:
    """Months within −50 … 35 °C, 0 … 3 000 mm a year, shortwave below the extraterrestrial."""
    month = np.arange(12.0)[:, None]
    season = -np.cos(2 * np.pi * month / 12) * np.where(location.latitude >= 0, 1.0, -1.0)
    mean = _between(share["mean"], COLDEST, WARMEST)
    amplitude = share["amplitude"] * np.minimum(mean - COLDEST, WARMEST - mean)
    warming = LARGEST_TREND * share["trend"] * np.arange(years)[:, None, None]
    air = np.minimum(mean + amplitude * season + warming, WARMEST + warming)
    pattern = np.random.default_rng(1).gamma(1.0, size=(years, 12, 1)) ** share["rain_noise"]
    rain = (1.0 + share["rain_season"] * season) * pattern
    total = np.maximum(rain.sum(axis=1, keepdims=True), 1e-9)
    rain = rain / total * WETTEST * share["rain"] ** 2
    top = np.asarray(gross_irradiance(location.latitude)) / SHORTWAVE_TO_CALORIES
    sun = np.broadcast_to(top * _between(share["clearness"], 0.0, 0.8), air.shape)
    co2 = np.broadcast_to(_between(share["co2"], 180.0, 1200.0), air.shape)
    return Forcing(
        years=jnp.arange(2001, 2001 + years),
        air_temperature=jnp.asarray(air),
        precipitation=jnp.asarray(rain),
        shortwave=jnp.asarray(sun),
        co2=jnp.asarray(co2),
    )


@eqx.filter_jit
def _heat(parameters: Parameters, surface: Float[Array, "cell"]) -> SoilHeatState:
    column = soil_column(parameters, surface.shape)
    enthalpy = steady_enthalpy(column, surface)
    return SoilHeatState(enthalpy, jnp.zeros_like(surface), jnp.zeros_like(enthalpy))


@eqx.filter_jit
def _memory(parameters, location, block, soil):
    shape, dtype = location.shape, block.air_temperature.dtype
    constants = cell_constants(parameters, location)
    nothing = ExposureState.zeros(shape, dtype)
    years = block.air_temperature.shape[0]
    history = exposure_history(
        parameters, constants, OPTIONS, soil, jnp.zeros(years, dtype), nothing, None
    )
    first = jax.tree.map(lambda leaf: leaf[0], year_inputs(OPTIONS, block, soil, history))
    return initial_memory(parameters, constants, first, gross_irradiance(location.latitude))


def random_world(units: Float[np.ndarray, "quantity cell"], years: int) -> World:
    """Cells made of numbers in 0–1, one row per quantity of ``QUANTITIES``."""
    share = dict(zip(QUANTITIES, np.asarray(units, float), strict=True))
    parameters, location = random_parameters(share), random_location(share)
    forcing = random_forcing(share, location, years)
    snowpack = jnp.asarray(500.0 * share["snowpack"])
    mean = jnp.mean(forcing.air_temperature, axis=(0, 1))
    heat = _heat(parameters, mean)
    soil = soil_climate(parameters, location, forcing, heat, options=OPTIONS, snowpack=snowpack)
    memory = _memory(parameters, location, lagged_forcing(forcing, 0, years), soil)
    # from a tenth of TEM's starting pools to ten times as much
    pools = initial_pools(parameters, location) * 10.0 ** _between(share["stock"], -1.0, 1.0)
    capacity = cell_constants(parameters, location).available_water_capacity
    pools = pools.at[pool_index("available_water")].set(share["stock"] * capacity)
    pools = pools.at[pool_index("snowpack")].set(snowpack)
    exposure = ExposureState.zeros(location.shape, pools.dtype)
    return World(
        parameters, location, forcing, State(EcosystemState(pools), memory, heat, exposure)
    )


def run_world(world: World, **options) -> Run:
    """The whole forcing, with thaw exposure unless told otherwise."""
    return simulate(
        world.parameters,
        world.location,
        world.forcing,
        **({"initial": world.initial, "options": OPTIONS, "exposure": True} | options),
    )


def budget_errors(initial: State, run: Run) -> dict[str, np.ndarray]:
    """What does not close over the run, relative to what was there and what came in, per cell."""
    annual = run.annual

    def total(*names):
        return sum(jnp.sum(getattr(annual, name), axis=0) for name in names)

    def ledger(*names):
        return sum(
            getattr(run.state.exposure, name) - getattr(initial.exposure, name) for name in names
        )

    def pools(state, names):
        return sum(getattr(state, name) for name in names)

    carbon = ("vegetation_carbon", "soil_organic_carbon")
    nitrogen = (
        "structural_nitrogen", "labile_nitrogen", "soil_organic_nitrogen", "available_nitrogen",
    )  # fmt: skip
    water = ("available_water", "rain_runoff_store", "snow_runoff_store", "snowpack")
    budgets = {
        "carbon": (carbon, total("net_ecosystem_production"), ledger("frozen_carbon")),
        "nitrogen": (
            nitrogen,
            total("nitrogen_input") - total("nitrogen_loss"),
            ledger(
                "frozen_organic_nitrogen",
                "frozen_inorganic_nitrogen",
                "inaccessible_inorganic_nitrogen",
            ),
        ),
        "water": (
            water,
            total("rainfall", "snowfall") - total("evapotranspiration", "rain_runoff")
            - total("snow_runoff"),
            ledger("frozen_water"),
        ),
    }  # fmt: skip
    errors = {}
    for name, (stores, gain, frozen) in budgets.items():
        before, after = pools(initial, stores), pools(run.state, stores)
        scale = jnp.maximum(jnp.maximum(before, after), jnp.abs(gain) + 1e-6)
        errors[name] = np.asarray(jnp.abs(after - before + frozen - gain) / scale)
    return errors | {"heat": np.asarray(jnp.max(jnp.abs(run.soil.energy_residual), axis=0))}


def fastest_decomposition(world: World, run: Run) -> np.ndarray:
    """Largest KD·Q10^(T/10) of the run, month⁻¹ per cell."""
    response = world.parameters.heterotrophic_q10 ** (run.monthly.soil_temperature[:, :, 2] / 10)
    rate = jnp.maximum(world.initial.memory.decomposition_rate, run.state.memory.decomposition_rate)
    return np.asarray(jnp.max(rate * response, axis=(0, 1)))


def resolved(world: World, run: Run, **options) -> np.ndarray:
    """Cells whose monthly pools do not change by 0.1 % with twice the sub-steps.

    Where immobilisation relaxes available nitrogen in less than a sub-step (hot, nitrogen-rich
    soils), uptake chatters between its limits and rounding decides: no run repeats there.
    """
    finer = dataclasses.replace(OPTIONS, substeps=2 * OPTIONS.substeps)
    other = run_world(world, **(options | {"options": finer, "soil": run.soil}))
    pools, finer_pools = (np.asarray(r.monthly.pools) for r in (run, other))
    scale = np.maximum(np.abs(finer_pools).max(axis=(1, 2)), 1e-2)
    return (np.abs(pools - finer_pools).max(axis=(1, 2)) / scale).max(axis=0) < 1e-3


def least_pools(initial: State, run: Run) -> np.ndarray:
    """Smallest value of each pool relative to its largest, ``(pool, cell)``; NaN stays NaN."""
    pools = jnp.concatenate(
        [
            initial.ecosystem.pools[:, None],
            run.monthly.pools.reshape((len(run.monthly.pools), -1, *run.finite.shape)),
        ],
        axis=1,
    )
    return np.asarray(jnp.min(pools, axis=1) / jnp.maximum(jnp.max(pools, axis=1), 1e-6))
