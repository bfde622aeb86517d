"""Names of scenarios and places, units by the size of a region, bands of latitude."""

import numpy as np
import pytest

from temjax.regional.diagnostics.naming import Units, scenario_name, span_text
from temjax.regional.diagnostics.totals import latitude_bands


@pytest.mark.parametrize(
    ("scenario", "name"),
    [("rcp85", "RCP8.5"), ("RCP26", "RCP2.6"), ("ssp126", "SSP1-2.6"), ("ssp370", "SSP3-7.0"),
     ("ssp534-over", "SSP5-3.4-over"), ("picontrol", "piControl"), ("1pctCO2", "1pctCO2"),
     ("historical", "historical"), ("mine", "mine")],
)  # fmt: skip
def test_scenarios_are_named_as_they_are_written(scenario, name):
    assert scenario_name(scenario) == name


@pytest.mark.parametrize(
    ("area", "stock", "amount"),
    [(1e6, "Pg", "Tg"), (1e4, "Tg", "Gg"), (100.0, "Gg", "Mg"), (0.1, "Mg", "kg")],
)
def test_units_follow_the_area(area, stock, amount):
    units = Units.of_area(area)
    assert (units.stock, units.amount) == (stock, amount)
    grams = {"Pg": 1e15, "Tg": 1e12, "Gg": 1e9, "Mg": 1e6, "kg": 1e3}
    assert units.stock_size * 1e12 == pytest.approx(grams[stock])
    assert units.amount_size * 1e12 == pytest.approx(grams[amount])
    # 500 g C m-2 over the region is a readable number
    assert 1e-2 < 500e6 * area / grams[stock] < 1e3


def test_spans_name_their_hemispheres():
    assert span_text(np.array([-10.0, -20.0]), "N", "S") == "10–20° S"
    assert span_text(np.array([-5.0, 5.0]), "N", "S") == "5° S–5° N"
    assert span_text(np.array([68.6, 68.6]), "N", "S") == "68.6° N"


def test_bands_are_at_most_six_and_hold_every_cell_once():
    for latitude in (np.linspace(50.0, 71.9, 40), np.linspace(-9.5, 9.5, 20)):
        bands = latitude_bands(latitude)
        assert 2 <= len(bands) <= 6
        assert np.array_equal(
            sum(mask.astype(int) for mask in bands.values()), np.ones(latitude.size)
        )
    assert set(latitude_bands(np.array([62.0, 63.5]))) == {"62–63° N", "63–64° N"}
    assert set(latitude_bands(np.array([-0.5, 0.5]))) == {"0–1° S", "0–1° N"}
    assert latitude_bands(np.array([68.6, 68.7])) == {}
