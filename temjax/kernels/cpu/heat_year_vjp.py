"""The way back through a year of soil heat as one kernel for CPUs.

The steps are gone through once more and kept in the kernel's scratch memory, then they are gone
back through from the last to the first (``heat.adjoint``).
"""

from functools import partial

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.adjoint import Crossed, Layer, Made, arrive, at_bottom, down, down_from, up
from temjax.heat.year import Seen
from temjax.kernels.cpu.heat import FACTS, OTHERS, Kept, Kernel, heat_arguments
from temjax.kernels.cpu.heat_year import ROWS, year_rows
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.options import ModelOptions
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import DepthShares
from temjax.soil_column import SoilColumn

ASKED = 6  # cotangents
RESULTS = ROWS + 6
SIZES = (ROWS + 2, 0), (0, 0), (0, 1)  # steps, layers, cells

Layers = Float[Array, "layer cell"]


class BackKernel(Kernel):
    """The kernel being written."""

    def __init__(self, iterations: int, months: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, ROWS, RESULTS, len(SIZES), leading=ASKED)
        self.iterations = iterations
        self.months = index(months)
        (self.by_after, self.by_top, self.by_centre, self.by_read, self.by_depth,
         self.by_flux) = self.leading  # fmt: skip
        self.by_rows = self.results[:ROWS]
        (self.by_geothermal, self.by_old, self.by_temperature, self.by_resistance,
         self.entering, self.scratch) = self.results[ROWS:]  # fmt: skip
        self.sums = self.several(ROWS)  # cotangents of the rows so far
        self.later = self.rooms.new  # those of the enthalpies at the end of a step
        self.ratio, self.value = self.rooms.rows[:2]

    def vector(self, first: ir.Value) -> None:
        """Back through a year of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        self.fetch(first)
        lanes = index(write.lanes)

        def start(layer, _):
            write.store_row(write.load_row(self.rooms.old, layer), self.scratch, layer)
            return ()

        write.fori_loop(self.shape.layers, (), start)
        ends = write.element_pointer(self.scratch, builder.mul(self.shape.layers, lanes))
        self.march(self.iterations, first, Kept(ends, lanes, index(0), self.entering))
        self.clear(first)
        substeps = builder.sdiv(self.shape.steps, self.months)

        def month(number, by_geothermal):
            month = self.counted_down(self.months, number)

            def step(number, by_geothermal):
                step = builder.add(
                    builder.mul(month, substeps), self.counted_down(substeps, number)
                )
                return builder.fadd(by_geothermal, self.back(first, month, step))

            return write.fori_loop(substeps, by_geothermal, step)

        by_geothermal = write.fori_loop(self.months, write.zero, month)
        write.store(by_geothermal, self.by_geothermal, first)

        def report(layer, _):
            place = self.place(layer, first)
            for room, address in zip(self.sums, self.by_rows, strict=True):
                write.store(write.load_row(room, layer), address, place)
            write.store(write.load_row(self.later, layer), self.by_old, place)
            return ()

        write.fori_loop(self.shape.layers, (), report)

    def clear(self, first: ir.Value) -> None:
        """Begin with the cotangents of the year's end."""
        write = self.write

        def layer(layer, _):
            for room in self.sums:
                write.store_row(write.zero, room, layer)
            write.store_row(write.load(self.by_after, self.place(layer, first)), self.later, layer)
            return ()

        write.fori_loop(self.shape.layers, (), layer)

    def layer_at(self, step: ir.Value, layer: ir.Value) -> tuple[Layer, ir.Value]:
        """A layer at the end of a step, and what enthalpy it gained."""
        write, builder = self.write, self.write.builder
        before = builder.add(builder.mul(step, self.shape.layers), layer)
        old = write.load_row(self.scratch, before)
        new = write.load_row(self.scratch, builder.add(before, self.shape.layers))
        counting = (write.load_row(room, layer) for room in self.rooms.facts[FACTS:])
        made = Made(self.facts(layer), *counting)
        return Layer(made, new), builder.fsub(new, old)

    def asked(self, first, month, step, layer, flux) -> Crossed:
        """Cotangents of what a step reports of a layer."""
        write, builder = self.write, self.write.builder
        monthly = self.place(builder.add(builder.mul(month, self.shape.layers), layer), first)
        each = self.place(step, first)
        return Crossed(
            flux,
            write.load(self.by_top, monthly),
            write.load(self.by_centre, monthly),
            write.load(self.by_read, each),
            write.load(self.by_depth, each),
        )

    def add_up(self, layer: ir.Value, *several: Made) -> None:
        """Add cotangents of a layer's make to those so far."""
        write, builder = self.write, self.write.builder
        for room, *values in zip(self.sums, *map(jax.tree.leaves, several), strict=True):
            total = write.load_row(room, layer)
            for value in values:
                total = builder.fadd(total, value)
            write.store_row(total, room, layer)

    def back(self, first: ir.Value, month: ir.Value, step: ir.Value) -> ir.Value:
        """Back through a step; the cotangent of the geothermal flux."""
        write, builder = self.write, self.write.builder
        boundaries, top = builder.sub(self.shape.layers, index(1)), index(0)
        place = self.place(step, first)
        *surface, seconds = self.surface_at(first, step)
        asked = partial(self.asked, first, month, step)
        at_surface = asked(top, write.load(self.by_flux, place))

        def descend(boundary, above):
            layer = builder.add(boundary, index(1))
            upper, _ = self.layer_at(step, boundary)
            lower, _ = self.layer_at(step, layer)
            later = write.load_row(self.later, layer)
            rows = write.lower(down, above, upper, lower, asked(layer, write.zero), later, seconds)
            write.store_row(rows.ratio, self.ratio, boundary)
            write.store_row(rows.value, self.value, boundary)
            return rows

        def ascend(number, solution):
            layer = builder.sub(boundaries, number)
            boundary = builder.sub(layer, index(1))
            upper, _ = self.layer_at(step, boundary)
            lower, gained = self.layer_at(step, layer)
            row = write.load_row(self.ratio, boundary), write.load_row(self.value, boundary)
            above, by_upper, by_lower = write.lower(
                up, solution, upper, lower, row, asked(layer, write.zero), gained, seconds
            )
            self.add_up(boundary, by_upper)
            self.add_up(layer, by_lower)
            self.hand_on(layer, lower, solution)
            return above

        uppermost, gained = self.layer_at(step, top)
        start = write.lower(
            down_from, uppermost, *surface, at_surface, write.load_row(self.later, top), seconds
        )
        lowest = write.lower(at_bottom, write.fori_loop(boundaries, start, descend))
        solution = write.fori_loop(boundaries, lowest, ascend)
        by_made, by_temperature, by_resistance = write.lower(
            arrive, solution, uppermost, *surface, at_surface, gained, seconds
        )
        self.add_up(top, by_made)
        self.hand_on(top, uppermost, solution)
        write.store(by_temperature, self.by_temperature, place)
        write.store(by_resistance, self.by_resistance, place)
        return builder.fmul(seconds, lowest)

    def hand_on(self, layer: ir.Value, made: Layer, solution: ir.Value) -> None:
        """To the step before: the cotangent of what it ended with."""
        by_old = self.write.builder.fmul(made.made.facts.thickness, solution)
        self.write.store_row(by_old, self.later, layer)


