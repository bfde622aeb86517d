"""Shared values are worked out once, and nothing else changes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax.runtime.materialise import materialise_shared, opaque_ones

OUTPUTS = 6
X = jnp.linspace(0.1, 2.0, 4096)


def fluxes(x):
    """Several results of one long product of sums."""
    shared = x
    for power in range(1, 20):
        shared = shared * (x + power) - power
    return [jnp.where(shared > k, shared + k, x) for k in range(OUTPUTS)]


def once(x):
    return materialise_shared(fluxes, opaque_ones(x))(x)


def _multiplications(function, *arguments) -> int:
    """Multiplications in a compiled program, repeated ones as often as they stand there."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    return len(re.findall(r"multiply\(", text))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what XLA for CPUs does")
def test_a_shared_value_is_materialise_shared():
    plain = _multiplications(fluxes, X)
    assert _multiplications(once, X) < plain / (OUTPUTS - 2)


def test_ones_are_ones_and_spoil_no_cell():
    data = jnp.array([0.0, 2.0, jnp.inf, jnp.nan], "float32")
    found = opaque_ones(data)
    assert found.dtype == data.dtype
    np.testing.assert_array_equal(found, [1.0, 1.0, 1.0, jnp.nan])


def test_values_and_derivatives_stay():
    for found, expected in zip(jax.jit(once)(X), jax.jit(fluxes)(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    tangent = jnp.cos(X)
    slopes = (jax.jvp(f, (X,), (tangent,))[1] for f in (once, fluxes))
    for found, expected in zip(*slopes, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    pulled = (
        jax.grad(lambda x, f=f: sum(jnp.sum(part) for part in f(x)))(X) for f in (once, fluxes)
    )
    np.testing.assert_allclose(*pulled, rtol=1e-12)


def test_calls_with_rules_of_their_own_keep_them():
    """Trees in and out; a function with its own derivative inside."""

    def ramp(tree):
        low = jax.nn.relu(tree["x"] - 1.0)
        return {"low": low, "high": jnp.clip(tree["x"], 0.0, 1.0)}

    found = materialise_shared(ramp, opaque_ones(X))({"x": X})
    np.testing.assert_array_equal(found["low"], jax.nn.relu(X - 1.0))
    slope = jax.grad(lambda x: materialise_shared(ramp, jnp.ones(()))({"x": x})["low"])(1.0)
    assert slope == 0.0  # the rule of relu at its corner
