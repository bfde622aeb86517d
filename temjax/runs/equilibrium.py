"""Equilibrium with a repeated year or cycle of years: soil heat, then carbon, nitrogen and water.

Gradients come from the implicit function theorem at the two fixed points, so their cost and memory
do not depend on how many years were needed.
"""

import dataclasses
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from temjax.forcing import Forcing, Location, mean_year, select_years
from temjax.heat.climate import SoilClimate, SoilHeatState, cyclic_climate, equilibrate_heat
from temjax.heat.equilibrium import tolerance
from temjax.options import ModelOptions
from temjax.parameters.cell import cell_constants, initial_pools
from temjax.parameters.registry import Parameters
from temjax.processes.radiation import gross_irradiance
from temjax.programs.exported import exported_jit
from temjax.runs.annual_map import (
    LAYER_ROW,
    LEAST_VEGETATION,
    CyclicMap,
    PackedState,
    initial_memory,
    pack_state,
    select_cells,
    unpack_state,
)
from temjax.runs.exposure import exposure_history, year_inputs
from temjax.runs.fixed_point import (
    NONE,
    SINGULAR_RADIUS,
    SOLVERS,
    VEGETATION,
    FixedPoint,
    Schedule,
    fixed_point,
)
from temjax.runs.lagged_forcing import lagged_forcing
from temjax.runs.layered_map import LayeredMap
from temjax.runs.layered_run import check_layers, cyclic_layers
from temjax.state import EcosystemState, ExposureState, State, pool_index

Climate = Literal["mean", "first", "cycle"]
METHODS = (*SOLVERS[:NONE], "not converged", "no vegetation", "not isolated")
NOT_CONVERGED, NO_VEGETATION, NOT_ISOLATED = range(NONE, len(METHODS))
CLIMATE_YEARS = 30  # leading years of a forcing that make the climate of an equilibrium
YEAR_SCHEDULE = Schedule(
    warm_up=10, broyden=20, restart=10, newton=15, anderson=40, picard=600, cycles=5
)
# of a cycle of years, from the equilibrium of its mean year
CYCLE_SCHEDULE = Schedule(
    warm_up=1, broyden=15, restart=1, newton=12, anderson=20, picard=60, cycles=1
)
LEAST_BATCH = 16  # cells: smaller batches are not worth a compilation of their own
# °C; no vegetation where the mean of the warmest month is below
# (docs/specification/model.md decision 9)
LEAST_WARMEST_MONTH = -1.0


class Equilibrium(eqx.Module):
    """A cyclic steady state and its certificate.

    Attributes:
        state: where a run starts.
        converged: both residuals within 1e-8 (float32: 64 rounding units) at an isolated fixed
            point with vegetation, ``(*cell)``.
        residual: largest relative change over a cycle of the slow pools, ``(*cell)``.
        heat_residual: of the cycle's heat map, ``(*cell)``.
        iterations: one-year evaluations until convergence, Jacobian columns not counted.
        evaluations: the same with them. The Jacobian of the certificate, at the solution, costs
            ``CyclicMap.jacobian_cost`` evaluations of the cycle more.
        method: index into ``METHODS``, ``(*cell)``.
        spectral_radius: of the map's Jacobian; 1 − it is the slowest decay per cycle.
    """

    state: State
    converged: Bool[Array, "*cell"]
    residual: Float[Array, "*cell"]
    heat_residual: Float[Array, "*cell"]
    iterations: Int[Array, "*cell"]
    evaluations: Int[Array, "*cell"]
    method: Int[Array, "*cell"]
    spectral_radius: Float[Array, "*cell"]

    @property
    def method_name(self) -> np.ndarray:
        """Entries of ``METHODS``, one per cell."""
        return np.asarray(METHODS)[np.asarray(self.method)]


def equilibrium_climate(forcing: Forcing, climate: Climate, climate_years: int) -> Forcing:
    """The year, or years, that an equilibrium repeats; CO2 that of the first January.

    Raises:
        ValueError: unknown choice, or no years to take.
    """
    if climate not in ("mean", "first", "cycle"):
        raise ValueError(f"climate = {climate!r}; choose 'mean', 'first' or 'cycle'")
    if climate_years < 1:
        raise ValueError(f"climate_years = {climate_years}; it must be at least 1")
    last = min(climate_years, forcing.number_of_years)
    if climate != "cycle":
        return mean_year(forcing, 0, 1 if climate == "first" else last)
    cycle = select_years(forcing, 0, last)
    return dataclasses.replace(cycle, co2=jnp.broadcast_to(cycle.co2[:1, :1], cycle.co2.shape))


