"""What CF-1.8 and ISIMIP ask of result files, on every kind of grid and file.

The rules are those one can hold a file to without another package; the whole of CF is checked by
the IOOS compliance checker in the slow test.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files

import netCDF4
import numpy as np
import pytest

import temjax.regional.results.ensemble_files
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.grids.gridded import Grid
from temjax.regional.report.member import write_summary
from temjax.regional.results.effect import summarise
from temjax.regional.results.ensemble_files import submit_ensemble
from temjax.regional.results.member_files import global_attributes, submit_member_files
from temjax.regional.results.read_back import read_run
from tests.support.cf import CANONICAL_UNITS, CELL_METHODS, ISIMIP_UNITS
from tests.support.made_member import made_member, made_region
from tests.support.small_region import small_experiment

UNITS = {"1", "m", "m2", "K", "degC", "mm", "kg m-2", "kg m-2 s-1", "g m-2"}  # UDUNITS, all of them
LAMBERT = {
    "grid_mapping_name": "lambert_conformal_conic", "standard_parallel": [60.0, 75.0],
    "longitude_of_central_meridian": 210.0, "latitude_of_projection_origin": 65.0,
    "false_easting": 0.0, "false_northing": 0.0, "history": "not to be copied",
}  # fmt: skip
GLOBAL = {
    "Conventions", "title", "institution", "contact", "source", "references", "experiment",
    "region", "climate_model", "climate_scenario", "configuration_hash", "parameter_hashes",
    "model_options", "branch_year", "active_layer_rule",
}  # fmt: skip


def rectilinear(folder):
    """Four cells of the synthetic plateau."""
    text = (files("temjax.regional") / "experiments" / "qtp-analogue.toml").read_text(
        encoding="utf-8"
    )
    text = text.split("[parameters]")[0].replace("[1861, 1900]", "[1991, 1992]")
    text = text.replace("[1901, 2020]", "[2018, 2020]").replace("[2021, 2099]", "[2021, 2023]")
    text = text.replace("= 1901", "= 2018") + '[output]\nmonthly = ["npp", "tsl"]\n'
    (folder / "plateau.toml").write_text(text, encoding="utf-8")
    return read_experiment(folder / "plateau.toml").select(["A"], cells=(91.9, 33.4, 92.9, 34.4))


def projected(result):
    """The result on a grid with a projection."""
    grid = result.domain.grid
    axes = tuple(1000.0 * np.arange(n) for n in grid.shape)
    own = Grid(grid.dims, grid.latitude, grid.longitude, axes, LAMBERT)
    return replace(result, member="projected", domain=replace(result.domain, grid=own))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Annual, monthly, difference, mean and SD files on three kinds of grid."""
    folder = tmp_path_factory.mktemp("cf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temjax.regional.results.ensemble_files, "FILE_NAMES", {"S_T": "transient"})
        experiment = rectilinear(folder)
        for number, member in enumerate("AB"):
            result = made_member(experiment, member, number)
            submit_member_files(experiment, result, folder)
            write_summary(experiment, result, summarise(experiment, result), folder)
        submit_ensemble(read_run(folder), folder)
    experiment = made_region(folder / "small")  # curvilinear, months of npp, swe and tsl
    result = made_member(experiment)
    submit_member_files(experiment, result, folder)
    submit_member_files(experiment, projected(result), folder)
    found = sorted(folder.glob("*.nc"))
    assert len(found) == 4 * 7 + 4
    kinds = ("_a_", "_toy_", "_projected_", "ensmean", "enssd")
    chosen = [p for p in found if any(kind in p.name for kind in kinds)]
    return [p for p in chosen if "reference" not in p.name]


@pytest.fixture(params=range(19))
def file(request, paths):
    with netCDF4.Dataset(paths[request.param]) as opened:
        opened.set_auto_mask(False)
        yield opened


def test_every_kind_of_file_is_looked_at(paths):
    assert len(paths) == 19
    for word in ("historical", "transient", "difference", "monthly", "ensmean", "enssd"):
        assert any(word in path.name for path in paths)
    for path in paths:  # lower case, one of the known time steps, years at the end
        assert re.fullmatch(r"temjax(_[a-z0-9-]+){4}_(annual|monthly)_\d{4}_\d{4}\.nc", path.name)


def test_file_and_variables_are_stored_as_isimip_asks(file):
    assert file.data_model == "NETCDF4_CLASSIC"
    assert GLOBAL <= set(file.ncattrs())
    assert all(file.getncattr(name) != "" for name in GLOBAL)
    assert file.Conventions == "CF-1.8"
    assert "history" not in file.ncattrs()
    assert all(
        re.fullmatch("[a-z][a-z0-9_]*", name) for name in (*file.variables, *file.dimensions)
    )
    for name, variable in file.variables.items():
        if "time" not in variable.dimensions or name.startswith("time"):
            continue
        assert variable.dtype == np.float32, name
        assert variable._FillValue == variable.missing_value == np.float32(1e20)
        assert variable._FillValue.dtype == variable.missing_value.dtype == np.float32
        assert variable.filters()["zlib"]
        assert variable.filters()["complevel"] >= 5
        if name in ISIMIP_UNITS:
            assert variable.units == ISIMIP_UNITS[name]


def test_variables_are_described_as_cf_asks(file):
    derived = "difference" in file.filepath() or "enssd" in file.filepath()
    axes = {"T": 0, "Z": 1, "Y": 2, "X": 3}
    for name, variable in file.variables.items():
        given = set(variable.ncattrs())
        standard_name = getattr(variable, "standard_name", None)
        if standard_name is not None:
            canonical = CANONICAL_UNITS[standard_name]
            units = re.sub(r"\bg\b", "kg", variable.units).replace("degrees", "degree")
            assert units == canonical or standard_name == "time", name
        if name in file.dimensions:
            assert variable.dimensions == (name,)
            assert "_FillValue" not in given
            assert np.all(np.diff(variable[:]) > 0) or np.all(np.diff(variable[:]) < 0)
            assert {"axis", "units", "long_name"} <= given
            assert variable.axis in axes
        order = [axes[file[d].axis] for d in variable.dimensions if d != "bnds"]
        assert order == sorted(order), name
        for place in getattr(variable, "coordinates", "").split():
            assert set(file[place].dimensions) <= set(variable.dimensions)
        if "grid_mapping" in given:
            assert file[variable.grid_mapping].grid_mapping_name == LAMBERT["grid_mapping_name"]
            assert not {"history"} & set(file[variable.grid_mapping].ncattrs())
        if "flag_values" in given:
            values = np.atleast_1d(variable.flag_values)
            assert values.dtype == variable.dtype
            assert values.size == len(variable.flag_meanings.split())
            assert variable._FillValue not in values
        if "time" in variable.dimensions and not name.startswith("time"):
            assert {"long_name", "units", "cell_methods", "cell_measures"} <= given
            assert variable.units in UNITS
            assert variable.cell_methods in CELL_METHODS
            assert variable.cell_measures.split()[1] in file.variables
            if derived:
                assert standard_name is None
                assert variable.units != "degC", "a difference in °C has no unit of its own"
    plane = file["npp"].dimensions[-2:]
    assert "coordinates" in file["npp"].ncattrs() or plane == ("lat", "lon")


def test_water_of_the_month_is_that_of_its_end(paths):
    for step, expected in (("annual", "time: mean"), ("monthly", "time: point")):
        (path,) = (p for p in paths if f"toy_rcp85_transient_small_{step}" in p.name)
        with netCDF4.Dataset(path) as opened:
            assert opened["swe"].cell_methods == expected
            assert opened["npp"].cell_methods == "time: mean"


def test_time_has_bounds_that_meet(file):
    time, bounds = file["time"], file["time_bnds"]
    assert time.bounds == "time_bnds"
    assert bounds.dimensions == ("time", "bnds")
    assert not bounds.ncattrs()
    assert time.units == "days since 1601-01-01 00:00:00"
    assert time.calendar == "365_day"
    assert np.all(bounds[1:, 0] == bounds[:-1, 1])
    assert np.all((bounds[:, 0] <= time[:]) & (time[:] < bounds[:, 1]))
    first, last = (int(part) for part in re.findall(r"\d{4}", file.filepath())[-2:])
    stamps = netCDF4.num2date(time[:], time.units, time.calendar)
    assert (stamps[0].year, stamps[-1].year) == (first, last)
    starts = netCDF4.num2date(bounds[:, 0], time.units, time.calendar)
    assert all(start.day == 1 for start in starts)


CHECKER = os.environ.get("TEMJAX_CF_CHECKER") or shutil.which("compliance-checker")


@pytest.mark.slow
@pytest.mark.skipif(
    CHECKER is None,
    reason="compliance-checker is neither on the path nor named by TEMJAX_CF_CHECKER",
)
def test_the_compliance_checker_finds_nothing_else(paths, tmp_path):
    """All that is left: `history`, which ISIMIP removes, and index axes of a grid without a
    projection, which the checker takes for latitude and longitude because they say Y and X."""
    known = ("global attribute history", "'y' should define valid units for latitude",
             "'x' should define valid units for longitude")  # fmt: skip
    told = tmp_path / "told.json"
    command = [CHECKER, "--test=cf:1.8", "--criteria=strict", "-f", "json_new", "-o", str(told)]
    subprocess.run([*command, *map(str, paths)], check=False, capture_output=True)
    reports = json.loads(told.read_text(encoding="utf-8"))
    assert len(reports) == len(paths)
    for path, report in reports.items():
        found = [m for check in report["cf:1.8"]["all_priorities"] for m in check["msgs"]]
        left = [message for message in found if not any(words in message for words in known)]
        assert not left, path
        assert report["cf:1.8"]["high_count"] == 0


def test_notes_of_the_input_are_an_attribute(tmp_path):
    experiment = small_experiment(tmp_path)
    member = made_member(experiment)
    assert "input_notes" not in global_attributes(experiment, member, "S_T")
    member = replace(member, notes=("a.nc: tas: no units", "b.nc: pr: no units"))
    attributes = global_attributes(experiment, member, "S_T")
    assert attributes["input_notes"] == "a.nc: tas: no units; b.nc: pr: no units"
