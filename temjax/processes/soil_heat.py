"""Soil heat: volumetric enthalpy, backward Euler, on columns ``(layer, *cell)`` (soil_heat.md 2).

Enthalpy H (J m⁻³) is zero in a layer that has just frozen fully at −w and H_m when it has just
thawed at 0 °C. Temperature and liquid fraction are explicit, piecewise linear in H, so there is no
front to track and the update by flux divergence conserves energy to rounding.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.numerics import reciprocal
from temjax.thermal_grid import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class Surface(eqx.Module):
    """What drives the top of the column during one step.

    Attributes:
        temperature: equivalent temperature T_air + a·SW, °C, ``(*cell)``.
        resistance: surface plus snow resistance between it and the ground, m² K W⁻¹, ``(*cell)``.
    """

    temperature: Cells
    resistance: Cells


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


def liquid_fraction(column: SoilColumn, enthalpy: Layers) -> Layers:
    """Liquid share of the layer's water, f = clip(H/H_m, 0, 1)."""
    return jnp.clip(enthalpy / column.melt_enthalpy, 0.0, 1.0)


def temperature(column: SoilColumn, enthalpy: Layers) -> Layers:
    """Temperature from enthalpy, °C: C_f below −w, the melting range, C_t above 0 °C."""
    melt = column.melt_enthalpy
    frozen = jnp.minimum(enthalpy, 0.0) / column.heat_capacity_frozen
    thawed = jnp.maximum(enthalpy - melt, 0.0) / column.heat_capacity_thawed
    return frozen + thawed - column.freezing_range * (1.0 - jnp.clip(enthalpy / melt, 0.0, 1.0))


def temperature_slope(column: SoilColumn, enthalpy: Layers) -> Layers:
    """β′(H) = dT/dH, K per J m⁻³: 1/C_f, w/H_m in the melting range, 1/C_t."""
    melt = column.melt_enthalpy
    capacity = jnp.where(enthalpy > 0.0, column.heat_capacity_thawed, column.heat_capacity_frozen)
    return jnp.where(is_melting(column, enthalpy), column.freezing_range / melt, 1.0 / capacity)


def is_melting(column: SoilColumn, enthalpy: Layers) -> Bool[Array, "layer *cell"]:
    """Whether a layer is inside the melting range."""
    return (enthalpy > 0.0) & (enthalpy < column.melt_enthalpy)


def enthalpy(column: SoilColumn, temperature: Layers) -> Layers:
    """Enthalpy from temperature, J m⁻³; the inverse of ``temperature``."""
    width = column.freezing_range
    frozen = jnp.minimum(temperature + width, 0.0) * column.heat_capacity_frozen
    thawed = jnp.maximum(temperature, 0.0) * column.heat_capacity_thawed
    return frozen + thawed + column.melt_enthalpy * jnp.clip(temperature / width + 1.0, 0.0, 1.0)


class _Side(NamedTuple):
    """The layers on one side of the boundaries between layers, ``(layer - 1, *cell)``."""

    thickness: Layers
    conductivity_frozen: Layers
    contrast: Layers
    swept: Layers


class HalfLayer(NamedTuple):
    """What lies between a layer's middle and one of its boundaries, ``(layer, *cell)``.

    Attributes:
        resistance: m² K W⁻¹.
        resistivity: 1/k, m K W⁻¹.
    """

    resistance: Layers
    resistivity: Layers


class Resistances(NamedTuple):
    """Thermal resistance of every boundary but the bottom, m² K W⁻¹, leading axis ``layer``.

    Attributes:
        total: between the middles on both sides (at the top: from the surface driver).
        below: the part below the boundary.
    """

    total: Layers
    below: Layers


def _sides(column: SoilColumn) -> tuple[_Side, _Side]:
    """Layers above and below the boundaries between layers."""
    fields = (
        column.thickness, column.conductivity_frozen, column.conductivity_contrast, column.swept
    )  # fmt: skip
    return _Side(*(field[:-1] for field in fields)), _Side(*(field[1:] for field in fields))


def _lean_and_turn(side: _Side, fraction: Layers, away: Layers) -> tuple[Layers, Layers, Layers]:
    """λ, and the two factors of ½mλσ (see ``half_layer``)."""
    middle = 2.0 * fraction - 1.0
    square = middle * middle
    lean = side.swept * (1.0 - square * square)
    # λσ = 4(1 + m²)·q·(f_n − f) with q = f towards a more thawed neighbour, 1 − f otherwise: no
    # division by f or 1 − f
    share = jnp.where(away > 0.0, fraction, 1.0 - fraction)
    return lean, side.swept * 2.0 * middle * (1.0 + square), share


