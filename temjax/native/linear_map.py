"""Linear maps with forward and transposed kernels of their own.

A kernel takes cotangents back, JAX's arrays take tangents forward. A ``custom_vjp`` would leave no
forward mode; a linear map that knows both has forward mode, reverse mode, and, through the arrays,
what lies beyond a first derivative.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, PyTree

from temjax.native.primitive import abstract, bind_kernel, mapped_size

_linear = Primitive("temjax_linear")
_linear.multiple_results = True


class LinearMap(NamedTuple):
    """A linear map of tangents at a point; trees are like the point.

    Attributes:
        arrays: of the point and tangents: the result. JAX's operations, linear in the tangents.
        jvp: the same by a kernel; its third argument says which tangents are not zero. ``None``:
            there is none.
        vjp: of the point, cotangents of the result, and which tangents need theirs: the cotangents
            of the tangents; those nobody needs are ignored. ``None``: there is none.

    Where ``jvp`` or ``vjp`` raises ``NotImplementedError``, ``arrays`` and its transpose are taken.
    """

    arrays: Callable[[PyTree, PyTree], PyTree]
    jvp: Callable[[PyTree, PyTree, PyTree], PyTree] | None = None
    vjp: Callable[[PyTree, PyTree, PyTree], PyTree] | None = None


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, ad.Zero | SymbolicZero) or tangent.dtype == jax.dtypes.float0


def _zero_like(primal: Any) -> Array | np.ndarray:
    if jnp.issubdtype(jnp.result_type(primal), jnp.floating):
        return jnp.zeros_like(primal)
    return np.zeros(np.shape(primal), jax.dtypes.float0)


def dense(primals: PyTree, tangents: PyTree) -> PyTree:
    """Tangents with zeros for those that vanish, of a ``custom_jvp`` rule with symbolic zeros."""
    return jax.tree.map(
        lambda primal, tangent: _zero_like(primal) if _is_zero(tangent) else tangent,
        primals,
        tangents,
    )


def apply_linear(
    linear_map: LinearMap, point: PyTree, tangents: Sequence[Any], like: PyTree
) -> PyTree:
    """Apply a linear map to tangents, in a JVP rule.

    Args:
        linear_map: the map.
        point: what it depends on.
        tangents: of the point's leaves; those that vanish are ``ad.Zero`` or ``SymbolicZero``.
        like: arrays of the result's shapes and types: nothing is traced to know them.
    """
    leaves, structure = jax.tree.flatten(point)
    nonzero = [number for number, leaf in enumerate(tangents) if not _is_zero(leaf)]
    shapes, result = jax.tree.flatten(like)

    def tree(values, defaults):
        """Like the point: values where tangents are not zero."""
        for number, value in zip(nonzero, values, strict=True):
            defaults[number] = value
        return jax.tree.unflatten(structure, defaults)

    def arrays(leaves, some):
        tangents = tree(some, [_zero_like(leaf) for leaf in leaves])
        return jax.tree.leaves(linear_map.arrays(jax.tree.unflatten(structure, leaves), tangents))

    def jvp(leaves, some):
        tangents = tree(some, [_zero_like(leaf) for leaf in leaves])
        which = tree([True] * len(nonzero), [False] * len(leaves))
        return jax.tree.leaves(
            linear_map.jvp(jax.tree.unflatten(structure, leaves), tangents, which)
        )

    def vjp(leaves, cotangents, wanted):
        pulled = linear_map.vjp(
            jax.tree.unflatten(structure, leaves),
            jax.tree.unflatten(result, cotangents),
            tree(wanted, [False] * len(leaves)),
        )
        pulled = jax.tree.leaves(pulled)
        return [pulled[n] for n, needed in zip(nonzero, wanted, strict=True) if needed]

    flat = LinearMap(arrays, jvp if linear_map.jvp else None, vjp if linear_map.vjp else None)
    results = _linear.bind(
        *leaves,
        *(tangents[number] for number in nonzero),
        linear_map=flat,
        fixed=len(leaves),
        shapes=abstract(shapes),
    )
    return jax.tree.unflatten(result, results)


def _by_arrays(*arguments, linear_map, fixed, **_):
    return linear_map.arrays(arguments[:fixed], arguments[fixed:])


def _apply(*arguments, linear_map, fixed, **_):
    if linear_map.jvp is not None:
        try:
            return linear_map.jvp(arguments[:fixed], arguments[fixed:])
        except NotImplementedError:
            pass
    return _by_arrays(*arguments, linear_map=linear_map, fixed=fixed)


@_linear.def_abstract_eval
def _shapes(*_, shapes, **__):
    return shapes


def _jvp(primals, tangents, **parameters):
    """In what the map depends on as well: JAX's, of the arrays."""
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return jax.jvp(partial(_by_arrays, **parameters), tuple(primals), tangents)


def _batch(arguments, axes, linear_map, fixed, shapes):
    """The map of many: the forward kernel takes one after the other."""
    mapped = partial(jax.vmap, in_axes=(tuple(axes[:fixed]), tuple(axes[fixed:])))
    jvp = mapped(linear_map.jvp) if linear_map.jvp else None
    results = _linear.bind(
        *arguments,
        linear_map=LinearMap(mapped(linear_map.arrays), jvp),
        fixed=fixed,
        shapes=abstract(shapes, mapped_size(arguments, axes)),
    )
    return results, [0] * len(results)


def _transpose(cotangents, *arguments, linear_map, fixed, shapes):
    point, tangents = arguments[:fixed], arguments[fixed:]
    wanted = [ad.is_undefined_primal(leaf) for leaf in tangents]
    tangent_shapes = [
        leaf.aval if needed else jnp.asarray(leaf)
        for leaf, needed in zip(tangents, wanted, strict=True)
    ]

    def by_arrays(point, cotangents):
        def of_some(*some):
            some = iter(some)
            tangents = (
                next(some) if needed else jnp.zeros(shape.shape, shape.dtype)
                for shape, needed in zip(tangent_shapes, wanted, strict=True)
            )
            return linear_map.arrays(point, tuple(tangents))

        needed = [
            jax.ShapeDtypeStruct(shape.shape, shape.dtype)
            for shape, needed in zip(tangent_shapes, wanted, strict=True)
            if needed
        ]
        return list(jax.linear_transpose(of_some, *needed)(cotangents))

    def by_kernel(point, cotangents):
        if linear_map.vjp is None:
            raise NotImplementedError
        return linear_map.vjp(point, cotangents, wanted)

    cotangents = [ad.instantiate_zeros(leaf) for leaf in cotangents]
    try:
        pulled = bind_kernel(by_kernel, by_arrays, point, cotangents)
    except NotImplementedError:
        pulled = by_arrays(point, cotangents)
    pulled = iter(pulled)
    return [None] * fixed + [next(pulled) if needed else None for needed in wanted]


_linear.def_impl(_apply)
mlir.register_lowering(_linear, mlir.lower_fun(_apply, multiple_results=True))
ad.primitive_jvps[_linear] = _jvp
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch
