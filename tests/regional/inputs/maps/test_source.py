"""Maps brought to a run's grid: made maps with known answers."""

import numpy as np
import pytest
import xarray as xr

from temjax.regional.experiment.domain_maps import DomainGrid
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.maps.run_grid import box_grid
from temjax.regional.inputs.maps.source import read_map

TARGET = box_grid(DomainGrid(resolution=1.0, box=(90, 60, 93, 62)))  # two rows, three columns


def centres(first, last, width):
    return np.arange(first + width / 2, last, width)


def made(function, latitude, longitude, **attributes):
    """A map whose values are a function of latitude and longitude of its cells."""
    values = function(*np.meshgrid(latitude, longitude, indexing="ij"))
    place = {
        "lat": ("lat", latitude, {"units": "degrees_north"}),
        "lon": ("lon", longitude, {"units": "degrees_east"}),
    }
    return xr.Dataset({"v": (("lat", "lon"), values, attributes)}, place)


def brought(tmp_path, dataset, target=TARGET):
    dataset.to_netcdf(tmp_path / "map.nc")
    reader = Reader(tmp_path)
    found = read_map(reader, Variable(file="map.nc", variable="v"), target)
    return reader, found


def band(south, north):
    """Area of a band of latitude, by the sine."""
    return np.sin(np.radians(north)) - np.sin(np.radians(south))


def by_row(latitude, longitude):
    return latitude + 0 * longitude


def by_column(latitude, longitude):
    return longitude % 360 + 0 * latitude


def test_finer_cells_are_weighted_by_their_area(tmp_path):
    latitude, longitude = centres(60, 62, 0.25), centres(90, 93, 0.25)
    _, found = brought(tmp_path, made(by_row, latitude, longitude))
    for row, south in enumerate((60, 61)):
        rows = south + 0.25 * np.arange(4)
        weights = band(rows, rows + 0.25)
        expected = (weights * (rows + 0.125)).sum() / weights.sum()
        assert expected != pytest.approx(south + 0.5, abs=1e-4)  # the mean without weights
        assert found.mean()[row] == pytest.approx([expected] * 3, rel=1e-12)
    assert found.covered == pytest.approx(np.ones((2, 3)))


def test_coarser_cells_give_their_value_to_all_that_they_hold(tmp_path):
    _, found = brought(tmp_path, made(by_column, centres(56, 64, 4), centres(80, 100, 5)))
    assert found.mean() == pytest.approx(np.full((2, 3), 92.5))
    assert found.values.shape == (1, 1)  # only what lies in the run's cells is read


def test_shifted_cells_are_cut_at_the_edges(tmp_path):
    latitude, longitude = centres(59.7, 62.7, 1), centres(89.25, 94.25, 1)
    _, found = brought(tmp_path, made(by_column, latitude, longitude))
    # a run's cell 90-91 has a quarter of the map's 89.25-90.25 and three quarters of the next
    assert found.mean()[0] == pytest.approx([90.5, 91.5, 92.5])
    _, found = brought(tmp_path, made(by_row, latitude, longitude))
    lower, upper = band(60, 60.7), band(60.7, 61)
    assert found.mean()[0] == pytest.approx((60.2 * lower + 61.2 * upper) / (lower + upper))


@pytest.mark.parametrize("rows", [slice(None), slice(None, None, -1)])
@pytest.mark.parametrize("columns", [slice(None), slice(None, None, -1)])
def test_axes_may_run_either_way(tmp_path, rows, columns):
    latitude, longitude = centres(58, 64, 0.5)[rows], centres(88, 95, 0.5)[columns]
    _, found = brought(tmp_path, made(by_row, latitude, longitude))
    assert found.mean()[:, 0] == pytest.approx([60.5, 61.5], abs=0.01)
    _, found = brought(tmp_path, made(by_column, latitude, longitude))
    assert found.mean()[0] == pytest.approx([90.5, 91.5, 92.5])


