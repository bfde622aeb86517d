"""Axes and grids are told by names and attributes; no order, size or convention mirrors a map."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from temjax.files.findings import DataError
from temjax.regional.climate.load import load_climate
from temjax.regional.command.check import check
from temjax.regional.experiment.experiment import is_box, read_experiment
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.domain import in_box, load_domain
from temjax.regional.inputs.grids.grid import Grid, within_half_a_cell
from temjax.regional.inputs.grids.gridded import Reader
from tests.support.small_region import write_experiment

LATITUDE = np.array([33.0, 33.5, 34.0])
LONGITUDE = np.array([90.0, 90.625, 91.25])
# value = 100 row + column of the sorted axes
FIELD = 100.0 * np.arange(3)[:, None] + np.arange(3)


def field(latitude=LATITUDE, longitude=LONGITUDE, names=("lat", "lon"), **dims):
    dataset = xr.Dataset(
        {"tas": (names, FIELD[: len(latitude), : len(longitude)])},
        {names[0]: latitude, names[1]: longitude},
    )
    return dataset.expand_dims(dims) if dims else dataset


def read(tmp_path, dataset, variable="tas", region=None):
    dataset.to_netcdf(tmp_path / "a.nc")
    reader = Reader(tmp_path)
    return reader, reader.read(Variable(file="a.nc", variable=variable), region)


@pytest.mark.parametrize(
    "dataset",
    [
        field(),
        field().transpose("lon", "lat"),
        field(names=("latitude", "longitude")).transpose("longitude", "latitude"),
        field(names=("nav_lat", "nav_lon")),
        field(height=[2.0]).transpose("lon", "height", "lat"),
        field(time=[1.0]).transpose("lon", "lat", "time"),
        field(number=[0], expver=[1]),
    ],
    ids=lambda dataset: ",".join(dataset.tas.dims),
)
def test_rows_are_latitudes_whatever_the_order(tmp_path, dataset):
    reader, read_field = read(tmp_path, dataset)
    assert not reader.findings
    assert np.squeeze(read_field.values).tolist() == FIELD.tolist()
    assert read_field.grid.latitude.tolist() == LATITUDE.tolist()
    assert read_field.values.ndim == (3 if "time" in dataset.dims else 2)


def test_attributes_tell_axes_of_any_name(tmp_path):
    dataset = field(names=("a", "b")).transpose("b", "a")
    assert read(tmp_path, dataset)[1].grid is None
    dataset["a"].attrs["units"] = "degrees_north"
    dataset["b"].attrs["standard_name"] = "longitude"
    assert read(tmp_path, dataset)[1].values.tolist() == FIELD.tolist()


def test_degrees_along_a_named_axis_are_a_latitude_unless_rotated(tmp_path):
    dataset = field(names=("y", "x")).transpose("x", "y")
    for name, axis in (("y", "Y"), ("x", "X")):
        dataset[name].attrs = {"axis": axis, "units": "degrees"}
    assert read(tmp_path, dataset)[1].grid.latitude.tolist() == LATITUDE.tolist()
    dataset["y"].attrs["standard_name"] = "grid_latitude"
    assert read(tmp_path, dataset)[1].grid is None
    del dataset["y"].attrs["standard_name"], dataset["y"].attrs["units"]
    assert read(tmp_path, dataset)[1].grid is None  # rows may be counted


def test_two_dimensional_coordinates_in_either_order(tmp_path):
    latitude, longitude = np.meshgrid(LATITUDE, LONGITUDE, indexing="ij")
    dataset = xr.Dataset(
        {"tas": (("y", "x"), FIELD)},
        {"lat": (("y", "x"), latitude), "lon": (("x", "y"), longitude.T)},
    )
    dataset = dataset.transpose("x", "y")
    read_field = read(tmp_path, dataset)[1]
    assert read_field.values.tolist() == FIELD.tolist()
    assert read_field.grid.longitude.tolist() == longitude.tolist()


def test_a_single_row_may_have_a_number_for_its_latitude(tmp_path):
    read_field = read(tmp_path, field().isel(lat=1))[1]
    assert read_field.values.tolist() == [[100.0, 101.0, 102.0]]
    assert read_field.grid.shape == (1, 3)


def test_axes_that_are_not_understood_are_one_finding(tmp_path):
    for dataset, words in (
        (field(level=[1.0, 2.0]), "2 values along level"),
        (field().rename_dims(lat="rows"), "span ('rows', 'lon')"),
        (field(latitude=[33.0, np.nan, 34.0]), "no degrees"),
        (field().stack(cell=("lat", "lon")).reset_index("cell"), "along one dimension"),
    ):
        if "rows" in dataset.dims:
            dataset["tas"] = (("row", "lon"), FIELD)
        reader, read_field = read(tmp_path, dataset)
        assert read_field is None
        (finding,) = reader.findings
        assert words in str(finding)


def test_attributes_of_other_kinds_are_nothing_to_fall_over(tmp_path):
    dataset = field(time=[1.0])
    for name in ("tas", "lat", "lon", "time"):
        keys = ("standard_name", "units", "axis", "cartesian_axis")
        dataset[name].attrs = {key: np.array([1.0, 2.0]) for key in keys}
    reader, read_field = read(tmp_path, dataset)
    assert not reader.findings and read_field.values[0].tolist() == FIELD.tolist()
    assert check(tmp_path) is not None


def test_names_beside_the_numbers_are_nothing_to_refuse(tmp_path):
    dataset = field().assign_coords(season=["DJF", "MAM", "JJA", "SON"])
    reader, read_field = read(tmp_path, dataset)
    assert not reader.findings and read_field.values.tolist() == FIELD.tolist()


REFERENCE = Grid(("lat", "lon"), LATITUDE, LONGITUDE)


def cells_of(grid):
    """Where the reference's cells lie in a grid, and the findings."""
    reader = Reader(Path())
    rows, columns = np.indices(REFERENCE.shape)
    return reader.cells_in("a.nc", grid, REFERENCE, rows.ravel(), columns.ravel()), reader


