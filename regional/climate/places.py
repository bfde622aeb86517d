"""Climate cells of a domain: where each of its cells lies on the grids of climate files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.climate.reader import ClimateReader
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.grids.axes import Layout, layout
from temjax.regional.inputs.grids.coordinates import place_on_region, read_grid
from temjax.regional.inputs.grids.grid import Grid, within_half_a_cell


@dataclass(frozen=True)
class Place:
    """Rows and columns of the climate cells on the grid of a file, and the layout of a variable."""

    axes: Layout
    row: NDArray
    column: NDArray


Placing = Callable[[Path, xr.Dataset, xr.DataArray], Place | None]


@dataclass(frozen=True)
class ClimateCells:
    """Cells of the climate's grid that hold a cell of the domain.

    Attributes:
        of_domain: climate cell of each domain cell.
        first: a domain cell of each climate cell.
        latitude: of the climate cells, degrees.
        places: of ``first``, which tell one set of cells from another: latitude, longitude, and
            row and column where files may have no coordinates.
        place: the climate cells on the grid of a file; None with a finding.
    """

    of_domain: NDArray
    first: NDArray
    latitude: NDArray
    places: NDArray
    place: Placing


def nearest_cells(
    reader: ClimateReader, path: Path, variable: str, domain: Domain
) -> ClimateCells | None:
    """Climate cells that hold the domain's cells, on the grid of the first file of a climate."""
    dataset = reader.open_path(path)
    if dataset is None:
        return None
    with dataset:
        if variable not in dataset.variables:
            known = ", ".join(map(str, dataset.data_vars)) or "no variable"
            reader.add_finding(
                str(path), variable, "variable is not in the file", f"The file has {known}."
            )
            return None
        found = _locate(reader, path, dataset, dataset[variable], domain, np.arange(domain.size))
    if found is None:
        return None
    place, grid = found
    _, first, of_domain = np.unique(
        np.stack([place.row, place.column]), axis=1, return_index=True, return_inverse=True
    )
    latitude = grid.fields()[0][place.row[first], place.column[first]]

    def placing(path: Path, dataset: xr.Dataset, array: xr.DataArray) -> Place | None:
        located = _locate(reader, path, dataset, array, domain, first)
        return None if located is None else located[0]

    places = np.stack([domain.latitude, domain.longitude])[:, first]
    return ClimateCells(of_domain.ravel(), first, latitude, places, placing)


def grid_cells(reader: ClimateReader, domain: Domain) -> ClimateCells:
    """Climate cells of files on the domain's own grid, or a larger one with the same cells."""

    def placing(path: Path, dataset: xr.Dataset, array: xr.DataArray) -> Place | None:
        findings = len(reader.findings)
        axes = layout(dataset, array)
        if axes.latitude is None or axes.longitude is None:
            axes = place_on_region(reader, str(path), dataset, array, axes, domain.grid)
            grid = domain.grid
        else:
            grid = read_grid(reader, str(path), dataset, array, axes)
        if len(reader.findings) > findings or axes is None:
            return None
        file = str(path.relative_to(reader.folder))
        found = reader.cells_in(file, grid, domain.grid, domain.row, domain.column)
        return None if found is None else Place(axes, *found)

    cells = np.arange(domain.size)
    places = np.stack([domain.latitude, domain.longitude, domain.row, domain.column])
    return ClimateCells(cells, cells, domain.latitude, places, placing)


def _locate(
    reader: ClimateReader,
    path: Path,
    dataset: xr.Dataset,
    array: xr.DataArray,
    domain: Domain,
    cells: NDArray,
) -> tuple[Place, Grid] | None:
    """The climate cells that hold domain cells on the grid of a file."""
    axes = layout(dataset, array)
    if axes.latitude is None or axes.longitude is None:
        mend = "Give latitude and longitude of its cells."
        reader.add_finding(str(path), "lat, lon", "are not in the file", mend)
        return None
    grid = read_grid(reader, str(path), dataset, array, axes)
    if grid is None:
        return None
    latitude, longitude = domain.latitude[cells], domain.longitude[cells]
    row, column, distance = grid.locate(latitude, longitude)
    outside = ~within_half_a_cell(distance)
    if outside.any():
        cell = int(np.argmax(outside))
        reader.add_finding(
            str(path), "lat, lon", f"{latitude[cell]:.3f} N {longitude[cell]:.3f} E is beyond the "
            f"grid ({outside.sum()} such cells)", "Give climate for the whole region.",
            domain.label(int(cells[cell])),
        )  # fmt: skip
        return None
    return Place(axes, row, column), grid
