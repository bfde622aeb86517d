"""The synthetic plateau against the statistics of docs/specification/plateau.md B."""

from pathlib import Path

import numpy as np
import pytest

from temjax import regional
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.domain import load_domain
from temjax.sites.history import plateau_warming

EXPERIMENT = Path(regional.__file__).parent / "experiments" / "qtp-synthetic-demo.toml"
SHARES = {  # 0.5 and 0.1 degrees, docs/specification/plateau.md B2
    0.5: {"meadow": 0.317, "steppe": 0.471, "shrubland": 0.035, "cushion": 0.070, "desert": 0.107},
    0.1: {"meadow": 0.320, "steppe": 0.478, "shrubland": 0.026, "cushion": 0.068, "desert": 0.108},
}


def percentiles(values):
    return np.percentile(values, [5, 50, 95])


# tolerances are the table's printed digits; at 0.1 degrees it says "same" from MAT on
@pytest.mark.parametrize(
    ("resolution", "cells", "area", "elevation"),
    [(0.5, 424, 1.075e6, (4369, 4837, 5227)), (0.1, 10578, 1.074e6, (4376, 4840, 5214))],
)
def test_published_statistics(resolution, cells, area, elevation):
    plateau = synthetic.plateau(resolution, forest=False)
    assert plateau.latitude.size == cells
    assert plateau.area.sum() == pytest.approx(area, abs=0.5e3)
    for name, share in SHARES[resolution].items():
        area_share = plateau.area[plateau.vegetation == f"alpine-{name}"].sum() / plateau.area.sum()
        assert area_share == pytest.approx(share, abs=0.0006), name
    assert not np.any(plateau.vegetation == "alpine-forest")
    assert percentiles(plateau.elevation) == pytest.approx(elevation, abs=1)
    tolerance = 0.07 if resolution == 0.1 else 0.05  # "same" in the table
    mean = plateau.mean_temperature
    assert percentiles(mean) == pytest.approx((-7.2, -5.3, -3.9), abs=tolerance)
    july = mean + plateau.half_range * np.cos(2 * np.pi * (6.5 - 6.65) / 12)
    assert percentiles(july) == pytest.approx((4.7, 6.5, 8.0), abs=tolerance + 0.005)
    millimetres = 2.5 if resolution == 0.1 else 0.5
    rain = percentiles(plateau.annual_precipitation)
    assert rain == pytest.approx((100, 234, 402), abs=millimetres)
    assert percentiles(plateau.annual_shortwave) == pytest.approx((213, 224, 232), abs=0.5)
    psi = (plateau.silt + plateau.clay) / 100
    assert percentiles(psi) == pytest.approx((0.27, 0.39, 0.53), abs=0.011)


@pytest.mark.parametrize(("resolution", "cells"), [(0.5, 5), (0.1, 59)])
def test_wider_forest_rule_fills_the_sixth_type(resolution, cells):
    plateau = synthetic.plateau(resolution)
    assert np.sum(plateau.vegetation == "alpine-forest") == cells


def test_forced_warming_is_the_published_curve():
    years = [2010, 2020, 2050, 2080, 2095, 2099]
    low, high = plateau_warming(years, "rcp45"), plateau_warming(years, "rcp85")
    assert low == pytest.approx([0.57, 0.90, 1.75, 2.44, 2.71, 2.78], abs=0.006)
    assert high == pytest.approx([0.57, 0.91, 2.12, 3.64, 4.51, 4.75], abs=0.006)


@pytest.mark.parametrize(
    ("scenario", "warming"),
    [("rcp45", (2.1, 2.9, 2.8, 3.1)), ("rcp85", (3.9, 4.1, 4.4, 5.1))],
)
def test_noise_gives_the_published_warming_of_every_pseudo_gcm(scenario, warming):
    """2090s minus 1986-2005 with the seeded noise: fails if seeds or draw order change."""
    plateau = synthetic.plateau(0.5)
    weight = plateau.area / plateau.area.sum()
    for gcm, expected in zip(synthetic.PSEUDO_GCMS, warming, strict=True):
        climate = synthetic.climate(plateau, gcm, scenario)
        annual = climate.air_temperature.mean(axis=1) @ weight
        late = annual[(climate.years >= 2090) & (climate.years <= 2099)].mean()
        base = annual[(climate.years >= 1986) & (climate.years <= 2005)].mean()
        assert late - base == pytest.approx(expected, abs=0.06), gcm


def test_scenarios_share_their_history():
    plateau = synthetic.plateau(0.5).select(np.arange(3))
    low, high = (synthetic.climate(plateau, "C", s) for s in synthetic.SCENARIOS)
    past = low.years <= 2005
    assert np.array_equal(low.air_temperature[past], high.air_temperature[past])
    assert np.array_equal(low.shortwave[past], high.shortwave[past])
    assert not np.array_equal(low.precipitation[~past], high.precipitation[~past])


def test_subset_of_cells_has_the_same_climate():
    plateau = synthetic.plateau(0.5)
    cells = np.array([7, 100, 300])
    whole = synthetic.climate(plateau, "B", "rcp85")
    part = synthetic.climate(plateau.select(cells), "B", "rcp85")
    assert np.array_equal(whole.air_temperature[..., cells], part.air_temperature)


def test_unknown_member_is_refused():
    with pytest.raises(ValueError, match="choose from A, B, C, D"):
        synthetic.climate(synthetic.plateau(0.5), "E", "rcp85")


def test_demo_cut_has_all_six_types_and_the_whole_area():
    domain = load_domain(read_experiment(EXPERIMENT))
    assert domain.size == 44
    assert len(set(domain.vegetation)) == 6
    assert domain.synthetic
    assert domain.area.sum() == pytest.approx(1.075e6, rel=0.07)
    latitude, longitude = domain.grid.fields()
    assert np.array_equal(latitude[domain.row, domain.column], domain.latitude)
    assert np.array_equal(longitude[domain.row, domain.column], domain.longitude)
