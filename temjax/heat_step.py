"""One backward-Euler step of soil heat: Newton in enthalpy, cell by cell (soil_heat.md 2).

Most cells are done in two to four iterations, a few in a thousand need many. The whole batch goes
through the first few together; what is left is gathered and goes on in small groups, so that a step
does not cost every cell the iterations of its worst one.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.numerics import reciprocal
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Fluxes, Surface
from temjax.thermal_grid import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]

# Σ|imbalance|Δz relative to Σ|H|Δz at which a step is solved …
BALANCED = 1e-12
# … or this many units of rounding, of Σ|H|Δz and of the heat crossing the boundaries both ways
ROUNDING = 16.0
# Share of a layer's melting heat below which a step is short; a longer one can reach another root
SHORT = 0.03
# Iterations all cells do together, batches worth splitting afterwards, and the share of a group
TOGETHER, SPLIT, GROUPS = 5, 256, 16


class HeatStep(eqx.Module):
    """Result of one step: new enthalpy (J m⁻³) and the surface flux of that step (W m⁻²)."""

    enthalpy: Layers
    surface_flux: Cells


class _Problem(NamedTuple):
    """What a step starts from, cells last in every leaf."""

    column: SoilColumn
    old: Layers
    surface: Surface
    limit: Cells


class _Search(NamedTuple):
    """An iterate; ``imbalance`` is that of the iterate before it."""

    enthalpy: Layers
    imbalance: Cells
    exact: Bool[Array, "*cell"]
    radius: Cells
    count: Int[Array, "*cell"]


def _limit(column: SoilColumn, old: Layers, surface: Surface, seconds: Float[Array, ""]) -> Cells:
    """Σ|imbalance|Δz that counts as solved, J m⁻².

    A column near 0 °C has next to no enthalpy, and in float32 the rounding of the fluxes alone is
    more than any share of it.
    """
    rounding = ROUNDING * float(jnp.finfo(old.dtype).eps)
    profile = soil_heat.temperature(column, old)
    resistance = soil_heat.resistances(column, soil_heat.liquid_fraction(column, old), surface)
    above = soil_heat.temperature_above(profile, surface)
    crossing = jnp.sum((jnp.abs(above) + jnp.abs(profile)) / resistance.total, axis=0)
    content = jnp.sum(jnp.abs(old) * column.thickness, axis=0)
    return max(BALANCED, rounding) * content + rounding * seconds * crossing


def newton_change(
    column: SoilColumn,
    fluxes: Fluxes,
    seconds: Float[Array, ""],
    gained: Layers,
    leaving: Cells,
) -> tuple[Layers, Cells]:
    """Change of enthalpy that balances the linearised step, and how much it was out of balance.

    Rows Δz·ΔH − Δt·(F_up − F_dn), eliminated as they are put together: one scan down and one up.
    Linear in ``gained`` where the fluxes are zero. No pivoting: the forward matrices are diagonally
    dominant, the exact ones near it.

    Args:
        column: soil column.
        fluxes: at the iterate.
        seconds: length of the step, s.
        gained: Δz·(H − Hⁿ) at the iterate, J m⁻².
        leaving: downward flux through the bottom, W m⁻².

    Returns:
        The change, J m⁻³, and Σ|row|, J m⁻².
    """

    def next_boundary(above, boundary):
        """Complete the row above a boundary, begin the one below."""
        lower, diagonal, row, ratio, value, total = above
        flux, by_upper, by_lower, thickness, gained = boundary
        row = row + seconds * flux
        inverse = reciprocal(diagonal + seconds * by_upper - lower * ratio)
        ratio, value = seconds * by_lower * inverse, -(row + lower * value) * inverse
        below = (-seconds * by_upper, thickness - seconds * by_lower, gained - seconds * flux)
        return (*below, ratio, value, total + jnp.abs(row)), (ratio, value)

    def substitute(change, row):
        ratio, value = row
        change = value - ratio * change
        return change, change

    zero = jnp.zeros_like(gained[0])
    first = column.thickness[0] - seconds * fluxes.by_first, gained[0] - seconds * fluxes.entering
    (lower, diagonal, row, ratio, value, total), rows = jax.lax.scan(
        next_boundary,
        (zero, *first, zero, zero, zero),
        (fluxes.flux, fluxes.by_upper, fluxes.by_lower, column.thickness[1:], gained[1:]),
    )
    row = row + seconds * leaving
    last = -(row + lower * value) * reciprocal(diagonal - lower * ratio)
    _, change = jax.lax.scan(substitute, last, rows, reverse=True)
    return jnp.concatenate([change, last[None]]), total + jnp.abs(row)


def _correction(
    problem: _Problem, seconds: Float[Array, ""], new: Layers, exact: Bool[Array, "*cell"]
) -> tuple[Fluxes, Layers, Cells]:
    """Linearised fluxes at an iterate, Newton's change of it, and what is out of balance."""
    column, old, surface, _ = problem
    fluxes = soil_heat.linearised_fluxes(column, new, surface, exact=exact)
    gained = (new - old) * column.thickness
    return fluxes, *newton_change(column, fluxes, seconds, gained, -column.geothermal_flux)