@pytest.mark.parametrize("first", [-180.0, 0.0])
def test_a_global_map_reaches_across_the_date_line_and_greenwich(tmp_path, first):
    latitude, longitude = centres(-90, 90, 5), centres(first, first + 360, 0.5)
    dataset = made(by_column, latitude, longitude)
    across = box_grid(DomainGrid(resolution=1.0, box=(178, 60, -178, 61)))
    _, found = brought(tmp_path, dataset, across)
    assert found.mean()[0] == pytest.approx([178.5, 179.5, 180.5, 181.5])
    assert found.covered == pytest.approx(np.ones((1, 4)))
    zero = box_grid(DomainGrid(resolution=1.0, box=(-2, 60, 2, 61)))
    _, found = brought(tmp_path, dataset, zero)
    assert found.mean()[0] == pytest.approx([358.5, 359.5, 0.5, 1.5])
    assert found.values.size == 8


def test_fill_values_count_for_nothing(tmp_path):
    latitude, longitude = centres(60, 62, 0.5), centres(90, 93, 0.5)
    dataset = made(by_column, latitude, longitude)
    dataset["v"][:, 0] = np.nan  # the western half of the first column
    dataset["v"].encoding["_FillValue"] = -1.0
    reader, found = brought(tmp_path, dataset)
    assert found.mean()[0] == pytest.approx([90.75, 91.5, 92.5])
    assert found.covered[0] == pytest.approx([0.5, 1, 1])
    assert reader.notes == []
    dataset["v"][:, :2] = -9999.0
    reader, found = brought(tmp_path, dataset)
    assert np.isnan(found.mean()[0, 0]) and found.covered[0, 0] == 0
    assert reader.notes == ["map.nc: v: 8 values of -9999 without the attribute _FillValue are "
                            "taken as missing"]  # fmt: skip


def test_a_projected_map_is_told_by_points(tmp_path):
    latitude, longitude = np.meshgrid(centres(59, 63, 0.1), centres(89, 94, 0.1), indexing="ij")
    dataset = xr.Dataset(
        {"v": (("y", "x"), longitude.copy())},
        {"lat": (("y", "x"), latitude), "lon": (("y", "x"), longitude)},
    )
    reader, found = brought(tmp_path, dataset)
    assert found.mean()[0] == pytest.approx([90.5, 91.5, 92.5], abs=0.01)
    assert found.covered == pytest.approx(np.ones((2, 3)))
    assert "points in each" in reader.notes[0]


def test_a_projected_run_takes_what_lies_in_its_cells(tmp_path):
    latitude, longitude = np.meshgrid([60.5, 61.5], [90.5, 91.5, 92.5], indexing="ij")
    target = Grid(("y", "x"), latitude, longitude)
    dataset = made(by_column, centres(55, 65, 0.2), centres(80, 100, 0.2))
    assert brought(tmp_path, dataset, target)[1].mean()[0] == pytest.approx(
        [90.5, 91.5, 92.5], abs=0.01
    )


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (made(by_row, centres(0, 10, 1), centres(0, 10, 1)), "has no cell on the run's grid"),
        (made(by_row, [60.5], centres(90, 93, 1)), "single row or column without bounds"),
        (xr.Dataset({"v": (("a", "b"), np.ones((3, 3)))}), "no latitude and longitude"),
        (made(by_row, centres(60, 62, 1), centres(90, 93, 1)).rename(v="w"), "not in the file"),
        (made(by_row, centres(60, 62, 1), centres(90, 93, 1)).expand_dims(depth=[0.0, 5.0]),
         "2 values along depth"),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_used_is_one_finding(tmp_path, dataset, words):
    reader, found = brought(tmp_path, dataset)
    assert found is None
    (finding,) = reader.findings
    assert words in str(finding)


def test_bounds_tell_the_edges(tmp_path):
    dataset = made(by_row, np.array([60.5, 61.1]), centres(90, 93, 1))
    dataset["lat"].attrs["bounds"] = "edges"
    dataset["edges"] = (("lat", "two"), [[60.0, 61.0], [61.0, 62.0]])
    _, found = brought(tmp_path, dataset)
    assert found.mean()[:, 0].tolist() == pytest.approx([60.5, 61.1])
