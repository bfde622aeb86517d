"""Calendar months of every kind of time axis."""

import numpy as np
import pytest
import xarray as xr

from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.time_axis import calendar_months, whole_years

YEAR = [(2001, month) for month in range(1, 13)]
DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=float)
STARTS = np.r_[0.0, np.cumsum(DAYS)[:-1]]


def axis(values, name="time", bounds=None, **attributes):
    time = xr.Variable("t", np.asarray(values, dtype=float), attributes)
    dataset = xr.Dataset({"pr": ("t", np.zeros(len(values)))}, {name: time})
    if bounds is not None:
        dataset[name].attrs["bounds"] = "time_bnds"
        wide = isinstance(bounds, xr.Variable)
        dataset["time_bnds"] = bounds if wide else (("t", "two"), bounds)
    return dataset


def read(tmp_path, dataset, how=calendar_months):
    reader = Reader(tmp_path)
    return reader, how(reader, "a.nc", dataset)


NOLEAP = {"units": "days since 2001-01-01", "calendar": "noleap"}
MONTHLY = {
    "middle": axis(STARTS + 14, **NOLEAP),
    "start": axis(STARTS, **NOLEAP),
    "hours": axis(24 * STARTS, units="hours since 2001-1-1 00:00:00", calendar="365_day"),
    "seconds": axis(86400 * STARTS, units="seconds since 2001-01-01T00:00:00Z", calendar="noleap"),
    "360 days": axis(30.0 * np.arange(12) + 15, units="days since 2001-01-01", calendar="360_day"),
    "proleptic": axis(STARTS, units="days since 2001-01-01", calendar="proleptic_gregorian"),
    "julian": axis(STARTS + 14, units="days since 2001-01-01", calendar="julian"),
    "ends with bounds": axis(
        STARTS + DAYS, bounds=np.stack([STARTS, STARTS + DAYS], axis=1), **NOLEAP
    ),
    "valid_time": axis(STARTS, name="valid_time", **NOLEAP),
    "standard name": axis(STARTS, name="when", standard_name="time", **NOLEAP),
    "units alone": axis(STARTS, name="when", **NOLEAP),
    "months since": axis(range(12), units="months since 2001-01-01"),
    "halves of months": axis(np.arange(12) + 4080.5, units="months since 1661-1-1 00:00:00"),
    "months since the middle of one": axis(range(1, 13), units="months since 2000-12-16"),
    "ends of counted months": axis(
        range(1, 13),
        units="months since 2001-01-01",
        bounds=np.stack([np.arange(12.0), np.arange(1.0, 13)], axis=1),
    ),
    "ends of absolute days": axis(
        [20010201 + 100 * month for month in range(11)] + [20020101],
        units="day as %Y%m%d.%f",
        bounds=[[20010101 + 100 * m, 20010201 + 100 * m] for m in range(11)]
        + [[20011201, 20020101]],
    ),
    "ends with bounds from another day": axis(
        STARTS + DAYS,
        bounds=xr.Variable(
            ("t", "two"),
            24 * (np.stack([STARTS, STARTS + DAYS], axis=1) + 365),
            {"units": "hours since 2000-01-01"},
        ),
        **NOLEAP,
    ),
    "twelfths of years": axis(2001 + (np.arange(12) + 0.5) / 12, units="years since 0000-01-01"),
    "absolute days": axis(
        [20010100 + 100 * month + 15.5 for month in range(12)], units="day as %Y%m%d.%f"
    ),
    "absolute months": axis([200101 + month for month in range(12)], units="month as %Y%m.%f"),
}


@pytest.mark.parametrize("kind", MONTHLY)
def test_months_of_one_year(tmp_path, kind):
    reader, found = read(tmp_path, MONTHLY[kind])
    assert not reader.findings and not reader.notes
    assert found.months == YEAR
    assert found.step == "monthly"
    assert found.seconds == pytest.approx(30.4 * 86400, rel=0.1)
    assert not found.month_ends
    assert read(tmp_path, MONTHLY[kind], whole_years)[1].tolist() == [2001]


@pytest.mark.parametrize(
    ("hours", "step"), [(1, "hourly"), (3, "3-hourly"), (6, "6-hourly"), (24, "daily")]
)
def test_steps_within_a_month(tmp_path, hours, step):
    dataset = axis(np.arange(0, 24 * 60, hours) / 24, **NOLEAP)
    reader, found = read(tmp_path, dataset)
    assert found.step == step and (found.seconds == 3600 * hours).all()
    assert (found.months[0], found.months[-1]) == ((2001, 1), (2001, 3))
    assert read(tmp_path, dataset, whole_years)[1] is None
    reader, _ = read(tmp_path, dataset, whole_years)
    assert f"records are {step}, not monthly" in str(reader.findings[0])


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        (axis(STARTS + DAYS, **NOLEAP), "without bounds"),
        (axis(range(1, 13), units="months since 2001-01-01"), "without bounds"),
        (axis(STARTS + DAYS, bounds=np.zeros((12, 2)), **NOLEAP), "time_bnds do not enclose"),
    ],
)
def test_ends_of_months_without_bounds_are_named(tmp_path, dataset, why):
    reader, years = read(tmp_path, dataset, whole_years)
    assert years is None
    (finding,) = reader.findings
    assert "look like the ends of months" in finding.message and "bounds" in finding.mend
    assert why in finding.message


def test_bounds_that_are_no_bounds_are_told_and_not_used(tmp_path):
    reader, found = read(tmp_path, axis(STARTS + 14, bounds=np.zeros((12, 2)), **NOLEAP))
    assert found.months == YEAR and "do not enclose" in reader.notes[0]
    dataset = axis(STARTS + 14, **NOLEAP)
    dataset["time"].attrs["bounds"] = "gone"
    reader, found = read(tmp_path, dataset)
    assert found.months == YEAR and "not in the file" in reader.notes[0]


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (axis(STARTS), "no time axis with units"),
        (axis(STARTS, units="days since yesterday"), "no dates"),
        (axis(STARTS, units="days since 2001-01-01", calendar="mayan"), "no dates"),
        (axis([np.nan, 1.0], **NOLEAP), "record 0 is no number"),
        (axis([1.5], units="months since 2001-01-16"), "Count from the first of a month"),
        (axis([20011301.0], units="day as %Y%m%d.%f"), "is no date"),
        (axis([1e30], **NOLEAP), "no dates"),
    ],
)
def test_other_axes_are_one_finding(tmp_path, dataset, words):
    reader, found = read(tmp_path, dataset)
    assert found is None
    (finding,) = reader.findings
    assert words in str(finding)
