"""Exports of made members: names, axes, fill, values, what is said of what is missing."""

import re
from dataclasses import replace

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.forcing import MONTH_DAYS
from temjax.heat.year import DEPTHS
from temjax.outputs import (
    ANNUAL_OUTPUTS,
    FORCING_VARIABLES,
    INTERCOMPARISON_VARIABLES,
    MONTHLY_OUTPUTS,
)
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.products import PRODUCTS
from temjax.regional.exports.export import MODEL_DATABASE
from temjax.regional.exports.filling import project_names, unit_factor
from temjax.regional.exports.planning import Naming
from temjax.regional.inputs.climate import Segment
from temjax.regional.run.provenance import EXPERIMENT, INPUTS
from tests.support.cf import conversion_factor
from tests.support.command import called, ended
from tests.support.exported_runs import YEARS, cells, exported, plateau_run, series, written
from tests.support.made_member import made_member, made_region

WIEMIP = {  # of the variable request, with its frequency; alt is one value a year here
    "gpp": "mon", "npp": "mon", "ra": "mon", "rh": "mon", "nbp": "mon", "cVeg": "yr",
    "cSoil": "yr", "nVeg": "yr", "nOrgSoil": "yr", "nInorgSoil": "yr", "fNup": "yr",
    "fNnetmin": "yr", "fVegSoil": "yr", "evapotrans": "mon", "mrso": "mon", "swe": "mon",
    "soilTemp": "mon", "alt": "yr",
}  # fmt: skip


