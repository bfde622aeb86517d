"""One year of soil heat: twelve months of backward-Euler sub-steps.

``advance_year`` only advances the state (spin-up); ``observe_year`` also returns what a run
reports. Both take the same steps.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat import step as heat_step
from temjax.heat.monthly import monthly_temperatures
from temjax.native.accelerate import accelerated
from temjax.numerics import largest, value_and_jacobian
from temjax.options import ModelOptions
from temjax.processes import active_layer, soil_heat
from temjax.processes.ground_surface import substep_seconds, substep_surface, substep_weights
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import (
    DepthShares,
    Profile,
    profile,
    shares_above,
    temperature_at,
)
from temjax.soil_column import SoilColumn

DEPTHS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # m
NO_SEASON_DEPTH = 12.0  # m, where the mean annual ground temperature is read
TOP_SOIL = 0.2  # m
SHALLOW, REPORTED, NO_SEASON = slice(0, 1), slice(0, len(DEPTHS)), len(DEPTHS)

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]
Monthly = Float[Array, "month *cell"]
Substeps = Float[Array, "month substep *cell"]


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
    """What the months of a year of soil heat report, leading axis ``month``.

    Attributes:
        soil_temperature: monthly mean at ``DEPTHS`` and at 12 m, °C, ``(month, depth, *cell)``.
        soil_temperature_top: mean of 0–20 cm, °C.
        thaw_fraction: F, mean of sigmoid(T5/width).
        thaw_depth: at the end of the month, m.
        maximum_thaw_depth: largest of the sub-steps, m.
        minimum_thaw_depth: smallest of the sub-steps, m.
        largest_liquid_fraction: largest of the sub-steps, ``(month, layer, *cell)``.
        layer_temperature: monthly mean in the middle of layers, °C, ``(month, layer, *cell)``.
        layer_liquid_fraction: monthly mean, ``(month, layer, *cell)``.
        heat_input: heat through the surface and the bottom, J m⁻².
        imbalance: largest heat flux imbalance the Newton iteration left in a layer, W m⁻².
    """

    soil_temperature: Float[Array, "month depth *cell"]
    soil_temperature_top: Monthly
    thaw_fraction: Monthly
    thaw_depth: Monthly
    maximum_thaw_depth: Monthly
    minimum_thaw_depth: Monthly
    largest_liquid_fraction: Float[Array, "month layer *cell"]
    layer_temperature: Float[Array, "month layer *cell"]
    layer_liquid_fraction: Float[Array, "month layer *cell"]
    heat_input: Monthly
    imbalance: Monthly


class YearDiagnostics(eqx.Module):
    """Diagnostics of the months of a year and of their sub-steps.

    Attributes:
        mean: profile, mean of the sub-steps, °C, leaves ``(12, layer, *cell)``.
        mean_liquid_fraction: of the sub-steps, ``(12, layer, *cell)``.
        largest_liquid_fraction: of the sub-steps, ``(12, layer, *cell)``.
        shallow_temperature: at 5 cm after each sub-step, °C, ``(12, substep, *cell)``.
        thaw_depth: after each sub-step, m.
        surface_flux: downward through the surface, W m⁻².
        imbalance: largest heat flux imbalance left in a layer, W m⁻².
    """

    mean: Profile
    mean_liquid_fraction: Float[Array, "month layer *cell"]
    largest_liquid_fraction: Float[Array, "month layer *cell"]
    shallow_temperature: Substeps
    thaw_depth: Substeps
    surface_flux: Substeps
    imbalance: Substeps


def _steps_of_year(
    options: ModelOptions, drivers: YearDrivers
) -> tuple[Surface, Float[Array, "step"]]:
    """Surface drivers and lengths of all steps of a year, leading axis ``step``."""
    dtype = drivers.temperature.dtype
    surfaces = jax.vmap(substep_surface, in_axes=(0, 0, None, 0, 0))(
        drivers.temperature,
        drivers.snow_resistance,
        drivers.surface_resistance,
        *substep_weights(options.heat_substeps, dtype),
    )
    surfaces = jax.tree.map(lambda leaf: leaf.reshape((-1, *leaf.shape[2:])), surfaces)
    seconds = substep_seconds(options.heat_substeps, dtype)
    return surfaces, jnp.repeat(seconds, options.heat_substeps)


def advance_year(
    column: SoilColumn, options: ModelOptions, enthalpy: Layers, drivers: YearDrivers
) -> Layers:
    """Enthalpy after a year, J m⁻³."""
    steps = heat_step.heat_steps(
        options.heat_iterations, column, enthalpy, *_steps_of_year(options, drivers)
    )
    return steps.enthalpy[-1]


@accelerated("heat_year.jacobian", static=1, cells="enthalpy", dense_tangents=True)
def _steps_and_jacobian(
    iterations: int,
    column: SoilColumn,
    enthalpy: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Layers, Float[Array, "*cell i j"]]:
    """Enthalpy after all steps, J m⁻³, and its Jacobian ∂(that)_i/∂H_j per cell."""

    def last(enthalpy):
        steps = heat_step.heat_steps(iterations, column, enthalpy, surfaces, seconds)
        return steps.enthalpy[-1]

    return value_and_jacobian(last, enthalpy)


def year_and_jacobian(
    options: ModelOptions, column: SoilColumn, enthalpy: Layers, drivers: YearDrivers
) -> tuple[Layers, Float[Array, "*cell i j"]]:
    """Enthalpy after a year, J m⁻³, and its Jacobian ∂(that)_i/∂H_j per cell."""
    return _steps_and_jacobian(
        options.heat_iterations, column, enthalpy, *_steps_of_year(options, drivers)
    )


def by_month(tree, options: ModelOptions):
    """Arrays of steps ``(step, …)`` as ``(month, substep, …)``."""
    return jax.tree.map(
        lambda leaf: leaf.reshape((-1, options.heat_substeps, *leaf.shape[1:])), tree
    )


@accelerated("heat_year", static=1, cells="enthalpy", dense_tangents=True)
def diagnose_year(
    options: ModelOptions,
    column: SoilColumn,
    shallow: DepthShares,
    enthalpy: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Layers, YearDiagnostics]:
    """Solve the steps of a year: enthalpy at its end, J m⁻³, and its diagnostics.

    Args:
        options: sub-steps of a month, Newton iterations.
        column: soil column.
        shallow: weights of the single depth at which temperature is reported.
        enthalpy: J m⁻³ at the start.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    steps = heat_step.heat_steps(options.heat_iterations, column, enthalpy, surfaces, seconds)

    def step(before, inputs):
        after, surface, length = inputs
        now = profile(column, after, surface)
        fraction = soil_heat.liquid_fraction(column, after)
        imbalance = soil_heat.step_imbalance(column, after, before, surface, length)
        imbalance = jax.lax.stop_gradient(imbalance)  # rounding has no derivative
        return after, (
            now,
            fraction,
            temperature_at(shallow, now)[0],
            active_layer.thaw_depth(column.thickness, column.top, fraction),
            jnp.max(jnp.abs(imbalance), axis=0) / length,
        )

    def month(before, inputs):
        after, (profiles, fraction, *of_steps) = jax.lax.scan(
            jax.checkpoint(step, prevent_cse=False), before, inputs
        )
        mean = jax.tree.map(lambda x: jnp.mean(x, axis=0), profiles)
        # of the largest only whether it is 1 is reported
        largest_fraction = jnp.max(jax.lax.stop_gradient(fraction), axis=0)
        return after, (mean, jnp.mean(fraction, axis=0), largest_fraction, *of_steps)

    inputs = by_month((steps.enthalpy, surfaces, seconds), options)
    after, (mean, mean_fraction, fraction, shallow_temperature, thaw_depth, imbalance) = (
        jax.lax.scan(month, enthalpy, inputs)
    )
    return after, YearDiagnostics(
        mean=mean,
        mean_liquid_fraction=mean_fraction,
        largest_liquid_fraction=fraction,
        shallow_temperature=shallow_temperature,
        thaw_depth=thaw_depth,
        surface_flux=by_month(steps.surface_flux, options),
        imbalance=imbalance,
    )


