"""A step of soil heat as one kernel for NVIDIA GPUs: every block of cells iterates by itself.

As a program of arrays a step is some thousand small kernels one after the other, as many as the
worst of all cells needs. Here a thread holds a cell, sweeps down and up its layers, and a block of
threads is done when its own cells are. The arithmetic is that of ``heat.sweep``.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jaxtyping import Array, Float

from temjax.heat.linearisation import flux_between, flux_into
from temjax.heat.newton import (
    Progress,
    initial_progress,
    is_unconverged,
    newton_update,
    next_progress,
)
from temjax.heat.step import HeatStep
from temjax.heat.sweep import (
    Convergence,
    SearchState,
    check_convergence,
    eliminate_first_layer,
    eliminate_layer,
)
from temjax.heat.tridiagonal import ReducedRow, back_substitute
from temjax.processes.soil_heat import LayerState, Surface, divergence_update, layer_state
from temjax.runtime.blocks import pad_cells
from temjax.soil_column import SoilColumn, ThermalProperties, thermal_properties

BLOCK = 32  # cells
WARP = 32

Layers = Float[Array, "layer cell"]
Cells = Float[Array, "cell"]


class StepProblem(NamedTuple):
    """What a step starts from, cells last in every leaf.

    Attributes:
        properties: of the layers.
        geothermal_flux: W m⁻², upward through the bottom.
        old: enthalpy, J m⁻³.
        surface: driver of the top.
    """

    properties: ThermalProperties
    geothermal_flux: Cells
    old: Layers
    surface: Surface


class CellBlock:
    """A block of cells inside the kernel; references are read and written at its cells.

    Attributes:
        layers: how many.
        seconds: length of the step, s.
        geothermal_flux: of the block's cells, W m⁻².
        surface: driver of their top.
    """

    def __init__(self, layers: int, problem: StepProblem, seconds, new, ratios, values) -> None:
        """Select the block's cells of the problem.

        Args:
            layers: how many.
            problem: references to its arrays.
            seconds: length of the step, s.
            new: reference to the iterate.
            ratios, values: references to the reduced rows, ``(boundary, cell)``.
        """
        self.layers, self.seconds = layers, seconds
        self.first, self.last = jnp.int32(0), jnp.int32(layers - 1)
        self.cells = pl.ds(pl.program_id(0) * BLOCK, BLOCK)
        self._properties, self._old, self._new = problem.properties, problem.old, new
        self._ratios, self._values = ratios, values
        self.geothermal_flux = problem.geothermal_flux[self.cells]
        drivers = problem.surface.temperature, problem.surface.resistance
        self.surface = Surface(*(series[self.cells] for series in drivers))

    def properties(self, layer) -> ThermalProperties:
        """Thermal properties of a layer."""
        return jax.tree.map(lambda rows: rows[layer, self.cells], self._properties)

    def old(self, layer) -> Cells:
        """Enthalpy of a layer at the start of the step."""
        return self._old[layer, self.cells]

    def new(self, layer) -> Cells:
        """Iterate of a layer."""
        return self._new[layer, self.cells]

    def store(self, layer, enthalpy: Cells) -> None:
        """Replace the iterate of a layer."""
        self._new[layer, self.cells] = enthalpy

    def start(self) -> None:
        """Start from the enthalpies at the start of the step."""

        def copy(layer, _):
            self.store(layer, self.old(layer))
            return _

        lax.fori_loop(self.first, self.last + 1, copy, self.first)

    def forward_sweep(self, iterations: int, state: SearchState) -> Convergence:
        """Eliminate from the top and check the iterate's imbalance."""

        def layer_at(layer):
            return self.properties(layer), self.old(layer), self.new(layer)

        def next_layer(layer, carry):
            carry, row = eliminate_layer(carry, *layer_at(layer), state)
            self._ratios[layer - 1, self.cells] = row.reduced.ratio
            self._values[layer - 1, self.cells] = row.reduced.value
            return carry

        start, _ = eliminate_first_layer(*layer_at(self.first), self.surface, state)
        lowest = lax.fori_loop(jnp.int32(1), self.last + 1, next_layer, start)
        sums = lowest.gross_flux, lowest.heat_content
        return check_convergence(iterations, lowest.row, *sums, self.geothermal_flux, state)

    def change_above(self, layer, change: Cells) -> Cells:
        """Newton's change of the layer above one, from the reduced row between them."""
        row = self._ratios[layer - 1, self.cells], self._values[layer - 1, self.cells]
        return back_substitute(ReducedRow(*row), change)

    def backward_sweep(self, progress: Progress, convergence: Convergence) -> Cells:
        """Update the iterate from the bottom; the largest change relative to the melting heat."""

        def update(layer, change, largest):
            here = self.properties(layer)
            self.store(
                layer,
                newton_update(
                    progress,
                    self.old(layer),
                    self.new(layer),
                    change,
                    here.melt_enthalpy,
                    convergence.active,
                ),
            )
            return jnp.maximum(largest, jnp.abs(change) * here.per_melt_enthalpy)

        def next_layer(number, carry):
            change, largest = carry
            layer = self.last - number
            largest = update(layer, change, largest)
            return self.change_above(layer, change), largest

        start = convergence.change, jnp.zeros_like(convergence.change)
        change, largest = lax.fori_loop(self.first, self.last, next_layer, start)
        return update(self.first, change, largest)

    def finish(self, exact, change: Cells) -> Cells:
        """Update by the divergence of the linearised fluxes; the flux through the surface.

        The fluxes are computed again: to store them would cost memory traffic in every iteration.
        """

        def state(layer) -> LayerState:
            return layer_state(self.properties(layer), self.new(layer))

        def balance(layer, entering, leaving):
            here = self.properties(layer)
            balanced = divergence_update(here, self.old(layer), entering, leaving, self.seconds)
            self.store(layer, balanced)

        def next_layer(number, carry):
            change, lower, leaving = carry
            layer = self.last - number
            change_above, upper = self.change_above(layer, change), state(layer - 1)
            between = flux_between(upper, lower, exact)
            entering = between.flux + between.by_upper * change_above + between.by_lower * change
            balance(layer, entering, leaving)
            return change_above, upper, entering

        start = change, state(self.last), -self.geothermal_flux
        change, first, leaving = lax.fori_loop(self.first, self.last, next_layer, start)
        top = flux_into(first, self.surface, exact)
        entering = top.flux + top.by_lower * change
        balance(self.first, entering, leaving)
        return entering


