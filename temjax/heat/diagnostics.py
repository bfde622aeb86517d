"""What a step of soil heat looks like afterwards, layer by layer from the top.

Elementwise in the cells, for the kernel that runs a year without keeping its steps; ``heat.year``
says the same of whole columns.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.processes.half_layers import plain_half
from temjax.processes.soil_heat import LayerState, Surface, halves_between, layer_state
from temjax.soil_column import LayerFacts

Cells = Float[Array, "*cell"]


class Layer(NamedTuple):
    """A layer before and after a step.

    Attributes:
        facts: what it is made of.
        upper_half: share of its upper half above the depth that is read, 0–1.
        lower_half: of its lower half.
        counted: its thickness where thaw depth counts it, m, else 0.
        old: enthalpy before, J m⁻³.
        new: after.
    """

    facts: LayerFacts
    upper_half: Cells
    lower_half: Cells
    counted: Cells
    old: Cells
    new: Cells


class Look(NamedTuple):
    """What was seen down to a layer.

    Attributes:
        state: of the layer.
        top: temperature at its top, °C.
        entering: flux through its top, W m⁻².
        gained: heat gained, J m⁻².
        halves: shares of its halves above the depth that is read.
        read: temperature at that depth, as far as it is known, °C.
        thaw_depth: m so far.
        imbalance: largest so far, J m⁻².
    """

    state: LayerState
    top: Cells
    entering: Cells
    gained: Cells
    halves: tuple[Cells, Cells]
    read: Cells
    thaw_depth: Cells
    imbalance: Cells


def _at(layer: Layer, state: LayerState, top, entering, read, thaw_depth, imbalance) -> Look:
    return Look(
        state=state,
        top=top,
        entering=entering,
        gained=(layer.new - layer.old) * layer.facts.thickness,
        halves=(layer.upper_half, layer.lower_half),
        read=read,
        thaw_depth=thaw_depth + layer.counted * state.fraction,
        imbalance=imbalance,
    )


def through_surface(first: LayerState, surface: Surface) -> tuple[Cells, Cells]:
    """Flux into the uppermost layer, W m⁻², and temperature at its top, °C."""
    half = plain_half(first.conducting, first.fraction).resistance
    entering = (surface.temperature - first.profile) / (surface.resistance + half)
    return entering, first.profile + entering * half


def through_boundary(upper: LayerState, lower: LayerState) -> tuple[Cells, Cells]:
    """Flux into the lower one of two layers, W m⁻², and temperature at its top, °C."""
    _, half_above, half_below = halves_between(upper, lower)
    entering = (upper.profile - lower.profile) / (half_above.resistance + half_below.resistance)
    return entering, lower.profile + entering * half_below.resistance


def look_from(layer: Layer, temperature: Cells, resistance: Cells) -> Look:
    """Begin with the uppermost layer, under the surface's temperature and resistance."""
    state = layer_state(layer.facts, layer.new)
    entering, top = through_surface(state, Surface(temperature, resistance))
    zero = jnp.zeros_like(top)
    return _at(layer, state, top, entering, top, zero, zero)


def _left(above: Look, leaving: Cells, seconds: Cells) -> Cells:
    return jnp.maximum(
        above.imbalance, jnp.abs(above.gained + seconds * (leaving - above.entering))
    )


def look_down(above: Look, layer: Layer, seconds: Cells) -> Look:
    """The next layer."""
    upper, lower = above.state, layer_state(layer.facts, layer.new)
    entering, top = through_boundary(upper, lower)
    in_upper, in_lower = above.halves
    read = above.read + in_upper * (upper.profile - above.top) + in_lower * (top - upper.profile)
    return _at(layer, lower, top, entering, read, above.thaw_depth, _left(above, entering, seconds))


def look_at_bottom(lowest: Look, geothermal_flux: Cells, seconds: Cells) -> tuple[Cells, Cells]:
    """Temperature at the depth that is read, °C, and the largest imbalance of a layer, W m⁻²."""
    read = lowest.read + lowest.halves[0] * (lowest.state.profile - lowest.top)
    return read, _left(lowest, -geothermal_flux, seconds) / seconds
