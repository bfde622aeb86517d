"""Projects: one synthetic climate in the form of each gives the same months; names told apart."""

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.regional.climate import months
from temjax.regional.climate.load import load_climate
from temjax.regional.climate.projects import PROJECTS, parse_name, project_of
from temjax.regional.experiment.experiment import parse_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.members import run_experiment
from tests.support.project_files import (
    CO2,
    FIRST,
    LAST,
    SPLIT,
    WRITERS,
    dataset,
    rates,
    small_climate,
    write_project,
)

TOLERANCE = {"air_temperature": 1e-4, "precipitation": 1e-4, "shortwave": 1e-3}
PACKED = {"air_temperature": 1e-3, "precipitation": 3e-3, "shortwave": 5e-3}  # int16


def read(document, tmp_path, **changes):
    document["climate"] |= changes
    experiment = parse_experiment(document, tmp_path, "test")
    domain = load_domain(experiment)
    return load_climate(experiment, domain, *experiment.members[0]), domain


@pytest.mark.parametrize("kind", WRITERS)
def test_every_form_gives_the_same_months(tmp_path, kind):
    climate, domain = read(write_project(tmp_path, kind), tmp_path)
    expected = small_climate()
    loaded = climate.load(np.arange(domain.size))
    south_last = slice(None, None, -1)  # rows of the domain run southwards
    for name, values in (
        ("air_temperature", expected.temperature),
        ("precipitation", expected.precipitation),
        ("shortwave", expected.shortwave),
    ):
        flat = values[:, :, south_last].reshape(*values.shape[:2], -1)
        tolerance = (PACKED if kind == "era5-land" else TOLERANCE)[name]
        assert np.abs(loaded[name] - flat).max() < tolerance, name
    assert climate.years.tolist() == list(range(FIRST, LAST + 1))
    assert climate.co2 == pytest.approx(list(CO2.values()))
    assert climate.findings == {} and climate.repairs == {}
    if kind in ("isimip2b", "isimip3b", "cmip"):
        # the last month of the history of cmip is in the scenario's files
        assert climate.common_until == (SPLIT - 2 if kind == "cmip" else SPLIT - 1)
        assert [segment.last for segment in climate.segments] == [SPLIT - 1, LAST]


@pytest.mark.parametrize("other", ["cmip", "era5-land"])
@pytest.mark.parametrize("kind", [kind for kind in WRITERS if kind != "netcdf"])
def test_a_wrong_kind_names_the_right_one(tmp_path, kind, other):
    document = write_project(tmp_path, kind)
    other = other if kind != other else "isimip3b"
    names = {"members": ["x"], "scenarios": ["ssp370"]}
    with pytest.raises(DataError) as error:
        read(document, tmp_path, kind=other, **names)
    (finding,) = error.value.findings
    assert f"these are {PROJECTS[kind].title} files" in finding.message
    assert finding.mend == f'Write kind = "{kind}".'


@pytest.mark.parametrize(
    ("name", "kind", "model", "variant", "scenario"),
    [
        ("tas_day_HadGEM2-ES_rcp26_r1i1p1_EWEMBI_landonly_20060101-20101231.nc4",
         "isimip2b", "HadGEM2-ES", "", "rcp26"),
        ("ukesm1-0-ll_r1i1p1f2_w5e5_ssp585_rsds_global_daily_2015_2020.nc",
         "isimip3b", "ukesm1-0-ll", "r1i1p1f2", "ssp585"),
        ("gswp3-w5e5_obsclim_pr_global_daily_1901_1910.nc",
         "isimip3a", "gswp3-w5e5", "", "obsclim"),
        ("ec-earth3-esm-1-1_r1i1p1f1_era5_esm-scen7-vl_tas_global_30arcmin_daily_2022_2030.nc",
         "isimip4b", "ec-earth3-esm-1-1", "r1i1p1f1_era5_30arcmin", "esm-scen7-vl"),
        ("ec-earth3-esm-1-1_r1i1p1f1_nobasd_picontrol_pr_30arcmin_global_daily_1601_1610.nc",
         "isimip4b", "ec-earth3-esm-1-1", "r1i1p1f1_nobasd_30arcmin", "picontrol"),
        ("gswp3-w5e5_counterclim_rsds_global_30arcmin_daily_1901_1910.nc",
         "isimip4a", "gswp3-w5e5", "30arcmin", "counterclim"),
        ("pr_Amon_HadGEM2-ES_historical_r1i1p1_185912-188411.nc",
         "cmip", "HadGEM2-ES", "r1i1p1", "historical"),
        ("tas_Amon_MRI-ESM2-0_ssp126_r1i1p1f1_gn_201501-210012.nc",
         "cmip", "MRI-ESM2-0", "r1i1p1f1_gn", "ssp126"),
        ("cru_ts4.09.1901.2024.cld.dat.nc", "cru-ts", "", "4.09", ""),
        ("crujra.v2.dswrf.1901_6hr.noleap.nc", "wie-mip", "", "crujra.v2", ""),
    ],
)  # fmt: skip
def test_names_say_whose_files_they_are(tmp_path, name, kind, model, variant, scenario):
    project, count = project_of([name, "other.nc"])
    parsed = parse_name(project, tmp_path / name)
    assert (project.kind, count) == (kind, 1)
    assert (parsed.model, parsed.variant, parsed.scenario) == (model, variant, scenario)


