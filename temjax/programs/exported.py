"""Traced programs, exported (``jax.export``) to the cache for later processes.

JAX caches what XLA has compiled, but before it can look that up a process traces and lowers the
Python functions. An exported program stands for that part; what XLA makes of it is cached by JAX as
any other. In a process that finds everything in the cache, an equilibrium of 20 cells and a year
from it take 0.9 s of CPU time with exported programs and 4.2 s without (imports 1.1 s more); every
worker of a region gains that.
"""

import functools
import json
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from itertools import compress
from operator import not_
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import export, lax
from jaxtyping import Array, PyTree

from temjax.native.availability import enabled
from temjax.native.call import kernel_files, register_cached
from temjax.native.llvm import compiled_for
from temjax.programs.serialization import register_types
from temjax.runtime import cache
from temjax.runtime.machine import computes_on_cpus

# Before, an exported program that calls LAPACK ended a process that had lowered no such call
# (github.com/jax-ml/jax/issues/29610); fixed in the 0.10.2 that was tried
READY_FOR_LAPACK = (0, 10)
_BEGUN = time.time()
_PACKAGES = ("jax", "jaxlib", "equinox", "numpy")

Arrays = Sequence[Array | np.ndarray]


def exported_jit(
    function: Callable[..., PyTree], packages: Sequence[str] = ()
) -> Callable[..., PyTree]:
    """``equinox.filter_jit(function)``, which need not trace what an earlier process has traced.

    Programs are cached on CPUs, of calls with arrays on one device; arguments that are no arrays
    are part of the program.

    Args:
        function: of a module; it takes pytrees by position and returns a pytree of arrays.
        packages: whose functions it calls, besides those of its own and of this package.

    Returns:
        The same function, compiled; ``traced`` of it is what ``equinox.filter_jit`` returns.
    """
    traced = eqx.filter_jit(function)
    programs: dict[tuple, Callable | None] = {}

    @functools.wraps(function)
    def call(*given):
        leaves, structure = jax.tree.flatten(given)
        are_arrays = tuple(map(eqx.is_array, leaves))
        arrays = list(compress(leaves, are_arrays))
        if not (cache.programs_enabled() and _can_be_cached(arrays)):
            return traced(*given)
        others = tuple(compress(leaves, map(not_, are_arrays)))
        key = structure, are_arrays, others, tuple(map(_kind, arrays)), _circumstances()
        if key not in programs:

            def flat(*arrays):
                traced, static = iter(arrays), iter(others)
                leaves = [next(traced if is_array else static) for is_array in are_arrays]
                return function(*jax.tree.unflatten(structure, leaves))

            programs[key] = _program(function, packages, flat, arrays, key)
        program = programs[key]
        return traced(*given) if program is None else program(*arrays)

    call.traced = traced
    return call


def _can_be_cached(arrays: Arrays) -> bool:
    return (
        cache.folder() is not None
        and not jax.config.jax_disable_jit
        and not any(isinstance(leaf, jax.core.Tracer) for leaf in arrays)
        and computes_on_cpus()
        and jax.local_device_count() == 1
        and _can_be_written()
    )


@functools.cache
def _can_be_written() -> bool:
    """What ``jax.export`` needs to write programs, and JAX itself does not."""
    return find_spec("flatbuffers") is not None


def _kind(leaf: Array | np.ndarray) -> tuple:
    return leaf.shape, leaf.dtype.name, getattr(leaf, "weak_type", False)


def _circumstances() -> tuple:
    """What else a traced program depends on and a process can change."""
    settings = (setting for setting in jax.config.values.items() if "_cache" not in setting[0])
    return enabled(), tuple(sorted(settings))


