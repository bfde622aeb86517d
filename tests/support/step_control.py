"""TEM's own integration of a month, re-enacted for comparison only.

Runge-Kutta-Fehlberg 4(5) with step halving and doubling (docs/specification/model.md 6), soil
moisture of the decomposition and uptake functions taken from the start of each accepted step, an
uptake of exactly zero lifted to 1e-6, and the snowpack error test made noise-proof (1e-6 mm).
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from temjax.ecosystem import month as month_module
from temjax.outputs import FLUXES
from temjax.processes import decomposition, nitrogen
from temjax.state import POOLS, pool_index

BUMP = 1e-6
TOLERANCE = 0.01
SNOW_TOLERANCE = 1e-6
SMALLEST_STEP = 2.0**-20
MOST_ATTEMPTS = 100_000

# Fehlberg's tableau; TEM writes its entries with nine digits.
_NODES = [
    ["1/4"],
    ["3/32", "9/32"],
    ["1932/2197", "-7200/2197", "7296/2197"],
    ["439/216", "-8", "3680/513", "-845/4104"],
    ["-8/27", "2", "-3544/2565", "1859/4104", "-11/40"],
]
_FOURTH = ["25/216", "0", "1408/2565", "2197/4104", "-1/5", "0"]
_FIFTH = ["16/135", "0", "6656/12825", "28561/56430", "-9/50", "2/55"]


def _nine_digits(entries: list[str]) -> np.ndarray:
    values = [round(float(Fraction(entry)), 9) for entry in entries]
    return np.array(values + [0.0] * (6 - len(values)))


_A = np.array([_nine_digits(row) for row in [[], *_NODES]])
_B4, _B5 = _nine_digits(_FOURTH), _nine_digits(_FIFTH)

_TESTED = [
    POOLS.index(name)
    for name in (
        "vegetation_carbon",
        "soil_organic_carbon",
        "available_water",
        "rain_runoff_store",
        "snow_runoff_store",
        "structural_nitrogen",
        "soil_organic_nitrogen",
        "available_nitrogen",
        "labile_nitrogen",
    )
] + [
    len(POOLS) + FLUXES.index(name)
    for name in (
        "gross_primary_production",
        "net_primary_production",
        "rain_percolation",
        "evapotranspiration",
        "nitrogen_uptake",
        "structural_nitrogen_uptake",
        "nitrogen_mobilisation",
        "maintenance_respiration",
    )
]
_SNOW = pool_index("snowpack")
_WATER = pool_index("available_water")


def _bumped_allocation(allocation, **arguments):
    """TEM's treatment of an uptake of exactly zero.

    Source: docs/specification/model.md 5.5.
    """
    uptake = arguments["potential_uptake"]
    limited = arguments["potential_net_production"] > arguments["production_carbon_to_nitrogen"] * (
        BUMP + arguments["labile_nitrogen"]
    )
    bumped = jnp.where((uptake == 0.0) & ~limited, BUMP, uptake)
    return allocation(**{**arguments, "potential_uptake": bumped})


def _unguarded_saturation(concentration, half_saturation):
    """x/(k + x) for negative concentrations too, which occur inside TEM's large steps."""
    return concentration / (half_saturation + concentration)


def lagged_rates(parameters, constants, drivers, memory, pools, moisture):
    """The right-hand side with `moisture` (VSM at the start of the step) in RHM and KSOIL."""
    m = month_module
    factors = m.month_factors(parameters, constants, drivers, memory)
    stage, fluxes = m.carbon_and_water(parameters, constants, drivers, memory, factors, pools)
    response = decomposition.moisture_response(
        volumetric_moisture=moisture,
        moisture_minimum=parameters.moisture_minimum,
        moisture_optimum=parameters.moisture_optimum,
        moisture_maximum=parameters.moisture_maximum,
    )
    respiration = decomposition.heterotrophic_respiration(
        decomposition_rate=memory.decomposition_rate,
        soil_organic_carbon=pools[pool_index("soil_organic_carbon")],
        moisture_response=response,
        temperature_response=factors.decomposition_response,
    )
    stage = stage._replace(
        heterotrophic_respiration=respiration,
        solution_factor=moisture**3 / (pools[_WATER] + constants.wilting_point),
    )
    bumped = partial(_bumped_allocation, nitrogen.allocation)
    with (
        mock.patch.object(nitrogen, "allocation", bumped),
        mock.patch.object(nitrogen, "saturation", _unguarded_saturation),
    ):
        fluxes |= m.nitrogen_fluxes(
            parameters,
            factors.microbial_uptake,
            drivers,
            memory,
            stage,
            pools[pool_index("available_nitrogen")],
        )
    fluxes["heterotrophic_respiration"] = respiration
    uptake = fluxes["potential_nitrogen_uptake"]
    fluxes["potential_nitrogen_uptake"] = jnp.where(uptake == 0.0, BUMP, uptake)
    tendency = m.stack_rows(POOLS, m.pool_tendency(drivers, fluxes), pools)
    return tendency, m.complete_fluxes(drivers, m.stack_rows(m.INTEGRATED, fluxes, pools))


def original_month(parameters, constants, drivers, memory, pools):
    """Integrate a month as TEM does; return pools, flux integrals and numbers of attempts."""
    per_water = 0.001 / constants.rooting_depth

    def right(state, moisture):
        tendency, fluxes = lagged_rates(
            parameters, constants, drivers, memory, state[: len(POOLS)], moisture
        )
        return jnp.concatenate([tendency, fluxes])

    def attempt(carry):
        state, time, step, attempts = carry
        running = time < 1.0
        moisture = jnp.maximum((state[_WATER] + constants.wilting_point) * per_water, 0.001)

        def stage(index, slopes):
            increment = jnp.tensordot(jnp.asarray(_A)[index], slopes, axes=1)
            return slopes.at[index].set(right(state + step * increment, moisture))

        slopes = jax.lax.fori_loop(0, 6, stage, jnp.zeros((6, *jnp.shape(state)), state.dtype))
        fourth = state + step * jnp.tensordot(jnp.asarray(_B4), slopes, axes=1)
        fifth = state + step * jnp.tensordot(jnp.asarray(_B5), slopes, axes=1)
        error, size = jnp.abs(fourth - fifth), jnp.abs(fourth)
        tested = jnp.asarray(_TESTED)
        good = jnp.all(error[tested] <= TOLERANCE * size[tested], axis=0)
        good &= error[_SNOW] <= jnp.maximum(TOLERANCE * size[_SNOW], SNOW_TOLERANCE)
        accepted = running & (good | (step <= SMALLEST_STEP))
        later = time + step
        doubles = (jnp.mod(0.01 + later / (2.0 * step), 1.0) < 0.1) & (step < 1.0)
        return (
            jnp.where(accepted, fourth, state),
            jnp.where(accepted, later, time),
            jnp.where(accepted, jnp.where(doubles, 2.0 * step, step), 0.5 * step),
            attempts + running,
        )

    cells = jnp.shape(pools)[1:]
    start = (
        jnp.concatenate([pools, jnp.zeros((len(FLUXES), *cells), pools.dtype)]),
        jnp.zeros(cells, pools.dtype),
        jnp.ones(cells, pools.dtype),
        jnp.zeros(cells, int),
    )

    def goes_on(carry):
        return jnp.any(carry[1] < 1.0) & (jnp.max(carry[3]) < MOST_ATTEMPTS)

    state, _, _, attempts = jax.lax.while_loop(goes_on, attempt, start)
    return state[: len(POOLS)], state[len(POOLS) :], attempts
