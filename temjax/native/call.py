"""Kernels of our own on CPUs: compiled by LLVM, called by XLA as foreign functions.

Where LLVM (the package llvmlite) cannot be had, or ``TEMJAX_NATIVE=off`` says so, the model is the
program of XLA throughout.
"""

import ctypes
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from temjax.runtime.blocks import pad_cells
from temjax.runtime.cache import KERNEL, kept, name_of, read
from temjax.runtime.machine import computes_on_cpus

if TYPE_CHECKING:
    import llvmlite.binding as llvm
    import llvmlite.ir as ir

SWITCH = "TEMJAX_NATIVE"
VECTOR_BYTES = 64
# Offsets in bytes within the structures of XLA's c_api.h: the same in JAX 0.5.0, 0.10.2, 0.11.2
_EXTENSION, _ARGUMENTS, _RESULTS = 8, 72, 112  # in a call frame
_EXTENSION_KIND, _METADATA, _METADATA_KIND = 8, 24, 1
_MAJOR, _MINOR = 24, 28  # in the metadata
_DATA, _DIMENSIONS = 24, 40  # in a buffer


_switched_off = ContextVar("switched_off", default=False)

# (number of a result, axis)
Sizes = Sequence[tuple[int, int]]


def whether_native() -> bool:
    """Whether kernels of our own can and may be used: this process computes on CPUs, with LLVM."""
    return not _switched_off.get() and computes_on_cpus() and not why_not()


def serves(rows: Array) -> bool:
    """Whether a kernel can take these: rows of a single axis of cells, on a CPU."""
    return rows.ndim == 2 and whether_native()


@contextmanager
def switched_off() -> Iterator[None]:
    """What is traced here is XLA's program; what was traced before stays in JAX's caches."""
    token = _switched_off.set(True)
    try:
        yield
    finally:
        _switched_off.reset(token)


@cache
def why_not() -> str:
    """What keeps kernels of our own from being used on CPUs; empty if nothing does."""
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false"):
        return f"switched off by {SWITCH}"
    try:
        import llvmlite.ir as ir

        module = ir.Module()
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "nothing")
        ir.IRBuilder(function.append_basic_block()).ret_void()
        _compiled(module)
        _interface_version()
    except Exception as error:  # a machine where LLVM cannot run does without
        reason = f"{type(error).__name__}: {error}"
        warnings.warn(
            f"kernels for CPUs cannot be used, the model runs some four times slower ({reason}); "
            f"install llvmlite, or set {SWITCH}=off to do without",
            stacklevel=2,
        )
        return reason
    return ""


@cache
def _interface_version() -> tuple[int, int]:
    """The version of the foreign-function interface, from the header that comes with jaxlib."""
    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    text = header.read_text()
    major, minor = (
        int(re.search(rf"#define XLA_FFI_API_{part} (\d+)", text)[1]) for part in ("MAJOR", "MINOR")
    )
    return major, minor


def _handler(
    module: "ir.Module", kernel: "ir.Function", arguments: int, results: int, sizes: Sizes
) -> None:
    """Write the function XLA calls: it takes addresses and sizes out of a call frame."""
    import llvmlite.ir as ir

    from temjax.native.lowering import INDEX, POINTER, index

    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER]), "handler")
    builder = ir.IRBuilder(function.append_basic_block())
    whole = ir.IntType(32)

    def at(base, offset, kind=POINTER):
        address = builder.gep(base, [index(offset)], source_etype=ir.IntType(8))
        return builder.load(address, typ=kind)

    frame = function.args[0]
    extension = at(frame, _EXTENSION)
    asked = builder.icmp_unsigned("!=", builder.ptrtoint(extension, INDEX), index(0))
    with builder.if_then(asked):
        kind = at(extension, _EXTENSION_KIND, whole)
        with builder.if_then(builder.icmp_signed("==", kind, ir.Constant(whole, _METADATA_KIND))):
            metadata = at(extension, _METADATA)
            for offset, value in zip((_MAJOR, _MINOR), _interface_version(), strict=True):
                place = builder.gep(metadata, [index(offset)], source_etype=ir.IntType(8))
                builder.store(ir.Constant(whole, value), place)
            builder.ret(ir.Constant(POINTER, None))
    buffers = []
    for offset, count in ((_ARGUMENTS, arguments), (_RESULTS, results)):
        listed = at(frame, offset)
        buffers.append([at(listed, 8 * number) for number in range(count)])
    found = [at(at(buffers[1][result], _DIMENSIONS), 8 * axis, INDEX) for result, axis in sizes]
    builder.call(kernel, [at(buffer, _DATA) for part in buffers for buffer in part] + found)
    builder.ret(ir.Constant(POINTER, None))


