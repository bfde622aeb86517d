"""Soil heat: volumetric enthalpy, backward Euler, on columns ``(layer, *cell)``.

Source: docs/specification/soil_heat.md 2.

Enthalpy H (J m⁻³) is zero in a layer that has just frozen fully at −w and H_m when it has just
thawed at 0 °C. Temperature and liquid fraction are explicit, piecewise linear in H, so there is no
front to track and the update by flux divergence conserves energy to rounding.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from temjax.numerics import larger, limited, smaller
from temjax.processes.half_layers import (
    Conducting,
    Front,
    HalfLayer,
    front,
    half_layer,
    plain_half,
)
from temjax.soil_column import SoilColumn, ThermalProperties

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]
# Of all layers, of some, or of one without its axis
Some = Float[Array, "*layer_cell"]
# Of a whole column, or derived of all or some of its layers
Properties = SoilColumn | ThermalProperties


class Surface(eqx.Module):
    """Boundary condition at the top of the column during one step.

    Attributes:
        temperature: equivalent temperature T_air + a·SW, °C, ``(*cell)``.
        resistance: surface plus snow resistance between it and the ground, m² K W⁻¹, ``(*cell)``.
    """

    temperature: Cells
    resistance: Cells


def liquid_fraction(column: Properties, enthalpy: Some) -> Some:
    """Liquid share of the layer's water, f = clip(H/H_m, 0, 1)."""
    return limited(enthalpy * column.per_melt_enthalpy, 0.0, 1.0)


def temperature(column: Properties, enthalpy: Some) -> Some:
    """Temperature from enthalpy, °C: C_f below −w, the melting range, C_t above 0 °C."""
    frozen = smaller(enthalpy, 0.0) * column.per_heat_capacity_frozen
    thawed = larger(enthalpy - column.melt_enthalpy, 0.0) * column.per_heat_capacity_thawed
    return frozen + thawed - column.freezing_range * (1.0 - liquid_fraction(column, enthalpy))


def temperature_slope(column: Properties, enthalpy: Some) -> Some:
    """β′(H) = dT/dH, K per J m⁻³: 1/C_f, w/H_m in the melting range, 1/C_t."""
    outside = jnp.where(
        enthalpy > 0.0, column.per_heat_capacity_thawed, column.per_heat_capacity_frozen
    )
    inside = column.freezing_range * column.per_melt_enthalpy
    return jnp.where(is_melting(column, enthalpy), inside, outside)


def is_melting(column: Properties, enthalpy: Some) -> Bool[Array, "*layer_cell"]:
    """Whether a layer is inside the melting range, by its liquid fraction as it is rounded."""
    fraction = liquid_fraction(column, enthalpy)
    return (fraction > 0.0) & (fraction < 1.0)


def enthalpy(column: SoilColumn, temperature: Layers) -> Layers:
    """Enthalpy from temperature, J m⁻³; the inverse of ``temperature``."""
    width = column.freezing_range
    frozen = smaller(temperature + width, 0.0) * column.heat_capacity_frozen
    thawed = larger(temperature, 0.0) * column.heat_capacity_thawed
    return frozen + thawed + column.melt_enthalpy * limited(temperature / width + 1.0, 0.0, 1.0)


def heat_gain(column: Properties, old: Some, new: Some) -> Some:
    """Δz·(H − Hⁿ), J m⁻²: heat a layer gains in a step."""
    return (new - old) * column.thickness


def heat_content(column: Properties, enthalpy: Some) -> Some:
    """Δz·|H|, J m⁻²: heat of a layer, of either sign, as a scale of errors."""
    return jnp.abs(enthalpy) * column.thickness


def layer_imbalance(gain: Some, entering: Some, leaving: Some, seconds: Cells) -> Some:
    """Δz·r = Δz·(H − Hⁿ) − Δt·(F_up − F_dn), J m⁻²: imbalance of a backward-Euler step."""
    return gain + seconds * (leaving - entering)


def divergence_update(
    column: Properties, old: Some, entering: Some, leaving: Some, seconds: Cells
) -> Some:
    """H = Hⁿ + Δt/Δz·(F_up − F_dn), J m⁻³: the enthalpy that balances given fluxes."""
    return old - seconds * column.per_thickness * (leaving - entering)


class LayerState(NamedTuple):
    """State of layers at an iterate: of all of them, some, or one without its axis.

    Attributes:
        conducting: thickness and conductivities.
        front: of its liquid fraction; None where no layer melts and nobody asks for it.
        temperature: °C.
        fraction: liquid fraction.
        slope: dT/dH, K per J m⁻³.
        fraction_slope: df/dH, per J m⁻³.
    """

    conducting: Conducting
    front: Front | None
    temperature: Layers
    fraction: Layers
    slope: Layers
    fraction_slope: Layers


