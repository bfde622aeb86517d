"""Gridded input: what is read, and one clear finding for each fault, all in one pass."""

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.regional.climate.load import load_climate
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.inputs.seams import find_seams
from tests.support.small_region import (
    COLUMNS,
    FIRST_YEAR,
    LAST_YEAR,
    change,
    small_experiment,
    write_experiment,
)


def read(experiment):
    domain = load_domain(experiment)
    return domain, load_climate(experiment, domain, *experiment.members[0])


def test_a_sound_region_is_read_without_findings(tmp_path):
    path = write_experiment(tmp_path)
    domain, climate = read(read_experiment(path))
    assert domain.size == COLUMNS
    assert list(domain.vegetation[:2]) == ["moist-tundra", "alpine-tundra"]
    assert domain.silt_plus_clay == pytest.approx(0.52)
    assert climate.years.tolist() == list(range(FIRST_YEAR, LAST_YEAR + 1))
    loaded = climate.load(np.array([3, 1]))
    assert loaded["air_temperature"].shape == (10, 12, 2)
    # cells differ by 0.2 K per column in the files
    assert np.mean(loaded["air_temperature"][..., 0] - loaded["air_temperature"][..., 1]) == (
        pytest.approx(0.4, abs=1e-5)
    )
    assert climate.co2[[0, -1]] == pytest.approx([355.0, 373.0])
    assert check(path) == []
    assert check(tmp_path) == []


def test_seam_is_the_step_between_the_sources(tmp_path):
    experiment = small_experiment(tmp_path)
    change(tmp_path / "data" / "future.nc", "precip", lambda values: values * 1.25)
    change(tmp_path / "data" / "future.nc", "nirr", lambda values: values * 0.9)
    domain, climate = read(experiment)
    (seam,) = find_seams(climate, domain.area)
    assert seam.precipitation == pytest.approx(0.25, abs=1e-5)
    assert seam.shortwave == pytest.approx(-0.1, abs=1e-5)
    assert "past 1990-1994 to model 1995-1999" in str(seam)