def cyclic_map(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    *,
    options: ModelOptions = ModelOptions(),
    reference_thickness: Float[Array, "*cell"] | None = None,
    nitrogen: Float[Array, "*cell"] | None = None,
    permafrost_table: Float[Array, "*cell"] | None = None,
) -> tuple[CyclicMap, State, Float[Array, "*cell"]]:
    """Map of pools and memory over a cycle, on the soil climate in equilibrium with it.

    Returns:
        The map; a state with TEM's initial pools and memory, heat and snow in equilibrium and no
        exposure; the heat residual.
    """
    heat, snowpack, heat_residual = equilibrate_heat(parameters, location, cycle, options=options)
    soil = cyclic_climate(parameters, location, cycle, heat, snowpack, options=options)
    mapping, initial = _map_and_initial_state(
        parameters, location, cycle, heat, snowpack, soil, reference_thickness, nitrogen,
        permafrost_table, options,
    )  # fmt: skip
    return mapping, initial, heat_residual


@exported_jit  # one program: operations outside one are compiled one by one
def _map_and_initial_state(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    heat: SoilHeatState,
    snowpack: Float[Array, "*cell"],
    soil: SoilClimate,
    reference_thickness: Float[Array, "*cell"] | None,
    nitrogen: Float[Array, "*cell"] | None,
    permafrost_table: Float[Array, "*cell"] | None,
    options: ModelOptions,
) -> tuple[CyclicMap, State]:
    constants = cell_constants(parameters, location)
    irradiance = gross_irradiance(location.latitude)
    dtype = cycle.air_temperature.dtype
    none = ExposureState.zeros(location.shape, dtype)
    lagged = lagged_forcing(cycle, 0, cycle.number_of_years, cyclic=True)
    if options.soil_layers is None:
        off = jnp.zeros(cycle.number_of_years, dtype)
        history = exposure_history(
            parameters, constants, options, soil, off, none, reference_thickness
        )
        inputs, layers, kind = year_inputs(options, lagged, soil, history), None, CyclicMap
        thickness = history.active_layer_thickness[-1], history.exposed_thickness[-1]
    else:
        inputs, layers = cyclic_layers(parameters, options, lagged, soil, permafrost_table)
        kind, thickness = LayeredMap, (layers.permafrost_table, layers.permafrost_table)
    exposure = dataclasses.replace(
        none, active_layer_thickness=thickness[0], exposed_thickness=thickness[1]
    )
    first = jax.tree.map(lambda leaf: leaf[0], inputs)
    memory = initial_memory(parameters, constants, first, irradiance)
    pools = initial_pools(parameters, location).at[pool_index("snowpack")].set(snowpack)
    initial = State(EcosystemState(pools), memory, heat, exposure, layers)
    mapping = kind(parameters, constants, irradiance, inputs, snowpack, nitrogen, options)
    return mapping, initial


_fixed_point = exported_jit(fixed_point)


def _as_arrays(schedule: Schedule) -> Schedule:
    """Numbers of the program, not part of what is compiled."""
    return jax.tree.map(np.asarray, schedule)


def _solve(
    mapping: CyclicMap, start: PackedState, excluded: Bool[Array, "*cell"], schedule: Schedule
) -> FixedPoint:
    """Fixed point of all cells; those that a group of phases leaves continue in a smaller batch.

    So a difficult cell does not hold up the others. Inside a traced function all go on together.
    """
    is_large = start.ndim == 2 and start.shape[1] >= LEAST_BATCH
    per_cell = mapping.inputs.air_temperature.shape[2:] == start.shape[1:]
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((mapping, start)))
    if traced or not (is_large and per_cell):
        return _fixed_point(mapping, start, excluded, _as_arrays(schedule))
    until_broyden = schedule._replace(restart=0, newton=0, anderson=0, picard=0)
    solution = _fixed_point(mapping, start, excluded, _as_arrays(until_broyden))
    solution, start, excluded = jax.tree.map(np.array, (solution, start, excluded))
    until_anderson = schedule._replace(broyden=0, picard=0)
    picard_only = schedule._replace(warm_up=0, broyden=0, restart=0, newton=0, anderson=0)
    for phases in (until_anderson, picard_only):
        remaining = np.flatnonzero((solution.solver == NONE) & ~excluded)
        if remaining.size == 0:
            break
        # a few batch sizes serve all numbers of cells, and share compilations
        size = max(LEAST_BATCH, 1 << int(remaining.size - 1).bit_length())
        padded = np.concatenate([remaining, np.full(size - remaining.size, remaining[0])])
        lost = solution.state[VEGETATION] < LEAST_VEGETATION
        restart = start if phases is until_anderson else np.where(lost, start, solution.state)
        part = _fixed_point(
            select_cells(mapping, padded), restart[:, padded], excluded[padded], _as_arrays(phases)
        )
        part = part._replace(
            cycles=part.cycles + solution.cycles[padded],
            jacobian_cycles=part.jacobian_cycles + solution.jacobian_cycles[padded],
        )
        for whole, some in zip(solution, part, strict=True):
            whole[..., remaining] = np.asarray(some)[..., : remaining.size]
    return jax.tree.map(jnp.asarray, solution)


