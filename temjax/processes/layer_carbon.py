"""Carbon of soil layers in a month: rates, decomposition and mixing, decay of thawed old carbon.

Source: docs/specification/layered_soil.md 5. Arrays are ``(layer, *cell)``; carbon in g C m⁻².
TEM's month runs with one number from here, the effective response; what it respires and sheds
comes back and is distributed over the layers.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import Cell, CellLike, larger, safe_divide
from temjax.processes.decomposition import moisture_response

LEAST_RATE = 1e-8  # of a layer that never thaws: a fixed point stays regular
LEAST_MOISTURE = 1e-6  # of TEM's response, by which layers' are divided
UNROLLED = 16  # layers, up to which the elimination is written out

Layers = Float[Array, "layer *#cell"]
Faces = Float[Array, "face *#cell"]


class Moisture(NamedTuple):
    """Moisture responses: of every layer, and TEM's of the root zone (–)."""

    layers: Layers
    root_zone: Cell


def layer_moisture(
    *,
    available_water: CellLike,
    wilting_point: CellLike,
    rooting_depth: CellLike,
    root_share: Layers,
    layer_water: Layers,
    moisture_minimum: CellLike,
    moisture_optimum: CellLike,
    moisture_maximum: CellLike,
) -> Moisture:
    """Moisture responses of decomposition: TEM's water among roots, that of heat below (L-12).

    Args:
        available_water: AVLW, mm.
        wilting_point: WILTPT, mm.
        rooting_depth: ROOTZ, m.
        root_share: share of every layer among roots (–).
        layer_water: of the heat horizons, m³ m⁻³.
        moisture_minimum, moisture_optimum, moisture_maximum: m³ m⁻³.
    """
    limits = dict(
        moisture_minimum=moisture_minimum,
        moisture_optimum=moisture_optimum,
        moisture_maximum=moisture_maximum,
    )
    volumetric = (available_water + wilting_point) / (1000.0 * rooting_depth)
    mixed = root_share * volumetric + (1.0 - root_share) * layer_water
    return Moisture(
        layers=moisture_response(volumetric_moisture=mixed, **limits),
        root_zone=moisture_response(volumetric_moisture=volumetric, **limits),
    )


def relative_rates(
    *, response: Layers, attenuation: Layers, moisture: Moisture, scale: CellLike
) -> Layers:
    """Decomposition rates q of the layers, relative to TEM's KD and moisture (–) (L-13).

    Args:
        response: r, to temperature and thaw (–).
        attenuation: d (–).
        moisture: responses.
        scale: κ, rate at the surface relative to KDC of the bulk soil (–).
    """
    rate = response * attenuation * moisture.layers / larger(moisture.root_zone, LEAST_MOISTURE)
    return scale * larger(rate, LEAST_RATE)


def effective_response(rates: Layers, carbon: Layers) -> Cell:
    """Effective response q̄ = Σ q A/Σ A, which TEM's month takes for its own (–) (L-14)."""
    return safe_divide(jnp.sum(rates * carbon, axis=0), jnp.sum(carbon, axis=0), rates[0])


class LayerMonth(NamedTuple):
    """Active carbon at the end of a month and what the layers respired in it, g C m⁻²."""

    carbon: Layers
    respiration: Layers


def _mixed(conductance: Faces, thickness: Layers, decay: Layers, right: Layers) -> Layers:
    """Solve (1 + τ q) A* + mixing = A⁰ + w Λ by elimination without pivots (L-15)."""
    no_face = jnp.zeros_like(right[:1])
    above = jnp.concatenate([no_face, conductance])
    below = jnp.concatenate([conductance, no_face])
    diagonal = 1.0 + decay + (above + below) / thickness
    from_above = -above[1:] / thickness[:-1]
    from_below = -below[:-1] / thickness[1:]
    no_row = jnp.zeros_like(right[:1])
    lower, upper = (
        jnp.concatenate([no_row, from_above]),
        jnp.concatenate([from_below, no_row]),
    )

    def eliminate(row_above, row):
        ratio, value = row_above
        lower, diagonal, upper, right = row
        pivot = diagonal - lower * ratio
        here = upper / pivot, (right - lower * value) / pivot
        return here, here

    def substitute(solution, row):
        ratio, value = row
        solution = value - ratio * solution
        return solution, solution

    unroll = min(right.shape[0], UNROLLED) if right.shape[0] <= UNROLLED else 1
    start = jnp.zeros_like(right[0])
    rows = jnp.broadcast_arrays(lower, diagonal, upper, right)
    _, reduced = jax.lax.scan(eliminate, (start, start), tuple(rows), unroll=unroll)
    return jax.lax.scan(substitute, start, reduced, reverse=True, unroll=unroll)[1]


def advance_layers(
    *,
    carbon: Layers,
    rates: Layers,
    litter_shares: Layers,
    conductance: Faces,
    thickness: Layers,
    litterfall: Cell,
    respiration: Cell,
    total: Cell,
) -> LayerMonth:
    """Active carbon after a month, from TEM's litterfall and respiration (L-15 … L-17).

    Args:
        carbon: A⁰ at its start, g C m⁻².
        rates: q (–).
        litter_shares: w (–).
        conductance: g of the faces, m month⁻¹.
        thickness: that active carbon fills, m.
        litterfall: Λ, g C m⁻² month⁻¹.
        respiration: X, g C m⁻² month⁻¹.
        total: SOLC at the end of the month, g C m⁻²; differs from the layers' sum by rounding.
    """
    received = litter_shares * litterfall
    midway = jnp.sum(rates * (carbon + 0.5 * received), axis=0)
    decay = safe_divide(respiration, midway) * rates
    right = carbon + received
    solved = _mixed(conductance, thickness, decay, right)
    lost = rates * solved
    respired = respiration * safe_divide(lost, jnp.sum(lost, axis=0))
    density = solved / thickness
    downward = conductance * (density[:-1] - density[1:])
    no_face = jnp.zeros_like(right[:1])
    flux = jnp.concatenate([no_face, downward]) - jnp.concatenate([downward, no_face])
    after = right - respired + flux
    return LayerMonth(after * safe_divide(total, jnp.sum(after, axis=0), 1.0), respired)


def old_carbon_loss(
    *,
    carbon: Layers,
    rate: CellLike,
    attenuation: Layers,
    moisture: Moisture,
    response: Layers,
) -> Layers:
    """Thawed old carbon that decays in a month, exactly, g C m⁻² (L-18).

    Args:
        carbon: B, g C m⁻².
        rate: k_o, yr⁻¹.
        attenuation: d° (–).
        moisture: responses.
        response: o, to temperature and thaw (–).
    """
    return -carbon * jnp.expm1(-rate / 12.0 * attenuation * moisture.layers * response)
