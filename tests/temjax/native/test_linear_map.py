"""Linear maps with kernels for their JVP and VJP: every mode of JAX's derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native.linear_map import LinearMap, apply_linear

X = jnp.asarray([0.3, -1.2, 2.0])
IS_ODD = jnp.asarray([True, False, True])


def curve(x, scale, is_odd):
    return jnp.where(is_odd, scale * jnp.sin(x), x**3)


def rule(wanted_by_vjp, nonzero_in_jvp=None):
    """``curve`` with kernels of its derivatives.

    Args:
        wanted_by_vjp: takes which cotangents each VJP was asked for; ``None``: it cannot be
            written.
        nonzero_in_jvp: takes which tangents of each JVP were not zero; ``None``: there is no JVP.
    """

    @jax.custom_jvp
    def function(x, scale, is_odd):
        return curve(x, scale, is_odd)

    def vjp(point, cotangent, wanted):
        if wanted_by_vjp is None:
            raise NotImplementedError
        wanted_by_vjp.append(wanted)
        _, pull = jax.vjp(partial(curve, is_odd=point[2]), *point[:2])
        return (*pull(cotangent), jnp.zeros(3))

    def arrays(point, tangents):
        return jax.jvp(curve, point, tangents)[1]

    def jvp(point, tangents, nonzero):
        nonzero_in_jvp.append(nonzero)
        return arrays(point, tangents)

    @partial(function.defjvp, symbolic_zeros=True)
    def _function_jvp(primals, tangents):
        result = function(*primals)
        linear_map = LinearMap(arrays, None if nonzero_in_jvp is None else jvp, vjp)
        return result, apply_linear(linear_map, primals, tangents, result)

    return function


def gradient(function, x):
    return jax.grad(lambda x, scale: jnp.sum(function(x, scale, IS_ODD)), (0, 1))(x, 2.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_reverse_mode_takes_the_vjp(compiled):
    wanted = []
    run = partial(gradient, rule(wanted))
    found = (jax.jit(run) if compiled else run)(X)
    assert set(wanted) == {(True, True, False)}
    for one, other in zip(found, gradient(curve, X), strict=True):
        np.testing.assert_allclose(one, other)


def test_only_needed_cotangents_are_wanted():
    wanted = []
    jax.grad(lambda scale: jnp.sum(rule(wanted)(X, scale, IS_ODD)))(2.0)
    assert set(wanted) == {(False, True, False)}


def test_forward_mode_takes_the_jvp():
    nonzero = []
    function = rule([], nonzero)
    slope = jax.jvp(lambda x: function(x, 0.7, IS_ODD), (X,), (X,))[1]
    np.testing.assert_allclose(slope, jax.jvp(lambda x: curve(x, 0.7, IS_ODD), (X,), (X,))[1])
    assert nonzero == [(True, False, False)]


def test_without_a_vjp_the_arrays_are_transposed():
    for one, other in zip(gradient(rule(None), X), gradient(curve, X), strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize(
    "transformed",
    [
        jax.jacfwd,
        jax.jacrev,
        lambda f: lambda x: jax.vmap(jax.grad(lambda x: jnp.sum(f(x))))(jnp.stack([x, x + 1.0])),
        lambda f: jax.jacfwd(jax.grad(lambda x: jnp.sum(f(x)))),
        lambda f: jax.jacrev(jax.grad(lambda x: jnp.sum(f(x) ** 2))),
        lambda f: jax.grad(lambda x: jnp.sum(jax.checkpoint(f)(x) ** 2)),
        lambda f: jax.grad(lambda x: jnp.sum(jax.lax.scan(lambda c, _: (f(c), c), x, None, 3)[0])),
    ],
    ids=["forward", "reverse", "mapped", "Hessian", "reverse twice", "checkpoint", "scan"],
)
def test_modes(transformed):
    def of(function):
        return transformed(lambda x: function(x, 0.7, IS_ODD))

    for nonzero in (None, []):
        np.testing.assert_allclose(of(rule([], nonzero))(X), of(curve)(X), rtol=1e-12)
