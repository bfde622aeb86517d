"""A month and its derivative along a tangent as a kernel for CPUs, by the derivative of
``month.half_step``."""

from functools import lru_cache, partial
from typing import Any

import jax
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.ecosystem.imex import Given, beginning
from temjax.kernels.cpu.month import SIZES, Stage, constants_of, rows_of, traced, which_stage
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

Pools = Float[Array, "pool cell"]


@lru_cache(maxsize=64)
def _along(stage: Stage, moving: tuple[int, ...], dtype: str) -> Any:
    """A stage and its derivative, traced.

    It takes leaves, tangents of the moving ones, carry, tangent of the carry, and which stage; it
    returns the carry after it and that one's tangent.
    """
    lane = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)
    carry = [lane] * stage.carried

    def along(given, slopes, carry, carry_slope, is_second):
        primals = [given[number] for number in moving], carry
        stage_of = stage.of_some(moving, given, is_second)
        return jax.jvp(stage_of, primals, (slopes, carry_slope))

    return jax.make_jaxpr(along)([lane] * stage.leaves, [lane] * len(moving), carry, carry, lane)


def _kernel(
    stage: Stage, moving: tuple[int, ...], substeps: int, pools: int, dtype: str, function
) -> None:
    write = VectorWriter(function, dtype)
    builder, used, slopes = write.builder, len(stage.used), len(moving)
    given, by_given = function.args[:used], function.args[used : used + slopes]
    start, by_start, by_pools, by_totals, cells = function.args[used + slopes :]
    along = _along(stage, moving, dtype)

    def vector(first: ir.Value) -> None:
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        constants = constants_of(write, stage, given, first)
        tangents = [write.load(address, first) for address in by_given]
        carry, slope = (
            write.lower(beginning, [write.load(rows, row(n)) for n in range(pools)])
            for rows in (start, by_start)
        )
        structure = jax.tree.structure(carry)

        def onward(number, state):
            carry, slope = state
            found = write.lower_jaxpr(
                along,
                [*constants, *tangents, *carry, *slope, which_stage(write, number)],
            )
            return found[: len(carry)], found[len(carry) :]

        leaves = jax.tree.leaves(carry), jax.tree.leaves(slope)
        _, end = write.fori_loop(index(2 * substeps), leaves, onward)
        end = jax.tree.unflatten(structure, end)
        for values, address in ((end.pools, by_pools), (end.totals, by_totals)):
            for number, value in enumerate(values):
                write.store(value, address, row(number))

    for_each_vector(write, cells, vector)
    builder.ret_void()


def push_forward(
    substeps: int,
    at: tuple[Given, Pools],
    tangents: tuple[Given, Pools],
    moved: tuple[Given, bool],
) -> tuple[Pools, Float[Array, "integrated cell"]]:
    """The tangents of the pools at the end and of the integrals.

    Args:
        substeps: of the month.
        at: what is given, and the pools at its start.
        tangents: of that.
        moved: which of them are not zero.
    """
    given, pools = at
    stage, (count, _), dtype = traced(substeps, given, pools), pools.shape, pools.dtype.name
    asked = jax.tree.leaves(moved[0])
    some = tuple(number for number in stage.used if asked[number])
    target = register_kernel(
        f"{stage.name}_ahead_{'_'.join(map(str, some))}",
        partial(_kernel, stage, some, substeps, count, dtype),
        len(stage.used) + len(some) + 2,
        2,
        SIZES,
    )
    rows = (*rows_of(stage.used, given, pools), *rows_of(some, tangents[0], pools))
    found = call_kernel(target, (*rows, pools, tangents[1]), [(count,), (stage.integrals(count),)])
    return tuple(found)
