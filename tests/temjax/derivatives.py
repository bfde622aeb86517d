"""Checks of derivatives of elementwise process functions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

STEP = 1e-5  # relative


def _stacked(function, arguments):
    leaves = jax.tree.leaves(function(**arguments))
    shape = jnp.broadcast_shapes(*(jnp.shape(value) for value in arguments.values()))
    return jnp.stack([jnp.broadcast_to(leaf, shape) for leaf in leaves])


def check_derivatives(function, arguments, *, tolerance=1e-6, least_smooth=0.8):
    """Forward = reverse to 1e-10, and both = central differences to `tolerance`.

    Args:
        function: of keyword arrays `(point,)`, elementwise, returning one array or several.
        arguments: values at the points; every one is differentiated in turn.
        tolerance: relative to the larger of the derivative and 1e-3 of its column norm.
        least_smooth: share of points that must be more than ten steps away from a kink; the
            others, where the slopes to both sides do not average to that between, are left out.
    """
    arguments = {name: jnp.asarray(value) for name, value in arguments.items()}
    worst = 0.0
    for name, x in arguments.items():

        def along(value, name=name):
            return _stacked(function, arguments | {name: value})

        def slope(value, along=along):
            return jax.jvp(along, (value,), (jnp.ones_like(value),))[1]

        forward = slope(x)
        value, pull = jax.vjp(along, x)
        reverse = jax.vmap(lambda unit, pull=pull: pull(unit)[0])(
            jnp.broadcast_to(jnp.eye(len(value))[:, :, None], (len(value), len(value), *x.shape))
        )
        assert np.isfinite(forward).all(), name
        size = np.abs(forward)
        scale = np.maximum(size, 1e-3 * np.linalg.norm(forward, axis=1, keepdims=True))
        scale = np.maximum(scale, 1e-300)
        assert (np.abs(forward - reverse) / scale).max() <= 1e-10, name

        step = STEP * np.maximum(np.abs(x), 1e-2 * np.abs(x).max())
        central = (along(x + step) - along(x - step)) / (2.0 * step)
        beside = 0.5 * (slope(x + 10.0 * step) + slope(x - 10.0 * step))
        smooth = np.abs(beside - forward) <= 1e-5 * scale
        assert smooth.mean() >= least_smooth, (name, smooth.mean())
        error = np.where(smooth, np.abs(central - forward) / scale, 0.0).max()
        assert error <= tolerance, (name, error)
        worst = max(worst, float(error))
    print(f"central differences within {worst:.1e}")


def assert_finite_derivatives(function, arguments):
    """Values and derivatives in every argument, forward and reverse, are finite."""
    arguments = {name: jnp.asarray(value) for name, value in arguments.items()}
    assert np.isfinite(_stacked(function, arguments)).all()
    for name, x in arguments.items():

        def along(value, name=name):
            return _stacked(function, arguments | {name: value})

        forward = jax.jvp(along, (x,), (jnp.ones_like(x),))[1]
        reverse = jax.grad(lambda value, along=along: jnp.sum(along(value)))(x)
        assert np.isfinite(forward).all() and np.isfinite(reverse).all(), name
