"""Periodic soil heat: the enthalpy that a repeated year, or cycle of years, returns to.

The deep column is the slowest state of the model (decades to centuries, longer where a layer is
melting). Pseudo-transient Newton on the annual map converges in 10–20 maps; the pseudo-time steps
keep it from overshooting between frozen and thawed.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from temjax.heat.year import YearDrivers, advance_year, year_and_jacobian
from temjax.numerics import solve_cells
from temjax.options import ModelOptions
from temjax.processes import soil_heat
from temjax.soil_column import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]

MAXIMUM_MAPS = 100
# Pseudo-time steps, years: the first, the largest, and the one beyond which a search can stall
FIRST_STEP, LARGEST_STEP, STALL_STEP = 40.0, 1e9, 5e3
TOLERATED_GROWTH = 1.2  # of the residual, before the pseudo-time step is cut
WARM_UP_YEARS = 3
# With few iterations the step jumps by its own error where a layer starts to melt, and the annual
# map then need not have a fixed point to 1e-8.
LEAST_ITERATIONS = 16


def tolerance(dtype) -> float:
    """Relative residual of a converged equilibrium: 1e-8, or what the type can hold."""
    return max(1e-8, 64.0 * float(jnp.finfo(dtype).eps))


def with_continuous_map(options: ModelOptions) -> ModelOptions:
    """The options with enough iterations a step for a continuous annual map."""
    return replace(options, heat_iterations=max(options.heat_iterations, LEAST_ITERATIONS))


def steady_enthalpy(column: SoilColumn, mean_surface_temperature: Cells) -> Layers:
    """Enthalpy of the steady profile under a mean surface temperature, J m⁻³.

    The geothermal flux fixes the gradient; layers conduct as frozen or thawed by the sign of the
    surface temperature.
    """
    frozen = mean_surface_temperature < 0.0
    conductivity = jnp.where(frozen, column.conductivity_frozen, column.conductivity_thawed)
    half = 0.5 * column.geothermal_flux * column.thickness / conductivity
    rise = jnp.cumsum(2.0 * half, axis=0) - half
    return soil_heat.enthalpy(column, mean_surface_temperature + rise)


def annual_residual(column: SoilColumn, before: Layers, after: Layers) -> Cells:
    """Residual of the annual map: Σ|ΔH|Δz over a cycle relative to Σ|H|Δz."""
    change = jnp.sum(soil_heat.heat_content(column, after - before), axis=0)
    return change / jnp.sum(soil_heat.heat_content(column, after), axis=0)


def _advance(
    column: SoilColumn, options: ModelOptions, enthalpy: Layers, drivers: YearDrivers
) -> Layers:
    """Enthalpy after a cycle; drivers of its years on a leading axis."""

    def year(enthalpy, drivers):
        return advance_year(column, options, enthalpy, drivers), None

    return jax.lax.scan(year, enthalpy, drivers)[0]


def _cyclic_map(
    column: SoilColumn, options: ModelOptions, enthalpy: Layers, drivers: YearDrivers
) -> tuple[Layers, Float[Array, "*cell i j"]]:
    """Enthalpy after a cycle, and its Jacobian ∂(that)_i/∂H_j per cell."""

    def year(before, drivers):
        enthalpy, jacobian = before
        after, year_jacobian = year_and_jacobian(options, column, enthalpy, drivers)
        return (after, year_jacobian @ jacobian), None

    layers, cells = enthalpy.shape[0], enthalpy.shape[1:]
    identity = jnp.broadcast_to(jnp.eye(layers, dtype=enthalpy.dtype), (*cells, layers, layers))
    return jax.lax.scan(year, (enthalpy, identity), drivers)[0]


class _NewtonState(NamedTuple):
    """State of the iteration: an iterate, the annual map there, the next pseudo-time step."""

    enthalpy: Layers
    after: Layers
    jacobian: Float[Array, "*cell i j"]
    residual: Cells
    step: Cells
    maps: Array


def _newton(
    options: ModelOptions, column: SoilColumn, drivers: YearDrivers, start: Layers
) -> tuple[Layers, Cells, Array]:
    """Pseudo-transient Newton on the annual map; every cell has its own pseudo-time step.

    The update is made in temperature: below the active layer, fluxes are linear in temperature
    while T(H) bends sharply at the melting range. One plain year after each update brings the
    seasonal layers back to their cycle.
    """
    identity = jnp.eye(start.shape[0], dtype=start.dtype)
    limit = tolerance(start.dtype)

    def unconverged(state: _NewtonState):
        return (state.maps < MAXIMUM_MAPS) & jnp.any(state.residual > limit)

    def iterate(state: _NewtonState) -> _NewtonState:
        matrix = (1.0 + 1.0 / state.step)[..., None, None] * identity - state.jacobian
        change = solve_cells(matrix, state.after - state.enthalpy)
        warming = soil_heat.temperature_slope(column, state.enthalpy) * change
        trial = soil_heat.enthalpy(column, soil_heat.temperature(column, state.enthalpy) + warming)
        first = state.maps == 0  # no map to update from yet: plain years alone
        trial = jnp.where(first, state.enthalpy, trial)
        trial = jax.lax.fori_loop(
            0,
            jnp.where(first, WARM_UP_YEARS, 1),
            lambda _, enthalpy: _advance(column, options, enthalpy, drivers),
            trial,
        )
        after, jacobian = _cyclic_map(column, options, trial, drivers)
        residual = annual_residual(column, trial, after)
        active = state.residual > limit
        factor = jnp.where(residual < TOLERATED_GROWTH * state.residual, 2.0, 0.5)
        # Newton stalls between two branches: short steps follow the physics past them
        stalled = (state.step > STALL_STEP) & (residual > 0.5 * state.residual)
        step = jnp.where(stalled, FIRST_STEP, jnp.clip(state.step * factor, 1.0, LARGEST_STEP))
        return _NewtonState(
            enthalpy=jnp.where(active, trial, state.enthalpy),
            after=jnp.where(active, after, state.after),
            jacobian=jnp.where(active[..., None, None], jacobian, state.jacobian),
            residual=jnp.where(active, residual, state.residual),
            step=jnp.where(first, FIRST_STEP, step),
            maps=state.maps + 1,
        )

    cells = start.shape[1:]
    first = _NewtonState(
        enthalpy=start,
        after=start,
        jacobian=jnp.zeros((*cells, *identity.shape), start.dtype),
        residual=jnp.full(cells, jnp.inf, start.dtype),
        step=jnp.full(cells, FIRST_STEP, start.dtype),
        maps=jnp.asarray(0),
    )
    state = jax.lax.while_loop(unconverged, iterate, first)
    return state.enthalpy, state.residual, state.maps


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def periodic_enthalpy(
    options: ModelOptions, column: SoilColumn, drivers: YearDrivers
) -> tuple[Layers, Cells, Array]:
    """Periodic enthalpy: that at the start of January which a repeated cycle returns to.

    Derivatives are those of the fixed point by the implicit function theorem, (I − J)⁻¹ times the
    derivative of one annual map, in forward and reverse mode; none passes through the iteration.

    Args:
        options: sub-steps and iterations (static).
        column: soil column.
        drivers: of the cycle's years on a leading axis, its own December before January.

    Returns:
        Enthalpy (J m⁻³), the relative residual of the annual map per cell, and the maps used.
    """
    options = with_continuous_map(options)
    start = steady_enthalpy(column, jnp.mean(drivers.temperature[:, :, 1], axis=(0, 1)))
    return _newton(options, column, drivers, start)


@periodic_enthalpy.defjvp
def _periodic_enthalpy_jvp(options, primals, tangents):
    column, drivers = primals
    options = with_continuous_map(options)
    enthalpy, residual, maps = periodic_enthalpy(options, column, drivers)
    _, jacobian = _cyclic_map(column, options, enthalpy, drivers)
    _, forced = jax.jvp(
        lambda column, drivers: _advance(column, options, enthalpy, drivers),
        primals,
        tangents,
    )
    identity = jnp.eye(enthalpy.shape[0], dtype=enthalpy.dtype)
    change = solve_cells(identity - jacobian, forced)
    no_change = np.zeros(maps.shape, jax.dtypes.float0)
    return (enthalpy, residual, maps), (change, jnp.zeros_like(residual), no_change)
