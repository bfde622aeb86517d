"""One backward-Euler step of soil heat and its derivatives (soil_heat.md 2).

Where the search for the new enthalpy runs depends on the device: one kernel on NVIDIA GPUs, groups
of cells on CPUs, all cells together elsewhere.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.heat_rows import newton_change
from temjax.heat_search import (
    Problem,
    Search,
    beginning,
    correction,
    limit,
    search_in_groups,
    search_together,
)
from temjax.processes import soil_heat
from temjax.processes.soil_heat import Surface
from temjax.thermal_grid import SoilColumn

# Before, JAX lowers the branch of every platform wherever a program runs, and the kernel has none
# for CPUs
KERNEL_FROM = (0, 7, 0)

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class HeatStep(eqx.Module):
    """Result of one step: new enthalpy (J m⁻³) and the surface flux of that step (W m⁻²)."""

    enthalpy: Layers
    surface_flux: Cells


def _on_cpus() -> bool:
    """Whether this process computes on CPUs: then nothing is traced for other devices."""
    return jax.default_backend() == "cpu"


def _searched(search, iterations: int, problem: Problem, seconds: Float[Array, ""]) -> HeatStep:
    """A step by one of the searches; the last iteration is an update by divergence."""
    column, old, _, limits = problem
    found = search(problem, seconds, Search(old, beginning(limits)), iterations - 1)
    fluxes, change, _ = correction(problem, seconds, found.enthalpy, found.progress.exact)
    entering = fluxes.entering + fluxes.by_first * change[0]
    flux = fluxes.flux + fluxes.by_upper * change[:-1] + fluxes.by_lower * change[1:]
    flux = jnp.concatenate([entering[None], flux, -column.geothermal_flux[None]])
    return HeatStep(old - seconds / column.thickness * jnp.diff(flux, axis=0), entering)


def _kernel_step(iterations: int, problem: Problem, seconds: Float[Array, ""]) -> HeatStep:
    from temjax.heat_kernel import solve_cells_apart

    return HeatStep(*solve_cells_apart(problem, seconds, iterations))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def heat_step(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surface: Surface,
    seconds: Float[Array, ""],
) -> HeatStep:
    """One backward-Euler step.

    Newton in H, cell by cell until what is out of balance is rounding. Far from the solution it
    takes the stable part of the Jacobian (see ``linearised_fluxes``), after a short step the exact
    one, which converges quadratically; where that does not halve what is out of balance, short gets
    shorter. The last iteration is an update by the divergence of the linearised fluxes, so energy
    closes to rounding whatever the iteration count.

    Derivatives are those of the converged step by the implicit function theorem, with the exact
    Jacobian (dk/df included) at the last iterate; they hold in forward and reverse mode and no
    gradient passes through the iterations.

    Args:
        iterations: Newton iterations at most (static).
        column: soil column.
        old: enthalpy at the start of the step, J m⁻³, ``(layer, *cell)``.
        surface: driver of the top over the step.
        seconds: length of the step, s.
    """
    problem = Problem(column, old, surface, limit(column, old, surface, seconds))
    in_groups = partial(_searched, search_in_groups, iterations)
    if _on_cpus():
        return in_groups(problem, seconds)
    branches = {"cpu": in_groups, "default": partial(_searched, search_together, iterations)}
    if problem.limit.ndim == 1 and jax.__version_info__ >= KERNEL_FROM:
        branches["cuda"] = partial(_kernel_step, iterations)
    return jax.lax.platform_dependent(problem, seconds, **branches)


@heat_step.defjvp
def _heat_step_jvp(iterations, primals, tangents):
    column, old, surface, seconds = primals
    step = heat_step(iterations, column, old, surface, seconds)
    new = step.enthalpy
    _, unbalanced = jax.jvp(
        lambda column, old, surface, seconds: soil_heat.residual(
            column, new, old, surface, seconds
        ),
        primals,
        tangents,
    )
    fluxes = soil_heat.linearised_fluxes(column, new, surface, exact=True)
    still = fluxes._replace(
        entering=jnp.zeros_like(fluxes.entering), flux=jnp.zeros_like(fluxes.flux)
    )
    # as a jvp of a linear map: JAX 0.5 transposes no scan that a rule applies to tangents itself
    _, change = jax.jvp(
        lambda gained: newton_change(column, still, seconds, gained, still.entering)[0],
        (jnp.zeros_like(new),),
        (unbalanced * column.thickness,),
    )
    _, flux_change = jax.jvp(
        lambda column, new, surface: soil_heat.boundary_fluxes(column, new, surface)[0],
        (column, new, surface),
        (tangents[0], change, tangents[2]),
    )
    return step, HeatStep(change, flux_change)