def half_layer(side: _Side, fraction: Layers, away: Layers) -> HalfLayer:
    """Resistance towards one neighbour, aware of where the front lies in a melting layer.

    The new phase lies on the side it came from. Heat between that neighbour and the front crosses
    only that neighbour's phase, over the share of the layer it fills: f when thawing, 1 − f when
    freezing. With m = 2f − 1, λ = 1 − m⁴ and σ = (f_n − f) over its largest value, conductivity is
    taken at f + λ(f_n − f) and distance as ½ + ½mλσ of the layer; λ fades both out where the layer
    has one phase, which leaves Δz/2k. Plain half layers delay freezing by 4 cm in the Neumann test.

    A conductance that grows while a front enters a layer lets a standing front rest in several
    places (seen as eigenvalues of the annual map above 1), so the correction fades out below 4 m,
    where fronts move over decades.

    Args:
        side: the layers.
        fraction: their liquid fraction f.
        away: f_n − f, how much more liquid the layer across the boundary is.
    """
    lean, turn, share = _lean_and_turn(side, fraction, away)
    resistivity = reciprocal(side.conductivity_frozen + (fraction + lean * away) * side.contrast)
    return HalfLayer(side.thickness * (0.5 + turn * share * away) * resistivity, resistivity)


def half_layer_slopes(
    side: _Side, fraction: Layers, away: Layers, half: HalfLayer
) -> tuple[Layers, Layers]:
    """∂resistance/∂f of a half layer: in its own liquid fraction, in that across the boundary."""
    lean, turn, share = _lean_and_turn(side, fraction, away)
    middle = 2.0 * fraction - 1.0
    square = middle * middle
    share_by_own = side.swept * (4.0 + 12.0 * square) * share * away - turn * (
        share - jnp.abs(away)
    )
    by_facing = -half.resistance * side.contrast * half.resistivity
    by_share = side.thickness * half.resistivity
    by_own = by_facing * (1.0 - lean - 8.0 * side.swept * middle * square * away)
    return by_own + by_share * share_by_own, by_facing * lean + by_share * turn * share


def _first_half(column: SoilColumn, fraction: Layers) -> HalfLayer:
    """Upper half of the first layer, which has no neighbour: Δz/2k."""
    contrast = column.conductivity_contrast[0]
    resistivity = reciprocal(column.conductivity_frozen[0] + fraction[0] * contrast)
    return HalfLayer(0.5 * column.thickness[0] * resistivity, resistivity)


def resistances(column: SoilColumn, fraction: Layers, surface: Surface) -> Resistances:
    """Half layers in series; at the top, surface and snow in series with half the first layer."""
    upper, lower = _sides(column)
    away = fraction[1:] - fraction[:-1]
    above = half_layer(upper, fraction[:-1], away).resistance
    below = half_layer(lower, fraction[1:], -away).resistance
    first = _first_half(column, fraction).resistance[None]
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


def linearised_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface, *, exact: bool | Bool[Array, "*cell"]
) -> Fluxes:
    """Fluxes with their derivatives in the enthalpy of the layers on both sides.

    Args:
        column: soil column.
        enthalpy: J m⁻³.
        surface: driver of the top.
        exact: keep every term of dk/df, as the gradient and a close iterate need (without them
            dALT/dT is 10 % off). The terms kept otherwise leave the Jacobian diagonally dominant
            (warming one side sends heat to the other): with all of them Newton diverges from afar,
            with none it is left with ten times the error after five iterations and can cycle.
    """
    profile = temperature(column, enthalpy)
    fraction = liquid_fraction(column, enthalpy)
    slope = temperature_slope(column, enthalpy)
    fraction_slope = jnp.where(is_melting(column, enthalpy), reciprocal(column.melt_enthalpy), 0.0)
    least = jnp.where(exact, -jnp.inf, 0.0)

    upper, lower = _sides(column)
    away = fraction[1:] - fraction[:-1]
    above = half_layer(upper, fraction[:-1], away)
    below = half_layer(lower, fraction[1:], -away)
    conductance = reciprocal(above.resistance + below.resistance)
    flux = conductance * (profile[:-1] - profile[1:])
    gain = -flux * conductance
    own_above, other_above = half_layer_slopes(upper, fraction[:-1], away, above)
    own_below, other_below = half_layer_slopes(lower, fraction[1:], -away, below)
    turning_above = gain * (own_above + other_below) * fraction_slope[:-1]
    turning_below = gain * (own_below + other_above) * fraction_slope[1:]
    by_upper = conductance * slope[:-1] + jnp.maximum(turning_above, least)
    by_lower = -conductance * slope[1:] + jnp.minimum(turning_below, -least)

    first = _first_half(column, fraction)
    contrast = column.conductivity_contrast[0]
    entrance = reciprocal(surface.resistance + first.resistance)
    entering = entrance * (surface.temperature - profile[0])
    turning = entering * entrance * first.resistance * first.resistivity * contrast
    by_first = -entrance * slope[0] + jnp.minimum(turning * fraction_slope[0], -least)

    return Fluxes(entering, by_first, flux, by_upper, by_lower)


def residual(
    column: SoilColumn, new: Layers, old: Layers, surface: Surface, seconds: Float[Array, ""]
) -> Layers:
    """r = H − Hⁿ − Δt/Δz (F_up − F_dn) of a backward-Euler step, J m⁻³."""
    flux = boundary_fluxes(column, new, surface)
    return new - old + seconds / column.thickness * jnp.diff(flux, axis=0)
