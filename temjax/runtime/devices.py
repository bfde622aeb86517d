"""Cells sharded over the devices of this machine.

Each device runs the program on its own cells (``shard_map``). The iterations inside end when all
cells have converged: a partitioned program would communicate between devices in every iteration.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from temjax.runtime.blocks import pad_cells

AXIS = "cell"

try:
    _shard_map = partial(jax.shard_map, check_vma=False)
except AttributeError:  # JAX 0.5
    from jax.experimental.shard_map import shard_map

    _shard_map = partial(shard_map, check_rep=False)


def map_devices(
    function: Callable,
    per_cell: Any,
    shared: Any,
    static: tuple = (),
    devices: Sequence[jax.Device] | None = None,
) -> Any:
    """Call ``function(per_cell, shared, *static)`` with its cells sharded over devices.

    Cells are padded to a multiple of the number of devices with the last cell, and the padding
    removed from the results. With one device it is an ordinary call.

    Args:
        function: cells must be independent; the same object for all calls that share a compilation.
        per_cell: pytree whose arrays have cells as their last axis; scalars are shared.
        shared: pytree of arrays, replicated to every device.
        static: hashable arguments.
        devices: by default all local ones of the default backend.

    Returns:
        Results of the function; all arrays must have cells as their last axis.

    Raises:
        ValueError: arrays of ``per_cell`` that differ in their last axis.
    """
    devices = jax.local_devices() if devices is None else devices
    cells = _number_of_cells(per_cell)
    used = min(len(devices), cells)
    if used < 2:
        return function(per_cell, shared, *static)
    mesh = Mesh(np.array(devices[:used]), (AXIS,))
    size = -(-cells // used) * used
    sharded = jax.tree.map(partial(_shard, mesh, size), per_cell)
    replicated = jax.device_put(shared, NamedSharding(mesh, PartitionSpec()))
    result = call_sharded(function, sharded, replicated, static, mesh)
    if size == cells:
        return result
    return jax.tree.map(lambda leaf: leaf[..., :cells], result)


def _number_of_cells(per_cell: Any) -> int:
    lengths = {jnp.shape(leaf)[-1] for leaf in jax.tree.leaves(per_cell) if jnp.ndim(leaf)}
    if len(lengths) > 1:
        raise ValueError(f"arrays of different numbers of cells: {sorted(lengths)}")
    return lengths.pop() if lengths else 1


def _specification(leaf: Any) -> PartitionSpec:
    """Sharding of the last axis, that of cells."""
    if not leaf.ndim:
        return PartitionSpec()
    return PartitionSpec(*(None,) * (leaf.ndim - 1), AXIS)


def _shard(mesh: Mesh, size: int, leaf: Any) -> jax.Array:
    leaf = jnp.asarray(leaf)
    if leaf.ndim and leaf.shape[-1] < size:
        leaf = pad_cells(leaf, size)
    return jax.device_put(leaf, NamedSharding(mesh, _specification(leaf)))


@partial(jax.jit, static_argnums=(0, 3, 4))
def call_sharded(function: Callable, per_cell: Any, shared: Any, static: tuple, mesh: Mesh) -> Any:
    """Compiled form of ``map_devices``, for arrays that are sharded already."""

    def shard_shape(leaf):
        cells = (leaf.shape[-1] // mesh.size,) if leaf.ndim else ()
        return jax.ShapeDtypeStruct((*leaf.shape[:-1], *cells), leaf.dtype)

    def call(per_cell, shared):
        return function(per_cell, shared, *static)

    result = jax.eval_shape(call, jax.tree.map(shard_shape, per_cell), shared)
    return _shard_map(
        call,
        mesh=mesh,
        in_specs=(jax.tree.map(_specification, per_cell), PartitionSpec()),
        out_specs=jax.tree.map(_specification, result),
    )(per_cell, shared)
