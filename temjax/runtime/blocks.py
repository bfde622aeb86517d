"""Many cells in blocks that fit a CPU's caches, one block after the other in one program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from temjax.runtime.machine import computes_on_cpus

# Cells: measured, docs/scaling.md. Smaller blocks pay for the loops, larger ones for memory
BLOCK = 128


def worth_blocks(cells: tuple[int, ...]) -> bool:
    """Whether an array of cells is to be cut: on CPUs, along a single axis longer than a block."""
    return len(cells) == 1 and cells[0] > BLOCK and computes_on_cpus()


def filled_up(leaf: jax.Array, size: int) -> jax.Array:
    """An array whose last cell is repeated until there are ``size``."""
    missing = size - leaf.shape[-1]
    return jnp.pad(leaf, [(0, 0)] * (leaf.ndim - 1) + [(0, missing)], mode="edge")


def in_blocks(function: Callable[[Any], Any], celled: Any, shape: tuple[int, ...]) -> Any:
    """``function(celled)``, block by block where that pays; cells must not depend on each other.

    The last block is filled up by repeating the last cell; what comes of that is cut off.

    Args:
        function: all its results have cells as their last axis.
        celled: pytree; arrays whose last axis are the cells are cut, scalars are for all.
        shape: of the cell axes.
    """
    if not worth_blocks(shape):
        return function(celled)
    (cells,) = shape
    blocks = -(-cells // BLOCK)

    def cut(leaf):
        leaf = jnp.asarray(leaf)
        if not leaf.ndim:
            return jnp.broadcast_to(leaf, (blocks,))
        leaf = filled_up(leaf, blocks * BLOCK)
        return jnp.moveaxis(leaf.reshape((*leaf.shape[:-1], blocks, BLOCK)), -2, 0)

    def joined(leaf):
        leaf = jnp.moveaxis(leaf, 0, -2)
        return leaf.reshape((*leaf.shape[:-2], blocks * BLOCK))[..., :cells]

    return jax.tree.map(joined, jax.lax.map(function, jax.tree.map(cut, celled)))
