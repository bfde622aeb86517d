"""A year of soil heat and its Jacobian as one kernel for CPUs.

Every step is a linear map of what came before, (∂r/∂H) dH = dHⁿ: eliminated once, it takes all
columns of the Jacobian along.
"""

from functools import partial

import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.heat.tridiagonal import Elimination, first_row, next_row
from temjax.kernels.cpu.heat import FACTS, OTHERS, Kept, Kernel, heat_arguments
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.vectors import index
from temjax.numerics import reciprocal
from temjax.processes.soil_heat import (
    LayerState,
    Surface,
    flux_between,
    flux_into,
    layer_state,
)
from temjax.soil_column import LayerFacts, SoilColumn, layer_facts

RESULTS = 5
SIZES = (3, 0), (1, 0), (1, 2)  # steps, layers, cells

Layers = Float[Array, "layer cell"]


def _unit(rows: Elimination) -> Elimination:
    """With a right-hand side for which the elimination's value is the pivot's inverse."""
    return rows._replace(row=-jnp.ones_like(rows.row), value=jnp.zeros_like(rows.value))


def _first(
    facts: LayerFacts, enthalpy: Array, temperature: Array, resistance: Array, seconds: Array
) -> tuple[LayerState, Elimination]:
    state = layer_state(facts, enthalpy)
    top = flux_into(state, Surface(temperature, resistance), exact=True)
    zero = jnp.zeros_like(enthalpy)
    return state, first_row(facts.thickness, zero, zero, top.by_lower, seconds)


def _next(
    upper: LayerState, above: Elimination, facts: LayerFacts, enthalpy: Array, seconds: Array
) -> tuple[LayerState, Elimination]:
    """The next layer and its row; ``value`` is the inverse of the pivot above, ``ratio`` its."""
    state = layer_state(facts, enthalpy)
    between = flux_between(upper, state, exact=True)
    zero = jnp.zeros_like(enthalpy)
    rows = next_row(
        _unit(above), zero, between.by_upper, between.by_lower, facts.thickness, zero, seconds
    )
    return state, rows


def _last_inverse(rows: Elimination) -> Array:
    return reciprocal(rows.diagonal - rows.lower * rows.ratio)


def _value(thickness, before, lower, above, inverse):
    return (thickness * before - lower * above) * inverse


def _substituted(value, ratio, below):
    return value - ratio * below


class JacobianKernel(Kernel):
    """The kernel being written."""

    def __init__(self, iterations: int, dtype: str, function: ir.Function) -> None:
        super().__init__(function, dtype, FACTS, RESULTS, len(SIZES))
        self.iterations = iterations
        self.after, self.jacobian, self.entering, self.steps, self.matrix = self.results
        self.lower, self.inverse, self.ratio = self.rooms.rows[:3]

    def vector(self, first: ir.Value) -> None:
        """A year of the vector that begins with a cell."""
        write, builder, layers = self.write, self.write.builder, self.shape.layers
        self.fetch(first)
        lanes = index(write.lanes)
        self.march(self.iterations, first, Kept(self.steps, lanes, index(0), self.entering))

        def unit(number, _):
            write.store_row(write.zero, self.matrix, number)
            return ()

        def diagonal(layer, _):
            write.store_row(write.constant(1.0), self.matrix, self.at(layer, layer))
            return ()

        def step(step, _):
            self.eliminate(first, step)
            self.take_along()
            return ()

        write.fori_loop(builder.mul(layers, layers), (), unit)
        write.fori_loop(layers, (), diagonal)
        write.fori_loop(self.shape.steps, (), step)
        last = builder.sub(self.shape.steps, index(1))

        def row(layer, _):
            write.store(self.end_of(last, layer), self.after, self.place(layer, first))

            def column(column, _):
                number = self.at(layer, column)
                value = write.load_row(self.matrix, number)
                write.store(value, self.jacobian, self.place(number, first))
                return ()

            return write.fori_loop(layers, (), column)

        write.fori_loop(layers, (), row)

    def at(self, layer: ir.Value, column: ir.Value) -> ir.Value:
        """Number of an entry of the Jacobian."""
        builder = self.write.builder
        return builder.add(builder.mul(layer, self.shape.layers), column)

    def end_of(self, step: ir.Value, layer: ir.Value) -> ir.Value:
        """Enthalpy of a layer at the end of a step."""
        return self.write.load_row(self.steps, self.at(step, layer))

    def eliminate(self, first: ir.Value, step: ir.Value) -> None:
        """Keep the rows of a step's matrix, eliminated from the top."""
        write, builder = self.write, self.write.builder
        *surface, seconds = self.surface_at(first, step)

        def down(boundary, above):
            state, rows = above
            layer = builder.add(boundary, index(1))
            end = self.end_of(step, layer)
            below = write.lower(_next, state, rows, self.facts(layer), end, seconds)
            write.store_row(below[1].value, self.inverse, boundary)
            write.store_row(below[1].ratio, self.ratio, boundary)
            write.store_row(below[1].lower, self.lower, layer)
            return below

        top = index(0)
        start = write.lower(_first, self.facts(top), self.end_of(step, top), *surface, seconds)
        write.store_row(start[1].lower, self.lower, top)
        boundaries = builder.sub(self.shape.layers, index(1))
        _, rows = write.fori_loop(boundaries, start, down)
        write.store_row(write.lower(_last_inverse, rows), self.inverse, boundaries)

    def take_along(self) -> None:
        """Solve for all columns at once."""
        write, builder, layers = self.write, self.write.builder, self.shape.layers
        thickness = self.rooms.facts[LayerFacts._fields.index("thickness")]
        boundaries = builder.sub(layers, index(1))

        def down(layer, _):
            room = [write.load_row(rows, layer) for rows in (thickness, self.lower, self.inverse)]
            above = builder.select(
                builder.icmp_signed(">", layer, index(0)), builder.sub(layer, index(1)), index(0)
            )

            def column(column, _):
                number = self.at(layer, column)
                value = write.lower(
                    _value,
                    room[0],
                    write.load_row(self.matrix, number),
                    room[1],  # 0 in the uppermost layer
                    write.load_row(self.matrix, self.at(above, column)),
                    room[2],
                )
                write.store_row(value, self.matrix, number)
                return ()

            return write.fori_loop(layers, (), column)

        def up(number, _):
            layer = self.counted_down(boundaries, number)
            below, ratio = builder.add(layer, index(1)), write.load_row(self.ratio, layer)

            def column(column, _):
                here = self.at(layer, column)
                value = write.lower(
                    _substituted,
                    write.load_row(self.matrix, here),
                    ratio,
                    write.load_row(self.matrix, self.at(below, column)),
                )
                write.store_row(value, self.matrix, here)
                return ()

            return write.fori_loop(layers, (), column)

        write.fori_loop(layers, (), down)
        write.fori_loop(boundaries, (), up)


def _write(iterations: int, dtype: str, function: ir.Function) -> None:
    kernel = JacobianKernel(iterations, dtype, function)
    kernel.vectors(kernel.vector)


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
        f"heat_jacobian_{dtype.name}_{iterations}",
        partial(_write, iterations, dtype.name),
        FACTS + OTHERS,
        RESULTS,
        SIZES,
    )
    lanes = lanes_per_vector(dtype)
    after, jacobian, _ = call_kernel(
        target,
        heat_arguments(layer_facts(column), column, old, surfaces),
        [(layers,), (layers, layers), (steps,)],
        shared=[seconds],
        scratch=[(steps, layers, lanes), (layers * layers, lanes)],
    )
    return after, jnp.moveaxis(jacobian, -1, 0)
