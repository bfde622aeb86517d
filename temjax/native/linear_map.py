"""Linear maps with a way back of their own.

A kernel takes cotangents back, JAX's arrays take tangents forward. A ``custom_vjp`` would leave no
forward mode; a linear map that knows both has forward mode, reverse mode, and, through the arrays,
what lies beyond a first derivative.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, PyTree

from temjax.native.primitive import by_kernel, number_mapped, shaped

_linear = Primitive("temjax_linear")
_linear.multiple_results = True


class Ways(NamedTuple):
    """How a linear map goes; trees are like ``at``.

    Attributes:
        forward: of ``at`` and tangents: the result. JAX's operations, linear in the tangents.
        ahead: the same by a kernel; it is told which tangents are not zero. ``None``: there is
            none.
        backward: of ``at``, cotangents of the result, and which tangents need theirs: the
            cotangents of the tangents; those nobody needs are not looked at.

    Where ``ahead`` or ``backward`` raises ``NotImplementedError``, ``forward`` and its transpose
    are taken.
    """

    forward: Callable[[PyTree, PyTree], PyTree]
    ahead: Callable[[PyTree, PyTree, PyTree], PyTree] | None
    backward: Callable[[PyTree, PyTree, PyTree], PyTree]


def _moves(tangent: Any) -> bool:
    return not isinstance(tangent, SymbolicZero) and tangent.dtype != jax.dtypes.float0


def with_zeros(primals: PyTree, tangents: PyTree) -> PyTree:
    """Tangents as ``jax.jvp`` takes them, of a ``custom_jvp`` rule with symbolic zeros."""

    def filled(primal, tangent):
        if not isinstance(tangent, SymbolicZero):
            return tangent
        return _still(primal)

    return jax.tree.map(filled, primals, tangents)


def _still(primal: Any) -> Array | np.ndarray:
    if jnp.issubdtype(jnp.result_type(primal), jnp.floating):
        return jnp.zeros_like(primal)
    return np.zeros(np.shape(primal), jax.dtypes.float0)


def linear(ways: Ways, at: PyTree, tangents: PyTree, like: PyTree) -> PyTree:
    """A linear map of tangents, in a ``custom_jvp`` rule with symbolic zeros.

    Args:
        ways: how it goes.
        at: what the map depends on.
        tangents: of ``at``, alike.
        like: arrays of the result's shapes and types: nothing is traced to find them.
    """
    leaves, structure = jax.tree.flatten(at)
    slopes = jax.tree.leaves(tangents)
    moving = [number for number, leaf in enumerate(slopes) if _moves(leaf)]
    sizes, result = jax.tree.flatten(like)

    def like_at(values, filled):
        for number, value in zip(moving, values, strict=True):
            filled[number] = value
        return jax.tree.unflatten(structure, filled)

    def forward(leaves, some):
        tangents = like_at(some, [_still(leaf) for leaf in leaves])
        return jax.tree.leaves(ways.forward(jax.tree.unflatten(structure, leaves), tangents))

    def ahead(leaves, some):
        tangents = like_at(some, [_still(leaf) for leaf in leaves])
        moved = like_at([True] * len(moving), [False] * len(leaves))
        found = ways.ahead(jax.tree.unflatten(structure, leaves), tangents, moved)
        return jax.tree.leaves(found)

    def backward(leaves, cotangents, wanted):
        found = ways.backward(
            jax.tree.unflatten(structure, leaves),
            jax.tree.unflatten(result, cotangents),
            like_at(wanted, [False] * len(leaves)),
        )
        found = jax.tree.leaves(found)
        return [found[n] for n, needed in zip(moving, wanted, strict=True) if needed]

    found = _linear.bind(
        *leaves,
        *(slopes[number] for number in moving),
        ways=Ways(forward, ahead if ways.ahead else None, backward),
        fixed=len(leaves),
        sizes=shaped(sizes),
    )
    return jax.tree.unflatten(result, found)


def _by_arrays(*arguments, ways, fixed, **_):
    return ways.forward(arguments[:fixed], arguments[fixed:])


def _apply(*arguments, ways, fixed, **_):
    if ways.ahead is not None:
        try:
            return ways.ahead(arguments[:fixed], arguments[fixed:])
        except NotImplementedError:
            pass
    return _by_arrays(*arguments, ways=ways, fixed=fixed)


@_linear.def_abstract_eval
def _sizes(*_, sizes, **__):
    return sizes


def _derivative(primals, tangents, **how):
    """In what the map depends on as well: JAX's, of the arrays."""
    slopes = tuple(map(ad.instantiate_zeros, tangents))
    return jax.jvp(partial(_by_arrays, **how), tuple(primals), slopes)


def _none(*_):
    raise NotImplementedError


def _batch(arguments, axes, ways, fixed, sizes):
    """The map of many: kernels take one after the other."""
    mapped = partial(jax.vmap, in_axes=(tuple(axes[:fixed]), tuple(axes[fixed:])))
    found = _linear.bind(
        *arguments,
        ways=Ways(mapped(ways.forward), mapped(ways.ahead) if ways.ahead else None, _none),
        fixed=fixed,
        sizes=shaped(sizes, number_mapped(arguments, axes)),
    )
    return found, [0] * len(found)


def _transpose(cotangents, *arguments, ways, fixed, sizes):
    at, tangents = arguments[:fixed], arguments[fixed:]
    wanted = [ad.is_undefined_primal(leaf) for leaf in tangents]
    shapes = [
        leaf.aval if needed else jnp.asarray(leaf)
        for leaf, needed in zip(tangents, wanted, strict=True)
    ]

    def by_arrays(at, cotangents):
        def of_some(*moving):
            moving = iter(moving)
            rest = (
                next(moving) if needed else jnp.zeros(shape.shape, shape.dtype)
                for shape, needed in zip(shapes, wanted, strict=True)
            )
            return ways.forward(at, tuple(rest))

        needed = [
            jax.ShapeDtypeStruct(shape.shape, shape.dtype)
            for shape, needed in zip(shapes, wanted, strict=True)
            if needed
        ]
        return list(jax.linear_transpose(of_some, *needed)(cotangents))

    cotangents = [ad.instantiate_zeros(leaf) for leaf in cotangents]
    try:
        pulled = by_kernel(
            lambda at, cotangents: ways.backward(at, cotangents, wanted), by_arrays, at, cotangents
        )
    except NotImplementedError:
        pulled = by_arrays(at, cotangents)
    found = iter(pulled)
    return [None] * fixed + [next(found) if needed else None for needed in wanted]


_linear.def_impl(_apply)
mlir.register_lowering(_linear, mlir.lower_fun(_apply, multiple_results=True))
ad.primitive_jvps[_linear] = _derivative
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch
