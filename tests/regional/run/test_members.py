"""Whole runs of a small region: phases, restart points, masked cells, files.

One tile shape and one block length throughout, so that the model is compiled once.
"""

import csv
import json
import shutil
from dataclasses import replace

import netCDF4
import numpy as np
import pytest
from rich.console import Console

import temjax.regional.run.tile
from temjax.files.findings import DataError
from temjax.forcing import MONTH_DAYS
from temjax.regional.diagnostics.totals import REGION, diagnostics, member_totals
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.experiment.products import PRODUCTS
from temjax.regional.member import INVALID_INPUT, OK, STATUS
from temjax.regional.report.member import write_member_output
from temjax.regional.report.page import write_report
from temjax.regional.results.cf_variables import difference_units
from temjax.regional.results.effect import summarise
from temjax.regional.results.ensemble_files import submit_ensemble
from temjax.regional.results.member_files import DIFFERENCE
from temjax.regional.results.read_back import read_run
from temjax.regional.run.members import run_experiment
from temjax.regional.run.provenance import read_record
from temjax.units import grams_per_year
from tests.support.browser_checks import check_page
from tests.support.small_region import COLUMNS, SOURCE, change, small_experiment, write_experiment

MONTHLY = '[output]\nmonthly = ["npp", "csoil", "tsl"]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("region")


@pytest.fixture(scope="module")
def experiment(folder):
    return small_experiment(folder, MONTHLY)


@pytest.fixture(scope="module")
def result(experiment, folder):
    (result,) = run_experiment(experiment, folder / "out")
    return result


@pytest.fixture(scope="module")
def files(experiment, result, folder):
    write_member_output(experiment, result, folder / "out")
    return folder / "out"


def identical(one, other, cells=slice(None)):
    assert one.keys() == other.keys()
    return all(
        np.array_equal(one[name][..., cells], other[name][..., cells], equal_nan=True)
        for name in one
    )


def test_every_phase_has_its_products(result):
    assert np.all(result.status == OK)
    assert result.findings == {}
    for run, years in (("historical", 6), ("S_R", 4), ("S_T", 4)):
        for name, product in PRODUCTS.items():
            shape = (years, 6, COLUMNS) if product.by_depth else (years, COLUMNS)
            assert result.products[f"{run}/{name}"].shape == shape
    assert np.all(result.products["equilibrium/residual"] <= 1e-8)
    # 6 + 6 years, and 4 years twice, for every cell: padding is not counted
    assert result.cell_years == (6 + 6 + 2 * 4) * COLUMNS


def test_parameters_are_gathered_by_cell(result):
    """Columns 1 and 3 are another vegetation type, in the same tiles as columns 0, 2, 4."""
    soil = result.products["historical/csoil"][-1]
    assert set(result.domain.vegetation[[1, 3]]) == {"alpine-tundra"}
    assert abs(soil[1] - soil[3]) < abs(soil[1] - soil[0])
    assert abs(soil[0] - soil[2]) < abs(soil[1] - soil[2])


def test_experiments_differ_by_exposure_alone(result):
    p = result.products
    for name in ("tsl", "thawdepth", "swe"):
        assert np.array_equal(p[f"S_T/{name}"], p[f"S_R/{name}"])
    assert np.all(p["S_R/exposed_carbon"] == 0)
    assert np.all(p["S_R/exposure_factor"] == 1)
    assert np.any(p["S_T/exposed_carbon"] != 0)
    # exposure begins in 1992, the third historical year
    assert np.all(p["historical/exposed_carbon"][:2] == 0)
    assert np.any(p["historical/exposed_carbon"][2:] != 0)


def test_carbon_budget_closes_with_the_exposed_carbon(result):
    """Δ(SOC + frozen) = litterfall − RH, from independently written variables."""
    p = result.products
    for run, before in (("S_T", "historical"), ("S_R", "historical")):
        soil = 1000 * (p[f"{run}/csoil"][-1] - p[f"{before}/csoil"][-1])
        frozen = p[f"{run}/frozen_carbon"][-1] - p[f"{before}/frozen_carbon"][-1]
        litter = p[f"{run}/litterfall_carbon"].sum(axis=0)
        respired = grams_per_year(p[f"{run}/rh"]).sum(axis=0)
        stock = 1000 * p[f"{run}/csoil"][-1]
        assert np.max(np.abs(soil + frozen - litter + respired) / stock) < 1e-10


