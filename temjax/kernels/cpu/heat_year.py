"""A year of soil heat as one kernel for CPUs: steps of a vector of cells and their diagnostics.

Only what a year reports leaves the kernel; the steps themselves stay in its scratch memory.
"""

from functools import partial

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.diagnostics import (
    LayerProperties,
    StepDiagnostics,
    largest_imbalance,
    layer_properties,
    observe_first_layer,
    observe_layer,
)
from temjax.heat.year import YearDiagnostics, by_month
from temjax.kernels.cpu.heat import StepOutput, StepsKernel
from temjax.kernels.cpu.heat_layers import STEP_ARGUMENTS, THERMAL, heat_arguments
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.options import ModelOptions
from temjax.processes.soil_heat import Surface
from temjax.processes.soil_profile import DepthShares, Profile
from temjax.soil_column import SoilColumn

PROPERTIES = THERMAL + 3
RESULTS = 10
SIZES = (5, 0), (0, 0), (0, 1), (1, 0)  # steps, layers, cells, months

Layers = Float[Array, "layer cell"]


def _accumulate(top, centre, fraction, largest, step: StepDiagnostics):
    """Sums of a month's temperatures and liquid fractions, the largest of these, with a step's."""
    layer = step.layer
    return (
        top + layer.top,
        centre + layer.centre,
        fraction + layer.fraction,
        jnp.maximum(largest, layer.fraction),
    )


def _observe_first_layer(layer, temperature, resistance) -> StepDiagnostics:
    return observe_first_layer(*layer, Surface(temperature, resistance))


class ObservedKernel(StepsKernel):
    """A kernel that takes the weights of diagnostics beside the thermal properties."""

    def layer_properties(self, layer: ir.Value) -> LayerProperties:
        """Properties and weights of a layer."""
        weights = (self.write.load_row(rows, layer) for rows in self.buffers.properties[THERMAL:])
        return LayerProperties(self.thermal_properties(layer), *weights)


class YearKernel(ObservedKernel):
    """The kernel of a year while it is written."""

    def __init__(self, iterations: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, PROPERTIES, RESULTS, len(SIZES))
        self.iterations = iterations
        (self.after, self.top, self.centre, self.fraction, self.largest, self.temperature,
         self.thaw_depth, self.entering, self.imbalance, self.scratch) = self.results  # fmt: skip
        self.months = self.sizes[3]
        # of a month: sums of temperatures at tops and in middles and of liquid fractions, the
        # largest of these
        self.monthly = self.buffers.rows[:4]

    def vector(self, first: ir.Value) -> None:
        """A year of the vector that begins with a cell."""
        write, builder = self.write, self.write.builder
        self.load_layers(first)
        lanes = index(write.lanes)
        output = StepOutput(self.scratch, lanes, index(0), self.entering)
        self.solve_steps(self.iterations, first, output)
        self.load_layers(first)
        geothermal = write.load(self.arguments.geothermal_flux, first)
        substeps = builder.sdiv(self.shape.steps, self.months)

        def month(month, _):
            self.clear_month()
            before = builder.mul(month, substeps)

            def step(number, _):
                self.observe(first, builder.add(before, number), geothermal)
                return ()

            write.fori_loop(substeps, (), step)
            self.store_month(first, month)
            return ()

        def store(layer):
            after = write.load_row(self.buffers.old, layer)
            write.store(after, self.after, self.offset(layer, first))

        write.fori_loop(self.months, (), month)
        self.for_each_layer(store)

    def clear_month(self) -> None:
        """Set a month's sums to zero."""

        def clear(layer):
            for buffer in self.monthly:
                self.write.store_row(self.write.zero, buffer, layer)

        self.for_each_layer(clear)

    def take_layer(
        self, step: ir.Value, layer: ir.Value
    ) -> tuple[LayerProperties, ir.Value, ir.Value]:
        """Properties of a layer, its enthalpies before and after a step; stores the later one."""
        write = self.write
        old = write.load_row(self.buffers.old, layer)
        new = write.load_row(self.scratch, self.row_number(step, layer))
        write.store_row(new, self.buffers.old, layer)
        return self.layer_properties(layer), old, new

    def accumulate(self, layer: ir.Value, step: StepDiagnostics) -> None:
        """Add a layer's diagnostics to the month."""
        write = self.write
        before = (write.load_row(buffer, layer) for buffer in self.monthly)
        values = write.lower(_accumulate, *before, step)
        for buffer, value in zip(self.monthly, values, strict=True):
            write.store_row(value, buffer, layer)

    def observe(self, first: ir.Value, step: ir.Value, geothermal: ir.Value) -> None:
        """Diagnostics of a step."""
        write, builder = self.write, self.write.builder
        *surface, seconds = self.surface_at(first, step)
        top = write.lower(_observe_first_layer, self.take_layer(step, index(0)), *surface)
        self.accumulate(index(0), top)

        def observe(boundary, above):
            layer = builder.add(boundary, index(1))
            below = write.lower(observe_layer, above, *self.take_layer(step, layer), seconds)
            self.accumulate(layer, below)
            return below

        lowest = write.fori_loop(builder.sub(self.shape.layers, index(1)), top, observe)
        imbalance = write.lower(largest_imbalance, lowest, geothermal, seconds)
        offset = self.offset(step, first)
        for value, address in (
            (lowest.layer.temperature, self.temperature),
            (lowest.layer.thaw_depth, self.thaw_depth),
            (imbalance, self.imbalance),
        ):
            write.store(value, address, offset)

    def store_month(self, first: ir.Value, month: ir.Value) -> None:
        """Store a month's sums as results."""
        write = self.write

        def store(layer):
            offset = self.offset(self.row_number(month, layer), first)
            results = self.top, self.centre, self.fraction, self.largest
            for buffer, address in zip(self.monthly, results, strict=True):
                write.store(write.load_row(buffer, layer), address, offset)

        self.for_each_layer(store)


def _write(iterations: int, dtype: str, function: ir.Function) -> None:
    kernel = YearKernel(iterations, dtype, function)
    kernel.for_each_vector(kernel.vector)


def heat_year(
    options: ModelOptions,
    column: SoilColumn,
    shares: DepthShares,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Layers, YearDiagnostics]:
    """Enthalpy at the end of a year, J m⁻³, and the diagnostics of its months and steps.

    Args:
        options: sub-steps of a month, Newton iterations.
        column: soil column.
        shares: of the single depth at which temperature is reported.
        old: enthalpy at the start, J m⁻³.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    dtype, layers, (steps,) = old.dtype, old.shape[0], seconds.shape
    iterations, substeps = options.heat_iterations, options.heat_substeps
    target = register_kernel(
        f"heat_year_{dtype.name}_{iterations}",
        partial(_write, iterations, dtype.name),
        PROPERTIES + STEP_ARGUMENTS,
        RESULTS,
        SIZES,
    )
    properties = jax.tree.leaves(layer_properties(column, shares))
    monthly, each = (steps // substeps, layers), (steps,)
    after, top, centre, fraction, largest, *of_steps = call_kernel(
        target,
        heat_arguments(properties, column, old, surfaces),
        [(layers,), *[monthly] * 4, *[each] * 4],
        shared=[seconds],
        scratch=[(steps, layers, lanes_per_vector(dtype))],
    )
    mean = Profile(top / substeps, centre / substeps)
    return after, YearDiagnostics(mean, fraction / substeps, largest, *by_month(of_steps, options))
