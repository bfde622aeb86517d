"""IMEX-SSP2(2,2,2): one month of carbon, nitrogen and water in equal sub-steps.

Pareschi & Russo (2005), J. Sci. Comput. 25, 129–155. With A available nitrogen, y all other pools,
G and K their tendencies, γ = 1 − 1/√2 and a sub-step h::

    A₁   = Aⁿ + γ h G(yⁿ, A₁)
    y*   = yⁿ + h K(yⁿ, A₁)
    A₂   = Aⁿ + (1 − 2γ) h G(yⁿ, A₁) + γ h G(y*, A₂)
    yⁿ⁺¹ = yⁿ + h/2 [K(yⁿ, A₁) + K(y*, A₂)],   Aⁿ⁺¹ = Aⁿ + h/2 [G(yⁿ, A₁) + G(y*, A₂)]

Every pool is explicit (Heun) but available nitrogen, which microbial immobilisation relaxes at up
to 250 per month and which is implicit (L-stable). All weights are one half and each flux leaves one
pool and enters another at the same stage, so carbon, nitrogen and water close to rounding. The
implicit equation takes one Newton iteration that re-evaluates only what depends on available
nitrogen; with 48 sub-steps a second one changes nothing, with 16 it would lower the largest error
of A at 250 per month from 10 to 1 %.

Source: docs/specification/model.md 6. Pools and fluxes are packed arrays, `(pool, *cell)` and
`(flux, *cell)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from temjax.ecosystem.carbon_and_water import carbon_and_water
from temjax.ecosystem.drivers import MonthDrivers, MonthFactors, month_factors
from temjax.ecosystem.month import (
    AVAILABLE_NITROGEN,
    INTEGRATED,
    complete_fluxes,
    nitrogen_fluxes,
)
from temjax.ecosystem.pools import available_nitrogen_tendency, pool_tendency
from temjax.native.accelerate import accelerated
from temjax.numerics import Cell
from temjax.options import ModelOptions
from temjax.parameters.cell import CellConstants
from temjax.parameters.registry import Parameters
from temjax.runtime.materialise import materialise_shared, opaque_ones
from temjax.state import POOLS, Memory

__all__ = ["DEFAULT_SUBSTEPS", "MonthDrivers", "integrate_month"]

DEFAULT_SUBSTEPS = ModelOptions.substeps

_GAMMA = 1.0 - 0.5**0.5  # makes the implicit half L-stable


class MonthContext(NamedTuple):
    """What is constant in a month."""

    parameters: Parameters
    constants: CellConstants
    drivers: MonthDrivers
    memory: Memory
    factors: MonthFactors


class ImexState(NamedTuple):
    """State of the integration between stages.

    Rows are separate arrays: stacked ones take three times as long for many cells.

    Attributes:
        pools: at the start of the sub-step.
        integrals: of ``INTEGRATED`` since the start of the month.
        tendency: of the pools at the stage before.
        guess: of available nitrogen at the next stage, where Newton's iteration begins.
    """

    pools: tuple[Cell, ...]
    integrals: tuple[Cell, ...]
    tendency: tuple[Cell, ...]
    guess: Cell


def initial_state(pools: Sequence[Cell]) -> ImexState:
    """State before the first sub-step."""
    zero = jnp.zeros_like(pools[0])
    return ImexState(
        tuple(pools),
        (zero,) * len(INTEGRATED),
        (zero,) * len(POOLS),
        pools[AVAILABLE_NITROGEN],
    )


def _solve_stage(
    step: float, context: MonthContext, pools: Sequence[Cell], anchor: Cell, guess: Cell
):
    """Solve A = anchor + γ h G(A) at a stage; return A, the tendency of all pools and fluxes."""
    parameters, _, drivers, memory, factors = context
    stage, fluxes = carbon_and_water(*context, pools)
    nitrogen_at = partial(
        nitrogen_fluxes, parameters, factors.microbial_uptake, drivers, memory, stage
    )

    def balance(value):
        return available_nitrogen_tendency(nitrogen_at(value))

    def rows(names, values):
        return tuple(jnp.broadcast_to(values[name], jnp.shape(guess)) for name in names)

    rate, slope = jax.jvp(balance, (guess,), (jnp.ones_like(guess),))
    residual = guess - anchor - _GAMMA * step * rate
    value = guess - residual / (1.0 - _GAMMA * step * slope)
    fluxes |= nitrogen_at(value)
    return value, rows(POOLS, pool_tendency(drivers, fluxes)), rows(INTEGRATED, fluxes)


def imex_stage(
    substeps: int,
    context: MonthContext,
    state: ImexState,
    is_second: Cell,
    materialise: Callable = lambda f: f,
) -> ImexState:
    """One IMEX-SSP2 stage. Both run through one body, which halves what has to be compiled.

    Args:
        substeps: of the month.
        context: constant in the month.
        state: before the stage.
        is_second: 0 or 1.
        materialise: transforms the function that solves the stage, see ``materialise_shared``.
    """
    step = 1.0 / substeps
    pools, integrals, first, guess = state
    available, tendency, fluxes = materialise(partial(_solve_stage, step, context))(
        [pool + is_second * step * rate for pool, rate in zip(pools, first, strict=True)],
        pools[AVAILABLE_NITROGEN]
        + is_second * ((1.0 - 2.0 * _GAMMA) * step) * first[AVAILABLE_NITROGEN],
        guess,
    )
    pools = tuple(
        pool + is_second * (0.5 * step) * (rate + rate_2)
        for pool, rate, rate_2 in zip(pools, first, tendency, strict=True)
    )
    integrals = tuple(t + 0.5 * step * f for t, f in zip(integrals, fluxes, strict=True))
    guess = jnp.where(is_second > 0, pools[AVAILABLE_NITROGEN], available)
    return ImexState(pools, integrals, tendency, guess)


Rows = tuple[Float[Array, "pool *cell"], Float[Array, "integrated *cell"]]


@accelerated("month", static=1, cells="pools", dense_tangents=True)
def imex_steps(substeps: int, context: MonthContext, pools: Float[Array, "pool *cell"]) -> Rows:
    """All sub-steps of a month: pools at its end, and the integrals of ``INTEGRATED`` over it."""
    materialise = partial(materialise_shared, ones=opaque_ones(pools[AVAILABLE_NITROGEN]))
    stages = jnp.tile(jnp.asarray([0.0, 1.0], pools.dtype), substeps)

    def stage(state, is_second):
        return imex_stage(substeps, context, state, is_second, materialise), None

    # in reverse mode a stage is cheaper to compute again than to fetch from memory
    stage = jax.checkpoint(stage, prevent_cse=False)
    end, _ = jax.lax.scan(stage, initial_state(tuple(pools)), stages)
    return jnp.stack(end.pools), jnp.stack(end.integrals)


def integrate_month(
    parameters: Parameters,
    constants: CellConstants,
    drivers: MonthDrivers,
    memory: Memory,
    pools: Float[Array, "pool *cell"],
    *,
    substeps: int = DEFAULT_SUBSTEPS,
    freezing_cutoff: bool = False,
    decomposition_response: Cell | None = None,
) -> tuple[Float[Array, "pool *cell"], Float[Array, "flux *cell"]]:
    """Advance the pools by one month; return them and the integrals of all fluxes.

    Args:
        parameters, constants, drivers, memory, pools: as for `month.right_hand_side`.
        substeps: number of equal sub-steps, static.
        freezing_cutoff: of respiration, see ``ModelOptions``; static.
        decomposition_response: of soil in layers; ``None``: of soil temperature.
    """
    factors = month_factors(
        parameters, constants, drivers, memory, freezing_cutoff, decomposition_response
    )
    context = MonthContext(parameters, constants, drivers, memory, factors)
    pools, integrals = imex_steps(substeps, context, pools)
    return pools, complete_fluxes(drivers, integrals)
