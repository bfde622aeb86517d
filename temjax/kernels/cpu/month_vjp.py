"""Kernel for CPUs of the VJP of a month.

A forward sweep stores the state before every IMEX stage; a reverse sweep applies the transpose of
each, from the last to the first.
"""

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.ecosystem.imex import ImexState, MonthContext, initial_state
from temjax.kernels.cpu.month import TracedStage, context_rows, load_context, stage_flag, stage_of
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

Pools = Float[Array, "pool cell"]


def _residuals(state: ImexState) -> tuple:
    """What of a state the stage's derivative depends on; integrals are only added to."""
    return state.pools, state.tendency, state.guess


@lru_cache(maxsize=64)
def _trace_vjp(stage: TracedStage, wanted: tuple[int, ...], dtype: str) -> Any:
    """Trace the transpose of a stage.

    It takes what a stage takes and the cotangent of the state after it; it returns the cotangents
    of the wanted leaves of the context and of the state before it.
    """
    vector = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)
    state = [vector] * stage.state_leaves

    def stage_vjp(context, state, is_second, cotangent):
        of_leaves = stage.of_leaves(wanted, context, is_second)
        _, pull = jax.vjp(of_leaves, [context[number] for number in wanted], state)
        return pull(cotangent)

    return jax.make_jaxpr(stage_vjp)([vector] * stage.context_leaves, state, vector, state)


def _initial_state_vjp(cotangent: ImexState) -> tuple:
    """Cotangent of the pools at the start of a month."""
    _, pull = jax.vjp(lambda pools: initial_state(list(pools)), cotangent.pools)
    return pull(cotangent)[0]


def _write_kernel(
    stage: TracedStage, wanted: tuple[int, ...], substeps: int, pools: int, dtype: str, function
) -> None:
    writer = VectorWriter(function, dtype)
    builder, used = writer.builder, len(stage.used)
    addresses, (start, by_pools, by_integrals) = (
        function.args[:used],
        function.args[used : used + 3],
    )
    *by_context, by_start, scratch, cells = function.args[used + 3 :]
    stage_vjp, stages = _trace_vjp(stage, wanted, dtype), index(2 * substeps)

    def vector(first: ir.Value) -> None:
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        context = load_context(writer, stage, addresses, first)
        state = writer.lower(initial_state, [writer.load(start, row(n)) for n in range(pools)])
        structure, integrals = jax.tree.structure(state), len(state.integrals)
        stored = jax.tree.structure(_residuals(state))

        def position(number, leaf):
            return builder.add(builder.mul(number, index(stored.num_leaves)), index(leaf))

        def forward(number, state):
            for leaf, value in enumerate(jax.tree.leaves(_residuals(state))):
                writer.store_row(value, scratch, position(number, leaf))
            operands = [*context, *jax.tree.leaves(state), stage_flag(writer, number)]
            return jax.tree.unflatten(structure, writer.lower_jaxpr(stage.jaxpr, operands))

        def reverse(number, carry):
            sums, cotangent = carry
            number = builder.sub(index(2 * substeps - 1), number)
            values = [
                writer.load_row(scratch, position(number, leaf))
                for leaf in range(stored.num_leaves)
            ]
            before, tendency, guess = jax.tree.unflatten(stored, values)
            state = ImexState(before, (writer.zero,) * integrals, tendency, guess)
            operands = [*context, *jax.tree.leaves(state), stage_flag(writer, number), *cotangent]
            pulled = writer.lower_jaxpr(stage_vjp, operands)
            sums = [builder.fadd(*pair) for pair in zip(sums, pulled[: len(sums)], strict=True)]
            return sums, pulled[len(sums) :]

        writer.fori_loop(stages, state, forward)
        end = ImexState(
            tuple(writer.load(by_pools, row(n)) for n in range(pools)),
            tuple(writer.load(by_integrals, row(n)) for n in range(integrals)),
            (writer.zero,) * pools,
            writer.zero,
        )
        zeros = [writer.zero] * len(wanted)
        sums, cotangent = writer.fori_loop(stages, (zeros, jax.tree.leaves(end)), reverse)
        for value, address in zip(sums, by_context, strict=True):
            writer.store(value, address, first)
        by_pools_at_start = writer.lower(
            _initial_state_vjp, jax.tree.unflatten(structure, cotangent)
        )
        for number, value in enumerate(by_pools_at_start):
            writer.store(value, by_start, row(number))

    for_each_vector(writer, cells, vector)
    builder.ret_void()


def imex_steps_vjp(
    substeps: int,
    point: tuple[MonthContext, Pools],
    cotangents: tuple[Pools, Float[Array, "integrated cell"]],
    wanted: tuple[MonthContext, bool],
) -> tuple[MonthContext, Pools]:
    """Cotangents of a month's context and of the pools at its start.

    Args:
        substeps: of the month.
        point: the month's context, and the pools at its start.
        cotangents: of the pools at its end and of the integrals.
        wanted: of which leaves; those of the others are ``None`` or zero.
    """
    context, pools = point
    stage, (count, _), dtype = stage_of(substeps, context, pools), pools.shape, pools.dtype.name
    needed = jax.tree.leaves(wanted[0])
    some = tuple(number for number in stage.used if needed[number])
    target = register_kernel(
        f"{stage.name}_vjp_{'_'.join(map(str, some))}",
        partial(_write_kernel, stage, some, substeps, count, dtype),
        len(stage.used) + 3,
        len(some) + 2,
        [(len(some), 1)],
    )
    rows, pull = jax.vjp(lambda context: context_rows(stage.used, context, pools), context)
    *by_rows, by_pools = call_kernel(
        target,
        (*rows, pools, *cotangents),
        [*[()] * len(some), (count,)],
        scratch=[(2 * substeps, 2 * count + 1, lanes_per_vector(dtype))],
    )
    by_row = dict(zip(some, by_rows, strict=True))
    (by_context,) = pull(
        [by_row.get(n, jnp.zeros_like(row)) for n, row in zip(stage.used, rows, strict=True)]
    )
    return by_context, by_pools
