"""Steps of soil heat as kernels for CPUs: a vector of cells at a time, each cell at its own pace.

The arithmetic is that of ``heat.batch``, layer by layer (``heat.sweep``, ``heat.diagnostics``).
Here a layer's numbers stay in the CPU's registers while they are used; cells wait only for those of
their own vector.
"""

from functools import partial
from typing import NamedTuple

import jax
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.newton import initial_progress
from temjax.heat.step import HeatStep
from temjax.heat.sweep import (
    BackwardCarry,
    Convergence,
    SearchState,
    advance_search,
    back_substitute_layer,
    back_substitute_surface,
    check_convergence,
    eliminate_boundary,
    eliminate_first_layer,
    start_back_substitution,
)
from temjax.kernels.cpu.heat_boundary import flux_across
from temjax.kernels.cpu.heat_layers import (
    BOUNDARY_ROW,
    STEP_ARGUMENTS,
    THERMAL,
    LayerKernel,
    heat_arguments,
)
from temjax.native.call import call_kernel, register_kernel
from temjax.native.vectors import INDEX, INT32, index
from temjax.processes.soil_heat import Surface, single_phase_state
from temjax.soil_column import SoilColumn, thermal_properties

SIZES = (0, 0), (0, 1), (0, 2)  # steps, layers, cells of the enthalpies

Layers = Float[Array, "layer cell"]


class StepOutput(NamedTuple):
    """Where the results of steps go.

    Attributes:
        enthalpy: address, rows ``(step, layer)``.
        stride: numbers from row to row.
        first: where the vector is in a row.
        entering: address of the flux through the surface ``(step, cell)``.
    """

    enthalpy: ir.Value
    stride: ir.Value
    first: ir.Value
    entering: ir.Value


class StepsKernel(LayerKernel):
    """A kernel that solves steps of soil heat, while it is written."""

    def solve_steps(self, iterations: int, first: ir.Value, output: StepOutput) -> None:
        """All steps of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        steps = write.broadcast(builder.trunc(self.shape.steps, INT32))
        geothermal = write.load(self.arguments.geothermal_flux, first)

        def running(carry):
            return builder.icmp_signed("<", carry[0], steps)

        def iterate(carry):
            step, tolerance, progress = carry
            *surface, seconds = self.surface_of_lanes(first, step)
            state = SearchState(seconds, progress, tolerance, running(carry))
            convergence, top = self.newton_iteration(iterations, geothermal, surface, state)
            self.store_solved(output, first, step, convergence.solved, top.flux)
            step, progress = write.lower(
                partial(advance_search, iterations), step, state, convergence, top.largest_change
            )
            return step, convergence.tolerance, progress

        start = write.int_constant(0), write.zero, write.lower(initial_progress, write.zero)
        write.while_loop(lambda carry: write.any(running(carry)), start, iterate)

    def newton_iteration(
        self, iterations: int, geothermal: ir.Value, surface: list[ir.Value], state: SearchState
    ) -> tuple[Convergence, BackwardCarry]:
        """One Newton iteration: result of the forward sweep, last carry of the backward sweep."""
        write, builder, buffers = self.write, self.write.builder, self.buffers
        boundaries, top = builder.sub(self.shape.layers, index(1)), index(0)

        def from_surface(temperature, resistance, *layer):
            *layer, state = layer
            surface = Surface(temperature, resistance)
            carry, entering = eliminate_first_layer(*layer, surface, state)
            return carry._replace(upper=carry.upper._replace(front=None)), entering

        def eliminate(boundary, carry):
            layer = builder.add(boundary, index(1))
            properties, old, new = self.layer(layer)
            lower = write.lower(single_phase_state, properties, new)
            between = flux_across(write, carry.upper, lower, state.progress.exact)
            carry, row = write.lower(
                eliminate_boundary, carry, lower, between, properties, old, new, state
            )
            for value, buffer in zip(jax.tree.leaves(row), buffers.rows, strict=True):
                write.store_row(value, buffer, boundary)
            return carry

        def substitute(number, carry):
            layer = builder.sub(boundaries, number)
            boundary = builder.sub(layer, index(1))
            row = BOUNDARY_ROW.unflatten(
                write.load_row(buffer, boundary) for buffer in buffers.rows
            )
            carry, enthalpies = write.lower(
                back_substitute_layer, carry, *self.layer(layer), row, state, convergence
            )
            self.store_enthalpies(layer, *enthalpies)
            return carry

        start, entering = write.lower(from_surface, *surface, *self.layer(top), state)
        lowest = write.fori_loop(boundaries, start, eliminate)
        convergence = write.lower(
            partial(check_convergence, iterations),
            lowest.row,
            lowest.gross_flux,
            lowest.heat_content,
            geothermal,
            state,
        )
        start = write.lower(start_back_substitution, convergence, geothermal)
        carry, enthalpies = write.lower(
            back_substitute_surface,
            write.fori_loop(boundaries, start, substitute),
            *self.layer(top),
            entering,
            state,
            convergence,
        )
        self.store_enthalpies(top, *enthalpies)
        return convergence, carry

    def store_solved(
        self, output: StepOutput, first: ir.Value, step: ir.Value, solved: ir.Value, flux: ir.Value
    ) -> None:
        """Store the results of the lanes that have ended a step, as those of that step."""
        write, builder = self.write, self.write.builder
        for lane in range(write.lanes):
            with builder.if_then(write.extract_lane(solved, lane)):
                here = builder.sext(write.extract_lane(step, lane), INDEX)
                offset = self.offset(here, builder.add(first, index(lane)))
                builder.store(
                    write.extract_lane(flux, lane), write.element_pointer(output.entering, offset)
                )
                position = builder.add(output.first, index(lane))

                def store(layer, lane=lane, position=position, here=here):
                    inside = builder.add(builder.mul(layer, index(write.lanes)), index(lane))
                    address = write.element_pointer(self.buffers.old, inside)
                    row = builder.mul(self.row_number(here, layer), output.stride)
                    builder.store(
                        builder.load(address, typ=write.element),
                        write.element_pointer(output.enthalpy, builder.add(row, position)),
                    )

                self.for_each_layer(store)


def _write(iterations: int, dtype: str, function: ir.Function) -> None:
    """Write the kernel that returns all steps of all cells."""
    kernel = StepsKernel(function, dtype, THERMAL, 2, len(SIZES))
    enthalpy, entering = kernel.results

    def vector(first):
        kernel.load_layers(first)
        output = StepOutput(enthalpy, kernel.shape.cells, first, entering)
        kernel.solve_steps(iterations, first, output)

    kernel.for_each_vector(vector)


def heat_steps(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> HeatStep:
    """Enthalpy and surface flux after every step; arguments as for ``heat.step.heat_steps``."""
    dtype, layers, (steps,) = old.dtype, old.shape[0], seconds.shape
    target = register_kernel(
        f"heat_steps_{dtype.name}_{iterations}",
        partial(_write, iterations, dtype.name),
        THERMAL + STEP_ARGUMENTS,
        2,
        SIZES,
    )
    enthalpy, entering = call_kernel(
        target,
        heat_arguments(thermal_properties(column), column, old, surfaces),
        [(steps, layers), (steps,)],
        shared=[seconds],
    )
    return HeatStep(enthalpy, entering)
