"""Backward-Euler steps of soil heat and their derivatives.

Source: docs/specification/soil_heat.md 2.

Where Newton's method runs depends on the device: one kernel a step on NVIDIA GPUs, one kernel for
all steps on CPUs, and the program of arrays of ``heat.batch`` elsewhere and for a single place.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat.batch import solve_steps
from temjax.heat.linearisation import linearised_fluxes
from temjax.heat.tridiagonal import newton_change
from temjax.native.accelerate import accelerated
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Surface
from temjax.soil_column import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class HeatStep(eqx.Module):
    """Result of a step, or of several on a leading axis.

    Attributes:
        enthalpy: at the end of the step, J m⁻³, ``(*step, layer, *cell)``.
        surface_flux: downward through the surface, of the step, W m⁻², ``(*step, *cell)``.
    """

    enthalpy: Float[Array, "*step_layer_cell"]
    surface_flux: Float[Array, "*step_cell"]


@accelerated("heat_steps", static=1, cells="old")
@partial(jax.custom_jvp, nondiff_argnums=(0,))
def heat_steps(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surfaces: Surface,
    seconds: Float[Array, "step"],
) -> HeatStep:
    """Successive backward-Euler steps.

    Newton in H, cell by cell until the imbalance is rounding. Far from the solution it takes the
    truncated Jacobian (see ``linearised_fluxes``), after a short update the exact one, which
    converges quadratically; where that does not halve the imbalance, the radius that counts as
    short shrinks. The last iteration is an update by the divergence of the linearised fluxes, so
    energy closes to rounding whatever the iteration count.

    Derivatives are those of the converged steps by the implicit function theorem, with the exact
    Jacobian (dk/df included) at the last iterate; they hold in forward and reverse mode and no
    gradient passes through the iterations.

    Args:
        iterations: Newton iterations a step at most (static).
        column: soil column.
        old: enthalpy at the start, J m⁻³, ``(layer, *cell)``.
        surfaces: drivers of the top over each step, leading axis ``step``.
        seconds: length of each step, s.
    """
    return HeatStep(*solve_steps(iterations, column, old, surfaces, seconds))


def heat_step(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surface: Surface,
    seconds: Float[Array, ""],
) -> HeatStep:
    """One backward-Euler step; arguments as for ``heat_steps``, without their leading axis."""
    surfaces, lengths = jax.tree.map(lambda leaf: leaf[None], (surface, seconds))
    steps = heat_steps(iterations, column, old, surfaces, lengths)
    return jax.tree.map(lambda leaf: leaf[0], steps)


@jax.custom_jvp
def _implicit_step(
    solved: HeatStep, column: SoilColumn, old: Layers, surface: Surface, seconds: Float[Array, ""]
) -> HeatStep:
    """A solved step, with derivatives by the implicit function theorem."""
    return solved


@_implicit_step.defjvp
def _implicit_step_jvp(primals, tangents):
    solved, *inputs = primals
    column, _, surface, seconds = inputs
    of_column, _, of_surface, _ = tangents[1:]
    new = solved.enthalpy
    _, of_imbalance = jax.jvp(
        lambda column, old, surface, seconds: soil_heat.step_imbalance(
            column, new, old, surface, seconds
        ),
        tuple(inputs),
        tuple(tangents[1:]),
    )
    fluxes = linearised_fluxes(column, new, surface, exact=True)
    no_fluxes = fluxes._replace(
        entering=jnp.zeros_like(fluxes.entering), flux=jnp.zeros_like(fluxes.flux)
    )
    # as a jvp of a linear map: JAX 0.5 transposes no scan that a rule applies to tangents itself
    _, change = jax.jvp(
        lambda gain: newton_change(column, no_fluxes, seconds, gain, no_fluxes.entering)[0],
        (jnp.zeros_like(new),),
        (of_imbalance,),
    )
    _, flux_change = jax.jvp(
        lambda column, new, surface: soil_heat.boundary_fluxes(column, new, surface)[0],
        (column, new, surface),
        (of_column, change, of_surface),
    )
    return solved, HeatStep(change, flux_change)


@heat_steps.arrays.defjvp
def _heat_steps_jvp(iterations, primals, tangents):
    solved = heat_steps(iterations, *primals)

    def implicit_steps(column, old, surfaces, seconds):
        """The solved steps; their derivatives go through a scan, not through the iterations."""

        def step(old, inputs):
            solved, surface, length = inputs
            after = _implicit_step(solved, column, old, surface, length)
            return after.enthalpy, after

        step = jax.checkpoint(step, prevent_cse=False)
        return jax.lax.scan(step, old, (solved, surfaces, seconds))[1]

    return jax.jvp(implicit_steps, primals, tangents)
