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
from jaxtyping import Array, Float, Int

from temjax.heat.newton import Progress, beginning
from temjax.heat.sweep import (
    Ascent,
    Place,
    Row,
    Verdict,
    arrive,
    go_down,
    go_down_from,
    go_up,
    go_up_from,
    settle,
    turn,
)
from temjax.heat.tridiagonal import Elimination, eliminate
from temjax.processes.soil_heat import (
    Fluxes,
    Surface,
    flux_between,
    flux_into,
    layer_state,
    sides,
    uppermost,
)
from temjax.soil_column import LayerFacts, SoilColumn, layer_facts

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
    surface: Surface
    old: Split
    new: Split
    place: Place


class Walked(NamedTuple):
    """What the way down finds.

    Attributes:
        entering: flux through the surface, W m⁻², and ∂/∂H of the first layer.
        rows: of the boundaries below.
        last: the elimination of the lowest layer's row, as far as it is.
        crossing: heat crossing the boundaries both ways, W m⁻².
        content: Σ|H|Δz at the start of the step, J m⁻².
    """

    entering: tuple[Cells, Cells]
    rows: Row
    last: Elimination
    crossing: Cells
    content: Cells


def split(layers: LayerFacts | Layers) -> Split:
    """Rows of every array apart; of facts, facts of the top and of the rest."""
    return Split(uppermost(layers), sides(layers)[1])


def join(parts: Split) -> LayerFacts | Layers:
    """The inverse of ``split``."""
    return jax.tree.map(lambda top, rest: jnp.concatenate([top[None], rest]), *parts)


def walk_down(at: At) -> Walked:
    """Linearise the fluxes and eliminate from the top, layer by layer."""
    facts, surface, old, new, place = at
    start, entering = go_down_from(facts.top, old.top, new.top, surface, place)
    last, rows = jax.lax.scan(
        lambda descent, given: go_down(descent, *given, place),
        start,
        (facts.rest, old.rest, new.rest),
    )
    return Walked(entering, rows, last.rows, last.crossing, last.content)


def walk_down_few(at: At) -> Walked:
    """The same, all boundaries at once: for a few cells vectors of layers are longer."""
    facts, old, new = (join(part) for part in (at.facts, at.old, at.new))
    seconds, exact = at.place.seconds, at.place.progress.exact
    layers = layer_state(facts, new)
    top = flux_into(uppermost(layers), at.surface, exact)
    between = flux_between(*sides(layers), exact)
    fluxes = Fluxes(top.flux, top.by_lower, *between[:3])
    last, eliminated = eliminate(facts.thickness, fluxes, (new - old) * facts.thickness, seconds)
    content = jnp.sum(jnp.abs(old) * facts.thickness, axis=0)
    crossing = top.both_ways + jnp.sum(between.both_ways, axis=0)
    return Walked(fluxes[:2], Row(*between[:3], *eliminated), last, crossing, content)


def walk_up(
    at: At, walked: Walked, verdict: Verdict, geothermal_flux: Cells
) -> tuple[Split, Split, Ascent]:
    """Take the step, or, where the search has ended, update by the divergence of the fluxes.

    Returns:
        Where the step (or the next one) starts from, the next iterate, and the end of the way: the
        flux through the surface, the largest change of a layer relative to its melting heat.
    """
    facts, _, old, new, place = at
    ascent, rest = jax.lax.scan(
        lambda ascent, given: go_up(ascent, *given, place, verdict),
        go_up_from(verdict, geothermal_flux),
        (facts.rest, old.rest, new.rest, walked.rows),
        reverse=True,
    )
    ascent, top = arrive(ascent, facts.top, old.top, new.top, walked.entering, place, verdict)
    return Split(top[0], rest[0]), Split(top[1], rest[1]), ascent


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
        running = (now.step < steps) & (now.step < jnp.min(now.step) + ahead)
        at = At(
            facts, surface, now.old, now.new, Place(seconds[here], now.progress, now.limit, running)
        )
        walked = down(at)
        verdict = turn(
            iterations, walked.last, walked.crossing, walked.content, geothermal, at.place
        )
        old, new, ascent = walk_up(at, walked, verdict, geothermal)
        step, progress = settle(iterations, now.step, at.place, verdict, ascent.length)
        kept = verdict.solved & (now.step % kept_apart == slots)
        recent = (
            Split(
                jnp.where(kept, old.top, now.recent[0].top),
                jnp.where(kept[:, None], old.rest, now.recent[0].rest),
            ),
            jnp.where(kept, ascent.flux, now.recent[1]),
        )
        row = jnp.maximum(jnp.min(step) - 1, 0)
        done = jax.tree.map(
            lambda rows, slots: jax.lax.dynamic_update_index_in_dim(
                rows, jax.lax.dynamic_index_in_dim(slots, row % kept_apart, 0, False), row, 0
            ),
            now.done,
            recent,
        )
        return March(step, old, new, verdict.limit, progress, recent, done)

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
