"""Soil temperature under snow and the zero curtain, of series made by hand."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from temjax import sites
from temjax.sites.compare import compare_winters, comparison_table
from temjax.sites.observations import MonthlySeries
from temjax.sites.winter import time_in_band, zero_curtain

# July 10 °C, September 6, October 0 °C, November 0, December -3
YEAR = np.array([-12.0, -12, -10, -6, 2, 8, 10, 9, 6, 0, 0, -3])


def test_lines_between_mid_months():
    """From 3 to -3 K in 30 days a quarter lies within 0.75 K; at 0.5 all of it, at 1 nothing."""
    rows = np.array([[3.0, -3.0], [0.5, 0.5], [1.0, 1.0], [0.75, 0.75], [3.0, 0.0], [np.nan, 0.0]])
    days = time_in_band(rows, np.array([30.0]))
    np.testing.assert_allclose(days, [7.5, 30.0, 0.0, 30.0, 7.5, np.nan])
    near = time_in_band(np.array([[0.5, 0.5 + 1e-9], [0.5, 0.5]]), np.array([30.0]))
    assert near[0] == pytest.approx(near[1])  # continuous where the ground stays level


def test_the_curtain_of_one_autumn():
    """30.5 · 0.75/6 before, the 30.5 days at 0 °C and 30.5 · 0.75/3 after October and November."""
    years = np.stack([YEAR, YEAR])
    expected = 30.5 * 0.75 / 6 + 30.5 + 30.5 * 0.75 / 3
    np.testing.assert_allclose(zero_curtain(years), [expected, np.nan])
    np.testing.assert_allclose(zero_curtain(YEAR[None]), [expected])  # a mean year follows itself
    # spring crosses 0 °C as well and is no part of it
    np.testing.assert_allclose(zero_curtain((YEAR - 20)[None]), [0.0])
    without = years.copy()
    without[1, 0] = np.nan  # January belongs to the autumn before
    assert np.isnan(zero_curtain(without)).all()


def test_half_a_year_later_in_the_south():
    southern = np.roll(YEAR, 6)
    north = zero_curtain(YEAR[None])[0]
    assert zero_curtain(southern[None], southern=True)[0] == pytest.approx(north, abs=1.5)
    assert zero_curtain(southern[None])[0] != pytest.approx(north, abs=1.5)


@pytest.fixture
def tundra() -> sites.Site:
    """Three years of soil temperature, the second warmer by 1 K."""
    values = np.stack([YEAR, YEAR + 1, YEAR])
    series = MonthlySeries(
        "soil_temperature", "degC", (2001, 2003), values, np.ones((3, 12)),
        np.zeros((3, 12), bool), "made", 0.05,
    )  # fmt: skip
    site = sites.load("us-ivo")
    observed = dataclasses.replace(site.observations, monthly={"soil_temperature": series})
    return dataclasses.replace(site, observations=observed)


def run_of(values: np.ndarray) -> SimpleNamespace:
    """Soil at 5 cm, with snow at the end of the months from November to April."""
    snow = np.tile(np.where((np.arange(12) < 4) | (np.arange(12) > 9), 40.0, 0.5), (3, 1))
    monthly = SimpleNamespace(soil_temperature=values[..., None], snowpack=snow)
    soil = SimpleNamespace(depths=(0.05,))
    return SimpleNamespace(years=np.array([2001, 2002, 2003]), monthly=monthly, soil=soil)


def test_a_run_beside_the_observed_winters(tundra):
    series = tundra.observations.monthly["soil_temperature"].values
    offset = np.where(np.arange(12) < 4, -2.0, 1.0)  # too cold from January to April
    snow, curtain = compare_winters(tundra, run_of(series + offset))
    assert snow.label == "snow" and snow.skill.count == 18
    assert snow.skill.bias == pytest.approx((4 * -2 + 2 * 1) / 6)
    assert snow.skill.rmse == pytest.approx(np.sqrt((4 * 4 + 2 * 1) / 6))
    lengths = zero_curtain(series)
    np.testing.assert_allclose(curtain.observed, lengths)
    np.testing.assert_allclose(curtain.simulated, zero_curtain(series + offset))
    assert curtain.skill.count == 2  # the last autumn has no end
    assert curtain.observed_year == pytest.approx(np.nanmean(lengths))
    assert snow.climatology is not None and snow.climatology.rmse == pytest.approx(
        np.sqrt((2 * 0.5**2 + 1) / 3)  # the mean of the other two is 0.5, 1 and 0.5 K off
    )
    console = Console(width=80)
    with console.capture() as text:
        console.print(comparison_table("here", [snow, curtain]))
    assert "Tsoil, snow (°C)" in text.get() and "zero curtain (d)" in text.get()
    assert "…" not in text.get()


def test_nothing_to_compare(tundra):
    none = dataclasses.replace(tundra.observations, monthly={})
    assert compare_winters(dataclasses.replace(tundra, observations=none), run_of(YEAR)) == []
