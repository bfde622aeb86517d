"""Kernel for CPUs of one month of carbon, nitrogen and water: a vector of cells at a time.

It is lowered from ``ecosystem.imex.imex_stage``; pools and integrals stay close to the CPU's
registers from the first stage of the month to its last.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jax.extend.core import Literal, jaxpr_as_fun
from jaxtyping import Array, Float

from temjax.ecosystem.imex import ImexState, MonthContext, imex_stage, initial_state
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

DIMENSIONS = [(0, 1)]  # cells
# Registers a vector fills: while one of them waits for a quotient or a power the other goes on
REGISTERS = 2


class TracedStage(NamedTuple):
    """An IMEX stage, traced for one vector of cells.

    Attributes:
        jaxpr: of the leaves of the month's context, those of the state, and which stage it is.
        used: which leaves of the context it needs.
        name: of the kernel.
    """

    jaxpr: Any
    used: tuple[int, ...]
    name: str

    @property
    def state_leaves(self) -> int:
        """Number of leaves of the state."""
        return len(self.jaxpr.out_avals)

    @property
    def context_leaves(self) -> int:
        """Number of leaves of the context."""
        return len(self.jaxpr.in_avals) - self.state_leaves - 1

    def integrals(self, pools: int) -> int:
        """Number of integrals: the state holds pools, their tendency and a guess as well."""
        return self.state_leaves - 2 * pools - 1

    def of_leaves(
        self, numbers: Sequence[int], context: Sequence[Array], is_second: Array
    ) -> Callable:
        """The stage as a function of some leaves of the context and the state.

        Args:
            numbers: which leaves.
            context: all leaves.
            is_second: 0 or 1.
        """
        evaluate = jaxpr_as_fun(self.jaxpr)

        def stage(some, state):
            leaves = list(context)
            for number, leaf in zip(numbers, some, strict=True):
                leaves[number] = leaf
            return evaluate(*leaves, *state, is_second)

        return stage


def used_inputs(jaxpr: Any, count: int) -> tuple[int, ...]:
    """Which of the first inputs a traced function needs."""
    wanted = {v for eqn in jaxpr.eqns for v in eqn.invars if not isinstance(v, Literal)}
    wanted |= {v for v in jaxpr.jaxpr.outvars if not isinstance(v, Literal)}
    return tuple(n for n, v in enumerate(jaxpr.jaxpr.invars[:count]) if v in wanted)


def digest(*jaxprs: Any) -> str:
    """A digest of traced functions."""
    return hashlib.sha256("".join(map(str, jaxprs)).encode()).hexdigest()[:16]


def are_boolean(leaves: Sequence[Array]) -> tuple[bool, ...]:
    """Which leaves are boolean; a kernel has them as numbers."""
    return tuple(jnp.asarray(leaf).dtype == bool for leaf in leaves)


def restore_booleans(leaves: Sequence[Array], boolean: Sequence[bool]) -> list[Array]:
    """Leaves of the types that the model has them in."""
    return [leaf != 0 if is_bool else leaf for leaf, is_bool in zip(leaves, boolean, strict=True)]


@lru_cache(maxsize=64)
def trace_stage(
    substeps: int, structure, boolean: tuple[bool, ...], pools: int, dtype: str
) -> TracedStage:
    """Trace a stage.

    Args:
        substeps: of a month.
        structure: of the context.
        boolean: which of its leaves are boolean.
        pools: how many.
        dtype: of the numbers.
    """
    vector = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)

    def stage(leaves, state, is_second):
        context = jax.tree.unflatten(structure, restore_booleans(leaves, boolean))
        return imex_stage(substeps, context, state, is_second)

    leaves = [vector] * len(boolean)
    state = jax.eval_shape(initial_state, [vector] * pools)
    jaxpr = jax.make_jaxpr(stage)(leaves, state, vector)
    name = f"month_{dtype}_{substeps}_{digest(jaxpr)}"
    return TracedStage(jaxpr, used_inputs(jaxpr, len(leaves)), name)


def stage_of(substeps: int, context: MonthContext, pools: Float[Array, "pool cell"]) -> TracedStage:
    """The traced stage for a month of these cells."""
    leaves, structure = jax.tree.flatten(context)
    return trace_stage(substeps, structure, are_boolean(leaves), pools.shape[0], pools.dtype.name)


def context_rows(
    numbers: Sequence[int], context: MonthContext, pools: Float[Array, "pool cell"]
) -> list[Array]:
    """Some leaves of the context, or of its tangents, ``(cell)``."""
    leaves, (_, cells) = jax.tree.leaves(context), pools.shape
    return [jnp.broadcast_to(leaves[number], (cells,)).astype(pools.dtype) for number in numbers]


def registers_per_vector(cells: int, dtype: str) -> int:
    """Registers a vector fills: fewer cells than two hold take one."""
    return REGISTERS if cells >= lanes_per_vector(dtype, REGISTERS) else 1


def with_zeros(
    writer: VectorWriter, count: int, numbers: Sequence[int], values: Sequence[ir.Value]
) -> list[ir.Value]:
    """So many leaves: the values of some, zeros for those that are not used."""
    leaves = [writer.zero] * count
    for number, value in zip(numbers, values, strict=True):
        leaves[number] = value
    return leaves


def load_context(
    writer: VectorWriter, stage: TracedStage, addresses: Sequence[ir.Value], first: ir.Value
) -> list[ir.Value]:
    """Leaves of the context of the vector that begins with a cell."""
    loaded = [writer.load(address, first) for address in addresses]
    return with_zeros(writer, stage.context_leaves, stage.used, loaded)


def stage_flag(writer: VectorWriter, number: ir.Value) -> ir.Value:
    """0 for the first stage of a sub-step, 1 for the second."""
    odd = writer.builder.and_(number, index(1))
    return writer.broadcast(writer.builder.sitofp(odd, writer.element))


def lower_steps(
    writer: VectorWriter,
    stage: TracedStage,
    substeps: int,
    context: Sequence[ir.Value],
    pools: Sequence[ir.Value],
) -> ImexState:
    """Lower all sub-steps of a month; the state at its end.

    Args:
        writer: the writer.
        stage: traced.
        substeps: of the month.
        context: all leaves.
        pools: at the start of the month.
    """

    def step(number, state):
        operands = [*context, *jax.tree.leaves(state), stage_flag(writer, number)]
        leaves = writer.lower_jaxpr(stage.jaxpr, operands)
        return jax.tree.unflatten(jax.tree.structure(state), leaves)

    start = writer.lower(initial_state, list(pools))
    return writer.fori_loop(index(2 * substeps), start, step)


def _write_kernel(
    stage: TracedStage, substeps: int, pools: int, dtype: str, registers: int, function: ir.Function
) -> None:
    writer = VectorWriter(function, dtype, registers)
    builder, used = writer.builder, len(stage.used)
    addresses, (start, *results, cells) = function.args[:used], function.args[used:]

    def vector(first):
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        context = load_context(writer, stage, addresses, first)
        at_start = [writer.load(start, row(n)) for n in range(pools)]
        end = lower_steps(writer, stage, substeps, context, at_start)
        for values, address in zip((end.pools, end.integrals), results, strict=True):
            for number, value in enumerate(values):
                writer.store(value, address, row(number))

    for_each_vector(writer, cells, vector)
    builder.ret_void()


def imex_steps(
    substeps: int, context: MonthContext, pools: Float[Array, "pool cell"]
) -> tuple[Float[Array, "pool cell"], Float[Array, "integrated cell"]]:
    """Pools at the end of the month and the integrals over it.

    Args:
        substeps: of the month.
        context: constant in it, leaves ``(cell)`` or scalars.
        pools: at its start.
    """
    stage, (count, cells), dtype = stage_of(substeps, context, pools), pools.shape, pools.dtype.name
    registers = registers_per_vector(cells, dtype)
    target = register_kernel(
        f"{stage.name}_{registers}",
        partial(_write_kernel, stage, substeps, count, dtype, registers),
        len(stage.used) + 1,
        2,
        DIMENSIONS,
    )
    rows = context_rows(stage.used, context, pools)
    leading = [(count,), (stage.integrals(count),)]
    end, integrals = call_kernel(target, (*rows, pools), leading, registers=registers)
    return end, integrals
