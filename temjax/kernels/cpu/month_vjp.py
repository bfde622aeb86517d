"""The way back through a month as a kernel for CPUs.

The stages are gone through once more, what each began from is kept, and then they are gone through
from the last to the first, each by the transpose of ``month.half_step``.
"""

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.ecosystem.imex import Carry, Given, beginning
from temjax.kernels.cpu.month import Stage, constants_of, rows_of, traced, which_stage
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

Pools = Float[Array, "pool cell"]


def _begun(carry: Carry) -> tuple:
    """What of a carry a stage's derivative depends on; integrals are only added to."""
    return carry.pools, carry.first, carry.guess


@lru_cache(maxsize=64)
def _transposed(stage: Stage, wanted: tuple[int, ...], dtype: str) -> Any:
    """The transpose of a stage, traced.

    It takes what a stage takes and the cotangent of the carry after it; it returns the cotangents
    of the wanted leaves and of the carry before it.
    """
    lane = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)
    carry = [lane] * stage.carried

    def back(given, carry, is_second, cotangent):
        stage_of = stage.of_some(wanted, given, is_second)
        _, pull = jax.vjp(stage_of, [given[number] for number in wanted], carry)
        return pull(cotangent)

    return jax.make_jaxpr(back)([lane] * stage.leaves, carry, lane, carry)


def _to_pools(carry: Carry) -> tuple:
    """The cotangent of the pools a month begins with."""
    _, pull = jax.vjp(lambda pools: beginning(list(pools)), carry.pools)
    return pull(carry)[0]


def _kernel(
    stage: Stage, wanted: tuple[int, ...], substeps: int, pools: int, dtype: str, function
) -> None:
    write = VectorWriter(function, dtype)
    builder, used = write.builder, len(stage.used)
    given, (start, by_pools, by_totals) = function.args[:used], function.args[used : used + 3]
    *by_given, by_start, scratch, cells = function.args[used + 3 :]
    back, stages = _transposed(stage, wanted, dtype), index(2 * substeps)

    def vector(first: ir.Value) -> None:
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        constants = constants_of(write, stage, given, first)
        begin = write.lower(beginning, [write.load(start, row(n)) for n in range(pools)])
        structure, totals = jax.tree.structure(begin), len(begin.totals)
        kept = jax.tree.structure(_begun(begin))

        def place(number, leaf):
            return builder.add(builder.mul(number, index(kept.num_leaves)), index(leaf))

        def onward(number, carry):
            for leaf, value in enumerate(jax.tree.leaves(_begun(carry))):
                write.store_row(value, scratch, place(number, leaf))
            found = write.lower_jaxpr(
                stage.closed, [*constants, *jax.tree.leaves(carry), which_stage(write, number)]
            )
            return jax.tree.unflatten(structure, found)

        def backward(number, state):
            sums, cotangent = state
            number = builder.sub(index(2 * substeps - 1), number)
            values = [
                write.load_row(scratch, place(number, leaf)) for leaf in range(kept.num_leaves)
            ]
            before, rates, guess = jax.tree.unflatten(kept, values)
            carry = Carry(before, (write.zero,) * totals, rates, guess)
            found = write.lower_jaxpr(
                back, [*constants, *jax.tree.leaves(carry), which_stage(write, number), *cotangent]
            )
            sums = [builder.fadd(*pair) for pair in zip(sums, found[: len(sums)], strict=True)]
            return sums, found[len(sums) :]

        write.fori_loop(stages, begin, onward)
        end = Carry(
            tuple(write.load(by_pools, row(n)) for n in range(pools)),
            tuple(write.load(by_totals, row(n)) for n in range(totals)),
            (write.zero,) * pools,
            write.zero,
        )
        none = [write.zero] * len(wanted)
        sums, cotangent = write.fori_loop(stages, (none, jax.tree.leaves(end)), backward)
        for value, address in zip(sums, by_given, strict=True):
            write.store(value, address, first)
        found = write.lower(_to_pools, jax.tree.unflatten(structure, cotangent))
        for number, value in enumerate(found):
            write.store(value, by_start, row(number))

    for_each_vector(write, cells, vector)
    builder.ret_void()


def pull_back(
    substeps: int,
    at: tuple[Given, Pools],
    cotangents: tuple[Pools, Float[Array, "integrated cell"]],
    wanted: tuple[Given, bool],
) -> tuple[Given, Pools]:
    """The cotangents of what is given in a month and of its pools.

    Args:
        substeps: of the month.
        at: what is given, and the pools at its start.
        cotangents: of the pools at its end and of the integrals.
        wanted: of which leaves; those of the others are ``None`` or zero.
    """
    given, pools = at
    stage, (count, _), dtype = traced(substeps, given, pools), pools.shape, pools.dtype.name
    asked = jax.tree.leaves(wanted[0])
    some = tuple(number for number in stage.used if asked[number])
    target = register_kernel(
        f"{stage.name}_back_{'_'.join(map(str, some))}",
        partial(_kernel, stage, some, substeps, count, dtype),
        len(stage.used) + 3,
        len(some) + 2,
        [(len(some), 1)],
    )
    rows, pull = jax.vjp(lambda given: rows_of(stage.used, given, pools), given)
    *by_rows, by_pools = call_kernel(
        target,
        (*rows, pools, *cotangents),
        [*[()] * len(some), (count,)],
        scratch=[(2 * substeps, 2 * count + 1, lanes_per_vector(dtype))],
    )
    found = dict(zip(some, by_rows, strict=True))
    (by_given,) = pull(
        [found.get(n, jnp.zeros_like(row)) for n, row in zip(stage.used, rows, strict=True)]
    )
    return by_given, by_pools
