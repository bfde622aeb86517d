"""Choice between a function of arrays and the kernel that stands in for it.

A function of the model is written once, of arrays::

    @accelerated("month", static=1, cells="pools")
    def integrate(substeps, context, pools): ...

``temjax.kernels`` names, for a platform, a kernel ``month`` with the same arguments and results,
and may name its derivatives ``month.jvp`` and ``month.vjp``; each is imported when it is first
needed. Where there is no kernel, no platform for it, or where it cannot be imported or written, the
function runs as it stands.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial, wraps
from importlib import import_module
from typing import Any

import jax
from jaxtyping import PyTree

from temjax.native.availability import enabled, is_disabled
from temjax.native.linear_map import LinearMap, apply_linear, dense
from temjax.native.primitive import bind_kernel
from temjax.runtime.machine import computes_on_cpus

KERNELS = "temjax.kernels"  # its REGISTRY: platform, then name, to "module:function"

# Before, JAX lowers the branch of every platform wherever a program runs, and kernels for GPUs
# cannot be lowered for CPUs
PLATFORM_BRANCHES_SINCE = (0, 7, 0)


def accelerated(
    name: str, *, cells: str, static: int = 0, dense_tangents: bool = False
) -> Callable[[Callable], Callable]:
    """Decorate a function of arrays that a kernel may stand in for.

    Args:
        name: of the kernel in the registry.
        cells: the argument whose axes decide: kernels take arrays ``(row, cell)``, of a single
            axis of cells.
        static: how many leading arguments are no arrays.
        dense_tangents: where no kernel runs, derivatives are taken with zeros for tangents that
            vanish: more work, and in the last bits the results of earlier versions.

    Returns:
        A decorator. The decorated function takes arguments by position and has the derivatives of
        the function of arrays, which is its attribute ``arrays``.
    """

    def decorate(arrays: Callable) -> Callable:
        position = list(inspect.signature(arrays).parameters).index(cells)
        plain = _with_dense_tangents(arrays, static) if dense_tangents else arrays

        @wraps(arrays)
        def call(*arguments: Any) -> PyTree:
            platform = _platform(arguments[position].ndim)
            kernel = load(platform, name) if platform else None
            if kernel is None:
                return plain(*arguments)
            operands = arguments[static:]
            of_arrays, by_kernel = (partial(f, *arguments[:static]) for f in (arrays, kernel))
            if platform == "cuda":
                by_kernel = partial(_on_platform, cuda=by_kernel, default=of_arrays)
            jvp = _jvp(platform, name, arguments[:static], of_arrays, operands)
            try:
                return bind_kernel(by_kernel, of_arrays, *operands, jvp=jvp)
            except NotImplementedError as error:
                warnings.warn(f"{name} runs without its kernel, slower: {error}", stacklevel=2)
                return plain(*arguments)

        call.arrays = arrays
        return call

    return decorate


def _with_dense_tangents(arrays: Callable, static: int) -> Callable:
    function = jax.custom_jvp(arrays, nondiff_argnums=tuple(range(static)))

    @partial(function.defjvp, symbolic_zeros=True)
    def jvp(*arguments):
        primals, tangents = arguments[static:]
        return jax.jvp(partial(arrays, *arguments[:static]), primals, dense(primals, tangents))

    return function


def _platform(axes: int) -> str | None:
    """The platform whose kernels can take rows of so many axes."""
    if axes != 2 or is_disabled():
        return None
    if computes_on_cpus():
        return "cpu" if enabled() else None
    return "cuda" if jax.__version_info__ >= PLATFORM_BRANCHES_SINCE else None


def _on_platform(*operands: PyTree, **branches: Callable) -> PyTree:
    return jax.lax.platform_dependent(*operands, **branches)


@cache
def registry(platform: str) -> Mapping[str, str]:
    """Where the kernels for a platform are, by name; empty without ``temjax.kernels``."""
    try:
        return import_module(KERNELS).REGISTRY.get(platform, {})
    except ImportError as error:
        if error.name != KERNELS:
            warnings.warn(f"the model runs without its kernels, slower: {error}", stacklevel=3)
        return {}


@cache
def load(platform: str, name: str) -> Callable | None:
    """A kernel; ``None`` where there is none, or where its module cannot be imported."""
    if name not in registry(platform):
        return None
    module, _, function = registry(platform)[name].partition(":")
    try:
        return getattr(import_module(module), function)
    except ImportError as error:
        warnings.warn(f"{name} runs without its kernel, slower: {error}", stacklevel=3)
        return None


def _jvp(
    platform: str, name: str, static: tuple, arrays: Callable, operands: tuple
) -> Callable | None:
    """The derivative by kernels; ``None`` where none is registered."""

    def derivative(kind: str) -> Callable | None:
        if f"{name}.{kind}" not in registry(platform):
            return None

        def by_kernel(*arguments):
            kernel = load(platform, f"{name}.{kind}")
            if kernel is None:
                raise NotImplementedError(f"{name}.{kind}")
            return kernel(*static, *arguments)

        return by_kernel

    jvp, vjp = derivative("jvp"), derivative("vjp")
    if jvp is None and vjp is None:
        return None
    linear_map = LinearMap(lambda point, tangents: jax.jvp(arrays, point, tangents)[1], jvp, vjp)
    structure = jax.tree.structure(operands)

    def of_results(primals, tangents, results):
        return apply_linear(linear_map, jax.tree.unflatten(structure, primals), tangents, results)

    return of_results
