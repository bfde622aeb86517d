"""Soil heat: volumetric enthalpy, backward Euler, on columns ``(layer, *cell)`` (soil_heat.md 2).

Enthalpy H (J m⁻³) is zero in a layer that has just frozen fully at −w and H_m when it has just
thawed at 0 °C. Temperature and liquid fraction are explicit, piecewise linear in H, so there is no
front to track and the update by flux divergence conserves energy to rounding.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from temjax.numerics import larger, limited, reciprocal, smaller
from temjax.processes.half_layers import (
    Conducting,
    Front,
    HalfLayer,
    front,
    half_layer,
    half_layer_slopes,
    plain_half,
)
from temjax.soil_column import LayerFacts, SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]
# Of all layers, of some, or of one without its axis
Some = Float[Array, "*layer_cell"]
# All layers of a column, or what is worked out of some
Facts = SoilColumn | LayerFacts


class Surface(eqx.Module):
    """Boundary condition at the top of the column during one step.

    Attributes:
        temperature: equivalent temperature T_air + a·SW, °C, ``(*cell)``.
        resistance: surface plus snow resistance between it and the ground, m² K W⁻¹, ``(*cell)``.
    """

    temperature: Cells
    resistance: Cells


class Boundary(NamedTuple):
    """Linearised flux through the boundary of two layers, or through the surface.

    Attributes:
        flux: downward, W m⁻².
        by_upper: ∂flux/∂H of the layer above, W m⁻² per J m⁻³; 0 at the surface.
        by_lower: ∂flux/∂H of the layer below.
        both_ways: heat crossing downward and upward, W m⁻², of which the flux is what is left.
    """

    flux: Layers
    by_upper: Layers
    by_lower: Layers
    both_ways: Layers


class Fluxes(NamedTuple):
    """Downward heat flux, W m⁻², and its derivatives, W m⁻² per J m⁻³.

    The boundaries between layers apart from the surface: arrays of one shape run as one loop.

    Attributes:
        entering: flux through the surface, ``(*cell)``.
        by_first: ∂entering/∂H of the first layer.
        flux: between layers, ``(layer - 1, *cell)``.
        by_upper: ∂flux/∂H of the layer above the boundary.
        by_lower: ∂flux/∂H of the layer below the boundary.
    """

    entering: Cells
    by_first: Cells
    flux: Layers
    by_upper: Layers
    by_lower: Layers


def liquid_fraction(column: Facts, enthalpy: Some) -> Some:
    """Liquid fraction of a layer's water, f = clip(H/H_m, 0, 1)."""
    return limited(enthalpy * column.per_melt_enthalpy, 0.0, 1.0)


def temperature(column: Facts, enthalpy: Some) -> Some:
    """Temperature from enthalpy, °C: C_f below −w, the melting range, C_t above 0 °C."""
    frozen = smaller(enthalpy, 0.0) * column.per_heat_capacity_frozen
    thawed = larger(enthalpy - column.melt_enthalpy, 0.0) * column.per_heat_capacity_thawed
    return frozen + thawed - column.freezing_range * (1.0 - liquid_fraction(column, enthalpy))


def temperature_slope(column: Facts, enthalpy: Some) -> Some:
    """Temperature slope dT/dH, K per J m⁻³: 1/C_f, w/H_m in the melting range, 1/C_t."""
    outside = jnp.where(
        enthalpy > 0.0, column.per_heat_capacity_thawed, column.per_heat_capacity_frozen
    )
    inside = column.freezing_range * column.per_melt_enthalpy
    return jnp.where(is_melting(column, enthalpy), inside, outside)


def is_melting(column: Facts, enthalpy: Some) -> Bool[Array, "*layer_cell"]:
    """Whether a layer is inside the melting range, by its liquid fraction as it is rounded."""
    fraction = liquid_fraction(column, enthalpy)
    return (fraction > 0.0) & (fraction < 1.0)


def enthalpy(column: SoilColumn, temperature: Layers) -> Layers:
    """Enthalpy from temperature, J m⁻³; the inverse of ``temperature``."""
    width = column.freezing_range
    frozen = smaller(temperature + width, 0.0) * column.heat_capacity_frozen
    thawed = larger(temperature, 0.0) * column.heat_capacity_thawed
    return frozen + thawed + column.melt_enthalpy * limited(temperature / width + 1.0, 0.0, 1.0)


