"""Soil heat as kernels for CPUs: a vector of cells at a time, each cell at its own pace.

The arithmetic is that of ``heat.batch``, layer by layer (``heat.sweep``, ``heat.diagnostics``).
Here a layer's numbers stay in the CPU's registers until done with; cells wait only for
those of their own vector.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.newton import beginning
from temjax.heat.step import HeatStep
from temjax.heat.sweep import (
    Ascent,
    Place,
    Row,
    Verdict,
    arrive,
    eliminated,
    go_down_from,
    go_up,
    go_up_from,
    settle,
    turn,
)
from temjax.kernels.cpu.heat_boundary import flux_across
from temjax.native.call import call_kernel, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import INDEX, INT32, for_each_vector, index
from temjax.processes.soil_heat import Surface, single_phase_state
from temjax.soil_column import LayerFacts, SoilColumn, layer_facts

FACTS = len(LayerFacts._fields)
MARCH_SIZES = (0, 0), (0, 1), (0, 2)  # steps, layers, cells of the enthalpies

Layers = Float[Array, "layer cell"]


class Shape(NamedTuple):
    """Sizes of the arrays of steps ``(step, layer, cell)``."""

    steps: ir.Value
    layers: ir.Value
    cells: ir.Value


class Given(NamedTuple):
    """Addresses of the arguments: rows ``(layer, cell)``, and the others of ``march``."""

    rows: Sequence[ir.Value]
    geothermal_flux: ir.Value
    old: ir.Value
    temperature: ir.Value
    resistance: ir.Value
    seconds: ir.Value


OTHERS = len(Given._fields) - 1  # arguments that are no rows


class Rooms(NamedTuple):
    """A vector of cells' layers, close together: rows of vectors."""

    facts: Sequence[ir.Value]
    old: ir.Value
    new: ir.Value
    rows: Sequence[ir.Value]


class Kept(NamedTuple):
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


