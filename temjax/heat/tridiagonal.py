"""The tridiagonal rows of a step's Newton correction, eliminated as they are put together.

Row by row, so that a scan over layers and a kernel that loops over them share the arithmetic.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.numerics import reciprocal
from temjax.processes.soil_heat import Fluxes
from temjax.soil_column import SoilColumn

Layers = Float[Array, "layer *cell"]
Boundaries = Float[Array, "boundary *cell"]
Cells = Float[Array, "*cell"]
# of all cells or of each
Seconds = Float[Array, "*#cell"]


class Elimination(NamedTuple):
    """Where the elimination stands: the row of a layer without what its lower boundary adds."""

    lower: Cells
    diagonal: Cells
    row: Cells
    ratio: Cells
    value: Cells
    total: Cells


def first_row(
    thickness: Cells,
    gained: Cells,
    entering: Cells,
    by_first: Cells,
    seconds: Seconds,
) -> Elimination:
    """The uppermost layer's row, its surface flux included."""
    zero = jnp.zeros_like(gained)
    return Elimination(
        zero, thickness - seconds * by_first, gained - seconds * entering, zero, zero, zero
    )


def next_row(
    above: Elimination,
    flux: Cells,
    by_upper: Cells,
    by_lower: Cells,
    thickness: Cells,
    gained: Cells,
    seconds: Seconds,
) -> Elimination:
    """Complete the row above a boundary and eliminate it, begin the one below."""
    row = above.row + seconds * flux
    inverse = reciprocal(above.diagonal + seconds * by_upper - above.lower * above.ratio)
    return Elimination(
        lower=-seconds * by_upper,
        diagonal=thickness - seconds * by_lower,
        row=gained - seconds * flux,
        ratio=seconds * by_lower * inverse,
        value=-(row + above.lower * above.value) * inverse,
        total=above.total + jnp.abs(row),
    )


def last_row(above: Elimination, leaving: Cells, seconds: Seconds) -> tuple[Cells, Cells]:
    """Change of the lowest layer, and Σ|row| of all."""
    row = above.row + seconds * leaving
    change = -(row + above.lower * above.value) * reciprocal(
        above.diagonal - above.lower * above.ratio
    )
    return change, above.total + jnp.abs(row)


def eliminate(
    thickness: Layers, fluxes: Fluxes, gained: Layers, seconds: Seconds
) -> tuple[Elimination, tuple[Boundaries, Boundaries]]:
    """Eliminate from the top: the lowest row as far as it is, ratio and value of those above."""

    def next_layer(above, boundary):
        below = next_row(above, *boundary, seconds)
        return below, (below.ratio, below.value)

    first = first_row(thickness[0], gained[0], fluxes.entering, fluxes.by_first, seconds)
    rest = fluxes.flux, fluxes.by_upper, fluxes.by_lower, thickness[1:], gained[1:]
    return jax.lax.scan(next_layer, first, rest)


def newton_change(
    column: SoilColumn,
    fluxes: Fluxes,
    seconds: Seconds,
    gained: Layers,
    leaving: Cells,
) -> tuple[Layers, Cells]:
    """Change of enthalpy that balances the linearised step, and how much it was out of balance.

    Rows Δz·ΔH − Δt·(F_up − F_dn), eliminated as they are put together: one scan down and one up.
    Linear in ``gained`` where the fluxes are zero. No pivoting: the forward matrices are diagonally
    dominant, the exact ones near it.

    Args:
        column: soil column.
        fluxes: at the iterate.
        seconds: length of the step, s, of all cells or of each.
        gained: Δz·(H − Hⁿ) at the iterate, J m⁻².
        leaving: downward flux through the bottom, W m⁻².

    Returns:
        The change, J m⁻³, and Σ|row|, J m⁻².
    """

    def substitute(change, row):
        ratio, value = row
        change = value - ratio * change
        return change, change

    lowest, rows = eliminate(column.thickness, fluxes, gained, seconds)
    last, total = last_row(lowest, leaving, seconds)
    _, change = jax.lax.scan(substitute, last, rows, reverse=True)
    return jnp.concatenate([change, last[None]]), total
