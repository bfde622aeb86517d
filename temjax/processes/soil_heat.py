"""Soil heat: volumetric enthalpy, backward Euler, on columns ``(layer, *cell)`` (soil_heat.md 2).

Enthalpy H (J m⁻³) is zero in a layer that has just frozen fully at −w and H_m when it has just
thawed at 0 °C. Temperature and liquid fraction are explicit, piecewise linear in H, so there is no
front to track and the update by flux divergence conserves energy to rounding.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.thermal_grid import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]


class Surface(eqx.Module):
    """What drives the top of the column during one step.

    Attributes:
        temperature: equivalent temperature T_air + a·SW, °C, ``(*cell)``.
        resistance: surface plus snow resistance between it and the ground, m² K W⁻¹, ``(*cell)``.
    """

    temperature: Cells
    resistance: Cells


class Fluxes(eqx.Module):
    """Downward heat flux at every layer boundary, W m⁻², and its derivatives.

    Attributes:
        flux: ``(layer + 1, *cell)``: surface, between layers, bottom.
        by_upper: ∂flux/∂H of the layer above the boundary (zero at the surface), W m⁻² per J m⁻³.
        by_lower: ∂flux/∂H of the layer below the boundary (zero at the bottom).
    """

    flux: Float[Array, "boundary *cell"]
    by_upper: Float[Array, "boundary *cell"]
    by_lower: Float[Array, "boundary *cell"]


class HeatStep(eqx.Module):
    """Result of one step: new enthalpy (J m⁻³) and the surface flux of that step (W m⁻²)."""

    enthalpy: Layers
    surface_flux: Cells


def liquid_fraction(column: SoilColumn, enthalpy: Layers) -> Layers:
    """Liquid share of the layer's water, f = clip(H/H_m, 0, 1)."""
    return jnp.clip(enthalpy / column.melt_enthalpy, 0.0, 1.0)


def temperature(column: SoilColumn, enthalpy: Layers) -> Layers:
    """Temperature from enthalpy, °C: C_f below −w, the melting range, C_t above 0 °C."""
    melt = column.melt_enthalpy
    frozen = jnp.minimum(enthalpy, 0.0) / column.heat_capacity_frozen
    thawed = jnp.maximum(enthalpy - melt, 0.0) / column.heat_capacity_thawed
    return frozen + thawed - column.freezing_range * (1.0 - jnp.clip(enthalpy / melt, 0.0, 1.0))


def enthalpy(column: SoilColumn, temperature: Layers) -> Layers:
    """Enthalpy from temperature, J m⁻³; the inverse of ``temperature``."""
    width = column.freezing_range
    frozen = jnp.minimum(temperature + width, 0.0) * column.heat_capacity_frozen
    thawed = jnp.maximum(temperature, 0.0) * column.heat_capacity_thawed
    return frozen + thawed + column.melt_enthalpy * jnp.clip(temperature / width + 1.0, 0.0, 1.0)


def conductivity(column: SoilColumn, fraction: Layers) -> Layers:
    """k = f·k_t + (1 − f)·k_f, W m⁻¹ K⁻¹."""
    frozen = column.conductivity_frozen
    return frozen + fraction * (column.conductivity_thawed - frozen)


def conductances(
    column: SoilColumn, fraction: Layers, surface: Surface
) -> tuple[Float[Array, "boundary *cell"], Layers]:
    """Conductance of every boundary but the bottom (W m⁻² K⁻¹), half-layer resistances (m² K W⁻¹).

    Layers act in series: 1/(Δz_i/2k_i + Δz_{i+1}/2k_{i+1}), at the top 1/(R + Δz_1/2k_1).
    """
    half = column.thickness / (2.0 * conductivity(column, fraction))
    above = jnp.concatenate([surface.resistance[None], half[:-1]])
    return 1.0 / (above + half), half


def boundary_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface
) -> Float[Array, "boundary *cell"]:
    """Downward heat flux at the surface, between layers and at the bottom, W m⁻²."""
    profile = temperature(column, enthalpy)
    conductance, _ = conductances(column, liquid_fraction(column, enthalpy), surface)
    above = jnp.concatenate([surface.temperature[None], profile[:-1]])
    return jnp.concatenate([conductance * (above - profile), -column.geothermal_flux[None]])


