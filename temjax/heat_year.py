"""One year of soil heat: twelve months of backward-Euler sub-steps.

``advance_year`` only moves the state (spin-up); ``observe_year`` also returns what a run reports.
Both drive the same step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax import heat_step
from temjax.heat_step import HeatStep
from temjax.options import ModelOptions
from temjax.processes import active_layer, soil_heat
from temjax.processes.ground_surface import substep_seconds, substep_surface, substep_weights
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import (
    DepthShares,
    Profile,
    mean_above,
    profile,
    temperature_at,
)
from temjax.thermal_grid import SoilColumn

DEPTHS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # m
NO_SEASON_DEPTH = 12.0  # m, where the mean annual ground temperature is read
TOP_SOIL = 0.2  # m
SHALLOW, REPORTED, NO_SEASON = slice(0, 1), slice(0, len(DEPTHS)), len(DEPTHS)

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class YearDrivers(eqx.Module):
    """Drivers of a year, each month beside its neighbours; of several years on a leading axis.

    Attributes:
        temperature: equivalent temperature, °C, ``(12, 3, *cell)``.
        snow_resistance: m² K W⁻¹, ``(12, 3, *cell)``.
        surface_resistance: m² K W⁻¹, ``(*cell)``.
    """

    temperature: Float[Array, "*year_12_3_cell"]
    snow_resistance: Float[Array, "*year_12_3_cell"]
    surface_resistance: Cells


class HeatMonth(eqx.Module):
    """What a month of soil heat reports.

    Attributes:
        soil_temperature: monthly mean at ``DEPTHS`` and at 12 m, °C, ``(depth, *cell)``.
        soil_temperature_top: mean of 0–20 cm, °C.
        thaw_fraction: F, mean of sigmoid(T5/width).
        thaw_depth: at the end of the month, m.
        maximum_thaw_depth: largest of the sub-steps, m.
        minimum_thaw_depth: smallest of the sub-steps, m.
        largest_liquid_fraction: largest of the sub-steps, ``(layer, *cell)``.
        heat_input: heat through the surface and the bottom, J m⁻².
        imbalance: largest heat flux imbalance the Newton iteration left in a layer, W m⁻².
    """

    soil_temperature: Float[Array, "depth *cell"]
    soil_temperature_top: Cells
    thaw_fraction: Cells
    thaw_depth: Cells
    maximum_thaw_depth: Cells
    minimum_thaw_depth: Cells
    largest_liquid_fraction: Layers
    heat_input: Cells
    imbalance: Cells


def _year_of_steps(
    column: SoilColumn, options: ModelOptions, enthalpy: Layers, drivers: YearDrivers
) -> tuple[HeatStep, Surface, Float[Array, "month"]]:
    """All steps of a year and their surfaces, leading axis ``step``; a step's seconds by month."""
    dtype = drivers.temperature.dtype
    seconds = substep_seconds(options.heat_substeps, dtype)
    surfaces = jax.vmap(substep_surface, in_axes=(0, 0, None, 0, 0))(
        drivers.temperature,
        drivers.snow_resistance,
        drivers.surface_resistance,
        *substep_weights(options.heat_substeps, dtype),
    )
    surfaces = jax.tree.map(lambda leaf: leaf.reshape((-1, *leaf.shape[2:])), surfaces)
    lengths = jnp.repeat(seconds, options.heat_substeps)
    steps = heat_step.heat_steps(options.heat_iterations, column, enthalpy, surfaces, lengths)
    return steps, surfaces, seconds


def advance_year(
    column: SoilColumn, options: ModelOptions, enthalpy: Layers, drivers: YearDrivers
) -> Layers:
    """Enthalpy one year on, J m⁻³."""
    steps, _, _ = _year_of_steps(column, options, enthalpy, drivers)
    return steps.enthalpy[-1]


def observe_year(
    column: SoilColumn,
    shares: DepthShares,
    options: ModelOptions,
    enthalpy: Layers,
    drivers: YearDrivers,
) -> tuple[Layers, HeatMonth]:
    """A year with its monthly report.

    Args:
        column: soil column.
        shares: weights of ``DEPTHS`` followed by 12 m.
        options: sub-steps, iterations, thaw width.
        enthalpy: J m⁻³ at the start.
        drivers: of the year.

    Returns:
        Enthalpy at the end, and the report with a leading month axis.
    """
    shallow = jax.tree.map(lambda share: share[SHALLOW], shares)
    steps, surfaces, seconds = _year_of_steps(column, options, enthalpy, drivers)
    by_month = jax.tree.map(
        lambda leaf: leaf.reshape((seconds.size, options.heat_substeps, *leaf.shape[1:])),
        (steps, surfaces),
    )

    def month(enthalpy, inputs):
        *given, seconds = inputs

        def seen(enthalpy, given):
            step, surface = given
            now = profile(column, step.enthalpy, surface)
            fraction = soil_heat.liquid_fraction(column, step.enthalpy)
            unbalanced = soil_heat.residual(column, step.enthalpy, enthalpy, surface, seconds)
            return step.enthalpy, (
                now,
                active_layer.thaw_switch(temperature_at(shallow, now)[0], options.thaw_width),
                active_layer.thaw_depth(column.thickness, column.top, fraction),
                fraction,
                (step.surface_flux + column.geothermal_flux) * seconds,
                jnp.max(jnp.abs(unbalanced) * column.thickness, axis=0) / seconds,
            )

        enthalpy, (profiles, switch, depth, fraction, heat, imbalance) = jax.lax.scan(
            jax.checkpoint(seen, prevent_cse=False), enthalpy, tuple(given)
        )
        mean_profile: Profile = jax.tree.map(lambda x: jnp.mean(x, axis=0), profiles)
        return enthalpy, HeatMonth(
            soil_temperature=temperature_at(shares, mean_profile),
            soil_temperature_top=mean_above(column, mean_profile.centre, TOP_SOIL),
            thaw_fraction=jnp.mean(switch, axis=0),
            thaw_depth=depth[-1],
            maximum_thaw_depth=jnp.max(depth, axis=0),
            minimum_thaw_depth=jnp.min(depth, axis=0),
            largest_liquid_fraction=jnp.max(fraction, axis=0),
            heat_input=jnp.sum(heat, axis=0),
            imbalance=jnp.max(imbalance, axis=0),
        )

    return jax.lax.scan(month, enthalpy, (*by_month, seconds))