def find_equilibrium(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    *,
    climate: Climate = "mean",
    climate_years: int = CLIMATE_YEARS,
    options: ModelOptions = ModelOptions(),
    reference_thickness: Float[Array, "*cell"] | None = None,
    guess: State | None = None,
    nitrogen: Float[Array, "*cell"] | None = None,
    permafrost_table: Float[Array, "*cell"] | None = None,
) -> Equilibrium:
    """Steady state with a repeated year or cycle, at the forcing's first CO2 concentration.

    Args:
        parameters: scalar or per-cell values.
        location: one cell or many.
        forcing: its first years make the climate that is repeated.
        climate: ``"mean"`` of the first ``climate_years`` years, the ``"first"`` year alone (as in
            Liu et al. 2022), or all these years as a ``"cycle"``.
        climate_years: how many leading years to take (fewer if the forcing is shorter).
        options: model choices.
        reference_thickness: for ``root_zone_nitrogen = "const2020"``, m.
        guess: a state near the solution (of similar parameters, say), from which one year is run
            before the search; without it the search starts from TEM's initial pools.
        nitrogen: total of a closed nitrogen cycle, g N m⁻². ``None``: the baseline rule
            SOLN = SOLC/CNSOIL; with one repeated year its fixed point is one of the closed cycle
            as well, so a run that follows keeps its total.
        permafrost_table: of soil in layers, m; ``None``: the deepest thaw of the climate.

    Returns:
        State and certificate. Cells too cold or too dry to carry vegetation, and cells whose fixed
        point is bare, are labelled ``"no vegetation"`` in ``METHODS``; where I − J is singular,
        ``"not isolated"``. Both count as not converged and have zero derivatives.

    Raises:
        ValueError: unknown climate choice or an option this set cannot serve.
    """
    cycle = equilibrium_climate(forcing, climate, climate_years)
    if climate == "cycle" and guess is None and cycle.number_of_years > 1:
        guess = find_equilibrium(
            parameters, location, forcing, climate_years=climate_years, options=options,
            reference_thickness=reference_thickness, nitrogen=nitrogen,
            permafrost_table=permafrost_table,
        ).state  # fmt: skip
    mapping, initial, heat_residual = cyclic_map(
        parameters,
        location,
        cycle,
        options=options,
        reference_thickness=reference_thickness,
        nitrogen=nitrogen,
        permafrost_table=permafrost_table,
    )
    schedule = YEAR_SCHEDULE if cycle.number_of_years == 1 else CYCLE_SCHEDULE
    if guess is not None:
        check_layers(options, guess, None)
        schedule = schedule._replace(warm_up=1)
    start, excluded = _start(initial if guess is None else guess, cycle, location.shape)
    solution = _solve(mapping, start, excluded, schedule)
    return _certify(solution, initial, heat_residual, cycle, location.shape)


def _without_vegetation(cycle: Forcing, shape: tuple[int, ...]) -> Bool[Array, "*cell"]:
    """Where it is too cold or too dry for vegetation."""
    warmest = jnp.max(jnp.mean(cycle.air_temperature, axis=0), axis=0)
    dry = jnp.sum(cycle.precipitation, axis=(0, 1)) <= 0
    return jnp.broadcast_to((warmest < LEAST_WARMEST_MONTH) | dry, shape)


@eqx.filter_jit
def _start(
    state: State, cycle: Forcing, shape: tuple[int, ...]
) -> tuple[PackedState, Bool[Array, "*cell"]]:
    """First state of the search, and the cells excluded from it."""
    return pack_state(state.ecosystem, state.memory, state.layers), _without_vegetation(
        cycle, shape
    )


@eqx.filter_jit
def _certify(
    solution: FixedPoint,
    initial: State,
    heat_residual: Float[Array, "*cell"],
    cycle: Forcing,
    shape: tuple[int, ...],
) -> Equilibrium:
    """State and certificate from the solution of the search."""
    ecosystem, memory = unpack_state(solution.state)
    layers = initial.layers
    if layers is not None:
        layers = dataclasses.replace(layers, active_carbon=solution.state[LAYER_ROW:])
    bare = _without_vegetation(cycle, shape)
    bare = bare | (ecosystem.vegetation_carbon < LEAST_VEGETATION)
    solved = (solution.solver < NONE) & (heat_residual <= tolerance(solution.residual.dtype))
    isolated = solution.spectral_radius < SINGULAR_RADIUS
    method = jnp.where(solved, jnp.where(isolated, solution.solver, NOT_ISOLATED), NOT_CONVERGED)
    years = cycle.number_of_years
    return Equilibrium(
        state=State(ecosystem, memory, initial.heat, initial.exposure, layers),
        converged=solved & isolated & ~bare,
        residual=solution.residual,
        heat_residual=heat_residual,
        iterations=years * solution.cycles,
        evaluations=years * (solution.cycles + solution.jacobian_cycles),
        method=jnp.where(bare, NO_VEGETATION, method),
        spectral_radius=solution.spectral_radius,
    )