def test_logged_and_residual_exposure_agree(experiment, result):
    rows = {row.name: row.value for row in summarise(experiment, result)}
    logged = rows["SOC_PF 1996-1999, logged"]
    assert logged != 0
    assert rows["SOC_PF 1996-1999, residual"] == pytest.approx(logged, rel=1e-8)


def test_resume_after_any_lost_phase_is_bit_identical(experiment, result, folder, tmp_path):
    points = sorted((folder / "out" / "restart" / "toy_rcp85").glob("*.npz"))
    assert len(points) == 3 * 4
    for lost in ("future", "historical", "spin-up"):
        out = tmp_path / lost
        shutil.copytree(folder / "out" / "restart", out / "restart")
        phases = ("spin-up", "historical", "future")
        for phase in phases[phases.index(lost) :]:
            (out / "restart" / "toy_rcp85" / f"tile0001_{phase}.npz").unlink()
        (again,) = run_experiment(experiment, out, resume=True)
        assert identical(again.products, result.products), lost
        assert 0 < again.cell_years < result.cell_years


def test_a_run_folder_repeats_its_run_bit_by_bit(result, folder, tmp_path):
    again, notes = read_record(folder / "out")
    (repeated,) = run_experiment(again, tmp_path / "again")
    assert notes == []
    assert identical(repeated.products, result.products)


def test_interrupted_run_goes_on_bit_identically(experiment, result, tmp_path, monkeypatch):
    calls = []
    original = temjax.regional.run.tile.TileRun._advance

    def dying(self, *arguments, **named):
        calls.append(arguments[0])
        if len(calls) == 9:  # inside the second tile
            raise KeyboardInterrupt
        return original(self, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(temjax.regional.run.tile.TileRun, "_advance", dying)
        with pytest.raises(KeyboardInterrupt):
            run_experiment(experiment, tmp_path)
    (again,) = run_experiment(experiment, tmp_path, resume=True)
    assert identical(again.products, result.products)


def test_restart_points_of_another_configuration_are_refused(experiment, result, folder, tmp_path):
    shutil.copytree(folder / "out" / "restart", tmp_path / "restart")
    model = experiment.model.model_copy(update={"expose_water": False})
    other = experiment.model_copy(update={"model": model})
    with pytest.raises(DataError, match="made by another configuration"):
        run_experiment(other, tmp_path, resume=True)


def test_damaged_restart_point_is_named(experiment, result, folder, tmp_path):
    shutil.copytree(folder / "out" / "restart", tmp_path / "restart")
    damaged = tmp_path / "restart" / "toy_rcp85" / "tile0000_historical.npz"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"tile0000_historical.npz.*damaged"):
        run_experiment(experiment, tmp_path, resume=True)


POISON = {
    1: ("past.nc", "tair", np.nan, "nan"),
    2: ("past.nc", "precip", -9999.0, "-9999"),
    3: ("future.nc", "tair", 280.0, "kelvin"),
}


