"""A tower's NetCDF files: pairs, time axes, and what is said of files that are none."""

import cftime
import numpy as np
import pytest
import xarray as xr

from temjax.sites.readers.netcdf import is_tower_netcdf, read_netcdf_record
from tests.support import alma_files
from tests.support.alma_files import HALF_HOUR, HOUR, monthly, times

MET, FLUX = "XX-Abc_2003-2003_FLUXNET2015_Met.nc", "XX-Abc_2003-2003_FLUXNET2015_Flux.nc"
YEAR = times("2003-01-01", "2004-01-01", HOUR)


def write_met(path, stamps=YEAR, **options):
    return alma_files.write(path, stamps, alma_files.met(stamps), **options)


def write_flux(path, stamps=YEAR, **options):
    return alma_files.write(path, stamps, alma_files.flux(stamps), **options)


def read(path):
    record, findings = read_netcdf_record(path)
    assert findings == []
    return record


def one_finding(path):
    record, findings = read_netcdf_record(path)
    assert record is None
    assert len(findings) == 1, [str(finding) for finding in findings]
    assert findings[0].mend.endswith(".")
    return findings[0]


def test_form_of_a_path():
    assert is_tower_netcdf("a/XX-Abc_2003-2004_FLUXNET2015_Met.nc") and is_tower_netcdf("b.NC4")
    assert not is_tower_netcdf("a.csv") and not is_tower_netcdf("folder")


@pytest.mark.parametrize(
    ("met", "flux"),
    [(MET, FLUX), (f"Met/{MET}", f"Flux/{FLUX}"), (f"met/{MET}", f"flux/{FLUX}")],
)
def test_the_other_file_is_found_from_either(tmp_path, met, flux):
    met, flux = write_met(tmp_path / met), write_flux(tmp_path / flux)
    records = [read(met), read(flux)]
    for record, given, other in zip(records, (met, flux), (flux, met), strict=True):
        assert {"air_temperature", "precipitation", "shortwave", "co2"} == set(record.climate)
        assert "net_ecosystem_production" in record.observed
        assert f"{other.name} is read with {given.name}" in record.notes
        assert {source.split()[0] for source in record.sources} == {MET, FLUX}


def test_a_met_file_alone_has_no_observations_and_says_why(tmp_path):
    record = read(write_met(tmp_path / MET))
    assert record.observed == {}
    assert set(record.absent.values()) == {f"{MET}: no Flux file of XX-Abc beside it"}
    assert len(record.absent) == 4


def test_a_flux_file_alone_has_no_climate(tmp_path):
    record = read(write_flux(tmp_path / FLUX))
    assert record.climate == {} and "net_ecosystem_production" in record.observed
    assert f"{FLUX}: no Met file of XX-Abc beside it" in record.notes


def test_files_of_other_towers_are_not_taken(tmp_path):
    write_flux(tmp_path / "XX-Xyz_2003-2003_FLUXNET2015_Flux.nc")
    assert read(write_met(tmp_path / MET)).observed == {}


def test_of_several_the_same_years_come_first_and_the_rest_are_named(tmp_path):
    write_flux(tmp_path / "XX-Abc_1999-2003_FLUXNET2015_Flux.nc")
    write_flux(tmp_path / FLUX)
    record = read(write_met(tmp_path / MET))
    assert f"{FLUX} is read with {MET}" in record.notes
    assert "not read: XX-Abc_1999-2003_FLUXNET2015_Flux.nc" in record.notes


def test_one_file_with_both_needs_no_name(tmp_path):
    variables = alma_files.met(YEAR) | alma_files.flux(YEAR)
    record = read(alma_files.write(tmp_path / "mine.nc", YEAR, variables))
    assert record.climate and record.observed
    assert len(record.sources) == 1


def test_files_that_say_they_are_of_two_towers(tmp_path):
    write_met(tmp_path / MET)
    path = write_flux(tmp_path / FLUX, attributes={"site_code": "XX-Xyz"})
    finding = one_finding(path)
    assert finding.variable == "site_code"
    assert "XX-Xyz" in finding.message and "XX-Abc" in finding.message


def test_a_flux_file_of_energy_only_leaves_the_observations_absent(tmp_path):
    alma_files.write(tmp_path / FLUX, YEAR, {"Qle": (np.ones(YEAR.size), "W/m2")})
    record = read(write_met(tmp_path / MET))
    assert set(record.absent.values()) == {f"{FLUX} beside {MET} has no carbon flux"}


