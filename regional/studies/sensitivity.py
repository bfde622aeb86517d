"""Parameter sensitivities of a tile: forward-mode derivatives per cell through the whole protocol.

A parameter has one value per cell and cells are independent, so one tangent of ones gives the
derivative in every cell. The equilibrium is differentiated by the implicit function theorem, the
years after it exactly. The active-layer rule has thresholds (residual thaw, permafrost): the
derivative is that of the branch taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from temjax.forcing import Forcing, Location
from temjax.heat.climate import soil_climate
from temjax.options import ModelOptions
from temjax.parameters.files import replace_parameters
from temjax.parameters.registry import Parameters, resolve_name
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.timeline import (
    EXPERIMENTS,
    Timeline,
    block_forcing,
    equilibrium_forcing,
    year_blocks,
)
from temjax.regional.run.cells import Cells, tile_inputs
from temjax.runs.equilibrium import equilibrium_climate, find_equilibrium
from temjax.runs.simulate import simulate
from temjax.state import State

DEFAULT_PARAMETERS = (
    "cmax_scale", "kdc_scale", "nmax_scale", "heterotrophic_q10", "soil_carbon_depth_scale",
    "conductivity_scale",
)  # fmt: skip
LAST_YEARS = 10


class Outputs(NamedTuple):
    """Differentiated outputs per cell: sums over the future, and the mean of its last ten years.

    Attributes:
        delta_nep: ΣΔNEP, g C m⁻².
        exposed_carbon: SOC_PF, g C m⁻².
        thickness: active layer of the rule in force in S_T, m; NaN where there is none.
        nep: ΣNEP of S_T, g C m⁻².
        net_soil_carbon: ΔSOC_NET of the last year, g C m⁻².
        npp: NPP of S_T, g C m⁻² yr⁻¹.
    """

    delta_nep: Array
    exposed_carbon: Array
    thickness: Array
    nep: Array
    net_soil_carbon: Array
    npp: Array


UNITS = Outputs("g C m-2", "g C m-2", "m", "g C m-2", "g C m-2", "g C m-2 yr-1")
LABELS = Outputs(
    "ΣΔNEP", "SOC_PF", "ALT, last decade", "ΣNEP of S_T", "ΔSOC_NET", "NPP of S_T, last decade"
)


@dataclass(frozen=True)
class Sensitivity:
    """Values and derivatives of a tile's cells.

    Attributes:
        names: parameters, in order of the derivatives' first axis.
        parameters: value of each, ``(parameter, cell)``.
        values: ``(cell,)`` each.
        derivatives: ∂value/∂parameter, ``(parameter, cell)`` each.
        converged: whether the equilibrium did, ``(cell,)``.
    """

    names: tuple[str, ...]
    parameters: NDArray
    values: Outputs
    derivatives: Outputs
    converged: NDArray


class Dual(NamedTuple):
    """Value and its tangents along every direction (leading axis)."""

    value: object
    tangents: object


@eqx.filter_jit
def apply_dual(function: Callable, arguments: tuple[Dual, ...]) -> Dual:
    """Value of a function and all its directional derivatives; the value is computed once."""
    values = tuple(argument.value for argument in arguments)

    def jvp(tangents: tuple) -> tuple:
        return jax.jvp(function, values, tangents)

    tangents = tuple(argument.tangents for argument in arguments)
    return Dual(*jax.vmap(jvp, out_axes=(None, 0))(tangents))


def _equilibrium(
    location: Location, forcing: Forcing, options: ModelOptions, parameters: Parameters
) -> tuple[State, Float[Array, "*cell"]]:
    result = find_equilibrium(parameters, location, forcing, climate="first", options=options)
    return result.state, result.converged.astype(float)


def _years(
    location: Location, forcing: Forcing, switch: Array, options: ModelOptions,
    parameters: Parameters, state: State,
) -> State:  # fmt: skip
    """Simulate a block of years before the branch."""
    return simulate(
        parameters, location, forcing, initial=state, options=options, exposure=switch, start=1,
        stop=forcing.number_of_years - 1,
    ).state  # fmt: skip


def _future(
    location: Location, forcing: Forcing, switches: tuple[Array, Array], options: ModelOptions,
    parameters: Parameters, states: tuple[State, State],
) -> tuple[tuple[State, State], tuple[Array, ...]]:  # fmt: skip
    """Simulate a block of S_R and S_T with one soil climate; annual values ``(year, cell)``."""
    stop = forcing.number_of_years - 1
    soil = soil_climate(
        parameters, location, forcing, initial=states[0].heat, options=options, start=1,
        stop=stop, snowpack=states[0].ecosystem.snowpack,
    )  # fmt: skip
    runs = [
        simulate(
            parameters, location, forcing, initial=state, options=options, exposure=switch,
            start=1, stop=stop, soil=soil,
        )
        for state, switch in zip(states, switches, strict=True)
    ]  # fmt: skip
    reference, transient = (run.annual for run in runs)
    defined = jnp.isfinite(transient.active_layer_thickness)
    nep = [a.net_primary_production - a.heterotrophic_respiration for a in (reference, transient)]
    return (runs[0].state, runs[1].state), (
        nep[0],
        nep[1],
        transient.exposed_carbon,
        jnp.where(defined, transient.active_layer_thickness, 0.0),
        transient.soil_organic_carbon - reference.soil_organic_carbon,
        transient.net_primary_production,
        defined.astype(float),
    )


class Branch(NamedTuple):
    """State at the branch of a tile's cells, with its derivatives.

    Attributes:
        names: parameters, in order of the tangents' leading axis.
        parameters: per cell; the tangents are one direction for each name.
        location: of the cells.
        state: in the January of the branch.
        converged: whether the equilibrium did, ``(position,)``.
    """

    names: tuple[str, ...]
    parameters: Dual
    location: Location
    state: Dual
    converged: NDArray


def differentiated_branch(
    experiment: Experiment, timeline: Timeline, cells: Cells, sets: list[Parameters],
    names: tuple[str, ...],
) -> Branch:  # fmt: skip
    """Differentiate equilibrium, spin-up and history of a tile with respect to ``names``.

    Raises:
        ValueError: ``const2020``, whose second heat pass has no derivative here, or an unknown
            parameter.
    """
    options = experiment.options
    if options.root_zone_nitrogen == "const2020":
        raise ValueError("sensitivity maps do not go with root_zone_nitrogen = 'const2020'")
    names = tuple(resolve_name(name) for name in names)
    parameters, location = tile_inputs(cells, sets, "float64")
    ones = jnp.ones(cells.latitude.shape)
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    directions = [replace_parameters(zeros, **{name: ones}) for name in names]
    dual_parameters = Dual(parameters, jax.tree.map(lambda *leaves: jnp.stack(leaves), *directions))

    rows = timeline.equilibrium_rows.size
    year = equilibrium_climate(
        equilibrium_forcing(timeline, cells.climate),
        experiment.protocol.equilibrium_climate,
        rows,
    )
    equilibrium = apply_dual(eqx.Partial(_equilibrium, location, year, options), (dual_parameters,))
    state = Dual(equilibrium.value[0], equilibrium.tangents[0])
    for first, last in (timeline.spin_up, timeline.historical):
        exposed = timeline.exposed if first >= timeline.historical[0] else timeline.exposed & False
        for block in year_blocks(first, last, experiment.run.block_years):
            forcing, indices = block_forcing(timeline, cells.climate, block, "float64")
            step = eqx.Partial(_years, location, forcing, jnp.asarray(exposed[indices]), options)
            state = apply_dual(step, (dual_parameters, state))
    converged = np.asarray(equilibrium.value[1]) > 0
    return Branch(names, dual_parameters, location, state, converged)


def sensitivity_of_tile(
    experiment: Experiment, timeline: Timeline, cells: Cells, sets: list[Parameters],
    names: tuple[str, ...],
) -> Sensitivity:  # fmt: skip
    """Differentiate all phases of one tile with respect to ``names``, in float64.

    Raises:
        ValueError: as ``differentiated_branch``.
    """
    branch = differentiated_branch(experiment, timeline, cells, sets, names)
    options, location = experiment.options, branch.location
    dual_parameters, state = branch.parameters, branch.state
    length = experiment.run.block_years
    states = Dual((state.value, state.value), (state.tangents, state.tangents))
    annual: list[Dual] = []
    first, last = timeline.future
    switches = [timeline.exposure_switch(name) for name in EXPERIMENTS]
    for start, _ in year_blocks(first, last, length):
        block = start, start + length
        forcing, indices = block_forcing(timeline, cells.climate, block, "float64")
        exposure = tuple(jnp.asarray(switch[indices]) for switch in switches)
        step = eqx.Partial(_future, location, forcing, exposure, options)
        result = apply_dual(step, (dual_parameters, states))
        states = Dual(result.value[0], result.tangents[0])
        annual.append(Dual(result.value[1], result.tangents[1]))
    size, years = cells.index.size, last - first
    defined = np.concatenate([np.asarray(part.value[-1]) for part in annual])[:years, :size]
    values = _reduce([part.value for part in annual], 0, years, size, defined)
    return Sensitivity(
        names=branch.names,
        parameters=np.stack(
            [np.asarray(getattr(dual_parameters.value, name))[:size] for name in branch.names]
        ),
        values=values,
        derivatives=_reduce([part.tangents for part in annual], 1, years, size, defined),
        converged=branch.converged[:size],
    )


def _reduce(parts: list, axis: int, years: int, size: int, defined: NDArray) -> Outputs:
    """Reduce annual values of blocks to outputs.

    Args:
        parts: annual values of each block, as ``_future`` returns them; cells are the last axis.
        axis: of the years.
        years, size: numbers of years and cells, without padding.
        defined: 1 where there is an active layer, ``(year, cell)``.
    """
    joined = [
        np.concatenate([np.asarray(part[i]) for part in parts], axis=axis)
        .take(range(years), axis=axis)[..., :size]
        for i in range(len(LABELS))
    ]  # fmt: skip
    always = defined[-LAST_YEARS:].all(axis=0)
    reference, transient, exposed, thickness, soil, npp = joined

    def last(values: NDArray) -> NDArray:
        return values.take(range(years - min(LAST_YEARS, years), years), axis=axis).mean(axis=axis)

    return Outputs(
        delta_nep=(transient - reference).sum(axis=axis),
        exposed_carbon=exposed.sum(axis=axis),
        thickness=np.where(always, last(thickness), np.nan),
        nep=transient.sum(axis=axis),
        net_soil_carbon=soil.take(years - 1, axis=axis) - exposed.sum(axis=axis),
        npp=last(npp),
    )
