"""Adjoint of a year of soil heat as one kernel for CPUs.

The steps are solved once more and stay in the kernel's scratch memory; then the adjoint of each
(``heat.adjoint``) is taken from the last to the first.
"""

from functools import partial

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float, PyTree

from temjax.heat.adjoint import (
    LayerCotangents,
    SolvedLayer,
    eliminate_adjoint_first_layer,
    eliminate_adjoint_layer,
    solve_adjoint_bottom,
    substitute_adjoint_layer,
    substitute_adjoint_surface,
)
from temjax.heat.diagnostics import LayerDiagnostics, LayerProperties, layer_properties
from temjax.heat.tridiagonal import ReducedRow
from temjax.heat.year import YearDiagnostics
from temjax.kernels.cpu.heat import StepOutput
from temjax.kernels.cpu.heat_layers import STEP_ARGUMENTS, heat_arguments
from temjax.kernels.cpu.heat_year import PROPERTIES, ObservedKernel
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.options import ModelOptions
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import DepthShares
from temjax.soil_column import SoilColumn

COTANGENTS = 7
RESULTS = PROPERTIES + 6
SIZES = (PROPERTIES + 2, 0), (0, 0), (0, 1)  # steps, layers, cells

Layers = Float[Array, "layer cell"]


def _eliminate_first(first, temperature, resistance, *rest):
    return eliminate_adjoint_first_layer(first, Surface(temperature, resistance), *rest)


def _substitute_surface(solution, first, temperature, resistance, *rest):
    surface = Surface(temperature, resistance)
    return substitute_adjoint_surface(solution, first, surface, *rest)


class AdjointKernel(ObservedKernel):
    """The kernel while it is written."""

    def __init__(self, iterations: int, months: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, PROPERTIES, RESULTS, len(SIZES), leading=COTANGENTS)
        self.iterations = iterations
        self.months = index(months)
        (self.of_after, self.of_top, self.of_centre, self.of_fraction, self.of_temperature,
         self.of_thaw_depth, self.of_flux) = self.leading  # fmt: skip
        self.of_properties = self.results[:PROPERTIES]
        (self.of_geothermal, self.of_old, self.of_surface_temperature, self.of_resistance,
         self.entering, self.scratch) = self.results[PROPERTIES:]  # fmt: skip
        self.sums = self.allocate(PROPERTIES)  # cotangents of the properties so far
        self.of_enthalpy = self.buffers.new  # those of the enthalpies at the end of a step
        self.reduced = self.buffers.rows[:2]

    def vector(self, first: ir.Value) -> None:
        """Adjoint of a year of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        self.solve_forward(first)
        self.start(first)
        substeps = builder.sdiv(self.shape.steps, self.months)

        def month(number, of_geothermal):
            month = self.descending(self.months, number)
            before = builder.mul(month, substeps)

            def step(number, of_geothermal):
                step = builder.add(before, self.descending(substeps, number))
                return builder.fadd(of_geothermal, self.step_adjoint(first, month, step))

            return write.fori_loop(substeps, of_geothermal, step)

        of_geothermal = write.fori_loop(self.months, write.zero, month)
        write.store(of_geothermal, self.of_geothermal, first)

        def store(layer):
            offset = self.offset(layer, first)
            for buffer, address in zip(self.sums, self.of_properties, strict=True):
                write.store(write.load_row(buffer, layer), address, offset)
            write.store(write.load_row(self.of_enthalpy, layer), self.of_old, offset)

        self.for_each_layer(store)

    def solve_forward(self, first: ir.Value) -> None:
        """Solve the steps: enthalpies ``(step + 1, layer)`` in the scratch memory."""
        write, builder = self.write, self.write.builder
        self.load_layers(first)

        def start(layer):
            write.store_row(write.load_row(self.buffers.old, layer), self.scratch, layer)

        self.for_each_layer(start)
        lanes = index(write.lanes)
        ends = write.element_pointer(self.scratch, builder.mul(self.shape.layers, lanes))
        output = StepOutput(ends, lanes, index(0), self.entering)
        self.solve_steps(self.iterations, first, output)

    def start(self, first: ir.Value) -> None:
        """Cotangents at the end of the year."""
        write = self.write

        def layer(layer):
            for buffer in self.sums:
                write.store_row(write.zero, buffer, layer)
            of_after = write.load(self.of_after, self.offset(layer, first))
            write.store_row(of_after, self.of_enthalpy, layer)

        self.for_each_layer(layer)

    def solved_layer(self, step: ir.Value, layer: ir.Value) -> SolvedLayer:
        """A layer in a step."""
        write, builder = self.write, self.write.builder
        before = self.row_number(step, layer)
        return SolvedLayer(
            properties=self.layer_properties(layer),
            old=write.load_row(self.scratch, before),
            new=write.load_row(self.scratch, builder.add(before, self.shape.layers)),
        )

    def outputs(
        self, first: ir.Value, month: ir.Value, step: ir.Value, layer: ir.Value, flux: ir.Value
    ) -> LayerDiagnostics:
        """Cotangents of what a step reports of a layer; ``flux`` is that of the surface's."""
        write = self.write
        monthly = self.offset(self.row_number(month, layer), first)
        each = self.offset(step, first)
        return LayerDiagnostics(
            flux=flux,
            top=write.load(self.of_top, monthly),
            centre=write.load(self.of_centre, monthly),
            temperature=write.load(self.of_temperature, each),
            thaw_depth=write.load(self.of_thaw_depth, each),
            fraction=write.load(self.of_fraction, monthly),
        )

    def add(self, layer: ir.Value, cotangents: LayerProperties) -> None:
        """Add cotangents of a layer's properties to those so far."""
        write = self.write
        for buffer, value in zip(self.sums, jax.tree.leaves(cotangents), strict=True):
            total = write.builder.fadd(write.load_row(buffer, layer), value)
            write.store_row(total, buffer, layer)

    def add_layer(self, layer: ir.Value, cotangents: LayerCotangents) -> None:
        """The same, and the cotangent of the enthalpy at the end of the step before."""
        self.add(layer, cotangents.properties)
        self.write.store_row(cotangents.old, self.of_enthalpy, layer)

    def step_adjoint(self, first: ir.Value, month: ir.Value, step: ir.Value) -> ir.Value:
        """Adjoint of a step; the cotangent of the geothermal flux."""
        write, builder = self.write, self.write.builder
        boundaries, top = builder.sub(self.shape.layers, index(1)), index(0)
        offset = self.offset(step, first)
        *surface, seconds = self.surface_at(first, step)
        outputs = partial(self.outputs, first, month, step)
        at_surface = outputs(top, write.load(self.of_flux, offset))

        def eliminate(boundary, above):
            layer = builder.add(boundary, index(1))
            row = write.lower(
                eliminate_adjoint_layer,
                above,
                self.solved_layer(step, boundary),
                self.solved_layer(step, layer),
                outputs(layer, write.zero),
                write.load_row(self.of_enthalpy, layer),
                seconds,
            )
            for buffer, value in zip(self.reduced, row.above, strict=True):
                write.store_row(value, buffer, boundary)
            return row

        def substitute(number, solution):
            layer = builder.sub(boundaries, number)
            boundary = builder.sub(layer, index(1))
            above, of_upper, of_lower = write.lower(
                substitute_adjoint_layer,
                solution,
                self.solved_layer(step, boundary),
                self.solved_layer(step, layer),
                ReducedRow(*(write.load_row(buffer, boundary) for buffer in self.reduced)),
                outputs(layer, write.zero),
                seconds,
            )
            self.add(boundary, of_upper)
            self.add_layer(layer, of_lower)
            return above

        uppermost = self.solved_layer(step, top)
        of_first = write.load_row(self.of_enthalpy, top)
        start = write.lower(_eliminate_first, uppermost, *surface, at_surface, of_first, seconds)
        lowest = write.lower(solve_adjoint_bottom, write.fori_loop(boundaries, start, eliminate))
        solution = write.fori_loop(boundaries, lowest, substitute)
        of_first, of_surface = write.lower(
            _substitute_surface, solution, uppermost, *surface, at_surface, seconds
        )
        self.add_layer(top, of_first)
        write.store(of_surface.temperature, self.of_surface_temperature, offset)
        write.store(of_surface.resistance, self.of_resistance, offset)
        return builder.fmul(seconds, lowest)


