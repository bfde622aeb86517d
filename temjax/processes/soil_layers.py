"""Soil layers: geometry, observed carbon, litter and mixing by depth, responses of decomposition.

Source: docs/specification/layered_soil.md 2, 4. Arrays are ``(layer, *cell)``; depths in m,
positive down. Where heat layers meet carbon layers, heat layers are the second axis.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.numerics import (
    Cell,
    CellLike,
    larger,
    limited,
    positive_part,
    safe_divide,
    smaller,
)
from temjax.processes.decomposition import temperature_response
from temjax.processes.thaw_exposure import fraction_between
from temjax.soil_column import LATENT_HEAT, SoilColumn

REFERENCE_DEPTH = 2.0  # m, to which the stock of old carbon is given
LEAST_THAW = 0.05  # m, thawed soil that litter and mixing find where the ground does not thaw
MIXING_FADE = 0.2  # of the mixed depth, over which mixing ends
LEAST_ACTIVE_SHARE = 1e-3  # of a layer that active carbon fills where all of it is frozen
LEAST_SERIES = 1e-3  # argument from which (1 − e^−x)/x is no longer taken from its series
LEAST_OVERLAP = 1e-9  # m, and share of a layer

Layers = Float[Array, "layer *#cell"]
Faces = Float[Array, "face *#cell"]
Overlaps = Float[Array, "layer heat *#cell"]
Months = Float[Array, "12 heat *#cell"]


class Bounds(NamedTuple):
    """Depths of the top and the bottom of every layer, m."""

    top: Layers
    bottom: Layers

    @property
    def thickness(self) -> Layers:
        """Δz, m."""
        return self.bottom - self.top

    @property
    def centre(self) -> Layers:
        """Depth of the middle, m."""
        return 0.5 * (self.top + self.bottom)


def layer_bounds(interfaces: tuple[float, ...], axes: int = 0, dtype=float) -> Bounds:
    """Bounds of the soil layers between interfaces, m.

    Args:
        interfaces: m, from 0 down.
        axes: number of cell axes to broadcast against.
        dtype: of the arrays.
    """
    depths = jnp.asarray(interfaces, dtype).reshape((-1,) + (1,) * axes)
    return Bounds(depths[:-1], depths[1:])


def heat_bounds(column: SoilColumn) -> Bounds:
    """Bounds of the layers of soil heat, m."""
    return Bounds(column.top, column.top + column.thickness)


def overlap(upper: CellLike, lower: CellLike, top: CellLike, bottom: CellLike) -> Cell:
    """Thickness that two spans of depth share, m (L-1)."""
    return positive_part(smaller(lower, bottom) - larger(upper, top))


def overlaps(bounds: Bounds, heat: Bounds) -> Overlaps:
    """Thickness that every layer shares with every heat layer, m (L-1)."""
    return overlap(bounds.top[:, None], bounds.bottom[:, None], heat.top[None], heat.bottom[None])


def layer_water(bounds: Bounds, column: SoilColumn) -> Layers:
    """Volumetric water of the layers, that of the heat horizons, m³ m⁻³ (L-2)."""
    shared = overlaps(bounds, heat_bounds(column))
    water = column.latent_heat / LATENT_HEAT
    return jnp.sum(shared * water[None], axis=1) / bounds.thickness


def attenuation(rate: CellLike, bounds: Bounds) -> Layers:
    """Attenuation of decomposition with depth e^(−a z), its exact mean over a layer (–) (L-3).

    Args:
        rate: a, m⁻¹; 0 gives 1.
        bounds: of the layers.
    """
    x = rate * bounds.thickness
    small = x < LEAST_SERIES
    safe = jnp.where(small, 1.0, x)
    mean = jnp.where(small, 1.0 - x / 2.0 + x**2 / 6.0 - x**3 / 24.0, -jnp.expm1(-safe) / safe)
    return jnp.exp(-rate * bounds.top) * mean


def share_above(bounds: Bounds, depth: CellLike) -> Layers:
    """Share of every layer above a depth (–): that of roots for the depth of the root zone."""
    return limited(depth - bounds.top, 0.0, bounds.thickness) / bounds.thickness


def stock_above(depth: CellLike, *, stock: CellLike, depth_scale: CellLike) -> Cell:
    """Observed soil carbon S(z) above a depth, g C m⁻² (L-4).

    Args:
        depth: z, m.
        stock: C₂, to 2 m, g C m⁻².
        depth_scale: b, m.
    """
    scale = fraction_between(0.0, REFERENCE_DEPTH, depth_scale)
    return stock * fraction_between(0.0, depth, depth_scale) / scale


def stock_between(
    bounds: Bounds,
    upper: CellLike,
    lower: CellLike,
    *,
    stock: CellLike,
    depth_scale: CellLike,
) -> Layers:
    """Observed carbon O_k of every layer between two depths, g C m⁻² (L-5).

    Args:
        bounds: of the layers.
        upper, lower: m.
        stock, depth_scale: as for ``stock_above``.
    """
    within = (limited(depth, bounds.top, bounds.bottom) for depth in (upper, lower))
    scale = fraction_between(0.0, REFERENCE_DEPTH, depth_scale)
    return stock / scale * fraction_between(*within, depth_scale)


def rooting_limit(
    *, rooting_depth: CellLike, thaw_depth: CellLike, follows_thaw: bool, deepest: float = 3.0
) -> Cell:
    """Depth of the roots of a year, m: ROOTZ, or last year's thaw depth where that is deeper.

    Args:
        rooting_depth: ROOTZ, m.
        thaw_depth: of the year before, m.
        follows_thaw: whether roots follow thaw.
        deepest: that they follow it to, m.
    """
    if not follows_thaw:
        return jnp.broadcast_to(rooting_depth, jnp.shape(thaw_depth))
    return larger(rooting_depth, smaller(thaw_depth, deepest))


def litter_shares(
    bounds: Bounds, *, litter_depth: CellLike, rooting_depth: CellLike, thaw_depth: CellLike
) -> Layers:
    """Share w of the litter that every layer receives (–); they sum to 1 (L-6).

    Exponential in depth, down to the roots, last year's thaw depth or the last interface.

    Args:
        bounds: of the layers.
        litter_depth: z_r, m.
        rooting_depth: of the year, m.
        thaw_depth: of the year before, m.
    """
    limit = smaller(rooting_depth, larger(thaw_depth, LEAST_THAW))
    limit = smaller(limit, bounds.bottom[-1])

    def above(depth):
        return -jnp.expm1(-smaller(depth, limit) / litter_depth)

    return (above(bounds.bottom) - above(bounds.top)) / -jnp.expm1(-limit / litter_depth)


def mixing_conductance(
    bounds: Bounds, *, mixing: CellLike, mixing_limit: CellLike, thaw_depth: CellLike
) -> Faces:
    """Conductance g of the faces between layers for mixing, m month⁻¹ (L-7).

    Args:
        bounds: of the layers.
        mixing: D, m² yr⁻¹.
        mixing_limit: z_D, m.
        thaw_depth: of the year before, m.
    """
    face = bounds.bottom[:-1]
    mixed = smaller(larger(thaw_depth, LEAST_THAW), mixing_limit)
    share = limited((mixed - face) / (MIXING_FADE * mixed), 0.0, 1.0)
    return mixing / 12.0 * share / (bounds.centre[1:] - bounds.centre[:-1])


def active_thickness(bounds: Bounds, table: CellLike) -> Layers:
    """Thickness of every layer that active carbon fills: the part above the table, m (L-8).

    Args:
        bounds: of the layers.
        table: depth of the permafrost table, m.
    """
    least = bounds.top + LEAST_ACTIVE_SHARE * bounds.thickness
    return limited(table, least, bounds.bottom) - bounds.top


def active_response(
    bounds: Bounds,
    heat: Bounds,
    thickness: Layers,
    *,
    temperature: Months,
    liquid_fraction: Months,
    q10: CellLike,
    frozen_decomposition: CellLike,
) -> Float[Array, "12 layer *cell"]:
    """Response r of active carbon to temperature and thaw in every month (–) (L-9).

    Args:
        bounds: of the layers.
        heat: bounds of the heat layers.
        thickness: that active carbon fills, m.
        temperature: of heat layers, mean of the month, °C.
        liquid_fraction: likewise (–).
        q10: RHQ10 (–).
        frozen_decomposition: ε, decomposition in ice relative to water (–).
    """
    thawed = liquid_fraction + frozen_decomposition * (1.0 - liquid_fraction)
    rate = thawed * temperature_response(soil_temperature=temperature, q10=q10)
    shared = overlaps(Bounds(bounds.top, bounds.top + thickness), heat)
    return jnp.sum(shared[None] * rate[:, None], axis=2) / thickness


def ever_thaws(
    bounds: Bounds, heat: Bounds, largest_fraction: Float[Array, "heat *#cell"]
) -> Bool[Array, "layer *cell"]:
    """Whether a layer holds liquid water in some month.

    Args:
        bounds: of the parts of layers that active carbon fills.
        heat: bounds of the heat layers.
        largest_fraction: largest monthly liquid fraction of heat layers (–).
    """
    thawed = jnp.where(largest_fraction[None] > 0.0, overlaps(bounds, heat), 0.0)
    return jnp.sum(thawed, axis=1) > 0.0


def receives_carbon(
    bounds: Bounds, *, rooting_depth: Cell, thaw_depth: Cell, mixing_limit: CellLike
) -> Bool[Array, "layer *cell"]:
    """Whether litter or mixing brings carbon to a layer.

    Args:
        bounds: of the layers.
        rooting_depth: of the year, m.
        thaw_depth: of the year before, m.
        mixing_limit: z_D, m.
    """
    thaw_depth = larger(thaw_depth, LEAST_THAW)
    return bounds.top < smaller(thaw_depth, larger(rooting_depth, mixing_limit))


def old_response(
    bounds: Bounds,
    heat: Bounds,
    *,
    first_table: Cell,
    table: Cell,
    temperature: Months,
    liquid_fraction: Months,
    q10: CellLike,
) -> Float[Array, "12 layer *cell"]:
    """Response o of thawed old carbon, between the first table and that of the year (–) (L-10).

    A front comes from above: the part of a heat layer above the first table thaws first.

    Args:
        bounds: of the layers.
        heat: bounds of the heat layers.
        first_table: z_0, m.
        table: z_p, m.
        temperature, liquid_fraction, q10: as for ``active_response``.
    """
    above_first, above = (
        limited((depth[None] - heat.top) / heat.thickness, 0.0, 1.0)
        for depth in (first_table, table)
    )
    span = above - above_first
    inside = span > LEAST_OVERLAP
    share = limited((liquid_fraction - above_first) / jnp.where(inside, span, 1.0), 0.0, 1.0)
    rate = jnp.where(inside, share, 0.0) * temperature_response(
        soil_temperature=temperature, q10=q10
    )
    old = Bounds(larger(bounds.top, first_table), smaller(bounds.bottom, table))
    shared = overlaps(old, heat)
    total = jnp.sum(shared, axis=1)
    some = total > LEAST_OVERLAP
    mean = jnp.sum(shared[None] * rate[:, None], axis=2) / jnp.where(some, total, 1.0)
    return jnp.where(some, mean, 0.0)


def permafrost_table(table: Cell, *, thaw_depth: Cell, exposed: CellLike) -> Cell:
    """Permafrost table after a year's thaw, m: lower where thaw passed it (L-11).

    Args:
        table: before, m.
        thaw_depth: of the year, m.
        exposed: 1 where exposure acts, else 0.
    """
    return table + exposed * (larger(thaw_depth, table) - table)


def organic_nitrogen(carbon: Layers, *, soil_nitrogen: CellLike) -> Layers:
    """Nitrogen of active carbon by layer, g N m⁻²: all of it has one C:N.

    Args:
        carbon: active carbon of the layers, g C m⁻².
        soil_nitrogen: SOLN, g N m⁻².
    """
    return soil_nitrogen * safe_divide(carbon, jnp.sum(carbon, axis=0))
