"""Carbon, nitrogen and water close per cell and year, with thaw exposure on and off.

Pool changes are compared with the independently integrated fluxes; the frozen ledgers stand for
what exposure moved. Heat closes in test_soil_heat_conservation.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, load_parameters, simulate
from temjax.outputs import flux_index
from temjax.parameters.cell import cell_constants, initial_pools
from temjax.processes.radiation import gross_irradiance
from temjax.runs.annual_map import initial_memory
from temjax.runs.exposure import exposure_history, year_inputs
from temjax.runs.lagged_forcing import lagged_forcing
from temjax.state import EcosystemState, ExposureState, SoilHeatState, State
from tests.support.soil_cases import forcing, location, soil_climate_by_formula

YEARS = 8
CELLS = (3,)
MODES = ("pulse_only", "const2020", "p_ratio", "uniform")
# deepening, shoaling, and a talik that opens and closes
DEPTHS = np.stack(
    [
        np.linspace(1.8, 3.4, YEARS),
        np.linspace(3.3, 1.2, YEARS),
        [2.0, 2.1, 2.2, 6.0, 7.0, 2.3, 2.2, 2.4],
    ],
    axis=1,
)
RESIDUAL = np.where(DEPTHS > 5, 2.0, 0.1)


def run(mode: str, dtype, exposure, freezing_cutoff: bool = False):
    parameters = jax.tree.map(lambda x: jnp.asarray(x, dtype), load_parameters("alpine-meadow"))
    place, climate = location(CELLS, dtype), forcing(YEARS, CELLS, dtype)
    options = ModelOptions(root_zone_nitrogen=mode, freezing_cutoff=freezing_cutoff)
    soil = soil_climate_by_formula(
        climate, place.elevation, DEPTHS, snowpack=3.0, residual_depth=RESIDUAL
    )
    constants = cell_constants(parameters, place)
    reference = jnp.full(CELLS, 2.2, dtype)
    ledgers = ExposureState.zeros(CELLS, dtype)
    history = exposure_history(
        parameters, constants, options, soil, jnp.zeros(YEARS, dtype), ledgers, reference
    )
    inputs = year_inputs(options, lagged_forcing(climate, 0, YEARS), soil, history)
    first = jax.tree.map(lambda x: x[0], inputs)
    pools = initial_pools(parameters, place).at[9].set(3.0)
    state = State(
        ecosystem=EcosystemState(pools),
        memory=initial_memory(parameters, constants, first, gross_irradiance(place.latitude)),
        heat=SoilHeatState(soil.final.enthalpy, soil.final.snow_resistance, soil.final.enthalpy),
        exposure=dataclasses.replace(
            ledgers, inaccessible_inorganic_nitrogen=jnp.full(CELLS, 0.2, dtype)
        ),
    )
    result = simulate(
        parameters,
        place,
        climate,
        initial=state,
        options=options,
        exposure=exposure,
        soil=soil,
        reference_thickness=reference,
    )
    return state, result


def residuals(state, result, fluxes=None) -> dict[str, np.ndarray]:
    """Budget residual per year and cell, relative to the total stock."""
    annual = result.annual
    fluxes = annual.fluxes if fluxes is None else fluxes

    def flux(name):
        return fluxes[flux_index(name)]

    def series(name, owner):
        before = getattr(owner, name)
        return jnp.concatenate([before[None], getattr(annual, name)])

    def change(*names, owner=state.ecosystem):
        return sum(jnp.diff(series(name, owner), axis=0) for name in names)

    def ledger(name):
        return change(name, owner=state.exposure)

    carbon = ("vegetation_carbon", "soil_organic_carbon")
    nitrogen = (
        "structural_nitrogen",
        "labile_nitrogen",
        "soil_organic_nitrogen",
        "available_nitrogen",
    )
    water = ("available_water", "rain_runoff_store", "snow_runoff_store", "snowpack")
    gains = {
        "carbon": (
            change(*carbon) + ledger("frozen_carbon"),
            flux("net_primary_production") - flux("heterotrophic_respiration"),
            carbon,
        ),
        "soil carbon": (
            change("soil_organic_carbon") + ledger("frozen_carbon"),
            flux("litterfall_carbon") - flux("heterotrophic_respiration"),
            carbon,
        ),
        "nitrogen": (
            change(*nitrogen)
            + ledger("frozen_organic_nitrogen")
            + ledger("frozen_inorganic_nitrogen")
            + ledger("inaccessible_inorganic_nitrogen"),
            flux("nitrogen_input") - flux("nitrogen_loss"),
            nitrogen,
        ),
        "soil nitrogen": (
            change("soil_organic_nitrogen") + ledger("frozen_organic_nitrogen"),
            flux("litterfall_nitrogen") - flux("net_nitrogen_mineralisation"),
            nitrogen,
        ),
        "water": (
            change(*water) + ledger("frozen_water"),
            flux("rainfall")
            + flux("snowfall")
            - flux("evapotranspiration")
            - flux("rain_runoff")
            - flux("snow_runoff"),
            water,
        ),
    }
    return {
        name: np.asarray(
            (gained - sources) / sum(series(pool, state.ecosystem)[1:] for pool in stock)
        )
        for name, (gained, sources, stock) in gains.items()
    }


@pytest.mark.parametrize(
    ("mode", "freezing_cutoff"), [*((mode, False) for mode in MODES), ("pulse_only", True)]
)
@pytest.mark.parametrize(("dtype", "limit"), [(jnp.float64, 1e-10), (jnp.float32, 1e-5)])
def test_budgets_close(mode, freezing_cutoff, dtype, limit):
    for exposure in (True, False):
        state, result = run(mode, dtype, exposure, freezing_cutoff)
        assert bool(jnp.all(result.finite))
        moved = np.abs(np.asarray(result.annual.exposed_carbon)).max()
        assert (moved > 100) == exposure
        for name, residual in residuals(state, result).items():
            assert np.abs(residual).max() <= limit, (name, exposure, np.abs(residual).max())
        closed = result.annual.nitrogen_loss, result.annual.nitrogen_input
        assert all(float(jnp.abs(flux).max()) == 0.0 for flux in closed)


@pytest.mark.parametrize(
    ("flux", "budget"),
    [
        ("litterfall_carbon", "soil carbon"),
        ("heterotrophic_respiration", "carbon"),
        ("net_nitrogen_mineralisation", "soil nitrogen"),
        ("snow_runoff", "water"),
        ("evapotranspiration", "water"),
    ],
)
def test_a_dropped_flux_is_seen(flux, budget):
    state, result = run("pulse_only", jnp.float64, True)
    without = result.annual.fluxes.at[flux_index(flux)].set(0.0)
    assert np.abs(residuals(state, result, without)[budget]).max() > 1e-6


def test_the_cutoff_slows_respiration_in_frost_alone():
    plain, cut = (run("pulse_only", jnp.float64, False, on)[1] for on in (False, True))
    for name in ("heterotrophic_respiration", "maintenance_respiration"):
        before, after = (np.asarray(getattr(one.monthly, name))[0] for one in (plain, cut))
        january, july = after[0] / before[0], after[6] / before[6]
        assert january.max() < 0.5 and np.abs(july - 1).max() < 0.05


def test_a_forgotten_ledger_is_seen():
    state, result = run("pulse_only", jnp.float64, True)
    rows = result.annual.ledgers.at[1].set(0.0)
    broken = dataclasses.replace(result, annual=dataclasses.replace(result.annual, ledgers=rows))
    assert np.abs(residuals(state, broken)["carbon"]).max() > 1e-3


def test_exposure_follows_the_rule_and_the_log():
    _state, result = run("pulse_only", jnp.float64, True)
    annual = result.annual
    np.testing.assert_allclose(
        jnp.sum(annual.exposed_carbon, axis=0), -annual.frozen_carbon[-1], rtol=1e-12
    )
    np.testing.assert_array_equal(annual.exposure_factor[0], 1.0)
    np.testing.assert_array_equal(annual.active_layer_thickness[3:5, 2], 2.2)
    np.testing.assert_array_equal(annual.exposure_factor[3:5, 2], 1.0)
    assert bool(jnp.all(annual.exposure_factor[1:, 0] > 1))
    assert bool(jnp.all(annual.exposure_factor[1:, 1] < 1))