def linearised_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface, *, exact: bool
) -> Fluxes:
    """Fluxes with their derivatives in the enthalpy of the layers on both sides.

    Args:
        column: soil column.
        enthalpy: J m⁻³.
        surface: driver of the top.
        exact: include dk/df. The forward iteration leaves it out (with it, Newton diverges); the
            gradient needs it (without it, dALT/dT is 10 % off).
    """
    melt = column.melt_enthalpy
    fraction = liquid_fraction(column, enthalpy)
    profile = temperature(column, enthalpy)
    conductance, half = conductances(column, fraction, surface)
    melting = (enthalpy > 0.0) & (enthalpy < melt)
    slope = jnp.where(
        melting,
        column.freezing_range / melt,
        1.0 / jnp.where(enthalpy > 0.0, column.heat_capacity_thawed, column.heat_capacity_frozen),
    )
    above = jnp.concatenate([surface.temperature[None], profile[:-1]])
    drop = above - profile
    zero = jnp.zeros_like(enthalpy[:1])
    by_upper = jnp.concatenate([zero, conductance[1:] * slope[:-1]])
    by_lower = -conductance * slope
    if exact:
        contrast = column.conductivity_thawed - column.conductivity_frozen
        rate = jnp.where(melting, contrast / melt, 0.0)
        # d(1/half)/dH carried through the series: dG/dH = G² · half · (dk/dH)/k
        resistance_rate = half * rate / conductivity(column, fraction)
        gain = drop * conductance**2
        by_upper = by_upper + jnp.concatenate([zero, gain[1:] * resistance_rate[:-1]])
        by_lower = by_lower + gain * resistance_rate
    return Fluxes(
        flux=jnp.concatenate([conductance * drop, -column.geothermal_flux[None]]),
        by_upper=jnp.concatenate([by_upper, zero]),
        by_lower=jnp.concatenate([by_lower, zero]),
    )


def residual(
    column: SoilColumn, new: Layers, old: Layers, surface: Surface, seconds: Float[Array, ""]
) -> Layers:
    """r = H − Hⁿ − Δt/Δz (F_up − F_dn) of a backward-Euler step, J m⁻³."""
    flux = boundary_fluxes(column, new, surface)
    return new - old + seconds / column.thickness * jnp.diff(flux, axis=0)


def jacobian(
    column: SoilColumn, fluxes: Fluxes, seconds: Float[Array, ""]
) -> tuple[Layers, Layers, Layers]:
    """∂r/∂H as (lower, diagonal, upper) of a tridiagonal matrix."""
    rate = seconds / column.thickness
    return (
        -rate * fluxes.by_upper[:-1],
        1.0 + rate * (fluxes.by_upper[1:] - fluxes.by_lower[:-1]),
        rate * fluxes.by_lower[1:],
    )


def solve_tridiagonal(lower: Layers, diagonal: Layers, upper: Layers, rhs: Layers) -> Layers:
    """Thomas elimination along the leading axis, one scan down and one up.

    Linear in ``rhs``, so the tangent solve of ``heat_step`` transposes to the adjoint solve. No
    pivoting: the matrices of this file are diagonally dominant.
    """

    def eliminate(carry, row):
        ratio, value = carry
        below, centre, above, right = row
        inverse = 1.0 / (centre - below * ratio)
        ratio, value = above * inverse, (right - below * value) * inverse
        return (ratio, value), (ratio, value)

    def substitute(solution, row):
        ratio, value = row
        solution = value - ratio * solution
        return solution, solution

    zero = jnp.zeros_like(rhs[0])
    _, rows = jax.lax.scan(eliminate, (zero, zero), (lower, diagonal, upper, rhs))
    _, solution = jax.lax.scan(substitute, zero, rows, reverse=True)
    return solution


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def heat_step(
    iterations: int,
    column: SoilColumn,
    old: Layers,
    surface: Surface,
    seconds: Float[Array, ""],
) -> HeatStep:
    """One backward-Euler step.

    Newton in H with the conductivity of the current iterate. The last iteration is written as an
    update by the divergence of the linearised fluxes, so energy closes to rounding whatever the
    iteration count.

    Derivatives are those of the converged step by the implicit function theorem, with the exact
    Jacobian (dk/df included) at the last iterate; they hold in forward and reverse mode and no
    gradient passes through the iterations.

    Args:
        iterations: Newton iterations (static).
        column: soil column.
        old: enthalpy at the start of the step, J m⁻³, ``(layer, *cell)``.
        surface: driver of the top over the step.
        seconds: length of the step, s.
    """

    def correction(new):
        fluxes = linearised_fluxes(column, new, surface, exact=False)
        unbalanced = new - old + seconds / column.thickness * jnp.diff(fluxes.flux, axis=0)
        return fluxes, -solve_tridiagonal(*jacobian(column, fluxes, seconds), unbalanced)

    new = jax.lax.fori_loop(0, iterations - 1, lambda _, new: new + correction(new)[1], old)
    fluxes, change = correction(new)
    zero = jnp.zeros_like(change[:1])
    flux = (
        fluxes.flux
        + fluxes.by_upper * jnp.concatenate([zero, change])
        + fluxes.by_lower * jnp.concatenate([change, zero])
    )
    return HeatStep(old - seconds / column.thickness * jnp.diff(flux, axis=0), flux[0])


@heat_step.defjvp
def _heat_step_jvp(iterations, primals, tangents):
    column, old, surface, seconds = primals
    step = heat_step(iterations, column, old, surface, seconds)
    new = step.enthalpy
    _, unbalanced = jax.jvp(
        lambda column, old, surface, seconds: residual(column, new, old, surface, seconds),
        primals,
        tangents,
    )
    fluxes = linearised_fluxes(column, new, surface, exact=True)
    change = -solve_tridiagonal(*jacobian(column, fluxes, seconds), unbalanced)
    _, flux_change = jax.jvp(
        lambda column, new, surface: boundary_fluxes(column, new, surface)[0],
        (column, new, surface),
        (tangents[0], change, tangents[2]),
    )
    return step, HeatStep(change, flux_change)