class Kernel:
    """A kernel being written.

    Attributes:
        write: the writer.
        given: addresses of the arguments.
        shape: of the steps.
        rooms: of the vector at hand.
    """

    def __init__(
        self,
        function: ir.Function,
        dtype: str,
        rows: int,
        results: int,
        sizes: int,
        leading: int = 0,
    ) -> None:
        """Begin.

        Args:
            function: to write into.
            dtype: of the numbers.
            rows: how many arguments ``(layer, cell)``.
            results: how many.
            sizes: how many.
            leading: arguments before those of ``Given``.
        """
        self.write = VectorWriter(function, dtype)
        addresses, self.sizes = function.args[:-sizes], function.args[-sizes:]
        self.leading, others = addresses[:leading], addresses[leading:-results]
        self.given = Given(others[:rows], *others[rows:])
        self.results = addresses[-results:]
        self.shape = Shape(*self.sizes[:3])
        several = self.several
        self.rooms = Rooms(several(rows), *several(2), several(len(Row._fields)))

    def several(self, count: int) -> list[ir.Value]:
        """Room for so many numbers of every layer."""
        return [self.write.allocate(self.shape.layers) for _ in range(count)]

    def vectors(self, body: Callable[[ir.Value], None]) -> None:
        """``body(cell it begins with)`` for one vector of cells after the other."""
        for_each_vector(self.write, self.shape.cells, body)
        self.write.builder.ret_void()

    def place(self, row: ir.Value, first: ir.Value) -> ir.Value:
        """Where a vector is in an array whose last axis are the cells."""
        builder = self.write.builder
        return builder.add(builder.mul(row, self.shape.cells), first)

    def fetch(self, first: ir.Value) -> None:
        """Bring the layers of a vector close together."""
        write = self.write

        def layer(layer, _):
            place = self.place(layer, first)
            for address, room in zip(self.given.rows, self.rooms.facts, strict=True):
                write.store_row(write.load(address, place), room, layer)
            old = write.load(self.given.old, place)
            write.store_row(old, self.rooms.old, layer)
            write.store_row(old, self.rooms.new, layer)
            return ()

        write.fori_loop(self.shape.layers, (), layer)

    def facts(self, layer: ir.Value) -> LayerFacts:
        """Facts of a layer."""
        return LayerFacts(*(self.write.load_row(room, layer) for room in self.rooms.facts[:FACTS]))

    def layer(self, layer: ir.Value) -> tuple[LayerFacts, ir.Value, ir.Value]:
        """Facts, enthalpy at the start of the step and iterate of a layer."""
        write, rooms = self.write, self.rooms
        return self.facts(layer), write.load_row(rooms.old, layer), write.load_row(rooms.new, layer)

    def counted_down(self, count: ir.Value, number: ir.Value) -> ir.Value:
        """A number below a count, the last one first."""
        builder = self.write.builder
        return builder.sub(builder.sub(count, index(1)), number)

    def surface_at(self, first: ir.Value, step: ir.Value) -> list[ir.Value]:
        """Temperature, resistance and length of a step that all lanes are at."""
        write, given = self.write, self.given
        place = self.place(step, first)
        seconds = write.builder.load(write.element_pointer(given.seconds, step), typ=write.element)
        drivers = (write.load(rows, place) for rows in (given.temperature, given.resistance))
        return [*drivers, write.broadcast(seconds)]

    def put(self, layer: ir.Value, enthalpies: tuple[ir.Value, ir.Value]) -> None:
        """Replace what a step starts from and the iterate of a layer."""
        self.write.store_row(enthalpies[0], self.rooms.old, layer)
        self.write.store_row(enthalpies[1], self.rooms.new, layer)

    def drivers(self, first: ir.Value, step: ir.Value) -> list[ir.Value]:
        """Temperature, resistance and length of the step that every lane is at."""
        write, builder, given = self.write, self.write.builder, self.given
        last = builder.trunc(builder.sub(self.shape.steps, index(1)), INT32)
        found = [write.zero] * 3
        for lane in range(write.lanes):
            here = write.extract_lane(step, lane)
            here = builder.select(builder.icmp_signed("<", here, last), here, last)
            here = builder.sext(here, INDEX)
            place = builder.add(
                builder.mul(here, self.shape.cells), builder.add(first, index(lane))
            )
            places = (given.temperature, place), (given.resistance, place), (given.seconds, here)
            for number, (address, position) in enumerate(places):
                value = builder.load(write.element_pointer(address, position), typ=write.element)
                found[number] = write.insert_lane(found[number], value, lane)
        return found

    def march(self, iterations: int, first: ir.Value, kept: Kept) -> None:
        """All steps of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        steps = write.broadcast(builder.trunc(self.shape.steps, INT32))
        geothermal = write.load(self.given.geothermal_flux, first)

        def running(state):
            return builder.icmp_signed("<", state[0], steps)

        def iterate(state):
            step, limit, progress = state
            *surface, seconds = self.drivers(first, step)
            at = Place(seconds, progress, limit, running(state))
            verdict, ascent = self.walk(iterations, geothermal, surface, at)
            self.keep(kept, first, step, verdict.solved, ascent.flux)
            step, progress = write.lower(
                partial(settle, iterations), step, at, verdict, ascent.length
            )
            return step, verdict.limit, progress

        start = write.int_constant(0), write.zero, write.lower(beginning, write.zero)
        write.while_loop(lambda state: write.any(running(state)), start, iterate)

    def walk(self, iterations: int, geothermal, surface, at: Place) -> tuple[Verdict, Ascent]:
        """An iteration: what the way down found, and where the way up ended."""
        write, builder, rooms = self.write, self.write.builder, self.rooms
        boundaries = builder.sub(self.shape.layers, index(1))

        def from_surface(temperature, resistance, *rest):
            descent, top = go_down_from(*rest[:3], Surface(temperature, resistance), rest[3])
            return descent._replace(upper=descent.upper._replace(front=None)), top

        def down(boundary, descent):
            layer = builder.add(boundary, index(1))
            facts, old, new = self.layer(layer)
            lower = write.lower(single_phase_state, facts, new)
            between = flux_across(write, descent.upper, lower, at.progress.exact)
            descent, row = write.lower(eliminated, descent, lower, between, facts, old, new, at)
            for value, room in zip(row, rooms.rows, strict=True):
                write.store_row(value, room, boundary)
            return descent

        def up(number, ascent):
            layer = builder.sub(boundaries, number)
            row = Row(*(write.load_row(room, builder.sub(layer, index(1))) for room in rooms.rows))
            ascent, enthalpies = write.lower(go_up, ascent, *self.layer(layer), row, at, verdict)
            self.put(layer, enthalpies)
            return ascent

        start, entering = write.lower(from_surface, *surface, *self.layer(index(0)), at)
        lowest = write.fori_loop(boundaries, start, down)
        verdict = write.lower(
            partial(turn, iterations), lowest.rows, lowest.crossing, lowest.content, geothermal, at
        )
        ascent = write.fori_loop(boundaries, write.lower(go_up_from, verdict, geothermal), up)
        ascent, enthalpies = write.lower(
            arrive, ascent, *self.layer(index(0)), entering, at, verdict
        )
        self.put(index(0), enthalpies)
        return verdict, ascent

    def keep(self, kept: Kept, first, step, solved, flux) -> None:
        """Put the cells that have ended a step where that step's results are."""
        write, builder = self.write, self.write.builder
        for lane in range(write.lanes):
            with builder.if_then(write.extract_lane(solved, lane)):
                here = builder.sext(write.extract_lane(step, lane), INDEX)
                place = builder.add(
                    builder.mul(here, self.shape.cells), builder.add(first, index(lane))
                )
                builder.store(
                    write.extract_lane(flux, lane), write.element_pointer(kept.entering, place)
                )
                above = builder.mul(here, self.shape.layers)
                column = builder.add(kept.first, index(lane))

                def put(layer, _, lane=lane, column=column, above=above):
                    inside = builder.add(builder.mul(layer, index(write.lanes)), index(lane))
                    address = write.element_pointer(self.rooms.old, inside)
                    row = builder.mul(builder.add(above, layer), kept.stride)
                    builder.store(
                        builder.load(address, typ=write.element),
                        write.element_pointer(kept.enthalpy, builder.add(row, column)),
                    )
                    return ()

                write.fori_loop(self.shape.layers, (), put)


def _march_kernel(iterations: int, dtype: str, function: ir.Function) -> None:
    """Write the kernel that keeps all steps of all cells."""
    kernel = Kernel(function, dtype, FACTS, 2, len(MARCH_SIZES))
    enthalpy, entering = kernel.results

    def vector(first):
        kernel.fetch(first)
        kernel.march(iterations, first, Kept(enthalpy, kernel.shape.cells, first, entering))

    kernel.vectors(vector)


def heat_arguments(
    rows: Sequence[Layers], column: SoilColumn, old: Layers, surfaces: Surface
) -> tuple[Array, ...]:
    """Rows of layers, and what follows them among the arguments of a kernel."""
    return (
        *rows,
        column.geothermal_flux,
        old,
        surfaces.temperature,
        surfaces.resistance,
    )


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
        f"heat_march_{dtype.name}_{iterations}",
        partial(_march_kernel, iterations, dtype.name),
        FACTS + OTHERS,
        2,
        MARCH_SIZES,
    )
    enthalpy, entering = call_kernel(
        target,
        heat_arguments(layer_facts(column), column, old, surfaces),
        [(steps, layers), (steps,)],
        shared=[seconds],
    )
    return HeatStep(enthalpy, entering)
