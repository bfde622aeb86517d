"""Gridded climate at a site: cells, units, time axes and the faults that are named."""

import cftime
import numpy as np
import pytest
import xarray as xr

from temjax.sites.gridded import read_gridded
from temjax.sites.readers.record import days_of_months

YEARS = np.arange(1999, 2001)  # 2000 is a leap year
LATITUDE = np.array([60.0, 60.5, 61.0])
LONGITUDE = np.array([10.0, 10.5, 11.0, 11.5])
DAYS = days_of_months(YEARS).reshape(-1).astype(float)


def at_cells(values: np.ndarray) -> np.ndarray:
    """Monthly values of every cell, each cell its own."""
    cell = np.arange(LATITUDE.size * LONGITUDE.size).reshape(LATITUDE.size, -1)
    return values[:, None, None] + cell


def base() -> dict[str, np.ndarray]:
    month = np.arange(24.0)
    return {"tas": month - 10, "pr": month + 5, "rsds": 8 * month + 20}


def grid(units: dict[str, str] | None = None, change=lambda name, values: values) -> xr.Dataset:
    units = {"tas": "degC", "pr": "mm month-1", "rsds": "W m-2"} | (units or {})
    dates = np.array([(y - 1999) * 365 + m for y in YEARS for m in np.cumsum([0, *DAYS[:11]])])
    return xr.Dataset(
        {
            name: (
                ("time", "lat", "lon"),
                at_cells(change(name, values)),
                {"units": units[name]},
            )
            for name, values in base().items()
        },
        {
            "time": ("time", dates, {"units": "days since 1999-01-01", "calendar": "noleap"}),
            "lat": ("lat", LATITUDE, {"units": "degrees_north"}),
            "lon": ("lon", LONGITUDE, {"units": "degrees_east"}),
        },
    )


@pytest.fixture
def write(tmp_path):
    def to_file(dataset: xr.Dataset, name: str = "climate.nc"):
        dataset.to_netcdf(tmp_path / name)
        return tmp_path / name

    return to_file


def values_of(path, latitude=60.6, longitude=11.1):
    record, findings = read_gridded(path, latitude, longitude)
    assert findings == []
    return {name: variable.values.reshape(-1) for name, variable in record.climate.items()}


def check_cell(path, cell=6, **place) -> None:
    """The climate is that of cell (1, 2)."""
    values = values_of(path, **place)
    for name, label in (
        ("air_temperature", "tas"), ("precipitation", "pr"), ("shortwave", "rsds"),
    ):  # fmt: skip
        np.testing.assert_allclose(values[name], base()[label] + cell, rtol=1e-6)


def test_the_nearest_cell_and_its_distance(write):
    path = write(grid())
    check_cell(path)
    record, _ = read_gridded(path, 60.6, 11.1)
    assert record.years.tolist() == [1999, 2000] and record.product == "gridded climate"
    assert record.climate["shortwave"].source == "rsds"
    # 0.1° north and 0.1° · cos 60.5° east
    distance = 111.195 * np.hypot(0.1, 0.1 * np.cos(np.radians(60.55)))
    assert f"cell 60.500 N 11.000 E, its centre {distance:.1f} km" in record.notes[0]
    assert len(record.notes) == 1 and record.sources[0].startswith("climate.nc (sha256")


def test_orientation_and_convention_of_the_axes(write):
    dataset = grid()
    check_cell(write(dataset.isel(lat=slice(None, None, -1)), "south.nc"))
    check_cell(write(dataset.transpose("lon", "time", "lat"), "turned.nc"))
    west = dataset.assign_coords(lon=dataset.lon - 20)
    check_cell(write(west.assign_coords(lon=west.lon % 360), "360.nc"), longitude=-8.9)
    named = dataset.rename(lat="y", lon="x", time="valid_time")
    named.y.attrs["standard_name"] = "latitude"
    check_cell(write(named, "names.nc"))


def test_two_dimensional_coordinates(write):
    dataset = grid()
    north, east = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    east = east + 0.2 * (north - 60)
    dataset = dataset.drop_vars(["lat", "lon"]).rename(lat="row", lon="column")
    dataset["lat"] = (("row", "column"), north)
    dataset["lon"] = (("row", "column"), east)
    path = write(dataset)
    check_cell(path, longitude=11.15)
    assert read_gridded(path, 63.0, 11.0)[0] is None


