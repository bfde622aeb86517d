"""Equilibrium of a cell with a cyclic year: heat first, then carbon, nitrogen and water.

The annual map F takes pools and yearly memory to those of a year later. Its fixed point is found
by Newton's method with a forward-mode Jacobian, with plain years between the steps to let the
yearly memory settle; cells that do not converge go on year by year. Gradients come from the
implicit function theorem at the fixed point, so their cost and memory do not depend on how many
years were needed.

Nitrogen follows the baseline rule SOLN = SOLC/CNSOIL at each year end (model.md, decision 5): in a
closed nitrogen cycle every total has a fixed point of its own.
"""

import dataclasses
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from temjax.cell import CellConstants, cell_constants, initial_pools
from temjax.forcing import Forcing, Location, mean_year
from temjax.heat_equilibrium import tolerance
from temjax.options import ModelOptions
from temjax.parameters import Parameters
from temjax.processes.nitrogen import carbon_to_nitrogen
from temjax.processes.radiation import gross_irradiance
from temjax.simulate import climate_block, exposure_history, year_inputs
from temjax.soil_climate import equilibrate_heat, soil_climate
from temjax.state import POOLS, EcosystemState, ExposureState, Memory, State, pool_index
from temjax.year import YearCarry, YearInputs, ecosystem_year, month_drivers

METHODS = ("newton", "years", "not converged", "no vegetation")
WARM_UP_YEARS = 60
NEWTON_STEPS = 15
ROUND_YEARS = 5
MOST_YEARS = 3000
# Below these a relative residual is measured against the floor: g m⁻² or mm.
FLOORS = {"vegetation_carbon": 1.0, "soil_organic_carbon": 10.0, "soil_organic_nitrogen": 1.0}
SLOW = tuple(map(pool_index, POOLS[:5]))
# A mean temperature of the warmest month below this grows nothing (model.md, decision 9).
COLDEST_WARMEST_MONTH = -1.0


class Equilibrium(eqx.Module):
    """A cyclic steady state and its certificate.

    Attributes:
        state: where a run starts.
        converged: both residuals within 1e-8 (float32: 64 rounding units), ``(*cell)``.
        residual: largest relative change over one year of the slow pools, ``(*cell)``.
        heat_residual: of the annual heat map, ``(*cell)``.
        iterations: one-year evaluations until convergence, Jacobian columns not counted.
        method: index into ``METHODS``, ``(*cell)``.
        spectral_radius: of the annual map's Jacobian; 1 − it is the slowest decay per year.
    """

    state: State
    converged: Bool[Array, "*cell"]
    residual: Float[Array, "*cell"]
    heat_residual: Float[Array, "*cell"]
    iterations: Int[Array, "*cell"]
    method: Int[Array, "*cell"]
    spectral_radius: Float[Array, "*cell"]


Packed = Float[Array, "state *cell"]


def _pack(ecosystem: EcosystemState, memory: Memory) -> Packed:
    rows = [getattr(memory, field.name) for field in dataclasses.fields(memory)]
    return jnp.concatenate([ecosystem.pools, jnp.stack(rows)])


def _unpack(packed: Packed) -> tuple[EcosystemState, Memory]:
    pools = len(POOLS)
    return EcosystemState(packed[:pools]), Memory(*packed[pools:])


class _Problem(eqx.Module):
    """Everything the annual map depends on besides the state."""

    parameters: Parameters
    constants: CellConstants
    gross_irradiance: Float[Array, "12 *cell"]
    inputs: YearInputs
    snowpack: Float[Array, "*cell"]
    options: ModelOptions = eqx.field(static=True)

    def __call__(self, packed: Packed) -> Packed:
        """One year, baseline nitrogen rule at its end, no exposure."""
        ecosystem, memory = _unpack(packed)
        shape = packed.shape[1:]
        carry = YearCarry(ecosystem, memory, ExposureState.zeros(shape, packed.dtype))
        carry, _ = ecosystem_year(
            self.parameters, self.constants, self.options, self.gross_irradiance, carry, self.inputs
        )
        pools = carry.ecosystem.pools
        carbon = pools[pool_index("soil_organic_carbon")]
        pools = pools.at[pool_index("soil_organic_nitrogen")].set(
            carbon / self.parameters.soil_carbon_to_nitrogen
        )
        # Snow is driven by forcing alone: left free, any constant offset would be a fixed point.
        pools = pools.at[pool_index("snowpack")].set(self.snowpack)
        return _pack(EcosystemState(pools), carry.memory)