def test_a_damaged_file_beside_is_named(tmp_path):
    (tmp_path / FLUX).write_bytes(b"CDF\x01 not really")
    finding = one_finding(write_met(tmp_path / MET))
    assert finding.file == str(tmp_path / FLUX)


@pytest.mark.parametrize("content", [b"", b"CDF\x01abc", b"\x89HDF\r\n\x1a\n0000", b"a,b\n1,2\n"])
def test_what_is_no_netcdf_is_one_finding(tmp_path, content):
    path = tmp_path / MET
    path.write_bytes(content)
    assert "cannot be read as NetCDF" in one_finding(path).message


def test_a_file_that_is_absent(tmp_path):
    assert one_finding(tmp_path / MET).message == "no such file"


def test_another_netcdf_is_told_which_forms_are_read(tmp_path):
    path = tmp_path / "tas_Amon_model_historical_r1i1p1_185001-200512.nc"
    xr.Dataset({"tas": (("time", "lat"), np.ones((3, 2)))}).to_netcdf(path)
    finding = one_finding(path)
    assert "tas" in finding.message
    assert "PLUMBER2" in finding.mend and "CalLMIP" in finding.mend


@pytest.mark.parametrize("axis", ["x", "z"])
def test_more_than_one_point_is_refused(tmp_path, axis):
    values = xr.DataArray(np.ones((YEAR.size, 2)), dims=("time", axis), attrs={"units": "K"})
    path = tmp_path / MET
    xr.Dataset({"Tair": values}, coords={"time": YEAR}).to_netcdf(path)
    finding = one_finding(path)
    assert finding.variable == "Tair" and f"2 along {axis}" in finding.message


@pytest.mark.parametrize(
    ("file", "variable", "words"),
    [
        ({"Tair": ("time", [1.0, 2.0])}, "time", "no time axis"),
        ({"Tair": ("x", [280.0]), "time": ("time", [0.0, 1.0])}, "time", "has no units"),
        ({"Tair": ("time", ["warm", "cold"]), "time": ("time", [0.0, 1.0])}, "time", "no units"),
    ],
)
def test_files_without_a_proper_time_axis(tmp_path, file, variable, words):
    path = tmp_path / MET
    xr.Dataset(file).to_netcdf(path)
    record, findings = read_netcdf_record(path)
    assert record is None
    assert any(f.variable == variable and words in f.message for f in findings)


@pytest.mark.parametrize(
    ("units", "calendar", "times_", "words"),
    [
        ("seconds", "standard", [0.0, 3600.0], "no time since a date"),
        ("seconds since yesterday", "standard", [0.0, 3600.0], "cannot be decoded"),
        ("hours since 2003-01-01", "360_day", [0.0, 1.0], "calendar '360_day'"),
        ("hours since 2003-01-01", "standard", [0.0], "fewer than two times"),
        ("days since 2003-01-01", "standard", [0.0, 31.0, 59.0], "the step is 29.5 days"),
        ("hours since 2003-01-01", "standard", [0.0, 1.0, 1.0, 2.0], "1 records cover time"),
        ("hours since 2003-01-01", "standard", [0.0, 1.0, np.nan, 3.0], "1 missing times"),
    ],
)
def test_faults_of_the_time_axis_are_one_finding(tmp_path, units, calendar, times_, words):
    path = tmp_path / MET
    xr.Dataset(
        {"Tair": ("time", np.full(len(times_), 280.0), {"units": "K"})},
        coords={"time": ("time", times_, {"units": units, "calendar": calendar})},
    ).to_netcdf(path, encoding={"time": {"_FillValue": -1.0}})
    finding = one_finding(path)
    assert finding.variable == "time" and words in finding.message


def test_a_second_with_the_same_stamp_is_placed(tmp_path):
    stamps = np.insert(YEAR, 100, YEAR[99])
    finding = one_finding(write_met(tmp_path / MET, stamps))
    assert finding.index == "record 101 (2003-01-05T03:00)"


def test_records_in_another_order_give_the_same_months(tmp_path):
    order = np.random.default_rng(3).permutation(YEAR.size)
    straight = read(write_met(tmp_path / "a.nc"))
    mixed = read(write_met(tmp_path / "b.nc", YEAR[order]))
    np.testing.assert_allclose(
        mixed.climate["air_temperature"].values, straight.climate["air_temperature"].values
    )