@pytest.mark.parametrize(
    ("variable", "unit", "change"),
    [
        ("tas", "K", lambda v: v + 273.15),
        ("tas", "degrees Celsius", lambda v: v),
        ("pr", "kg m-2 s-1", lambda v: v / DAYS / 86400),
        ("pr", "kg/m2/s", lambda v: v / DAYS / 86400),
        ("pr", "mm/mon", lambda v: v),
        ("pr", "mm/day", lambda v: v / DAYS),
        ("pr", "m", lambda v: v / DAYS / 1000),
        ("pr", "mm", lambda v: v),
        ("rsds", "W m**-2", lambda v: v),
        ("rsds", "Wm-2", lambda v: v),
        ("rsds", "J m**-2", lambda v: v * 86400),
        ("rsds", "MJ m-2 day-1", lambda v: v * 86400 / 1e6),
        ("pr", "m of water equivalent per day", lambda v: v / DAYS / 1000),
        ("pr", "kgm-2s-1", lambda v: v / DAYS / 86400),
        ("rsds", "kcal m-2 d-1", lambda v: v * 86400 / 4184),
    ],
)
def test_units_by_their_attribute(write, variable, unit, change):
    dataset = grid()
    only = at_cells(base()[variable])
    days = DAYS[:, None, None]
    scaled = change(only[:, 0, 0])
    probe = change(np.ones(24)) - change(np.zeros(24))
    values = scaled[:, None, None] + (only - only[:, :1, :1]) * probe[:, None, None]
    assert days.shape == (24, 1, 1)
    dataset[variable] = (("time", "lat", "lon"), values, {"units": unit})
    check_cell(write(dataset))


def test_a_unit_without_a_time_is_told(write):
    record, _ = read_gridded(write(grid({"pr": "mm"})), 60.5, 11.0)
    assert any("pr in mm taken as mm month-1" in note for note in record.notes)


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ("months since 1999-01-01", np.arange(24) + 0.5),
        ("day as %Y%m%d.%f", [10000 * y + 100 * m + 15 for y in YEARS for m in range(1, 13)]),
        ("hours since 1900-01-01", None),
        ("mon since 1999-01", np.arange(24)),
        ("months since 1998-12-16", np.arange(1, 25)),
        ("month as %Y%m.%f", [100 * y + m for y in YEARS for m in range(1, 13)]),
    ],
)
def test_time_axes(write, units, numbers):
    dataset = grid()
    if numbers is None:
        dates = [cftime.DatetimeGregorian(y, m, 16) for y in YEARS for m in range(1, 13)]
        numbers = cftime.date2num(dates, units)
    dataset["time"] = ("time", np.asarray(numbers, float), {"units": units})
    check_cell(write(dataset))


@pytest.mark.parametrize(
    ("name", "attributes"), [("valid_time", {}), ("when", {"standard_name": "time"})]
)
def test_the_time_axis_is_told_by_name_or_attributes(write, name, attributes):
    dataset = grid().rename(time="record").rename_vars(record=name)
    dataset[name].attrs |= attributes
    check_cell(write(dataset))


def test_bounds_of_counted_months_decide(write):
    dataset = grid()
    ends = np.arange(1, 25.0)
    dataset["bnds"] = (("time", "nv"), np.stack([ends - 1, ends], axis=1))
    attributes = {"units": "months since 1999-01-01", "bounds": "bnds"}
    dataset["time"] = ("time", ends, attributes)
    check_cell(write(dataset))
    dataset["bnds"] = dataset["bnds"] + 100
    dataset["time"] = ("time", ends - 1, attributes)
    path = write(dataset, "wrong.nc")
    check_cell(path)
    assert any("do not enclose" in note for note in read_gridded(path, 60.6, 11.1)[0].notes)