def _residual(before: Packed, after: Packed) -> Float[Array, "*cell"]:
    floors = jnp.asarray([FLOORS.get(name, 0.1) for name in POOLS], before.dtype)
    scale = jnp.maximum(
        jnp.abs(after[: len(POOLS)]), floors.reshape((-1,) + (1,) * (before.ndim - 1))
    )
    change = jnp.abs(after[: len(POOLS)] - before[: len(POOLS)]) / scale
    return jnp.max(change[jnp.asarray(SLOW)], axis=0)


def _jacobian(problem: _Problem, packed: Packed) -> tuple[Packed, Float[Array, "*cell s s"]]:
    """F(x) and dF/dx with the two state axes last; cells do not mix, so one column serves all."""
    size = packed.shape[0]
    basis = jnp.eye(size, dtype=packed.dtype).reshape((size, size) + (1,) * (packed.ndim - 1))
    after, columns = jax.vmap(
        lambda tangent: jax.jvp(problem, (packed,), (tangent,)), out_axes=(None, 0)
    )(jnp.broadcast_to(basis, (size, *packed.shape)))
    return after, jnp.moveaxis(columns, (1, 0), (-2, -1))


def _solve(jacobian: Float[Array, "*cell s s"], right: Packed) -> Packed:
    """(I − J)⁻¹ r per cell."""
    matrix = jnp.eye(jacobian.shape[-1], dtype=jacobian.dtype) - jacobian
    rows = jnp.moveaxis(right, 0, -1)[..., None]
    return jnp.moveaxis(jnp.linalg.solve(matrix, rows)[..., 0], -1, 0)


class _Search(NamedTuple):
    """Carry of the fixed-point search; years are counted in rounds of ``ROUND_YEARS``."""

    state: Packed
    after: Packed
    jacobian: Float[Array, "*cell s s"]
    residual: Float[Array, "*cell"]
    newton: Bool[Array, "*cell"]
    years: Int[Array, "*cell"]
    round: Int[Array, ""]
    done: Bool[Array, ""]


def _search(problem: _Problem, start: Packed, warm_rounds: int) -> _Search:
    """Rounds of plain years; in the Newton phase each round begins with a Newton step.

    One loop holds all phases (warm-up, Newton, plain years), so that the year is compiled once
    plainly and once with its Jacobian. The last round evaluates the Jacobian at the solution.
    """
    shape, dtype = start.shape[1:], start.dtype
    size = start.shape[0]
    pools = len(POOLS)
    limit = tolerance(dtype)
    last_round = warm_rounds + NEWTON_STEPS + MOST_YEARS // ROUND_YEARS

    def newton_step(search: _Search) -> Packed:
        """Damped so that no pool falls below a quarter: the map needs positive pools."""
        x, after = search.state, search.after
        candidate = x + _solve(search.jacobian, after - x)
        lowest = jnp.concatenate([0.25 * x[:pools], jnp.full_like(x[pools:], -jnp.inf)])
        usable = jnp.all(jnp.isfinite(candidate), axis=0) & (search.residual > limit)
        return jnp.where(usable, jnp.maximum(candidate, lowest), x)

    def step(search: _Search) -> _Search:
        in_newton = (search.round > warm_rounds) & (search.round <= warm_rounds + NEWTON_STEPS)
        active = search.residual > limit
        first = jnp.where(in_newton, newton_step(search), search.state)
        settled, (before, after) = _settle(problem, first)
        x = jnp.where(active, settled, search.state)
        plain_residual = _residual(before, after)
        last = search.round >= last_round
        wanted = (
            ((search.round >= warm_rounds) & (search.round < warm_rounds + NEWTON_STEPS))
            | jnp.all(plain_residual <= limit)
            | last
        )
        after, jacobian = jax.lax.cond(
            wanted,
            lambda y: _jacobian(problem, y),
            lambda y: (y, jnp.zeros((*shape, size, size), dtype)),
            x,
        )
        measured = jnp.where(wanted, _residual(x, after), plain_residual)
        # A broken cell must not stop the others: it counts as unconverged, not as NaN.
        residual = jnp.where(jnp.isfinite(measured), measured, jnp.inf)
        finished = residual <= limit
        return _Search(
            state=x,
            after=after,
            jacobian=jacobian,
            residual=residual,
            newton=search.newton
            | (active & finished & (search.round <= warm_rounds + NEWTON_STEPS)),
            years=search.years + jnp.where(active, ROUND_YEARS + 1, 0),
            round=search.round + 1,
            done=wanted & (jnp.all(finished) | last),
        )

    return jax.lax.while_loop(
        lambda search: ~search.done,
        step,
        _Search(
            state=start,
            after=start,
            jacobian=jnp.zeros((*shape, size, size), dtype),
            residual=jnp.full(shape, jnp.inf, dtype),
            newton=jnp.zeros(shape, bool),
            years=jnp.zeros(shape, int),
            round=jnp.asarray(0),
            done=jnp.asarray(False),
        ),
    )


