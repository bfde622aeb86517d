"""Thomas elimination of a step's tridiagonal system, row by row.

With Δz·r the imbalance of a backward-Euler step, the rows are those of ∂(Δz·r)/∂H. A boundary's
linearised flux couples the two layers beside it, so a layer's row is complete only when its lower
boundary is known: rows are eliminated as they are assembled, from the top. No pivoting: the
matrices of the truncated Jacobian are diagonally dominant, the exact ones near it.

Elementwise in the cells, so that a scan over layers and a kernel that loops over them share the
arithmetic.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat.linearisation import Fluxes
from temjax.numerics import reciprocal
from temjax.soil_column import SoilColumn

Layers = Float[Array, "layer *cell"]
Boundaries = Float[Array, "boundary *cell"]
Cells = Float[Array, "*cell"]
# of all cells or of each
Seconds = Float[Array, "*#cell"]


class MatrixRow(NamedTuple):
    """Row of ∂(Δz·r)/∂H of a layer, without what its lower boundary adds, m.

    Attributes:
        lower: coefficient of the layer above.
        diagonal: coefficient of the layer itself.
    """

    lower: Cells
    diagonal: Cells


class ReducedRow(NamedTuple):
    """Row of the eliminated, upper bidiagonal system: x_i + ratio·x_{i+1} = value."""

    ratio: Cells
    value: Cells


class NewtonRow(NamedTuple):
    """Forward elimination of Newton's system down to a layer.

    Attributes:
        matrix: row of the layer.
        residual: its Δz·r without the flux through its lower boundary, J m⁻².
        above: reduced row of the layer above.
        imbalance: Σ|Δz·r| of the layers above, J m⁻².
    """

    matrix: MatrixRow
    residual: Cells
    above: ReducedRow
    imbalance: Cells


def first_matrix_row(thickness: Cells, by_first: Cells, seconds: Seconds) -> MatrixRow:
    """Row of the uppermost layer, its surface flux included."""
    return MatrixRow(jnp.zeros_like(thickness), thickness - seconds * by_first)


def next_matrix_row(
    above: MatrixRow, by_upper: Cells, by_lower: Cells, thickness: Cells, seconds: Seconds
) -> tuple[MatrixRow, Cells, MatrixRow]:
    """Complete the row above a boundary and begin the one below it.

    Returns:
        The complete row above, its coefficient of the layer below, and the row below.
    """
    complete = above._replace(diagonal=above.diagonal + seconds * by_upper)
    below = MatrixRow(-seconds * by_upper, thickness - seconds * by_lower)
    return complete, seconds * by_lower, below


def pivot_inverse(row: MatrixRow, ratio: Cells) -> Cells:
    """Inverse of a row's pivot, from the ratio of the reduced row above it."""
    return reciprocal(row.diagonal - row.lower * ratio)


def reduced_value(lower: Cells, right: Cells, above: Cells, inverse: Cells) -> Cells:
    """Eliminated right-hand side of a row, from that of the row above and the pivot's inverse."""
    return (right - lower * above) * inverse


def eliminate_row(row: MatrixRow, upper: Cells, right: Cells, above: ReducedRow) -> ReducedRow:
    """Eliminate a complete row whose coefficient of the layer below is ``upper``."""
    inverse = pivot_inverse(row, above.ratio)
    return ReducedRow(upper * inverse, reduced_value(row.lower, right, above.value, inverse))


def solve_last_row(row: MatrixRow, right: Cells, above: ReducedRow) -> Cells:
    """Solution of the lowest layer."""
    return reduced_value(row.lower, right, above.value, pivot_inverse(row, above.ratio))


def back_substitute(row: ReducedRow, below: Cells) -> Cells:
    """Solution of a layer from that of the layer below it."""
    return row.value - row.ratio * below


def first_newton_row(
    thickness: Cells, heat_gain: Cells, entering: Cells, by_first: Cells, seconds: Seconds
) -> NewtonRow:
    """Row of the uppermost layer, its surface flux included."""
    zero = jnp.zeros_like(heat_gain)
    matrix = first_matrix_row(thickness, by_first, seconds)
    return NewtonRow(matrix, heat_gain - seconds * entering, ReducedRow(zero, zero), zero)


def next_newton_row(
    above: NewtonRow,
    flux: Cells,
    by_upper: Cells,
    by_lower: Cells,
    thickness: Cells,
    heat_gain: Cells,
    seconds: Seconds,
) -> NewtonRow:
    """Eliminate the row above a boundary and begin the one below it."""
    residual = above.residual + seconds * flux
    row, upper, below = next_matrix_row(above.matrix, by_upper, by_lower, thickness, seconds)
    return NewtonRow(
        matrix=below,
        residual=heat_gain - seconds * flux,
        above=eliminate_row(row, upper, -residual, above.above),
        imbalance=above.imbalance + jnp.abs(residual),
    )


def solve_last_newton_row(last: NewtonRow, leaving: Cells, seconds: Seconds) -> tuple[Cells, Cells]:
    """Change of enthalpy of the lowest layer, J m⁻³, and Σ|Δz·r| of all layers, J m⁻²."""
    residual = last.residual + seconds * leaving
    change = solve_last_row(last.matrix, -residual, last.above)
    return change, last.imbalance + jnp.abs(residual)


def eliminate(
    thickness: Layers, fluxes: Fluxes, heat_gain: Layers, seconds: Seconds
) -> tuple[NewtonRow, ReducedRow]:
    """Forward elimination of all layers: the lowest row, and the reduced rows of those above.

    Args:
        thickness: of the layers, m.
        fluxes: at the iterate.
        heat_gain: Δz·(H − Hⁿ) at the iterate, J m⁻².
        seconds: length of the step, s.
    """

    def next_row(above, boundary):
        below = next_newton_row(above, *boundary, seconds)
        return below, below.above

    first = first_newton_row(thickness[0], heat_gain[0], fluxes.entering, fluxes.by_first, seconds)
    boundaries = fluxes.flux, fluxes.by_upper, fluxes.by_lower, thickness[1:], heat_gain[1:]
    return jax.lax.scan(next_row, first, boundaries)


def newton_change(
    column: SoilColumn,
    fluxes: Fluxes,
    seconds: Seconds,
    heat_gain: Layers,
    leaving: Cells,
) -> tuple[Layers, Cells]:
    """Newton's correction of the enthalpies, and the imbalance it starts from.

    Linear in ``heat_gain`` where the fluxes are zero.

    Args:
        column: soil column.
        fluxes: at the iterate.
        seconds: length of the step, s, of all cells or of each.
        heat_gain: Δz·(H − Hⁿ) at the iterate, J m⁻².
        leaving: downward flux through the bottom, W m⁻².

    Returns:
        The change, J m⁻³, and Σ|Δz·r|, J m⁻².
    """

    def substitute(below, row):
        change = back_substitute(row, below)
        return change, change

    lowest, rows = eliminate(column.thickness, fluxes, heat_gain, seconds)
    last, imbalance = solve_last_newton_row(lowest, leaving, seconds)
    _, change = jax.lax.scan(substitute, last, rows, reverse=True)
    return jnp.concatenate([change, last[None]]), imbalance
