"""The search for the enthalpy at the end of a step: Newton, cell by cell (soil_heat.md 2).

Where layers freeze or thaw whole the fluxes have kinks, and Newton can go around between the sides
of one. A cell that is not done in time begins again from the old enthalpy with short strides.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.processes.soil_heat import Surface
from temjax.soil_column import LayerFacts

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]
Some = Float[Array, "*layer_cell"]

# Σ|imbalance|Δz relative to Σ|H|Δz at which a step is solved; the update that follows squares it …
BALANCED = 1e-9
# … or this many units of rounding, of Σ|H|Δz and of the heat crossing the boundaries both ways
ROUNDING = 16.0
# Share of a layer's melting heat below which a step is short; a longer one can reach another root
SHORT = 0.03
# Iterations after which a cell begins again, and its strides from there as a share of a layer's
# melting heat
PATIENCE, STRIDE = 10, 0.25
# Iterations after which short becomes shorter every time: some cells go around through steps that
# look well by themselves
WANDERING, SHORTER = 40, 0.7


class Problem(NamedTuple):
    """What a step starts from, cells last in every leaf.

    Attributes:
        facts: of the layers.
        geothermal_flux: W m⁻², upward through the bottom.
        old: enthalpy, J m⁻³.
        surface: driver of the top.
    """

    facts: LayerFacts
    geothermal_flux: Cells
    old: Layers
    surface: Surface


class Progress(NamedTuple):
    """How far the search is in each cell.

    Attributes:
        imbalance: of the iterate before this one, Σ|imbalance|Δz, J m⁻².
        exact: whether the next step takes the exact Jacobian.
        leapt: whether the last step did.
        radius: below it a step is short.
        count: iterations done.
    """

    imbalance: Cells
    exact: Bool[Array, "*cell"]
    leapt: Bool[Array, "*cell"]
    radius: Cells
    count: Int[Array, "*cell"]


def limit(content: Cells, crossing: Cells, seconds: Float[Array, "*#cell"]) -> Cells:
    """Σ|imbalance|Δz that counts as solved, J m⁻².

    A column near 0 °C has next to no enthalpy, and in float32 the rounding of the fluxes alone is
    more than any share of it.

    Args:
        content: Σ|H|Δz at the start of the step, J m⁻².
        crossing: heat crossing the boundaries both ways there, W m⁻².
        seconds: length of the step, s.
    """
    rounding = ROUNDING * float(jnp.finfo(content.dtype).eps)
    return max(BALANCED, rounding) * content + rounding * seconds * crossing


def beginning(like: Cells) -> Progress:
    """Progress before the first iteration."""
    return Progress(
        imbalance=jnp.full(like.shape, jnp.inf, like.dtype),
        exact=jnp.zeros(like.shape, bool),
        leapt=jnp.zeros(like.shape, bool),
        radius=jnp.full(like.shape, SHORT, like.dtype),
        count=jnp.zeros(like.shape, jnp.int32),
    )


def is_open(imbalance: Cells, count: Int[Array, "*cell"], limit: Cells, last: int):
    """Where the search goes on; a cell that is done never changes while others go on."""
    return (imbalance > limit) & (count < last)


def moved(
    progress: Progress,
    old: Some,
    enthalpy: Some,
    change: Some,
    melt: Some,
    active: Bool[Array, "*cell"],
) -> Some:
    """Enthalpy after an iteration, of all layers or of one.

    Args:
        progress: before it.
        old: enthalpy at the start of the step.
        enthalpy: the iterate.
        change: Newton's.
        melt: melting heat.
        active: cells that go on.
    """
    stride = STRIDE * melt
    # clip would look for NaN in both limits, in every layer
    short = jnp.where(change > stride, stride, jnp.where(change < -stride, -stride, change))
    new = enthalpy + jnp.where(progress.count < PATIENCE, change, short)
    return jnp.where(active, jnp.where(progress.count == PATIENCE, old, new), enthalpy)


def judged(
    before: Progress,
    imbalance: Cells,
    length: Cells,
    active: Bool[Array, "*cell"],
    last: int,
) -> Progress:
    """Progress after an iteration.

    Args:
        before: progress before it.
        imbalance: of the iterate it started from, which is what the step before it has led to.
        length: largest change of a layer relative to its melting heat.
        active: cells that took the step.
        last: iterations at most.
    """
    failed = before.leapt & (imbalance > 0.5 * before.imbalance)
    anew = before.count == PATIENCE
    radius = jnp.where(failed, 0.25 * before.radius, before.radius)
    radius = jnp.where(anew, SHORT, radius)
    radius = jnp.where(before.count < WANDERING, radius, SHORTER * radius)
    return Progress(
        imbalance=jnp.where(before.count < last, imbalance, before.imbalance),
        exact=jnp.where(active, (length < radius) & ~failed & ~anew, before.exact),
        leapt=jnp.where(active, before.exact & ~anew, before.leapt),
        radius=jnp.where(active, radius, before.radius),
        count=before.count + active,
    )
