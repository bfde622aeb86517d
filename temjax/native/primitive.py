"""Kernels of our own as operations that JAX can differentiate whatever it does with them.

A rule of ``jax.custom_jvp`` is lost where JAX cuts a program in two, in a second derivative for
instance, and a foreign function has none of its own. So a kernel is called through an operation
that has one: the derivative of the arrays it stands in for.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import PyTree

_kernel = Primitive("temjax_kernel")
_kernel.multiple_results = True


def by_kernel(
    kernel: Callable[..., PyTree],
    arrays: Callable[..., PyTree],
    *given: PyTree,
    otherwise: str = "",
) -> PyTree:
    """``kernel(*given)``, which has the derivatives of ``arrays(*given)``.

    Args:
        kernel, arrays: functions of the same.
        given: their arguments.
        otherwise: what a warning says before ``arrays(*given)`` is returned where the kernel cannot
            be written: a process of the user's own has an operation without an instruction.

    Raises:
        NotImplementedError: the kernel cannot be written, and nothing is said in ``otherwise``.
    """
    leaves, structure = jax.tree.flatten(given)
    try:
        sizes, result = jax.tree.flatten(jax.eval_shape(kernel, *given))
    except NotImplementedError as error:
        if not otherwise:
            raise
        warnings.warn(f"{otherwise}, slower: {error}", stacklevel=3)
        return arrays(*given)

    def flat(function):
        return lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(structure, leaves)))

    found = _kernel.bind(*leaves, kernel=flat(kernel), arrays=flat(arrays), sizes=shaped(sizes))
    return jax.tree.unflatten(result, found)


def shaped(leaves: Sequence[Any], *leading: int) -> tuple:
    """Shapes and types as JAX's operations state theirs, behind further axes."""
    return tuple(jax.core.ShapedArray((*leading, *leaf.shape), leaf.dtype) for leaf in leaves)


def number_mapped(arguments: Sequence[Any], axes: Sequence[int | None]) -> int:
    """How many there are of what ``jax.vmap`` maps over."""
    return next(
        leaf.shape[axis] for leaf, axis in zip(arguments, axes, strict=True) if axis is not None
    )


def _call(*leaves, kernel, **_):
    return kernel(*leaves)


def _derivative(primals, tangents, *, arrays, **_):
    return jax.jvp(arrays, tuple(primals), tuple(map(ad.instantiate_zeros, tangents)))


def _batch(arguments, axes, *, kernel, arrays, sizes):
    mapped = partial(jax.vmap, in_axes=tuple(axes))
    found = _kernel.bind(
        *arguments,
        kernel=mapped(kernel),
        arrays=mapped(arrays),
        sizes=shaped(sizes, number_mapped(arguments, axes)),
    )
    return found, [0] * len(found)


@_kernel.def_abstract_eval
def _sizes(*_, sizes, **__):
    return sizes


_kernel.def_impl(_call)
mlir.register_lowering(_kernel, mlir.lower_fun(_call, multiple_results=True))
ad.primitive_jvps[_kernel] = _derivative
batching.primitive_batchers[_kernel] = _batch