def single_phase_state(column: Properties, enthalpy: Some) -> LayerState:
    """What the fluxes need of layers that do not melt; every layer by itself."""
    melting = is_melting(column, enthalpy)
    return LayerState(
        conducting=Conducting(
            column.thickness,
            column.conductivity_frozen,
            column.conductivity_contrast,
            column.swept,
        ),
        front=None,
        temperature=temperature(column, enthalpy),
        fraction=liquid_fraction(column, enthalpy),
        slope=temperature_slope(column, enthalpy),
        fraction_slope=jnp.where(melting, column.per_melt_enthalpy, 0.0),
    )


def with_front(layers: LayerState) -> LayerState:
    """What they need of layers that may melt."""
    return layers._replace(front=front(layers.conducting, layers.fraction))


def layer_state(column: Properties, enthalpy: Some) -> LayerState:
    """What the fluxes need of layers, whether they melt or not."""
    return with_front(single_phase_state(column, enthalpy))


def sides(layers: PyTree) -> tuple[PyTree, PyTree]:
    """Layers above and below the boundaries between layers."""
    return jax.tree.map(lambda rows: rows[:-1], layers), jax.tree.map(lambda rows: rows[1:], layers)


def uppermost(layers: PyTree) -> PyTree:
    """The uppermost layer."""
    return jax.tree.map(lambda rows: rows[0], layers)


class Conduction(NamedTuple):
    """Conduction through a boundary.

    Attributes:
        flux: downward, W m⁻².
        temperature: at the boundary, °C.
        resistance: between the nodes on both sides, m² K W⁻¹.
    """

    flux: Some
    temperature: Some
    resistance: Some


def conduction(
    temperature_above: Some, temperature_below: Some, above: Some, below: Some
) -> Conduction:
    """F = (T_above − T_below)/(R_above + R_below) of two resistances in series.

    Args:
        temperature_above: at the node above the boundary, °C.
        temperature_below: at the node below it, °C.
        above: resistance between the node above and the boundary, m² K W⁻¹.
        below: resistance between the boundary and the node below, m² K W⁻¹.
    """
    resistance = above + below
    flux = (temperature_above - temperature_below) / resistance
    return Conduction(flux, temperature_below + flux * below, resistance)


def surface_conduction(first: LayerState, surface: Surface) -> tuple[Conduction, HalfLayer]:
    """Conduction into the uppermost layer, through surface, snow and half of the layer."""
    half = plain_half(first.conducting, first.fraction)
    through = conduction(
        surface.temperature, first.temperature, surface.resistance, half.resistance
    )
    return through, half


def halves_between(upper: LayerState, lower: LayerState) -> tuple[Some, HalfLayer, HalfLayer]:
    """Difference in liquid fraction across a boundary, and the half layers on both sides."""
    away = lower.fraction - upper.fraction
    above = half_layer(upper.conducting, upper.front, upper.fraction, away)
    below = half_layer(lower.conducting, lower.front, lower.fraction, -away)
    return away, above, below


def between_middles(
    upper: LayerState, lower: LayerState, above: HalfLayer, below: HalfLayer
) -> Conduction:
    """Conduction between the middles of two layers through the given half layers."""
    return conduction(upper.temperature, lower.temperature, above.resistance, below.resistance)


def boundary_conduction(upper: LayerState, lower: LayerState) -> Conduction:
    """Conduction between the middles of two layers."""
    _, above, below = halves_between(upper, lower)
    return between_middles(upper, lower, above, below)


def column_conduction(
    column: SoilColumn, enthalpy: Layers, surface: Surface
) -> tuple[LayerState, Conduction]:
    """State of all layers, and conduction through the top of each, ``(layer, *cell)``."""
    layers = layer_state(column, enthalpy)
    into, _ = surface_conduction(uppermost(layers), surface)
    between = boundary_conduction(*sides(layers))
    through = jax.tree.map(lambda top, rest: jnp.concatenate([top[None], rest]), into, between)
    return layers, through


def boundary_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface
) -> Float[Array, "boundary *cell"]:
    """Downward heat flux at the surface, between layers and at the bottom, W m⁻²."""
    _, through = column_conduction(column, enthalpy, surface)
    return jnp.concatenate([through.flux, -column.geothermal_flux[None]])


def step_imbalance(
    column: SoilColumn, new: Layers, old: Layers, surface: Surface, seconds: Float[Array, ""]
) -> Layers:
    """Imbalance Δz·r of every layer in a backward-Euler step, J m⁻²."""
    flux = boundary_fluxes(column, new, surface)
    return layer_imbalance(heat_gain(column, old, new), flux[:-1], flux[1:], seconds)