def _settle(problem: _Problem, packed: Packed) -> tuple[Packed, tuple[Packed, Packed]]:
    """``ROUND_YEARS`` plain years, and the last year's start and end."""

    def year(carry, _):
        now, _ = carry
        return (problem(now), now), None

    (after, before), _ = jax.lax.scan(year, (packed, packed), None, length=ROUND_YEARS)
    return after, (before, after)


def _spectral_radius(jacobian: Float[Array, "*cell s s"], scale: Packed) -> Float[Array, "*cell"]:
    """‖J^1024‖^(1/1024) by squaring; unlike an eigenvalue routine it runs on any device.

    Args:
        jacobian: of the annual map.
        scale: size of each state variable, so that the norm does not depend on units.
    """
    rows = jnp.moveaxis(jnp.maximum(jnp.abs(scale), 1e-6), 0, -1)
    scaled = jacobian * rows[..., None, :] / rows[..., :, None]
    doublings = 10

    def norm_of(matrix):
        return jnp.maximum(jnp.sqrt(jnp.sum(matrix**2, axis=(-2, -1))), 1e-30)

    def square(doubling, carry):
        matrix, log_norm = carry
        norm = norm_of(matrix)
        matrix = matrix / norm[..., None, None]
        return matrix @ matrix, log_norm + jnp.log(norm) / 2.0**doubling

    matrix, log_norm = jax.lax.fori_loop(
        0, doublings, square, (scaled, jnp.zeros(scaled.shape[:-2], scaled.dtype))
    )
    return jnp.exp(log_norm + jnp.log(norm_of(matrix)) / 2.0**doublings)


def initial_memory(
    parameters: Parameters, constants: CellConstants, inputs: YearInputs, irradiance: Array
) -> Memory:
    """TEM's memory before the first year (model.md 1 and 8)."""
    shape = jnp.shape(constants.rooting_depth)
    monthly_demand = month_drivers(inputs, irradiance).potential_evapotranspiration
    warmest = jnp.argmax(monthly_demand, axis=0)
    tissue, production = carbon_to_nitrogen(
        annual_evapotranspiration=1.0,
        annual_potential_evapotranspiration=1.0,
        december_co2=inputs.co2[11],
        slope=parameters.vegetation_carbon_to_nitrogen_slope,
        intercept=parameters.vegetation_carbon_to_nitrogen_intercept,
        minimum=parameters.vegetation_carbon_to_nitrogen_minimum,
        production_reference=parameters.production_carbon_to_nitrogen,
    )

    def cells(value):
        return jnp.broadcast_to(value, shape)

    return Memory(
        unnormalised_leaf=cells(parameters.initial_unnormalised_leaf),
        leaf_maximum=cells(parameters.initial_leaf_maximum),
        evapotranspiration_maximum=jnp.max(monthly_demand, axis=0),
        optimum_temperature=jnp.take_along_axis(inputs.air_temperature, warmest[None], axis=0)[0],
        decomposition_rate=constants.decomposition_rate,
        vegetation_carbon_to_nitrogen=cells(tissue),
        production_carbon_to_nitrogen=cells(production),
    )


@eqx.filter_jit
def _solve_ecosystem(problem: _Problem, start: Packed, warm_rounds: int):
    """Fixed point of the annual map, with the gradient of the implicit function theorem.

    ``stop_gradient`` keeps the iterations out of the derivative. At x = F(x, θ) the derivative
    is (I − J)⁻¹ ∂F/∂θ; the last line adds it without changing the value. Cells that did not
    converge have no such derivative and get zero.
    """
    found = _search(
        jax.tree.map(jax.lax.stop_gradient, problem), jax.lax.stop_gradient(start), warm_rounds
    )
    x, jacobian = jax.lax.stop_gradient((found.state, found.jacobian))
    converged = found.residual <= tolerance(start.dtype)
    after = problem(x)
    safe = jnp.where(converged[..., None, None], jacobian, 0.0)
    correction = _solve(safe, after - jax.lax.stop_gradient(after))
    return (
        x + jnp.where(converged, correction, 0.0),
        found.residual,
        converged,
        found.newton,
        found.years,
        _spectral_radius(jacobian, x),
    )


