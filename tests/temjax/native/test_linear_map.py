"""Linear maps with a way back of their own: every mode of JAX's derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.native.linear_map import LinearMap, apply

X = jnp.asarray([0.3, -1.2, 2.0])
IS_ODD = jnp.asarray([True, False, True])


def curve(x, scale, is_odd):
    return jnp.where(is_odd, scale * jnp.sin(x), x**3)


def rule(calls, along=None):
    """``curve`` with its own ways; the lists take what these were asked for, ``None``: no way."""

    @jax.custom_jvp
    def function(x, scale, is_odd):
        return curve(x, scale, is_odd)

    def backward(at, cotangent, wanted):
        if calls is None:
            raise NotImplementedError
        calls.append(wanted)
        _, pull = jax.vjp(partial(curve, is_odd=at[2]), *at[:2])
        return (*pull(cotangent), jnp.zeros(3))

    def ahead(at, slopes, moved):
        along.append(moved)
        return jax.jvp(curve, at, slopes)[1]

    @partial(function.defjvp, symbolic_zeros=True)
    def _slope(primals, tangents):
        forward = lambda at, slopes: jax.jvp(curve, at, slopes)[1]  # noqa: E731
        found = function(*primals)
        linear_map = LinearMap(forward, ahead if along is not None else None, backward)
        return found, apply(linear_map, primals, tangents, found)

    return function


def gradient(function, x):
    return jax.grad(lambda x, scale: jnp.sum(function(x, scale, IS_ODD)), (0, 1))(x, 2.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_the_way_back_that_is_taken(compiled):
    calls = []
    run = partial(gradient, rule(calls))
    found = (jax.jit(run) if compiled else run)(X)
    assert set(calls) == {(True, True, False)}
    for one, other in zip(found, gradient(curve, X), strict=True):
        np.testing.assert_allclose(one, other)


def test_only_what_is_needed_is_asked_for():
    calls = []
    jax.grad(lambda scale: jnp.sum(rule(calls)(X, scale, IS_ODD)))(2.0)
    assert set(calls) == {(False, True, False)}


def test_along_tangents_it_is_the_way_ahead():
    along = []
    function = rule([], along)
    slope = jax.jvp(lambda x: function(x, 0.7, IS_ODD), (X,), (X,))[1]
    np.testing.assert_allclose(slope, jax.jvp(lambda x: curve(x, 0.7, IS_ODD), (X,), (X,))[1])
    assert along == [(True, False, False)]


def test_without_a_way_back_of_its_own():
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

    for along in (None, []):
        np.testing.assert_allclose(of(rule([], along))(X), of(curve)(X), rtol=1e-12)
