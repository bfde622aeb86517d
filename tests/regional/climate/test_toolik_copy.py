"""A copy of Toolik with small faults: it runs, is repaired and says so."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from temjax import regional
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance
from temjax.regional.climate.load import load_climate
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.report.pipeline import run_projection

TOOLIK = Path(regional.__file__).parent / "experiments" / "toolik.toml"
GAPS = [100, 700, 1301]  # records of the historic climate


def rewrite(path, dataset):
    path.unlink()
    dataset.to_netcdf(path)


@pytest.fixture
def copy(shared, tmp_path):
    """Three missing months, radiation of January 2 % above the extraterrestrial, no units, latitude
    and longitude in the climate only; short periods."""
    data = tmp_path / "toolik"
    shutil.copytree(shared / "data" / "toolik", data, copy_function=shutil.copyfile)
    path = data / "historic-climate.nc"
    with xr.open_dataset(path, decode_times=False) as opened:
        dataset = opened.load()
    top = np.asarray(gross_irradiance(dataset["lat"].values.ravel()))[0] / SHORTWAVE_TO_CALORIES
    dataset["tair"].values[GAPS] = np.nan
    dataset["nirr"].values[0::12] = 1.02 * top.reshape(dataset["lat"].shape)
    rewrite(path, dataset)
    for name in ("historic-climate.nc", "projected-climate.nc"):
        with xr.open_dataset(data / name, decode_times=False) as opened:
            dataset = opened.load()
        for driver in ("tair", "precip", "nirr"):
            del dataset[driver].attrs["units"]
        rewrite(data / name, dataset)
    for name in ("vegetation.nc", "soil-texture.nc", "topo.nc"):
        with xr.open_dataset(data / name) as opened:
            dataset = opened.load()
        rewrite(data / name, dataset.drop_vars(["lat", "lon"]))
    text = TOOLIK.read_text(encoding="utf-8")
    for old, new in (
        ("equilibrium_years = [1901, 1930]", "equilibrium_years = [1901, 1903]"),
        ("spin_up_years = [1901, 1930]", "spin_up_years = [1901, 1903]"),
        ("spin_up_length = 200", "spin_up_length = 3"),
        ("historical = [1901, 2020]", "historical = [1901, 1910]"),
        ("future = [2021, 2100]", "future = [1911, 1912]"),
        ("workers = 2", "workers = 1"),
    ):
        assert old in text
        text = text.replace(old, new)
    experiment = tmp_path / "copy.toml"
    experiment.write_text(text, encoding="utf-8")
    return experiment


def test_the_copy_is_repaired_and_says_so(copy, shared, capsys):
    assert check(copy) == []
    told = capsys.readouterr().err
    assert "repaired: 300 missing months in 100 cells filled from the climatology" in told
    assert "radiation of 11500 months in 100 cells clipped" in told
    for unit in ("degC", "mm month-1", "W m-2"):
        assert f"no units; taken as {unit}, which the values fit" in told
    assert "vegetation.nc: veg_class: without latitude and longitude" in told
    experiment = read_experiment(copy)
    domain = load_domain(experiment)
    climate = load_climate(experiment, domain, "ccsm4", "rcp85")
    cells = np.arange(domain.size)
    loaded = climate.load(cells)
    whole = experiment.with_data(shared / "data" / "toolik")
    original = load_climate(whole, domain, "ccsm4", "rcp85")
    expected = original.load(cells)
    assert original.repairs == {}
    apart = np.abs(loaded["air_temperature"] - expected["air_temperature"]).reshape(-1, 100)
    assert np.flatnonzero(apart.any(axis=1)).tolist() == GAPS
    assert apart.max() < 12  # a month of another year
    assert np.array_equal(loaded["precipitation"], expected["precipitation"])


@pytest.mark.slow
def test_the_copy_runs_and_its_files_count_the_repairs(copy, tmp_path):
    experiment = read_experiment(copy)
    domain = load_domain(experiment)
    west, south = domain.longitude[44] - 1e-3, domain.latitude[44] - 1e-3
    box = (west, south, domain.longitude[45] + 1e-3, domain.latitude[45] + 1e-3)
    out = tmp_path / "out"
    run_projection(experiment.select(cells=box), out, Console(quiet=True))
    summary = json.loads((out / "summary_ccsm4_rcp85.json").read_text(encoding="utf-8"))
    cells = load_domain(experiment.select(cells=box)).size
    assert summary["climate_repairs"]["filled_months"] == 3 * cells
    (path,) = out.glob("*_transient_*.nc")
    with xr.open_dataset(path) as file:
        assert file.attrs["climate_clipped_cells"] == cells
        assert np.isfinite(file["npp"].values).any()
    assert "repaired: " in summary["attributes"]["input_notes"]
