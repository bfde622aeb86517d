"""One Newton iteration of a step of soil heat, layer by layer: elimination and back-substitution.

The forward sweep linearises the fluxes and eliminates from the surface down; the backward sweep
substitutes from the bottom up and updates the enthalpies. Elementwise in the cells, so that a scan
over layers and a kernel that loops over them share it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.heat.linearisation import Boundary, flux_between, flux_into
from temjax.heat.newton import (
    Progress,
    imbalance_tolerance,
    initial_progress,
    is_unconverged,
    newton_update,
    next_progress,
)
from temjax.heat.tridiagonal import (
    NewtonRow,
    ReducedRow,
    back_substitute,
    first_newton_row,
    next_newton_row,
    solve_last_newton_row,
)
from temjax.processes.soil_heat import (
    LayerState,
    Surface,
    divergence_update,
    heat_content,
    heat_gain,
    layer_state,
)
from temjax.soil_column import ThermalProperties

Cells = Float[Array, "*cell"]
Some = Float[Array, "*layer_cell"]


class SearchState(NamedTuple):
    """State of the search for the end of a cell's step.

    Attributes:
        seconds: length of the step, s.
        progress: of Newton's iteration.
        tolerance: imbalance at which the step counts as solved, J m⁻²; known after an iteration.
        running: whether there is a step to be solved.
    """

    seconds: Cells
    progress: Progress
    tolerance: Cells
    running: Bool[Array, "*cell"]


class ForwardCarry(NamedTuple):
    """What the forward sweep carries from a layer to the one below.

    Attributes:
        upper: the layer.
        row: the elimination down to it.
        gross_flux: heat crossing the boundaries so far both ways, W m⁻².
        heat_content: Σ|H|Δz so far at the start of the step, J m⁻².
    """

    upper: LayerState
    row: NewtonRow
    gross_flux: Cells
    heat_content: Cells


class BoundaryRow(NamedTuple):
    """What the backward sweep needs of a boundary: its linearised flux, the reduced row above."""

    flux: Some
    by_upper: Some
    by_lower: Some
    reduced: ReducedRow


class Convergence(NamedTuple):
    """Result of the forward sweep.

    Attributes:
        change: Newton's, of the lowest layer, J m⁻³.
        imbalance: Σ|imbalance|Δz of the iterate, J m⁻².
        tolerance: below which it counts as rounding.
        solved: whether it is below, or the iterations are used up: the step ends.
        active: whether the cell iterates further.
    """

    change: Cells
    imbalance: Cells
    tolerance: Cells
    solved: Bool[Array, "*cell"]
    active: Bool[Array, "*cell"]


class BackwardCarry(NamedTuple):
    """What the backward sweep carries from a layer to the one above.

    Attributes:
        change: Newton's, of the layer, J m⁻³.
        flux: through its lower boundary, W m⁻².
        largest_change: largest so far relative to the melting heat.
    """

    change: Cells
    flux: Cells
    largest_change: Cells


def eliminate_first_layer(
    properties: ThermalProperties, old: Cells, new: Cells, surface: Surface, state: SearchState
) -> tuple[ForwardCarry, tuple[Cells, Cells]]:
    """Forward elimination of the uppermost layer; the flux into it and its derivative.

    Args:
        properties: of the layer.
        old: enthalpy at the start of the step, J m⁻³.
        new: the iterate.
        surface: driver of the top.
        state: of the search.
    """
    upper = layer_state(properties, new)
    top = flux_into(upper, surface, state.progress.exact)
    gain = heat_gain(properties, old, new)
    row = first_newton_row(properties.thickness, gain, top.flux, top.by_lower, state.seconds)
    carry = ForwardCarry(upper, row, top.gross_flux, heat_content(properties, old))
    return carry, (top.flux, top.by_lower)


def eliminate_layer(
    carry: ForwardCarry, properties: ThermalProperties, old: Cells, new: Cells, state: SearchState
) -> tuple[ForwardCarry, BoundaryRow]:
    """Forward elimination of one layer: linearise the flux into it and eliminate the one above.

    Args:
        carry: from the layer above.
        properties, old, new, state: as for ``eliminate_first_layer``.
    """
    lower = layer_state(properties, new)
    between = flux_between(carry.upper, lower, state.progress.exact)
    return eliminate_boundary(carry, lower, between, properties, old, new, state)


def eliminate_boundary(
    carry: ForwardCarry,
    lower: LayerState,
    between: Boundary,
    properties: ThermalProperties,
    old: Cells,
    new: Cells,
    state: SearchState,
) -> tuple[ForwardCarry, BoundaryRow]:
    """Eliminate the layer above a boundary whose flux is linearised already."""
    gain = heat_gain(properties, old, new)
    linear = between.flux, between.by_upper, between.by_lower
    row = next_newton_row(carry.row, *linear, properties.thickness, gain, state.seconds)
    below = ForwardCarry(
        upper=lower,
        row=row,
        gross_flux=carry.gross_flux + between.gross_flux,
        heat_content=carry.heat_content + heat_content(properties, old),
    )
    return below, BoundaryRow(*linear, row.above)


def check_convergence(
    iterations: int,
    lowest: NewtonRow,
    gross_flux: Cells,
    content: Cells,
    geothermal_flux: Cells,
    state: SearchState,
) -> Convergence:
    """Convergence check at the bottom: the iterate's imbalance against its tolerance.

    Args:
        iterations: at most.
        lowest: elimination down to the lowest layer.
        gross_flux: heat crossing all boundaries both ways, W m⁻².
        content: Σ|H|Δz at the start of the step, J m⁻².
        geothermal_flux: W m⁻², upward through the bottom.
        state: of the search.
    """
    change, imbalance = solve_last_newton_row(lowest, -geothermal_flux, state.seconds)
    at_start = imbalance_tolerance(content, gross_flux, state.seconds)
    iteration = state.progress.iteration
    tolerance = jnp.where(iteration == 0, at_start, state.tolerance)
    unconverged = is_unconverged(imbalance, iteration, tolerance, iterations - 1)
    return Convergence(
        change=change,
        imbalance=imbalance,
        tolerance=tolerance,
        solved=state.running & ~unconverged,
        active=state.running & unconverged,
    )


def start_back_substitution(convergence: Convergence, geothermal_flux: Cells) -> BackwardCarry:
    """Carry of the backward sweep below the lowest layer's update."""
    return BackwardCarry(convergence.change, -geothermal_flux, jnp.zeros_like(convergence.change))


