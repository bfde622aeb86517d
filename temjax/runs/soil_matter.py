"""Soil organic matter of a state scaled by a factor, and runs joined where that happens."""

import dataclasses
from typing import TypeVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.runs.result import Run
from temjax.state import EcosystemState, State, pool_index

_ROWS_FIRST = ("fluxes", "pools", "ledgers")  # arrays whose years are the second axis
_Output = TypeVar("_Output")


def scale_soil_matter(state: State, factor: Float[Array, "*cell"] | float | None) -> State:
    """State with soil organic carbon and nitrogen multiplied by a factor; None: unchanged.

    With soil in layers that is active carbon; old carbon is observed and stays.
    """
    if factor is None:
        return state
    rows = jnp.asarray([pool_index("soil_organic_carbon"), pool_index("soil_organic_nitrogen")])
    pools = state.ecosystem.pools
    pools = pools.at[rows].set(pools[rows] * factor)
    layers = state.layers
    if layers is not None:
        layers = dataclasses.replace(layers, active_carbon=layers.active_carbon * factor)
    return dataclasses.replace(state, ecosystem=EcosystemState(pools), layers=layers)


def join_runs(first: Run, second: Run) -> Run:
    """Two runs, the second over the years that follow the first's, as one."""
    return Run(
        years=jnp.concatenate([first.years, second.years]),
        monthly=_join(first.monthly, second.monthly),
        annual=_join(first.annual, second.annual),
        soil=_join(first.soil, second.soil),
        state=second.state,
        finite=first.finite & second.finite,
        layers=None if first.layers is None else _join(first.layers, second.layers),
    )


def _join(first: _Output, second: _Output) -> _Output:
    """Outputs of two runs along their years; what is no array over years is the second's."""
    joined = {}
    for field in dataclasses.fields(first):
        parts = [getattr(output, field.name) for output in (first, second)]
        if all(eqx.is_array(part) for part in parts):
            axis = 1 if field.name in _ROWS_FIRST else 0
            joined[field.name] = jnp.concatenate(parts, axis=axis)
    return dataclasses.replace(second, **joined)
