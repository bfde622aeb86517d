"""Temperature at a depth from layer temperatures."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import limited
from temjax.processes.soil_heat import Surface, column_conduction
from temjax.soil_column import SoilColumn

Shares = Float[Array, "*depth_layer_cell"]
Some = Float[Array, "*layer_cell"]


class Profile(eqx.Module):
    """Temperature profile, linear in depth between layer tops and layer middles, °C.

    Attributes:
        top: at the top of each layer, ``(layer, *cell)``; the first is the ground surface.
        centre: in the middle of each layer, ``(layer, *cell)``.
    """

    top: Float[Array, "layer *cell"]
    centre: Float[Array, "layer *cell"]


class DepthShares(eqx.Module):
    """Share of each half layer above a depth, 0–1, ``(depth, layer, *cell)``."""

    upper_half: Float[Array, "depth layer *cell"]
    lower_half: Float[Array, "depth layer *cell"]


def profile(column: SoilColumn, enthalpy: Float[Array, "layer *cell"], surface: Surface) -> Profile:
    """Layer temperatures and the temperatures at layer tops that the heat fluxes imply."""
    layers, through = column_conduction(column, enthalpy, surface)
    return Profile(top=through.temperature, centre=layers.temperature)


def depth_shares(column: SoilColumn, depths: tuple[float, ...]) -> DepthShares:
    """Weights of ``temperature_at`` for fixed depths (m)."""
    half = 0.5 * column.thickness
    return DepthShares(
        upper_half=jnp.stack([limited((z - column.top) / half, 0.0, 1.0) for z in depths]),
        lower_half=jnp.stack([limited((z - column.centre) / half, 0.0, 1.0) for z in depths]),
    )


def half_layer_change(share: Shares, above: Some, below: Some) -> Shares:
    """Temperature change along a half layer down to a depth, or to its lower end, K.

    Args:
        share: of the half layer above the depth.
        above: temperature at its upper end, °C.
        below: temperature at its lower end, °C.
    """
    return share * (below - above)


def layer_change(
    upper_half: Shares, lower_half: Shares, top: Some, centre: Some, bottom: Some
) -> Shares:
    """Temperature change from a layer's top down to a depth, or to its bottom, K."""
    return half_layer_change(upper_half, top, centre) + half_layer_change(
        lower_half, centre, bottom
    )


def temperature_at(shares: DepthShares, profile: Profile) -> Float[Array, "depth *cell"]:
    """Temperature at the depths of ``shares``, °C.

    The changes from node to node, from the surface down, are summed up to the depth: no search, and
    smooth in layer thickness.
    """
    bottom = jnp.concatenate([profile.top[1:], profile.centre[-1:]])
    changes = layer_change(
        shares.upper_half, shares.lower_half, profile.top, profile.centre, bottom
    )
    return profile.top[0] + jnp.sum(changes, axis=1)


def shares_above(column: SoilColumn, depth: float) -> Float[Array, "layer *cell"]:
    """Weights of the layers in the mean from the surface to ``depth`` (m)."""
    return limited(depth - column.top, 0.0, column.thickness) / depth


def mean_above(
    shares: Float[Array, "layer *cell"], centre: Float[Array, "layer *cell"]
) -> Float[Array, "*cell"]:
    """Mean temperature from the surface to the depth of the shares, °C."""
    return jnp.sum(shares * centre, axis=0)
