"""ISIMIP2b files: written from the synthetic plateau, read back, and broken on purpose."""

from functools import partial

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.regional.climate.join import Joiner
from temjax.regional.climate.kept.cache import MonthlyCache
from temjax.regional.climate.load import load_climate
from temjax.regional.climate.months import file_years
from temjax.regional.climate.places import nearest_cells
from temjax.regional.climate.projects import ProjectVariable
from temjax.regional.climate.reader import ClimateReader
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs import synthetic
from temjax.regional.inputs import synthetic_files as isimip_files
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.inputs.synthetic_files import write_plateau

RAIN = ProjectVariable("precipitation", "pr")
BOX = (92.0, 33.0, 94.0, 35.0)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_plateau(tmp_path_factory.mktemp("plateau"))


def contradict(path):
    """The same years a second time, one kelvin warmer."""
    with xr.open_dataset(path, decode_times=False) as opened:
        warmer = opened.load()
    warmer["tas"] = warmer["tas"].copy(data=warmer["tas"].values + 1)
    warmer.to_netcdf(path.with_name(path.name.replace("18710101", "18700101")))


def open_member(path, box=BOX, **climate):
    experiment = read_experiment(path).select(cells=box)
    settings = experiment.climate.model_copy(update=climate)
    experiment = experiment.model_copy(update={"climate": settings})
    domain = load_domain(experiment)
    return domain, load_climate(experiment, domain, f"{LABEL}-A", "rcp85")


def test_files_give_the_climate_they_were_made_from(written):
    domain, climate = open_member(written)
    cells = synthetic.plateau(0.5)
    inside = np.isin(
        cells.latitude * 1000 + cells.longitude, domain.latitude * 1000 + domain.longitude
    )
    monthly = synthetic.climate(cells.select(inside), "A", "rcp85")
    loaded = climate.load(np.arange(domain.size))
    order = np.lexsort((domain.longitude, domain.latitude))
    chosen = cells.select(inside)
    theirs = np.lexsort((chosen.longitude, chosen.latitude))
    for name, tolerance in (
        ("air_temperature", 1e-3),
        ("precipitation", 1e-3),
        ("shortwave", 0.01),
    ):
        expected = getattr(monthly, name)[..., theirs]
        assert np.abs(loaded[name][..., order] - expected).max() < tolerance
    assert climate.years[[0, -1]].tolist() == [1861, 2099]
    assert [segment.last for segment in climate.segments] == [2005, 2099]
    assert climate.common_until == 2005
    assert climate.co2[[0, -1]] == pytest.approx([286.4, 926.7], abs=0.06)
    assert not climate.findings


def test_months_are_cached_and_read_again(written):
    open_member(written)
    cached = sorted((written.parent / "climate" / "monthly").glob("*.v3.nc"))
    files = [path.stat().st_ino for path in cached]
    assert files
    open_member(written)
    assert [path.stat().st_ino for path in cached] == files  # a use changes the time


def test_the_cache_tells_one_box_from_another(written):
    for box in ((92.0, 33.0, 93.0, 34.0), (93.0, 34.0, 94.0, 35.0)):
        domain, climate = open_member(written, box)
        whole, every = open_member(written)
        cells = np.flatnonzero(
            np.isin(whole.latitude * 1000 + whole.longitude,
                    domain.latitude * 1000 + domain.longitude)
        )  # fmt: skip
        loaded, expected = climate.load(np.arange(domain.size)), every.load(cells)
        assert domain.size == cells.size
        assert all(np.array_equal(loaded[name], expected[name]) for name in expected)


def test_lapse_rate_moves_cells_about_their_common_mean(tmp_path, written):
    fine = write_plateau(tmp_path / "fine", gcms=(), resolution=0.1)
    (tmp_path / "fine" / "climate").symlink_to(written.parent / "climate")
    text = fine.read_text().replace("members = []", f'members = ["{LABEL}-A"]')
    fine.write_text(text, encoding="utf-8")
    box = (92.0, 34.0, 93.0, 35.0)
    domain, plain = open_member(fine, box)
    _, adjusted = open_member(fine, box, lapse_rate=6.0)
    cells = np.arange(domain.size)
    shift = (adjusted.load(cells)["air_temperature"] - plain.load(cells)["air_temperature"])[0, 0]
    same = plain.of_domain == plain.of_domain[0]
    assert same.sum() > 1  # 0.1 degree cells share a 0.5 degree value
    assert shift[same].mean() == pytest.approx(0, abs=1e-9)
    high = domain.elevation[same] - domain.elevation[same].mean()
    assert shift[same] == pytest.approx(-0.006 * high, abs=1e-6)