def equilibrium_climate(
    forcing: Forcing, climate: Literal["mean", "first"], climate_years: int
) -> Forcing:
    """The cyclic year of an equilibrium.

    Raises:
        ValueError: unknown choice, or no years to average.
    """
    if climate == "first":
        return mean_year(forcing, 0, 1)
    if climate != "mean":
        raise ValueError(f"climate = {climate!r}; choose 'mean' or 'first'")
    if climate_years < 1:
        raise ValueError(f"climate_years = {climate_years}; it must be at least 1")
    return mean_year(forcing, 0, min(climate_years, forcing.number_of_years))


def find_equilibrium(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    *,
    climate: Literal["mean", "first"] = "mean",
    climate_years: int = 30,
    options: ModelOptions = ModelOptions(),
    reference_thickness: Float[Array, "*cell"] | None = None,
    guess: State | None = None,
) -> Equilibrium:
    """Steady state with a repeated year at the forcing's first CO2 concentration.

    Args:
        parameters: scalar or per-cell values.
        location: one cell or many.
        forcing: its first years make the cyclic year.
        climate: ``"mean"`` of the first ``climate_years`` years, or the ``"first"`` year alone
            (as in Liu et al. 2022).
        climate_years: how many leading years to average (fewer if the forcing is shorter).
        options: model choices.
        reference_thickness: for ``root_zone_nitrogen = "const2020"``, m.
        guess: a state near the solution (of a neighbouring parameter vector, say); without it the
            search starts from TEM's initial pools and some plain years.

    Returns:
        State and certificate. Cells too cold or too dry to carry vegetation are labelled
        ``"no vegetation"`` in ``METHODS`` and count as not converged.

    Raises:
        ValueError: unknown climate choice or an option this set cannot serve.
    """
    year = equilibrium_climate(forcing, climate, climate_years)
    heat, snowpack, heat_residual = equilibrate_heat(parameters, location, year, options=options)
    soil = soil_climate(
        parameters, location, year, initial=heat, options=options, snowpack=snowpack
    )
    constants = cell_constants(parameters, location)
    irradiance = gross_irradiance(location.latitude)
    shape, dtype = location.shape, year.air_temperature.dtype
    no_exposure = jnp.zeros(1, dtype)
    history = exposure_history(
        parameters,
        constants,
        options,
        soil,
        no_exposure,
        ExposureState.zeros(shape, dtype),
        reference_thickness,
    )
    block = climate_block(year, 0, 1)
    inputs = jax.tree.map(lambda leaf: leaf[0], year_inputs(options, block, soil, history))
    if guess is None:
        start = _pack(
            EcosystemState(initial_pools(parameters, location)),
            initial_memory(parameters, constants, inputs, irradiance),
        )
        warm_rounds = WARM_UP_YEARS // ROUND_YEARS
    else:
        start, warm_rounds = _pack(guess.ecosystem, guess.memory), 0
    problem = _Problem(parameters, constants, irradiance, inputs, snowpack, options)
    packed, residual, converged, by_newton, iterations, radius = _solve_ecosystem(
        problem, start, warm_rounds
    )
    ecosystem, memory = _unpack(packed)
    exposure = dataclasses.replace(
        ExposureState.zeros(shape, dtype),
        active_layer_thickness=history.active_layer_thickness[-1],
        exposed_thickness=history.exposed_thickness[-1],
    )
    barren = (jnp.max(year.air_temperature[0], axis=0) < COLDEST_WARMEST_MONTH) | (
        jnp.sum(year.precipitation[0], axis=0) <= 0
    )
    converged = converged & (heat_residual <= tolerance(dtype))
    method = jnp.where(barren, 3, jnp.where(~converged, 2, jnp.where(by_newton, 0, 1)))
    return Equilibrium(
        state=State(ecosystem, memory, heat, exposure),
        converged=converged & ~barren,
        residual=residual,
        heat_residual=heat_residual,
        iterations=iterations,
        method=method,
        spectral_radius=radius,
    )