def _write(iterations: int, months: int, dtype: str, function: ir.Function) -> None:
    kernel = AdjointKernel(iterations, months, dtype, function)
    kernel.for_each_vector(kernel.vector)


Inputs = tuple[SoilColumn, DepthShares, Layers, Surface, Float[Array, "step"]]


def heat_year_vjp(
    options: ModelOptions,
    at: Inputs,
    cotangents: tuple[Layers, YearDiagnostics],
    wanted: PyTree[bool],
) -> Inputs:
    """Cotangents of the inputs of a year.

    Args:
        options: sub-steps of a month, Newton iterations.
        at: column, shares of a single depth, enthalpy at the start, surfaces and lengths of steps.
        cotangents: of the enthalpy at the end and of the diagnostics; the largest liquid fraction
            and the imbalance have no derivative.
        wanted: of which leaves of ``at``, a tree like it.

    Raises:
        NotImplementedError: the cotangent of the lengths of the steps is wanted.
    """
    *arrays, seconds = at
    if wanted[-1]:
        raise NotImplementedError("the kernel has no derivative in the lengths of steps")
    after, year = cotangents
    iterations, substeps = options.heat_iterations, options.heat_substeps
    means = year.mean.top, year.mean.centre, year.mean_liquid_fraction
    sums = (mean / substeps for mean in means)
    of_steps = (
        leaf.reshape((-1, *leaf.shape[2:]))
        for leaf in (year.shallow_temperature, year.thaw_depth, year.surface_flux)
    )

    def arguments_of(column, shares, old, surfaces):
        properties = jax.tree.leaves(layer_properties(column, shares))
        return heat_arguments(properties, column, old, surfaces)

    arguments, pull = jax.vjp(arguments_of, *arrays)
    dtype, layers, (steps,) = after.dtype, after.shape[0], seconds.shape
    months = steps // substeps
    target = register_kernel(
        f"heat_year_vjp_{dtype.name}_{iterations}_{months}",
        partial(_write, iterations, months, dtype.name),
        COTANGENTS + PROPERTIES + STEP_ARGUMENTS,
        RESULTS,
        SIZES,
    )
    *of_arguments, _ = call_kernel(
        target,
        (after, *sums, *of_steps, *arguments),
        [*[(layers,)] * PROPERTIES, (), (layers,), *[(steps,)] * 3],
        shared=[seconds],
        scratch=[(steps + 1, layers, lanes_per_vector(dtype))],
    )
    return (*pull(tuple(of_arguments)), jnp.zeros_like(seconds))
