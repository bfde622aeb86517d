"""Warming history, CO2 and the forcing before a tower."""

import numpy as np
import pytest

from temjax.sites.history import (
    co2_years,
    global_co2,
    plateau_warming,
    site_forcing,
    warming_shift,
)

CLIMATE = {
    "air_temperature": np.linspace(-12.0, 10.0, 12),
    "precipitation": np.linspace(1.0, 100.0, 12),
    "shortwave": np.linspace(120.0, 260.0, 12),
}


@pytest.mark.parametrize(
    ("year", "rcp45", "rcp85"),
    # docs/specification/plateau.md B1, rounded there to 0.01 K
    [(2010, 0.57, 0.57), (2020, 0.90, 0.91), (2050, 1.75, 2.12), (2080, 2.44, 3.64),
     (2095, 2.71, 4.51), (2099, 2.78, 4.75)],
)  # fmt: skip
def test_warming_of_the_recipe(year, rcp45, rcp85):
    assert plateau_warming(year, "rcp45") == pytest.approx(rcp45, abs=0.0051)
    assert plateau_warming(year, "rcp85") == pytest.approx(rcp85, abs=0.0051)


def test_warming_joins_at_its_breaks():
    years = np.array([1861.0, 1960.0, 1960.0 + 1e-9, 2006.0, 2006.0 + 1e-9])
    warming = plateau_warming(years)
    assert warming[0] == pytest.approx(-1.70)
    assert warming[1] == pytest.approx(-1.40)
    assert warming[2] == pytest.approx(warming[1], abs=1e-6)
    assert warming[4] == pytest.approx(warming[3], abs=1e-6)


@pytest.mark.parametrize(
    ("year", "scenario", "expected"),
    # docs/specification/protocol.md 7, Meinshausen et al. 2011
    [(1861, "rcp85", 286.4), (1950, "rcp45", 310.8), (2005, "rcp85", 378.8),
     (2050, "rcp45", 486.5), (2099, "rcp85", 926.7)],
)  # fmt: skip
def test_co2_of_july(year, scenario, expected):
    assert global_co2(1860, 2100, scenario)[year - 1860, 6] == pytest.approx(expected, abs=0.051)


def test_co2_is_constant_before_the_first_and_after_the_last_july():
    co2 = global_co2(1901, 2000)
    assert co2.shape == (100, 12)
    assert np.all(co2[0, :7] == co2[0, 6])
    assert np.all(co2[-1, 6:] == co2[-1, 6])
    july = co2[:, 6]
    np.testing.assert_allclose(co2[1:, 0], (july[1:] + july[:-1]) / 2)


def test_co2_outside_the_table():
    assert co2_years() == (1700, 2500)
    with pytest.raises(ValueError, match="1700-2500; 1699-1900 was asked for"):
        global_co2(1699, 1900)
    with pytest.raises(ValueError, match="1700-2500"):
        global_co2(2400, 2501)


@pytest.mark.parametrize(
    ("year", "scenario", "expected"),
    # the published files, rounded to 0.001
    [(1700, "rcp45", 276.746), (1764, "rcp85", 277.859), (1765, "rcp45", 278.052),
     (1850, "rcp85", 284.725), (2100, "rcp45", 538.358), (2101, "rcp45", 538.872),
     (2150, "rcp45", 542.955), (2500, "rcp45", 542.955), (2101, "rcp85", 945.132),
     (2200, "rcp85", 1829.056), (2250, "rcp85", 1961.577), (2500, "rcp85", 1961.577)],
)  # fmt: skip
def test_co2_of_the_ends(year, scenario, expected):
    assert global_co2(1700, 2500, scenario)[year - 1700, 6] == expected


@pytest.mark.parametrize("scenario", ["rcp45", "rcp85"])
def test_co2_has_no_slip(scenario):
    """A wrong digit of one year would bend the series more than the measured years do."""
    july = global_co2(1700, 2500, scenario)[:, 6]
    bend = np.abs(np.diff(july, 2))
    years = np.arange(1701, 2500)
    assert bend.max() < 0.52  # 1999
    assert bend[(years < 1860) | (years > 2096)].max() < 0.2
    assert np.abs(np.diff(july[:160])).max() < 0.2  # the step between the two sources


def test_co2_before_the_pathways_part_is_one_history():
    np.testing.assert_array_equal(global_co2(1700, 2005, "rcp45"), global_co2(1700, 2005, "rcp85"))


def test_warming_is_constant_outside_its_years():
    assert plateau_warming(1700) == plateau_warming(1861)
    assert plateau_warming(2300) == plateau_warming(2100)


def test_shift_is_relative_to_the_reference():
    years = np.arange(1901, 2011)
    shift = warming_shift(years, (1981, 2000), "plateau")
    assert shift[80:100].mean() == pytest.approx(0, abs=1e-12)
    assert shift[0] == pytest.approx(-1.5788 - (-1.40 + 0.04 * 30.5), abs=1e-4)
    assert not warming_shift(years, (1981, 2000), "none").any()


def test_tower_years_keep_their_mean_temperature():
    forcing = site_forcing(CLIMATE, (2002, 2004))
    temperature = np.asarray(forcing.air_temperature)
    assert temperature.shape == (104, 12)
    np.testing.assert_allclose(temperature[-3:].mean(axis=0), CLIMATE["air_temperature"])
    # W(1901) - mean W(2002..2004) = -1.5788 - 0.32
    np.testing.assert_allclose(
        temperature[0] - CLIMATE["air_temperature"], -1.5788 - 0.32, atol=1e-4
    )
    assert np.all(np.asarray(forcing.precipitation) == CLIMATE["precipitation"])
    assert np.all(np.asarray(forcing.shortwave) == CLIMATE["shortwave"])


def test_the_tower_replaces_the_climatology():
    tower = {name: np.arange(24.0).reshape(2, 12) for name in CLIMATE}
    forcing = site_forcing(CLIMATE, (2004, 2005), tower=tower, warming="none", first_year=1990)
    assert np.asarray(forcing.years)[0] == 1990
    np.testing.assert_array_equal(
        np.asarray(forcing.air_temperature)[-2:], tower["air_temperature"]
    )
    np.testing.assert_allclose(np.asarray(forcing.air_temperature)[0], CLIMATE["air_temperature"])
