"""Folders of files of any step and any cut: no findings where the data are whole."""

import numpy as np
import pytest
import xarray as xr

from temjax.regional.command.check import check

PLACE = {"lat": [33.5, 34.5], "lon": [90.5, 91.5, 92.5]}


def write(folder, name, value, units, time, step_units="days since 2001-01-01"):
    time = np.asarray(time, dtype=float)
    values = np.broadcast_to(np.asarray(value, float), (3, 2, time.size)).T
    dataset = xr.Dataset({name: (("time", "lat", "lon"), values, {"units": units})}, PLACE)
    dataset["time"] = "time", time, {"units": step_units, "calendar": "noleap"}
    dataset.to_netcdf(folder / f"{name}_day.nc")


@pytest.mark.parametrize("hours", [6, 24])
def test_files_within_months_are_averaged(tmp_path, hours):
    time = np.arange(0, 24 * 365, hours) / 24
    write(tmp_path, "tas", 260.0, "K", time)
    write(tmp_path, "pr", 1e-5, "kg m-2 s-1", time)
    write(tmp_path, "tp", 0.001, "m", time)  # of the record's interval
    write(tmp_path, "rsds", 100.0, "W m-2", time)
    assert check(tmp_path) == []
    write(tmp_path, "tas", 260.0, "K", np.delete(time, 40))
    (finding,) = check(tmp_path)
    records = 24 // hours
    month = 2 if hours == 24 else 1
    assert f"{[31, 28][month - 1] * records - 1} records in 2001-0{month}" in finding.message


def test_a_daily_amount_is_one_of_a_day(tmp_path):
    write(tmp_path, "pr", 200.0, "mm", np.arange(365))
    (finding,) = check(tmp_path)
    assert "6200 mm in a month" in finding.message


def test_files_may_begin_and_end_inside_a_year(tmp_path):
    months = np.arange(11, 24)  # December to December
    units = "months since 2001-01-01"
    write(tmp_path, "rsds", 100.0, "W m-2", months, units)
    assert check(tmp_path) == []
    season = 150 - 120 * np.cos(2 * np.pi * months / 12)
    write(tmp_path, "rsds", season, "W m-2", months, units)
    assert check(tmp_path) == []
    write(tmp_path, "rsds", np.where(months == 11, 600, season), "W m-2", months, units)
    (finding,) = check(tmp_path)
    assert "record 0 (2001-12)" in finding.index and "extraterrestrial" in finding.message
    write(tmp_path, "rsds", season[:-1], "W m-2", np.delete(months, 5), units)
    assert "months missing: 2002-05" in str(check(tmp_path)[0])
