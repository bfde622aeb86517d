"""The region as one call: from a file, from datasets in memory, and what its result tells."""

import gc
import json
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import temjax.regional
from temjax import regional
from temjax.files.findings import DataError
from temjax.parameters.files import load_parameters, replace_parameters
from temjax.regional import projection
from temjax.regional.climate.load import load_climate
from temjax.regional.datasets import experiment_from_datasets
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.report.member import write_member_output
from temjax.regional.results.effect import SummaryRow
from temjax.regional.run.members import run_experiment
from temjax.regional.run.provenance import read_record, write_record
from tests.support.made_member import made_member, made_region
from tests.support.small_region import CLASSES, write_experiment

SETTINGS = {
    "equilibrium_years": (1990, 1993), "spin_up_length": 6, "historical": (1990, 1995),
    "future": (1996, 1999), "exposure_from": 1992, "name": "small", "title": "Small region",
    "region": "small", "member": "toy", "scenario": "rcp85", "cell_area_km2": 1.0,
    "classes": {4: "moist-tundra", 7: "alpine-tundra"},
    "run": {"tile_cells": 2, "block_years": 3},
}  # fmt: skip


def datasets(folder):
    """The small region as a user has it in memory: opened with xarray, under usual names."""
    with xr.open_dataset(folder / "co2.nc") as co2:
        co2 = co2.load()
    climate = {}
    for label, file in (("past", "past.nc"), ("model", "future.nc")):
        with xr.open_dataset(folder / file) as opened:
            climate[label] = opened.load().rename(tair="tas", precip="pr", nirr="rsds")
    climate["past"] = climate["past"].assign(co2=co2["co2"])
    parts = []
    for file in ("vegetation.nc", "texture.nc", "elevation.nc"):
        with xr.open_dataset(folder / file) as opened:
            parts.append(opened.load())
    domain = xr.merge(parts, combine_attrs="drop", compat="no_conflicts").rename(veg="vegetation")
    return climate, domain


@pytest.fixture
def memory(tmp_path):
    write_experiment(tmp_path)
    return datasets(tmp_path / "data")


def arrays(folder):
    """Bytes of every variable and restart array, and attributes but for hashes, by place."""
    content = {}
    for path in sorted(folder.glob("*.nc")):
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            content |= {
                f"{path.name}:{name}": np.asarray(variable[...]).tobytes()
                for name, variable in file.variables.items()
            }
            content[path.name] = {
                name: file.getncattr(name)
                for name in file.ncattrs()
                if name != "configuration_hash"
            }
    for path in sorted((folder / "restart").rglob("*.npz")):
        with np.load(path, allow_pickle=False) as archive:
            content |= {
                f"{path.relative_to(folder)}:{name}": archive[name].tobytes()
                for name in archive.files
                if name != "hash"
            }
    return content


def test_a_region_in_memory_gives_the_products_of_its_files(tmp_path, memory):
    climate, domain = memory
    experiment = experiment_from_datasets(climate, domain, tmp_path / "stored", SETTINGS)
    (expected,) = run_experiment(read_experiment(tmp_path / "small.toml"), tmp_path / "file")
    (actual,) = run_experiment(experiment, tmp_path / "memory")
    assert actual.products.keys() == expected.products.keys()
    for name, values in expected.products.items():
        assert actual.products[name].tobytes() == values.tobytes(), name


@pytest.fixture(scope="module")
def projections(tmp_path_factory):
    folder = tmp_path_factory.mktemp("projection")
    path = write_experiment(folder)
    climate, domain = datasets(folder / "data")
    return (
        temjax.regional.project(path, folder / "file", quiet=True),
        temjax.regional.project(
            out=folder / "memory", climate=climate, domain=domain, quiet=True, **SETTINGS
        ),
    )


@pytest.mark.slow
def test_a_region_in_memory_gives_the_bits_of_its_files(projections):
    from_file, in_memory = projections
    expected, actual = arrays(from_file.folder), arrays(in_memory.folder)
    assert len(expected) > 100
    assert actual.keys() == expected.keys()
    assert {name for name in expected if actual[name] != expected[name]} == set()