def _update_layer(
    carry: BackwardCarry,
    entering: Cells,
    properties: ThermalProperties,
    old: Cells,
    new: Cells,
    state: SearchState,
    convergence: Convergence,
) -> tuple[Cells, Cells, Cells]:
    """Start of the step and iterate of a layer after the iteration, and the largest change."""
    ended = divergence_update(properties, old, entering, carry.flux, state.seconds)
    updated = newton_update(
        state.progress, old, new, carry.change, properties.melt_enthalpy, convergence.active
    )
    change = jnp.abs(carry.change) * properties.per_melt_enthalpy
    largest = jnp.where(change > carry.largest_change, change, carry.largest_change)
    solved = convergence.solved
    return jnp.where(solved, ended, old), jnp.where(solved, ended, updated), largest


def back_substitute_layer(
    carry: BackwardCarry,
    properties: ThermalProperties,
    old: Cells,
    new: Cells,
    row: BoundaryRow,
    state: SearchState,
    convergence: Convergence,
) -> tuple[BackwardCarry, tuple[Cells, Cells]]:
    """Back-substitution of one layer: its Newton update, or the update by divergence at the end.

    Returns:
        Carry for the layer above; what the step (or the next one) starts from, the next iterate.
    """
    above = back_substitute(row.reduced, carry.change)
    entering = row.flux + row.by_upper * above + row.by_lower * carry.change
    old, new, largest = _update_layer(carry, entering, properties, old, new, state, convergence)
    return BackwardCarry(above, entering, largest), (old, new)


def back_substitute_surface(
    carry: BackwardCarry,
    properties: ThermalProperties,
    old: Cells,
    new: Cells,
    entering: tuple[Cells, Cells],
    state: SearchState,
    convergence: Convergence,
) -> tuple[BackwardCarry, tuple[Cells, Cells]]:
    """Back-substitution of the uppermost layer, whose carry has the flux through the surface.

    Args:
        carry: from the layer below.
        properties, old, new, state, convergence: as for ``back_substitute_layer``.
        entering: flux through the surface, W m⁻², and its derivative.
    """
    flux = entering[0] + entering[1] * carry.change
    old, new, largest = _update_layer(carry, flux, properties, old, new, state, convergence)
    return BackwardCarry(carry.change, flux, largest), (old, new)


def advance_search(
    iterations: int,
    step: Int[Array, "*cell"],
    state: SearchState,
    convergence: Convergence,
    largest_change: Cells,
) -> tuple[Int[Array, "*cell"], Progress]:
    """Step each cell is at after the iteration, and the progress of its search."""
    after = next_progress(
        state.progress,
        convergence.imbalance,
        largest_change,
        convergence.active,
        iterations - 1,
    )
    progress = jax.tree.map(
        lambda fresh, continued: jnp.where(convergence.solved, fresh, continued),
        initial_progress(convergence.tolerance),
        after,
    )
    return step + convergence.solved, progress
