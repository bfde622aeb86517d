"""Runs of one_percent: their names in the files of WIE-MIP; a tiny region from files to page."""

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.experiment.one_percent import RUNS
from temjax.regional.report.member import write_member_output
from temjax.regional.report.page import write_report
from temjax.regional.run.members import run_experiment
from temjax.regional.run.provenance import write_record
from tests.support.exported_runs import exported, written
from tests.support.made_member import made_member
from tests.support.one_percent_files import write_cmip, write_wiemip
from tests.support.project_files import FIRST, LAST


def run_folder(document, folder, members):
    """Folder of made members of two runs."""
    experiment = parse_experiment(document, folder, "test")
    for seed, member in enumerate(members):
        for run in ("ctrl", "cou"):
            result = replace(made_member(experiment, member, seed), scenario=run)
            written(experiment, result, folder / "run")
    return folder / "run"


def models(paths, variable="cVeg"):
    """The names of the files of a variable."""
    return [name for name in paths if f"_{variable}_" in name]


def test_wiemip_names_the_control_stable_and_has_the_years_of_the_rise(tmp_path):
    document = write_wiemip(tmp_path)
    folder = run_folder(document, tmp_path, ("UKESM1-0-LL", "GFDL-ESM4"))
    text, paths = exported(folder, tmp_path / "out", "wiemip")
    gcms = [f"temjax_{gcm}_cVeg_yr_{factorial}05.nc" for gcm in (
        "gfdl_cou", "stable_ctrl", "ukesm_cou") for factorial in ("", "noPermafrost_")]  # fmt: skip
    assert models(paths) == sorted(gcms)
    assert "UKESM1-0-LL ctrl is left out: of all climate models it has one climate" in text
    assert "noPermafrost is S_R" not in text  # which it is from the first year on
    with xr.open_dataset(paths["temjax_stable_ctrl_cVeg_yr_05.nc"]) as file:
        assert [stamp.year for stamp in file.time.values] == [FIRST]
        assert file.attrs["protocol"] == "one_percent"
        assert "history" not in file.attrs["experiment"]
    _, named = exported(
        folder, tmp_path / "one", "wiemip", members=["GFDL-ESM4"], scenarios=["cou"]
    )
    assert models(named)[0].startswith("temjax_gfdl_cou")


@pytest.mark.slow  # four runs from files to page
def test_a_region_from_files_to_page_and_exports(tmp_path):
    experiment = parse_experiment(write_cmip(tmp_path), tmp_path, "test")
    out = tmp_path / "run"
    results = {result.scenario: result for result in run_experiment(experiment, out)}
    assert tuple(results) == RUNS
    products = {run: result.products for run, result in results.items()}
    for run in RUNS:
        np.testing.assert_array_equal(
            products[run]["historical/npp"][:2], products["ctrl"]["historical/npp"][:2]
        )
        assert (products[run]["S_R/exposed_carbon"] == 0).all()
    assert (products["bgc"]["S_R/npp"][-1] > products["ctrl"]["S_R/npp"][-1]).all()
    assert (products["rad"]["S_R/npp"][-1] != products["ctrl"]["S_R/npp"][-1]).all()
    for result in results.values():
        write_member_output(experiment, result, out)
    write_record(experiment, out)
    page = write_report(out).read_text(encoding="utf-8")
    assert "Carbon feedbacks: 1 % CO2 a year" in page
    assert f"CO2 rises to {1.01**3:.3g} times that of the start" in re.sub(r"\s+", " ", page)
    with xr.open_dataset(out / "feedbacks.nc") as file:
        region = file.sel(climate_model="MYESM", group="region", permafrost_carbon="without")
        assert float(region["beta"][-1]) > 0
        assert np.isfinite(float(region["gamma"][-1]))
        assert file["year"].values.tolist() == list(range(FIRST, LAST + 1))
        np.testing.assert_allclose(region["warming"], 3.0, atol=1.5)
    _, paths = exported(out, tmp_path / "out", "wiemip")
    assert {name.split("_")[2] for name in paths} == set(RUNS)
    assert {name.split("_")[1] for name in paths} == {"MYESM"}