def test_units_are_converted_not_guessed(tmp_path):
    experiment = small_experiment(tmp_path)
    reference = read(experiment)[1].load(np.arange(COLUMNS))
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    for name in ("past.nc", "future.nc"):
        path = tmp_path / "data" / name
        with xr.open_dataset(path, decode_times=False) as opened:
            dataset = opened.load()
        month = np.tile(days, dataset.sizes["time"] // 12)[:, None, None]
        dataset["tair"] = (dataset["tair"] + 273.15).assign_attrs(units="K")
        dataset["precip"] = (dataset["precip"] / (86400 * month)).assign_attrs(units="kg m-2 s-1")
        dataset.to_netcdf(path)
    converted = read(experiment)[1].load(np.arange(COLUMNS))
    for name, values in reference.items():
        assert converted[name] == pytest.approx(values, abs=2e-4), name


CELL_FAULTS = {
    "nan": ("past.nc", "tair", lambda v: set_cell(v, np.nan), "nan"),
    "missing code": ("past.nc", "precip", lambda v: set_cell(v, -9999), "-9999"),
    "kelvin": ("future.nc", "tair", lambda v: set_cell(v, 273.15), "kelvin"),
    "negative rain": ("past.nc", "precip", lambda v: set_cell(v, -3.0), "negative"),
    "too much sun": ("future.nc", "nirr", lambda v: set_cell(v, 900.0), "extraterrestrial"),
    "texture": ("texture.nc", "sand", lambda v: set_place(v, 20.0), "not 100"),
    "vegetation": ("vegetation.nc", "veg", lambda v: set_place(v, 99), "domain.classes"),
}


def set_cell(values, value):
    values[17, 0, 2] = value
    return values


def set_place(values, value):
    values[0, 2] = value
    return values


STRICT = "[climate.repair]\nstrict = true\n"


@pytest.mark.parametrize("fault", CELL_FAULTS)
def test_faulty_cell_is_named_with_place_and_mend(tmp_path, fault):
    file, variable, edit, words = CELL_FAULTS[fault]
    path = write_experiment(tmp_path, STRICT)
    change(tmp_path / "data" / file, variable, edit)
    (finding,) = check(path)
    assert finding.file.endswith(file)
    assert words in str(finding)
    assert "(0, 2)" in finding.index
    if file in ("past.nc", "future.nc"):
        assert "record 17" in finding.index
    assert finding.mend
    domain, climate = read(read_experiment(path))
    assert [*domain.findings, *climate.findings] == [2]


def drop_month(dataset):
    return dataset.isel(time=np.delete(np.arange(dataset.sizes["time"]), 20))


STRUCTURE_FAULTS = {
    "missing month": ("past.nc", drop_month, "months missing: 1991-09"),
    "unknown unit": ("past.nc", lambda d: with_units(d, "tair", "degR"), "'degR' is not underst"),
    "missing variable": ("past.nc", lambda d: d.drop_vars("nirr"), "variable is not in the file"),
    "short co2": ("co2.nc", lambda d: d.isel(year=slice(0, 8)), "CO2 lacks 2"),
    "other grid": ("future.nc", lambda d: d.isel(X=slice(0, 3)), "differs from the domain's"),
    "shifted grid": ("future.nc", lambda d: d.assign(lat=d.lat + 1), "but the domain has"),
    "gap in years": ("future.nc", lambda d: d.isel(time=slice(12, None)), "a gap after past.nc"),
}


def with_units(dataset, name, units):
    dataset[name].attrs["units"] = units
    return dataset


@pytest.mark.parametrize("fault", STRUCTURE_FAULTS)
def test_structural_fault_is_one_finding_and_stops_the_run(tmp_path, fault):
    file, edit, words = STRUCTURE_FAULTS[fault]
    path = write_experiment(tmp_path, STRICT)
    target = tmp_path / "data" / file
    with xr.open_dataset(target, decode_times=False) as opened:
        dataset = opened.load()
    edit(dataset).to_netcdf(target)
    findings = check(path)
    assert len(findings) == 1
    assert words in str(findings[0])
    with pytest.raises(DataError):
        read(read_experiment(path))


def test_absent_folder_and_file(tmp_path):
    path = write_experiment(tmp_path)
    (tmp_path / "data" / "co2.nc").unlink()
    (finding,) = check(path)
    assert finding.file.endswith("co2.nc")
    assert "file does not exist" in finding.message
    for file in (tmp_path / "data").iterdir():
        file.unlink()
    (tmp_path / "data").rmdir()
    assert "folder does not exist" in str(check(path)[0])


def test_years_that_do_not_overlap(tmp_path):
    path = write_experiment(tmp_path)
    text = path.read_text(encoding="utf-8").replace(
        "future = [1996, 1999]", "future = [1996, 2010]"
    )
    path.write_text(text, encoding="utf-8")
    (finding,) = check(path)
    assert finding.variable == "protocol.future"
    assert finding.index == "year 2000"
    assert "1996-2010 asked for, climate has 1990-1999" in finding.message


def test_faults_of_several_files_come_in_one_pass(tmp_path):
    path = write_experiment(tmp_path, STRICT)
    for fault in ("nan", "kelvin", "too much sun"):
        file, variable, edit, _ = CELL_FAULTS[fault]
        change(tmp_path / "data" / file, variable, edit)
    assert len(check(path)) == 3


def test_other_files_are_not_ours(tmp_path):
    other = tmp_path / "site.toml"
    other.write_text("name = 'x'\n", encoding="utf-8")
    assert check(other) is None
    assert check(tmp_path) is None


def test_a_folder_of_input_needs_no_experiment_file(tmp_path):
    write_experiment(tmp_path)
    assert check(tmp_path / "data") == []


@pytest.mark.parametrize("fault", [name for name in CELL_FAULTS if name != "vegetation"])
def test_folder_check_finds_the_same_cell_faults(tmp_path, fault):
    file, variable, edit, words = CELL_FAULTS[fault]
    write_experiment(tmp_path)
    change(tmp_path / "data" / file, variable, edit)
    (finding,) = check(tmp_path / "data")
    assert finding.file.endswith(file)
    assert words in str(finding)
    assert "(0, 2)" in finding.index


def test_folder_check_finds_broken_months_units_and_latitude(tmp_path):
    write_experiment(tmp_path)
    data = tmp_path / "data"
    for file, edit in (
        ("past.nc", drop_month),
        ("future.nc", lambda d: with_units(d, "precip", "inches").assign(lat=d.lat + 30)),
    ):
        with xr.open_dataset(data / file, decode_times=False) as opened:
            dataset = opened.load()
        edit(dataset).to_netcdf(data / file)
    texts = [str(finding) for finding in check(data)]
    assert sum("months missing: 1991-09" in text for text in texts) == 1
    assert sum("'inches' is not understood" in text for text in texts) == 1
    assert any("latitude 98.6 is out of range" in text for text in texts)


def test_real_toolik_folder_has_no_findings(shared):
    assert check(shared / "data" / "toolik") == []
