"""Climate of a tower's record: what each month takes, in which order, and what is said of it."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.sites import read_site
from temjax.sites.climate import check_gaps, complete_climate
from temjax.sites.climate_history import ClimateHistory, climate_history, extraterrestrial
from temjax.sites.entry import SiteEntry, parse_entry
from temjax.sites.history import global_co2, plateau_warming
from temjax.sites.readers.record import CLIMATE, MonthlyValues, Reading, TowerRecord
from tests.support.tower_files import site_text

MONTH = np.arange(12)
SEASON = {
    "air_temperature": 14 * np.cos(2 * np.pi * (MONTH - 6) / 12) - 3,
    "precipitation": 40 + 30 * np.cos(2 * np.pi * (MONTH - 6) / 12),
    "shortwave": 115 + 90 * np.cos(2 * np.pi * (MONTH - 5.5) / 12),
}
SOURCES = {"air_temperature": "TA_F", "precipitation": "P_F", "shortwave": "SW_IN_F"}
ENTRY = SiteEntry.model_validate(
    {
        "name": "made",
        "title": "Made",
        "location": {"latitude": 55.0, "longitude": 11.0, "elevation": 100, "source": "made"},
        "soil": {"sand": 40, "silt": 40, "clay": 20, "source": "made"},
        "vegetation": {"parameter_set": "grassland", "source": "made"},
    }
)


def truth(name: str, years: np.ndarray) -> np.ndarray:
    """Weather of every year, ``(year, 12)``."""
    anomaly = 0.05 * (np.asarray(years) % 7)[:, None] + 0.01 * np.sin(years)[:, None] * MONTH
    if name == "air_temperature":
        return SEASON[name] + 10 * anomaly
    return SEASON[name] * (1 + 0.2 * anomaly)


def record(first=2004, last=2007, *, present=None, lacking=(), **changes) -> TowerRecord:
    years = np.arange(first, last + 1)
    present = np.ones((years.size, 12), bool) if present is None else present
    climate = {
        name: MonthlyValues(np.where(present, truth(name, years), np.nan), SOURCES[name])
        for name in CLIMATE
        if name not in lacking
    }
    fields = {"file": "tower.csv", "product": "FLUXNET", "tower": None} | changes
    return TowerRecord(years=years, present=present, climate=climate, **fields)


def reanalysis(first=1981, last=2010, *, lacking=(), bias=True) -> TowerRecord:
    """The weather with a bias by calendar month."""
    years = np.arange(first, last + 1)
    off = {
        "air_temperature": lambda v: v + MONTH / 10 - 1,
        "precipitation": lambda v: v * (0.8 + MONTH / 20),
        "shortwave": lambda v: v * (0.95 + MONTH / 50),
    }
    climate = {
        name: MonthlyValues((off[name] if bias else np.copy)(truth(name, years)), f"{name}_ERA")
        for name in CLIMATE
        if name not in lacking
    }
    present = np.ones((years.size, 12), bool)
    return TowerRecord("era.csv", "ERA5", None, years, present, climate)


def complete(tower: TowerRecord, reading=Reading(), entry=ENTRY, **choices):
    """Arrays of the forcing by name, its first year and the notes."""
    history, findings = climate_history(tower, entry, reading)
    assert findings == []
    assert check_gaps(tower, reading, history) == []
    forcing, notes, findings = complete_climate(tower, entry, reading, history, **choices)
    assert findings == []
    assert all(np.isfinite(getattr(forcing, name)).all() for name in CLIMATE)
    return {name: np.asarray(getattr(forcing, name)) for name in CLIMATE}, forcing, notes


def test_without_a_history_the_mean_year_repeats():
    tower = record()
    climate, forcing, notes = complete(tower, first_year=1990)
    assert np.asarray(forcing.years)[[0, -1]].tolist() == [1990, 2007]
    for name in CLIMATE:
        expected = tower.climate[name].values
        np.testing.assert_array_equal(climate[name][-4:], expected)
        np.testing.assert_array_equal(climate[name][0], expected.mean(axis=0))
    assert notes == ["climate before 2004: the file's climatology, warming 'none'"]
    np.testing.assert_array_equal(np.asarray(forcing.co2), global_co2(1990, 2007))


def test_the_history_is_corrected_to_the_tower():
    tower = record(reanalysis=reanalysis())
    climate, _, notes = complete(tower, first_year=1970)
    years = np.arange(1970, 2008)
    for name in CLIMATE:
        np.testing.assert_array_equal(climate[name][years >= 2004], tower.climate[name].values)
        # a bias that is the same every year is removed altogether
        np.testing.assert_allclose(
            climate[name][(years >= 1981) & (years < 2004)], truth(name, np.arange(1981, 2004))
        )
        np.testing.assert_allclose(
            climate[name][0], truth(name, np.arange(1981, 2001)).mean(axis=0)
        )
    (told,) = (note for note in notes if "corrected month by month" in note)
    assert told.startswith("ERA5 (era.csv) corrected")
    assert "over 48 common months: air temperature by -0.10 to 1.00 K, precipitation times" in told
    assert "climate 1981-2003: ERA5" in notes
    assert "climate before 1981: mean of 1981-2000 of ERA5, warming 'none'" in notes
    assert not any("disagrees" in note for note in notes)


def test_warming_before_the_history_is_relative_to_its_first_years():
    tower = record(reanalysis=reanalysis())
    still, _, _ = complete(tower, first_year=1901)
    warmed, _, notes = complete(tower, first_year=1901, warming="plateau")
    shift = plateau_warming(np.arange(1901, 1981)) - plateau_warming(np.arange(1981, 2001)).mean()
    difference = warmed["air_temperature"] - still["air_temperature"]
    np.testing.assert_allclose(difference[:80], np.tile(shift[:, None], 12), atol=1e-12)
    assert not difference[80:].any()
    np.testing.assert_array_equal(warmed["shortwave"], still["shortwave"])
    assert any(note.endswith("warming 'plateau'") for note in notes)


def test_a_first_year_inside_the_history():
    climate, forcing, notes = complete(record(reanalysis=reanalysis()), first_year=1995)
    assert int(forcing.years[0]) == 1995
    np.testing.assert_allclose(
        climate["precipitation"][0], truth("precipitation", np.array([1995]))[0]
    )
    assert "climate 1995-2003: ERA5" in notes
    assert not any("before" in note and "climate" in note for note in notes)


def test_gaps_of_the_history_before_the_tower_take_its_first_years():
    """A history that begins in September, with a hole in 1990."""
    beside = reanalysis()
    for variable in beside.climate.values():
        variable.values[0, :8] = variable.values[9, 3] = np.nan
    climate, _, _ = complete(record(reanalysis=beside), first_year=1981)
    expected = truth("shortwave", np.arange(1981, 2001))
    expected[0, :8] = expected[9, 3] = np.nan
    mean = np.nanmean(expected, axis=0)
    np.testing.assert_allclose(climate["shortwave"][0, :8], mean[:8])
    np.testing.assert_allclose(climate["shortwave"][9, 3], mean[3])
    np.testing.assert_allclose(climate["shortwave"][9, 4], expected[9, 4])


def test_mean_year_leaves_the_reanalysis_alone():
    plain, _, _ = complete(record(), first_year=1990)
    climate, _, notes = complete(
        record(reanalysis=reanalysis()), Reading(history="mean-year"), first_year=1990
    )
    for name in CLIMATE:
        np.testing.assert_array_equal(climate[name], plain[name])
    assert "era.csv is not used: history mean-year" in notes


def edges(years=4) -> np.ndarray:
    """From June of the first year to March of the last."""
    present = np.ones((years, 12), bool)
    present[0, :5] = present[-1, 3:] = False
    return present


@pytest.mark.parametrize("beside", [None, reanalysis()])
def test_a_record_from_june_to_march_needs_no_option(beside):
    tower = record(present=edges(), reanalysis=beside)
    climate, _, notes = complete(tower, first_year=2000)
    for name in CLIMATE:
        values = tower.climate[name].values
        np.testing.assert_array_equal(climate[name][-4:][edges()], values[edges()])
        expected = truth(name, tower.years)
        if beside is None:
            expected = np.tile(np.nanmean(values, axis=0), (4, 1))
        np.testing.assert_allclose(climate[name][-4, :5], expected[0, :5])
        np.testing.assert_allclose(climate[name][-1, 3:], expected[-1, 3:])
    assert sum(note.startswith("the record begins in 2004-06: earlier") for note in notes) == 1
    assert sum(note.startswith("the record ends in 2007-03: later") for note in notes) == 1
    assert not any("filled from" in note for note in notes)


def test_gaps_inside_need_a_history_or_the_option():
    tower = record()
    tower.climate["precipitation"].values[1, 2:5] = np.nan
    tower.climate["shortwave"].values[2, 11] = np.nan
    found = check_gaps(tower, Reading(), ClimateHistory())
    assert [fault.variable for fault in found] == ["P_F", "SW_IN_F"]
    assert "missing (-9999) in 200503, 200504, 200505" in found[0].message
    climate, _, notes = complete(tower, Reading(fill_from_climatology=True), first_year=2000)
    mean = np.nanmean(tower.climate["precipitation"].values, axis=0)
    np.testing.assert_allclose(climate["precipitation"][-3, 2:5], mean[2:5])
    assert "P_F: 3 months filled from the file's climatology" in notes
    beside = dataclasses.replace(tower, reanalysis=reanalysis())
    climate, _, notes = complete(beside, first_year=2000)
    np.testing.assert_allclose(
        climate["precipitation"][-3, 2:5], truth("precipitation", tower.years)[1, 2:5]
    )
    assert "P_F: 3 months filled from ERA5" in notes
    assert "SW_IN_F: 1 months filled from ERA5" in notes
    short = dataclasses.replace(tower, reanalysis=reanalysis(last=2005))
    history, _ = climate_history(short, ENTRY, Reading())
    found = check_gaps(short, Reading(), history)
    assert [fault.variable for fault in found] == ["SW_IN_F"]  # 2006-12 lies behind the history


def test_absent_months_inside_are_one_finding():
    present = np.ones((4, 12), bool)
    present[1, 10:] = present[2, :2] = False
    found = check_gaps(record(present=present), Reading(), ClimateHistory())
    assert len(found) == 1 and found[0].index == "2005-11"
    assert "months missing: 2005-11, 2005-12, 2006-01, 2006-02" in found[0].message
    complete(record(present=present), Reading(fill_from_climatology=True))
    complete(record(present=present, reanalysis=reanalysis()))


def test_a_variable_the_tower_lacks_comes_from_the_history_as_it_is():
    beside = reanalysis(first=1995, last=2006)
    tower = record(lacking=["shortwave"], reanalysis=beside)
    climate, _, notes = complete(tower, first_year=1990)
    series = beside.climate["shortwave"].values
    np.testing.assert_array_equal(climate["shortwave"][5:17], series)
    np.testing.assert_allclose(climate["shortwave"][17], series.mean(axis=0))  # 2007
    np.testing.assert_allclose(climate["shortwave"][0], series.mean(axis=0))  # 12 years: all of it
    assert any("shortwave of ERA5: the tower has none" in note for note in notes)
    assert "12 months of shortwave from the mean year of ERA5: the tower has none" in notes


def with_climatology(**changes) -> SiteEntry:
    tables = {
        name: {"unit": unit, "mean": (SEASON[name] + 1).tolist(), "source": "made"}
        for name, unit in (
            ("air_temperature", "degC"), ("precipitation", "mm month-1"), ("shortwave", "W m-2"),
        )
    }  # fmt: skip
    whole = ENTRY.model_dump() | {"period": (1990, 2000), "climatology": tables}
    return SiteEntry.model_validate(whole | changes)


def test_a_variable_nothing_else_has_comes_from_the_site_file():
    tower = record(lacking=["shortwave"])
    climate, _, notes = complete(tower, entry=with_climatology(), first_year=2000)
    np.testing.assert_allclose(climate["shortwave"], np.tile(SEASON["shortwave"] + 1, (8, 1)))
    np.testing.assert_array_equal(
        climate["air_temperature"][-4:], tower.climate["air_temperature"].values
    )
    assert any(
        "48 months of shortwave from the site file's climatology: the tower" in n for n in notes
    )


def test_a_record_without_any_climate():
    """A file of fluxes only."""
    tower = record(lacking=CLIMATE)
    climate, _, _ = complete(dataclasses.replace(tower, reanalysis=reanalysis()), first_year=1990)
    np.testing.assert_allclose(
        climate["air_temperature"],
        reanalysis().climate["air_temperature"].values[1990 - 1981 : 2008 - 1981],
    )
    climate, _, notes = complete(tower, entry=with_climatology(), first_year=2000)
    np.testing.assert_allclose(
        climate["precipitation"], np.tile(SEASON["precipitation"] + 1, (8, 1))
    )
    assert any("the site file's climatology, warming" in note for note in notes)
    assert check_gaps(record(present=edges(), lacking=CLIMATE), Reading(), ClimateHistory()) == []


def test_a_variable_nobody_has_is_a_finding():
    tower = record(lacking=["shortwave"], absent={"shortwave": "no column SW_IN_F"})
    forcing, _, findings = complete_climate(tower, ENTRY, Reading(), ClimateHistory())
    assert forcing is None
    assert [fault.variable for fault in findings] == ["shortwave"]
    assert "no column SW_IN_F" in findings[0].message and "--history" in findings[0].mend
    empty = record()
    empty.climate["shortwave"].values[:] = np.nan
    assert check_gaps(empty, Reading(), ClimateHistory()) == []  # said once
    _, _, findings = complete_climate(empty, ENTRY, Reading(), ClimateHistory())
    assert [fault.variable for fault in findings] == ["SW_IN_F"]


def test_a_variable_the_file_usually_has_is_missed_unless_something_else_has_it():
    usual = {"precipitation": ("P_F", "line 3")}
    tower = record(lacking=["precipitation"], absent={"precipitation": "no such column"})
    assert check_gaps(tower, Reading(), ClimateHistory()) == []  # of a place nobody knows yet
    tower = dataclasses.replace(tower, usual=usual)
    for reading in (Reading(), Reading(fill_from_climatology=True)):
        for entry in (None, ENTRY):
            (fault,) = check_gaps(tower, reading, ClimateHistory(), entry)
            assert (fault.variable, fault.index) == ("P_F", "line 3")
            assert "no such column" in fault.message
    assert check_gaps(tower, Reading(), ClimateHistory(), with_climatology()) == []
    history, _ = climate_history(
        dataclasses.replace(tower, reanalysis=reanalysis()), ENTRY, Reading()
    )
    assert check_gaps(tower, Reading(), history, ENTRY) == []


def test_a_calendar_month_no_year_has():
    present = np.zeros((2, 12), bool)
    present[0, 5:] = present[1, :2] = True
    _, _, findings = complete_climate(
        record(last=2005, present=present), ENTRY, Reading(), ClimateHistory(), first_year=2004
    )
    (fault,) = findings
    assert fault.message.startswith("9 months (2004-06 to 2005-02): no year has a value for month")
    assert "month 3, 4, 5, nothing to fill from" in fault.message and "--history" in fault.mend
    assert fault.variable == "TA_F, P_F, SW_IN_F"
    tower = record(last=2005, present=present, reanalysis=reanalysis())
    history, _ = climate_history(tower, ENTRY, Reading())
    assert any("9 months in common" in note and "as it is" in note for note in history.notes)
    assert complete_climate(tower, ENTRY, Reading(), history)[2] == []


def test_too_few_common_months():
    tower = record(reanalysis=reanalysis(last=2003))
    climate, _, notes = complete(tower, first_year=1990)
    plain, _, _ = complete(record(), first_year=1990)
    for name in CLIMATE:
        np.testing.assert_array_equal(climate[name], plain[name])
    assert sum("0 months in common" in note and "mean year" in note for note in notes) == 1
    eleven = reanalysis()
    for variable in eleven.climate.values():
        variable.values[np.isin(eleven.years, [2004, 2005, 2006, 2007])] = np.nan
        variable.values[eleven.years == 2005, :11] = 10.0
    history, _ = climate_history(record(reanalysis=eleven), ENTRY, Reading())
    assert history.values == {} and any("11 months in common" in n for n in history.notes)


def test_disagreement_is_told_with_its_numbers():
    beside = reanalysis()
    beside.climate["air_temperature"].values[:] += 5.05
    beside.climate["precipitation"].values[:] *= 3
    history, findings = climate_history(record(reanalysis=beside), ENTRY, Reading())
    assert findings == []
    (told,) = (note for note in history.notes if "disagrees" in note)
    assert "air temperature mean +4.6 K" in told
    assert "precipitation mean " in told and "times the tower's" in told


def test_shortwave_stays_below_the_sun():
    tower = record(reanalysis=reanalysis())
    beside = tower.reanalysis.climate["shortwave"].values
    beside[tower.reanalysis.years == 1985] *= 3.0
    history, findings = climate_history(tower, ENTRY, Reading())
    assert findings == []
    row = 1985 - 1981
    np.testing.assert_array_equal(history.values["shortwave"][row, 6], extraterrestrial(55.0)[6])
    assert any("12 months above the extraterrestrial mean, set to it" in n for n in history.notes)
    beside *= 3
    _, findings = climate_history(tower, ENTRY, Reading())
    assert [fault.variable for fault in findings] == ["shortwave_ERA"]
    assert "above the extraterrestrial mean (" in findings[0].message


def test_values_just_below_zero_are_rounding():
    beside = reanalysis()
    beside.climate["precipitation"].values[0, 0] = -0.01
    history, findings = climate_history(record(reanalysis=beside), ENTRY, Reading())
    assert findings == [] and history.values["precipitation"][0, 0] == 0
    assert any("1 months just below 0" in note for note in history.notes)
    beside.climate["precipitation"].values[0, 0] = -20.0
    _, findings = climate_history(record(reanalysis=beside), ENTRY, Reading())
    assert [fault.file for fault in findings] == ["era.csv"]


@pytest.mark.parametrize(
    ("first_year", "message"),
    [(2005, "after the tower's first year 2004"), (1699, "known from 1700 on, not in 1699")],
)
def test_first_year_is_checked(first_year, message):
    _, _, findings = complete_climate(
        record(), ENTRY, Reading(), ClimateHistory(), first_year=first_year
    )
    assert [fault.variable for fault in findings] == ["history.first_year"]
    assert message in findings[0].message
    assert complete(record(), first_year=1700)[1].co2.shape == (308, 12)
    assert complete(record(), first_year=2004)[1].co2.shape == (4, 12)


def gridded_file(path, years=(1980, 2010)):
    """A grid of one degree whose cells have the biased weather."""
    series = reanalysis(*years)
    dates = np.array([12 * (y - 1900) + m for y in series.years for m in MONTH], float)
    labels = {"air_temperature": "tas", "precipitation": "pr", "shortwave": "rsds"}
    units = {"tas": "degC", "pr": "mm month-1", "rsds": "W m-2"}
    data = {
        label: (
            ("time", "lat", "lon"),
            np.tile(series.climate[name].values.reshape(-1, 1, 1), (1, 2, 2)),
            {"units": units[label]},
        )
        for name, label in labels.items()
    }
    axes = {
        "time": ("time", dates, {"units": "months since 1900-01-01"}),
        "lat": ("lat", [55.0, 56.0], {"units": "degrees_north"}),
        "lon": ("lon", [10.8, 11.8], {"units": "degrees_east"}),
    }
    xr.Dataset(data, axes).to_netcdf(path)
    return path


def test_gridded_climate_as_history(tmp_path):
    path = gridded_file(tmp_path / "grid.nc")
    climate, _, notes = complete(record(), Reading(history=str(path)), first_year=1980)
    for name in CLIMATE:
        np.testing.assert_allclose(climate[name][:24], truth(name, np.arange(1980, 2004)))
    assert any("km from the site" in note for note in notes)
    history, _ = climate_history(record(), ENTRY, Reading(history=str(path)))
    assert history.label == "gridded climate" and "sha256" in history.sources[0]


def test_a_history_that_was_asked_for_must_overlap(tmp_path):
    path = gridded_file(tmp_path / "grid.nc", (1980, 2003))
    _, findings = climate_history(record(), ENTRY, Reading(history=str(path)))
    assert len(findings) == 1 and "0 months in common" in findings[0].message
    assert findings[0].variable == "tas, pr, rsds"
    assert findings[0].file == str(path)


def test_a_reanalysis_file_as_history(tmp_path):
    series = reanalysis()
    days = [np.repeat([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], 1)] * series.years.size
    leap = series.years % 4 == 0
    days = np.array(days)
    days[leap, 1] = 29
    rows = ["TIMESTAMP,TA_ERA,P_ERA,SW_IN_ERA"]
    for y, year in enumerate(series.years):
        for m in MONTH:
            t, p, s = (series.climate[name].values[y, m] for name in CLIMATE)
            rows.append(f"{year}{m + 1:02d},{t!r},{p / days[y, m]!r},{s!r}")
    path = tmp_path / "AMF_XX-Abc_FLUXNET_ERA5_MM_1981-2010_v1.3_r1.csv"
    path.write_text("\n".join(rows).replace("np.float64(", "").replace(")", ""))
    climate, _, _ = complete(record(), Reading(history=str(path)), first_year=1985)
    beside, _, _ = complete(record(reanalysis=series), first_year=1985)
    for name in CLIMATE:
        np.testing.assert_allclose(climate[name], beside[name])


@pytest.mark.parametrize(
    ("name", "message"), [("none.nc", "no such file"), ("notes.txt", "neither NetCDF, CSV nor zip")]
)
def test_a_history_that_is_none(tmp_path, name, message):
    (tmp_path / "notes.txt").write_text("no climate")
    _, findings = climate_history(record(), ENTRY, Reading(history=str(tmp_path / name)))
    assert [fault.variable for fault in findings] == ["history"]
    assert message in findings[0].message and findings[0].mend


def test_gridded_climate_needs_the_longitude(tmp_path):
    path = gridded_file(tmp_path / "grid.nc")
    place = ENTRY.location.model_copy(update={"longitude": None})
    entry = ENTRY.model_copy(update={"location": place})
    _, findings = climate_history(record(), entry, Reading(history=str(path)))
    assert "needs the longitude" in findings[0].message and "[location]" in findings[0].mend
    at = record(location={"latitude": 55.1, "longitude": 10.9})
    assert climate_history(at, None, Reading(history=str(path)))[1] == []


def site_file(folder, history: str, top: str = "", rest: str = ""):
    path = folder / "site.toml"
    history = f'[history]\nsource = "made"\n{history}\n'
    place = site_text("made", head=top, vegetation="grassland", latitude=55.0, longitude=11.0)
    path.write_text(place + history + rest)
    return path


def test_the_site_file_names_a_history_beside_it(tmp_path):
    gridded_file(tmp_path / "grid.nc")
    entry, findings = parse_entry(site_file(tmp_path, 'climate = "grid.nc"'))
    assert findings == []
    history, findings = climate_history(record(), entry, Reading())
    assert findings == [] and history.label == "gridded climate"
    assert climate_history(record(), entry, Reading(history="mean-year"))[0].values == {}
    entry, _ = parse_entry(site_file(tmp_path, 'climate = "mean-year"'))
    assert climate_history(record(reanalysis=reanalysis()), entry, Reading())[0].values == {}


CLIMATOLOGY = "".join(
    f'[climatology.{name}]\nunit = "{unit}"\nmean = {SEASON[name].tolist()}\nsource = "made"\n'
    for name, unit in (
        ("air_temperature", "degC"), ("precipitation", "mm month-1"), ("shortwave", "W m-2"),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("first_year", "message"),
    [(1650, "CO2 is known for 1700-2500, not for 1650"), (2003, "after the end of the period")],
)
def test_first_year_of_a_site_file_is_checked(tmp_path, first_year, message):
    path = site_file(tmp_path, f"first_year = {first_year}", "period = [1990, 2000]", CLIMATOLOGY)
    _, findings = parse_entry(path)
    assert [fault.variable for fault in findings] == ["history.first_year"]
    assert message in findings[0].message
    with pytest.raises(DataError, match=r"history\.first_year"):
        read_site(path)
    path = site_file(tmp_path, "first_year = 1750", "period = [1990, 2000]", CLIMATOLOGY)
    assert int(read_site(path).forcing.years[0]) == 1750


def test_a_history_without_a_tower_is_refused(tmp_path):
    history = 'climate = "grid.nc"'
    path = site_file(tmp_path, history, "period = [1990, 2000]", CLIMATOLOGY)
    with pytest.raises(DataError, match=r"history\.climate"):
        read_site(path)


def test_the_toolik_grid_as_history(shared):
    """A tower made of the grid's own weather, 3 K warmer and wetter, gets the grid back."""
    path = shared / "data" / "toolik" / "historic-climate.nc"
    place = ENTRY.location.model_copy(update={"latitude": 68.67, "longitude": -149.47})
    entry = ENTRY.model_copy(update={"location": place})
    empty = record(2008, 2013, lacking=CLIMATE)
    series, findings = climate_history(empty, entry, Reading(history=str(path)))
    assert findings == [] and series.years[0] == 1901
    rows = (series.years >= 2008) & (series.years <= 2013)
    shift = {"air_temperature": 2.0, "precipitation": 1.0, "shortwave": 1.0}
    climate = {
        name: MonthlyValues(values[rows] * (1.25 if name == "precipitation" else 1) + shift[name]
                            * (name == "air_temperature"), SOURCES[name])
        for name, values in series.values.items()
    }  # fmt: skip
    tower = dataclasses.replace(empty, climate=climate)
    found, _, notes = complete(tower, Reading(history=str(path)), entry=entry, first_year=1901)
    np.testing.assert_allclose(
        found["air_temperature"][:107], series.values["air_temperature"][:107] + 2.0
    )
    np.testing.assert_allclose(
        found["precipitation"][:107], 1.25 * series.values["precipitation"][:107]
    )
    assert "climate 1901-2007: gridded climate" in notes