def test_daily_files_average_to_the_same_months(tmp_path, written, monkeypatch):
    cells = synthetic.plateau(0.5, everywhere=True)
    monkeypatch.setattr(isimip_files, "_DECADES", ((1861, 1864), (2006, 2008)))
    daily, monthly = tmp_path / "daily", tmp_path / "monthly"

    domain, _ = open_member(written)
    means = {}
    for folder, days in ((daily, True), (monthly, False)):
        isimip_files.write_climate(folder, cells, "A", "rcp85", daily=days)
        reader = ClimateReader(folder)
        (path,) = folder.glob("pr_*historical*")
        place = nearest_cells(reader, path, "pr", domain).place
        years = list(file_years(reader, path, RAIN, place))
        means[days] = np.stack([year.values for year in years])
        assert np.stack([year.covered for year in years]) == pytest.approx(1)
        assert not reader.findings
    assert means[True].shape[:2] == (4, 12)
    assert np.nanmax(np.abs(means[True] - means[False])) < 1e-4

    path = next(daily.glob("pr_day*historical*"))
    with xr.open_dataset(path, decode_times=False) as opened:
        whole = opened.load()
    whole.isel(time=np.delete(np.arange(whole.time.size), 40)).to_netcdf(path)
    reader = ClimateReader(daily)
    joiner, cache = Joiner(reader, "pr"), MonthlyCache(tmp_path / "kept", cells.latitude)
    read = partial(file_years, reader, path, RAIN, place)
    joiner.add(str(path), cache.months(reader, path, RAIN, read))
    assert joiner.joined(12) is None
    assert "days are missing in 1861-02" in str(reader.findings[0])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: next(f.glob("pr_*_18710101*")).unlink(), "leaves a gap after"),
        (lambda f: contradict(next(f.glob("tas_*_18710101*"))), "overlaps .* with other values"),
        (
            lambda f: [p.unlink() for p in f.glob("rsds_*rcp85*")],
            "no files of SYNTHETIC-A rcp85",
        ),
        (lambda f: next(f.glob("co2_rcp85*")).unlink(), "no file co2_rcp85_"),
        (lambda f: next(f.glob("co2_rcp85*")).write_text("2006 many\n"), "not a year and a number"),
    ],
)
def test_what_is_missing_is_named(tmp_path, written, edit, message):
    folder = tmp_path / "plateau"
    (folder / "climate").mkdir(parents=True)
    for path in (written.parent / "climate").glob("*.*"):
        if path.is_file():
            (folder / "climate" / path.name).hardlink_to(path)
    co2 = next((folder / "climate").glob("co2_rcp85*"))
    text = co2.read_text()
    co2.unlink()
    co2.write_text(text)
    (folder / "domain").symlink_to(written.parent / "domain")
    experiment = folder / "experiment.toml"
    experiment.write_text(written.read_text(), encoding="utf-8")
    edit(folder / "climate")
    with pytest.raises(DataError, match=message):
        open_member(experiment)


def test_box_and_names_select(written):
    experiment = read_experiment(written)
    assert experiment.select(["synthetic-a"], ["RCP85"]).members == ((f"{LABEL}-A", "rcp85"),)
    with pytest.raises(DataError, match="'rcp26' is not in the file"):
        experiment.select(scenarios=["rcp26"])
    with pytest.raises(DataError, match="is no box"):
        experiment.select(cells=(94.0, 33.0, 90.0, 36.0))
    with pytest.raises(DataError, match="no cell of the domain"):
        load_domain(experiment.select(cells=(10.0, 10.0, 11.0, 11.0)))