_COMPILED_AS = "1"  # raised when ``_machine_code`` changes: what is kept is then compiled anew


class _Kernel(NamedTuple):
    """A kernel in memory, and the name of its file."""

    engine: "llvm.ExecutionEngine"
    file: str


@cache
def compiled_for() -> tuple[str, ...]:
    """What the code of kernels depends on besides their text, see ``why_not``."""
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return cpu, features, llvm.get_process_triple(), llvmlite.__version__, _COMPILED_AS


def _machine() -> "llvm.TargetMachine":
    import llvmlite.binding as llvm

    cpu, features, *_ = compiled_for()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3
    )


def _compiled(module: "ir.Module") -> _Kernel:
    text = str(module)
    file = name_of("\n".join((text, *compiled_for())), KERNEL)
    return _in_memory(kept(file, lambda: _machine_code(text, _machine())), file)


def _in_memory(code: bytes, file: str) -> _Kernel:
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return _Kernel(engine, file)


def _machine_code(text: str, machine: "llvm.TargetMachine") -> bytes:
    """A module, as text, optimised and compiled: an object file."""
    import llvmlite.binding as llvm

    parsed = llvm.parse_assembly(text)
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    # what is to be a vector is one already; LLVM would turn short copies into slow scatters
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return machine.emit_object(parsed)


_kernels: dict[str, _Kernel] = {}
_registering = threading.Lock()


def kernel_files() -> dict[str, str]:
    """Names of the files of all kernels that XLA knows in this process, by target."""
    with _registering:
        return {target: kernel.file for target, kernel in _kernels.items()}


def register_kept(target: str, file: str) -> bool:
    """Make a kept kernel known to XLA, whether or not it is already; False if there is none."""
    with _registering:
        if target in _kernels:
            return _kernels[target].file == file
        code = read(file)
        if code is None:
            return False
        _make_known(target, _in_memory(code, file))
    return True


def _make_known(target: str, kernel: _Kernel) -> None:
    call = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    capsule = jax.ffi.pycapsule(call(kernel.engine.get_function_address("handler")))
    jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    _kernels[target] = kernel


def registered(
    name: str,
    write: Callable[["ir.Function"], None],
    arguments: int,
    results: int,
    sizes: Sizes,
) -> str:
    """Compile a kernel and make it known to XLA, once in a process.

    Args:
        name: of the kernel and what it is compiled for.
        write: writes its body into a function of the addresses of all arguments and results,
            followed by sizes.
        arguments: how many.
        results: how many.
        sizes: of which results along which axes.

    Returns:
        The name for ``jax.ffi.ffi_call``.
    """
    import llvmlite.ir as ir

    from temjax.native.lowering import INDEX, POINTER

    target = f"temjax_{name}"
    with _registering:
        if target in _kernels:
            return target
        module = ir.Module()
        kinds = [POINTER] * (arguments + results) + [INDEX] * len(sizes)
        kernel = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "kernel")
        for address in kernel.args[: arguments + results]:
            address.add_attribute("noalias")
        write(kernel)
        _handler(module, kernel, arguments, results, sizes)
        _make_known(target, _compiled(module))
    return target


def lanes_of(dtype: Any, registers: int = 1) -> int:
    """Cells in a vector that fills so many registers of ``VECTOR_BYTES``."""
    return registers * VECTOR_BYTES // jnp.dtype(dtype).itemsize


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
        target: from ``registered``.
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
    size = max(cells, lanes_of(dtype, registers))
    shapes = [*((*axes, size) for axes in leading), *scratch]
    results = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    call = jax.ffi.ffi_call(target, results, vmap_method="sequential")
    found = call(*(pad_cells(leaf, size) for leaf in celled), *shared)
    return [leaf[..., :cells] for leaf in found[: len(leading)]]
