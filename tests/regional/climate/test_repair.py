"""Repair of small faults, counted; what is suspicious is told and runs."""

import cftime
import numpy as np
import pytest

from temjax.conventions.time_axis import TimeAxis
from temjax.files.findings import DataError
from temjax.regional.climate.load import load_climate
from temjax.regional.climate.repair import repair_months
from temjax.regional.climate.suspicion import Suspicions, counted_calendar
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.experiment.settings import RepairSettings
from temjax.regional.inputs.domain import load_domain
from tests.support.small_region import change, write_experiment

YEARS, CELLS = 40, 3
TOP = np.full((12, CELLS), 100.0)
SOURCES = (slice(0, 20), slice(20, YEARS))


def months():
    """Years that differ by one, months by a tenth, cells by a hundredth."""
    year, month, cell = np.ogrid[0:YEARS, 0:12, 0:CELLS]
    values = year + month / 10 + cell / 100
    return {name: values.copy() for name in ("air_temperature", "precipitation", "shortwave")}


def test_a_missing_month_takes_the_climatology_of_its_source():
    data = months()
    data["precipitation"][18, 5, 1] = np.nan
    data["precipitation"][21, 5, 1] = -9999.0
    repaired, counts = repair_months(data, TOP, SOURCES, RepairSettings())
    before = np.delete(np.arange(3, 20), 15)  # fifteen years around 18, inside the first source
    after = np.delete(np.arange(20, 37), 1)
    assert repaired["precipitation"][18, 5, 1] == pytest.approx(before.mean() + 0.51)
    assert repaired["precipitation"][21, 5, 1] == pytest.approx(after.mean() + 0.51)
    assert (counts.filled_cells, counts.filled_months, counts.clipped_cells) == (1, 2, 0)
    assert np.isnan(data["precipitation"][18, 5, 1])  # the input stays
    kept = np.ones(data["precipitation"].shape, bool)
    kept[[18, 21], 5, 1] = False
    assert np.array_equal(repaired["precipitation"][kept], data["precipitation"][kept])


def test_longer_gaps_are_left_to_mask_their_cell():
    data = months()
    data["air_temperature"][:, 3, 0] = np.nan  # forty months
    data["air_temperature"][4:7, 3, 1] = np.nan
    repaired, counts = repair_months(data, TOP, SOURCES, RepairSettings(missing_months=3))
    assert np.isnan(repaired["air_temperature"][:, 3, 0]).all()
    assert np.isfinite(repaired["air_temperature"][..., 1]).all()
    assert (counts.filled_cells, counts.filled_months) == (1, 3)


def test_radiation_is_clipped_up_to_the_share():
    data = months()
    data["shortwave"][7, 2, :] = (100.005, 114.9, 115.1)
    repaired, counts = repair_months(data, TOP, SOURCES, RepairSettings())
    assert repaired["shortwave"][7, 2].tolist() == [100.005, 100.0, 115.1]
    assert (counts.clipped_cells, counts.clipped_months) == (1, 1)
    assert counts.largest_excess == pytest.approx(14.9)
    night = np.zeros_like(TOP)
    data["shortwave"][...] = 0.0
    data["shortwave"][7, 2, :] = (2.0, 4.9, 5.1)
    repaired, _ = repair_months(data, night, SOURCES, RepairSettings())
    assert repaired["shortwave"][7, 2].tolist() == [0.0, 0.0, 5.1]


def test_strict_repairs_nothing_and_cells_count_by_their_weight():
    data = months()
    data["shortwave"][7, 2, 1] = 101.0
    data["air_temperature"][3, 2, 2] = np.nan
    same, counts = repair_months(data, TOP, SOURCES, RepairSettings(strict=True))
    assert same is data and not counts
    weight = np.array([1, 4, 9])
    _, counts = repair_months(data, TOP, SOURCES, RepairSettings(), weight)
    assert (counts.filled_cells, counts.clipped_cells) == (9, 4)


