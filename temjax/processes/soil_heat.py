"""Soil heat: volumetric enthalpy, backward Euler, on columns ``(layer, *cell)`` (soil_heat.md 2).

Enthalpy H (J m⁻³) is zero in a layer that has just frozen fully at −w and H_m when it has just
thawed at 0 °C. Temperature and liquid fraction are explicit, piecewise linear in H, so there is no
front to track and the update by flux divergence conserves energy to rounding.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.numerics import solve_tridiagonal
from temjax.thermal_grid import SoilColumn

Layers = Float[Array, "layer *cell"]
Cells = Float[Array, "*cell"]

# Σ|imbalance|Δz relative to Σ|H|Δz at which a step is solved (or 16 units of rounding)
BALANCED = 1e-12
# Share of a layer's melting heat below which a step is short; a longer one can reach another root
SHORT = 0.03


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


class _Search(NamedTuple):
    enthalpy: Layers
    imbalance: Cells
    exact: Bool[Array, "*cell"]
    radius: Cells
    count: Int[Array, ""]


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


def temperature_slope(column: SoilColumn, enthalpy: Layers) -> Layers:
    """β′(H) = dT/dH, K per J m⁻³: 1/C_f, w/H_m in the melting range, 1/C_t."""
    melt = column.melt_enthalpy
    capacity = jnp.where(enthalpy > 0.0, column.heat_capacity_thawed, column.heat_capacity_frozen)
    return jnp.where(is_melting(column, enthalpy), column.freezing_range / melt, 1.0 / capacity)


def is_melting(column: SoilColumn, enthalpy: Layers) -> Bool[Array, "layer *cell"]:
    """Whether a layer is inside the melting range."""
    return (enthalpy > 0.0) & (enthalpy < column.melt_enthalpy)


def enthalpy(column: SoilColumn, temperature: Layers) -> Layers:
    """Enthalpy from temperature, J m⁻³; the inverse of ``temperature``."""
    width = column.freezing_range
    frozen = jnp.minimum(temperature + width, 0.0) * column.heat_capacity_frozen
    thawed = jnp.maximum(temperature, 0.0) * column.heat_capacity_thawed
    return frozen + thawed + column.melt_enthalpy * jnp.clip(temperature / width + 1.0, 0.0, 1.0)


class HalfLayer(eqx.Module):
    """Resistance between a layer's middle and one of its boundaries, m² K W⁻¹, ``(layer, *cell)``.

    Attributes:
        value: the resistance.
        by_own: its derivative in the layer's own liquid fraction.
        by_neighbour: in the liquid fraction of the layer across the boundary.
    """

    value: Layers
    by_own: Layers
    by_neighbour: Layers


class Resistances(eqx.Module):
    """Thermal resistance of every boundary but the bottom, m² K W⁻¹, leading axis ``layer``.

    Attributes:
        total: between the middles on both sides (at the top: from the surface driver).
        below: the part below the boundary.
        by_upper: ∂total/∂f of the layer above (zero at the surface).
        by_lower: ∂total/∂f of the layer below.
    """

    total: Layers
    below: Layers
    by_upper: Layers
    by_lower: Layers


def half_layer(column: SoilColumn, fraction: Layers, neighbour: Layers) -> HalfLayer:
    """Resistance towards one neighbour, aware of where the front lies in a melting layer.

    The new phase lies on the side it came from. Heat between that neighbour and the front crosses
    only that neighbour's phase, over the share of the layer it fills: f when thawing, 1 − f when
    freezing. With m = 2f − 1, λ = 1 − m⁴ and σ = (f_n − f) over its largest value, conductivity is
    taken at f + λ(f_n − f) and distance as ½ + ½mλσ of the layer; λ fades both out where the layer
    has one phase, which leaves Δz/2k. Plain half layers delay freezing by 4 cm in the Neumann test.

    A conductance that grows while a front enters a layer lets a standing front rest in several
    places (seen as eigenvalues of the annual map above 1), so the correction fades out below 4 m,
    where fronts move over decades.

    Args:
        column: soil column.
        fraction: liquid fraction of each layer.
        neighbour: liquid fraction of the layer across the boundary.
    """
    away = neighbour - fraction
    middle = 2.0 * fraction - 1.0
    swept = column.swept
    lean = swept * (1.0 - middle**4)
    facing = fraction + lean * away
    # λσ = 4(1 + m²)·q·(f_n − f) with q = f towards a more thawed neighbour, 1 − f otherwise: no
    # division by f or 1 − f
    thawed_side = away > 0.0
    side = jnp.where(thawed_side, fraction, 1.0 - fraction)
    turn = swept * 2.0 * middle * (1.0 + middle**2)
    share = 0.5 + turn * side * away
    share_by_own = swept * (4.0 + 12.0 * middle**2) * side * away + turn * (
        jnp.where(thawed_side, away, -away) - side
    )
    contrast = column.conductivity_thawed - column.conductivity_frozen
    conductivity = column.conductivity_frozen + facing * contrast
    value = column.thickness * share / conductivity
    by_facing = -value * contrast / conductivity
    by_share = column.thickness / conductivity
    return HalfLayer(
        value=value,
        by_own=by_facing * (1.0 - lean - 8.0 * swept * middle**3 * away) + by_share * share_by_own,
        by_neighbour=by_facing * lean + by_share * turn * side,
    )


def resistances(column: SoilColumn, fraction: Layers, surface: Surface) -> Resistances:
    """Half layers in series; at the top, surface and snow in series with half the first layer."""
    # beyond the ends a layer stands in for its own neighbour
    lower = half_layer(column, fraction, jnp.concatenate([fraction[:1], fraction[:-1]]))
    upper = half_layer(column, fraction, jnp.concatenate([fraction[1:], fraction[-1:]]))
    zero = jnp.zeros_like(fraction[:1])
    return Resistances(
        total=lower.value + jnp.concatenate([surface.resistance[None], upper.value[:-1]]),
        below=lower.value,
        by_upper=jnp.concatenate([zero, lower.by_neighbour[1:] + upper.by_own[:-1]]),
        by_lower=lower.by_own + jnp.concatenate([lower.by_neighbour[:1], upper.by_neighbour[:-1]]),
    )


def boundary_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface
) -> Float[Array, "boundary *cell"]:
    """Downward heat flux at the surface, between layers and at the bottom, W m⁻²."""
    profile = temperature(column, enthalpy)
    resistance = resistances(column, liquid_fraction(column, enthalpy), surface).total
    above = jnp.concatenate([surface.temperature[None], profile[:-1]])
    return jnp.concatenate([(above - profile) / resistance, -column.geothermal_flux[None]])


def linearised_fluxes(
    column: SoilColumn, enthalpy: Layers, surface: Surface, *, exact: bool | Bool[Array, "*cell"]
) -> Fluxes:
    """Fluxes with their derivatives in the enthalpy of the layers on both sides.

    Args:
        column: soil column.
        enthalpy: J m⁻³.
        surface: driver of the top.
        exact: keep every term of dk/df, as the gradient and a close iterate need (without them
            dALT/dT is 10 % off). The terms kept otherwise leave the Jacobian diagonally dominant
            (warming one side sends heat to the other): with all of them Newton diverges from afar,
            with none it is left with ten times the error after five iterations and can cycle.
    """
    profile = temperature(column, enthalpy)
    slope = temperature_slope(column, enthalpy)
    resistance = resistances(column, liquid_fraction(column, enthalpy), surface)
    conductance = 1.0 / resistance.total
    above = jnp.concatenate([surface.temperature[None], profile[:-1]])
    flux = conductance * (above - profile)
    zero = jnp.zeros_like(enthalpy[:1])
    by_upper = jnp.concatenate([zero, conductance[1:] * slope[:-1]])
    by_lower = -conductance * slope
    fraction_slope = jnp.where(is_melting(column, enthalpy), 1.0 / column.melt_enthalpy, 0.0)
    gain = -flux * conductance
    by_upper_conductance = gain * resistance.by_upper * jnp.concatenate([zero, fraction_slope[:-1]])
    by_lower_conductance = gain * resistance.by_lower * fraction_slope
    least = jnp.where(exact, -jnp.inf, 0.0)
    by_upper_conductance = jnp.maximum(by_upper_conductance, least)
    by_lower_conductance = jnp.minimum(by_lower_conductance, -least)
    by_upper = by_upper + by_upper_conductance
    by_lower = by_lower + by_lower_conductance
    return Fluxes(
        flux=jnp.concatenate([flux, -column.geothermal_flux[None]]),
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
    rate = seconds / column.thickness
    content = jnp.sum(jnp.abs(old) * column.thickness, axis=0)
    limit = max(BALANCED, 16.0 * float(jnp.finfo(old.dtype).eps)) * content

    def correction(new, exact):
        fluxes = linearised_fluxes(column, new, surface, exact=exact)
        unbalanced = new - old + rate * jnp.diff(fluxes.flux, axis=0)
        change = -solve_tridiagonal(*jacobian(column, fluxes, seconds), unbalanced)
        return fluxes, change, jnp.sum(jnp.abs(unbalanced) * column.thickness, axis=0)

    def searching(search: _Search):
        return (search.count < iterations - 1) & jnp.any(search.imbalance > limit)

    def improve(search: _Search) -> _Search:
        _, change, imbalance = correction(search.enthalpy, search.exact)
        # the imbalance is that of the iterate at hand: what the step before this one has led to
        failed = search.exact & (imbalance > 0.5 * search.imbalance)
        radius = jnp.where(failed, 0.25 * search.radius, search.radius)
        length = jnp.max(jnp.abs(change) / column.melt_enthalpy, axis=0)
        # a cell that is done does not change while others go on: it never knows its neighbours
        active = imbalance > limit
        return _Search(
            enthalpy=search.enthalpy + jnp.where(active, change, 0.0),
            imbalance=imbalance,
            exact=jnp.where(active, (length < radius) & ~failed, search.exact),
            radius=jnp.where(active, radius, search.radius),
            count=search.count + 1,
        )

    first = _Search(
        enthalpy=old,
        imbalance=jnp.full_like(content, jnp.inf),
        exact=jnp.zeros(content.shape, bool),
        radius=jnp.full_like(content, SHORT),
        count=jnp.asarray(0),
    )
    search = jax.lax.while_loop(searching, improve, first)
    fluxes, change, _ = correction(search.enthalpy, search.exact)
    zero = jnp.zeros_like(change[:1])
    upper, lower = jnp.concatenate([zero, change]), jnp.concatenate([change, zero])
    flux = fluxes.flux + fluxes.by_upper * upper + fluxes.by_lower * lower
    return HeatStep(old - rate * jnp.diff(flux, axis=0), flux[0])


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
    matrix = jacobian(column, linearised_fluxes(column, new, surface, exact=True), seconds)
    # as a jvp of a linear map: JAX 0.5 transposes no scan that a rule applies to tangents itself
    _, change = jax.jvp(
        lambda right: solve_tridiagonal(*matrix, right), (jnp.zeros_like(new),), (-unbalanced,)
    )
    _, flux_change = jax.jvp(
        lambda column, new, surface: boundary_fluxes(column, new, surface)[0],
        (column, new, surface),
        (tangents[0], change, tangents[2]),
    )
    return step, HeatStep(change, flux_change)
