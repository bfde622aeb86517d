"""Run of a place through its history: equilibrium of the first year, then every year."""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from temjax import Forcing, Location, ModelOptions, Parameters, State, find_equilibrium
from temjax.calibration.tunables import DISEQUILIBRIUM
from temjax.runs.result import Run
from temjax.runs.simulate import simulate
from temjax.runs.soil_matter import scale_soil_matter
from temjax.sites.place_numbers import with_place_numbers


def broadcast_to_cells(
    location: Location, forcing: Forcing, cells: int
) -> tuple[Location, Forcing]:
    """Location and forcing repeated along a trailing axis of cells."""

    def repeat(leaf):
        return jnp.broadcast_to(jnp.asarray(leaf)[..., None], (*jnp.shape(leaf), cells))

    repeated = eqx.tree_at(
        lambda f: (f.air_temperature, f.precipitation, f.shortwave),
        forcing,
        replace_fn=repeat,
    )
    return jax.tree.map(repeat, location), repeated


class HistoryRun(NamedTuple):
    """Run after the history that leads to it.

    Attributes:
        run: from the first measured year on.
        before: state in that year's January, before the factor on soil matter.
        converged: whether the equilibrium at the start of the history did.
    """

    run: Run
    before: State
    converged: Bool[Array, "*start"]


def run_history(
    parameters: Parameters,
    location: Location,
    forcing: Forcing,
    place: Mapping[str, Float[Array, "*start"]],
    first_row: int,
    options: ModelOptions,
) -> HistoryRun:
    """Run from the equilibrium of the first year through the years of the forcing.

    Args:
        parameters: scalar or per start.
        location: of the site, or one per start.
        forcing: history and measured years.
        place: numbers of the place: factor on soil organic carbon and nitrogen in the January of
            ``first_row``, and those of ``place_numbers``; one that lacks changes nothing.
        first_row: first year, as a row of the forcing, of the run that is returned; earlier years
            only lead to it.
        options: model choices.
    """
    parameters, forcing = with_place_numbers(parameters, forcing, place)
    equilibrium = find_equilibrium(parameters, location, forcing, climate="first", options=options)
    state = equilibrium.state
    if first_row:
        state = simulate(
            parameters, location, forcing, initial=state, options=options, stop=first_row
        ).state
    initial = scale_soil_matter(state, place.get(DISEQUILIBRIUM))
    run = simulate(parameters, location, forcing, initial=initial, options=options, start=first_row)
    return HistoryRun(run, state, equilibrium.converged)
