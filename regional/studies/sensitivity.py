"""Maps of what a parameter does: forward mode per cell, through the whole protocol.

A parameter is one number per cell and cells do not see each other, so one tangent of ones gives the
derivative in every cell at once. Equilibrium is differentiated by the implicit function theorem,
the years after it exactly. The active-layer rule decides by thresholds (residual thaw, permafrost):
the derivative is the one within the branch taken.
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
    blocks,
    equilibrium_forcing,
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
    """What is differentiated, per cell: Σ over the future, and the mean of its last ten years.

    Attributes:
        delta_nep: ΣΔNEP, g C m⁻².
        exposed_carbon: SOC_PF, g C m⁻².
        thickness: active layer of the rule in force in S_T, m; NaN where there is none.
        nep: ΣNEP of S_T, g C m⁻².
    """

    delta_nep: Array
    exposed_carbon: Array
    thickness: Array
    nep: Array


UNITS = Outputs("g C m-2", "g C m-2", "m", "g C m-2")
LABELS = Outputs("ΣΔNEP", "SOC_PF", "ALT, last decade", "ΣNEP of S_T")


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


class Pushed(NamedTuple):
    """A value and its derivatives along every direction (leading axis)."""

    value: object
    along: object


@eqx.filter_jit
def _push(function: Callable, given: tuple[Pushed, ...]) -> Pushed:
    """The function's value and all its directional derivatives; the value is computed once."""
    values = tuple(g.value for g in given)

    def one(along: tuple) -> tuple:
        return jax.jvp(function, values, along)

    value, along = jax.vmap(one, out_axes=(None, 0))(tuple(g.along for g in given))
    return Pushed(value, along)


def _equilibrium(
    location: Location, forcing: Forcing, options: ModelOptions, parameters: Parameters
) -> tuple[State, Float[Array, "*cell"]]:
    found = find_equilibrium(parameters, location, forcing, climate="first", options=options)
    return found.state, found.converged.astype(float)


def _years(
    location: Location, forcing: Forcing, switch: Array, options: ModelOptions,
    parameters: Parameters, state: State,
) -> State:  # fmt: skip
    """A block of years before the branch."""
    return simulate(
        parameters, location, forcing, initial=state, options=options, exposure=switch, start=1,
        stop=forcing.number_of_years - 1,
    ).state  # fmt: skip


def _future(
    location: Location, forcing: Forcing, switches: tuple[Array, Array], options: ModelOptions,
    parameters: Parameters, states: tuple[State, State],
) -> tuple[tuple[State, State], tuple[Array, ...]]:  # fmt: skip
    """A block of S_R and S_T on one soil climate; annual values ``(year, cell)``."""
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
    seen = jnp.isfinite(transient.active_layer_thickness)
    nep = [a.net_primary_production - a.heterotrophic_respiration for a in (reference, transient)]
    return (runs[0].state, runs[1].state), (
        nep[0],
        nep[1],
        transient.exposed_carbon,
        jnp.where(seen, transient.active_layer_thickness, 0.0),
        seen.astype(float),
    )


def sensitivity_of_tile(
    experiment: Experiment, timeline: Timeline, cells: Cells, sets: list[Parameters],
    names: tuple[str, ...],
) -> Sensitivity:  # fmt: skip
    """All phases of one tile with derivatives along ``names``, in float64.

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
    given = Pushed(parameters, jax.tree.map(lambda *leaves: jnp.stack(leaves), *directions))

    rows = timeline.equilibrium_rows.size
    year = equilibrium_climate(
        equilibrium_forcing(timeline, cells.climate),
        experiment.protocol.equilibrium_climate,
        rows,
    )
    begin = eqx.Partial(_equilibrium, location, year, options)
    found = _push(begin, (given,))
    state = Pushed(found.value[0], found.along[0])
    converged = np.asarray(found.value[1]) > 0

    length = experiment.run.block_years
    for first, last in (timeline.spin_up, timeline.historical):
        exposed = timeline.exposed if first >= timeline.historical[0] else timeline.exposed & False
        for block in blocks(first, last, length):
            forcing, indices = block_forcing(timeline, cells.climate, block, "float64")
            step = eqx.Partial(_years, location, forcing, jnp.asarray(exposed[indices]), options)
            state = _push(step, (given, state))
    both = Pushed((state.value, state.value), (state.along, state.along))
    kept: list[Pushed] = []
    first, last = timeline.future
    switches = [timeline.experiment_switch(name) for name in EXPERIMENTS]
    for start, _ in blocks(first, last, length):
        block = start, start + length
        forcing, indices = block_forcing(timeline, cells.climate, block, "float64")
        chosen = tuple(jnp.asarray(switch[indices]) for switch in switches)
        made = _push(eqx.Partial(_future, location, forcing, chosen, options), (given, both))
        both = Pushed(made.value[0], made.along[0])
        kept.append(Pushed(made.value[1], made.along[1]))
    size, years = cells.index.size, last - first
    values = _reduce([k.value for k in kept], 0, years, size)
    return Sensitivity(
        names=names,
        parameters=np.stack([np.asarray(getattr(parameters, name))[:size] for name in names]),
        values=values,
        derivatives=_reduce([k.along for k in kept], 1, years, size, seen_of=kept),
        converged=converged[:size],
    )


def _reduce(
    parts: list, axis: int, years: int, size: int, seen_of: list[Pushed] | None = None
) -> Outputs:
    """Sums and decade means of blocks whose years lie along ``axis``; cells are last."""
    joined = [
        np.concatenate([np.asarray(part[i]) for part in parts], axis=axis)
        .take(range(years), axis=axis)[..., :size]
        for i in range(4)
    ]  # fmt: skip
    seen_parts = [p.value for p in seen_of] if seen_of else parts
    seen = np.concatenate([np.asarray(part[4]) for part in seen_parts])[:years, :size]
    always = seen[-LAST_YEARS:].all(axis=0)
    reference, transient, exposed, thickness = joined
    last = thickness.take(range(years - min(LAST_YEARS, years), years), axis=axis).mean(axis=axis)
    return Outputs(
        delta_nep=(transient - reference).sum(axis=axis),
        exposed_carbon=exposed.sum(axis=axis),
        thickness=np.where(always, last, np.nan),
        nep=transient.sum(axis=axis),
    )
