"""Arithmetic with finite derivatives, shared by the processes.

Every function is written with a "double where": the operand is made harmless before the
operation and the result is replaced afterwards, so that the branch that is not taken
produces neither NaN values nor NaN derivatives.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from jaxtyping import ArrayLike as _ArrayLike

# A quantity of one cell is `()`, of many cells `(cell,)`; arguments broadcast against each other.
CellLike = Float[_ArrayLike, "*#cell"]
Cell = Float[Array, "*cell"]
Layers = Float[Array, "layer *cell"]

FREEZING_WIDTH = 1.0
"""Range below 0 °C over which freezing sets in, K; Mikan et al. (2002) see it within 1 K."""


def safe_divide(numerator: CellLike, denominator: CellLike, fallback: CellLike = 0.0) -> Cell:
    """Quotient `numerator / denominator`, or `fallback` where the denominator is exactly zero.

    The derivative is that of the quotient where the denominator is non-zero and that of the
    fallback elsewhere; it is finite in both branches.
    """
    is_zero = denominator == 0
    return jnp.where(is_zero, fallback, numerator / jnp.where(is_zero, 1.0, denominator))


def positive_part(value: CellLike) -> Cell:
    """Positive part `max(value, 0)` with derivative 0 at the kink (as `jax.nn.relu`)."""
    return jax.nn.relu(value)


@jax.custom_jvp
def larger(one: CellLike, other: CellLike) -> Cell:
    """Elementwise maximum, with a derivative that does not test for equality with the result.

    The derivative of ``jnp.maximum`` goes where an operand equals the result. A checkpoint can work
    the two out again in different programs, one of them rounded differently: then neither equals it
    and the derivative is lost (2 % of that of a second year's nitrogen loss). Here the operands are
    compared with each other; where they are equal it is that of the first.
    """
    return jnp.maximum(one, other)


@larger.defjvp
def _larger_jvp(primals, tangents):
    one, other = primals
    return larger(one, other), jnp.where(one >= other, *tangents)


@jax.custom_jvp
def smaller(one: CellLike, other: CellLike) -> Cell:
    """Elementwise minimum; its derivative as that of ``larger``."""
    return jnp.minimum(one, other)


@smaller.defjvp
def _smaller_jvp(primals, tangents):
    one, other = primals
    return smaller(one, other), jnp.where(one <= other, *tangents)


def limited(value: CellLike, lowest: CellLike, highest: CellLike) -> Cell:
    """Clip a value to two limits; its derivative as that of ``larger``."""
    return smaller(larger(value, lowest), highest)


@jax.custom_jvp
def reciprocal(value: CellLike) -> Cell:
    """Reciprocal `1/value`, with a derivative that costs no second division."""
    return 1.0 / value


@reciprocal.defjvp
def _reciprocal_jvp(primals, tangents):
    inverse = reciprocal(primals[0])
    return inverse, -(inverse**2) * tangents[0]


def largest(values: Float[Array, "row *cell"]) -> Float[Array, "*cell"]:
    """Maximum over the rows; its derivative goes to the first row that has it.

    The derivative of ``jnp.max`` goes where a row equals the maximum. On the way back through a
    checkpoint the two can be worked out by different programs, one of them rounded differently:
    then no row equals it and the derivative is lost. It took 37 % of that of a second year's
    production.
    """
    index = jnp.argmax(values, axis=0)
    return jnp.take_along_axis(values, index[None], axis=0)[0]


def saturation(concentration: CellLike, half_saturation: CellLike) -> Cell:
    """Michaelis-Menten fraction `x / (k + x)` of a non-negative concentration.

    Negative concentrations, which occur inside Newton iterations only, count as zero so that
    the pole at `x = -k` is out of reach.
    """
    available = positive_part(concentration)
    return available * reciprocal(half_saturation + available)


def temperature_bell(
    value: CellLike, minimum: CellLike, optimum: CellLike, maximum: CellLike
) -> Cell:
    """TEM's response curve: 0 at the bounds, 1 at the optimum.

    `(v - min)(v - max) / [(v - min)(v - max) - (v - opt)^2]` between the bounds, 0 outside
    (docs/specification/model.md 4 for temperature, docs/specification/model.md 5.3 for moisture).
    Between the bounds the first product is negative, so the denominator never vanishes there;
    outside it is replaced.
    """
    inside = (value > minimum) & (value < maximum)
    product = jnp.where(inside, (value - minimum) * (value - maximum), -1.0)
    distance = jnp.where(inside, value - optimum, 0.0)
    return jnp.where(inside, product * reciprocal(product - distance**2), 0.0)


def freezing_decline(temperature: CellLike, q10: CellLike) -> Cell:
    """Decline of a rate by freezing, `q10^(T_f/10)` (–): 1 from 0 °C up.

    T_f, the part of the temperature that freezing counts, is 0 from 0 °C up, `-T^2/(2 w)` down to
    -w and `T + w/2` below, with w of 1 K: its slope goes from 0 to 1 without a jump
    (docs/specification/model.md (M-66)).

    Args:
        temperature: T, °C.
        q10: factor by which freezing slows the rate per 10 K, positive.
    """
    below = smaller(temperature, 0.0)
    counted = jnp.where(
        below > -FREEZING_WIDTH, -(below**2) / (2.0 * FREEZING_WIDTH), below + 0.5 * FREEZING_WIDTH
    )
    return jnp.exp(0.1 * counted * jnp.log(q10))


def value_and_jacobian(
    function: Callable, point: Float[Array, "row *cell"]
) -> tuple[Float[Array, "row *cell"], Float[Array, "*cell i j"]]:
    """Value and Jacobian of a map of each cell's rows, the two row axes of the Jacobian last.

    Forward mode: cells do not mix, so one tangent per row serves all of them.

    Args:
        function: rows to rows, cell by cell.
        point: where it is evaluated.
    """
    size = point.shape[0]
    basis = jnp.eye(size, dtype=point.dtype).reshape((size, size) + (1,) * (point.ndim - 1))
    value, columns = jax.vmap(
        lambda tangent: jax.jvp(function, (point,), (tangent,)), out_axes=(None, 0)
    )(jnp.broadcast_to(basis, (size, *point.shape)))
    return value, jnp.moveaxis(columns, (1, 0), (-2, -1))


def solve_cells(
    matrix: Float[Array, "*cell i i"], right: Float[Array, "i *cell"]
) -> Float[Array, "i *cell"]:
    """Solve a dense system per cell, rows leading in and out."""
    solution = jnp.linalg.solve(matrix, jnp.moveaxis(right, 0, -1)[..., None])[..., 0]
    return jnp.moveaxis(solution, -1, 0)
