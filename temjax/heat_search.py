"""The search for the enthalpy at the end of a step: Newton, cell by cell (soil_heat.md 2).

Where layers freeze or thaw whole the fluxes have kinks, and Newton can go around between the sides
of one. A cell that is not done in time begins again from the old enthalpy with short strides.

Most cells are done in two to four iterations, a few in a thousand need many. The whole batch goes
through the first few together; what is left is gathered and goes on in small groups, so that a step
does not cost every cell the iterations of its worst one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.heat_rows import newton_change
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
# Iterations after which a cell begins again, and its strides from there as a share of a layer's
# melting heat
PATIENCE, STRIDE = 10, 0.25
# Iterations after which short becomes shorter every time: some cells go around through steps that
# look well by themselves
WANDERING, SHORTER = 40, 0.7
# Iterations all cells do together, batches worth splitting afterwards, and the share of a group
TOGETHER, SPLIT, GROUPS = 5, 256, 16


class Problem(NamedTuple):
    """What a step starts from, cells last in every leaf."""

    column: SoilColumn
    old: Layers
    surface: Surface
    limit: Cells


class Progress(NamedTuple):
    """How far the search is in each cell.

    Attributes:
        imbalance: of the iterate before this one, Σ|imbalance|Δz, J m⁻².
        exact: whether the next step takes the exact Jacobian.
        leapt: whether the last step did.
        radius: below it a step is short.
        count: iterations done.
    """

    imbalance: Cells
    exact: Bool[Array, "*cell"]
    leapt: Bool[Array, "*cell"]
    radius: Cells
    count: Int[Array, "*cell"]


class Search(NamedTuple):
    """An iterate, J m⁻³, and how far it is."""

    enthalpy: Layers
    progress: Progress


def limit(column: SoilColumn, old: Layers, surface: Surface, seconds: Float[Array, ""]) -> Cells:
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


def beginning(like: Cells) -> Progress:
    """Progress before the first iteration."""
    return Progress(
        imbalance=jnp.full(like.shape, jnp.inf, like.dtype),
        exact=jnp.zeros(like.shape, bool),
        leapt=jnp.zeros(like.shape, bool),
        radius=jnp.full(like.shape, SHORT, like.dtype),
        count=jnp.zeros(like.shape, jnp.int32),
    )


def is_open(imbalance: Cells, count: Int[Array, "*cell"], limit: Cells, last: int):
    """Where the search goes on; a cell that is done never changes while others go on."""
    return (imbalance > limit) & (count < last)


def moved(
    progress: Progress,
    old: Layers,
    enthalpy: Layers,
    change: Layers,
    melt: Layers,
    active: Bool[Array, "*cell"],
) -> Layers:
    """Enthalpy after an iteration, of all layers or of one.

    Args:
        progress: before it.
        old: enthalpy at the start of the step.
        enthalpy: the iterate.
        change: Newton's.
        melt: melting heat.
        active: cells that go on.
    """
    stride = STRIDE * melt
    short = jnp.clip(change, -stride, stride)
    new = enthalpy + jnp.where(progress.count < PATIENCE, change, short)
    return jnp.where(active, jnp.where(progress.count == PATIENCE, old, new), enthalpy)


def judged(
    before: Progress,
    imbalance: Cells,
    length: Cells,
    active: Bool[Array, "*cell"],
    last: int,
) -> Progress:
    """Progress after an iteration.

    Args:
        before: progress before it.
        imbalance: of the iterate it started from, which is what the step before it has led to.
        length: largest change of a layer relative to its melting heat.
        active: cells that took the step.
        last: iterations at most.
    """
    failed = before.leapt & (imbalance > 0.5 * before.imbalance)
    anew = before.count == PATIENCE
    radius = jnp.where(failed, 0.25 * before.radius, before.radius)
    radius = jnp.where(anew, SHORT, radius)
    radius = jnp.where(before.count < WANDERING, radius, SHORTER * radius)
    return Progress(
        imbalance=jnp.where(before.count < last, imbalance, before.imbalance),
        exact=jnp.where(active, (length < radius) & ~failed & ~anew, before.exact),
        leapt=jnp.where(active, before.exact & ~anew, before.leapt),
        radius=jnp.where(active, radius, before.radius),
        count=before.count + active,
    )


def correction(
    problem: Problem, seconds: Float[Array, ""], new: Layers, exact: Bool[Array, "*cell"]
) -> tuple[Fluxes, Layers, Cells]:
    """Linearised fluxes at an iterate, Newton's change of it, and what is out of balance."""
    column, old, surface, _ = problem
    fluxes = soil_heat.linearised_fluxes(column, new, surface, exact=exact)
    gained = (new - old) * column.thickness
    return fluxes, *newton_change(column, fluxes, seconds, gained, -column.geothermal_flux)


def _searching(problem: Problem, search: Search, last: int) -> Bool[Array, "*cell"]:
    return is_open(search.progress.imbalance, search.progress.count, problem.limit, last)


def search_together(
    problem: Problem, seconds: Float[Array, ""], search: Search, last: int
) -> Search:
    """Newton iterations until every cell is solved or has done ``last``."""

    def improve(search: Search) -> Search:
        enthalpy, progress = search
        _, change, imbalance = correction(problem, seconds, enthalpy, progress.exact)
        length = jnp.max(jnp.abs(change) / problem.column.melt_enthalpy, axis=0)
        active = is_open(imbalance, progress.count, problem.limit, last)
        melt = problem.column.melt_enthalpy
        return Search(
            moved(progress, problem.old, enthalpy, change, melt, active),
            judged(progress, imbalance, length, active, last),
        )

    return jax.lax.while_loop(
        lambda search: jnp.any(_searching(problem, search, last)), improve, search
    )


def search_in_groups(
    problem: Problem, seconds: Float[Array, ""], search: Search, last: int
) -> Search:
    """Iterate together, then group by group what is left."""
    size = problem.limit.size
    if size < SPLIT or problem.limit.ndim != 1:
        return search_together(problem, seconds, search, last)

    def next_group(search: Search) -> Search:
        left = _searching(problem, search, last).astype(problem.limit.dtype)
        _, cells = jax.lax.top_k(left, size // GROUPS)
        group, part = jax.tree.map(lambda leaf: leaf[..., cells], (problem, search))
        part = search_in_groups(group, seconds, part, last)
        return jax.tree.map(lambda all, some: all.at[..., cells].set(some), search, part)

    search = search_together(problem, seconds, search, min(TOGETHER, last))
    return jax.lax.while_loop(
        lambda search: jnp.any(_searching(problem, search, last)), next_group, search
    )
