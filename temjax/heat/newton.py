"""Newton's method for the enthalpy at the end of a backward-Euler step, cell by cell.

Where layers freeze or thaw whole the fluxes have kinks, and Newton can cycle between the sides of
one. A cell that has not converged after ``RESTART_AFTER`` iterations starts again from the old
enthalpy with bounded updates (docs/specification/soil_heat.md 2).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Cells = Float[Array, "*cell"]
Some = Float[Array, "*layer_cell"]

# Σ|imbalance|Δz relative to Σ|H|Δz at which a step is solved; the update that follows squares it …
RELATIVE_TOLERANCE = 1e-9
# … or this many units of rounding, of Σ|H|Δz and of the gross heat flux across the boundaries
ROUNDING_UNITS = 16.0
# Share of a layer's melting heat below which an update is short enough for the exact Jacobian to be
# trusted; after a longer one it can reach another root
EXACT_RADIUS = 0.03
# Iterations after which a cell restarts, and the bound of its updates from there as a share of a
# layer's melting heat
RESTART_AFTER, BOUND_AFTER_RESTART = 10, 0.25
# Iterations after which the radius shrinks every time: some cells cycle through updates that each
# look well by themselves
SHRINK_AFTER, SHRINK_FACTOR = 40, 0.7


class Progress(NamedTuple):
    """Progress of the iteration in each cell.

    Attributes:
        imbalance: of the iterate before this one, Σ|imbalance|Δz, J m⁻².
        exact: whether the next update takes the exact Jacobian.
        took_exact_step: whether the last update did.
        radius: size of an update below which the next one takes the exact Jacobian.
        iteration: iterations done.
    """

    imbalance: Cells
    exact: Bool[Array, "*cell"]
    took_exact_step: Bool[Array, "*cell"]
    radius: Cells
    iteration: Int[Array, "*cell"]


def imbalance_tolerance(
    heat_content: Cells, gross_flux: Cells, seconds: Float[Array, "*#cell"]
) -> Cells:
    """Σ|imbalance|Δz below which a step counts as solved, J m⁻².

    A column near 0 °C has next to no enthalpy, and in float32 the rounding of the fluxes alone is
    more than any share of it.

    Args:
        heat_content: Σ|H|Δz at the start of the step, J m⁻².
        gross_flux: heat crossing the boundaries both ways there, W m⁻².
        seconds: length of the step, s.
    """
    rounding = ROUNDING_UNITS * float(jnp.finfo(heat_content.dtype).eps)
    return max(RELATIVE_TOLERANCE, rounding) * heat_content + rounding * seconds * gross_flux


def initial_progress(like: Cells) -> Progress:
    """Progress before the first iteration."""
    return Progress(
        imbalance=jnp.full(like.shape, jnp.inf, like.dtype),
        exact=jnp.zeros(like.shape, bool),
        took_exact_step=jnp.zeros(like.shape, bool),
        radius=jnp.full(like.shape, EXACT_RADIUS, like.dtype),
        iteration=jnp.zeros(like.shape, jnp.int32),
    )


def is_unconverged(
    imbalance: Cells, iteration: Int[Array, "*cell"], tolerance: Cells, last: int
) -> Bool[Array, "*cell"]:
    """Whether a cell iterates further; a converged one never changes while others go on."""
    return (imbalance > tolerance) & (iteration < last)


def newton_update(
    progress: Progress,
    old: Some,
    enthalpy: Some,
    change: Some,
    melt_enthalpy: Some,
    active: Bool[Array, "*cell"],
) -> Some:
    """Enthalpy after an iteration, of all layers or of one: updated, bounded or restarted.

    Args:
        progress: before it.
        old: enthalpy at the start of the step.
        enthalpy: the iterate.
        change: Newton's correction.
        melt_enthalpy: melting heat, J m⁻³.
        active: cells that iterate further.
    """
    bound = BOUND_AFTER_RESTART * melt_enthalpy
    # clip would check both bounds for NaN, in every layer
    bounded = jnp.where(change > bound, bound, jnp.where(change < -bound, -bound, change))
    new = enthalpy + jnp.where(progress.iteration < RESTART_AFTER, change, bounded)
    return jnp.where(active, jnp.where(progress.iteration == RESTART_AFTER, old, new), enthalpy)


def next_progress(
    before: Progress,
    imbalance: Cells,
    largest_change: Cells,
    active: Bool[Array, "*cell"],
    last: int,
) -> Progress:
    """Progress after an iteration: which Jacobian comes next, and within which radius.

    Args:
        before: progress before it.
        imbalance: of the iterate it started from, which the update before it has led to.
        largest_change: largest change of a layer relative to its melting heat.
        active: cells that were updated.
        last: iterations at most.
    """
    failed = before.took_exact_step & (imbalance > 0.5 * before.imbalance)
    restarted = before.iteration == RESTART_AFTER
    radius = jnp.where(failed, 0.25 * before.radius, before.radius)
    radius = jnp.where(restarted, EXACT_RADIUS, radius)
    radius = jnp.where(before.iteration < SHRINK_AFTER, radius, SHRINK_FACTOR * radius)
    exact = (largest_change < radius) & ~failed & ~restarted
    return Progress(
        imbalance=jnp.where(before.iteration < last, imbalance, before.imbalance),
        exact=jnp.where(active, exact, before.exact),
        took_exact_step=jnp.where(active, before.exact & ~restarted, before.took_exact_step),
        radius=jnp.where(active, radius, before.radius),
        iteration=before.iteration + active,
    )
