import jax.numpy as jnp
import numpy as np

from temjax.processes import evapotranspiration as et
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(2)


def actual(water_input, potential, available_water, available_water_capacity):
    terms = et.wetting_terms(
        water_input=water_input,
        potential_evapotranspiration=potential,
        days=31.0,
        available_water_capacity=available_water_capacity,
    )
    return et.unlimited_evapotranspiration(wetting=terms, available_water=available_water)


def test_potential_is_never_zero():
    cold = et.potential_evapotranspiration(air_temperature=-40.0, canopy_irradiance=0.0, days=31.0)
    assert cold == et.MINIMUM_POTENTIAL_EVAPOTRANSPIRATION


def test_wet_months_meet_the_demand_and_dry_soil_does_not():
    assert actual(120.0, 100.0, 0.0, 150.0) == 100.0
    full, half, empty = (float(actual(0.0, 100.0, water, 150.0)) for water in (150.0, 75.0, 0.0))
    assert 99.0 < full <= 100.0 and full > half > 0.0 and empty == 0.0


def test_vanishing_input_is_the_limit_of_a_small_one():
    np.testing.assert_allclose(
        actual(0.0, 80.0, 60.0, 150.0), actual(1e-9, 80.0, 60.0, 150.0), rtol=1e-9
    )


def test_derivatives():
    count = 200
    check_derivatives(
        actual,
        {
            "water_input": RANDOM.uniform(0.5, 60.0, count),
            "potential": RANDOM.uniform(62.0, 180.0, count),
            "available_water": RANDOM.uniform(1.0, 200.0, count),
            "available_water_capacity": RANDOM.uniform(210.0, 350.0, count),
        },
    )
    check_derivatives(
        et.potential_evapotranspiration,
        {
            "air_temperature": RANDOM.uniform(-20.0, 25.0, count),
            "canopy_irradiance": RANDOM.uniform(5.0, 600.0, count),
            "days": np.full(count, 30.0),
        },
    )


def test_edges_are_finite():
    # No input, dry and empty soil, soil far above its capacity (after thaw exposure).
    for dtype in (jnp.float64, jnp.float32):
        assert_finite_derivatives(
            actual,
            {
                "water_input": jnp.asarray([0.0, 0.0, 1e-12, 5.0, 0.0, 40.0], dtype),
                "potential": jnp.asarray([0.001, 90.0, 90.0, 90.0, 90.0, 40.0], dtype),
                "available_water": jnp.asarray([0.0, 0.0, 0.0, 900.0, 2000.0, 0.0], dtype),
                "available_water_capacity": jnp.full(6, 39.0, dtype),
            },
        )