@pytest.mark.parametrize("info", ["Time stamp indicates end time", None])
def test_stamps_at_the_end_of_the_step(tmp_path, info):
    step = np.timedelta64(HALF_HOUR, "m")
    starts = times("2003-01-01", "2004-01-01", HALF_HOUR)
    of_time = {"info": info} if info else {}
    path = alma_files.write(tmp_path / MET, starts + step, alma_files.met(starts), of_time=of_time)
    record = read(path)
    assert record.years.tolist() == [2003]
    expected = 2 + 10 * monthly(starts, alma_files.season(starts))
    np.testing.assert_allclose(record.climate["air_temperature"].values, expected, rtol=1e-9)
    assert any("ends of the steps" in note for note in record.notes)


def test_stamps_that_are_said_to_be_starts_stay(tmp_path):
    starts = times("2003-01-01T01:00", "2003-12-31T23:30", HOUR)
    of_time = {"info": "Time stamp indicates start time"}
    record = read(write_met(tmp_path / MET, starts, of_time=of_time))
    assert not any("ends of the steps" in note for note in record.notes)


@pytest.mark.parametrize("calendar", ["noleap", "365_day"])
def test_a_calendar_without_leap_days_keeps_its_dates(tmp_path, calendar):
    values = np.arange(2 * 365 * 24.0)
    path = alma_files.write(
        tmp_path / "XX-Abc_2004-2005_X_Met.nc",
        np.array(cftime.num2date(values, "hours since 2004-01-01", calendar="noleap")),
        {"Tair": (280 + values, "K"), "SWdown": (values * 0, "W/m2"),
         "Precip": (values * 0, "mm/s")},
    )  # fmt: skip
    with xr.open_dataset(path, decode_times=False) as file:
        assert file["time"].attrs["calendar"] in ("noleap", "365_day")
    record = read(path)
    assert record.years.tolist() == [2004, 2005]
    february = 280 - 273.15 + values[31 * 24 : 59 * 24].mean()
    np.testing.assert_allclose(record.climate["air_temperature"].values[0, 1], february)
    assert any("29 February" in note for note in record.notes)


@pytest.mark.parametrize(
    "units", ["hours since 1997-01-01 00:00:00", "days since 2000-03-01", "minutes since 2003-1-1"]
)
def test_units_of_time_are_those_of_cf(tmp_path, units):
    half_hours = times("2003-01-01", "2004-01-01", HALF_HOUR)
    record = read(write_met(tmp_path / MET, half_hours, time_units=units))
    expected = 2 + 10 * monthly(half_hours, alma_files.season(half_hours))
    np.testing.assert_allclose(record.climate["air_temperature"].values, expected, rtol=1e-9)


def test_two_fill_values_are_both_missing(tmp_path):
    variables = alma_files.met(YEAR)
    tair = variables["Tair"][0].copy()
    tair[:24], tair[24:48] = -999.0, -888.0
    variables["Tair"] = tair, "K"
    attributes = {"Tair": {"missing_value": -888.0}}
    path = alma_files.write(
        tmp_path / MET, YEAR, variables, of_variables=attributes,
        encoding={"Tair": {"_FillValue": None}},
    )  # fmt: skip
    with xr.open_dataset(path, mask_and_scale=False) as file:
        changed = file.load()
    changed["Tair"].attrs["_FillValue"] = -999.0
    changed.to_netcdf(path)
    expected = tair[48 : 31 * 24].mean() - 273.15
    assert read(path).climate["air_temperature"].values[0, 0] == pytest.approx(expected)


def test_coordinates_from_attributes_of_the_file(tmp_path):
    attributes = {"latitude": "55.5 N", "longitude": 11.6, "elevation": "40"}
    record = read(write_met(tmp_path / MET, place={}, attributes=attributes))
    assert record.location == {"longitude": 11.6, "elevation": 40.0}
    assert record.tower == "XX-Abc"  # of the file's name


def test_months_of_which_little_is_in_the_file_are_no_part_of_the_record(tmp_path):
    stamps = times("2002-12-31T20:00", "2004-01-04", HOUR)  # hours of 2002, three days of 2004
    record = read(write_met(tmp_path / MET, stamps))
    assert record.years.tolist() == [2003]
    assert record.present.all() and np.isfinite(record.climate["air_temperature"].values).all()
    assert f"{MET}: months of which less than 80 % is in the file: 2002-12, 2004-01" in record.notes
    whole = read(write_met(tmp_path / "whole.nc", stamps[4 : 4 + 365 * 24]))
    np.testing.assert_allclose(
        record.climate["precipitation"].values, whole.climate["precipitation"].values
    )


def test_a_file_without_a_whole_month(tmp_path):
    finding = one_finding(write_met(tmp_path / MET, times("2003-01-01", "2003-01-12", HOUR)))
    assert "no month with 80% of its time" in finding.message