def _searching(problem: _Problem, search: _Search, last: int) -> Bool[Array, "*cell"]:
    return (search.imbalance > problem.limit) & (search.count < last)


def _iterate(problem: _Problem, seconds: Float[Array, ""], search: _Search, last: int) -> _Search:
    """Newton iterations until every cell is solved or has done ``last``."""

    def improve(search: _Search) -> _Search:
        _, change, imbalance = _correction(problem, seconds, search.enthalpy, search.exact)
        # the imbalance is that of the iterate at hand: what the step before this one has led to
        failed = search.exact & (imbalance > 0.5 * search.imbalance)
        radius = jnp.where(failed, 0.25 * search.radius, search.radius)
        length = jnp.max(jnp.abs(change) / problem.column.melt_enthalpy, axis=0)
        # a cell that is done does not change while others go on: it never knows its neighbours
        active = (imbalance > problem.limit) & (search.count < last)
        return _Search(
            enthalpy=search.enthalpy + jnp.where(active, change, 0.0),
            imbalance=jnp.where(search.count < last, imbalance, search.imbalance),
            exact=jnp.where(active, (length < radius) & ~failed, search.exact),
            radius=jnp.where(active, radius, search.radius),
            count=search.count + active,
        )

    return jax.lax.while_loop(
        lambda search: jnp.any(_searching(problem, search, last)), improve, search
    )


def _solve(problem: _Problem, seconds: Float[Array, ""], search: _Search, last: int) -> _Search:
    """Iterate together, then group by group what is left."""
    size = problem.limit.size
    if size < SPLIT or problem.limit.ndim != 1:
        return _iterate(problem, seconds, search, last)

    def next_group(search: _Search) -> _Search:
        left = _searching(problem, search, last).astype(problem.limit.dtype)
        _, cells = jax.lax.top_k(left, size // GROUPS)
        group, part = jax.tree.map(lambda leaf: leaf[..., cells], (problem, search))
        part = _solve(group, seconds, part, last)
        return jax.tree.map(lambda all, some: all.at[..., cells].set(some), search, part)

    search = _iterate(problem, seconds, search, min(TOGETHER, last))
    return jax.lax.while_loop(
        lambda search: jnp.any(_searching(problem, search, last)), next_group, search
    )


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def heat_step(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surface: Surface,
    seconds: Float[Array, ""],
) -> HeatStep:
    """One backward-Euler step.

    Newton in H, cell by cell until what is out of balance is rounding. Far from the solution it
    takes the stable part of the Jacobian (see ``linearised_fluxes``), after a short step the exact
    one, which converges quadratically; where that does not halve what is out of balance, short gets
    shorter. The last iteration is an update by the divergence of the linearised fluxes, so energy
    closes to rounding whatever the iteration count.

    Derivatives are those of the converged step by the implicit function theorem, with the exact
    Jacobian (dk/df included) at the last iterate; they hold in forward and reverse mode and no
    gradient passes through the iterations.

    Args:
        iterations: Newton iterations at most (static).
        column: soil column.
        old: enthalpy at the start of the step, J m⁻³, ``(layer, *cell)``.
        surface: driver of the top over the step.
        seconds: length of the step, s.
    """
    problem = _Problem(column, old, surface, _limit(column, old, surface, seconds))
    shape = problem.limit.shape
    first = _Search(
        enthalpy=old,
        imbalance=jnp.full(shape, jnp.inf, old.dtype),
        exact=jnp.zeros(shape, bool),
        radius=jnp.full(shape, SHORT, old.dtype),
        count=jnp.zeros(shape, int),
    )
    search = _solve(problem, seconds, first, iterations - 1)
    fluxes, change, _ = _correction(problem, seconds, search.enthalpy, search.exact)
    entering = fluxes.entering + fluxes.by_first * change[0]
    flux = fluxes.flux + fluxes.by_upper * change[:-1] + fluxes.by_lower * change[1:]
    flux = jnp.concatenate([entering[None], flux, -column.geothermal_flux[None]])
    return HeatStep(old - seconds / column.thickness * jnp.diff(flux, axis=0), entering)


@heat_step.defjvp
def _heat_step_jvp(iterations, primals, tangents):
    column, old, surface, seconds = primals
    step = heat_step(iterations, column, old, surface, seconds)
    new = step.enthalpy
    _, unbalanced = jax.jvp(
        lambda column, old, surface, seconds: soil_heat.residual(
            column, new, old, surface, seconds
        ),
        primals,
        tangents,
    )
    fluxes = soil_heat.linearised_fluxes(column, new, surface, exact=True)
    still = fluxes._replace(
        entering=jnp.zeros_like(fluxes.entering), flux=jnp.zeros_like(fluxes.flux)
    )
    # as a jvp of a linear map: JAX 0.5 transposes no scan that a rule applies to tangents itself
    _, change = jax.jvp(
        lambda gained: newton_change(column, still, seconds, gained, still.entering)[0],
        (jnp.zeros_like(new),),
        (unbalanced * column.thickness,),
    )
    _, flux_change = jax.jvp(
        lambda column, new, surface: soil_heat.boundary_fluxes(column, new, surface)[0],
        (column, new, surface),
        (tangents[0], change, tangents[2]),
    )
    return step, HeatStep(change, flux_change)