class LayerState(NamedTuple):
    """State of layers at an iterate: of all of them, some, or one without its axis.

    Attributes:
        conducting: thickness and conductivities.
        front: of its liquid fraction; None where no layer melts and nobody asks for it.
        profile: temperature, °C.
        fraction: liquid fraction.
        slope: dT/dH, K per J m⁻³.
        fraction_slope: df/dH, per J m⁻³.
    """

    conducting: Conducting
    front: Front | None
    profile: Layers
    fraction: Layers
    slope: Layers
    fraction_slope: Layers


class Resistances(NamedTuple):
    """Thermal resistance of every boundary but the bottom, m² K W⁻¹, leading axis ``layer``.

    Attributes:
        total: between the middles on both sides (at the top: from the surface driver).
        below: the part below the boundary.
    """

    total: Layers
    below: Layers


def _conducting(column: Facts) -> Conducting:
    return Conducting(
        column.thickness, column.conductivity_frozen, column.conductivity_contrast, column.swept
    )


def sides(layers: PyTree) -> tuple[PyTree, PyTree]:
    """Layers above and below the boundaries between layers."""
    return jax.tree.map(lambda rows: rows[:-1], layers), jax.tree.map(lambda rows: rows[1:], layers)


def uppermost(layers: PyTree) -> PyTree:
    """The uppermost layer."""
    return jax.tree.map(lambda rows: rows[0], layers)


def resistances(column: SoilColumn, fraction: Layers, surface: Surface) -> Resistances:
    """Thermal resistances: half layers in series; at the top, surface, snow and half a layer."""
    conducting = _conducting(column)
    upper, lower = sides(conducting)
    away = fraction[1:] - fraction[:-1]
    bent_above, bent_below = sides(front(conducting, fraction))
    above = half_layer(upper, bent_above, fraction[:-1], away).resistance
    below = half_layer(lower, bent_below, fraction[1:], -away).resistance
    first = plain_half(uppermost(conducting), fraction[0]).resistance[None]
    return Resistances(
        total=jnp.concatenate([surface.resistance + first, above + below]),
        below=jnp.concatenate([first, below]),
    )


def temperature_above(profile: Layers, surface: Surface) -> Layers:
    """Temperature on the upper side of every layer's top: of the layer above, or the driver's."""
    return jnp.concatenate([surface.temperature[None], profile[:-1]])


def boundary_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface
) -> Float[Array, "boundary *cell"]:
    """Downward heat flux at the surface, between layers and at the bottom, W m⁻²."""
    profile = temperature(column, enthalpy)
    resistance = resistances(column, liquid_fraction(column, enthalpy), surface).total
    above = temperature_above(profile, surface)
    return jnp.concatenate([(above - profile) / resistance, -column.geothermal_flux[None]])


def single_phase_state(column: Facts, enthalpy: Some) -> LayerState:
    """State of layers that do not melt, without a front; every layer by itself."""
    melting = is_melting(column, enthalpy)
    return LayerState(
        conducting=_conducting(column),
        front=None,
        profile=temperature(column, enthalpy),
        fraction=liquid_fraction(column, enthalpy),
        slope=temperature_slope(column, enthalpy),
        fraction_slope=jnp.where(melting, column.per_melt_enthalpy, 0.0),
    )


def with_front(layers: LayerState) -> LayerState:
    """State of layers that may melt: the front added."""
    return layers._replace(front=front(layers.conducting, layers.fraction))


def layer_state(column: Facts, enthalpy: Some) -> LayerState:
    """State of layers, whether they melt or not."""
    return with_front(single_phase_state(column, enthalpy))


def _least(exact: bool | Bool[Array, "*cell"]) -> Cells:
    """Lower limit of the terms of dk/df: none, or those that lessen dominance are left out."""
    return jnp.where(exact, -jnp.inf, 0.0)


def halves_between(upper: LayerState, lower: LayerState) -> tuple[Some, HalfLayer, HalfLayer]:
    """Difference in liquid fraction across a boundary, and the half layers on both sides."""
    away = lower.fraction - upper.fraction
    above = half_layer(upper.conducting, upper.front, upper.fraction, away)
    below = half_layer(lower.conducting, lower.front, lower.fraction, -away)
    return away, above, below


