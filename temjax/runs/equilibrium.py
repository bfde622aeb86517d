"""Equilibrium of a cell with a repeated year or cycle: heat first, then carbon, nitrogen and water.

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

from temjax.cell import cell_constants, initial_pools
from temjax.forcing import Forcing, Location, mean_year, select_years
from temjax.heat.climate import SoilClimate, SoilHeatState, cyclic_climate, equilibrate_heat
from temjax.heat.equilibrium import tolerance
from temjax.options import ModelOptions
from temjax.parameters.registry import Parameters
from temjax.processes.radiation import gross_irradiance
from temjax.programs.exported import exported_jit
from temjax.runs.annual_map import LEAST_VEGETATION, CyclicMap, Packed, initial_memory, pack, unpack
from temjax.runs.climate_block import climate_block
from temjax.runs.fixed_point import (
    NONE,
    NOT_ISOLATED,
    RUNGS,
    VEGETATION,
    Effort,
    Found,
    fixed_point,
)
from temjax.runs.simulate import exposure_history, year_inputs
from temjax.state import EcosystemState, ExposureState, State, pool_index

Climate = Literal["mean", "first", "cycle"]
METHODS = (*RUNGS[:NONE], "not converged", "no vegetation", "not isolated")
NOT_CONVERGED, NO_VEGETATION, SEVERAL = range(NONE, len(METHODS))
CLIMATE_YEARS = 30  # leading years of a forcing that make the climate of an equilibrium
FULL = Effort(warm=10, broyden=20, settle=10, newton=15, anderson=40, plain=600, cycles=5)
# of a cycle of years, from the equilibrium of its mean year
CYCLE = Effort(warm=1, broyden=15, settle=1, newton=12, anderson=20, plain=60, cycles=1)
LARGE = 16  # cells, from which on difficult ones are worth a batch (and a compilation) of their own
# A mean temperature of the warmest month below this grows nothing (model.md, decision 9).
COLDEST_WARMEST_MONTH = -1.0


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
            ``JACOBIAN_COST`` evaluations of the cycle more.
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
) -> tuple[CyclicMap, State, Float[Array, "*cell"]]:
    """The map of pools and memory over a cycle, on the soil climate in balance with it.

    Returns:
        The map; a state with TEM's initial pools and memory, heat and snow in balance and no
        exposure; the heat residual.
    """
    heat, snowpack, heat_residual = equilibrate_heat(parameters, location, cycle, options=options)
    soil = cyclic_climate(parameters, location, cycle, heat, snowpack, options=options)
    annual, start = _map_and_start(
        parameters, location, cycle, heat, snowpack, soil, reference_thickness, nitrogen, options
    )
    return annual, start, heat_residual


@exported_jit  # not an operation is compiled by itself
def _map_and_start(
    parameters: Parameters,
    location: Location,
    cycle: Forcing,
    heat: SoilHeatState,
    snowpack: Float[Array, "*cell"],
    soil: SoilClimate,
    reference_thickness: Float[Array, "*cell"] | None,
    nitrogen: Float[Array, "*cell"] | None,
    options: ModelOptions,
) -> tuple[CyclicMap, State]:
    constants = cell_constants(parameters, location)
    irradiance = gross_irradiance(location.latitude)
    dtype = cycle.air_temperature.dtype
    none = ExposureState.zeros(location.shape, dtype)
    off = jnp.zeros(cycle.number_of_years, dtype)
    history = exposure_history(parameters, constants, options, soil, off, none, reference_thickness)
    block = climate_block(cycle, 0, cycle.number_of_years, cyclic=True)
    inputs = year_inputs(options, block, soil, history)
    exposure = dataclasses.replace(
        none,
        active_layer_thickness=history.active_layer_thickness[-1],
        exposed_thickness=history.exposed_thickness[-1],
    )
    first = jax.tree.map(lambda leaf: leaf[0], inputs)
    memory = initial_memory(parameters, constants, first, irradiance)
    pools = initial_pools(parameters, location).at[pool_index("snowpack")].set(snowpack)
    start = State(EcosystemState(pools), memory, heat, exposure)
    annual = CyclicMap(parameters, constants, irradiance, inputs, snowpack, nitrogen, options)
    return annual, start


def _of_cells(cycle: CyclicMap, index: np.ndarray) -> CyclicMap:
    """The map of some cells of a batch ``(cell,)``; NumPy's, which compiles nothing."""

    def pick(tree):
        return jax.tree.map(
            lambda leaf: np.asarray(leaf)[..., index] if jnp.ndim(leaf) else leaf, tree
        )

    co2 = cycle.inputs.co2
    inputs = pick(dataclasses.replace(cycle.inputs, co2=None))
    # CO2 shared by all cells has months last
    inputs = dataclasses.replace(inputs, co2=co2 if jnp.ndim(co2) == 2 else pick(co2))
    return dataclasses.replace(
        cycle,
        parameters=pick(cycle.parameters),
        constants=pick(cycle.constants),
        gross_irradiance=pick(cycle.gross_irradiance),
        inputs=inputs,
        snowpack=pick(cycle.snowpack),
        nitrogen=pick(cycle.nitrogen),
    )


