"""A year of soil heat as one kernel for CPUs: the steps of a vector of cells, and a look at each.

Only what a year reports leaves the kernel; the steps themselves stay in its scratch memory.
"""

from functools import partial

import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.diagnostics import Layer, look_at_bottom, look_down, look_from
from temjax.heat.year import Seen, by_month
from temjax.kernels.cpu.heat import FACTS, OTHERS, Kept, Kernel, heat_arguments
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.options import ModelOptions
from temjax.processes.active_layer import counted_thickness
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import DepthShares, Profile
from temjax.soil_column import SoilColumn, layer_facts

ROWS = FACTS + 3
RESULTS = 9
SIZES = (4, 0), (0, 0), (0, 1), (1, 0)  # steps, layers, cells, months

Layers = Float[Array, "layer cell"]


def _largest(before, fraction):
    return jnp.maximum(before, fraction)


def _added(before, value):
    return before + value


class YearKernel(Kernel):
    """The kernel of a year being written."""

    def __init__(self, iterations: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, ROWS, RESULTS, len(SIZES))
        self.iterations = iterations
        (self.after, self.top, self.centre, self.fraction, self.read, self.depth, self.entering,
         self.imbalance, self.scratch) = self.results  # fmt: skip
        self.months = self.sizes[3]

    def vector(self, first: ir.Value) -> None:
        """A year of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        self.fetch(first)
        lanes = index(write.lanes)
        self.march(self.iterations, first, Kept(self.scratch, lanes, index(0), self.entering))
        self.fetch(first)
        geothermal = write.load(self.given.geothermal_flux, first)
        substeps = builder.sdiv(self.shape.steps, self.months)

        def month(month, _):
            self.clear()
            before = builder.mul(month, substeps)

            def step(number, _):
                self.look(first, builder.add(before, number), geothermal)
                return ()

            write.fori_loop(substeps, (), step)
            self.report(first, month)
            return ()

        write.fori_loop(self.months, (), month)

        def last(layer, _):
            write.store(write.load_row(self.rooms.old, layer), self.after, self.place(layer, first))
            return ()

        write.fori_loop(self.shape.layers, (), last)

    def sums(self) -> list[ir.Value]:
        """Rooms of what a month adds up: tops, middles, and the largest fractions."""
        return self.rooms.rows[:3]

    def clear(self) -> None:
        """Begin a month."""

        def layer(layer, _):
            for room in self.sums():
                self.write.store_row(self.write.zero, room, layer)
            return ()

        self.write.fori_loop(self.shape.layers, (), layer)

    def looked_at(self, step: ir.Value, layer: ir.Value) -> Layer:
        """A layer before a step, from the rooms, and after it, from the scratch memory."""
        write, builder = self.write, self.write.builder
        row = builder.add(builder.mul(step, self.shape.layers), layer)
        new = write.load_row(self.scratch, row)
        rooms = self.rooms
        counting = [write.load_row(room, layer) for room in rooms.facts[FACTS:]]
        old = write.load_row(rooms.old, layer)
        write.store_row(new, rooms.old, layer)
        return Layer(self.facts(layer), *counting, old, new)

    def note(self, layer: ir.Value, seen) -> None:
        """Add what was seen of a layer to the month."""
        write = self.write
        values = seen.top, seen.state.profile, seen.state.fraction
        for room, value, how in zip(self.sums(), values, (_added, _added, _largest), strict=True):
            write.store_row(write.lower(how, write.load_row(room, layer), value), room, layer)

    def look(self, first: ir.Value, step: ir.Value, geothermal: ir.Value) -> None:
        """Look at a step."""
        write, builder = self.write, self.write.builder
        place = self.place(step, first)
        temperature, resistance, seconds = self.surface_at(first, step)
        seen = write.lower(look_from, self.looked_at(step, index(0)), temperature, resistance)
        self.note(index(0), seen)

        def down(boundary, above):
            layer = builder.add(boundary, index(1))
            seen = write.lower(look_down, above, self.looked_at(step, layer), seconds)
            self.note(layer, seen)
            return seen

        lowest = write.fori_loop(builder.sub(self.shape.layers, index(1)), seen, down)
        read, imbalance = write.lower(look_at_bottom, lowest, geothermal, seconds)
        for value, address in (
            (read, self.read),
            (lowest.thaw_depth, self.depth),
            (imbalance, self.imbalance),
        ):
            write.store(value, address, place)

    def report(self, first: ir.Value, month: ir.Value) -> None:
        """Put a month's sums where they are asked for."""
        write, builder = self.write, self.write.builder

        def layer(layer, _):
            row = builder.add(builder.mul(month, self.shape.layers), layer)
            place = self.place(row, first)
            for room, address in zip(
                self.sums(), (self.top, self.centre, self.fraction), strict=True
            ):
                write.store(write.load_row(room, layer), address, place)
            return ()

        write.fori_loop(self.shape.layers, (), layer)


def _write(iterations: int, dtype: str, function: ir.Function) -> None:
    kernel = YearKernel(iterations, dtype, function)
    kernel.vectors(kernel.vector)


def year_rows(column: SoilColumn, shares: DepthShares) -> list[Layers]:
    """What the kernels of a year need of layers: the facts, and how layers count."""
    counted = counted_thickness(column.thickness, column.top)
    return [*layer_facts(column), shares.upper_half[0], shares.lower_half[0], counted]


def heat_year(
    options: ModelOptions,
    column: SoilColumn,
    shares: DepthShares,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Layers, Seen]:
    """Enthalpy at the end of a year, and what its steps looked like.

    Args:
        options: sub-steps of a month, Newton iterations.
        column: soil column.
        shares: of a single depth, where temperature is read.
        old: enthalpy at the start, J m⁻³.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    dtype, layers, (steps,) = old.dtype, old.shape[0], seconds.shape
    iterations, substeps = options.heat_iterations, options.heat_substeps
    target = register_kernel(
        f"heat_year_{dtype.name}_{iterations}",
        partial(_write, iterations, dtype.name),
        ROWS + OTHERS,
        RESULTS,
        SIZES,
    )
    celled = heat_arguments(year_rows(column, shares), column, old, surfaces)
    monthly, each = (steps // substeps, layers), (steps,)
    after, top, centre, fraction, *each = call_kernel(
        target,
        celled,
        [(layers,), *[monthly] * 3, *[each] * 4],
        shared=[seconds],
        scratch=[(steps, layers, lanes_per_vector(dtype))],
    )
    read, depth, flux, imbalance = by_month(each, options)
    mean = Profile(top / substeps, centre / substeps)
    return after, Seen(mean, fraction, read, depth, flux, imbalance)