def _boundary(
    upper: LayerState,
    lower: LayerState,
    flux: Some,
    total: Some,
    upper_slope: Some,
    lower_slope: Some,
) -> Boundary:
    # quotients, not products with 1/total: XLA works out a quotient once and repeats the
    # arithmetic of a product wherever it is used, five times in an iteration
    return Boundary(
        flux=flux,
        by_upper=upper_slope / total,
        by_lower=-lower_slope / total,
        both_ways=(jnp.abs(upper.profile) + jnp.abs(lower.profile)) / total,
    )


def single_phase_flux(upper: LayerState, lower: LayerState) -> Boundary:
    """Linearised flux through the boundary of two layers that do not melt.

    That of ``flux_between``, to the last bit: there λ is 0, and so is the share of a phase that a
    layer does not have.
    """
    above, below = (plain_half(side.conducting, side.fraction) for side in (upper, lower))
    total = above.resistance + below.resistance
    flux = (upper.profile - lower.profile) / total
    return _boundary(upper, lower, flux, total, upper.slope, lower.slope)


def flux_between(
    upper: LayerState, lower: LayerState, exact: bool | Bool[Array, "*cell"]
) -> Boundary:
    """Linearised flux through the boundary of two layers."""
    least = _least(exact).astype(upper.profile.dtype)
    away, above, below = halves_between(upper, lower)
    total = above.resistance + below.resistance
    flux = (upper.profile - lower.profile) / total
    own_above, other_above = half_layer_slopes(
        upper.conducting, upper.front, upper.fraction, away, above
    )
    own_below, other_below = half_layer_slopes(
        lower.conducting, lower.front, lower.fraction, -away, below
    )
    turning_above = -flux * (own_above + other_below) * upper.fraction_slope
    turning_below = flux * (own_below + other_above) * lower.fraction_slope
    upper_slope = upper.slope + larger(turning_above, least)
    lower_slope = lower.slope + larger(turning_below, least)
    return _boundary(upper, lower, flux, total, upper_slope, lower_slope)


def flux_into(first: LayerState, surface: Surface, exact: bool | Bool[Array, "*cell"]) -> Boundary:
    """Linearised flux through the surface."""
    least = _least(exact).astype(first.profile.dtype)
    half = plain_half(first.conducting, first.fraction)
    entrance = reciprocal(surface.resistance + half.resistance)
    entering = entrance * (surface.temperature - first.profile)
    turning = entering * entrance * half.resistance * half.resistivity * first.conducting.contrast
    by_first = -entrance * first.slope + smaller(turning * first.fraction_slope, -least)
    both_ways = entrance * (jnp.abs(surface.temperature) + jnp.abs(first.profile))
    return Boundary(entering, jnp.zeros_like(entering), by_first, both_ways)


def linearised_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface, *, exact: bool | Bool[Array, "*cell"]
) -> Fluxes:
    """Linearised fluxes: with their derivatives in the enthalpy of the layers on both sides.

    Args:
        column: soil column.
        enthalpy: J m⁻³.
        surface: driver of the top.
        exact: keep every term of dk/df, as the gradient and a close iterate need (without them
            dALT/dT is 10 % off). The terms kept otherwise leave the Jacobian diagonally dominant
            (warming one side sends heat to the other): with all of them Newton diverges from afar,
            with none it is left with ten times the error after five iterations and can cycle.
    """
    layers = layer_state(column, enthalpy)
    between = flux_between(*sides(layers), exact)
    top = flux_into(uppermost(layers), surface, exact)
    return Fluxes(top.flux, top.by_lower, between.flux, between.by_upper, between.by_lower)


def residual(
    column: SoilColumn, new: Layers, old: Layers, surface: Surface, seconds: Float[Array, ""]
) -> Layers:
    """Residual r = H − Hⁿ − Δt/Δz (F_up − F_dn) of a backward-Euler step, J m⁻³."""
    flux = boundary_fluxes(column, new, surface)
    return new - old + seconds / column.thickness * jnp.diff(flux, axis=0)
