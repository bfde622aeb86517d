"""A run beside the observations, with a simulation whose error is known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from temjax import sites
from temjax.sites.compare import compare, comparison_table, simulated_months
from temjax.sites.figures import mean_year_figure

OFFSET = {
    "gross_primary_production": 3.0,
    "ecosystem_respiration": -2.0,
    "net_ecosystem_production": 5.0,
    "soil_temperature": 0.5,
}


@pytest.fixture
def meadow():
    return sites.load("haibei-meadow")


def simulated(site, years):
    """The observed climatology plus an offset in every year; soil temperature at 5 and 20 cm."""
    rows = {
        name: np.tile(series.values + OFFSET[name], (len(years), 1))
        for name, series in site.observations.monthly.items()
    }
    soil = rows.pop("soil_temperature")
    monthly = SimpleNamespace(**rows, soil_temperature=np.stack([soil, soil - 4], axis=-1))
    return SimpleNamespace(
        years=np.asarray(years), monthly=monthly, soil=SimpleNamespace(depths=(0.05, 0.2))
    )


def test_skill_of_a_constant_offset(meadow):
    rows = compare(meadow, simulated(meadow, range(2000, 2005)))
    assert [row.series.variable for row in rows] == list(OFFSET)
    for row in rows:
        offset = OFFSET[row.series.variable]
        assert row.skill.bias == pytest.approx(offset)
        assert row.skill.rmse == pytest.approx(abs(offset))
        assert row.skill.squared_correlation == pytest.approx(1.0)
        months = 1 if row.series.variable == "soil_temperature" else 12
        assert row.simulated_year - row.observed_year == pytest.approx(months * offset)
    # the annual sum in the site's source: 95 g C m-2
    nep = next(row for row in rows if row.series.variable == "net_ecosystem_production")
    assert nep.observed_year == pytest.approx(95.2, abs=0.5)


def test_suspect_months_are_left_out_of_both():
    shrub = sites.load("haibei-shrubland")
    rows = {r.series.variable: r for r in compare(shrub, simulated(shrub, range(2003, 2006)))}
    gpp = rows["gross_primary_production"]
    assert gpp.skill.count == 7
    assert np.isnan(gpp.simulated[0, 0])
    everything = compare(shrub, simulated(shrub, range(2003, 2006)), usable_only=False)
    assert all(row.skill.count == 12 for row in everything)


def test_partial_years_weigh_by_calendar_month(meadow):
    """Half a year more in summer does not make the mean year greener."""
    series = meadow.observations.monthly["gross_primary_production"]
    values = np.tile(series.values, (3, 1))
    values[0, :5] = values[2, 9:] = np.nan
    partial = dataclasses.replace(
        series, period=(2002, 2004), values=values, sd=np.ones((3, 12)),
        suspect=np.zeros((3, 12), bool),
    )  # fmt: skip
    observations = dataclasses.replace(
        meadow.observations, monthly={"gross_primary_production": partial}
    )
    run = simulated(meadow, range(2002, 2005))
    (row,) = compare(dataclasses.replace(meadow, observations=observations), run)
    assert row.skill.count == 28
    assert row.observed_year == pytest.approx(series.values.sum())
    assert row.simulated_year == pytest.approx(series.values.sum() + 36)


def test_soil_temperature_is_taken_at_the_sensor(meadow):
    run = simulated(meadow, [2002])
    series = meadow.observations.monthly["soil_temperature"]
    np.testing.assert_allclose(simulated_months(run, series), series.values + 0.5)
    run.monthly.soil_temperature = np.stack([series.values, series.values + 4], axis=-1)
    run.soil.depths = (0.1, 0.2)
    for depth, above in ((0.06, 0.0), (0.1, 0.0), (0.125, 1.0), (0.2, 4.0), (0.24, 4.0)):
        at_depth = dataclasses.replace(series, depth=depth)
        np.testing.assert_allclose(simulated_months(run, at_depth), series.values + above)
    run.soil.depths = (0.5, 1.0)
    with pytest.raises(ValueError, match=r"0\.05 m; the model reports 0\.5, 1 m"):
        simulated_months(run, series)


def test_table_and_figure(meadow, tmp_path):
    rows = compare(meadow, simulated(meadow, range(2000, 2005)))
    console = Console(width=80, record=True)
    console.print(comparison_table("title", rows))
    text = console.export_text()
    assert "GPP (g C m⁻²)" in text and "+5.00" in text
    image = imread(mean_year_figure("title", rows, tmp_path / "figure.png"))
    assert image.shape[0] > 500
    assert len(np.unique(image.reshape(-1, image.shape[-1]), axis=0)) > 50
