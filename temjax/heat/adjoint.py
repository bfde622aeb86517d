"""Adjoint of one backward-Euler step of soil heat, layer by layer: elimination and substitution.

With r the residual of the step, the enthalpies H at its end respond to an input g by
dH = −(∂r/∂H)⁻¹ ∂r/∂g dg. In reverse, the cotangent c of H takes one solve with the transposed
Jacobian, (∂r/∂H)ᵀ y = c, and y goes to the inputs by −(∂r/∂g)ᵀ. Rows are Δz·r, as in
``heat.tridiagonal``; what is reported of the step (``heat.diagnostics``) adds its share to c.
Elementwise in the cells.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat.diagnostics import (
    LayerDiagnostics,
    LayerProperties,
    diagnose_layer,
    diagnose_surface,
)
from temjax.heat.tridiagonal import (
    MatrixRow,
    ReducedRow,
    back_substitute,
    eliminate_row,
    first_matrix_row,
    next_matrix_row,
    solve_last_row,
)
from temjax.processes.soil_heat import Surface, heat_gain, layer_state

Cells = Float[Array, "*cell"]


class SolvedLayer(NamedTuple):
    """A layer in a solved step.

    Attributes:
        properties: of the layer.
        old: enthalpy before the step, J m⁻³.
        new: enthalpy after it.
    """

    properties: LayerProperties
    old: Cells
    new: Cells


class AdjointRow(NamedTuple):
    """Forward elimination of (∂r/∂H)ᵀ down to a layer.

    Attributes:
        matrix: row of the layer without what its lower boundary adds.
        right: its right-hand side, likewise.
        above: reduced row of the layer above.
    """

    matrix: MatrixRow
    right: Cells
    above: ReducedRow


class LayerCotangents(NamedTuple):
    """Cotangents of what the step takes of a layer.

    Attributes:
        properties: of the layer.
        old: of its enthalpy before the step.
    """

    properties: LayerProperties
    old: Cells


def _surface_outputs(first: SolvedLayer, surface: Surface) -> LayerDiagnostics:
    state = layer_state(first.properties.thermal, first.new)
    return diagnose_surface(first.properties, state, surface)


def _layer_outputs(upper: SolvedLayer, lower: SolvedLayer) -> LayerDiagnostics:
    """Outputs of the step at a boundary and in the layer below, what accumulates from zero."""
    above = layer_state(upper.properties.thermal, upper.new)
    state = layer_state(lower.properties.thermal, lower.new)
    zero = jnp.zeros_like(lower.new)
    return diagnose_layer(zero, zero, upper.properties.lower_half, above, lower.properties, state)


def _gain(layer: SolvedLayer) -> Cells:
    return heat_gain(layer.properties.thermal, layer.old, layer.new)


def _of_flux(like: Cells) -> LayerDiagnostics:
    """Cotangents that ask for the derivative of the flux alone."""
    zero = jnp.zeros_like(like)
    return LayerDiagnostics(jnp.ones_like(like), zero, zero, zero, zero, zero)


def eliminate_adjoint_first_layer(
    first: SolvedLayer,
    surface: Surface,
    outputs: LayerDiagnostics,
    enthalpy: Cells,
    seconds: Cells,
) -> AdjointRow:
    """Forward elimination of the uppermost layer in the transposed system.

    Args:
        first: layer.
        surface: driver of the top.
        outputs: cotangents of what the step reports there.
        enthalpy: cotangent of the layer's enthalpy, from what comes after the step.
        seconds: length of the step, s.
    """
    _, pull = jax.vjp(lambda new: _surface_outputs(first._replace(new=new), surface), first.new)
    (by_first,), (right,) = pull(_of_flux(enthalpy)), pull(outputs)
    zero = jnp.zeros_like(enthalpy)
    matrix = first_matrix_row(first.properties.thermal.thickness, by_first, seconds)
    return AdjointRow(matrix, enthalpy + right, ReducedRow(zero, zero))


def eliminate_adjoint_layer(
    above: AdjointRow,
    upper: SolvedLayer,
    lower: SolvedLayer,
    outputs: LayerDiagnostics,
    enthalpy: Cells,
    seconds: Cells,
) -> AdjointRow:
    """Forward elimination of one layer in the transposed system: its off-diagonals trade places.

    Args:
        above: elimination down to the upper layer.
        upper: layer above the boundary.
        lower: layer below it.
        outputs: cotangents of what the step reports of the boundary and the lower layer.
        enthalpy: cotangent of the lower layer's enthalpy, from what comes after the step.
        seconds: length of the step, s.
    """
    _, pull = jax.vjp(
        lambda *new: _layer_outputs(upper._replace(new=new[0]), lower._replace(new=new[1])),
        upper.new,
        lower.new,
    )
    by_upper, by_lower = pull(_of_flux(enthalpy))
    right_above, right = pull(outputs)
    row, coupling, below = next_matrix_row(
        above.matrix, by_upper, by_lower, lower.properties.thermal.thickness, seconds
    )
    return AdjointRow(
        matrix=below._replace(lower=coupling),
        right=enthalpy + right,
        above=eliminate_row(row, below.lower, above.right + right_above, above.above),
    )


def solve_adjoint_bottom(lowest: AdjointRow) -> Cells:
    """Solution y of the lowest layer."""
    return solve_last_row(*lowest)


def substitute_adjoint_layer(
    solution: Cells,
    upper: SolvedLayer,
    lower: SolvedLayer,
    reduced: ReducedRow,
    outputs: LayerDiagnostics,
    seconds: Cells,
) -> tuple[Cells, LayerProperties, LayerCotangents]:
    """Back-substitution of one layer in the transposed system, and what it sends to the inputs.

    Args:
        solution: y of the lower layer.
        upper: layer above the boundary.
        lower: layer below it.
        reduced: row above the boundary.
        outputs: cotangents of what the step reports of the boundary and the lower layer.
        seconds: length of the step, s.

    Returns:
        y of the upper layer, cotangents of its properties from the boundary, and those of the lower
        layer.
    """
    above = back_substitute(reduced, solution)

    def step(above, properties, old):
        layer = lower._replace(properties=properties, old=old)
        return _layer_outputs(upper._replace(properties=above), layer), _gain(layer)

    _, pull = jax.vjp(step, upper.properties, lower.properties, lower.old)
    flux = outputs.flux + seconds * (solution - above)
    by_upper, *by_lower = pull((outputs._replace(flux=flux), -solution))
    return above, by_upper, LayerCotangents(*by_lower)


def substitute_adjoint_surface(
    solution: Cells,
    first: SolvedLayer,
    surface: Surface,
    outputs: LayerDiagnostics,
    seconds: Cells,
) -> tuple[LayerCotangents, Surface]:
    """Cotangents of the uppermost layer and of the surface's drivers; arguments as above."""

    def step(properties, old, surface):
        layer = first._replace(properties=properties, old=old)
        return _surface_outputs(layer, surface), _gain(layer)

    _, pull = jax.vjp(step, first.properties, first.old, surface)
    flux = outputs.flux + seconds * solution
    *by_first, by_surface = pull((outputs._replace(flux=flux), -solution))
    return LayerCotangents(*by_first), by_surface