def test_of_several_realisations_one_must_be_named(tmp_path):
    document = write_project(tmp_path, "cmip")
    for path in list((tmp_path / "climate").glob("*r1i1p1f1*")):
        path.with_name(path.name.replace("r1i1p1f1", "r2i1p1f1")).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match="2 realisations of MYESM: r1i1p1f1_gn, r2i1p1f1_gn"):
        read(document, tmp_path)
    climate, _ = read(document, tmp_path, members=["MYESM_r2i1p1f1"])
    assert climate.common_until == SPLIT - 2


def test_isimip4b_has_a_history_and_co2_of_emission_driven_models(tmp_path):
    document = write_project(tmp_path, "netcdf")
    folder = tmp_path / "climate"
    for path in list(folder.glob("*")):
        path.unlink()
    model = "ec-earth3-esm-1-1"
    for scenario, years in (("esm-hist", (FIRST, SPLIT - 1)), ("esm-scen7-h", (SPLIT, LAST))):
        span = f"{years[0]}_{years[1]}"
        for name, driver in rates(small_climate()).items():
            stem = f"{model}_r1i1p1f1_era5_{scenario}_{name}_global_30arcmin_daily_{span}.nc"
            dataset({name: driver}, years).to_netcdf(folder / stem)
        lines = "".join(f"{year} {CO2[year]}\n" for year in range(years[0], years[1] + 1))
        for step in ("annual", "monthly"):
            text = lines if step == "annual" else "no line of a year\n"
            (folder / f"co2_{model}_{scenario}_{step}_{span}.txt").write_text(text)
    document["climate"] = {
        "kind": "isimip4b", "folder": str(folder), "members": [model],
        "scenarios": ["esm-scen7-h"],
    }  # fmt: skip
    climate, _ = read(document, tmp_path)
    assert [segment.label for segment in climate.segments] == ["esm-hist", "esm-scen7-h"]
    assert climate.co2 == pytest.approx(list(CO2.values()))
    assert climate.common_until == SPLIT - 1
    project = PROJECTS["isimip4b"]
    assert project.parts(None, "scen7-vl") == ("historical", "scen7-vl")
    assert project.parts(None, "esm-picontrol") == ("esm-picontrol",)
    assert project.co2_names("ukcm2_r1i1p1f1", "scen7-vl") == [
        "co2_ukcm2_scen7-vl_annual_*.txt", "co2_vl_annual_*.txt"
    ]  # fmt: skip


def test_of_several_beginnings_of_names_one_may_be_named(tmp_path):
    document = write_project(tmp_path, "cru-ts")
    folder = tmp_path / "climate"
    for path in list(folder.glob("cru_ts4.09*")):
        path.with_name(path.name.replace("4.09", "4.08")).write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r'members = \["4.08"\]'):
        read(document, tmp_path)
    climate, _ = read(document, tmp_path, members=["4.09"])
    assert climate.years[-1] == LAST


def test_a_control_has_no_history(tmp_path):
    document = write_project(tmp_path, "isimip3b")
    folder = tmp_path / "climate"
    for path in list(folder.glob("*")):
        path.rename(path.with_name(path.name.replace("historical", "picontrol")))
    for path in list(folder.glob("*ssp370*")):
        path.rename(path.with_name(path.name.replace("ssp370", "picontrol")))
    climate, _ = read(document, tmp_path, scenarios=["picontrol"])
    assert climate.common_until is None
    assert [segment.label for segment in climate.segments] == ["picontrol"]


