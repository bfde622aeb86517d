"""Kernel for CPUs of the months of a year: a vector of cells at a time.

What is constant in a month is computed at its start; between XLA's operations a year of a block of
cells would be some five hundred small arrays.
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
from temjax.ecosystem.imex import MonthContext
from temjax.ecosystem.month import INTEGRATED, flux_rows
from temjax.kernels.cpu.month import (
    TracedStage,
    are_boolean,
    digest,
    lower_steps,
    registers_per_vector,
    restore_booleans,
    trace_stage,
    used_inputs,
    with_zeros,
)
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index
from temjax.outputs import FLUXES, flux_index
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.state import Memory

DIMENSIONS = [(0, 0), (0, 2)]  # months, cells


class TracedYear(NamedTuple):
    """The months of a year, traced for one vector of cells.

    Attributes:
        opening: what the stages of a month need, from all leaves and the leaf area at its start.
        stage: of a month.
        closing: all fluxes, from the leaves of the drivers and the integrals.
        used: which leaves the opening and the closing need.
        leaves: how many there are; those of the drivers come last.
        drivers: how many are theirs.
        name: of the kernel.
    """

    opening: Any
    stage: TracedStage
    closing: Any
    used: tuple[int, ...]
    leaves: int
    drivers: int
    name: str


@lru_cache(maxsize=64)
def _trace_year(
    substeps: int,
    freezing_cutoff: bool,
    structure,
    boolean: tuple[bool, ...],
    pools: int,
    dtype: str,
) -> TracedYear:
    vector = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)
    leaves = [vector] * len(boolean)

    def month_context(leaves, leaf):
        parameters, constants, memory, drivers = jax.tree.unflatten(
            structure, restore_booleans(leaves, boolean)
        )
        memory = eqx.tree_at(lambda memory: memory.unnormalised_leaf, memory, leaf)
        factors = month_factors(parameters, constants, drivers, memory, freezing_cutoff)
        return MonthContext(parameters, constants, drivers, memory, factors)

    shapes, inside = jax.tree.flatten(jax.eval_shape(month_context, leaves, vector))
    stage = trace_stage(substeps, inside, tuple(x.dtype == bool for x in shapes), pools, dtype)

    def open_month(leaves, leaf):
        context = jax.tree.leaves(month_context(leaves, leaf))
        return [context[number].astype(dtype) for number in stage.used]

    _, _, _, drivers = jax.tree.unflatten(structure, leaves)
    drivers_structure = jax.tree.structure(drivers)

    def close_month(drivers, integrals):
        rows = flux_rows(jax.tree.unflatten(drivers_structure, drivers), integrals)
        return [rows[name] for name in FLUXES]

    count = drivers_structure.num_leaves
    opening = jax.make_jaxpr(open_month)(leaves, vector)
    closing = jax.make_jaxpr(close_month)([vector] * count, [vector] * len(INTEGRATED))
    first = len(leaves) - count
    of_drivers = (first + number for number in used_inputs(closing, count))
    used = sorted({*used_inputs(opening, len(leaves)), *of_drivers})
    name = f"months_{dtype}_{substeps}_{digest(opening, stage.jaxpr, closing)}"
    return TracedYear(opening, stage, closing, tuple(used), len(leaves), count, name)


def _write_kernel(
    year: TracedYear, substeps: int, pools: int, dtype: str, registers: int, function: ir.Function
) -> None:
    writer = VectorWriter(function, dtype, registers)
    builder, constant = writer.builder, year.leaves - year.drivers
    *addresses, leaf_area, start, fluxes, ends, months, cells = function.args

    def vector(first):
        def position(row):
            return builder.add(builder.mul(row, cells), first)

        def load_month(month: ir.Value) -> list[ir.Value]:
            """All leaves; those of the drivers at a month."""
            loaded = [
                writer.load(address, first if number < constant else position(month))
                for number, address in zip(year.used, addresses, strict=True)
            ]
            return with_zeros(writer, year.leaves, year.used, loaded)

        def store(values: Sequence[ir.Value], address: ir.Value, month: ir.Value) -> None:
            above = builder.mul(month, index(len(values)))
            for number, value in enumerate(values):
                writer.store(value, address, position(builder.add(above, index(number))))

        def integrate_month(month, carry):
            before, leaf = carry
            leaves = load_month(month)
            opened = writer.lower_jaxpr(year.opening, [*leaves, leaf])
            context = with_zeros(writer, year.stage.context_leaves, year.stage.used, opened)
            end = lower_steps(writer, year.stage, substeps, context, before)
            closed = writer.lower_jaxpr(year.closing, [*leaves[constant:], *end.integrals])
            store(closed, fluxes, month)
            store(end.pools, ends, month)
            return list(end.pools), closed[flux_index("unnormalised_leaf")]

        at_start = [writer.load(start, position(index(number))) for number in range(pools)]
        writer.fori_loop(months, (at_start, writer.load(leaf_area, first)), integrate_month)

    for_each_vector(writer, cells, vector)
    builder.ret_void()


def integrate_months(
    substeps: int,
    freezing_cutoff: bool,
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool cell"],
) -> tuple[Float[Array, "month flux cell"], Float[Array, "month pool cell"]]:
    """Integrals of all fluxes over each month, and the pools at its end.

    Args:
        substeps: of a month.
        freezing_cutoff: of respiration, see ``ModelOptions``.
        parameters, constants, memory: of the year.
        drivers: of the months, which lead.
        pools: at its start.
    """
    leaves, structure = jax.tree.flatten((parameters, constants, memory, drivers))
    (count, cells), dtype = pools.shape, pools.dtype.name
    year = _trace_year(substeps, freezing_cutoff, structure, are_boolean(leaves), count, dtype)
    months = jnp.shape(drivers.air_temperature)[0]

    def rows(number: int) -> Array:
        leaf = jnp.asarray(leaves[number]).astype(dtype)
        if number < year.leaves - year.drivers:
            return jnp.broadcast_to(leaf, (cells,))
        return jnp.broadcast_to(leaf if leaf.ndim > 1 else leaf[:, None], (months, cells))

    registers = registers_per_vector(cells, dtype)
    target = register_kernel(
        f"{year.name}_{registers}",
        partial(_write_kernel, year, substeps, count, dtype, registers),
        len(year.used) + 2,
        2,
        DIMENSIONS,
    )
    leaf = jnp.broadcast_to(memory.unnormalised_leaf, (cells,))
    celled = [*map(rows, year.used), leaf, pools]
    leading = [(months, len(FLUXES)), (months, count)]
    monthly_fluxes, monthly_pools = call_kernel(target, celled, leading, registers=registers)
    return monthly_fluxes, monthly_pools
