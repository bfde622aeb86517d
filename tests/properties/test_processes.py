"""What must hold at any state: CO2 helps, warmth thaws, units and files go there and back."""

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from temjax import Forcing, Location, Parameters, read_parameters, write_parameters
from temjax.forcing import mean_year
from temjax.heat.equilibrium import periodic_enthalpy, tolerance
from temjax.heat.surface import surface_series, weather_window
from temjax.heat.year import DEPTHS, NO_SEASON_DEPTH, YearDrivers, observe_year
from temjax.numerics import saturation
from temjax.parameters.registry import REGISTRY
from temjax.processes import photosynthesis, soil_heat
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, canopy_irradiance_from_shortwave
from temjax.processes.soil_profile import depth_shares
from temjax.soil_column import soil_column
from tests.support.random_world import (
    OPTIONS,
    QUANTITIES,
    random_forcing,
    random_location,
    random_parameters,
)

CELLS = 4
MANY = 60
SHALLOWER = 1e-3  # m
SHARE = st.floats(0, 1, width=32)
UNITS = arrays(float, (len(QUANTITIES), CELLS), elements=SHARE, fill=SHARE)
POSITIVE = st.floats(1e-3, 1e4)


def shares(units: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(QUANTITIES, units, strict=True))


# CO2


@settings(max_examples=100)
@given(
    co2=st.floats(0, 5000),
    more=st.floats(0, 5000),
    ratio=st.floats(0, 1.0),
    half=st.floats(100, 600),
)
def test_more_co2_never_lowers_unlimited_production(co2, more, ratio, half):
    conductance = photosynthesis.canopy_conductance(relative_evapotranspiration=jnp.asarray(ratio))
    low, high = (
        photosynthesis.potential_production(
            maximum_photosynthesis=jnp.asarray(900.0),
            foliage=jnp.asarray(0.7),
            leaf=jnp.asarray(0.9),
            co2_response=photosynthesis.co2_response(
                co2=jnp.asarray(level), canopy_conductance=conductance, half_saturation_co2=half
            ),
            light_response=jnp.asarray(0.5),
            temperature_response=jnp.asarray(1.0),
            thaw_fraction=jnp.asarray(1.0),
        )
        for level in (co2, co2 + more)
    )
    assert high >= low * (1 - 1e-15)
    assert 0 <= low <= 900.0


@settings(max_examples=100)
@given(POSITIVE, POSITIVE, POSITIVE)
def test_saturation_grows_and_stays_below_one(value, more, half):
    low, high = (
        float(saturation(jnp.asarray(x), jnp.asarray(half))) for x in (value, value + more)
    )
    assert 0 <= low <= high <= 1


# Warmth


@eqx.filter_jit
def equilibrium_thaw(
    parameters: Parameters, location: Location, year: Forcing, warming: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Literal thaw depth in balance with a year, air warmer, snow and radiation as they were."""
    shape = location.shape
    window = weather_window(year, 0, 1)
    series = surface_series(parameters, location, window, shape, jnp.zeros(shape), None)
    drivers = dataclasses.replace(series.drivers, temperature=series.drivers.temperature + warming)
    year_drivers: YearDrivers = jax.tree.map(lambda x: x[0], drivers)
    column = soil_column(parameters, shape)
    enthalpy, residual, _ = periodic_enthalpy(OPTIONS, column, drivers)
    depths = depth_shares(column, (*DEPTHS, NO_SEASON_DEPTH))
    _, months = observe_year(column, depths, OPTIONS, enthalpy, year_drivers)
    found = residual <= tolerance(residual.dtype)
    return jnp.max(months.maximum_thaw_depth, axis=0), found


def permafrost_year(units: np.ndarray) -> tuple[Parameters, Location, Forcing]:
    """The random year, moved to where thaw depth can change: means of −12 to 2 °C."""
    share = shares(units)
    location = random_location(share)
    year = mean_year(random_forcing(share, location, 1))
    mean = jnp.mean(year.air_temperature, axis=(0, 1))
    season = jnp.clip(year.air_temperature - mean, -20.0, 20.0)
    cold = dataclasses.replace(
        year, air_temperature=jnp.asarray(-12.0 + 14.0 * share["mean"]) + season
    )
    return random_parameters(share), location, cold


def check_warming(units: np.ndarray, warming: float) -> int:
    """Cells judged; both equilibria must have been found."""
    parameters, location, year = permafrost_year(units)
    cold, cold_found = equilibrium_thaw(parameters, location, year, jnp.zeros(()))
    warm, warm_found = equilibrium_thaw(parameters, location, year, jnp.asarray(warming))
    judged = np.asarray(cold_found & warm_found)
    assert (np.asarray(warm - cold)[judged] >= -SHALLOWER).all(), np.asarray(warm - cold)
    return int(judged.sum())


@settings(max_examples=4)
@given(UNITS, st.floats(0.01, 5.0))
def test_warmer_air_never_shoals_the_equilibrium_thaw_depth(units, warming):
    check_warming(units, warming)


@pytest.mark.slow
@settings(max_examples=30)
@given(UNITS, st.floats(0.01, 5.0))
def test_warmer_air_never_shoals_many(units, warming):
    check_warming(units, warming)


def test_the_cells_of_the_warming_test_are_judged():
    units = np.random.default_rng(4).uniform(size=(len(QUANTITIES), CELLS))
    assert check_warming(units, 1.0) >= CELLS - 1


# There and back


@given(UNITS, st.floats(-60, 40))
def test_temperature_and_enthalpy_are_inverse(units, degrees):
    column = soil_column(random_parameters(shares(units)), (CELLS,))
    given_temperature = jnp.full(column.thickness.shape, degrees)
    enthalpy = soil_heat.enthalpy(column, given_temperature)
    back = soil_heat.temperature(column, enthalpy)
    np.testing.assert_allclose(back, given_temperature, atol=1e-12, rtol=1e-12)
    again = soil_heat.enthalpy(column, back)
    np.testing.assert_allclose(again, enthalpy, rtol=1e-9, atol=1e-3)


@given(st.floats(0, 600))
def test_shortwave_and_calories_are_inverse(shortwave):
    back = float(canopy_irradiance_from_shortwave(jnp.asarray(shortwave))) / SHORTWAVE_TO_CALORIES
    assert back == pytest.approx(shortwave, rel=4e-16, abs=1e-300)


@given(UNITS)
def test_a_parameter_file_gives_back_every_bit(units):
    gathered = random_parameters(shares(units))
    one = jax.tree.map(lambda x: jnp.asarray(x).reshape(-1)[0], gathered)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "set.toml"
        write_parameters(one, path, name="random")
        again = read_parameters(path)
    for name in REGISTRY:
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name), err_msg=name)


@pytest.mark.slow
@settings(max_examples=MANY)
@given(UNITS, st.floats(-60, 40), st.floats(0, 600))
def test_many_there_and_back(units, degrees, shortwave):
    test_temperature_and_enthalpy_are_inverse.hypothesis.inner_test(units, degrees)
    test_shortwave_and_calories_are_inverse.hypothesis.inner_test(shortwave)
    test_a_parameter_file_gives_back_every_bit.hypothesis.inner_test(units)
