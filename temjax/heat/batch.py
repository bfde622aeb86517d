"""Successive steps of soil heat as a program of arrays, every cell at its own pace.

Most cells solve a step in two to four iterations, a few in a thousand need many, and each time they
are others. So cells do not wait for each other after a step: an iteration is that of the step each
cell is at, and a batch takes as many as its slowest cell needs in all, not the sum of the most that
each step needs. A cell ``MAX_STEPS_AHEAD`` steps ahead of the slowest one waits.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from temjax.heat.linearisation import linearised_fluxes
from temjax.heat.newton import Progress, initial_progress
from temjax.heat.sweep import (
    BackwardCarry,
    BoundaryRow,
    Convergence,
    SearchState,
    advance_search,
    back_substitute_layer,
    back_substitute_surface,
    check_convergence,
    eliminate_first_layer,
    eliminate_layer,
    start_back_substitution,
)
from temjax.heat.tridiagonal import NewtonRow, eliminate
from temjax.processes.soil_heat import Surface, heat_content, heat_gain, sides, uppermost
from temjax.soil_column import SoilColumn, ThermalProperties, thermal_properties

MAX_STEPS_AHEAD = 5
FEW_CELLS = 32  # at 16 all boundaries at once are 30 % faster, at 64 layer by layer is
HEAT_STEPS = "{}_heat_steps"  # name of the loop over them

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class SplitLayers(NamedTuple):
    """The uppermost layer and those below it: an iteration neither cuts nor joins arrays."""

    first: Float[Array, "*step_cell"]
    rest: Float[Array, "*step_layer_cell"]


class BatchState(NamedTuple):
    """State of the loop over iterations.

    Attributes:
        step: the step each cell is at.
        old: enthalpy at its start, J m⁻³.
        new: the iterate for its end.
        tolerance: imbalance at which it counts as solved, J m⁻².
        progress: of the search for its end.
        recent: enthalpy and surface flux after the last steps, by step modulo their number: that
            of the steps a cell may be ahead, and the one that all cells have done.
        results: the same after every step that all cells have done.
    """

    step: Int[Array, "*cell"]
    old: SplitLayers
    new: SplitLayers
    tolerance: Cells
    progress: Progress
    recent: tuple[SplitLayers, Float[Array, "slot *cell"]]
    results: tuple[SplitLayers, Float[Array, "step *cell"]]


class Iterate(NamedTuple):
    """Arguments of an iteration: the step each cell is at, and the search for its end."""

    properties: SplitLayers
    surface: Surface
    old: SplitLayers
    new: SplitLayers
    search: SearchState


class ForwardSweep(NamedTuple):
    """Result of the forward sweep.

    Attributes:
        entering: flux through the surface, W m⁻², and ∂/∂H of the first layer.
        rows: of the boundaries below.
        lowest: elimination down to the lowest layer.
        gross_flux: heat crossing the boundaries both ways, W m⁻².
        heat_content: Σ|H|Δz at the start of the step, J m⁻².
    """

    entering: tuple[Cells, Cells]
    rows: BoundaryRow
    lowest: NewtonRow
    gross_flux: Cells
    heat_content: Cells


def split_layers(layers: ThermalProperties | Layers) -> SplitLayers:
    """The first row of every array apart from the others."""
    return SplitLayers(uppermost(layers), sides(layers)[1])


def join_layers(parts: SplitLayers) -> ThermalProperties | Layers:
    """The inverse of ``split_layers``."""
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), *parts)


def forward_sweep(at: Iterate) -> ForwardSweep:
    """Forward sweep of one iteration, layer by layer."""
    properties, surface, old, new, search = at
    start, entering = eliminate_first_layer(properties.first, old.first, new.first, surface, search)
    carry, rows = jax.lax.scan(
        lambda carry, layer: eliminate_layer(carry, *layer, search),
        start,
        (properties.rest, old.rest, new.rest),
    )
    return ForwardSweep(entering, rows, carry.row, carry.gross_flux, carry.heat_content)


def forward_sweep_at_once(at: Iterate) -> ForwardSweep:
    """The same with all boundaries linearised at once: vectors of layers, where cells are few."""
    properties, old, new = (join_layers(part) for part in (at.properties, at.old, at.new))
    fluxes = linearised_fluxes(properties, new, at.surface, exact=at.search.progress.exact)
    gain = heat_gain(properties, old, new)
    lowest, reduced = eliminate(properties.thickness, fluxes, gain, at.search.seconds)
    content = jnp.sum(heat_content(properties, old), axis=0)
    rows = BoundaryRow(fluxes.flux, fluxes.by_upper, fluxes.by_lower, reduced)
    entering = fluxes.entering, fluxes.by_first
    return ForwardSweep(entering, rows, lowest, fluxes.gross_flux, content)


def backward_sweep(
    at: Iterate, forward: ForwardSweep, convergence: Convergence, geothermal_flux: Cells
) -> tuple[SplitLayers, SplitLayers, BackwardCarry]:
    """Backward sweep of one iteration.

    Returns:
        What the step (or the next one) starts from, the next iterate, and the last carry: the flux
        through the surface, the largest change of a layer relative to its melting heat.
    """
    properties, _, old, new, search = at
    carry, rest = jax.lax.scan(
        lambda carry, layer: back_substitute_layer(carry, *layer, search, convergence),
        start_back_substitution(convergence, geothermal_flux),
        (properties.rest, old.rest, new.rest, forward.rows),
        reverse=True,
    )
    carry, first = back_substitute_surface(
        carry, properties.first, old.first, new.first, forward.entering, search, convergence
    )
    return SplitLayers(first[0], rest[0]), SplitLayers(first[1], rest[1]), carry


def solve_steps(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Float[Array, "step layer *cell"], Float[Array, "step *cell"]]:
    """Solve backward-Euler steps: enthalpy, J m⁻³, and surface flux, W m⁻², after every step.

    Args:
        iterations: Newton iterations a step at most; the last is an update by divergence.
        column: soil column.
        old: enthalpy at the start, J m⁻³.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    steps, cells = seconds.shape[0], old.shape[1:]
    ahead = min(MAX_STEPS_AHEAD, steps)
    slots = ahead + 1
    slot_numbers = jnp.arange(slots).reshape((slots, *(1,) * len(cells)))
    properties = split_layers(thermal_properties(column))
    geothermal = column.geothermal_flux
    forward_of = forward_sweep_at_once if math.prod(cells) < FEW_CELLS else forward_sweep

    def iterate(now: BatchState) -> BatchState:
        step = jnp.minimum(now.step, steps - 1)
        surface = jax.tree.map(
            lambda series: jnp.take_along_axis(series, step[None], axis=0)[0], surfaces
        )
        running = (now.step < steps) & (now.step < jnp.min(now.step) + ahead)
        search = SearchState(seconds[step], now.progress, now.tolerance, running)
        at = Iterate(properties, surface, now.old, now.new, search)
        forward = forward_of(at)
        convergence = check_convergence(iterations, *forward[2:], geothermal, search)
        old, new, carry = backward_sweep(at, forward, convergence, geothermal)
        step, progress = advance_search(
            iterations, now.step, search, convergence, carry.largest_change
        )
        into_slot = convergence.solved & (now.step % slots == slot_numbers)
        recent = (
            SplitLayers(
                jnp.where(into_slot, old.first, now.recent[0].first),
                jnp.where(into_slot[:, None], old.rest, now.recent[0].rest),
            ),
            jnp.where(into_slot, carry.flux, now.recent[1]),
        )
        complete = jnp.maximum(jnp.min(step) - 1, 0)
        results = jax.tree.map(
            lambda rows, last: jax.lax.dynamic_update_index_in_dim(
                rows,
                jax.lax.dynamic_index_in_dim(last, complete % slots, 0, False),
                complete,
                0,
            ),
            now.results,
            recent,
        )
        return BatchState(step, old, new, convergence.tolerance, progress, recent, results)

    def empty(count: int) -> tuple[SplitLayers, Array]:
        flux = jnp.zeros((count, *cells), old.dtype)
        rest = jnp.zeros((count, old.shape[0] - 1, *cells), old.dtype)
        return SplitLayers(flux, rest), flux

    zero = jnp.zeros(cells, old.dtype)
    start = BatchState(
        step=jnp.zeros(cells, jnp.int32),
        old=split_layers(old),
        new=split_layers(old),
        tolerance=zero,
        progress=initial_progress(zero),
        recent=empty(slots),
        results=empty(steps),
    )
    with jax.named_scope(HEAT_STEPS.format(steps)):  # a while loop does not show how many
        end = jax.lax.while_loop(lambda now: jnp.any(now.step < steps), iterate, start)
    enthalpy, entering = end.results
    return jnp.concatenate([enthalpy.first[:, None], enthalpy.rest], axis=1), entering
