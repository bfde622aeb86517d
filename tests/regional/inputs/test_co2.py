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
        (on_time(VALUES, [0.0, 365.0, 730.0], latitude=[-45.0, 45.0]), "yearly series"),
    ],
)
def test_other_content_is_one_finding(tmp_path, content, words):
    name = "co2.txt" if isinstance(content, str) else "co2.nc"
    reader, _ = read(tmp_path, content, name)
    (finding,) = reader.findings
    assert words in str(finding)
