"""Steps of soil heat one after the other, every cell at its own pace.

Most cells are done with a step in two to four iterations, a few in a thousand need many, and each
time they are others. So cells do not wait for each other after a step: an iteration is that of the
step where its cell is, and a batch takes as many as its slowest cell needs in all, not the sum of
the most that each step needs. A cell ``AHEAD`` steps ahead of the slowest one waits.

An iteration walks down the layers and up again, as the kernel for GPUs does.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.heat_rows import Elimination, eliminate, first_row, last_row, next_row
from temjax.heat_search import Progress, beginning, is_open, judged, limit, moved
from temjax.processes.soil_heat import (
    Fluxes,
    Surface,
    flux_between,
    flux_into,
    layer_state,
    sides,
    uppermost,
)
from temjax.thermal_grid import LayerFacts, SoilColumn, layer_facts

AHEAD = 5
FEW = 32  # cells; at 16 all boundaries at once are 30 % faster, at 64 layer by layer is
HEAT_STEPS = "{}_heat_steps"  # name of the loop over them

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class Split(NamedTuple):
    """The uppermost layer and those below it: an iteration neither cuts nor joins arrays."""

    top: Float[Array, "*step_cell"]
    rest: Float[Array, "*step_layer_cell"]


class March(NamedTuple):
    """Where the cells are.

    Attributes:
        step: the step each is at.
        old: enthalpy at its start, J m⁻³.
        new: the iterate for its end.
        limit: imbalance at which it counts as solved, J m⁻².
        progress: of the search for its end.
        recent: enthalpy and surface flux after the last steps, by step modulo their number: that
            of the steps a cell may be ahead, and the one that all cells have done.
        done: after every step that all cells have done.
    """

    step: Int[Array, "*cell"]
    old: Split
    new: Split
    limit: Cells
    progress: Progress
    recent: tuple[Split, Float[Array, "slot *cell"]]
    done: tuple[Split, Float[Array, "step *cell"]]


class At(NamedTuple):
    """An iteration's place: the step where every cell is, and the search for its end."""

    facts: Split
    geothermal_flux: Cells
    surface: Surface
    seconds: Cells
    old: Split
    new: Split
    progress: Progress


class Row(NamedTuple):
    """What the way up needs of a boundary: its flux, and the elimination above it."""

    flux: Layers
    by_upper: Layers
    by_lower: Layers
    ratio: Layers
    value: Layers


class Walked(NamedTuple):
    """What the way down finds.

    Attributes:
        entering: flux through the surface, W m⁻², and ∂/∂H of the first layer.
        rows: of the boundaries below.
        change: Newton's, of the lowest layer, J m⁻³.
        imbalance: Σ|imbalance|Δz of the iterate, J m⁻².
        limit: at which that is rounding.
    """

    entering: tuple[Cells, Cells]
    rows: Row
    change: Cells
    imbalance: Cells
    limit: Cells


def split(layers: LayerFacts | Layers) -> Split:
    """Rows of every array apart; of facts, facts of the top and of the rest."""
    return Split(uppermost(layers), sides(layers)[1])


def join(parts: Split) -> LayerFacts | Layers:
    """The inverse of ``split``."""
    return jax.tree.map(lambda top, rest: jnp.concatenate([top[None], rest]), *parts)


def _walked(
    at: At, entering: tuple[Cells, Cells], rows: Row, last: Elimination, content, crossing
) -> Walked:
    change, imbalance = last_row(last, -at.geothermal_flux, at.seconds)
    return Walked(entering, rows, change, imbalance, limit(content, crossing, at.seconds))


def walk_down(at: At) -> Walked:
    """Linearise the fluxes and eliminate from the top, layer by layer."""
    facts, _, surface, seconds, old, new, progress = at
    upper = layer_state(facts.top, new.top)
    thickness = facts.top.thickness
    top = flux_into(upper, surface, progress.exact)
    gained = (new.top - old.top) * thickness

    def next_layer(carry, given):
        upper, above, crossing, content = carry
        here, old, new = given
        lower = layer_state(here, new)
        between = flux_between(upper, lower, progress.exact)
        gained = (new - old) * here.thickness
        row = next_row(above, *between[:3], here.thickness, gained, seconds)
        content = content + jnp.abs(old) * here.thickness
        carry = lower, row, crossing + between.both_ways, content
        return carry, Row(*between[:3], row.ratio, row.value)

    first = first_row(thickness, gained, top.flux, top.by_lower, seconds)
    start = upper, first, top.both_ways, jnp.abs(old.top) * thickness
    (_, last, crossing, content), rows = jax.lax.scan(
        next_layer, start, (facts.rest, old.rest, new.rest)
    )
    return _walked(at, (top.flux, top.by_lower), rows, last, content, crossing)


def walk_down_few(at: At) -> Walked:
    """The same, all boundaries at once: for a few cells vectors of layers are longer."""
    facts, old, new = (join(part) for part in (at.facts, at.old, at.new))
    layers = layer_state(facts, new)
    top = flux_into(uppermost(layers), at.surface, at.progress.exact)
    between = flux_between(*sides(layers), at.progress.exact)
    fluxes = Fluxes(top.flux, top.by_lower, *between[:3])
    last, eliminated = eliminate(facts.thickness, fluxes, (new - old) * facts.thickness, at.seconds)
    content = jnp.sum(jnp.abs(old) * facts.thickness, axis=0)
    crossing = top.both_ways + jnp.sum(between.both_ways, axis=0)
    return _walked(at, fluxes[:2], Row(*between[:3], *eliminated), last, content, crossing)


