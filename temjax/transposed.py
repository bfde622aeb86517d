"""Linear maps with a way back of their own.

A kernel takes cotangents back, JAX's arrays take tangents forward. A ``custom_vjp`` would leave no
forward mode; a linear map that knows both has forward mode, reverse mode, and, through the arrays,
what lies beyond a first derivative.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import PyTree

_linear = Primitive("temjax_linear")
_linear.multiple_results = True


def linear(
    forward: Callable[[PyTree, PyTree], PyTree],
    backward: Callable[[PyTree, PyTree, PyTree], PyTree],
    at: PyTree,
    tangents: PyTree,
    like: PyTree,
) -> PyTree:
    """``forward(at, tangents)``, transposed by ``backward``.

    Args:
        forward: linear in its second argument; JAX's operations.
        backward: of ``at``, the cotangents of the result, and which tangents need theirs (``at``
            with a boolean for every leaf): the cotangents of the tangents, like ``at``; those
            nobody needs are not looked at. Where it raises ``NotImplementedError`` the transpose
            of ``forward`` is taken.
        at: what the map depends on.
        tangents: of ``at``, alike; as a ``custom_jvp`` hands them to its rule.
        like: arrays of the result's shapes and types: nothing is traced to find them.
    """
    leaves, structure = jax.tree.flatten(at)
    slopes = jax.tree.leaves(tangents)
    moving = [n for n, leaf in enumerate(slopes) if leaf.dtype != jax.dtypes.float0]
    sizes, result = jax.tree.flatten(like)

    def like_at(values, filled):
        for number, value in zip(moving, values, strict=True):
            filled[number] = value
        return jax.tree.unflatten(structure, filled)

    def ahead(leaves, some):
        still = [np.zeros(np.shape(leaf), jax.dtypes.float0) for leaf in leaves]
        found = forward(jax.tree.unflatten(structure, leaves), like_at(some, still))
        return jax.tree.leaves(found)

    def back(leaves, cotangents, wanted):
        found = backward(
            jax.tree.unflatten(structure, leaves),
            jax.tree.unflatten(result, cotangents),
            like_at(wanted, [False] * len(leaves)),
        )
        found = jax.tree.leaves(found)
        return [found[n] for n, needed in zip(moving, wanted, strict=True) if needed]

    found = _linear.bind(
        *leaves,
        *(slopes[number] for number in moving),
        forward=ahead,
        backward=back,
        fixed=len(leaves),
        sizes=tuple(jax.core.ShapedArray(leaf.shape, leaf.dtype) for leaf in sizes),
    )
    return jax.tree.unflatten(result, found)


def _apply(*arguments, forward, fixed, **_):
    return forward(list(arguments[:fixed]), list(arguments[fixed:]))


@_linear.def_abstract_eval
def _sizes(*_, sizes, **__):
    return sizes


def _derivative(primals, tangents, **how):
    """In what the map depends on as well: JAX's, of the arrays."""
    slopes = [ad.instantiate_zeros(leaf) for leaf in tangents]
    return jax.jvp(partial(_apply, **how), primals, slopes)


def _batch(arguments, axes, **how):
    found = jax.vmap(partial(_apply, **how), in_axes=axes)(*arguments)
    return found, [0] * len(found)


def _transpose(cotangents, *arguments, forward, backward, fixed, sizes):
    at, tangents = list(arguments[:fixed]), arguments[fixed:]
    wanted = [ad.is_undefined_primal(leaf) for leaf in tangents]
    shapes = [
        leaf.aval if needed else jnp.asarray(leaf)
        for leaf, needed in zip(tangents, wanted, strict=True)
    ]

    def by_arrays(at, cotangents):
        def of_some(*moving):
            moving = iter(moving)
            return forward(
                at,
                [
                    next(moving) if needed else jnp.zeros(shape.shape, shape.dtype)
                    for shape, needed in zip(shapes, wanted, strict=True)
                ],
            )

        needed = [
            jax.ShapeDtypeStruct(shape.shape, shape.dtype)
            for shape, needed in zip(shapes, wanted, strict=True)
            if needed
        ]
        return list(jax.linear_transpose(of_some, *needed)(cotangents))

    @jax.custom_jvp
    def pulled(at, cotangents):
        try:
            return backward(at, cotangents, wanted)
        except NotImplementedError:
            return by_arrays(at, cotangents)

    @pulled.defjvp
    def _beyond(primals, tangents):
        return jax.jvp(by_arrays, primals, tangents)

    found = iter(pulled(at, [ad.instantiate_zeros(leaf) for leaf in cotangents]))
    return [None] * fixed + [next(found) if needed else None for needed in wanted]


_linear.def_impl(_apply)
mlir.register_lowering(_linear, mlir.lower_fun(_apply, multiple_results=True))
ad.primitive_jvps[_linear] = _derivative
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch
