"""The way back through a step of soil heat, layer by layer: down, and up again.

With r the residual of the step, the enthalpies H at its end answer what is given, g, by
dH = −(∂r/∂H)⁻¹ ∂r/∂g dg. Going back, the cotangent c of H is solved for once with the transposed
Jacobian, (∂r/∂H)ᵀ y = c, and y goes to what is given by −(∂r/∂g)ᵀ. Rows are Δz·r, as in
``heat.tridiagonal``; what is looked at after the step (``heat.diagnostics``) adds its share to c.
Elementwise in the cells.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat.diagnostics import through_boundary, through_surface
from temjax.numerics import reciprocal
from temjax.processes.soil_heat import Surface, layer_state
from temjax.soil_column import LayerFacts

Cells = Float[Array, "*cell"]


class Made(NamedTuple):
    """What a layer is made of, and how it counts; or cotangents of that.

    Attributes:
        facts: of the heat step.
        upper_half: share of its upper half above the depth that is read, 0–1.
        lower_half: of its lower half.
        counted: its thickness where thaw depth counts it, m, else 0.
    """

    facts: LayerFacts
    upper_half: Cells
    lower_half: Cells
    counted: Cells


class Layer(NamedTuple):
    """A layer at the end of a step."""

    made: Made
    enthalpy: Cells


class Crossed(NamedTuple):
    """What a layer's upper boundary and the layer add to what a step reports; or cotangents.

    Attributes:
        flux: through the boundary, W m⁻².
        top: temperature there, °C.
        centre: in the middle of the layer, °C.
        read: share of the temperature at the depth that is read, °C.
        thaw_depth: m.
    """

    flux: Cells
    top: Cells
    centre: Cells
    read: Cells
    thaw_depth: Cells


class Rows(NamedTuple):
    """Where the elimination of (∂r/∂H)ᵀ stands: a layer's row without its lower boundary's part."""

    lower: Cells
    diagonal: Cells
    right: Cells
    ratio: Cells
    value: Cells


def _crossed_surface(first: Layer, temperature: Cells, resistance: Cells) -> Crossed:
    made = first.made
    state = layer_state(made.facts, first.enthalpy)
    flux, top = through_surface(state, Surface(temperature, resistance))
    read = top + made.upper_half * (state.profile - top)
    return Crossed(flux, top, state.profile, read, made.counted * state.fraction)


def _crossed(upper: Layer, lower: Layer) -> Crossed:
    above, state = (layer_state(layer.made.facts, layer.enthalpy) for layer in (upper, lower))
    made = lower.made
    flux, top = through_boundary(above, state)
    read = made.upper_half * (state.profile - top) + upper.made.lower_half * (top - above.profile)
    return Crossed(flux, top, state.profile, read, made.counted * state.fraction)


def _flux_alone(like: Cells) -> Crossed:
    zero = jnp.zeros_like(like)
    return Crossed(jnp.ones_like(like), zero, zero, zero, zero)


def down_from(
    first: Layer,
    temperature: Cells,
    resistance: Cells,
    asked: Crossed,
    later: Cells,
    seconds: Cells,
) -> Rows:
    """Begin with the uppermost layer's row.

    Args:
        first: layer.
        temperature, resistance: of the surface.
        asked: cotangents of what the step reports there.
        later: cotangent of the layer's enthalpy, from what comes after the step.
        seconds: length of the step, s.
    """
    _, pull = jax.vjp(
        lambda enthalpy: _crossed_surface(
            first._replace(enthalpy=enthalpy), temperature, resistance
        ),
        first.enthalpy,
    )
    (by_first,), (right,) = pull(_flux_alone(later)), pull(asked)
    zero = jnp.zeros_like(later)
    diagonal = first.made.facts.thickness - seconds * by_first
    return Rows(zero, diagonal, later + right, zero, zero)


def down(
    above: Rows, upper: Layer, lower: Layer, asked: Crossed, later: Cells, seconds: Cells
) -> Rows:
    """Complete the row above a boundary and eliminate it, begin the one below."""
    _, pull = jax.vjp(
        lambda *enthalpies: _crossed(
            *(
                layer._replace(enthalpy=enthalpy)
                for layer, enthalpy in zip((upper, lower), enthalpies, strict=True)
            )
        ),
        upper.enthalpy,
        lower.enthalpy,
    )
    by_upper, by_lower = pull(_flux_alone(later))
    right_above, right = pull(asked)
    inverse = reciprocal(above.diagonal + seconds * by_upper - above.lower * above.ratio)
    return Rows(
        lower=seconds * by_lower,
        diagonal=lower.made.facts.thickness - seconds * by_lower,
        right=later + right,
        ratio=-seconds * by_upper * inverse,
        value=(above.right + right_above - above.lower * above.value) * inverse,
    )


def at_bottom(rows: Rows) -> Cells:
    """The solution y of the lowest layer."""
    right = rows.right - rows.lower * rows.value
    return right * reciprocal(rows.diagonal - rows.lower * rows.ratio)


def _own(made: Made, solution: Cells, gained: Cells) -> Made:
    """With a layer's share of Δz(H − Hⁿ) added to its cotangents."""
    thickness = made.facts.thickness - solution * gained
    return made._replace(facts=made.facts._replace(thickness=thickness))


def up(
    solution: Cells,
    upper: Layer,
    lower: Layer,
    row: tuple[Cells, Cells],
    asked: Crossed,
    gained: Cells,
    seconds: Cells,
) -> tuple[Cells, Made, Made]:
    """The solution of the layer above a boundary, and the cotangents of both layers' make.

    Args:
        solution: of the layer below.
        upper, lower: layers.
        row: ratio and value of the row above the boundary.
        asked: cotangents of what the step reports of the boundary and the lower layer.
        gained: H − Hⁿ of the lower layer, J m⁻³.
        seconds: length of the step, s.
    """
    ratio, value = row
    above = value - ratio * solution
    _, pull = jax.vjp(
        lambda *made: _crossed(
            *(layer._replace(made=each) for layer, each in zip((upper, lower), made, strict=True))
        ),
        upper.made,
        lower.made,
    )
    by_upper, by_lower = pull(asked._replace(flux=asked.flux + seconds * (solution - above)))
    return above, by_upper, _own(by_lower, solution, gained)


def arrive(
    solution: Cells,
    first: Layer,
    temperature: Cells,
    resistance: Cells,
    asked: Crossed,
    gained: Cells,
    seconds: Cells,
) -> tuple[Made, Cells, Cells]:
    """At the surface: the cotangents of the first layer's make, and of the surface's drivers."""
    _, pull = jax.vjp(
        lambda made, *surface: _crossed_surface(first._replace(made=made), *surface),
        first.made,
        temperature,
        resistance,
    )
    by_made, by_temperature, by_resistance = pull(
        asked._replace(flux=asked.flux + seconds * solution)
    )
    return _own(by_made, solution, gained), by_temperature, by_resistance
