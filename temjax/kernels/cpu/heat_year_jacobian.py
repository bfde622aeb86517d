"""A year of soil heat and its Jacobian as one kernel for CPUs.

Every step is a linear map of the enthalpies before it, (∂r/∂H) dH = dHⁿ: its matrix is eliminated
once for all columns of the Jacobian.
"""

from functools import partial

import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.linearisation import flux_between, flux_into
from temjax.heat.tridiagonal import (
    MatrixRow,
    ReducedRow,
    back_substitute,
    first_matrix_row,
    next_matrix_row,
    pivot_inverse,
    reduced_value,
)
from temjax.kernels.cpu.heat import StepOutput, StepsKernel
from temjax.kernels.cpu.heat_layers import STEP_ARGUMENTS, THERMAL, heat_arguments
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.processes.soil_heat import LayerState, Surface, layer_state
from temjax.soil_column import SoilColumn, ThermalProperties, thermal_properties

RESULTS = 5
SIZES = (3, 0), (1, 0), (1, 2)  # steps, layers, cells

Layers = Float[Array, "layer cell"]


def _first(
    properties: ThermalProperties,
    enthalpy: Array,
    temperature: Array,
    resistance: Array,
    seconds: Array,
) -> tuple[LayerState, MatrixRow, Array]:
    """State and matrix row of the uppermost layer, and the ratio above it."""
    state = layer_state(properties, enthalpy)
    top = flux_into(state, Surface(temperature, resistance), exact=True)
    row = first_matrix_row(properties.thickness, top.by_lower, seconds)
    return state, row, jnp.zeros_like(enthalpy)


def _next(
    upper: LayerState,
    above: MatrixRow,
    ratio: Array,
    properties: ThermalProperties,
    enthalpy: Array,
    seconds: Array,
) -> tuple[tuple[LayerState, MatrixRow, Array], Array]:
    """Eliminate the row above a boundary: the next layer's, and the inverse of the pivot."""
    state = layer_state(properties, enthalpy)
    between = flux_between(upper, state, exact=True)
    complete, coupling, below = next_matrix_row(
        above, between.by_upper, between.by_lower, properties.thickness, seconds
    )
    inverse = pivot_inverse(complete, ratio)
    return (state, below, coupling * inverse), inverse


def _value(thickness: Array, before: Array, lower: Array, above: Array, inverse: Array) -> Array:
    """Eliminated right-hand side Δz·dHⁿ of a layer."""
    return reduced_value(lower, thickness * before, above, inverse)


def _substituted(ratio: Array, value: Array, below: Array) -> Array:
    return back_substitute(ReducedRow(ratio, value), below)