@pytest.mark.slow
def test_a_region_in_memory_is_repeated_from_its_folder_wherever_it_lies(projections, tmp_path):
    _, in_memory = projections
    record = json.loads((in_memory.folder / "inputs" / "record.json").read_text())
    assert record["data_source"] == "datasets in memory, stored in inputs/data"
    assert len(record["data"]) == 4 and all(record["data"].values())
    moved = tmp_path / "moved"
    in_memory.folder.rename(moved)
    try:
        experiment, notes = read_record(moved)
    finally:
        moved.rename(in_memory.folder)
    assert notes == []
    assert experiment.domain.folder == moved / "inputs" / "data"
    assert experiment.hash == in_memory.experiment.hash


@pytest.mark.slow
def test_a_projection_explains_itself(projections):
    result, _ = projections
    text = repr(result)
    for words in ("Small region", "5 (0 masked), 5 km²", "history 1990-1995", "1996-1999",
                  "members: toy rcp85", "SOC_PF 1996-1999, total", "Tg C"):  # fmt: skip
        assert words in text
    assert "<table" in result._repr_html_() and "cells: 5" in result._repr_html_()
    table = result.table()
    assert table.loc[("area", "km²"), ("toy", "rcp85")] == pytest.approx(5.0)
    totals = result.totals["toy", "rcp85"]
    assert totals.groups["region"].area == pytest.approx(5.0)
    with result.dataset() as transient, result.dataset(run="S_R") as reference:
        difference = transient["csoil"] - reference["csoil"]
        assert [stamp.year for stamp in transient["time"].values] == [1996, 1997, 1998, 1999]
    with result.dataset(run="difference") as stored:
        np.testing.assert_allclose(stored["csoil"], difference, atol=1e-5)


@pytest.mark.slow
def test_parameters_in_memory_are_those_of_the_run(projections, tmp_path, memory):
    climate, domain = memory
    changed = replace_parameters(load_parameters("moist-tundra"), cmax_scale=1.1)
    result = temjax.regional.project(
        climate=climate, domain=domain, parameters={"moist-tundra": changed}, quiet=True,
        **SETTINGS,
    )  # fmt: skip
    base, other = (p.member().products["S_T/npp"] for p in (projections[1], result))
    assert np.array_equal(other[:, 1], base[:, 1]) and not np.array_equal(other[:, 0], base[:, 0])
    path = result.folder / "inputs" / "parameters" / "moist-tundra.toml"
    assert "cmax_scale = 1.1" in path.read_text(encoding="utf-8")
    folder = result.folder
    del result
    gc.collect()
    assert not folder.exists()


def stored(memory, folder, **changes):
    climate, domain = memory
    return experiment_from_datasets(climate, domain, folder, SETTINGS | changes)


def test_datasets_become_an_experiment(memory, tmp_path):
    experiment = stored(memory, tmp_path / "stored")
    assert experiment.protocol.spin_up_years == (1990, 1993)
    assert experiment.protocol.first_exposure_year == 1992
    assert [part.label for part in experiment.climate.files] == ["past", "model"]
    assert experiment.climate.air_temperature == "tas"
    assert experiment.run.tile_cells == 2
    for path in (tmp_path / "stored").iterdir():
        with xr.open_dataset(path) as dataset:
            assert dataset.attrs == {}


def test_names_of_vegetation_need_no_classes(memory, tmp_path):
    climate, domain = memory
    names = np.where(CLASSES == 4, "moist-tundra", "alpine-tundra")
    domain = domain.assign(vegetation=(("Y", "X"), names))
    experiment = experiment_from_datasets(
        climate, domain, tmp_path / "names", {k: v for k, v in SETTINGS.items() if k != "classes"}
    )
    with xr.open_dataset(tmp_path / "names" / "domain.nc") as dataset:
        number = dataset["vegetation"].values.astype(int)
    assert np.vectorize(experiment.domain.classes.get)(number).tolist() == names.tolist()
    wrong = domain.assign(vegetation=(("Y", "X"), np.where(CLASSES == 4, "moist-tundr", names)))
    with pytest.raises(DataError, match=r"vegetation at cell \(0, 0\).*Did you mean moist-tundra"):
        experiment_from_datasets(climate, wrong, tmp_path / "wrong", SETTINGS)


def test_monthly_co2_gives_its_july(memory, tmp_path):
    climate, domain = memory
    parts = [climate["past"].drop_vars(["co2", "year"]), climate["model"]]
    whole = xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override")
    months = np.arange(whole.sizes["time"], dtype=float)
    whole = whole.assign(CO2=("time", 350.0 + months))
    experiment_from_datasets(whole, domain, tmp_path / "stored", SETTINGS)
    with xr.open_dataset(tmp_path / "stored" / "co2.nc") as dataset:
        assert dataset["year"].values.tolist() == list(range(1990, 2000))
        assert dataset["co2"].values.tolist() == (356.0 + 12 * np.arange(10)).tolist()