def test_poisoned_cells_are_masked_named_and_leave_the_rest_untouched(result, tmp_path):
    path = write_experiment(tmp_path, MONTHLY)
    for cell, (file, variable, value, _) in POISON.items():

        def poison(values, cell=cell, value=value):
            values[30:44, 0, cell] = value  # more months than are repaired
            return values

        change(tmp_path / "data" / file, variable, poison)

    def unknown_class(values):
        values[0, 4] = 42
        return values

    change(tmp_path / "data" / "vegetation.nc", "veg", unknown_class)
    experiment = read_experiment(path)
    console = Console(record=True, width=120)
    (poisoned,) = run_experiment(experiment, tmp_path / "out", console=console)
    assert "4 of 5 cells masked" in console.export_text()
    assert poisoned.status.tolist() == [OK, *[INVALID_INPUT] * 4]
    assert identical(poisoned.products, result.products, cells=[0])
    assert np.isnan(poisoned.products["S_T/npp"][:, 1:]).all()

    write_member_output(experiment, poisoned, tmp_path / "out")
    with (tmp_path / "out" / "temjax_toy_rcp85_cells.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [int(row["cell"]) for row in table] == [1, 2, 3, 4]
    for row, (file, variable, _, words) in zip(table[:3], POISON.values(), strict=True):
        assert row["file"].endswith(file)
        assert row["variable"] == variable
        assert words in row["message"] + row["mend"]
        assert "record 30" in row["place"]
    assert "domain.classes" in table[3]["message"]
    summary = json.loads((tmp_path / "out" / "summary_toy_rcp85.json").read_text(encoding="utf-8"))
    assert sorted(summary["cells"]) == ["1", "2", "3", "4"]
    assert "invalid_input 4" in summary["attributes"]["cells_by_status"]


def test_a_region_without_a_valid_cell_is_an_error(tmp_path):
    experiment = small_experiment(tmp_path)
    change(tmp_path / "data" / "past.nc", "tair", lambda values: values + 273.15)
    with pytest.raises(DataError, match="kelvin"):
        run_experiment(experiment, tmp_path / "out")


def test_files_are_cf_with_isimip_names(files, result):
    for path in sorted(files.glob("*_annual_*.nc")):
        with netCDF4.Dataset(path) as file:
            assert file.data_model == "NETCDF4_CLASSIC"
            assert file.Conventions == "CF-1.8"
            assert file.variables["time"].calendar == "365_day"
            years = netCDF4.num2date(file["time"][:], file["time"].units, file["time"].calendar)
            assert [(stamp.month, stamp.day) for stamp in years] == [(12, 31)] * years.size
            assert file.variables["time"].bounds == "time_bnds"
            assert np.diff(file["time_bnds"][0]) == 365
            for name, product in PRODUCTS.items():
                variable = file.variables[name]
                assert variable.dtype == np.float32
                derived = DIFFERENCE in path.name
                expected = difference_units(product.unit) if derived else product.unit
                assert variable.units == expected
                assert variable._FillValue == np.float32(1e20)
                assert variable.coordinates == "lat lon"
                assert variable.cell_methods.startswith("time: ")
            assert file["lat"].units == "degrees_north"
            assert file["depth"].positive == "down"
            assert file["cell_area"][:].sum() == pytest.approx(COLUMNS * 1e6)


def test_values_survive_the_file(files, result):
    with netCDF4.Dataset(files / "temjax_toy_rcp85_transient_small_annual_1996_1999.nc") as file:
        for name in ("npp", "tsl", "thawdepth"):
            expected = result.products[f"S_T/{name}"].astype(np.float32)
            assert np.array_equal(file[name][:].filled(np.nan)[..., 0, :], expected)
    with netCDF4.Dataset(files / "temjax_toy_rcp85_difference_small_annual_1996_1999.nc") as file:
        delta = result.products["S_T/csoil"] - result.products["S_R/csoil"]
        assert file["csoil"][:, 0].filled(np.nan) == pytest.approx(delta, rel=1e-6, abs=1e-12)
        assert file["csoil"].long_name.startswith("S_T minus S_R")
        assert "standard_name" not in file["csoil"].ncattrs()


def test_files_say_what_made_them_and_nothing_of_the_inputs_history(files, experiment):
    for path in sorted(files.glob("*_annual_*.nc")):
        with netCDF4.Dataset(path) as file:
            text = " ".join(str(file.getncattr(name)) for name in file.ncattrs())
            assert SOURCE not in text
            assert "history" not in file.ncattrs()
            assert file.configuration_hash == experiment.hash
            assert file.source.startswith("temjax ")
            assert "moist-tundra " in file.parameter_hashes
            assert file.active_layer_rule == "hold"
            assert file.root_zone_nitrogen == "pulse_only"
            assert json.loads(file.model_options)["substeps"] == experiment.options.substeps
            assert "past 1990-1994 to model 1995-1999" in file.forcing_seam
            assert file.branch_year == 1995
            assert "SYNTHETIC" not in text
            assert all(word in file["cell_status"].flag_meanings for word in STATUS)
    names = sorted(path.name.split("_")[3] for path in files.glob("*_annual_*.nc"))
    assert names == sorted(["historical", "reference", "transient", DIFFERENCE])


def test_figures_are_written(files):
    for name in ("delta_map_toy_rcp85.png", "delta_time_series_toy_rcp85.png"):
        assert (files / name).stat().st_size > 20_000


def test_months_that_were_asked_for(files, result):
    (path,) = files.glob("*_transient_*_monthly_*.nc")
    with netCDF4.Dataset(path) as file:
        stamps = netCDF4.num2date(file["time"][:], file["time"].units, file["time"].calendar)
        assert [(stamp.month, stamp.day) for stamp in stamps[:2]] == [(1, 31), (2, 28)]
        assert np.diff(file["time_bnds"][12]) == 31
        npp = file["npp"][:, 0].filled(np.nan).reshape(4, 12, COLUMNS)
        annual = np.einsum("ymc,m->yc", npp, MONTH_DAYS) / 365
        assert annual == pytest.approx(result.products["S_T/npp"], rel=1e-5)
        december = file["csoil"][11::12, 0].filled(np.nan)
        assert december == pytest.approx(result.products["S_T/csoil"], rel=1e-6)
        assert file["tsl"].dimensions[:2] == ("time", "depth")


@pytest.fixture(scope="module")
def ensemble(experiment, result, files, tmp_path_factory):
    """The member and a copy of it whose stocks are larger by one kilogram."""
    folder = tmp_path_factory.mktemp("ensemble")
    write_member_output(experiment, result, folder)
    stocks = {n: v + 1 for n, v in result.products.items() if n.endswith("/csoil")}
    other = replace(result, member="toy2", products=result.products | stocks)
    write_member_output(experiment, other, folder)
    return folder


def test_ensemble_files_hold_mean_and_spread(ensemble, result):
    members = read_run(ensemble)
    assert [member.member for member in members] == ["toy", "toy2"]
    paths = {path.name.split("_")[1] + path.name.split("_")[3]: path
             for path in submit_ensemble(members, ensemble)}  # fmt: skip
    assert len(paths) == 8
    own = result.products["S_T/csoil"]
    with netCDF4.Dataset(paths["ensmeantransient"]) as file:
        assert file["csoil"][:, 0].filled(np.nan) == pytest.approx(own + 0.5, rel=1e-6)
        assert file.climate_model == "toy, toy2"
    with netCDF4.Dataset(paths["enssdtransient"]) as file:
        assert file["csoil"][:].compressed() == pytest.approx(0.5**0.5, rel=1e-5)
        assert file["npp"][:].compressed() == pytest.approx(0.0)
        assert "standard deviation" in file.ensemble_statistic


def test_stored_member_is_the_result(files, result):
    (stored,) = read_run(files)
    for name in ("S_T/npp", "historical/csoil", "S_R/tsl"):
        assert stored.products[name] == pytest.approx(result.products[name], rel=1e-6, nan_ok=True)
    assert stored.domain.area == pytest.approx(result.domain.area)
    assert stored.years["future"].tolist() == [1996, 1997, 1998, 1999]


def test_exposed_carbon_is_known_twice(files):
    totals = member_totals(read_run(files)[0])
    numbers = diagnostics(totals.groups[REGION])
    scale = abs(totals.groups[REGION].runs["S_T"]["SOC"]).max()
    assert numbers["SOC_PF residual"] == pytest.approx(numbers["SOC_PF"], abs=1e-5 * scale)
    parts = [
        diagnostics(group)["SOC_PF"] for name, group in totals.groups.items() if name != REGION
    ]
    assert sum(parts) == pytest.approx(numbers["SOC_PF"], rel=1e-9, abs=1e-12)
    net = numbers["ΔVegC"] + numbers["ΔSOC"] - numbers["SOC_PF"]
    assert numbers["ΔEcoC_NET"] == pytest.approx(net, abs=1e-9)


@pytest.fixture(scope="module")
def page(ensemble, tmp_path_factory):
    points = tmp_path_factory.mktemp("points") / "points.csv"
    points.write_text(
        "name,lat_suggested,lon_suggested,alt_m_mean_2006_2009,flags\n"
        "here,68.6,210.44,0.5,\nlower,68.6,210.4,,only lower bound ALT > 0.1 m\n"
        "elsewhere,10,10,2.0,\n",
        encoding="utf-8",
    )
    return write_report(ensemble, thaw_points=points, compare=[ensemble])


def test_report_is_one_page_that_needs_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    for never in ("<script", "http://", "https://", 'src="/', "@import", "url("):
        assert never not in text
    for words in ("Regional carbon fluxes", "By vegetation type", "Nitrogen limitation.", "± ",
                  "under other rules", "elsewhere", "SOC_PF", "stands still by"):  # fmt: skip
        assert words in text
    assert text.count("data:image/png;base64,") == 13
    assert "SYNTHETIC" not in text


def test_report_reads_offline_by_keyboard_on_a_phone_and_on_paper(page, tmp_path):
    check_page(page, tmp_path)


def test_report_of_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no results"):
        write_report(tmp_path)
