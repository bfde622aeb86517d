"""Cells spread over the devices of this machine.

Each device runs the program on its own cells (``shard_map``), not one program that is partitioned:
the searches inside stop when all cells are done, and a partitioned program would ask every other
device about that in every iteration.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from temjax.runtime.blocks import filled_up

AXIS = "cell"

try:
    _shard_map = partial(jax.shard_map, check_vma=False)
except AttributeError:  # JAX 0.5
    from jax.experimental.shard_map import shard_map

    _shard_map = partial(shard_map, check_rep=False)


def over_devices(
    function: Callable,
    celled: Any,
    shared: Any,
    static: tuple = (),
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """Call ``function(celled, shared, *static)`` with its cells spread over devices.

    The number of cells is made a multiple of the number of devices by repeating the last cell;
    what comes of the repeats is cut off. With one device it is an ordinary call.

    Args:
        function: cells must not depend on each other; the same object for every call that is to
            share a compilation.
        celled: pytree whose arrays have cells as their last axis; scalars are shared.
        shared: pytree of arrays that every device gets whole.
        static: hashable arguments.
        devices: all local ones of the default backend if not given.

    Returns:
        What the function returns; all its arrays must have cells as their last axis.

    Raises:
        ValueError: arrays of ``celled`` that differ in their last axis.
    """
    devices = jax.local_devices() if devices is None else devices
    cells = _number_of_cells(celled)
    used = min(len(devices), cells)
    if used < 2:
        return function(celled, shared, *static)
    mesh = Mesh(np.array(devices[:used]), (AXIS,))
    size = -(-cells // used) * used
    placed = jax.tree.map(partial(_placed, mesh, size), celled)
    everywhere = jax.device_put(shared, NamedSharding(mesh, PartitionSpec()))
    result = spread(function, placed, everywhere, static, mesh)
    if size == cells:
        return result
    return jax.tree.map(lambda leaf: leaf[..., :cells], result)


def _number_of_cells(celled: Any) -> int:
    lengths = {jnp.shape(leaf)[-1] for leaf in jax.tree.leaves(celled) if jnp.ndim(leaf)}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different numbers of cells: {sorted(lengths)}")
    return lengths.pop() if lengths else 1


def _specification(leaf: Any) -> PartitionSpec:
    """Cells on the last axis are cut up, nothing else is."""
    if not leaf.ndim:
        return PartitionSpec()
    return PartitionSpec(*(None,) * (leaf.ndim - 1), AXIS)


def _placed(mesh: Mesh, size: int, leaf: Any) -> jax.Array:
    leaf = jnp.asarray(leaf)
    if leaf.ndim and leaf.shape[-1] < size:
        leaf = filled_up(leaf, size)
    return jax.device_put(leaf, NamedSharding(mesh, _specification(leaf)))


@partial(jax.jit, static_argnums=(0, 3, 4))
def spread(function: Callable, celled: Any, shared: Any, static: tuple, mesh: Mesh) -> Any:
    """The compiled form of ``over_devices``, for arrays that are placed already."""

    def piece(leaf):
        cut = (leaf.shape[-1] // mesh.size,) if leaf.ndim else ()
        return jax.ShapeDtypeStruct((*leaf.shape[:-1], *cut), leaf.dtype)

    def call(celled, shared):
        return function(celled, shared, *static)

    result = jax.eval_shape(call, jax.tree.map(piece, celled), shared)
    return _shard_map(
        call,
        mesh=mesh,
        in_specs=(jax.tree.map(_specification, celled), PartitionSpec()),
        out_specs=jax.tree.map(_specification, result),
    )(celled, shared)