def _program(
    function: Callable, packages: Sequence[str], flat: Callable, arrays: Arrays, key: tuple
) -> Callable[..., PyTree] | None:
    """A program from the cache, or cached now; None where it cannot be."""
    arguments = "\n".join(map(str, key))
    ours = frozenset((*_packages_of(function.__module__), *_packages_of(__name__), *packages))
    made_with = _made_with(ours)
    if made_with is None or " at 0x" in arguments:  # an address: of what only this process has
        return None
    function_name = f"{function.__module__}.{function.__qualname__}"
    kernels = compiled_for() if enabled() else ()
    made_from = (function_name, arguments, *kernels, *made_with)
    name = cache.file_name("\n".join(made_from), cache.PROGRAM)
    content = cache.get_or_make(name, functools.partial(_serialized, flat, arrays, ours))
    return None if content is None else _load(function.__name__, ours, content)


def _packages_of(module: str) -> list[str]:
    """The package a module belongs to, and the one below it, which may lie in another folder."""
    parts = module.split(".")
    names = [parts[0], ".".join(parts[:2])]
    return [name for name in names if find_spec(name).submodule_search_locations]


@functools.cache
def _made_with(packages: frozenset[str]) -> tuple[str, ...] | None:
    """Versions of the packages that programs depend on, and what the files of ours say.

    None where a file has changed since this process began: it may run what stood there before.
    """
    folders = {
        Path(place) for name in packages for place in find_spec(name).submodule_search_locations
    }
    places = sorted(folder for folder in folders if folders.isdisjoint(folder.parents))
    if any(path.stat().st_mtime > _BEGUN for place in places for path in _files(place)):
        return None
    return *map(version, _PACKAGES), *map(contents, places)


def contents(folder: Path) -> str:
    """A digest of the files of a package, its data as well."""
    digest = sha256()
    for path in _files(folder):
        digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.*") if path.suffix != ".pyc" and path.is_file())


def _serialized(flat: Callable, arrays: Arrays, packages: Collection[str]) -> bytes | None:
    """A program as it is cached: a line with the files of its kernels, the program.

    None where something was said while it was traced, which later processes are to say as well,
    and where a result takes its type from what it meets, which an exported program forgets.
    """
    program = jax.jit(flat)
    with warnings.catch_warnings(record=True) as said:
        traced = program.trace(*arrays)
    if said or any(result.weak_type for result in traced.jaxpr.out_avals):
        return None
    exported = _exported(program, arrays)
    if exported is None:
        return None
    register_types(packages)
    try:
        code = bytes(exported.serialize())
    except (TypeError, ValueError):  # a result of a type that is not registered
        return None
    if export.deserialize(bytearray(code)).out_tree != exported.out_tree:
        return None
    module = exported.mlir_module_serialized
    used = {target: file for target, file in kernel_files().items() if target.encode() in module}
    return json.dumps(used).encode() + b"\n" + code


def _exported(program: Callable, arrays: Arrays) -> export.Exported | None:
    """None where it calls what JAX does not export."""
    for _ in range(2):  # some kernels are written as the program is lowered: then the second time
        ours = map(export.DisabledSafetyCheck.custom_call, kernel_files())
        try:
            return export.export(program, disabled_checks=list(ours))(*arrays)
        except (NotImplementedError, ValueError):
            continue
    return None


@functools.cache
def _begin_lapack() -> None:
    """Let JAX look up LAPACK's functions, as it does when it lowers one."""
    jax.jit(lax.linalg.lu).lower(np.eye(1))


def _load(name: str, packages: Collection[str], content: bytes) -> Callable[..., PyTree] | None:
    """A cached program to call; None where one of its kernels is not there."""
    line, code = content.split(b"\n", 1)
    kernels = json.loads(line)
    if not all(register_cached(target, file) for target, file in kernels.items()):
        return None
    if jax.__version_info__ < READY_FOR_LAPACK:
        _begin_lapack()
    register_types(packages)
    try:
        exported = export.deserialize(bytearray(code))
    except ValueError:  # a result of a type that this process has not imported
        return None

    def run(*arrays: Any) -> PyTree:
        return exported.call(*arrays)

    run.__name__ = name  # which JAX's messages show
    return jax.jit(run)