@pytest.mark.parametrize(
    "grid",
    [
        Grid(("lat", "lon"), LATITUDE, LONGITUDE - 360),
        Grid(("lat", "lon"), LATITUDE + 0.2, LONGITUDE - 0.3),
        Grid(("lat", "lon"), LATITUDE[::-1], LONGITUDE[::-1] + 360),
        Grid(("lat", "lon"), np.arange(30, 40, 0.5), np.arange(0, 360, 0.625)),
        Grid(("y", "x"), *np.meshgrid(LATITUDE[::-1], LONGITUDE, indexing="ij")),
        Grid(("y", "x"), *np.meshgrid(LATITUDE, LONGITUDE, indexing="xy")),
    ],
)
def test_cells_are_found_in_grids_of_one_spacing(grid):
    cells, reader = cells_of(grid)
    assert not reader.findings
    latitude, longitude = (values[cells] for values in grid.fields())
    expected = [values.ravel() for values in REFERENCE.fields()]
    assert np.abs(latitude - expected[0]).max() <= 0.25
    assert np.abs((longitude - expected[1] + 180) % 360 - 180).max() <= 0.3125


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (Grid(("lat", "lon"), LATITUDE + 0.5, LONGITUDE), "but the domain has"),
        (Grid(("lat", "lon"), LATITUDE + 0.32, LONGITUDE), "but the domain has"),
        (Grid(("lat", "lon"), LATITUDE, LONGITUDE + 0.625), "but the domain has"),
        (Grid(("lat", "lon"), LATITUDE[1:], LONGITUDE), "no cell holds 33.000 N 90.000 E (3"),
        (Grid(("lat", "lon"), 33 + 0.1 * np.arange(11), LONGITUDE), "of cells of 11.1 x 57.9"),
        (Grid(("y", "x"), *np.meshgrid(LATITUDE + 0.5, LONGITUDE, indexing="ij")), "the domain"),
    ],
)
def test_a_centre_beyond_half_a_cell_one_way_is_another_cell(grid, words):
    cells, reader = cells_of(grid)
    assert cells is None
    (finding,) = reader.findings
    assert words in str(finding)


