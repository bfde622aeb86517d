import jax.numpy as jnp
import numpy as np

from temjax.processes import water
from tests.support.derivatives import assert_finite_derivatives, check_derivatives

RANDOM = np.random.default_rng(3)


def flows(available_water, rainfall, snowmelt, evapotranspiration, rain_store, snow_store):
    share, melt_share = water.percolation_shares(rainfall=rainfall, snowmelt=snowmelt)
    percolation = water.percolation(
        available_water=available_water,
        available_water_capacity=150.0,
        water_input=rainfall + snowmelt,
        evapotranspiration=evapotranspiration,
    )
    return (
        share * percolation,
        melt_share * percolation,
        water.limit_evapotranspiration(
            evapotranspiration=evapotranspiration,
            available_water=available_water,
            water_input=rainfall + snowmelt,
            percolation=percolation,
        ),
        water.rain_runoff(rain_runoff_store=rain_store, rain_percolation=share * percolation),
        water.snow_runoff(
            snow_runoff_fraction=0.25,
            snow_runoff_store=snow_store,
            snow_percolation=melt_share * percolation,
        ),
        water.volumetric_moisture(
            soil_moisture=water.soil_moisture(available_water=available_water, wilting_point=90.0),
            moisture_per_water=water.moisture_per_water(rooting_depth=1.1),
        ),
    )


def test_percolation_is_shared_by_what_came_in():
    share, melt = water.percolation_shares(rainfall=jnp.asarray(30.0), snowmelt=jnp.asarray(10.0))
    assert abs(share - 0.75) < 1e-15 and abs(melt - 0.25) < 1e-15
    share, melt = water.percolation_shares(rainfall=jnp.asarray(0.0), snowmelt=jnp.asarray(0.0))
    assert share == 0.0 and melt == 0.0


def test_evapotranspiration_takes_no_more_than_there_is():
    taken = water.limit_evapotranspiration(
        evapotranspiration=50.0, available_water=3.0, water_input=10.0, percolation=0.0
    )
    assert taken == 13.0


def test_snow_runoff_grows_as_the_season_goes():
    def fraction(now, before, second, elevation):
        return float(
            water.snow_runoff_fraction(
                air_temperature=now,
                previous_air_temperature=before,
                second_previous_air_temperature=second,
                elevation=elevation,
            )
        )

    assert fraction(-5.0, -9.0, -9.0, 4000.0) == 0.0
    np.testing.assert_allclose(
        [
            fraction(2.0, -5.0, -9.0, 4000.0),
            fraction(5.0, 2.0, -5.0, 4000.0),
            fraction(5.0, 2.0, -5.0, 400.0),
            fraction(8.0, 5.0, 2.0, 4000.0),
        ],
        [0.1, 0.25, 0.5, 0.5],
    )


def test_derivatives():
    count = 200
    check_derivatives(
        flows,
        {
            "available_water": RANDOM.uniform(1.0, 150.0, count),
            "rainfall": RANDOM.uniform(1.0, 90.0, count),
            "snowmelt": RANDOM.uniform(1.0, 60.0, count),
            "evapotranspiration": RANDOM.uniform(1.0, 90.0, count),
            "rain_store": RANDOM.uniform(0.0, 50.0, count),
            "snow_store": RANDOM.uniform(0.0, 50.0, count),
        },
    )


def test_edges_are_finite():
    # Dry and saturated soil without any input, empty stores.
    edge = dict.fromkeys(("rainfall", "snowmelt", "evapotranspiration"), jnp.zeros(3))
    edge |= {"available_water": jnp.asarray([0.0, 150.0, 400.0])}
    assert_finite_derivatives(
        flows, edge | {"rain_store": jnp.zeros(3), "snow_store": jnp.zeros(3)}
    )
