"""CO2 by year or month, on any axis, in any mole fraction, as NetCDF or text."""

import numpy as np
import pytest
import xarray as xr

from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.co2 import read_co2_file
from temjax.regional.inputs.grids.gridded import Reader

SERIES = {2001: 371.0, 2002: 373.0, 2003: 375.5}
VALUES = np.array(list(SERIES.values()))
YEARLY = {"units": "days since 2001-01-01", "calendar": "noleap"}


def read(tmp_path, content, name="co2.nc"):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        content.to_netcdf(path)
    reader = Reader(tmp_path)
    return reader, read_co2_file(reader, Variable(file=name, variable="co2"))


def on_time(values, time, units="ppm", attributes=YEARLY, **dims):
    dataset = xr.Dataset(
        {"co2": ("time", values, {"units": units})}, {"time": ("time", time, attributes)}
    )
    return dataset.expand_dims(dims) if dims else dataset


def monthly(months):
    season = VALUES.repeat(12)[:months] + np.tile(np.cos(np.arange(12)), 3)[:months]
    return on_time(season, np.arange(months), attributes={"units": "months since 2001-01-01"})


@pytest.mark.parametrize(
    "content",
    [
        xr.Dataset({"co2": ("year", VALUES)}, {"year": [2001, 2002, 2003]}),
        on_time(VALUES * 1e-6, [182.5, 547.5, 912.5], "mol mol-1"),
        on_time(VALUES, [0.0, 365.0, 730.0], "1.e-6", sector=[0], lat=[0.0], lon=[0.0]),
        on_time(VALUES, [0, 1, 2], attributes={"units": "years since 2001-07-01"}),
        on_time(VALUES, [101, 102, 103], attributes={"units": "common_years since 1900-01-01"}),
        "2001 371.0\n2002 373.0\n2003 375.5\n",
        "# ppm\nyear,co2\n2001,371.0\n2002,373.0\n2003,375.5\n",
        "\ufeffYear; CO2\n2001; 371\n2002; 373\n\n2003; 375.5 # end\n",
        "2001.25 370\n2001.75 372\n2002.5 373\n2003.5 375.5\n",
    ],
)
def test_one_series_in_every_form(tmp_path, content):
    name = "co2.txt" if isinstance(content, str) else "co2.nc"
    reader, series = read(tmp_path, content, name)
    assert not reader.findings
    assert series == pytest.approx(SERIES)


YEARS = [2001, 2002, 2003]


@pytest.mark.parametrize(
    ("name", "axis", "units"),
    [
        ("time", YEARS, ""),
        ("time", YEARS, "years"),
        ("time", [2001.5, 2002.5, 2003.5], "yr"),
        ("time", YEARS, "calendar year"),
        ("t", YEARS, "common_year"),
        ("Time", YEARS, "Year CE"),
        ("Year", YEARS, ""),
        ("yr", ["2001", "2002", "2003"], ""),
        ("time", YEARS[::-1], "years"),
    ],
)
def test_bare_years_are_years_and_told(tmp_path, name, axis, units):
    values = VALUES if axis[0] < axis[-1] else VALUES[::-1]
    attributes = {"units": units} if units else {}
    if name == "Time":
        attributes["standard_name"] = "time"
    content = xr.Dataset({"co2": (name, values)}, {name: (name, axis, attributes)})
    reader, series = read(tmp_path, content)
    assert series == pytest.approx(SERIES) and not reader.findings
    told = [note for note in reader.notes if "calendar years 2001-2003" in note]
    assert len(told) == (units != "" or name == "time" or isinstance(axis[0], str))


def test_years_beside_a_mere_index_are_found(tmp_path):
    content = xr.Dataset({"co2": ("time", VALUES), "year": ("time", YEARS)})
    reader, series = read(tmp_path, content)
    assert series == pytest.approx(SERIES) and not reader.findings


def test_parts_of_a_year_are_its_months(tmp_path):
    year = 2001 + (np.arange(36) + 0.5) / 12
    values = VALUES.repeat(12) + np.tile(np.cos(np.arange(12)), 3)
    content = xr.Dataset({"co2": ("time", values)}, {"time": ("time", year, {"units": "years"})})
    reader, series = read(tmp_path, content)
    assert series == pytest.approx({y: v + np.cos(6) for y, v in SERIES.items()})
    assert any("July of every year is taken" in note for note in reader.notes)


def test_july_is_taken_of_months_and_told(tmp_path):
    reader, series = read(tmp_path, monthly(36))
    assert series == pytest.approx({y: v + np.cos(6) for y, v in SERIES.items()})
    assert "July of every year is taken" in reader.notes[0]
    reader, series = read(tmp_path, monthly(30))
    assert series is None and "2003 has no July" in str(reader.findings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("2001 many\n", "not a year and a number"),
        ("2001 371 5\n", "not a year and a number"),
        (on_time(VALUES, [0.0, 365.0, 730.0], "kg kg-1"), "not understood"),
        (on_time(VALUES, [0.0, 365.0, 730.0], "mol mol-1"), "outside 100-5000 ppmv (3 such"),
        (xr.Dataset({"co2": ("n", VALUES)}), "no yearly series"),
        (on_time(VALUES, [0, 1, 2], attributes={"units": "years"}), "0 to 2 are no years"),
        (on_time(VALUES, [0, 1, 2], attributes={}), "no units, and numbers from 0 to 2"),
        (on_time(VALUES, YEARS, attributes={"units": "days"}), "no dates"),
        (on_time(VALUES, [2001, 2001, 2002], attributes={}), "2001 is repeated"),
        (on_time(VALUES, [200101, 200102, 200103], attributes={}), "are no years"),
        (xr.Dataset({"co2": ("year", VALUES)}, {"year": ["a", "b", "c"]}), "not numbers"),
        (xr.Dataset({"co2": ("year", VALUES)}, {"year": [1e9, 2, 3]}), "no calendar years"),
        (on_time(VALUES, [0.0, 365.0, 730.0], latitude=[-45.0, 45.0]), "has 2 values along"),
    ],
)
def test_other_content_is_one_finding(tmp_path, content, words):
    name = "co2.txt" if isinstance(content, str) else "co2.nc"
    reader, _ = read(tmp_path, content, name)
    (finding,) = reader.findings
    assert words in str(finding)