_fixed_point = exported_jit(fixed_point)


def _numbers(effort: Effort) -> Effort:
    """As arrays, which are no part of what is compiled."""
    return jax.tree.map(np.asarray, effort)


def _solve(
    cycle: CyclicMap, start: Packed, left_out: Bool[Array, "*cell"], effort: Effort
) -> Found:
    """The fixed point of all cells; those a part of the ladder leaves go on in their own batch.

    So a difficult cell does not hold up the others. Inside a traced function all go on together.
    """
    batch = start.ndim == 2 and start.shape[1] >= LARGE
    whole = cycle.inputs.air_temperature.shape[2:] == start.shape[1:]
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((cycle, start)))
    if traced or not (batch and whole):
        return _fixed_point(cycle, start, left_out, _numbers(effort))
    first = effort._replace(settle=0, newton=0, anderson=0, plain=0)
    found = _fixed_point(cycle, start, left_out, _numbers(first))
    found, start, left_out = jax.tree.map(np.array, (found, start, left_out))
    ladder = effort._replace(broyden=0, plain=0)
    years = effort._replace(warm=0, broyden=0, settle=0, newton=0, anderson=0)
    for part in (ladder, years):
        left = np.flatnonzero((found.rung == NONE) & ~left_out)
        if left.size == 0:
            break
        # a few batch sizes serve all numbers of cells, and share compilations
        size = max(LARGE, 1 << int(left.size - 1).bit_length())
        padded = np.concatenate([left, np.full(size - left.size, left[0])])
        lost = found.state[VEGETATION] < LEAST_VEGETATION
        begin = start if part is ladder else np.where(lost, start, found.state)
        more = _fixed_point(
            _of_cells(cycle, padded), begin[:, padded], left_out[padded], _numbers(part)
        )
        more = more._replace(
            cycles=more.cycles + found.cycles[padded], columns=more.columns + found.columns[padded]
        )
        for whole, some in zip(found, more, strict=True):
            whole[..., left] = np.asarray(some)[..., : left.size]
    return jax.tree.map(jnp.asarray, found)


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
        guess: a state near the solution (of a neighbouring parameter vector, say); without it the
            search starts from TEM's initial pools and some plain years.
        nitrogen: total of a closed nitrogen cycle, g N m⁻². ``None``: the baseline rule
            SOLN = SOLC/CNSOIL; with one repeated year its fixed point is one of the closed cycle
            as well, so a run that follows keeps its total.

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
        ).state  # fmt: skip
    annual, first, heat_residual = cyclic_map(
        parameters,
        location,
        cycle,
        options=options,
        reference_thickness=reference_thickness,
        nitrogen=nitrogen,
    )
    effort = FULL if cycle.number_of_years == 1 else CYCLE
    if guess is not None:
        effort = effort._replace(warm=1 if climate == "cycle" else 0)
    start = first if guess is None else guess
    found = _solve(annual, *_packed(start, cycle, location.shape), effort)
    return _certified(found, first, heat_residual, cycle, location.shape)


def _barren(cycle: Forcing, shape: tuple[int, ...]) -> Bool[Array, "*cell"]:
    """Where nothing can grow."""
    warmest = jnp.max(jnp.mean(cycle.air_temperature, axis=0), axis=0)
    dry = jnp.sum(cycle.precipitation, axis=(0, 1)) <= 0
    return jnp.broadcast_to((warmest < COLDEST_WARMEST_MONTH) | dry, shape)


@eqx.filter_jit
def _packed(
    start: State, cycle: Forcing, shape: tuple[int, ...]
) -> tuple[Packed, Bool[Array, "*cell"]]:
    """A start, and the cells not to search in."""
    return pack(start.ecosystem, start.memory), _barren(cycle, shape)


@eqx.filter_jit
def _certified(
    found: Found,
    first: State,
    heat_residual: Float[Array, "*cell"],
    cycle: Forcing,
    shape: tuple[int, ...],
) -> Equilibrium:
    ecosystem, memory = unpack(found.state)
    barren = _barren(cycle, shape)
    barren = barren | (ecosystem.vegetation_carbon < LEAST_VEGETATION)
    solved = (found.rung < NONE) & (heat_residual <= tolerance(found.residual.dtype))
    isolated = found.spectral_radius < NOT_ISOLATED
    method = jnp.where(solved, jnp.where(isolated, found.rung, SEVERAL), NOT_CONVERGED)
    years = cycle.number_of_years
    return Equilibrium(
        state=State(ecosystem, memory, first.heat, first.exposure),
        converged=solved & isolated & ~barren,
        residual=found.residual,
        heat_residual=heat_residual,
        iterations=years * found.cycles,
        evaluations=years * (found.cycles + found.columns),
        method=jnp.where(barren, NO_VEGETATION, method),
        spectral_radius=found.spectral_radius,
    )
