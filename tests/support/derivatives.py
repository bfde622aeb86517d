"""Checks of derivatives of elementwise process functions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

STEP = 1e-5  # relative


def _rows(function, arguments):
    """The function on rows ``(argument, point)``, as rows ``(output, point)``; and the rows."""
    points = jnp.stack(jnp.broadcast_arrays(*map(jnp.asarray, arguments.values())))

    def stacked(rows):
        leaves = jax.tree.leaves(function(**dict(zip(arguments, rows, strict=True))))
        return jnp.stack([jnp.broadcast_to(leaf, rows.shape[1:]) for leaf in leaves])

    return stacked, points


def _forward(stacked, points):
    """Slopes ``(argument, output, point)``: points do not mix, so one tangent serves them all."""
    units = jnp.eye(len(points), dtype=points.dtype)[:, :, None]
    tangents = jnp.broadcast_to(units, (len(points), *points.shape))
    return jax.vmap(lambda tangent: jax.jvp(stacked, (points,), (tangent,))[1])(tangents)


def _reverse(stacked, points):
    """The same slopes, one cotangent per output."""
    value, pull = jax.vjp(stacked, points)
    units = jnp.eye(len(value), dtype=value.dtype)[:, :, None]
    cotangents = jnp.broadcast_to(units, (len(value), *value.shape))
    return value, jnp.swapaxes(jax.vmap(lambda unit: pull(unit)[0])(cotangents), 0, 1)


def check_derivatives(function, arguments, *, tolerance=1e-6, least_smooth=0.8):
    """Forward = reverse to 1e-10, and both = central differences to `tolerance`.

    Args:
        function: of keyword arrays `(point,)`, elementwise, returning one array or several.
        arguments: values at the points; every one is differentiated in turn.
        tolerance: relative to the larger of the derivative and 1e-3 of its column norm.
        least_smooth: share of points that must be more than ten steps away from a kink; the
            others, where the slopes to both sides do not average to that between, are left out.
    """
    stacked, points = _rows(function, arguments)
    step = STEP * jnp.maximum(jnp.abs(points), 1e-2 * jnp.abs(points).max(axis=1, keepdims=True))
    # row k of the leading axis moves argument k only
    moves = jnp.eye(len(points))[:, :, None] * step
    own = step[:, None]

    @jax.jit
    def slopes(points):
        forward = _forward(stacked, points)
        _, reverse = _reverse(stacked, points)
        return forward, reverse

    @jax.jit
    def differences(points):
        apart = jax.vmap(lambda move: stacked(points + move) - stacked(points - move))(moves)
        return apart / (2.0 * own)

    @jax.jit
    def slopes_beside(points):
        def along(move, row):
            both = [_forward(stacked, points + sign * 10.0 * move)[row] for sign in (1, -1)]
            return 0.5 * (both[0] + both[1])

        return jax.lax.map(lambda pair: along(*pair), (moves, jnp.arange(len(points))))

    forward, reverse = map(np.asarray, slopes(points))
    norm = np.linalg.norm(forward, axis=-1, keepdims=True)
    # an output that does not read the argument still differs by rounding: a small elasticity
    unread = 1e-4 * np.abs(stacked(points)) * STEP / own
    scale = np.maximum(np.abs(forward), np.where(norm > 0, 1e-3 * norm, unread)).clip(1e-300)
    smooth = np.abs(slopes_beside(points) - forward) <= 1e-5 * scale
    error = np.where(smooth, np.abs(differences(points) - forward) / scale, 0.0)
    for row, name in enumerate(arguments):
        assert np.isfinite(forward[row]).all(), name
        assert (np.abs(forward - reverse) / scale)[row].max() <= 1e-10, name
        assert smooth[row].mean() >= least_smooth, (name, smooth[row].mean())
        assert error[row].max() <= tolerance, (name, error[row].max())
    print(f"central differences within {error.max():.1e}")


def assert_finite_derivatives(function, arguments):
    """Values and derivatives in every argument, forward and reverse, are finite."""
    stacked, points = _rows(function, arguments)
    forward = jax.jit(lambda points: _forward(stacked, points))(points)
    value, reverse = jax.jit(lambda points: _reverse(stacked, points))(points)
    assert np.isfinite(value).all()
    for row, name in enumerate(arguments):
        assert np.isfinite(forward[row]).all() and np.isfinite(reverse[row]).all(), name


def check_jacobian(function, point, *, step=1e-5, tolerance=1e-7):
    """Forward = reverse to 1e-9, and both = central differences, of a function of numbers.

    Args:
        function: of keyword numbers, returning arrays; smooth around the point.
        point: the numbers; steps are relative to them.
        step: relative.
        tolerance: of the elasticities, relative to the largest of each result.
    """
    names, values = tuple(point), jnp.asarray(list(point.values()), float)

    def flat(values):
        leaves = jax.tree.leaves(function(**dict(zip(names, values, strict=True))))
        return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])

    at, forward, reverse = jax.jit(lambda v: (flat(v), jax.jacfwd(flat)(v), jax.jacrev(flat)(v)))(
        values
    )
    moves = jnp.diag(step * jnp.abs(values))
    ends = jax.jit(jax.vmap(flat))(jnp.concatenate([values + moves, values - moves]))
    differences = ((ends[: len(names)] - ends[len(names) :]) / (2 * step)).T
    scale = np.maximum(np.abs(at)[:, None], 1e-6 * np.abs(at).max())
    forward, reverse = (np.asarray(slope) * np.abs(values) / scale for slope in (forward, reverse))
    assert np.isfinite(forward).all()
    np.testing.assert_allclose(reverse, forward, rtol=0, atol=1e-9)
    np.testing.assert_allclose(forward, differences / scale, rtol=0, atol=tolerance)