class JacobianKernel(StepsKernel):
    """The kernel while it is written."""

    def __init__(self, iterations: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, THERMAL, RESULTS, len(SIZES))
        self.iterations = iterations
        self.after, self.jacobian, self.entering, self.steps, self.matrix = self.results
        self.lower, self.inverse, self.ratio = self.buffers.rows[:3]

    def vector(self, first: ir.Value) -> None:
        """A year of the vector that begins with a cell."""
        write, builder, layers = self.write, self.write.builder, self.shape.layers
        self.load_layers(first)
        output = StepOutput(self.steps, index(write.lanes), index(0), self.entering)
        self.solve_steps(self.iterations, first, output)
        self.set_identity()

        def step(step, _):
            self.eliminate(first, step)
            self.solve_columns()
            return ()

        write.fori_loop(self.shape.steps, (), step)
        last = builder.sub(self.shape.steps, index(1))

        def store(layer):
            write.store(self.end_of(last, layer), self.after, self.offset(layer, first))

            def column(column, _):
                entry = self.row_number(layer, column)
                value = write.load_row(self.matrix, entry)
                write.store(value, self.jacobian, self.offset(entry, first))
                return ()

            write.fori_loop(layers, (), column)

        self.for_each_layer(store)

    def set_identity(self) -> None:
        """Set the Jacobian to the identity, before the first step."""
        write, layers = self.write, self.shape.layers

        def clear(entry, _):
            write.store_row(write.zero, self.matrix, entry)
            return ()

        def diagonal(layer):
            write.store_row(write.constant(1.0), self.matrix, self.row_number(layer, layer))

        write.fori_loop(write.builder.mul(layers, layers), (), clear)
        self.for_each_layer(diagonal)

    def end_of(self, step: ir.Value, layer: ir.Value) -> ir.Value:
        """Enthalpy of a layer at the end of a step."""
        return self.write.load_row(self.steps, self.row_number(step, layer))

    def eliminate(self, first: ir.Value, step: ir.Value) -> None:
        """Forward elimination of a step's matrix into the buffers."""
        write, builder = self.write, self.write.builder
        *surface, seconds = self.surface_at(first, step)
        top, boundaries = index(0), builder.sub(self.shape.layers, index(1))

        def eliminate(boundary, above):
            layer = builder.add(boundary, index(1))
            end = self.end_of(step, layer)
            below, inverse = write.lower(
                _next, *above, self.thermal_properties(layer), end, seconds
            )
            _, row, ratio = below
            write.store_row(inverse, self.inverse, boundary)
            write.store_row(ratio, self.ratio, boundary)
            write.store_row(row.lower, self.lower, layer)
            return below

        start = write.lower(
            _first, self.thermal_properties(top), self.end_of(step, top), *surface, seconds
        )
        write.store_row(start[1].lower, self.lower, top)
        _, *lowest = write.fori_loop(boundaries, start, eliminate)
        write.store_row(write.lower(pivot_inverse, *lowest), self.inverse, boundaries)

    def solve_columns(self) -> None:
        """Solve for all columns of the Jacobian at once."""
        write, builder, layers = self.write, self.write.builder, self.shape.layers
        thickness = self.buffers.properties[ThermalProperties._fields.index("thickness")]
        boundaries = builder.sub(layers, index(1))

        def eliminate(layer):
            rows = thickness, self.lower, self.inverse
            thickness_here, lower, inverse = (write.load_row(row, layer) for row in rows)
            above = builder.select(
                builder.icmp_signed(">", layer, index(0)), builder.sub(layer, index(1)), index(0)
            )

            def column(column, _):
                entry = self.row_number(layer, column)
                value = write.lower(
                    _value,
                    thickness_here,
                    write.load_row(self.matrix, entry),
                    lower,  # 0 in the uppermost layer
                    write.load_row(self.matrix, self.row_number(above, column)),
                    inverse,
                )
                write.store_row(value, self.matrix, entry)
                return ()

            write.fori_loop(layers, (), column)

        def substitute(number, _):
            layer = self.descending(boundaries, number)
            below, ratio = builder.add(layer, index(1)), write.load_row(self.ratio, layer)

            def column(column, _):
                entry = self.row_number(layer, column)
                value = write.lower(
                    _substituted,
                    ratio,
                    write.load_row(self.matrix, entry),
                    write.load_row(self.matrix, self.row_number(below, column)),
                )
                write.store_row(value, self.matrix, entry)
                return ()

            return write.fori_loop(layers, (), column)

        self.for_each_layer(eliminate)
        write.fori_loop(boundaries, (), substitute)


def _write(iterations: int, dtype: str, function: ir.Function) -> None:
    kernel = JacobianKernel(iterations, dtype, function)
    kernel.for_each_vector(kernel.vector)


def steps_and_jacobian(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> tuple[Layers, Float[Array, "cell layer layer"]]:
    """Enthalpy after all steps, and its derivative ∂(that)_i/∂H_j in that at the start.

    Args:
        iterations: Newton iterations a step at most.
        column: soil column.
        old: enthalpy at the start, J m⁻³.
        surfaces: drivers of the steps, leading axis ``step``.
        seconds: length of the steps, s.
    """
    dtype, layers, (steps,) = old.dtype, old.shape[0], seconds.shape
    target = register_kernel(
        f"heat_year_jacobian_{dtype.name}_{iterations}",
        partial(_write, iterations, dtype.name),
        THERMAL + STEP_ARGUMENTS,
        RESULTS,
        SIZES,
    )
    lanes = lanes_per_vector(dtype)
    after, jacobian, _ = call_kernel(
        target,
        heat_arguments(thermal_properties(column), column, old, surfaces),
        [(layers,), (layers, layers), (steps,)],
        shared=[seconds],
        scratch=[(steps, layers, lanes), (layers * layers, lanes)],
    )
    return after, jnp.moveaxis(jacobian, -1, 0)