@pytest.fixture(scope="module")
def plateau(tmp_path_factory):
    return plateau_run(tmp_path_factory.mktemp("plateau"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Run folder on a curvilinear grid, with months of three products."""
    folder = tmp_path_factory.mktemp("small")
    experiment = made_region(folder / "experiment")
    return experiment, written(experiment, made_member(experiment), folder / "run")


@pytest.fixture(scope="module")
def wiemip(plateau, tmp_path_factory):
    return exported(plateau[2], tmp_path_factory.mktemp("wiemip"), "wiemip")


@pytest.fixture(scope="module")
def ilamb(plateau, tmp_path_factory):
    return exported(plateau[2], tmp_path_factory.mktemp("ilamb"), "ilamb")


@pytest.fixture(scope="module")
def isimip(plateau, tmp_path_factory):
    """Export of a run whose record says that its climate is ISIMIP3b's."""
    experiment, result, _ = plateau
    folder = written(experiment, result, tmp_path_factory.mktemp("isimip3b") / "run")
    record = folder / INPUTS / EXPERIMENT
    text = record.read_text(encoding="utf-8").replace(
        'kind = "synthetic-plateau"', 'kind = "isimip3b"'
    )
    record.write_text(text, encoding="utf-8")
    return exported(folder, tmp_path_factory.mktemp("isimip"), "isimip")


def test_wiemip_has_every_variable_of_both_runs(wiemip):
    text, paths = wiemip
    expected = {
        f"temjax_A_rcp85_{name}_{step}_{factorial}05.nc"
        for name, step in WIEMIP.items()
        for factorial in ("", "noPermafrost_")
    }
    assert set(paths) == expected
    assert "by year, where months are asked for: fNup, fNnetmin, fVegSoil; no run keeps" in text
    assert "means only: tas, pr, rsds; --climate reads" in text
    assert "noPermafrost is S_R: without thaw exposure after 2020, with it from 2019" in text
    assert text.count("note:") == 3
    assert "36 files" in text


def test_wiemip_file_is_as_the_request_asks(wiemip):
    with netCDF4.Dataset(wiemip[1]["temjax_A_rcp85_soilTemp_mon_05.nc"]) as file:
        file.set_auto_mask(False)
        variable = file["soilTemp"]
        assert variable.dimensions == ("time", "nsoil", "latitude", "longitude")
        assert variable.units == "K"
        assert variable.dtype == np.float32
        assert variable._FillValue == variable.missing_value == np.float32(-99999)
        assert file["time"].calendar == "noleap"
        assert file["nsoil"].bounds == "nsoil_bnds"
        np.testing.assert_allclose(file["nsoil"][:], DEPTHS)
        assert np.any(variable[:] == np.float32(-99999))
        assert not np.any(np.isnan(variable[:]))
        bounds = file["time_bnds"][:]
        assert len(bounds) == 12 * YEARS
        assert bounds[0, 0] == 365 * (2019 - 1601) and file["time"].units[11:15] == "1601"
        np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
        np.testing.assert_array_equal(np.diff(bounds)[:12, 0], MONTH_DAYS)
        assert "history of both runs" in file.experiment
        assert file.configuration_hash and file.parameter_hashes
        assert file.export == "WIE-MIP, by temjax export"


@pytest.mark.parametrize("branch", ["S_T", "S_R"])
def test_values_are_those_of_the_run_in_the_unit_asked_for(plateau, wiemip, branch):
    result, paths = plateau[1], wiemip[1]
    second = 365 * 86400.0

    def products(*names):
        return [series(result, name, branch) for name in names]

    npp, rh = products("monthly npp", "monthly rh")
    expected = {
        "nbp_mon": npp - rh,
        "cSoil_yr": products("csoil")[0],
        "nVeg_yr": sum(products("structural_nitrogen", "labile_nitrogen")) / 1000,
        "nInorgSoil_yr": sum(products("available_nitrogen", "inaccessible_inorganic_nitrogen"))
        / 1000,
        "fNup_yr": products("nitrogen_uptake")[0] / 1000 / second,
        "fVegSoil_yr": products("litterfall_carbon")[0] / 1000 / second,
        "mrso_mon": products("monthly soilmoist")[0],
        "soilTemp_mon": products("monthly tsl")[0],
        "alt_yr": products("active_layer_thickness")[0],
    }
    factorial = "noPermafrost_" if branch == "S_R" else ""
    for name, values in expected.items():
        path = paths[f"temjax_A_rcp85_{name}_{factorial}05.nc"]
        np.testing.assert_allclose(
            cells(path, name.split("_")[0], result), values, rtol=1e-6, atol=1e-7
        )
        assert np.isnan(cells(path, name.split("_")[0], result)[..., 1]).all()  # masked


def test_isimip_names_and_periods(isimip):
    text, paths = isimip
    pattern = re.compile(
        r"temjax_a_w5e5_rcp85_nat_(default|nopermafrost)_[a-z]+(-total)?_global_"
        r"(annual|monthly)_2019_2021\.nc"
    )
    assert len(paths) == 26
    assert all(pattern.fullmatch(name) for name in paths)
    assert "temjax_a_w5e5_rcp85_nat_default_thawdepth_global_annual_2019_2021.nc" in paths
    assert "nopermafrost (S_R) is no sensitivity" in text
    assert "isimip-qc asks for a depth axis" in text
    assert "ISIMIP asks for NAME <ADDRESS>" in text


def test_isimip_file_is_on_the_global_grid_from_north(plateau, isimip):
    path = isimip[1]["temjax_a_w5e5_rcp85_nat_default_tsl_global_monthly_2019_2021.nc"]
    with netCDF4.Dataset(path) as file:
        assert file.data_model == "NETCDF4_CLASSIC"
        assert file["tsl"].shape == (12 * YEARS, len(DEPTHS), 360, 720)
        assert file["tsl"].chunking() == [1, 1, 360, 720]
        assert (file["lat"][0], file["lat"][-1]) == (89.75, -89.75)
        assert (file["lon"][0], file["lon"][-1]) == (-179.75, 179.75)
        assert file["tsl"]._FillValue == np.float32(1e20)
        assert file["time"].calendar == "365_day"
        assert file["time"].units == "days since 1601-01-01 00:00:00"
        assert file["depth"].standard_name == "depth_below_surface"
        assert "cell_methods" not in file["tsl"].ncattrs()
        known = int(np.sum(~np.ma.getmaskarray(file["tsl"][0, 0])))
        assert known == plateau[1].domain.size - 1
    values = cells(path, "tsl", plateau[1])
    np.testing.assert_allclose(values, series(plateau[1], "monthly tsl"), rtol=1e-6)


def with_months(experiment, names):
    """The experiment with other monthly products."""
    output = experiment.output.model_copy(update={"monthly": names})
    return experiment.model_copy(update={"output": output})


def test_isimip_history_and_scenario_are_files_of_their_own(plateau, tmp_path):
    experiment, result, _ = plateau
    parts = (Segment("historical", 1861, 2019), Segment("rcp85", 2020, 2099))
    run = with_months(experiment, ("npp",))
    folder = written(run, replace(result, segments=parts), tmp_path / "run")
    record = folder / INPUTS / EXPERIMENT
    text = record.read_text(encoding="utf-8").replace("synthetic-plateau", "isimip3a")
    record.write_text(text, encoding="utf-8")
    naming = Naming(experiment="ssp585")  # of the scenario, not of the history
    paths = exported(folder, tmp_path / "out", "isimip", naming=naming)[1]
    past = paths["temjax_a_historical_nat_default_npp-total_global_monthly_2019_2019.nc"]
    future = paths["temjax_a_ssp585_nat_default_npp-total_global_monthly_2020_2021.nc"]
    expected = series(result, "monthly npp")
    np.testing.assert_allclose(cells(past, "npp-total", result), expected[:12], rtol=1e-6)
    np.testing.assert_allclose(cells(future, "npp-total", result), expected[12:], rtol=1e-6)
    with netCDF4.Dataset(future) as file:
        assert file["time"].units == "days since 1901-01-01 00:00:00"
        assert file["time_bnds"][0, 0] == 365 * (2020 - 1901)


def test_ilamb_files_and_the_table_of_models(ilamb):
    paths = ilamb[1]
    assert "tsl_Lmon_temjax-A-rcp85_land_r1i1p1f1_gn_201901-202112.nc" in paths
    assert (
        "active_layer_thickness_Lyr_temjax-A-rcp85-noPermafrost_land_r1i1p1f1_gn_2019-2021.nc"
        in paths
    )
    folder = next(iter(paths.values())).parent
    table = pd.read_csv(folder / MODEL_DATABASE)
    assert set(table.source_id) == {"temjax-A-rcp85", "temjax-A-rcp85-noPermafrost"}
    assert sorted(table.path) == sorted(str(path) for path in paths.values())
    assert {"gpp", "nbp", "ra", "rh", "cSoil", "cVeg", "tsl", "active_layer_thickness"} <= set(
        table.variable_id
    )


def test_depth_bounds_meet_and_hold_the_points(ilamb):
    path = ilamb[1]["tsl_Lmon_temjax-A-rcp85_land_r1i1p1f1_gn_201901-202112.nc"]
    with xr.open_dataset(path, decode_times=False) as file:
        depth, bounds = file["depth"].values, file[file["depth"].attrs["bounds"]].values
    assert bounds[0, 0] == 0
    assert bounds[-1, 1] > 3.5  # what ilamb3 looks at
    np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
    assert np.all((bounds[:, 0] < depth) & (depth < bounds[:, 1]))


def test_months_that_were_not_kept_are_told_with_the_remedy(small, tmp_path):
    text, paths = exported(small[1], tmp_path / "w", "wiemip")
    assert (
        "by year, where months are asked for: gpp, ra, rh, nbp, evapotrans, mrso; for months run "
        'again with [output] monthly = ["gpp", "ra", "rh", "npp", "evap", "soilmoist"]'
    ) in text
    assert "two-dimensional coordinates" in text
    path = paths["temjax_toy_rcp85_soilTemp_mon_own.nc"]
    with netCDF4.Dataset(path) as file:
        assert file["soilTemp"].dimensions == ("time", "nsoil", *file["lat"].dimensions)
        assert file["soilTemp"].coordinates == "lat lon"


def test_annual_soil_temperature_is_no_file_of_ilamb(plateau, tmp_path):
    experiment, result, _ = plateau
    folder = written(with_months(experiment, ()), result, tmp_path / "run")
    text, paths = exported(folder, tmp_path / "out", "ilamb")
    assert not [name for name in paths if name.startswith("tsl")]
    assert "left out, since annual means mislead: tsl; run again with [output] monthly" in text


def test_climate_is_read_again(small, tmp_path):
    experiment, folder = small
    _, paths = exported(folder, tmp_path, "wiemip", climate=True)
    climate = load_climate(experiment, made_member(experiment).domain, "toy", "rcp85")
    months = climate.load(np.arange(5))
    seconds = np.tile(np.array(MONTH_DAYS) * 86400.0, 10)[:, None]
    expected = {
        "tas": months["air_temperature"].reshape(-1, 5) + 273.15,
        "pr": months["precipitation"].reshape(-1, 5) / seconds,
        "rsds": months["shortwave"].reshape(-1, 5),
    }
    for name, values in expected.items():
        with xr.open_dataset(
            paths[f"temjax_toy_rcp85_{name}_mon_own.nc"], decode_times=False
        ) as file:
            found = file[name].values[:, 0, :]
        assert np.isnan(found[:, 1]).all()
        np.testing.assert_allclose(found[:, 2:], values[:, 2:], rtol=1e-6)


def test_names_can_be_given_and_must_be_one_a_file(plateau, tmp_path):
    naming = Naming("TEM", "stable", "bgc")
    paths = exported(plateau[2], tmp_path, "wiemip", naming=naming)[1]
    assert "TEM_stable_bgc_gpp_mon_noPermafrost_05.nc" in paths


def test_two_members_of_one_name_are_refused(plateau, tmp_path):
    experiment, result, _ = plateau
    folder = written(experiment, result, tmp_path / "run")
    written(experiment, replace(result, member="B"), folder)
    with pytest.raises(DataError, match="36 names would be those of several files"):
        exported(folder, tmp_path / "out", "wiemip", naming=Naming(gcm="ukesm"))
    paths = exported(folder, tmp_path / "out", "wiemip", members=["B"])[1]
    assert len(paths) == 36 and all(name.startswith("temjax_B_") for name in paths)
    with pytest.raises(DataError, match=r"--members: C: .* has no such member\. Known: A, B"):
        exported(folder, tmp_path / "out", "wiemip", members=["C"])


def test_the_command_exports_and_replaces_only_when_told(plateau, tmp_path, monkeypatch, capsys):
    words = ("export", "ilamb", plateau[2], "--out", tmp_path / "out")
    result = called(*words)
    assert result.exit_code == 0 and "files in" in result.output
    before = {path.name for path in (tmp_path / "out").iterdir()}
    code, text = ended(monkeypatch, capsys, *words)
    assert code == 1
    assert re.search(r"error: .*: \d+ of \d+ files exist, the first active_layer", text)
    assert "--force" in text and "Traceback" not in text
    assert called(*words, "--force").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == before


def test_a_folder_without_a_run_is_a_finding(tmp_path, monkeypatch, capsys):
    code, text = ended(monkeypatch, capsys, "export", "wiemip", tmp_path, "--out", tmp_path / "o")
    assert code == 1 and "holds no results of a region" in text


@pytest.mark.parametrize("name", ["wiemip", "isimip3", "ilamb"])
def test_every_unit_follows_from_the_products(name):
    """Factors agree with UDUNITS, for every variable that a run can fill."""
    for variable in project_names(name):
        for term, _ in variable.terms:
            if term in FORCING_VARIABLES:
                continue
            product = next(p for p in PRODUCTS.values() if p.output.name == term)
            unit = product.unit + (" year-1" if product.cell_methods == "time: sum" else "")
            expected = conversion_factor(unit, variable.unit)
            assert unit_factor(product, variable.unit) == pytest.approx(expected, rel=1e-12)


def test_registry_has_a_name_once_and_outputs_that_exist():
    known = MONTHLY_OUTPUTS | ANNUAL_OUTPUTS | FORCING_VARIABLES
    for project in ("wiemip", "isimip3", "ilamb"):
        names = list(project_names(project).values())
        assert len(set(names)) == len(names) > 0
    for variable in INTERCOMPARISON_VARIABLES:
        assert all(term in known and sign in (1, -1) for term, sign in variable.terms)
        assert variable.wiemip or variable.isimip3 or variable.ilamb
