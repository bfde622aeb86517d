"""An iteration of the search for a step of soil heat, layer by layer: down, and up again.

Elementwise in the cells, so that a scan over layers and a kernel that loops over them share it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.heat.newton import Progress, beginning, is_open, judged, limit, moved
from temjax.heat.tridiagonal import Elimination, first_row, last_row, next_row
from temjax.processes.soil_heat import (
    Boundary,
    LayerState,
    Surface,
    flux_between,
    flux_into,
    layer_state,
)
from temjax.soil_column import LayerFacts

Cells = Float[Array, "*cell"]
Some = Float[Array, "*layer_cell"]


class Descent(NamedTuple):
    """What the way down takes from a layer to the next one.

    Attributes:
        upper: the layer.
        rows: the elimination above its lower boundary.
        crossing: heat crossing the boundaries so far both ways, W m⁻².
        content: Σ|H|Δz so far at the start of the step, J m⁻².
    """

    upper: LayerState
    rows: Elimination
    crossing: Cells
    content: Cells


class Row(NamedTuple):
    """What the way up needs of a boundary: its flux, and the elimination above it."""

    flux: Some
    by_upper: Some
    by_lower: Some
    ratio: Some
    value: Some


class Place(NamedTuple):
    """Where the search is in a cell.

    Attributes:
        seconds: length of the step, s.
        progress: of the search.
        limit: imbalance at which the step counts as solved, J m⁻²; known after an iteration.
        running: whether there is a step to be solved.
    """

    seconds: Cells
    progress: Progress
    limit: Cells
    running: Bool[Array, "*cell"]


class Verdict(NamedTuple):
    """What the way down finds.

    Attributes:
        change: Newton's, of the lowest layer, J m⁻³.
        imbalance: Σ|imbalance|Δz of the iterate, J m⁻².
        limit: at which that is rounding.
        solved: whether it is, or the iterations are used up: the step ends.
        active: whether the search goes on.
    """

    change: Cells
    imbalance: Cells
    limit: Cells
    solved: Bool[Array, "*cell"]
    active: Bool[Array, "*cell"]


class Ascent(NamedTuple):
    """What the way up takes from a layer to the one above.

    Attributes:
        change: Newton's, of the layer, J m⁻³.
        flux: through its lower boundary, W m⁻².
        length: largest change so far relative to the melting heat.
    """

    change: Cells
    flux: Cells
    length: Cells


def go_down_from(
    facts: LayerFacts, old: Cells, new: Cells, surface: Surface, at: Place
) -> tuple[Descent, tuple[Cells, Cells]]:
    """Begin with the uppermost layer; the flux into it and its derivative."""
    upper = layer_state(facts, new)
    top = flux_into(upper, surface, at.progress.exact)
    gained = (new - old) * facts.thickness
    rows = first_row(facts.thickness, gained, top.flux, top.by_lower, at.seconds)
    descent = Descent(upper, rows, top.both_ways, jnp.abs(old) * facts.thickness)
    return descent, (top.flux, top.by_lower)


def go_down(
    descent: Descent, facts: LayerFacts, old: Cells, new: Cells, at: Place
) -> tuple[Descent, Row]:
    """Linearise the flux into the next layer and eliminate the one above it."""
    lower = layer_state(facts, new)
    between = flux_between(descent.upper, lower, at.progress.exact)
    return eliminated(descent, lower, between, facts, old, new, at)


def eliminated(
    descent: Descent,
    lower: LayerState,
    between: Boundary,
    facts: LayerFacts,
    old: Cells,
    new: Cells,
    at: Place,
) -> tuple[Descent, Row]:
    """Eliminate the layer above a boundary."""
    gained = (new - old) * facts.thickness
    rows = next_row(descent.rows, *between[:3], facts.thickness, gained, at.seconds)
    below = Descent(
        lower,
        rows,
        descent.crossing + between.both_ways,
        descent.content + jnp.abs(old) * facts.thickness,
    )
    return below, Row(*between[:3], rows.ratio, rows.value)


def turn(
    iterations: int,
    rows: Elimination,
    crossing: Cells,
    content: Cells,
    geothermal_flux: Cells,
    at: Place,
) -> Verdict:
    """At the bottom: how much the iterate is out of balance, and what becomes of it."""
    change, imbalance = last_row(rows, -geothermal_flux, at.seconds)
    at_start = limit(content, crossing, at.seconds)
    enough = jnp.where(at.progress.count == 0, at_start, at.limit)
    going_on = is_open(imbalance, at.progress.count, enough, iterations - 1)
    return Verdict(change, imbalance, enough, at.running & ~going_on, at.running & going_on)


def go_up_from(verdict: Verdict, geothermal_flux: Cells) -> Ascent:
    """Begin with the lowest layer."""
    return Ascent(verdict.change, -geothermal_flux, jnp.zeros_like(verdict.change))


def _moved(
    ascent: Ascent,
    entering: Cells,
    facts: LayerFacts,
    old: Cells,
    new: Cells,
    at: Place,
    verdict: Verdict,
) -> tuple[Cells, Cells, Cells]:
    ended = old - at.seconds * facts.per_thickness * (ascent.flux - entering)
    onward = moved(at.progress, old, new, ascent.change, facts.melt_enthalpy, verdict.active)
    length = jnp.abs(ascent.change) * facts.per_melt_enthalpy
    length = jnp.where(length > ascent.length, length, ascent.length)
    solved = verdict.solved
    return jnp.where(solved, ended, old), jnp.where(solved, ended, onward), length


def go_up(
    ascent: Ascent, facts: LayerFacts, old: Cells, new: Cells, row: Row, at: Place, verdict: Verdict
) -> tuple[Ascent, tuple[Cells, Cells]]:
    """Take the step in a layer, or, where the search has ended, update it by divergence.

    Returns:
        For the layer above; and where the step (or the next one) starts from, and the next iterate.
    """
    above = row.value - row.ratio * ascent.change
    entering = row.flux + row.by_upper * above + row.by_lower * ascent.change
    old, new, length = _moved(ascent, entering, facts, old, new, at, verdict)
    return Ascent(above, entering, length), (old, new)


def arrive(
    ascent: Ascent,
    facts: LayerFacts,
    old: Cells,
    new: Cells,
    entering: tuple[Cells, Cells],
    at: Place,
    verdict: Verdict,
) -> tuple[Ascent, tuple[Cells, Cells]]:
    """The same for the uppermost layer; the flux of the ascent is that through the surface."""
    flux = entering[0] + entering[1] * ascent.change
    old, new, length = _moved(ascent, flux, facts, old, new, at, verdict)
    return Ascent(ascent.change, flux, length), (old, new)


def settle(
    iterations: int, step: Int[Array, "*cell"], at: Place, verdict: Verdict, length: Cells
) -> tuple[Int[Array, "*cell"], Progress]:
    """The step every cell is at after the iteration, and the progress of its search."""
    after = judged(at.progress, verdict.imbalance, length, verdict.active, iterations - 1)
    progress = jax.tree.map(
        lambda fresh, was: jnp.where(verdict.solved, fresh, was), beginning(verdict.limit), after
    )
    return step + verdict.solved, progress