def _kernel(iterations: int, layers: int, structure, *references) -> None:
    """Solve a step of a block of cells."""
    *arrays, seconds, new, entering, ratios, values = references
    problem: StepProblem = jax.tree.unflatten(structure, arrays)
    block = CellBlock(layers, problem, seconds[0], new, ratios, values)
    zero = jnp.zeros_like(block.geothermal_flux)

    def search(progress: Progress, tolerance: Cells) -> SearchState:
        return SearchState(block.seconds, progress, tolerance, jnp.ones_like(zero, bool))

    def iterate(carry: tuple[Progress, Cells]) -> tuple[Progress, Cells]:
        progress, _ = carry
        convergence = block.forward_sweep(iterations, search(*carry))
        largest = block.backward_sweep(progress, convergence)
        progress = next_progress(
            progress, convergence.imbalance, largest, convergence.active, iterations - 1
        )
        return progress, convergence.tolerance

    def unconverged(carry: tuple[Progress, Cells]):
        progress, tolerance = carry
        left = is_unconverged(progress.imbalance, progress.iteration, tolerance, iterations - 1)
        return jnp.max(left.astype(jnp.int32)) > 0

    block.start()
    carry = lax.while_loop(unconverged, iterate, (initial_progress(zero), zero))
    convergence = block.forward_sweep(iterations, search(*carry))
    entering[block.cells] = block.finish(carry[0].exact, convergence.change)


def solve_cells_apart(
    problem: StepProblem, seconds: Float[Array, ""], iterations: int, interpret: bool = False
) -> tuple[Layers, Cells]:
    """A step of soil heat, cell by cell.

    Args:
        problem: cells on one axis.
        seconds: length of the step, s.
        iterations: Newton iterations at most.
        interpret: run on any device, slowly, for tests.

    Returns:
        Enthalpy at the end, J m⁻³, ``(layer, cell)``, and the flux through the surface, W m⁻².
    """
    layers, cells = problem.old.shape
    blocks = pl.cdiv(cells, BLOCK)
    # the last cell is repeated to fill the last block: no bound is checked inside
    padded = jax.tree.map(lambda leaf: pad_cells(leaf, blocks * BLOCK), problem)
    arrays, structure = jax.tree.flatten(padded)
    dtype = problem.old.dtype
    rows = jax.ShapeDtypeStruct((layers, blocks * BLOCK), dtype)
    between = jax.ShapeDtypeStruct((layers - 1, blocks * BLOCK), dtype)
    options = {} if interpret else {"compiler_params": _compiler_params()}
    new, entering, _, _ = pl.pallas_call(
        partial(_kernel, iterations, layers, structure),
        grid=(blocks,),
        out_shape=(rows, jax.ShapeDtypeStruct(rows.shape[1:], dtype), between, between),
        interpret=interpret,
        name="heat_step",
        **options,
    )(*arrays, jnp.reshape(seconds, 1))
    return new[:, :cells], entering[:cells]


def heat_steps(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> HeatStep:
    """Successive steps, one kernel each; arguments as for ``heat.step.heat_steps``."""
    properties = thermal_properties(column)

    def step(old, drivers):
        surface, length = drivers
        problem = StepProblem(properties, column.geothermal_flux, old, surface)
        after = HeatStep(*solve_cells_apart(problem, length, iterations))
        return after.enthalpy, after

    return jax.lax.scan(step, old, (surfaces, seconds))[1]


def _compiler_params():
    from jax.experimental.pallas import triton

    named = "CompilerParams" if hasattr(triton, "CompilerParams") else "TritonCompilerParams"
    return getattr(triton, named)(num_warps=BLOCK // WARP, num_stages=1)
