"""Snow against TEM's tables, and what the pack does to the ground."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from temjax.processes import snow
from tests.support.heat_cases import toolik

WINDY_TYPES = (1, 2, 6, 7, 8, 10, 12)


def _table(shared, name):
    return np.genfromtxt(shared / "reference/tem423" / name, delimiter=",", names=True)


def test_snow_classes_match_table_11(shared):
    table = _table(shared, "11_snowclass.csv")
    windy = np.isin(table["cmnt"], WINDY_TYPES).astype(float)
    density = snow.snow_density(table["cdm"], table["prec"], table["days"], windy)
    np.testing.assert_allclose(density / 1000.0, table["rho_gcm3"], rtol=1e-12)
    np.testing.assert_allclose(snow.snow_conductivity(density), table["k_snow"], rtol=1e-8)
    assert len(np.unique(density)) == 5


def test_melt_matches_table_07(shared):
    table = _table(shared, "07_water.csv")
    melt = snow.snowmelt(table["snowpack"], table["tair"], table["tprev"], table["elev"])
    np.testing.assert_allclose(melt, table["melt"], rtol=1e-8, atol=1e-9)


def test_precipitation_is_conserved_and_split_at_minus_one():
    air = jnp.array([-1.0001, -1.0, 5.0])
    rain, snowfall = snow.partition_precipitation(jnp.full(3, 7.0), air)
    np.testing.assert_array_equal(rain, [0.0, 7.0, 7.0])
    np.testing.assert_array_equal(snowfall, [7.0, 0.0, 0.0])


def test_series_closes_its_water():
    place, forcing = toolik(jnp.array([0.0, 2.0, -3.0]), years=3)
    air = forcing.air_temperature.reshape((36, 3))
    start = jnp.array([10.0, 0.0, 40.0])
    series = snow.snow_series(
        forcing.precipitation.reshape((36, 3)), air, air[11], place.elevation, start
    )
    gain = jnp.sum(series.snowfall - series.snowmelt, axis=0)
    np.testing.assert_allclose(series.snowpack[-1], start + gain, rtol=1e-13, atol=1e-11)
    assert (series.snowpack >= 0).all()


def test_periodic_pack_returns_to_itself():
    place, forcing = toolik(jnp.array([0.0, -9.0, -14.0]))
    air, rain = forcing.air_temperature[0], forcing.precipitation[0]
    elevation = jnp.full(3, place.elevation)
    pack = snow.periodic_snowpack(rain, air, elevation)
    after = snow.snow_series(rain, air, air[-1], elevation, pack).snowpack[-1]
    np.testing.assert_allclose(after[:2], pack[:2], rtol=1e-12)
    # never above -1 °C: nothing melts, and one year's precipitation lies
    np.testing.assert_allclose(pack[2], jnp.sum(rain[:, 2]), rtol=1e-12)


def test_cold_index_is_clipped():
    air = jnp.array([12.0, 9.0, -5.0] + [30.0] * 9)
    np.testing.assert_allclose(snow.cold_index(air), 1.0 + 15.0)


def test_resistance_has_fraction_and_cap_and_finite_slopes():
    density = jnp.asarray(225.0)
    whole = snow.snow_resistance(100.0, density, 1.0, jnp.inf)
    np.testing.assert_allclose(whole, 100.0 / 225.0 / 10 ** (2.65 * 0.225 - 1.652), rtol=1e-12)
    assert snow.snow_resistance(100.0, density, 0.0, jnp.inf) == 0.0
    capped = snow.snow_resistance(100.0, density, 1.0, 5.0)
    np.testing.assert_allclose(capped / whole, 0.05, rtol=1e-12)
    for pack in (0.0, 50.0):
        slope = jax.grad(lambda f, pack=pack: snow.snow_resistance(pack, density, f, jnp.inf))(1.0)
        np.testing.assert_allclose(slope, pack / 100.0 * whole, rtol=1e-12)