def test_stamps_that_look_like_ends_of_months_are_told(write):
    dates = [cftime.DatetimeNoLeap(1999 + m // 12, m % 12 + 1, 1) for m in range(1, 25)]
    units = "days since 1999-01-01"
    numbers = cftime.date2num(dates, units, "noleap")
    time = ("time", np.asarray(numbers, float), {"units": units, "calendar": "noleap"})
    record, _ = read_gridded(write(grid().assign_coords(time=time)), 60.6, 11.1)
    assert record.years[-1] == 2001
    assert any("first of a month, 1999-02 to 2001-01, without" in note for note in record.notes)


def test_bounds_say_which_month_a_stamp_at_its_end_means(write):
    dataset = grid()
    start = dataset.time.values
    end = np.append(start[1:], 730.0)
    dataset["time_bnds"] = (("time", "nv"), np.stack([start, end], axis=1))
    dataset["time"] = ("time", end, {"units": "days since 1999-01-01", "calendar": "noleap",
                                     "bounds": "time_bnds"})  # fmt: skip
    check_cell(write(dataset))


def test_packed_values_and_fill_values(write):
    dataset = grid()
    dataset["tas"][3] = np.nan
    path = write(dataset)
    dataset.to_netcdf(path, encoding={"tas": {"dtype": "i2", "scale_factor": 0.01,
                                              "_FillValue": -32767}})  # fmt: skip
    values = values_of(path)["air_temperature"]
    assert np.isnan(values[3]) and np.isfinite(np.delete(values, 3)).all()
    dataset["pr"][5] = -9999.0
    assert np.isnan(values_of(write(dataset, "codes.nc"))["precipitation"][5])


def test_standard_names_before_usual_ones(write):
    dataset = grid().rename(tas="surface_warmth")
    dataset["surface_warmth"].attrs["standard_name"] = "air_temperature"
    dataset["tmp"] = dataset["pr"]
    check_cell(write(dataset))


def test_a_folder_of_one_variable_a_file_and_its_years(write, tmp_path):
    dataset = grid()
    for name in ("tas", "pr", "rsds"):
        write(dataset[[name]].isel(time=slice(12)), f"{name}_a.nc")
        write(dataset[[name]].isel(time=slice(12, None)), f"{name}_b.nc")
    write(xr.Dataset({"elevation": ("x", [1.0])}), "map.nc")
    check_cell(tmp_path)
    record, _ = read_gridded(tmp_path, 60.6, 11.1)
    assert len(record.sources) == 6
    write(dataset[["tas"]], "again.nc")
    record, findings = read_gridded(tmp_path, 60.6, 11.1)
    assert record is None and "1999-01 stands in two files" in findings[0].message


def test_partial_climate_is_a_record(write):
    record, findings = read_gridded(write(grid()[["tas", "pr"]]), 60.5, 11.0)
    assert findings == [] and set(record.climate) == {"air_temperature", "precipitation"}


@pytest.mark.parametrize(
    ("change", "variable", "message"),
    [
        (lambda d: d.assign_coords(lat=d.lat + 5), "tas", "more than half a cell"),
        (lambda d: d.assign_coords(lon=d.lon + 5), "tas", "more than half a cell"),
        (lambda d: d.drop_vars("lat"), "tas", "no latitude and longitude"),
        (lambda d: d.rename(tas="a", pr="b", rsds="c"), "history", "(it holds a, b, c)"),
        (lambda d: d.where(d.lon < 10.9), "tas", "no values in the nearest cell"),
        (lambda d: d.isel(time=[0, 1, 1, *range(3, 24)]), "time", "1999-02 stands more than once"),
        (lambda d: d.expand_dims(height=[2.0, 10.0]), "tas", "the dimension height"),
        (lambda d: d.drop_vars("time"), "time", "no time axis"),
    ],
)
def test_faults_are_named(write, change, variable, message):
    path = write(change(grid()))
    record, findings = read_gridded(path, 60.6, 11.1)
    assert record is None
    assert [fault.variable for fault in findings] == [variable]
    assert findings[0].file == str(path) and message in findings[0].message and findings[0].mend


@pytest.mark.parametrize("unit", ["furlong", ""])
def test_a_unit_that_is_not_known(write, unit):
    record, findings = read_gridded(write(grid({"pr": unit})), 60.6, 11.1)
    assert record is None and findings[0].variable == "pr"
    assert ("not understood" if unit else "no attribute units") in findings[0].message


def test_what_is_no_netcdf(tmp_path):
    (tmp_path / "text.nc").write_text("TIMESTAMP,TA_F\n")
    record, findings = read_gridded(tmp_path / "text.nc", 60.0, 10.0)
    assert record is None and findings[0].message == "not readable as NetCDF"
    (tmp_path / "empty").mkdir()
    assert "no NetCDF file" in read_gridded(tmp_path / "empty", 60.0, 10.0)[1][0].message


def test_dates_that_are_none(write):
    dataset = grid()
    dataset.time.attrs["units"] = "days since the flood"
    record, findings = read_gridded(write(dataset), 60.6, 11.1)
    assert record is None and "no dates" in findings[0].message


def test_the_real_grid_of_toolik(shared):
    path = shared / "data" / "toolik" / "historic-climate.nc"
    record, findings = read_gridded(path, 68.67, -149.47)
    assert findings == []
    assert record.period == (1901, 2015) and record.present.all()
    assert "its centre 0." in record.notes[0]
    july = {name: v.values[-30:, 6].mean() for name, v in record.climate.items()}
    assert july["air_temperature"] == pytest.approx(11.8, abs=0.5)
    assert july["shortwave"] == pytest.approx(190.6, abs=3)
    assert read_gridded(path, 68.67, 210.53)[0].notes == record.notes
    whole, findings = read_gridded(path.parent, 68.67, -149.47)
    assert findings == [] and whole.period == (1901, 2100)
    assert read_gridded(path, 68.67, -149.9)[0] is None