def test_absent_co2_names_its_file(tmp_path):
    document = write_project(tmp_path, "isimip3b")
    next((tmp_path / "climate").glob("co2_ssp370*")).unlink()
    with pytest.raises(DataError, match=r"no file co2_ssp370_\*\.txt"):
        read(document, tmp_path)


def test_a_transient_history_goes_before_the_observed_climate(tmp_path):
    document = write_project(tmp_path, "isimip3a")
    for path in list((tmp_path / "climate").glob(f"*_{FIRST}_{FIRST}.nc")):
        path.rename(path.with_name(path.name.replace("obsclim", "transclim")))
    co2 = next((tmp_path / "climate").glob("co2_*"))
    co2.with_name(co2.name.replace("obsclim", "transclim")).write_text(co2.read_text())
    climate, _ = read(document, tmp_path, history="transclim")
    assert [(s.label, s.first) for s in climate.segments] == [
        ("transclim", FIRST), ("obsclim", FIRST + 1)
    ]  # fmt: skip


def test_co2_may_be_a_mole_fraction_of_cf_time(tmp_path):
    document = write_project(tmp_path, "cmip")
    folder = tmp_path / "climate"
    for path in folder.glob("co2_*.txt"):
        path.unlink()
    stamps = [365.0 * year + 182 for year in range(len(CO2))]
    xr.Dataset(
        {"mole_fraction": ("time", np.array(list(CO2.values())) * 1e-6, {"units": "mol mol-1"})},
        {"time": ("time", stamps, {"units": f"days since {FIRST}-01-01", "calendar": "noleap"})},
    ).to_netcdf(folder / "co2.nc")
    climate, _ = read(
        document, tmp_path, co2=[{"file": "co2.nc", "variable": "mole_fraction"}]
    )  # fmt: skip
    assert climate.co2 == pytest.approx(list(CO2.values()))


def test_hours_of_era5_land_are_refused(tmp_path):
    """They add up from midnight: neither sums of an hour nor of a day."""
    document = write_project(tmp_path, "era5-land")
    (path,) = (tmp_path / "climate").glob("*.nc")
    climate = small_climate()
    drivers = {"t2m": (climate.temperature, "degC"), "tp": (climate.precipitation, "m"),
               "ssrd": (climate.shortwave, "J m**-2")}  # fmt: skip
    dataset(drivers, (FIRST, FIRST), hours=1).to_netcdf(path)
    with pytest.raises(DataError, match="records are hourly"):
        read(document, tmp_path)


def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    document = write_project(tmp_path, "isimip3a")
    (tmp_path / "file").write_text("")
    climate, domain = read(document, tmp_path, cache=str(tmp_path / "file"))
    assert sum("monthly means cannot be kept there" in note for note in climate.notes) == 1
    assert np.isfinite(climate.load(np.arange(domain.size))["shortwave"]).all()


@pytest.mark.parametrize("days", [40, 10])
def test_a_year_may_be_read_in_parts(tmp_path, monkeypatch, days):
    """Of forty days a month at a time; of ten a month in bands of cells."""
    expected, domain = read(write_project(tmp_path / "one", "isimip3b"), tmp_path)
    monkeypatch.setattr(months, "BLOCK_BYTES", days * 6 * 8)  # of six cells
    parts, _ = read(write_project(tmp_path / "two", "isimip3b"), tmp_path)
    cells = np.arange(domain.size)
    one, two = expected.load(cells), parts.load(cells)
    assert all(np.array_equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_every_form_gives_the_same_run(tmp_path):
    products = {}
    for kind in WRITERS:
        document = write_project(tmp_path / kind, kind)
        experiment = parse_experiment(document, tmp_path, "test")
        (result,) = run_experiment(experiment, tmp_path / kind / "out")
        assert (result.status == 0).all()
        products[kind] = {name: result.products[name] for name in ("S_T/npp", "S_T/csoil")}
    first = products.pop("netcdf")
    for kind, of_kind in products.items():
        for name, values in of_kind.items():
            tolerance = 2e-4 if kind == "era5-land" else 1e-5  # int16
            assert values == pytest.approx(first[name], rel=tolerance), (kind, name)
