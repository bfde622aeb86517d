"""Kernels that XLA calls: compiled and registered once in a process, called on padded arrays."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from temjax.native.llvm import LoadedModule, compile_module, load_object
from temjax.native.xla_ffi import Dimensions, register_handler, write_handler
from temjax.runtime.blocks import pad_cells
from temjax.runtime.cache import read

if TYPE_CHECKING:
    import llvmlite.ir as ir

VECTOR_BYTES = 64

_kernels: dict[str, LoadedModule] = {}
_registering = threading.Lock()


def lanes_per_vector(dtype: Any, registers: int = 1) -> int:
    """Cells in a vector that fills so many registers of ``VECTOR_BYTES``."""
    return registers * VECTOR_BYTES // jnp.dtype(dtype).itemsize


def kernel_files() -> dict[str, str]:
    """Names of the cached files of all kernels that XLA knows in this process, by target."""
    with _registering:
        return {target: kernel.file for target, kernel in _kernels.items()}


def register_cached(target: str, file: str) -> bool:
    """Register a kernel from its cached file, unless it is already; False if there is none."""
    with _registering:
        if target in _kernels:
            return _kernels[target].file == file
        code = read(file)
        if code is None:
            return False
        _register(target, load_object(code, file))
    return True


def _register(target: str, kernel: LoadedModule) -> None:
    register_handler(target, kernel.address("handler"))
    _kernels[target] = kernel


def register_kernel(
    name: str,
    write: Callable[["ir.Function"], None],
    arguments: int,
    results: int,
    dimensions: Dimensions,
) -> str:
    """Compile a kernel and register it with XLA, once in a process.

    Args:
        name: of the kernel and what it is compiled for.
        write: writes its body into a function of the addresses of all arguments and results,
            followed by dimensions.
        arguments: how many.
        results: how many.
        dimensions: of which results along which axes.

    Returns:
        The target for ``call_kernel``.

    Raises:
        NotImplementedError: the body has an operation without an instruction.
    """
    import llvmlite.ir as ir

    target = f"temjax_{name}"
    with _registering:
        if target in _kernels:
            return target
        module = ir.Module()
        addresses = arguments + results
        types = [ir.PointerType()] * addresses + [ir.IntType(64)] * len(dimensions)
        kernel = ir.Function(module, ir.FunctionType(ir.VoidType(), types), "kernel")
        for address in kernel.args[:addresses]:
            address.add_attribute("noalias")
        write(kernel)
        write_handler(module, kernel, arguments, results, dimensions)
        _register(target, compile_module(module))
    return target


def call_kernel(
    target: str,
    celled: Sequence[Array],
    leading: Sequence[tuple[int, ...]],
    shared: Sequence[Array] = (),
    scratch: Sequence[tuple[int, ...]] = (),
    registers: int = 1,
) -> list[Array]:
    """Call a kernel.

    Args:
        target: from ``register_kernel``.
        celled: arguments whose last axis are the cells.
        leading: of the results, the axes before the cells.
        shared: arguments without cells; they come last.
        scratch: shapes of memory the kernel needs; they come after the results.
        registers: that a vector of the kernel fills.

    Returns:
        The results. Where there are fewer cells than a vector has, the last one is repeated on
        the way in and cut off again.
    """
    dtype, cells = celled[0].dtype, celled[0].shape[-1]
    size = max(cells, lanes_per_vector(dtype, registers))
    shapes = [*((*axes, size) for axes in leading), *scratch]
    results = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    call = jax.ffi.ffi_call(target, results, vmap_method="sequential")
    padded = call(*(pad_cells(leaf, size) for leaf in celled), *shared)
    return [leaf[..., :cells] for leaf in padded[: len(leading)]]