def walk_up(
    at: At,
    walked: Walked,
    solved: Bool[Array, "*cell"],
    active: Bool[Array, "*cell"],
) -> tuple[Split, Split, Cells, Cells]:
    """Take the step, or, where the search has ended, update by the divergence of the fluxes.

    Returns:
        Where the step (or the next one) starts from, the next iterate, the flux through the
        surface, and the largest change of a layer relative to its melting heat.
    """

    facts, geothermal, _, seconds, old, new, progress = at

    def layer(here: LayerFacts, old, new, change, above, below, length):
        ended = old - seconds * here.per_thickness * (below - above)
        onward = moved(progress, old, new, change, here.melt_enthalpy, active)
        length = jnp.maximum(length, jnp.abs(change) * here.per_melt_enthalpy)
        return (jnp.where(solved, ended, old), jnp.where(solved, ended, onward)), length

    def next_layer(carry, given):
        change, below, length = carry
        here, old, new, row = given
        change_above = row.value - row.ratio * change
        flux = row.flux + row.by_upper * change_above + row.by_lower * change
        layers, length = layer(here, old, new, change, flux, below, length)
        return (change_above, flux, length), layers

    start = walked.change, -geothermal, jnp.zeros_like(walked.change)
    (change, below, length), (olds, news) = jax.lax.scan(
        next_layer, start, (facts.rest, old.rest, new.rest, walked.rows), reverse=True
    )
    flux, by_first = walked.entering
    entering = flux + by_first * change
    top, length = layer(facts.top, old.top, new.top, change, entering, below, length)
    return Split(top[0], olds), Split(top[1], news), entering, length


def march(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Float[Array, "step layer *cell"], Float[Array, "step *cell"]]:
    """Enthalpy and surface flux after every step.

    Args:
        iterations: Newton iterations a step at most; the last is an update by divergence.
        column: soil column.
        old: enthalpy at the start, J m⁻³.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    steps, cells = seconds.shape[0], old.shape[1:]
    ahead = min(AHEAD, steps)
    kept_apart = ahead + 1
    slots = jnp.arange(kept_apart).reshape((kept_apart, *(1,) * len(cells)))
    facts, geothermal = split(layer_facts(column)), column.geothermal_flux
    down = walk_down_few if math.prod(cells) < FEW else walk_down

    def iterate(now: March) -> March:
        here = jnp.minimum(now.step, steps - 1)
        surface = jax.tree.map(
            lambda series: jnp.take_along_axis(series, here[None], axis=0)[0], surfaces
        )
        at = At(facts, geothermal, surface, seconds[here], now.old, now.new, now.progress)
        running = (now.step < steps) & (now.step < jnp.min(now.step) + ahead)
        walked = down(at)
        enough = jnp.where(now.progress.count == 0, walked.limit, now.limit)
        open_ = is_open(walked.imbalance, now.progress.count, enough, iterations - 1)
        solved, active = running & ~open_, running & open_
        old, new, entering, stride = walk_up(at, walked, solved, active)
        progress = judged(now.progress, walked.imbalance, stride, active, iterations - 1)
        progress = jax.tree.map(
            lambda fresh, was: jnp.where(solved, fresh, was), beginning(enough), progress
        )
        kept = solved & (now.step % kept_apart == slots)
        recent = (
            Split(
                jnp.where(kept, old.top, now.recent[0].top),
                jnp.where(kept[:, None], old.rest, now.recent[0].rest),
            ),
            jnp.where(kept, entering, now.recent[1]),
        )
        step = now.step + solved
        row = jnp.maximum(jnp.min(step) - 1, 0)
        done = jax.tree.map(
            lambda rows, slots: jax.lax.dynamic_update_index_in_dim(
                rows, jax.lax.dynamic_index_in_dim(slots, row % kept_apart, 0, False), row, 0
            ),
            now.done,
            recent,
        )
        return March(step, old, new, enough, progress, recent, done)

    def empty(count: int) -> tuple[Split, Array]:
        flux = jnp.zeros((count, *cells), old.dtype)
        rest = jnp.zeros((count, old.shape[0] - 1, *cells), old.dtype)
        return Split(flux, rest), flux

    zero = jnp.zeros(cells, old.dtype)
    start = March(
        step=jnp.zeros(cells, jnp.int32),
        old=split(old),
        new=split(old),
        limit=zero,
        progress=beginning(zero),
        recent=empty(kept_apart),
        done=empty(steps),
    )
    with jax.named_scope(HEAT_STEPS.format(steps)):  # how many is not seen in a while loop
        marched = jax.lax.while_loop(lambda now: jnp.any(now.step < steps), iterate, start)
    enthalpy, entering = marched.done
    return jnp.concatenate([enthalpy.top[:, None], enthalpy.rest], axis=1), entering
