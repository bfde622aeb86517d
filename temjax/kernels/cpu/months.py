"""The months of a year as one kernel for CPUs: a vector of cells at a time.

What is constant in a month is worked out at its start; between XLA's operations a year of a block
of cells would be some five hundred small arrays.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import llvmlite.ir as ir
from jaxtyping import Array, Float

from temjax.ecosystem.drivers import MonthDrivers, month_factors
from temjax.ecosystem.imex import Given
from temjax.ecosystem.month import INTEGRATED, flux_rows
from temjax.kernels.cpu.month import (
    Stage,
    digest,
    filled_in,
    integrated,
    registers_for,
    stage_of,
    taken,
    truthful,
    truths_of,
)
from temjax.native import call as native
from temjax.native.call import call_kernel, lanes_of
from temjax.native.lowering import Writer, each_vector, index
from temjax.outputs import FLUXES, flux_index
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.state import Memory

SIZES = [(0, 0), (0, 2)]  # months, cells


class Year(NamedTuple):
    """The months of a year, traced.

    Attributes:
        opening: what a month's stages need, from all leaves and the leaf area at its start.
        stage: of a month.
        closing: all fluxes, from the leaves of the drivers and the integrals.
        used: which leaves the opening and the closing need.
        leaves: how many there are; those of the drivers come last.
        drivers: how many are theirs.
        name: of the kernel.
    """

    opening: Any
    stage: Stage
    closing: Any
    used: tuple[int, ...]
    leaves: int
    drivers: int
    name: str


@lru_cache(maxsize=64)
def _year(substeps: int, structure, truths: tuple[bool, ...], pools: int, dtype: str) -> Year:
    lane = jax.ShapeDtypeStruct((lanes_of(dtype),), dtype)
    leaves = [lane] * len(truths)

    def of_a_month(leaves, leaf):
        parameters, constants, memory, drivers = jax.tree.unflatten(
            structure, truthful(leaves, truths)
        )
        memory = eqx.tree_at(lambda memory: memory.unnormalised_leaf, memory, leaf)
        factors = month_factors(parameters, constants, drivers, memory)
        return Given(parameters, constants, drivers, memory, factors)

    given, inside = jax.tree.flatten(jax.eval_shape(of_a_month, leaves, lane))
    stage = stage_of(substeps, inside, tuple(x.dtype == bool for x in given), pools, dtype)

    def open_month(leaves, leaf):
        given = jax.tree.leaves(of_a_month(leaves, leaf))
        return [given[number].astype(dtype) for number in stage.used]

    _, _, _, drivers = jax.tree.unflatten(structure, leaves)
    drivers_structure = jax.tree.structure(drivers)

    def close_month(drivers, totals):
        rows = flux_rows(jax.tree.unflatten(drivers_structure, drivers), totals)
        return [rows[name] for name in FLUXES]

    count = drivers_structure.num_leaves
    opening = jax.make_jaxpr(open_month)(leaves, lane)
    closing = jax.make_jaxpr(close_month)([lane] * count, [lane] * len(INTEGRATED))
    first = len(leaves) - count
    used = sorted(
        {*taken(opening, len(leaves)), *(first + number for number in taken(closing, count))}
    )
    name = f"months_{dtype}_{substeps}_{digest(opening, stage.closed, closing)}"
    return Year(opening, stage, closing, tuple(used), len(leaves), count, name)


def _kernel(
    year: Year, substeps: int, pools: int, dtype: str, registers: int, function: ir.Function
) -> None:
    write = Writer(function, dtype, registers)
    builder, fixed = write.builder, year.leaves - year.drivers
    *given, leaf_area, start, fluxes, ends, months, cells = function.args

    def vector(first):
        def place(row):
            return builder.add(builder.mul(row, cells), first)

        def in_month(month: ir.Value) -> list[ir.Value]:
            """All leaves."""
            loaded = [
                write.load(address, first if number < fixed else place(month))
                for number, address in zip(year.used, given, strict=True)
            ]
            return filled_in(write, year.leaves, year.used, loaded)

        def put(values: Sequence[ir.Value], address: ir.Value, month: ir.Value) -> None:
            above = builder.mul(month, index(len(values)))
            for number, value in enumerate(values):
                write.store(value, address, place(builder.add(above, index(number))))

        def integrate(month, carry):
            before, leaf = carry
            leaves = in_month(month)
            opened = write.written(year.opening, [*leaves, leaf])
            constants = filled_in(write, year.stage.leaves, year.stage.used, opened)
            end = integrated(write, year.stage, substeps, constants, before)
            closed = write.written(year.closing, [*leaves[fixed:], *end.totals])
            put(closed, fluxes, month)
            put(end.pools, ends, month)
            return list(end.pools), closed[flux_index("unnormalised_leaf")]

        at_start = [write.load(start, place(index(number))) for number in range(pools)]
        write.loop(months, (at_start, write.load(leaf_area, first)), integrate)

    each_vector(write, cells, vector)
    builder.ret_void()


def integrate_natively(
    substeps: int,
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool cell"],
) -> tuple[Float[Array, "month flux cell"], Float[Array, "month pool cell"]]:
    """Integrals of all fluxes over each month, and the pools at its end.

    Args:
        substeps: of a month.
        parameters, constants, memory: of the year.
        drivers: of the months, which lead.
        pools: at its start.
    """
    leaves, structure = jax.tree.flatten((parameters, constants, memory, drivers))
    (count, cells), dtype = pools.shape, pools.dtype.name
    year = _year(substeps, structure, truths_of(leaves), count, dtype)
    months = jnp.shape(drivers.air_temperature)[0]

    def rows(number: int) -> Array:
        leaf = jnp.asarray(leaves[number]).astype(dtype)
        if number < year.leaves - year.drivers:
            return jnp.broadcast_to(leaf, (cells,))
        return jnp.broadcast_to(leaf if leaf.ndim > 1 else leaf[:, None], (months, cells))

    registers = registers_for(cells, dtype)
    target = native.registered(
        f"{year.name}_{registers}",
        partial(_kernel, year, substeps, count, dtype, registers),
        len(year.used) + 2,
        2,
        SIZES,
    )
    leaf = jnp.broadcast_to(memory.unnormalised_leaf, (cells,))
    celled = [*map(rows, year.used), leaf, pools]
    leading = [(months, len(FLUXES)), (months, count)]
    return tuple(call_kernel(target, celled, leading, registers=registers))
