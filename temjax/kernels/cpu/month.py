"""A month of carbon, nitrogen and water as one kernel for CPUs: a vector of cells at a time.

The kernel is made of ``month.half_step``; pools and integrals stay close to the CPU's registers
from the first stage of the month to its last.
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

from temjax.ecosystem.imex import Carry, Given, beginning, half_step
from temjax.native.call import call_kernel, lanes_per_vector, register_kernel
from temjax.native.lowering import VectorWriter
from temjax.native.vectors import for_each_vector, index

SIZES = [(0, 1)]  # cells
# Registers a vector fills: while one of them waits for a quotient or a power the other goes on
TOGETHER = 2


class Stage(NamedTuple):
    """A stage, traced.

    Attributes:
        closed: its operations; it takes the leaves of what is given, the carry, and which stage.
        used: which leaves it needs.
        name: of the kernel.
    """

    closed: Any
    used: tuple[int, ...]
    name: str

    @property
    def carried(self) -> int:
        """Leaves of the carry."""
        return len(self.closed.out_avals)

    @property
    def leaves(self) -> int:
        """Leaves of what is given."""
        return len(self.closed.in_avals) - self.carried - 1

    def integrals(self, pools: int) -> int:
        """How many a month adds up: the carry holds pools, their first rates and a guess too."""
        return self.carried - 2 * pools - 1

    def of_some(self, numbers: Sequence[int], given: Sequence[Array], is_second: Array) -> Callable:
        """The stage as a function of some of its leaves and the carry."""
        evaluate = jaxpr_as_fun(self.closed)

        def stage_of(some, carry):
            moved = list(given)
            for number, leaf in zip(numbers, some, strict=True):
                moved[number] = leaf
            return evaluate(*moved, *carry, is_second)

        return stage_of


def taken(closed: Any, leaves: int) -> tuple[int, ...]:
    """Which of the first leaves a traced function needs."""
    wanted = {v for eqn in closed.eqns for v in eqn.invars if not isinstance(v, Literal)}
    wanted |= {v for v in closed.jaxpr.outvars if not isinstance(v, Literal)}
    return tuple(n for n, v in enumerate(closed.jaxpr.invars[:leaves]) if v in wanted)


def digest(*traced: Any) -> str:
    """What tells traced functions from others."""
    return hashlib.sha256("".join(map(str, traced)).encode()).hexdigest()[:16]


def truths_of(leaves: Sequence[Array]) -> tuple[bool, ...]:
    """Which leaves are true or false; a kernel has them as numbers."""
    return tuple(jnp.asarray(leaf).dtype == bool for leaf in leaves)


def truthful(leaves: Sequence[Array], truths: Sequence[bool]) -> list[Array]:
    """Leaves as the model has them."""
    return [leaf != 0 if truth else leaf for leaf, truth in zip(leaves, truths, strict=True)]


@lru_cache(maxsize=64)
def stage_of(substeps: int, structure, truths: tuple[bool, ...], pools: int, dtype: str) -> Stage:
    lane = jax.ShapeDtypeStruct((lanes_per_vector(dtype),), dtype)

    def stage(leaves, carry, is_second):
        given = jax.tree.unflatten(structure, truthful(leaves, truths))
        return half_step(substeps, given, carry, is_second)

    leaves = [lane] * len(truths)
    carry = jax.eval_shape(beginning, [lane] * pools)
    closed = jax.make_jaxpr(stage)(leaves, carry, lane)
    name = f"month_{dtype}_{substeps}_{digest(closed)}"
    return Stage(closed, taken(closed, len(leaves)), name)


def filled_in(
    write: VectorWriter, count: int, numbers: Sequence[int], values: Sequence[ir.Value]
) -> list[ir.Value]:
    """So many leaves, of which some are known; zeros for those nobody needs."""
    found = [write.zero] * count
    for number, value in zip(numbers, values, strict=True):
        found[number] = value
    return found


def registers_for(cells: int, dtype: str) -> int:
    """Registers a vector fills: fewer cells than two hold take one."""
    return TOGETHER if cells >= lanes_per_vector(dtype, TOGETHER) else 1


def constants_of(write: VectorWriter, stage: Stage, given, first: ir.Value) -> list[ir.Value]:
    """What a stage takes as leaves: those it uses from their addresses, and zeros."""
    loaded = [write.load(address, first) for address in given]
    return filled_in(write, stage.leaves, stage.used, loaded)


def which_stage(write: VectorWriter, number: ir.Value) -> ir.Value:
    """0 for the first stage of a sub-step, 1 for the second."""
    odd = write.builder.and_(number, index(1))
    return write.broadcast(write.builder.sitofp(odd, write.element))


def integrated(
    write: VectorWriter,
    stage: Stage,
    substeps: int,
    constants: Sequence[ir.Value],
    pools: Sequence[ir.Value],
) -> Carry:
    """The end of a month.

    Args:
        write: the writer.
        stage: of it.
        substeps: of the month.
        constants: all leaves of what is given.
        pools: at its start.
    """

    def half(number, carry):
        given = [*constants, *jax.tree.leaves(carry), which_stage(write, number)]
        found = write.lower_jaxpr(stage.closed, given)
        return jax.tree.unflatten(jax.tree.structure(carry), found)

    return write.fori_loop(index(2 * substeps), write.lower(beginning, list(pools)), half)


def _kernel(
    stage: Stage, substeps: int, pools: int, dtype: str, registers: int, function: ir.Function
) -> None:
    write = VectorWriter(function, dtype, registers)
    builder = write.builder
    given, (start, *results, cells) = (
        function.args[: len(stage.used)],
        function.args[len(stage.used) :],
    )

    def vector(first):
        def row(number):
            return builder.add(builder.mul(index(number), cells), first)

        constants = constants_of(write, stage, given, first)
        end = integrated(
            write, stage, substeps, constants, [write.load(start, row(n)) for n in range(pools)]
        )
        for values, address in zip((end.pools, end.totals), results, strict=True):
            for number, value in enumerate(values):
                write.store(value, address, row(number))

    for_each_vector(write, cells, vector)
    builder.ret_void()


def traced(substeps: int, given: Given, pools: Float[Array, "pool cell"]) -> Stage:
    """A stage of a month of these cells."""
    leaves, structure = jax.tree.flatten(given)
    return stage_of(substeps, structure, truths_of(leaves), pools.shape[0], pools.dtype.name)


def rows_of(numbers: Sequence[int], given: Given, pools: Float[Array, "pool cell"]) -> list[Array]:
    """Some leaves of what is given, or of its tangents, ``(cell)``."""
    leaves, (_, cells) = jax.tree.leaves(given), pools.shape
    return [jnp.broadcast_to(leaves[number], (cells,)).astype(pools.dtype) for number in numbers]


def integrate(
    substeps: int, given: Given, pools: Float[Array, "pool cell"]
) -> tuple[Float[Array, "pool cell"], Float[Array, "integrated cell"]]:
    """Pools at the end of the month and the integrals over it.

    Args:
        substeps: of the month.
        given: constant in it, leaves ``(cell)`` or scalars.
        pools: at its start.
    """
    stage, (count, cells), dtype = traced(substeps, given, pools), pools.shape, pools.dtype.name
    registers = registers_for(cells, dtype)
    target = register_kernel(
        f"{stage.name}_{registers}",
        partial(_kernel, stage, substeps, count, dtype, registers),
        len(stage.used) + 1,
        2,
        SIZES,
    )
    rows = rows_of(stage.used, given, pools)
    leading = [(count,), (stage.integrals(count),)]
    found = call_kernel(target, (*rows, pools), leading, registers=registers)
    return tuple(found)