def test_an_offset_beyond_half_a_cell_of_one_shape_is_told():
    cells, reader = cells_of(Grid(("lat", "lon"), LATITUDE, LONGITUDE + 0.58 * 0.625))
    assert cells[1].tolist() == [0, 1, 2] * 3
    assert "up to 0.58 cells beside" in reader.notes[0]


def test_a_curvilinear_grid_is_measured_along_its_own_rows():
    """A grid turned by 45 degrees near the pole: half a cell is along its axes, not the earth's."""
    y, x = np.meshgrid(np.arange(-5, 6.0), np.arange(-5, 6.0), indexing="ij")
    latitude = 90 - np.hypot(y + 20, x + 20) / 2
    longitude = np.degrees(np.arctan2(x + 20, y + 20))
    grid = Grid(("y", "x"), latitude, longitude)

    def moved(rows, columns):
        return (
            90 - np.hypot(y + 20 + rows, x + 20 + columns) / 2,
            np.degrees(np.arctan2(x + 20 + columns, y + 20 + rows)),
        )

    distance = grid.offset(Grid(("y", "x"), *moved(0.4, -0.4)))
    assert distance == pytest.approx(0.4, abs=0.02)
    row, column, distance = grid.locate(*(part[3:8, 3:8].ravel() for part in moved(1.0, -0.3)))
    assert row.tolist() == np.repeat(np.arange(4, 9), 5).tolist()
    assert column.tolist() == np.tile(np.arange(3, 8), 5).tolist()
    assert within_half_a_cell(distance).all()


def test_area_is_between_edges_where_they_are_given_or_uneven():
    plain = REFERENCE.area()
    assert plain[0, 0] == pytest.approx(111.19**2 * 0.5 * 0.625 * np.cos(np.radians(33.0)))
    edges = np.stack([LATITUDE - 0.25, LATITUDE + 0.25], axis=1)
    bounded = Grid(("lat", "lon"), LATITUDE, LONGITUDE, bounds=(edges, None)).area()
    assert bounded == pytest.approx(plain, rel=1e-4)
    uneven = Grid(("lat", "lon"), np.array([10.0, 20.0, 40.0]), LONGITUDE).area()
    assert uneven[2, 0] / uneven[0, 0] == pytest.approx(
        (np.sin(np.radians(50)) - np.sin(np.radians(30)))
        / (np.sin(np.radians(15)) - np.sin(np.radians(5)))
    )
    whole = Grid(("lat", "lon"), np.arange(-90, 91, 10.0), np.arange(0, 360, 10.0)).area()
    assert whole.sum() == pytest.approx(4 * np.pi * (111.19 * np.degrees(1)) ** 2)
    across = Grid(("lat", "lon"), LATITUDE, np.array([359.5, 0.5]))
    assert across.area()[0, 0] == pytest.approx(111.19**2 * 0.5 * np.cos(np.radians(33.0)))
    assert across.spacing() < 1
    assert Grid(("lat", "lon"), LATITUDE[:1], LONGITUDE).area() is None
    one = ([[32.75, 33.25]], [[89.5, 90.5]])
    bounds = tuple(np.array(part) for part in one)
    single = Grid(("lat", "lon"), LATITUDE[:1], LONGITUDE[:1], bounds=bounds)
    assert single.area()[0, 0] == pytest.approx(plain[0, 0] / 0.625, rel=1e-4)