def observe_year(
    column: SoilColumn,
    shares: DepthShares,
    options: ModelOptions,
    enthalpy: Layers,
    drivers: YearDrivers,
) -> tuple[Layers, HeatMonth]:
    """A year of soil heat with its monthly report.

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
    surfaces, seconds = _steps_of_year(options, drivers)
    after, year = diagnose_year(options, column, shallow, enthalpy, surfaces, seconds)
    lengths = by_month(seconds, options)
    lengths = lengths.reshape(lengths.shape + (1,) * (year.surface_flux.ndim - 2))
    at_depths, in_top = monthly_temperatures(shares, shares_above(column, TOP_SOIL), year.mean)
    heat_input = (year.surface_flux + column.geothermal_flux) * lengths
    return after, HeatMonth(
        soil_temperature=at_depths,
        soil_temperature_top=in_top,
        thaw_fraction=jnp.mean(
            active_layer.thaw_switch(year.shallow_temperature, options.thaw_width), axis=1
        ),
        thaw_depth=year.thaw_depth[:, -1],
        maximum_thaw_depth=largest(jnp.moveaxis(year.thaw_depth, 1, 0)),
        minimum_thaw_depth=-largest(-jnp.moveaxis(year.thaw_depth, 1, 0)),
        largest_liquid_fraction=year.largest_liquid_fraction,
        layer_temperature=year.mean.centre,
        layer_liquid_fraction=year.mean_liquid_fraction,
        heat_input=jnp.sum(heat_input, axis=1),
        imbalance=jnp.max(year.imbalance, axis=1),
    )
