"""Climate cells of a domain: where each of its cells lies on the grids of climate files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.climate.reader import ClimateReader
from temjax.regional.inputs.domain import Domain

AXES = (("lat", "latitude"), ("lon", "longitude"))
CHUNK = 10_000  # domain cells located at a time


@dataclass(frozen=True)
class ClimateCells:
    """Cells of the climate's grid that hold a cell of the domain.

    Attributes:
        of_domain: climate cell of each domain cell.
        first: a domain cell of each climate cell.
        latitude: of the climate cells, degrees.
        place: row and column of the climate cells on the grid of a file; None with a finding.
    """

    of_domain: NDArray
    first: NDArray
    latitude: NDArray
    place: Callable[[Path, xr.Dataset, xr.DataArray], tuple[NDArray, NDArray] | None]


def nearest_cells(reader: ClimateReader, path: Path, domain: Domain) -> ClimateCells | None:
    """Climate cells by latitude and longitude, on the grid of the first file of a climate."""
    dataset = reader.open_path(path)
    if dataset is None:
        return None
    with dataset:
        found = _locate(reader, path, dataset, domain, np.arange(domain.size))
    if found is None:
        return None
    row, column, latitude = found
    _, first, of_domain = np.unique(
        np.stack([row, column]), axis=1, return_index=True, return_inverse=True
    )

    def place(path: Path, dataset: xr.Dataset, _: xr.DataArray) -> tuple[NDArray, NDArray] | None:
        located = _locate(reader, path, dataset, domain, first)
        return None if located is None else located[:2]

    return ClimateCells(of_domain.ravel(), first, latitude[first], place)


def grid_cells(reader: ClimateReader, domain: Domain) -> ClimateCells:
    """Climate cells of files on the domain's own grid: its cells."""

    def place(
        path: Path, dataset: xr.Dataset, array: xr.DataArray
    ) -> tuple[NDArray, NDArray] | None:
        before = len(reader.findings)
        grid = reader._grid(str(path), dataset, array) if array.ndim > 1 else None
        if grid is None and len(reader.findings) == before:
            reader.add_finding(
                str(path), "lat, lon", "the file has no lat and lon",
                "Add latitude and longitude of the cells.",
            )  # fmt: skip
        if grid is None or not reader.same_grid(path.name, grid, domain.grid):
            return None
        return domain.row, domain.column

    cells = np.arange(domain.size)
    return ClimateCells(cells, cells, domain.latitude, place)


def horizontal_dims(dataset: xr.Dataset, array: xr.DataArray) -> tuple[str, str]:
    """Names of the two horizontal dimensions of a variable."""
    axes = [next((name for name in names if name in dataset.variables), None) for names in AXES]
    if None not in axes:
        dims = [dataset[name].dims for name in axes]
        if all(len(of_axis) == 1 for of_axis in dims):
            return dims[0][0], dims[1][0]
        if len(dims[0]) == 2:
            return dims[0]
    return array.dims[-2:]


def _locate(
    reader: ClimateReader, path: Path, dataset: xr.Dataset, domain: Domain, cells: NDArray
) -> tuple[NDArray, NDArray, NDArray] | None:
    """Row, column and latitude of the climate cells that hold domain cells."""
    axes = []
    for names in AXES:
        name = next((name for name in names if name in dataset.variables), None)
        if name is None:
            mend = "Give latitude and longitude as axes."
            reader.add_finding(str(path), names[0], "is not in the file", mend)
            return None
        values = reader.load_values(str(path), dataset[name])
        if values is None:
            return None
        if values.ndim != 1:
            mend = 'Give lat(lat) and lon(lon), or choose kind = "netcdf" for other grids.'
            reader.add_finding(str(path), name, "is no axis", mend)
            return None
        axes.append((name, values.astype(float)))
    (lat_name, lat), (lon_name, lon) = axes
    row, north = _nearest(lat, domain.latitude[cells], None)
    column, east = _nearest(lon, domain.longitude[cells], 360.0)
    for name, axis, distance, values in (
        (lat_name, lat, north, domain.latitude[cells]),
        (lon_name, lon, east, domain.longitude[cells]),
    ):
        half = abs(float(np.median(np.diff(axis)))) / 2 if axis.size > 1 else np.inf
        outside = distance > half * (1 + 1e-6)
        if outside.any():
            cell = int(np.argmax(outside))
            reader.add_finding(
                str(path), name, f"{values[cell]:.3f} is beyond the grid "
                f"({outside.sum()} such cells)", "Give climate for the whole region.",
                domain.label(int(cells[cell])),
            )  # fmt: skip
    if (north.size and reader.findings) or not cells.size:
        return None
    return row, column, lat[row]


def _nearest(axis: NDArray, values: NDArray, period: float | None) -> tuple[NDArray, NDArray]:
    """Index of the nearest point of an axis, and the distance."""
    index, distance = np.empty(values.size, dtype=int), np.empty(values.size)
    for start in range(0, values.size, CHUNK):
        chunk = slice(start, start + CHUNK)
        apart = axis[:, None] - values[chunk]
        if period is not None:
            apart = (apart + period / 2) % period - period / 2
        apart = np.abs(apart)
        index[chunk] = apart.argmin(axis=0)
        distance[chunk] = apart.min(axis=0)
    return index, distance
