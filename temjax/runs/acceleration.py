"""Acceleration of fixed-point iterations x ← F(x): Broyden's update, Anderson mixing, Jacobians.

All work on packed states ``(state, *cell)``, cell by cell.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from temjax.runs.annual_map import CyclicMap, PackedState, limits_of_step

ANDERSON_DEPTH = 5  # iterates that are mixed

Matrix = Float[Array, "*cell s s"]


def matrix_vector(matrix: Matrix, vector: PackedState) -> PackedState:
    """Matrix times vector per cell, rows leading in and out."""
    return jnp.moveaxis((matrix @ jnp.moveaxis(vector, 0, -1)[..., None])[..., 0], -1, 0)


def limit_step(candidate: PackedState, image: PackedState, point: PackedState) -> PackedState:
    """Pools within a quarter and four times of what they are; the map where not finite."""
    usable = jnp.all(jnp.isfinite(candidate), axis=0)
    lowest, highest = limits_of_step(point, image)
    return jnp.where(usable, jnp.clip(candidate, lowest, highest), image)


def broyden_update(
    inverse: Matrix, step: PackedState, fall: PackedState, size: PackedState
) -> Matrix:
    """Broyden's update of an inverse, so that it maps the fall of the residual to the step.

    Broyden (1965), first method, Sherman–Morrison form, each row in units of its size. Where the
    update is nearly singular the inverse stays as it is.
    """
    rows = jnp.moveaxis(jnp.maximum(jnp.abs(size), 1e-3), 0, -1)
    scaled = inverse * rows[..., None, :] / rows[..., :, None]
    step, fall = (jnp.moveaxis(x, 0, -1) / rows for x in (step, fall))
    mapped = (scaled @ fall[..., None])[..., 0]
    row = (step[..., None, :] @ scaled)[..., 0, :]
    overlap = jnp.sum(step * mapped, axis=-1)
    regular = jnp.abs(overlap) > 0.1 * jnp.sum(step**2, axis=-1)
    change = (step - mapped) / jnp.where(regular, overlap, 1.0)[..., None]
    scaled = scaled + jnp.where(
        regular[..., None, None], change[..., None] * row[..., None, :], 0.0
    )
    return scaled * rows[..., :, None] / rows[..., None, :]


def anderson_mix(
    starts: Float[Array, "depth state *cell"],
    ends: Float[Array, "depth state *cell"],
    state: PackedState,
) -> PackedState:
    """Mix the last rounds so that their changes cancel best (Anderson 1965, type II), per cell."""
    scale = jnp.maximum(jnp.abs(state), 1e-6)
    change = jnp.moveaxis((ends - starts) / scale, (0, 1), (-1, -2))
    gram = jnp.swapaxes(change, -1, -2) @ change
    size = jnp.trace(gram, axis1=-2, axis2=-1)[..., None, None]
    ridge = 1e-10 * jnp.maximum(size, 1e-30) * jnp.eye(ANDERSON_DEPTH, dtype=state.dtype)
    weights = jnp.linalg.solve(gram + ridge, jnp.ones((*gram.shape[:-1], 1), state.dtype))[..., 0]
    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    return jnp.sum(jnp.moveaxis(weights, -1, 0)[:, None] * ends, axis=0)


def jacobian_columns(mapping: CyclicMap, point: PackedState, groups: Int[Array, ""]) -> Matrix:
    """Columns of the Jacobian of the first groups of rows, the others zero.

    A loop of traced length, so that the map is compiled with its tangents once for all uses.
    """
    size, shape = point.shape[0], point.shape[1:]
    units = jnp.eye(size, dtype=point.dtype)

    def column(row):
        tangent = jnp.broadcast_to(units[row].reshape((size,) + (1,) * len(shape)), point.shape)
        return jax.jvp(mapping, (point,), (tangent,))[1]

    def group(number, jacobian):
        rows = jnp.asarray(mapping.row_groups)[number]
        return jacobian.at[..., rows].set(jnp.moveaxis(jax.vmap(column)(rows), (1, 0), (-2, -1)))

    return jax.lax.fori_loop(0, groups, group, jnp.zeros((*shape, size, size), point.dtype))


def spectral_radius(jacobian: Matrix, scale: PackedState) -> Float[Array, "*cell"]:
    """Spectral radius ‖J^1024‖^(1/1024) by squaring; unlike eigenvalues it runs on any device.

    Args:
        jacobian: of the annual map.
        scale: size of each state variable, so that the norm does not depend on units.
    """
    rows = jnp.moveaxis(jnp.maximum(jnp.abs(scale), 1e-6), 0, -1)
    scaled = jacobian * rows[..., None, :] / rows[..., :, None]
    doublings = 10

    def norm_of(matrix):
        return jnp.maximum(jnp.sqrt(jnp.sum(matrix**2, axis=(-2, -1))), 1e-30)

    def square(doubling, carry):
        matrix, log_norm = carry
        norm = norm_of(matrix)
        matrix = matrix / norm[..., None, None]
        return matrix @ matrix, log_norm + jnp.log(norm) / 2.0**doubling

    matrix, log_norm = jax.lax.fori_loop(
        0, doublings, square, (scaled, jnp.zeros(scaled.shape[:-2], scaled.dtype))
    )
    return jnp.exp(log_norm + jnp.log(norm_of(matrix)) / 2.0**doublings)
