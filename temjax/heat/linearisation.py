"""Linearised heat fluxes: their derivatives in the enthalpy of the layers on both sides.

For Newton's method and for derivatives of solved steps. Elementwise, so that arrays of all
boundaries and kernels that take one after the other share it.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.numerics import larger, smaller
from temjax.processes.half_layers import half_layer_slopes, plain_half
from temjax.processes.soil_heat import (
    Conduction,
    LayerState,
    Surface,
    between_middles,
    halves_between,
    layer_state,
    sides,
    surface_conduction,
    uppermost,
)
from temjax.soil_column import SoilColumn, ThermalProperties

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]
# Of all layers, of some, or of one without its axis
Some = Float[Array, "*layer_cell"]


class Boundary(NamedTuple):
    """Linearised flux through the boundary of two layers, or through the surface.

    Attributes:
        flux: downward, W m⁻².
        by_upper: ∂flux/∂H of the layer above, W m⁻² per J m⁻³; 0 at the surface.
        by_lower: ∂flux/∂H of the layer below.
        gross_flux: heat crossing downward and upward, W m⁻², of which the flux is the difference.
    """

    flux: Layers
    by_upper: Layers
    by_lower: Layers
    gross_flux: Layers


class Fluxes(NamedTuple):
    """Downward heat flux, W m⁻², and its derivatives, W m⁻² per J m⁻³.

    The boundaries between layers apart from the surface: arrays of one shape run as one loop.

    Attributes:
        entering: flux through the surface, ``(*cell)``.
        by_first: ∂entering/∂H of the first layer.
        flux: between layers, ``(layer - 1, *cell)``.
        by_upper: ∂flux/∂H of the layer above the boundary.
        by_lower: ∂flux/∂H of the layer below the boundary.
        gross_flux: heat crossing the surface and all boundaries both ways, W m⁻², ``(*cell)``.
    """

    entering: Cells
    by_first: Cells
    flux: Layers
    by_upper: Layers
    by_lower: Layers
    gross_flux: Cells


def _least(exact: bool | Bool[Array, "*cell"]) -> Cells:
    """Lower limit of the terms of dk/df: none, or those that lessen dominance are left out."""
    return jnp.where(exact, -jnp.inf, 0.0)


def _gross_flux(above: Some, below: Some, through: Conduction) -> Some:
    """Heat crossing a boundary both ways, W m⁻², from the temperatures of its nodes, °C."""
    return (jnp.abs(above) + jnp.abs(below)) / through.resistance


def _boundary(
    upper: LayerState, lower: LayerState, through: Conduction, upper_slope: Some, lower_slope: Some
) -> Boundary:
    # quotients, not products with 1/total: XLA works out a quotient once and repeats the
    # arithmetic of a product wherever it is used, five times in an iteration
    total = through.resistance
    return Boundary(
        flux=through.flux,
        by_upper=upper_slope / total,
        by_lower=-lower_slope / total,
        gross_flux=_gross_flux(upper.temperature, lower.temperature, through),
    )


def single_phase_flux(upper: LayerState, lower: LayerState) -> Boundary:
    """Linearised flux through the boundary of two layers that do not melt.

    That of ``flux_between``, to the last bit: there λ is 0, and so is the share of a phase that a
    layer does not have.
    """
    above, below = (plain_half(side.conducting, side.fraction) for side in (upper, lower))
    through = between_middles(upper, lower, above, below)
    return _boundary(upper, lower, through, upper.slope, lower.slope)


def _slope(layer: LayerState, by_fraction: Some, least: Cells) -> Some:
    """dT/dH of a layer, K per J m⁻³, with the effect of its liquid fraction on the conduction.

    Args:
        layer: whose enthalpy.
        by_fraction: F·∂R/∂f as a temperature of the layer, K.
        least: of the effect.
    """
    return layer.slope + larger(by_fraction * layer.fraction_slope, least)


def flux_between(
    upper: LayerState, lower: LayerState, exact: bool | Bool[Array, "*cell"]
) -> Boundary:
    """Linearised flux through the boundary of two layers."""
    least = _least(exact).astype(upper.temperature.dtype)
    away, above, below = halves_between(upper, lower)
    through = between_middles(upper, lower, above, below)
    own_above, other_above = half_layer_slopes(
        upper.conducting, upper.front, upper.fraction, away, above
    )
    own_below, other_below = half_layer_slopes(
        lower.conducting, lower.front, lower.fraction, -away, below
    )
    upper_slope = _slope(upper, -through.flux * (own_above + other_below), least)
    lower_slope = _slope(lower, through.flux * (own_below + other_above), least)
    return _boundary(upper, lower, through, upper_slope, lower_slope)


def flux_into(first: LayerState, surface: Surface, exact: bool | Bool[Array, "*cell"]) -> Boundary:
    """Linearised flux through the surface."""
    least = _least(exact).astype(first.temperature.dtype)
    through, half = surface_conduction(first, surface)
    total = through.resistance
    # −F/R·∂R/∂f·df/dH of the plain half layer
    by_fraction = through.flux / total * half.resistance * half.resistivity
    by_fraction = by_fraction * first.conducting.contrast * first.fraction_slope
    return Boundary(
        flux=through.flux,
        by_upper=jnp.zeros_like(total),
        by_lower=-first.slope / total + smaller(by_fraction, -least),
        gross_flux=_gross_flux(surface.temperature, first.temperature, through),
    )


def linearised_fluxes(
    properties: SoilColumn | ThermalProperties,
    enthalpy: Layers,
    surface: Surface,
    *,
    exact: bool | Bool[Array, "*cell"],
) -> Fluxes:
    """Linearised fluxes of a column: with derivatives in the enthalpy of the layers on both sides.

    Args:
        properties: of all layers of a column.
        enthalpy: J m⁻³.
        surface: driver of the top.
        exact: keep every term of dk/df, as the gradient and a close iterate need (without them
            dALT/dT is 10 % off). The truncated Jacobian keeps those that leave it diagonally
            dominant (warming one side sends heat to the other): with all of them Newton diverges
            from afar, with none it is left with ten times the error after five iterations and can
            cycle.
    """
    layers = layer_state(properties, enthalpy)
    between = flux_between(*sides(layers), exact)
    top = flux_into(uppermost(layers), surface, exact)
    return Fluxes(
        entering=top.flux,
        by_first=top.by_lower,
        flux=between.flux,
        by_upper=between.by_upper,
        by_lower=between.by_lower,
        gross_flux=top.gross_flux + jnp.sum(between.gross_flux, axis=0),
    )