def _write(iterations: int, months: int, dtype: str, function: ir.Function) -> None:
    kernel = BackKernel(iterations, months, dtype, function)
    kernel.vectors(kernel.vector)


Year = tuple[SoilColumn, DepthShares, Layers, Surface, Float[Array, "step"]]


def heat_year_vjp(
    options: ModelOptions, at: Year, cotangents: tuple[Layers, Seen], wanted: Year
) -> Year:
    """The cotangents of what a year is given.

    Args:
        options: sub-steps of a month, Newton iterations.
        at: column, shares of a single depth, enthalpy at the start, surfaces and lengths of steps.
        cotangents: of the enthalpy at the end and of what the steps looked like; the largest
            liquid fraction and the imbalance have no derivative.
        wanted: of which leaves.

    Raises:
        NotImplementedError: the cotangent of the lengths of the steps is wanted.
    """
    *given, seconds = at
    if wanted[-1]:
        raise NotImplementedError("the kernel has no derivative in the lengths of steps")
    column, shares, old, surfaces = given
    after, seen = cotangents
    iterations, substeps = options.heat_iterations, options.heat_substeps
    sums = seen.mean.top / substeps, seen.mean.centre / substeps
    each = (
        leaf.reshape((-1, *leaf.shape[2:]))
        for leaf in (seen.shallow_temperature, seen.thaw_depth, seen.surface_flux)
    )

    def arguments(column, shares, old, surfaces):
        return heat_arguments(year_rows(column, shares), column, old, surfaces)

    celled, pull = jax.vjp(arguments, column, shares, old, surfaces)
    dtype, layers, (steps,) = old.dtype, old.shape[0], seconds.shape
    months = steps // substeps
    target = register_kernel(
        f"heat_back_{dtype.name}_{iterations}_{months}",
        partial(_write, iterations, months, dtype.name),
        ASKED + ROWS + OTHERS,
        RESULTS,
        SIZES,
    )
    *found, _ = call_kernel(
        target,
        (after, *sums, *each, *celled),
        [*[(layers,)] * ROWS, (), (layers,), *[(steps,)] * 3],
        shared=[seconds],
        scratch=[(steps + 1, layers, lanes_per_vector(dtype))],
    )
    return (*pull(tuple(found)), jnp.zeros_like(seconds))
