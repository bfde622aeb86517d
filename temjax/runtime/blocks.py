"""Blocks of cells that fit a CPU's caches, run one after the other in one program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from temjax.runtime.machine import computes_on_cpus

# Cells: measured, docs/scaling.md. Smaller blocks pay for the loops, larger ones for memory
BLOCK = 128


def needs_blocks(cells: tuple[int, ...]) -> bool:
    """Whether cells are divided into blocks: on CPUs, a single axis longer than a block."""
    return len(cells) == 1 and cells[0] > BLOCK and computes_on_cpus()


def pad_cells(leaf: jax.Array, size: int) -> jax.Array:
    """Pad the last axis to ``size`` by repeating the last cell."""
    missing = size - leaf.shape[-1]
    return jnp.pad(leaf, [(0, 0)] * (leaf.ndim - 1) + [(0, missing)], mode="edge")


def map_blocks(function: Callable[[Any], Any], per_cell: Any, shape: tuple[int, ...]) -> Any:
    """``function(per_cell)``, block by block where ``needs_blocks``; cells must be independent.

    The last block is padded with the last cell, and the padding removed from the results.

    Args:
        function: all its results have cells as their last axis.
        per_cell: pytree; arrays whose last axis are the cells are divided, scalars are shared.
        shape: of the cell axes.
    """
    if not needs_blocks(shape):
        return function(per_cell)
    (cells,) = shape
    blocks = -(-cells // BLOCK)

    def divide(leaf):
        leaf = jnp.asarray(leaf)
        if not leaf.ndim:
            return jnp.broadcast_to(leaf, (blocks,))
        leaf = pad_cells(leaf, blocks * BLOCK)
        return jnp.moveaxis(leaf.reshape((*leaf.shape[:-1], blocks, BLOCK)), -2, 0)

    def join(leaf):
        leaf = jnp.moveaxis(leaf, 0, -2)
        return leaf.reshape((*leaf.shape[:-2], blocks * BLOCK))[..., :cells]

    return jax.tree.map(join, jax.lax.map(function, jax.tree.map(divide, per_cell)))
