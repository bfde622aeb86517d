"""Arguments, scratch memory and memory layout of the kernels of soil heat for CPUs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.sweep import BoundaryRow
from temjax.heat.tridiagonal import ReducedRow
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import INDEX, INT32, for_each_vector, index
from temjax.processes.soil_heat import Surface
from temjax.soil_column import SoilColumn, ThermalProperties

THERMAL = len(ThermalProperties._fields)
BOUNDARY_ROW = jax.tree.structure(BoundaryRow(0, 0, 0, ReducedRow(0, 0)))

Layers = Float[Array, "layer cell"]


class Shape(NamedTuple):
    """Sizes of the arrays of steps ``(step, layer, cell)``."""

    steps: ir.Value
    layers: ir.Value
    cells: ir.Value


class Arguments(NamedTuple):
    """Addresses of a kernel's arguments: properties ``(layer, cell)``, and those of the steps."""

    properties: Sequence[ir.Value]
    geothermal_flux: ir.Value
    old: ir.Value
    temperature: ir.Value
    resistance: ir.Value
    seconds: ir.Value


STEP_ARGUMENTS = len(Arguments._fields) - 1  # those that are no properties


class LayerBuffers(NamedTuple):
    """Layers of a vector of cells in scratch memory, rows of vectors.

    Attributes:
        properties: of the layers.
        old: enthalpy at the start of the step.
        new: the iterate.
        rows: leaves of a ``BoundaryRow``.
    """

    properties: Sequence[ir.Value]
    old: ir.Value
    new: ir.Value
    rows: Sequence[ir.Value]


class LayerKernel:
    """A kernel of soil heat while it is written.

    Attributes:
        write: the writer.
        arguments: addresses.
        shape: of the steps.
        buffers: of the current vector.
    """

    def __init__(
        self,
        function: ir.Function,
        dtype: str,
        properties: int,
        results: int,
        sizes: int,
        leading: int = 0,
    ) -> None:
        """Take the function's arguments apart and allocate the buffers.

        Args:
            function: to write into.
            dtype: of the numbers.
            properties: how many arguments ``(layer, cell)``.
            results: how many.
            sizes: how many.
            leading: arguments before those of ``Arguments``.
        """
        self.write = VectorWriter(function, dtype)
        addresses, self.sizes = function.args[:-sizes], function.args[-sizes:]
        self.leading, others = addresses[:leading], addresses[leading:-results]
        self.arguments = Arguments(others[:properties], *others[properties:])
        self.results = addresses[-results:]
        self.shape = Shape(*self.sizes[:3])
        allocate = self.allocate
        self.buffers = LayerBuffers(
            allocate(properties), *allocate(2), allocate(BOUNDARY_ROW.num_leaves)
        )

    def allocate(self, count: int) -> list[ir.Value]:
        """Buffers of a vector for every layer."""
        return [self.write.allocate(self.shape.layers) for _ in range(count)]

    def for_each_vector(self, body: Callable[[ir.Value], None]) -> None:
        """``body(first cell)`` for one vector of cells after the other; ends the function."""
        for_each_vector(self.write, self.shape.cells, body)
        self.write.builder.ret_void()

    def for_each_layer(self, body: Callable[[ir.Value], None]) -> None:
        """``body(layer)`` for one layer after the other."""

        def layer(layer, _):
            body(layer)
            return ()

        self.write.fori_loop(self.shape.layers, (), layer)

    def offset(self, row: ir.Value, first: ir.Value) -> ir.Value:
        """Where a vector is in an array whose last axis are the cells."""
        builder = self.write.builder
        return builder.add(builder.mul(row, self.shape.cells), first)

    def row_number(self, step: ir.Value, layer: ir.Value) -> ir.Value:
        """Number of a layer's row in an array ``(step, layer)``."""
        builder = self.write.builder
        return builder.add(builder.mul(step, self.shape.layers), layer)

    def descending(self, count: ir.Value, number: ir.Value) -> ir.Value:
        """A number below a count, the last one first."""
        builder = self.write.builder
        return builder.sub(builder.sub(count, index(1)), number)

    def load_layers(self, first: ir.Value) -> None:
        """Copy the layers of a vector into the buffers."""
        write, buffers = self.write, self.buffers

        def layer(layer):
            offset = self.offset(layer, first)
            for address, buffer in zip(self.arguments.properties, buffers.properties, strict=True):
                write.store_row(write.load(address, offset), buffer, layer)
            old = write.load(self.arguments.old, offset)
            self.store_enthalpies(layer, old, old)

        self.for_each_layer(layer)

    def store_enthalpies(self, layer: ir.Value, old: ir.Value, new: ir.Value) -> None:
        """Replace what a layer's step starts from and its iterate."""
        self.write.store_row(old, self.buffers.old, layer)
        self.write.store_row(new, self.buffers.new, layer)

    def thermal_properties(self, layer: ir.Value) -> ThermalProperties:
        """Thermal properties of a layer."""
        buffers = self.buffers.properties[:THERMAL]
        return ThermalProperties(*(self.write.load_row(buffer, layer) for buffer in buffers))

    def layer(self, layer: ir.Value) -> tuple[ThermalProperties, ir.Value, ir.Value]:
        """Thermal properties, enthalpy at the start of the step and iterate of a layer."""
        write, buffers = self.write, self.buffers
        enthalpies = write.load_row(buffers.old, layer), write.load_row(buffers.new, layer)
        return self.thermal_properties(layer), *enthalpies

    def surface_at(self, first: ir.Value, step: ir.Value) -> list[ir.Value]:
        """Temperature, resistance and length of a step that all lanes are at."""
        write, arguments = self.write, self.arguments
        offset = self.offset(step, first)
        seconds = write.builder.load(
            write.element_pointer(arguments.seconds, step), typ=write.element
        )
        drivers = arguments.temperature, arguments.resistance
        return [*(write.load(series, offset) for series in drivers), write.broadcast(seconds)]

    def surface_of_lanes(self, first: ir.Value, step: ir.Value) -> list[ir.Value]:
        """Temperature, resistance and length of the step that every lane is at."""
        write, builder, arguments = self.write, self.write.builder, self.arguments
        last = builder.trunc(builder.sub(self.shape.steps, index(1)), INT32)
        drivers = [write.zero] * 3
        for lane in range(write.lanes):
            here = write.extract_lane(step, lane)
            here = builder.select(builder.icmp_signed("<", here, last), here, last)
            here = builder.sext(here, INDEX)
            offset = self.offset(here, builder.add(first, index(lane)))
            for number, (address, position) in enumerate((
                (arguments.temperature, offset),
                (arguments.resistance, offset),
                (arguments.seconds, here),
            )):  # fmt: skip
                value = builder.load(write.element_pointer(address, position), typ=write.element)
                drivers[number] = write.insert_lane(drivers[number], value, lane)
        return drivers


def heat_arguments(
    properties: Sequence[Layers], column: SoilColumn, old: Layers, surfaces: Surface
) -> tuple[Array, ...]:
    """Arguments of a kernel: properties of layers, and what the steps take besides."""
    return (
        *properties,
        column.geothermal_flux,
        old,
        surfaces.temperature,
        surfaces.resistance,
    )
