"""Thermal resistance of half layers, with the phase front of a melting layer resolved."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import reciprocal

Layers = Float[Array, "layer *cell"]
# Of all layers, of some, or of one without its axis
Some = Float[Array, "*layer_cell"]


class Conducting(NamedTuple):
    """Conductive properties of the layers on one side of the boundaries, ``(layer - 1, *cell)``."""

    thickness: Layers
    conductivity_frozen: Layers
    contrast: Layers
    swept: Layers


class Front(NamedTuple):
    """Correction of half layers for the front in a layer (see ``half_layer``), faded with depth.

    Attributes:
        lean: λ.
        turn: 2m(1 + m²).
        lean_slope: dλ/df.
        turn_slope: of ``turn``.
    """

    lean: Layers
    turn: Layers
    lean_slope: Layers
    turn_slope: Layers


class HalfLayer(NamedTuple):
    """Half layer between a layer's middle and one of its boundaries, ``(layer, *cell)``.

    Attributes:
        resistance: m² K W⁻¹.
        resistivity: 1/k, m K W⁻¹.
        reach: thickness over k of the layer, m² K W⁻¹.
        turned: by how much of the layer's thickness the distance grows with f_n − f.
    """

    resistance: Layers
    resistivity: Layers
    reach: Layers
    turned: Layers


def front(side: Conducting, fraction: Some) -> Front:
    """Front correction of a layer from its liquid fraction."""
    middle = 2.0 * fraction - 1.0
    square = middle * middle
    doubled = 2.0 * side.swept * middle
    return Front(
        lean=side.swept - side.swept * (square * square),
        turn=doubled + doubled * square,
        lean_slope=-4.0 * (doubled * square),
        turn_slope=side.swept * (4.0 + 12.0 * square),
    )


def half_layer(side: Conducting, front: Front, fraction: Some, away: Some) -> HalfLayer:
    """Resistance of a half layer towards one neighbour, with the front of a melting layer resolved.

    The new phase lies on the side it came from. Heat between that neighbour and the front crosses
    only that neighbour's phase, over the share of the layer it fills: f when thawing, 1 − f when
    freezing. With m = 2f − 1, λ = 1 − m⁴ and σ = (f_n − f) over its largest value, conductivity is
    taken at f + λ(f_n − f) and distance as ½ + ½mλσ of the layer; λ fades both out where the layer
    has one phase, which leaves Δz/2k. Plain half layers delay freezing by 4 cm in the Neumann test.

    λσ = 4(1 + m²)·q·(f_n − f) with q = f towards a more thawed neighbour and 1 − f otherwise: no
    division by f or 1 − f.

    A conductance that grows while a front enters a layer lets a standing front rest in several
    places (seen as eigenvalues of the annual map above 1), so the correction fades out below 4 m,
    where fronts move over decades.

    Args:
        side: the layers.
        front: λ and 2m(1 + m²) of them, faded.
        fraction: their liquid fraction f.
        away: f_n − f, how much more liquid the layer across the boundary is.
    """
    turned = front.turn * jnp.where(away > 0.0, fraction, 1.0 - fraction)
    resistivity = reciprocal(
        side.conductivity_frozen + (fraction + front.lean * away) * side.contrast
    )
    reach = side.thickness * resistivity
    return HalfLayer(reach * (0.5 + turned * away), resistivity, reach, turned)


def half_layer_slopes(
    side: Conducting, front: Front, fraction: Some, away: Some, half: HalfLayer
) -> tuple[Some, Some]:
    """Derivatives of a half layer's resistance in its own and the neighbour's liquid fraction."""
    to_thawed = away > 0.0
    share = jnp.where(to_thawed, fraction, 1.0 - fraction)
    turned_slope = front.turn_slope * share + jnp.where(to_thawed, front.turn, -front.turn)
    by_conductivity = half.resistance * (side.contrast * half.resistivity)
    other = half.reach * half.turned - by_conductivity * front.lean
    own = away * (half.reach * turned_slope - by_conductivity * front.lean_slope)
    return own - other - by_conductivity, other


def plain_half(side: Conducting, fraction: Some) -> HalfLayer:
    """Half layer Δz/2k without a front, or at the surface."""
    resistivity = reciprocal(side.conductivity_frozen + fraction * side.contrast)
    reach = side.thickness * resistivity
    return HalfLayer(0.5 * reach, resistivity, reach, jnp.zeros_like(reach))
