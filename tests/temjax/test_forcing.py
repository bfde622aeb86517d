"""Forcing types and their small helpers."""

import jax.numpy as jnp
import numpy as np
import pytest

from temjax.forcing import Forcing, co2_monthly, concatenate, mean_year, select_years


def make(years: int, cells: tuple[int, ...] = ()) -> Forcing:
    shape = (years, 12, *cells)
    values = jnp.arange(np.prod(shape), dtype=float).reshape(shape)
    return Forcing(jnp.arange(1901, 1901 + years), values, values + 1, values + 2, values[:, :])


def test_shapes_are_checked():
    good = make(3)
    with pytest.raises(ValueError, match=r"precipitation has shape"):
        Forcing(good.years, good.air_temperature, good.shortwave[:2], good.shortwave, good.co2)
    with pytest.raises(ValueError, match=r"co2 has shape"):
        Forcing(good.years, good.air_temperature, good.shortwave, good.shortwave, good.co2[:, :6])
    with pytest.raises(ValueError, match=r"Forcing.years has shape"):
        Forcing(good.years[:2], good.air_temperature, good.shortwave, good.shortwave, good.co2)


def test_mean_year_keeps_the_first_co2():
    forcing = make(4)
    mean = mean_year(forcing, 1, 3)
    np.testing.assert_allclose(
        mean.air_temperature[0], np.mean(forcing.air_temperature[1:3], axis=0)
    )
    np.testing.assert_array_equal(mean.co2, np.full((1, 12), forcing.co2[1, 0]))


def test_concatenate_undoes_select():
    forcing = make(5, (2,))
    joined = concatenate(select_years(forcing, 0, 2), select_years(forcing, 2, 5))
    np.testing.assert_array_equal(joined.air_temperature, forcing.air_temperature)
    np.testing.assert_array_equal(joined.years, forcing.years)


def test_concatenate_broadcasts_co2_to_cells():
    cells = make(2, (3,))
    shared = Forcing(
        cells.years,
        cells.air_temperature,
        cells.precipitation,
        cells.shortwave,
        jnp.full((2, 12), 7.0),
    )
    joined = concatenate(cells, shared)
    assert joined.co2.shape == (4, 12, 3)
    np.testing.assert_array_equal(joined.co2[2:], 7.0)


def test_co2_is_linear_between_julys():
    monthly = co2_monthly(jnp.array([300.0, 312.0, 318.0]))
    np.testing.assert_array_equal(monthly[0], 300.0)
    assert float(monthly[1, 6]) == 312.0
    np.testing.assert_allclose(monthly[1, 0], 306.0)
    np.testing.assert_allclose(monthly[1, 11], 312.0 + 5 / 12 * 6)
    np.testing.assert_array_equal(monthly[2, 6:], 318.0)
