"""Simulation of one block of years of a tile, its cells distributed over the local devices.

The forcing of a block carries a neighbour year on each side (``timeline.block_forcing``), which is
not simulated.
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.ecosystem.year import YearCarry, apply_exposure
from temjax.forcing import Forcing, Location
from temjax.heat.climate import SoilClimate, soil_climate
from temjax.options import ModelOptions
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.processes.thaw_exposure import exposure_factor
from temjax.regional.inputs.climate import VARIABLES
from temjax.runs.quality import RunQuality, run_quality
from temjax.runs.result import Run
from temjax.runs.simulate import simulate
from temjax.runtime.devices import map_devices
from temjax.state import State


def run_block(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    state: State,
    exposure: Bool[Array, "year"],
    *,
    soil: SoilClimate | None,
    reference: Float[Array, "cell"] | None,
    options: ModelOptions,
) -> tuple[Run, RunQuality]:
    """Run a block and check its quality.

    Args:
        parameters, location: per cell.
        forcing: with the neighbour years; CO2 shared by all cells.
        state: at the block's start.
        exposure: 1 in the years in which thaw exposure acts, neighbours included.
        soil: soil climate of the block's years if it is known already.
        reference: active layer of 2020 for ``const2020``, m.
        options: model choices.
    """
    climate, time = _split(forcing)
    per_cell = (parameters, location, climate, state, soil, reference)
    *parts, sound = map_devices(_run, per_cell, (*time, exposure), (options,))
    return Run(forcing.years[1:-1], *parts), sound


def soil_of_block(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    state: State,
    options: ModelOptions,
    copies: int = 1,
) -> SoilClimate:
    """Soil climate of a block; arguments as for ``run_block``.

    Cells that repeat each other ``copies`` times share one computation.
    """
    climate, time = _split(forcing)
    per_cell = (parameters, location, climate, state)
    if copies == 1:
        return map_devices(_soil, per_cell, time, (options,))
    return _repeat(map_devices(_soil, _first(per_cell, copies), time, (options,)), copies)


@partial(jax.jit, static_argnums=1)
def _first(per_cell: tuple, copies: int) -> tuple:
    """First of the copies along the last axis."""
    return jax.tree.map(lambda leaf: leaf[..., : leaf.shape[-1] // copies], per_cell)


@partial(jax.jit, static_argnums=1)
def _repeat(soil: SoilClimate, copies: int) -> SoilClimate:
    """Copies one after the other along the last axis."""
    return jax.tree.map(lambda leaf: jnp.tile(leaf, (1,) * (leaf.ndim - 1) + (copies,)), soil)


def hold_at_thickness(
    constants: CellConstants,
    depth_scale: Float[Array, "cell"],
    state: State,
    thickness: Float[Array, "cell"],
    options: ModelOptions,
) -> tuple[State, dict[str, Array]]:
    """State with its pools brought to an active layer other than that of its last year.

    The pools are scaled by s = p(thickness)/p(H), as by a year of exposure; the layer H that the
    rule carries stays. Cells whose thickness is NaN, or that have no H yet, stay as they are.

    Returns:
        The state, and the products of exposure to add to those of its next year.
    """
    before = state.exposure.active_layer_thickness
    thickness = jnp.asarray(thickness, before.dtype)
    valid = jnp.isfinite(thickness) & (before > 0)
    thickness = jnp.where(valid, thickness, before)
    factor = exposure_factor(
        thickness=thickness, previous=before, depth_scale=depth_scale,
        exposed=jnp.ones_like(before),
    )  # fmt: skip
    carry = YearCarry(state.ecosystem, state.memory, state.exposure)
    carry, exposed = apply_exposure(options, constants, carry, factor)
    exposure = dataclasses.replace(carry.exposure, exposed_thickness=thickness)
    amounts = {
        "exposed_carbon": exposed.carbon,
        "exposed_nitrogen": exposed.organic_nitrogen,
        "exposed_inorganic_nitrogen": exposed.inorganic_nitrogen,
        "exposed_water": exposed.water,
        "exposure_factor": factor - 1,
    }
    return State(carry.ecosystem, carry.memory, state.heat, exposure), amounts


def _split(forcing: Forcing) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
    """Split a forcing into the fields that differ between cells, and its years and CO2."""
    return tuple(getattr(forcing, name) for name in VARIABLES), (forcing.years, forcing.co2)


def _forcing(climate: tuple[Array, ...], years: Array, co2: Array) -> Forcing:
    return Forcing(years=years, co2=co2, **dict(zip(VARIABLES, climate, strict=True)))


def _run(per_cell: tuple, shared: tuple, options: ModelOptions) -> tuple:
    """Fields of a ``Run`` without its years, which belong to no cell, and its quality."""
    parameters, location, climate, state, soil, reference = per_cell
    years, co2, exposure = shared
    run = simulate(
        parameters, location, _forcing(climate, years, co2), initial=state, options=options,
        exposure=exposure, start=1, stop=len(years) - 1, soil=soil, reference_thickness=reference,
    )  # fmt: skip
    return run.monthly, run.annual, run.soil, run.state, run.finite, run_quality(run)


def _soil(per_cell: tuple, shared: tuple, options: ModelOptions) -> SoilClimate:
    parameters, location, climate, state = per_cell
    years, co2 = shared
    return soil_climate(
        parameters, location, _forcing(climate, years, co2), initial=state.heat, options=options,
        start=1, stop=len(years) - 1, snowpack=state.ecosystem.snowpack,
    )  # fmt: skip