@pytest.fixture
def region(tmp_path):
    """A region with three missing months in every cell and January 2 % above the top."""
    path = write_experiment(tmp_path)
    data = tmp_path / "data"

    def gaps(values):
        values[[14, 27, 40]] = np.nan
        return values

    def bright(values):
        values[0::12] = 1.02 * 2.28  # W m-2 at the top of the atmosphere in January, 68.6 N
        return values

    change(data / "past.nc", "precip", gaps)
    change(data / "past.nc", "nirr", bright)
    return path


def test_a_region_with_small_faults_runs_and_says_so(region, capsys):
    assert check(region) == []
    told = capsys.readouterr().err
    assert "repaired: 15 missing months in 5 cells filled" in told
    assert "25 months in 5 cells clipped" in told
    experiment = read_experiment(region)
    domain = load_domain(experiment)
    climate = load_climate(experiment, domain, "toy", "rcp85")
    assert climate.repairs["filled_months"] == 15 and climate.repairs["clipped_cells"] == 5
    loaded = climate.load(np.arange(domain.size))
    assert all(np.isfinite(values).all() for values in loaded.values())
    one = climate.load(np.array([3]))
    assert np.array_equal(one["shortwave"], loaded["shortwave"][..., [3]])


def test_strict_refuses_and_a_smaller_allowance_masks(region, tmp_path):
    text = region.read_text(encoding="utf-8")
    region.write_text(text + "[climate.repair]\nstrict = true\n", encoding="utf-8")
    (finding,) = check(region)
    assert "precip" in finding.variable and "5 cells" in finding.message
    region.write_text(text + "[climate.repair]\nmissing_months = 2\n", encoding="utf-8")
    assert len(check(region)) == 1
    region.write_text(text + "[climate.repair]\nmissing = 2\n", encoding="utf-8")
    with pytest.raises(DataError, match="missing: unknown key"):
        read_experiment(region)


def suspicions(edit):
    rng = np.random.default_rng(2)
    data = {"shortwave": rng.normal(100, 5, (YEARS, 12, 30))}
    edit(data["shortwave"])
    found = Suspicions(np.arange(1981, 1981 + YEARS))
    for part in (slice(15), slice(15, None)):
        of_part = {name: values[..., part] for name, values in data.items()}
        found.add(of_part, np.full((12, 15), 300.0), lambda at: f"cell {at}")
    return found.notes({"shortwave": "rsds"})


def stick(values):
    values[4, 3:7, 17] = 7.25


def jump(values):
    values[20:, :, 2:5] = 100 + 6 * (values[20:, :, 2:5] - 100)


def repeat(values):
    values[..., 4:16] = values[..., [4]]


def darken(values):
    """Megajoules a day that are called watts."""
    values[..., 3:] *= 0.0864


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (darken, "below 15% of the extraterrestrial over all years in 27 cells (first cell 3)"),
        (stick, "one value for 4 months or more in 1 cells (first 1985-04, cell 2)"),
        (jump, "variance of 3 cells changes more than 16-fold from one decade to the next (first "
               "2001, cell 2)"),
        (repeat, "12 of 30 cells have one and the same series"),
    ],
)  # fmt: skip
def test_suspicious_series_are_told_once(edit, words):
    ((name, text),) = suspicions(edit)
    assert name == "rsds" and words in text


def test_noise_and_the_polar_night_are_not_suspicious():
    assert suspicions(lambda values: None) == []

    def night(values):
        values[:, [0, 10, 11]] = 0.0

    assert suspicions(night) == []


@pytest.mark.parametrize(("said", "days"), [("noleap", 1461), ("standard", 1460), ("noleap", 1440)])
def test_a_calendar_that_the_days_contradict_is_told(said, days):
    since = "days since 2013-01-01"
    dates = cftime.num2date(np.arange(days), since, said)
    months = [(date.year, date.month) for date in dates]
    axis = TimeAxis("time", months, np.full(days, 86400.0), "daily", dates)
    counted, text = counted_calendar(axis, said)
    true = {1461: "standard", 1460: "noleap", 1440: "360_day"}[days]
    expected = cftime.num2date(np.arange(days), since, true)
    assert counted.months == [(date.year, date.month) for date in expected]
    assert f"{days} days are whole years of '{true}'" in text
    right = TimeAxis("time", counted.months, axis.seconds, "daily", expected)
    assert counted_calendar(right, true) is None
