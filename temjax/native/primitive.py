"""A kernel as an operation of JAX that has derivatives and can be mapped.

A foreign function has no derivative, and a rule of ``jax.custom_jvp`` is lost where JAX cuts a
program in two, in a second derivative for instance. So a kernel is called through a primitive
whose derivative is that of the arrays it stands in for, or a rule of its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, PyTree

# (primals, tangents) to (results, their tangents), all flat; tangents that vanish are ``ad.Zero``
JvpRule = Callable[[Sequence[Array], Sequence[Any]], tuple[list[Array], list[Array]]]

_kernel = Primitive("temjax_kernel")
_kernel.multiple_results = True


def bind_kernel(
    kernel: Callable[..., PyTree],
    arrays: Callable[..., PyTree],
    *operands: PyTree,
    jvp: Callable[[Sequence[Array], Sequence[Any], PyTree], PyTree] | None = None,
) -> PyTree:
    """``kernel(*operands)`` with the derivatives of ``arrays(*operands)``.

    Args:
        kernel, arrays: functions of the same.
        operands: their arguments.
        jvp: of flat operands, their tangents and the results: the tangents of the results; that of
            the arrays if not given.

    Raises:
        NotImplementedError: the kernel has an operation without an instruction.
    """
    leaves, structure = jax.tree.flatten(operands)
    shapes, result = jax.tree.flatten(jax.eval_shape(kernel, *operands))

    def flat(function):
        return lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(structure, leaves)))

    def flat_jvp(primals, tangents, results):
        return jax.tree.leaves(jvp(primals, tangents, jax.tree.unflatten(result, results)))

    results = _kernel.bind(
        *leaves,
        kernel=flat(kernel),
        arrays=flat(arrays),
        jvp=flat_jvp if jvp else None,
        shapes=abstract(shapes),
    )
    return jax.tree.unflatten(result, results)


def abstract(leaves: Sequence[Any], *leading: int) -> tuple:
    """Shapes and types as JAX's operations state theirs, behind further axes."""
    return tuple(jax.core.ShapedArray((*leading, *leaf.shape), leaf.dtype) for leaf in leaves)


def mapped_size(arguments: Sequence[Any], axes: Sequence[int | None]) -> int:
    """Size of the axis that ``jax.vmap`` maps over."""
    return next(
        leaf.shape[axis] for leaf, axis in zip(arguments, axes, strict=True) if axis is not None
    )


def _call(*leaves, kernel, **_):
    return kernel(*leaves)


def _jvp(primals, tangents, *, arrays, jvp, **parameters):
    if jvp is None:
        return jax.jvp(arrays, tuple(primals), tuple(map(ad.instantiate_zeros, tangents)))
    results = _kernel.bind(*primals, arrays=arrays, jvp=jvp, **parameters)
    return results, jvp(primals, tangents, results)


def _batch(arguments, axes, *, kernel, arrays, shapes, jvp):
    """Kernels take one after the other; derivatives are those of the arrays."""
    mapped = partial(jax.vmap, in_axes=tuple(axes))
    results = _kernel.bind(
        *arguments,
        kernel=mapped(kernel),
        arrays=mapped(arrays),
        jvp=None,
        shapes=abstract(shapes, mapped_size(arguments, axes)),
    )
    return results, [0] * len(results)


@_kernel.def_abstract_eval
def _shapes(*_, shapes, **__):
    return shapes


_kernel.def_impl(_call)
mlir.register_lowering(_kernel, mlir.lower_fun(_call, multiple_results=True))
ad.primitive_jvps[_kernel] = _jvp
batching.primitive_batchers[_kernel] = _batch
