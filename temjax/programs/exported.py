"""Programs as JAX has traced them, kept for later processes.

JAX keeps what XLA has compiled, but before it can look for that a process traces and lowers the
Python functions: two seconds for the programs of a region, in every worker. A kept program
(``jax.export``) stands for that part; what XLA makes of it is kept by JAX as any other.
"""

import json
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial, wraps
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
from temjax.programs.described_trees import described, rebuilt
from temjax.runtime import cache as kept_files
from temjax.runtime.machine import computes_on_cpus

# Before, an exported program that calls LAPACK ended a process that had lowered no such call
# (github.com/jax-ml/jax/issues/29610); fixed in the 0.10.2 that was tried
READY_FOR_LAPACK = (0, 10)
_BEGUN = time.time()
_PACKAGES = ("jax", "jaxlib", "equinox", "numpy")

Arrays = Sequence[Array | np.ndarray]


def kept_program(
    function: Callable[..., PyTree], packages: Sequence[str] = ()
) -> Callable[..., PyTree]:
    """``equinox.filter_jit(function)``, which need not trace what an earlier process has traced.

    Programs are kept on CPUs, of calls with arrays on one device; what else is given is part of the
    program.

    Args:
        function: of a module; it takes pytrees by position and returns a pytree of arrays.
        packages: whose functions it calls, besides those of its own and of this package.

    Returns:
        The same function, compiled; ``traced`` of it is what ``equinox.filter_jit`` returns.
    """
    traced = eqx.filter_jit(function)
    programs: dict[tuple, Callable | None] = {}

    @wraps(function)
    def call(*given):
        leaves, structure = jax.tree.flatten(given)
        are_arrays = tuple(map(eqx.is_array, leaves))
        arrays = list(compress(leaves, are_arrays))
        if not (kept_files.keeps_programs() and _can_be_kept(arrays)):
            return traced(*given)
        others = tuple(compress(leaves, map(not_, are_arrays)))
        key = structure, are_arrays, others, tuple(map(_kind, arrays)), _circumstances()
        if key not in programs:

            def flat(*arrays):
                found, rest = iter(arrays), iter(others)
                leaves = [next(found if is_array else rest) for is_array in are_arrays]
                return function(*jax.tree.unflatten(structure, leaves))

            programs[key] = _program(function, packages, flat, arrays, key)
        program = programs[key]
        return traced(*given) if program is None else program(*arrays)

    call.traced = traced
    return call


def _can_be_kept(arrays: Arrays) -> bool:
    return (
        kept_files.folder() is not None
        and not jax.config.jax_disable_jit
        and not any(isinstance(leaf, jax.core.Tracer) for leaf in arrays)
        and computes_on_cpus()
        and jax.local_device_count() == 1
        and _can_be_written()
    )


@cache
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
    """A program that was kept, or is now; None where it cannot be."""
    given = "\n".join(map(str, key))
    ours = frozenset((*_packages_of(function.__module__), *_packages_of(__name__), *packages))
    made_with = _made_with(ours)
    if made_with is None or " at 0x" in given:  # an address: of what only this process has
        return None
    function_name = f"{function.__module__}.{function.__qualname__}"
    kernels = compiled_for() if enabled() else ()
    made_from = (function_name, given, *kernels, *made_with)
    name = kept_files.name_of("\n".join(made_from), kept_files.PROGRAM)
    content = kept_files.kept(name, partial(_traced, flat, arrays))
    return None if content is None else _loaded(function.__name__, ours, content)


def _packages_of(module: str) -> list[str]:
    """The package a module belongs to, and the one below it, which may lie in another folder."""
    parts = module.split(".")
    names = [parts[0], ".".join(parts[:2])]
    return [name for name in names if find_spec(name).submodule_search_locations]


@cache
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


def _traced(flat: Callable, arrays: Arrays) -> bytes | None:
    """A program as it is kept: a line that describes its result, one of its kernels, the program.

    None where something was said while it was traced, which later processes are to say as well,
    and where a result takes its type from what it meets, which an exported program forgets.
    """
    structures = []

    def of_leaves(*arrays):
        leaves, structure = jax.tree.flatten(flat(*arrays))
        structures.append(structure)
        return leaves

    program = jax.jit(of_leaves)
    with warnings.catch_warnings(record=True) as said:
        traced = program.trace(*arrays)
    if said or any(result.weak_type for result in traced.jaxpr.out_avals):
        return None
    exported = _exported(program, arrays)
    if exported is None:
        return None
    code = exported.mlir_module_serialized
    used = {target: file for target, file in kernel_files().items() if target.encode() in code}
    try:
        lines = described(structures[0]), json.dumps(used)
    except TypeError:
        return None
    return b"\n".join((*(line.encode() for line in lines), exported.serialize()))


def _exported(program: Callable, arrays: Arrays) -> export.Exported | None:
    """None where it calls what JAX does not export."""
    for _ in range(2):  # some kernels are written as the program is lowered: then the second time
        ours = map(export.DisabledSafetyCheck.custom_call, kernel_files())
        try:
            return export.export(program, disabled_checks=list(ours))(*arrays)
        except (NotImplementedError, ValueError):
            continue
    return None


@cache
def _begin_lapack() -> None:
    """Let JAX look up LAPACK's functions, as it does when it lowers one."""
    jax.jit(lax.linalg.lu).lower(np.eye(1))


def _loaded(name: str, packages: Collection[str], content: bytes) -> Callable[..., PyTree] | None:
    """A kept program to call; None where one of its kernels is not there."""
    description, kernels, code = content.split(b"\n", 2)
    kernels = json.loads(kernels)
    if not all(register_cached(target, file) for target, file in kernels.items()):
        return None
    if jax.__version_info__ < READY_FOR_LAPACK:
        _begin_lapack()
    exported = export.deserialize(bytearray(code))
    structure = jax.tree.structure(rebuilt(description.decode(), packages))

    def run(*arrays: Any) -> list[Array]:
        return exported.call(*arrays)

    run.__name__ = name  # which JAX's messages show
    compiled = jax.jit(run)
    return lambda *arrays: jax.tree.unflatten(structure, compiled(*arrays))
