"""Thaw exposure: a deeper active layer frees frozen carbon, nitrogen and water.

Liu et al. 2022, Eq. 1–2, in the working form of docs/specification/protocol.md 2. Cumulative soil
carbon down to a depth z is proportional to p(z); from one year to the next a pool is multiplied by
s = p(z_i)/p(z_{i-1}), upward where thaw deepens and downward where it shoals.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax.numerics import Cell, CellLike, larger, limited, smaller
from temjax.options import ModelOptions
from temjax.state import ExposureState

SMALLEST_THICKNESS = 0.1
LARGEST_THICKNESS = 40.0
UNIFORM_BELOW = 3.0


def cumulative_fraction(thickness: Cell, depth_scale: Cell) -> Cell:
    """Cumulative fraction of soil carbon p(z), Eq. 2 without its common factor a (–).

    z/(b+z) down to 3 m, below that uniform at the density of 3 m; once differentiable at 3 m.

    Args:
        thickness: z, m; held between 0.1 m and the column's 40 m.
        depth_scale: b, m.
    """
    z = limited(thickness, SMALLEST_THICKNESS, LARGEST_THICKNESS)
    upper = smaller(z, UNIFORM_BELOW)
    density = depth_scale / (depth_scale + UNIFORM_BELOW) ** 2
    return upper / (depth_scale + upper) + density * (z - upper)


def fraction_between(upper: CellLike, lower: CellLike, depth_scale: CellLike) -> Cell:
    """Difference p(lower) − p(upper) of ``cumulative_fraction`` without its limits (–).

    Written as a difference, so that it is exactly 0 between equal depths.

    Args:
        upper, lower: m, from 0 down.
        depth_scale: b, m.
    """
    curved = [smaller(depth, UNIFORM_BELOW) for depth in (upper, lower)]
    product = (depth_scale + curved[0]) * (depth_scale + curved[1])
    density = depth_scale / (depth_scale + UNIFORM_BELOW) ** 2
    uniform = (lower - curved[1]) - (upper - curved[0])
    return depth_scale * (curved[1] - curved[0]) / product + density * uniform


def active_layer_by_rule(
    options: ModelOptions,
    *,
    maximum_thaw_depth: Cell,
    minimum_thaw_depth: Cell,
    thawing_degree_days: Cell,
    permafrost: Bool[Array, "*cell"],
    stefan_coefficient: CellLike,
    previous: Cell,
) -> Cell:
    """Active layer thickness H of the year by the rule in force, m; 0 while none was valid.

    ``hold``: H is the maximum thaw depth of a year whose minimum is at most 0.30 m, otherwise last
    year's. ``literal``: the maximum thaw depth. ``stefan``: E·√TDD. The last two count only years
    with permafrost; a year that does not count keeps last year's H.

    Args:
        options: the rule and its residual thaw limit.
        maximum_thaw_depth: L_i, m.
        minimum_thaw_depth: R_i, m.
        thawing_degree_days: of the ground surface, K d.
        permafrost: some layer stayed frozen for two years.
        stefan_coefficient: E, m (K d)^-1/2; only read by ``stefan``.
        previous: H_{i-1}, m.
    """
    if options.active_layer_rule == "hold":
        return jnp.where(
            minimum_thaw_depth <= options.residual_thaw_limit, maximum_thaw_depth, previous
        )
    if options.active_layer_rule == "literal":
        return jnp.where(permafrost, maximum_thaw_depth, previous)
    degree_days = larger(thawing_degree_days, 1.0)
    return jnp.where(permafrost, stefan_coefficient * jnp.sqrt(degree_days), previous)


def exposure_factor(
    *, thickness: Cell, previous: Cell, depth_scale: Cell, exposed: Float[Array, "..."]
) -> Cell:
    """Exposure factor s_i = p(H_i)/p(H_{i-1}) (–); 1 before two valid years or with exposure off.

    Args:
        thickness: H_i, m (0: not valid yet).
        previous: H_{i-1}, m (0: not valid yet).
        depth_scale: b, m.
        exposed: 1 where exposure acts this year, else 0.
    """
    valid = (previous > 0) & (thickness > 0)
    before = jnp.where(valid, previous, 1.0)
    now = jnp.where(valid, thickness, 1.0)
    ratio = cumulative_fraction(now, depth_scale) / cumulative_fraction(before, depth_scale)
    return 1 + exposed * (ratio - 1)


def exposed_thickness(*, thickness: Cell, last: Cell, exposed: Float[Array, "..."]) -> Cell:
    """Thickness that the pools represent, m: H while exposed, else its last value.

    Before the first exposure year it is the first valid H, so that the root-zone options have a
    thickness in equilibrium and spin-up.
    """
    return jnp.where((exposed > 0) | (last <= 0), thickness, last)


def accessible_nitrogen_fraction(
    options: ModelOptions,
    *,
    rooting_depth: Cell,
    thickness: Cell,
    depth_scale: Cell,
    reference_thickness: Cell | None,
) -> Cell:
    """Accessible fraction f of available nitrogen: within the rooting zone (–).

    Source: docs/specification/protocol.md 2.

    Args:
        options: ``root_zone_nitrogen``; ``pulse_only`` gives 1.
        rooting_depth: ROOTZ, m.
        thickness: thickness the pools stand for, m (0: none, f = 1).
        depth_scale: b, m.
        reference_thickness: the thickness of 2020, m, for ``const2020``.

    Raises:
        ValueError: ``const2020`` without a reference thickness.
    """
    mode = options.root_zone_nitrogen
    if mode == "pulse_only":
        return jnp.ones_like(rooting_depth)
    if mode == "const2020":
        if reference_thickness is None:
            raise ValueError(
                "root_zone_nitrogen = 'const2020' needs reference_thickness, the active layer "
                "thickness of 2020 from soil_climate"
            )
        thickness = reference_thickness
    valid = thickness > 0
    depth = jnp.where(valid, thickness, rooting_depth)
    if mode == "uniform":
        ratio = rooting_depth / depth
    else:
        ratio = cumulative_fraction(rooting_depth, depth_scale) / cumulative_fraction(
            depth, depth_scale
        )
    return jnp.where(valid, smaller(ratio, 1.0), 1.0)


class Exposed(NamedTuple):
    """Amounts exposed in a year; negative where the ground re-froze."""

    carbon: Cell
    organic_nitrogen: Cell
    inorganic_nitrogen: Cell
    water: Cell


def expose(
    options: ModelOptions,
    *,
    factor: Cell,
    soil_organic_carbon: Cell,
    soil_organic_nitrogen: Cell,
    available_nitrogen: Cell,
    available_water: Cell,
    water_limit: Cell,
    ledgers: ExposureState,
) -> tuple[tuple[Cell, Cell, Cell, Cell], ExposureState, Exposed]:
    """Thaw exposure of the pools: scale them by s and enter the amounts in the frozen ledgers.

    Args:
        options: ``root_zone_nitrogen`` and ``expose_water``.
        factor: s (–).
        soil_organic_carbon: SOLC, g C m⁻².
        soil_organic_nitrogen: SOLN, g N m⁻².
        available_nitrogen: AVLN, g N m⁻².
        available_water: AVLW, mm.
        water_limit: TOTPOR − WILTPT, mm; what exceeds it stays frozen.
        ledgers: state before.

    Returns:
        The four pools after exposure in the order given, the ledgers, and the amounts.
    """
    growth = factor - 1
    carbon = growth * soil_organic_carbon
    organic = growth * soil_organic_nitrogen
    inaccessible = ledgers.inaccessible_inorganic_nitrogen
    if options.root_zone_nitrogen == "pulse_only":
        pulse = growth * (available_nitrogen + inaccessible)
        # Re-freezing can take no more than what lies below the roots.
        inorganic = larger(pulse, -inaccessible)
        inaccessible = inaccessible + inorganic
    else:
        inorganic = growth * available_nitrogen
        available_nitrogen = available_nitrogen + inorganic
    if options.expose_water:
        scaled = smaller(factor * available_water, larger(water_limit, available_water))
        water = scaled - available_water
        available_water = scaled
    else:
        water = jnp.zeros_like(available_water)
    after = ExposureState(
        inaccessible_inorganic_nitrogen=inaccessible,
        frozen_carbon=ledgers.frozen_carbon - carbon,
        frozen_organic_nitrogen=ledgers.frozen_organic_nitrogen - organic,
        frozen_inorganic_nitrogen=ledgers.frozen_inorganic_nitrogen - inorganic,
        frozen_water=ledgers.frozen_water - water,
        active_layer_thickness=ledgers.active_layer_thickness,
        exposed_thickness=ledgers.exposed_thickness,
    )
    pools = (
        soil_organic_carbon + carbon,
        soil_organic_nitrogen + organic,
        available_nitrogen,
        available_water,
    )
    return pools, after, Exposed(carbon, organic, inorganic, water)
