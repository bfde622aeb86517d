"""Kernel for CPUs of the JVP of a month: the derivative of every IMEX stage beside the stage."""

from functools import lru_cache, partial
from typing import Any

import jax
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.ecosystem.imex import MonthContext, initial_state
from temjax.kernels.cpu.month import (
    DIMENSIONS,
    TracedStage,
    context_rows,
    load_context,
    stage_flag,
    stage_of,
)
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

Pools = Float[Array, "pool cell"]


@lru_cache(maxsize=64)
def _trace_jvp(stage: TracedStage, nonzero: tuple[int, ...], dtype: str) -> Any:
    """Trace a stage and its derivative.

    It takes the leaves of the context, tangents of those whose tangent is not zero, state, tangent
    of the state, and which stage; it returns the state after it and that one's tangent.
    """
    vector = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)
    state, some = [vector] * stage.state_leaves, [vector] * len(nonzero)

    def stage_jvp(context, context_tangents, state, state_tangents, is_second):
        primals = [context[number] for number in nonzero], state
        of_leaves = stage.of_leaves(nonzero, context, is_second)
        return jax.jvp(of_leaves, primals, (context_tangents, state_tangents))

    return jax.make_jaxpr(stage_jvp)([vector] * stage.context_leaves, some, state, state, vector)


def _write_kernel(
    stage: TracedStage, nonzero: tuple[int, ...], substeps: int, pools: int, dtype: str, function
) -> None:
    writer = VectorWriter(function, dtype)
    builder, used, count = writer.builder, len(stage.used), len(nonzero)
    addresses, tangent_addresses = function.args[:used], function.args[used : used + count]
    start, start_tangent, pools_out, integrals_out, cells = function.args[used + count :]
    stage_jvp = _trace_jvp(stage, nonzero, dtype)

    def vector(first: ir.Value) -> None:
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        context = load_context(writer, stage, addresses, first)
        tangents = [writer.load(address, first) for address in tangent_addresses]
        state, tangent = (
            writer.lower(initial_state, [writer.load(rows, row(n)) for n in range(pools)])
            for rows in (start, start_tangent)
        )
        structure = jax.tree.structure(state)

        def step(number, carry):
            state, tangent = carry
            operands = [*context, *tangents, *state, *tangent, stage_flag(writer, number)]
            leaves = writer.lower_jaxpr(stage_jvp, operands)
            return leaves[: len(state)], leaves[len(state) :]

        leaves = jax.tree.leaves(state), jax.tree.leaves(tangent)
        _, end = writer.fori_loop(index(2 * substeps), leaves, step)
        end = jax.tree.unflatten(structure, end)
        for values, address in ((end.pools, pools_out), (end.integrals, integrals_out)):
            for number, value in enumerate(values):
                writer.store(value, address, row(number))

    for_each_vector(writer, cells, vector)
    builder.ret_void()


def imex_steps_jvp(
    substeps: int,
    point: tuple[MonthContext, Pools],
    tangents: tuple[MonthContext, Pools],
    nonzero: tuple[MonthContext, bool],
) -> tuple[Pools, Float[Array, "integrated cell"]]:
    """Tangents of the pools at the end of a month and of the integrals.

    Args:
        substeps: of the month.
        point: the month's context, and the pools at its start.
        tangents: of that.
        nonzero: which of them are not zero.
    """
    context, pools = point
    stage, (count, _), dtype = stage_of(substeps, context, pools), pools.shape, pools.dtype.name
    moving = jax.tree.leaves(nonzero[0])
    some = tuple(number for number in stage.used if moving[number])
    target = register_kernel(
        f"{stage.name}_jvp_{'_'.join(map(str, some))}",
        partial(_write_kernel, stage, some, substeps, count, dtype),
        len(stage.used) + len(some) + 2,
        2,
        DIMENSIONS,
    )
    rows = (*context_rows(stage.used, context, pools), *context_rows(some, tangents[0], pools))
    leading = [(count,), (stage.integrals(count),)]
    end, integrals = call_kernel(target, (*rows, pools, tangents[1]), leading)
    return end, integrals
