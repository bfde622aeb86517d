"""The fixed point: certificate, brute force, derivatives, cells without vegetation."""

import dataclasses
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soil_cases import forcing

import temjax
from temjax import Location, find_equilibrium, gather_parameters, load_parameters
from temjax.equilibrium import METHODS, _pack, _residual
from temjax.forcing import mean_year, select_years
from temjax.state import POOLS

TOLERANCE = 1e-8
TYPES = ("alpine-meadow", "alpine-steppe", "grassland", "moist-tundra")
CELLS = (len(TYPES) + 1,)


@cache
def case():
    """Four vegetation types on one climate, and a cell too cold for any."""
    sets = [load_parameters(name) for name in TYPES]
    parameters = gather_parameters(sets, np.array([0, 1, 2, 3, 0]))
    place = Location(
        jnp.full(CELLS, 37.6), jnp.full(CELLS, 3216.0), jnp.array([0.65, 0.33, 0.5, 0.6, 0.65])
    )
    climate = forcing(3, CELLS)
    shift = jnp.array([0.0, 0.0, 2.0, 0.0, -25.0])
    climate = dataclasses.replace(climate, air_temperature=climate.air_temperature + shift)
    return parameters, place, climate, find_equilibrium(parameters, place, climate)


def test_certificate():
    *_, found = case()
    names = [METHODS[int(code)] for code in found.method]
    assert names[:4] == ["newton"] * 4 and names[4] == "no vegetation"
    np.testing.assert_array_equal(found.converged, [True] * 4 + [False])
    assert float(found.residual[:4].max()) <= TOLERANCE
    assert float(found.heat_residual.max()) <= TOLERANCE
    assert np.all((found.spectral_radius[:4] > 0.5) & (found.spectral_radius[:4] < 1.0))
    assert int(found.iterations[:4].max()) < 150


def test_nitrogen_follows_the_baseline_rule():
    parameters, _, _, found = case()
    np.testing.assert_allclose(
        found.state.soil_organic_nitrogen,
        found.state.soil_organic_carbon / parameters.soil_carbon_to_nitrogen,
        rtol=1e-12,
    )


def test_a_further_year_changes_nothing():
    """Run the mean year from the equilibrium; the pools come back, exposure on."""
    parameters, place, climate, found = case()
    year = mean_year(climate)
    run = temjax.simulate(parameters, place, year, initial=found.state, exposure=True)
    before = found.state.ecosystem.pools[:, :4]
    after = run.state.ecosystem.pools[:, :4]
    scale = jnp.maximum(jnp.abs(before), 1e-2)
    soil_nitrogen = POOLS.index("soil_organic_nitrogen")
    change = np.array(jnp.abs(after - before) / scale)
    # without the baseline rule SOLN moves by the year's imbalance, which is part of the rule
    change[soil_nitrogen] = 0
    assert change.max() < 1e-6
    np.testing.assert_allclose(run.annual.exposure_factor[:, :4], 1.0, atol=1e-9)


@pytest.mark.slow
def test_brute_force_reaches_the_same_point(capsys):
    """4 000 plain years from TEM's initial pools, counted against the search."""
    from temjax.cell import cell_constants, initial_pools
    from temjax.equilibrium import _Problem, initial_memory
    from temjax.processes.radiation import gross_irradiance
    from temjax.simulate import climate_block, exposure_history, year_inputs
    from temjax.state import EcosystemState, ExposureState

    parameters, place, climate, found = case()
    year, options = mean_year(climate), temjax.ModelOptions()
    heat, pack, _ = temjax.equilibrate_heat(parameters, place, year)
    soil = temjax.soil_climate(parameters, place, year, initial=heat, snowpack=pack)
    constants = cell_constants(parameters, place)
    irradiance = gross_irradiance(place.latitude)
    ledgers = ExposureState.zeros(CELLS, jnp.float64)
    history = exposure_history(parameters, constants, options, soil, jnp.zeros(1), ledgers, None)
    inputs = year_inputs(options, climate_block(year, 0, 1), soil, history)
    inputs = jax.tree.map(lambda x: x[0], inputs)
    problem = _Problem(parameters, constants, irradiance, inputs, pack, options)
    start = _pack(
        EcosystemState(initial_pools(parameters, place)),
        initial_memory(parameters, constants, inputs, irradiance),
    )

    @eqx.filter_jit
    def many(problem, x):
        def year(carry, _):
            after = problem(carry)
            return after, _residual(carry, after)

        return jax.lax.scan(year, x, None, length=4000)

    end, changes = many(problem, start)
    here = _pack(found.state.ecosystem, found.state.memory)
    gap = jnp.abs(end[:5, :4] - here[:5, :4]) / jnp.abs(here[:5, :4])
    years = np.argmax(np.asarray(changes[:, :4]) <= TOLERANCE, axis=0)
    with capsys.disabled():
        print(
            f"\nplain years to 1e-8: {years}; search: {found.iterations[:4]}; gap {gap.max():.1e}"
        )
    assert float(gap.max()) < 1e-4


def _stocks(scale, guess):
    parameters, place, climate, _ = case()
    cmax, kdc, water = scale
    parameters = dataclasses.replace(
        parameters,
        cmax_scale=parameters.cmax_scale * cmax,
        kdc_scale=parameters.kdc_scale * kdc,
        upper_water=parameters.upper_water * water,
    )
    found = find_equilibrium(parameters, place, climate, guess=guess)
    return found.state.ecosystem.pools[:5, :4]


@pytest.mark.slow
def test_implicit_derivative_matches_central_differences():
    *_, found = case()
    one = jnp.ones(3)

    @jax.jit
    def stocks(scale):
        return _stocks(scale, found.state)

    forward = jax.jit(jax.jacfwd(lambda s: _stocks(s, found.state)))(one)
    step = 1e-5
    central = jnp.stack(
        [(stocks(one + step * e) - stocks(one - step * e)) / (2 * step) for e in jnp.eye(3)], -1
    )
    scale = jnp.max(jnp.abs(central), axis=-1, keepdims=True)
    np.testing.assert_allclose(forward / scale, central / scale, atol=1e-5)
    reverse = jax.jit(jax.grad(lambda s: jnp.sum(_stocks(s, found.state)[3])))(one)
    np.testing.assert_allclose(reverse, jnp.sum(forward[3], axis=0), rtol=1e-9)
    assert np.all(np.isfinite(reverse))


def test_climate_choices():
    parameters, place, climate, _ = case()
    with pytest.raises(ValueError, match="choose 'mean' or 'first'"):
        find_equilibrium(parameters, place, climate, climate="median")
    with pytest.raises(ValueError, match="at least 1"):
        find_equilibrium(parameters, place, climate, climate_years=0)
    first = temjax.equilibrium.equilibrium_climate(climate, "first", 30)
    np.testing.assert_array_equal(
        first.air_temperature, select_years(climate, 0, 1).air_temperature
    )