def test_boxes_of_either_convention_and_across_the_date_line():
    longitude = np.array([-179.5, -150.0, 0.0, 150.0, 178.5])
    latitude = np.full(5, 62.5)

    def inside(box, east_of_greenwich=False):
        degrees = longitude % 360 if east_of_greenwich else longitude
        return np.flatnonzero(in_box(box, latitude, degrees)).tolist()

    for east in (False, True):
        assert inside((178, 62, -178, 64), east) == [0, 4]
        assert inside((178, 62, 182, 64), east) == [0, 4]
        assert inside((-151, 62, -149, 64), east) == [1]
        assert inside((209, 62, 211, 64), east) == [1]
        assert inside((350, 62, 10, 64), east) == [2]
        assert inside((-180, 62, 180, 64), east) == [0, 1, 2, 3, 4]
    assert is_box((178, 62, -178, 64)) and is_box((350, 0, 10, 1))
    assert not is_box((94, 33, 90, 36)) and not is_box((90, 36, 94, 33))
    assert not is_box((-100, 0, 300, 1))


def rewrite(path, edit):
    with xr.open_dataset(path, decode_times=False) as opened:
        dataset = opened.load()
    edit(dataset).to_netcdf(path)


def test_coordinates_come_from_whichever_file_has_them(tmp_path):
    """The grids of SNAP: latitude and longitude in the climate alone."""
    experiment = read_experiment(write_experiment(tmp_path))
    expected = load_domain(experiment)
    climate = load_climate(experiment, expected, "toy", "rcp85").load(np.arange(expected.size))
    for name in ("vegetation.nc", "texture.nc", "elevation.nc", "future.nc"):
        rewrite(tmp_path / "data" / name, lambda d: d.drop_vars(["lat", "lon"]).transpose("X", ...))
    rewrite(tmp_path / "data" / "past.nc", lambda d: d.transpose("X", "time", "Y"))
    domain = load_domain(experiment)
    assert domain.latitude.tolist() == expected.latitude.tolist()
    assert domain.vegetation.tolist() == expected.vegetation.tolist()
    assert any("placed on the region's grid" in note for note in domain.notes)
    again = load_climate(experiment, domain, "toy", "rcp85").load(np.arange(domain.size))
    for name, values in climate.items():
        assert (again[name] == values).all()
    path = tmp_path / "small.toml"  # no name of the driver: the file's first field has the grid
    path.write_text(path.read_text().replace('air_temperature = "tair"\n', ""))
    assert load_domain(read_experiment(path)).latitude.tolist() == expected.latitude.tolist()


def test_an_interpolated_class_map_is_refused(tmp_path):
    path = write_experiment(tmp_path)
    rewrite(tmp_path / "data" / "vegetation.nc", lambda d: d.assign(veg=d.veg + 0.75 * (d.X == 2)))
    (finding,) = check(path)
    assert "4.75 is no class (1 such cells)" in finding.message
    assert "not be interpolated" in finding.mend and "(0, 2)" in finding.index


def test_area_of_a_single_row_is_asked_for_before_the_run(tmp_path):
    path = write_experiment(tmp_path)
    text = path.read_text(encoding="utf-8").replace("cell_area_km2 = 1.0", "")
    path.write_text(text, encoding="utf-8")
    names = ("vegetation", "texture", "elevation", "past", "future")
    for name in names:
        rewrite(
            tmp_path / "data" / f"{name}.nc",
            lambda d: d.assign_coords(lat=("Y", d.lat.values[:, 0]), lon=("X", d.lon.values[0])),
        )
    with pytest.raises(DataError, match=r"Add domain\.cell_area_km2"):
        load_domain(read_experiment(path))

    def with_bounds(dataset):
        dataset["lat"].attrs["bounds"] = "lat_bnds"
        dataset["lat_bnds"] = ("Y", "two"), [[68.59, 68.61]]
        return dataset

    rewrite(tmp_path / "data" / "vegetation.nc", with_bounds)
    domain = load_domain(read_experiment(path))
    expected = 111.19**2 * 0.02 * 0.02 * np.cos(np.radians(68.6))
    assert domain.area == pytest.approx(expected, rel=1e-4)
