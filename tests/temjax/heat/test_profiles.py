"""Soil temperature of single days: where a day lies between months, values and derivatives."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from temjax import ModelOptions, load_parameters, soil_climate
from temjax.heat.profiles import ProfileDay, profile_day, temperature_profiles
from temjax.processes import soil_heat
from temjax.soil_column import soil_column
from temjax.state import SoilHeatState
from tests.support.heat_cases import plateau

OPTIONS = ModelOptions(heat_substeps=2)
DEPTHS = (0.5, 2.0)


@pytest.mark.parametrize(
    ("date", "month", "share"),
    [
        ((0, 1, 16), 0, 0.0),  # the middle of January
        ((0, 4, 1), 2, 16.0 / 30.5),  # half a day into April, 16 days past the middle of March
        ((1, 2, 15), 13, 0.5 / 29.5),
        ((1, 1, 1), 11, 16.0 / 31.0),  # the middle of the December before is a month back
        ((0, 2, 29), 1, 13.5 / 29.5),  # no leap days
        ((0, 12, 31), 11, 15.0 / 31.0),
    ],
)
def test_a_day_lies_between_the_middles_of_months(date, month, share):
    day = profile_day(*date, DEPTHS)
    assert (day.month, day.depths) == (month, DEPTHS)
    assert day.share == pytest.approx(share, abs=1e-12)


@pytest.fixture(scope="module")
def column():
    """Parameters, place, two years and a heat state below 0 °C."""
    place, forcing = plateau(-5.3, 11.6, 219.0, years=2)  # synthetic
    parameters = dataclasses.replace(
        load_parameters("alpine-steppe"), surface_resistance=jnp.asarray(0.08)
    )
    layers = soil_column(parameters)
    enthalpy = soil_heat.enthalpy(layers, jnp.full(layers.thickness.shape, -1.5))
    state = SoilHeatState(enthalpy, jnp.asarray(0.0), jnp.zeros_like(enthalpy))
    return parameters, place, forcing, state


def test_days_are_the_months_of_the_soil_climate(column):
    months = soil_climate(*column, snowpack=jnp.asarray(0.0), options=OPTIONS)
    rows = [months.depths.index(depth) for depth in DEPTHS]
    expected = np.asarray(months.soil_temperature)[:, :, rows].reshape(24, -1)
    days = (
        ProfileDay(3, 0.25, DEPTHS), ProfileDay(14, 0.5, DEPTHS[1:]), ProfileDay(-1, 0.4, DEPTHS),
        ProfileDay(23, 0.4, DEPTHS),
    )  # fmt: skip
    first, second, before, after = temperature_profiles(
        *column, jnp.asarray(0.0), days, options=OPTIONS
    )
    np.testing.assert_allclose(first, 0.75 * expected[3] + 0.25 * expected[4], rtol=1e-12)
    np.testing.assert_allclose(second, expected[14:16, 1:].mean(axis=0), rtol=1e-12)
    # beyond the ends the last month stands
    np.testing.assert_allclose(before, expected[0], rtol=1e-12)
    np.testing.assert_allclose(after, expected[23], rtol=1e-12)


@pytest.mark.slow  # compiles the heat run forward and in reverse
def test_slopes_of_a_profile(column):
    parameters, *rest = column

    @jax.jit
    def profile(point):
        moved = dataclasses.replace(
            parameters, conductivity_scale=point[0], surface_shortwave_coefficient=point[1]
        )
        days = (ProfileDay(8, 0.5, DEPTHS),)
        return temperature_profiles(moved, *rest, jnp.asarray(0.0), days, options=OPTIONS)[0]

    point = jnp.asarray([1.1, 0.018])
    forward, reverse = jax.jacfwd(profile)(point), jax.jacrev(profile)(point)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)
    for row, step in enumerate((1e-5, 1e-7)):
        move = step * jnp.eye(2)[row]
        difference = (profile(point + move) - profile(point - move)) / (2 * step)
        np.testing.assert_allclose(forward[:, row], difference, rtol=1e-4)
    assert (forward[:, 1] > 0).all()  # more sun, warmer soil
