"""Map on its own grid: what lies in the cells of a run, read from its file."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.axes import layout
from temjax.regional.inputs.grids.coordinates import read_grid
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.grids.gridded import Reader
from temjax.regional.inputs.maps.overlap import Overlap, PointOverlap, axis_overlap, overlap
from temjax.runs.validation import MISSING_VALUE

_TOO_LARGE = 1e15  # fill values without their attribute
_NO_GRID = "Add latitude and longitude of its cells: every map is read on its own grid."


@dataclass(frozen=True)
class SourceMap:
    """A map where it overlaps with the run's grid.

    Attributes:
        variable: its file and name.
        values: ``(row, column)``.
        valid: whether a cell has a value, ``(row, column)``.
        units: of the file.
        overlap: of its cells with those of the run.
        covered: share of each cell of the run that has a value, ``(row, column)`` of the run.
    """

    variable: Variable
    values: NDArray
    valid: NDArray
    units: str
    overlap: Overlap
    covered: NDArray

    def share(self, members: NDArray) -> NDArray:
        """Share of each cell of the run in map cells of some values, ``(row, column)``."""
        return self.overlap.weighted(self.values, lambda part: np.isin(part, members))

    def restricted(self, cells: NDArray) -> "SourceMap":
        """The map with values in some of its cells only, ``(row, column)``."""
        valid = self.valid & cells
        return replace(self, valid=valid, covered=_covered(self.overlap, valid))

    def mean(self) -> NDArray:
        """Area-weighted mean in each cell of the run, over what the map covers; NaN without."""
        filled = np.where(self.valid, self.values, 0)
        total = self.overlap.weighted(filled, lambda part: part)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.covered > 0, total / self.covered, np.nan)


def read_map(reader: Reader, variable: Variable, target: Grid) -> SourceMap | None:
    """Read the part of a map that lies in the cells of a run; None with a finding without any."""
    path = str(reader.folder / variable.file)
    dataset = reader.open(variable.file)
    if dataset is None:
        return None
    with dataset:
        if variable.variable not in dataset:
            reader.read_variable(dataset, variable)  # tells that it is absent
            return None
        array = dataset[variable.variable]
        axes = layout(dataset, array)
        if axes.latitude is None or axes.longitude is None:
            reader.add_finding(path, variable.variable, "has no latitude and longitude", _NO_GRID)
            return None
        grid = read_grid(reader, path, dataset, array, axes)
        if grid is None or not _has_edges(reader, path, grid):
            return None
        if grid.rectilinear and target.rectilinear:
            found, rows, columns = axis_overlap(grid, target).window()
            if not rows.size or not columns.size:
                return _tell_beyond(reader, path, grid, target)
            cut = {axes.rows: _as_slice(rows), axes.columns: _as_slice(columns)}
            dataset = dataset.isel({dim: part for dim, part in cut.items() if dim})
        else:
            found = overlap(grid, target)
            if not found.cells.nnz:
                return _tell_beyond(reader, path, grid, target)
        gridded = reader.read_variable(dataset, variable)
    if gridded is None:
        return None
    values = gridded.values
    if values.ndim == 3 and values.shape[0] == 1:  # a time of one record
        values = values[0]
    if values.ndim != 2:
        reader.add_finding(
            path, variable.variable, f"has shape {values.shape}",
            "Give (latitude, longitude), nothing else.",
        )  # fmt: skip
        return None
    if isinstance(found, PointOverlap):
        reader.add_note(
            path, variable.variable, f"overlap with the run's cells from {found.points} x "
            f"{found.points} points in each (a grid of two-dimensional coordinates)",
        )  # fmt: skip
    valid = _valid(reader, path, variable, values)
    return SourceMap(variable, values, valid, gridded.units, found, _covered(found, valid))


def _covered(found: Overlap, valid: NDArray) -> NDArray:
    """Share of each cell of the run that the map has values for, ``(row, column)``."""
    return np.minimum(found.weighted(valid, lambda part: part), 1)


def _valid(reader: Reader, path: str, variable: Variable, values: NDArray) -> NDArray:
    """Whether values are numbers and no fill values; those without the attribute are told."""
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        fill = finite & ((values == MISSING_VALUE) | (np.abs(values) > _TOO_LARGE))
    else:
        finite, fill = np.ones(values.shape, dtype=bool), values == MISSING_VALUE
    if fill.any():
        first = values[fill][0]
        reader.add_note(
            path, variable.variable, f"{int(fill.sum())} values of {first:g} without the "
            "attribute _FillValue are taken as missing",
        )  # fmt: skip
    return finite & ~fill


def _has_edges(reader: Reader, path: str, grid: Grid) -> bool:
    """Whether the edges of the cells of a grid are known; a finding where not."""
    if not grid.rectilinear or all(np.isfinite(grid.edges(axis)).all() for axis in (0, 1)):
        return True
    reader.add_finding(
        path, "lat, lon", "a single row or column without bounds", "Add bounds of lat and lon."
    )
    return False


def _tell_beyond(reader: Reader, path: str, grid: Grid, target: Grid) -> None:
    """Add the fault of a map that lies beyond the run's grid."""
    texts = []
    for part in (grid, target):
        latitude, longitude = part.fields()
        texts.append(
            f"{np.nanmin(latitude):.2f} to {np.nanmax(latitude):.2f} N, "
            f"{np.nanmin(longitude):.2f} to {np.nanmax(longitude):.2f} E"
        )
    reader.add_finding(
        path, "lat, lon", f"the map ({texts[0]}) has no cell on the run's grid ({texts[1]})",
        "Give a map of the region.",
    )  # fmt: skip


def _as_slice(index: NDArray) -> slice | NDArray:
    """Consecutive indices as a slice, which NetCDF reads at once."""
    whole = index[-1] - index[0] + 1 == index.size
    return slice(int(index[0]), int(index[-1]) + 1) if whole else index