def test_a_mask_and_any_order_of_dimensions(memory, tmp_path):
    climate, domain = memory
    mask = xr.DataArray(CLASSES == 4, dims=("Y", "X"))
    turned = domain.assign(mask=mask, sand=domain["sand"].transpose("X", "Y"))
    experiment_from_datasets(climate, turned, tmp_path / "stored", SETTINGS)
    with xr.open_dataset(tmp_path / "stored" / "domain.nc") as dataset:
        assert dataset["mask"].dims == dataset["sand"].dims == ("Y", "X")
        assert dataset["mask"].values.tolist() == (CLASSES == 4).tolist()


FAULTS = {
    "no precipitation": (
        lambda c, d: ({k: v.drop_vars("pr") for k, v in c.items()}, d), {},
        r"climate \(in memory\) 'past': precipitation: variable is not in the dataset",
    ),
    "two temperatures": (
        lambda c, d: ({"a": c["past"].assign(temp=c["past"]["tas"])}, d), {},
        "tas and temp are of one kind",
    ),
    "no CO2": (
        lambda c, d: ({"model": c["model"]}, d), {}, r"climate \(in memory\): co2: variable is not",
    ),
    "no clay": (
        lambda c, d: (c, d.drop_vars("clay")), {},
        r"domain \(in memory\): clay: variable is not in the dataset",
    ),
    "no classes": (lambda c, d: (c, d), {"classes": {}}, r"project\(\): classes: missing"),
    "unknown argument": (
        lambda c, d: (c, d), {"historcal": (1, 2)},
        r"historcal: unknown argument\. Did you mean historical",
    ),
    "unknown key": (
        lambda c, d: (c, d), {"run": {"tile_cell": 2}},
        r"project\(\): run.tile_cell: unknown key.*tile_cells",
    ),
    "period": (
        lambda c, d: (c, d), {"future": (1997, 1999)}, r"project\(\): protocol.*let future begin",
    ),
    "no numbers": (
        lambda c, d: (c, d.assign(elevation=(("Y", "X"), np.array([[1, "a", 2, 3, {}]], object)))),
        {},
        r"domain \(in memory\): .*cannot be stored",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FAULTS)
def test_faults_name_dataset_variable_and_place(kind, memory, tmp_path):
    change, settings, words = FAULTS[kind]
    with pytest.raises(DataError, match=words):
        experiment_from_datasets(*change(*memory), tmp_path / "stored", SETTINGS | settings)


def poisoned(climate, variable, values):
    return climate | {"past": climate["past"].assign({variable: values(climate["past"][variable])})}


VALUES = {
    "kelvin": ("tas", lambda v: v + 273.15, "kelvin"),
    "unit": ("pr", lambda v: v.assign_attrs(units="inch"), "unit 'inch' is not understood"),
    "record": ("tas", lambda v: v.where(v["time"].dt.year > 1991), "record 0 .1990-01., cell"),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_checked_as_those_of_files(kind, memory, tmp_path):
    climate, domain = memory
    variable, values, words = VALUES[kind]
    with pytest.raises(DataError, match=words) as caught:
        temjax.regional.project(
            out=tmp_path / "out", climate=poisoned(climate, variable, values), domain=domain,
            quiet=True, **SETTINGS,
        )  # fmt: skip
    first = caught.value.findings[0]
    assert (first.file, first.variable) == ("climate (in memory) 'past'", variable)


def test_a_file_has_its_own_settings(tmp_path, memory):
    climate, _ = memory
    with pytest.raises(TypeError, match="its own settings: historical"):
        temjax.regional.project(tmp_path / "region.toml", historical=(1990, 1995))
    for arguments in ({}, {"climate": climate}, {"experiment": "a.toml", "climate": climate}):
        with pytest.raises(TypeError, match="give an experiment, or climate and domain"):
            temjax.regional.project(**arguments)


def test_other_things_than_datasets_and_other_settings_are_named(memory, tmp_path):
    climate, domain = memory
    for arguments, message in (
        ({"climate": domain["sand"], "domain": domain}, "climate: give an xarray Dataset"),
        ({"climate": climate, "domain": {"sand": 1.0}}, "domain: give an xarray Dataset, not dict"),
    ):
        with pytest.raises(TypeError, match=message):
            temjax.regional.project(out=tmp_path / "out", **arguments)
    file = Path(regional.__file__).parent / "experiments" / "qtp-synthetic-demo.toml"
    with pytest.raises(DataError, match=r"workers.*\(given: -2\)"):
        temjax.regional.project(file, tmp_path / "out", workers=-2)
    assert read_experiment(file).with_run(workers=3, tile_cells=None).run.workers == 3


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two members with invented products, written as a run writes them."""
    folder = tmp_path_factory.mktemp("finished")
    experiment = made_region(folder)
    for number, member in enumerate(("toy", "toy2")):
        write_member_output(experiment, made_member(experiment, member, number), folder / "out")
    write_record(experiment, folder / "out")
    return temjax.regional.read_projection(folder / "out")


def test_a_finished_run_is_read(finished, monkeypatch):
    assert [member.label for member in finished.members] == ["toy rcp85", "toy2 rcp85"]
    assert "cells: 5 (1 masked), 4 km²" in repr(finished)
    assert " ± " in repr(finished)
    assert finished.table().shape[1] == 2
    assert finished.experiment.name == "small"
    assert isinstance(finished.members[0].summary[0], SummaryRow)
    with finished.dataset("toy2", run="historical", monthly=True) as months:
        assert months.sizes["time"] == 72 and "npp" in months
    monkeypatch.setattr(projection, "write_report", lambda folder, **_: folder / "report.html")
    assert finished.report() == finished.folder / "report.html"


def test_what_does_not_exist_is_named(finished, tmp_path):
    with pytest.raises(ValueError, match="2 members match"):
        finished.dataset()
    with pytest.raises(ValueError, match="Did you mean toy"):
        finished.member("toi", "rcp85")
    with pytest.raises(ValueError, match=r"run = 'ST' does not exist"):
        finished.dataset("toy", run="ST")
    with pytest.raises(DataError, match="was not written"):
        finished.dataset("toy", run="difference", monthly=True)
    with pytest.raises(DataError, match="holds no results"):
        temjax.regional.read_projection(tmp_path)


def test_axes_of_latitude_and_longitude_in_any_order(tmp_path):
    """A rectilinear region, longitude before latitude, its area computed from the axes."""
    time = xr.date_range("2000-01-01", periods=36, freq="MS", use_cftime=False)
    axes = {"time": time, "longitude": [90.0, 90.5, 91.0], "latitude": [34.0, 34.5]}
    season = 1 - np.cos(2 * np.pi * (np.arange(36) + 0.5) / 12)
    east = np.arange(3)[:, None] * np.ones((3, 2))
    climate = xr.Dataset(
        {
            name: (("time", "longitude", "latitude"), scale * season[:, None, None] + east, units)
            for name, scale, units in (
                ("tas", 8.0, {"units": "celsius"}), ("pr", 30.0, {"units": "mm month-1"}),
                ("rsds", 100.0, {"units": "W m-2"}),
            )
        } | {"co2": ("year", [370.0, 371.0, 372.0])},
        axes | {"year": [2000, 2001, 2002]},
    )  # fmt: skip
    values = {"sand": 50.0, "silt": 40.0, "clay": 10.0, "elevation": 4500.0}
    domain = xr.Dataset(
        {name: (("longitude", "latitude"), value + 0 * east) for name, value in values.items()}
        | {"vegetation": (("longitude", "latitude"), np.full((3, 2), "alpine-meadow"))},
        {name: axes[name] for name in ("longitude", "latitude")},
    )
    settings = {
        "equilibrium_years": (2000, 2001), "historical": (2000, 2001), "future": (2002, 2002),
    }  # fmt: skip
    experiment = experiment_from_datasets(climate, domain, tmp_path / "stored", settings)
    cells = load_domain(experiment)
    assert cells.grid.shape == (2, 3) and cells.area == pytest.approx(2560, rel=0.01)
    loaded = load_climate(experiment, cells, *experiment.members[0])
    assert loaded.co2.tolist() == [370.0, 371.0, 372.0]
    temperature = loaded.load(np.arange(6))["air_temperature"].reshape(36, 2, 3)
    expected = climate["tas"].transpose("time", "latitude", "longitude").values
    np.testing.assert_allclose(temperature, expected, rtol=1e-6)
