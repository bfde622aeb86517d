"""Overlap of the cells of two grids: shares of the area of each cell of a run in cells of a map.

Between grids of latitude and longitude the overlap is exact on the sphere: the product of the
overlap in the sine of latitude and that in longitude (conservative remapping of first order, Jones
1999). A grid of two-dimensional coordinates is sampled by points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from temjax.regional.inputs.grids.grid import Grid, within_half_a_cell, wrapped

_SLIVER = 1e-9  # share of a cell; overlaps that are rounding
_BLOCK = 4_000_000  # map cells, or points, at a time
_POINTS_A_WIDTH = 4  # points on the width of a map cell
_FEWEST, _MOST = 10, 48  # points on the width of a run's cell


@dataclass(frozen=True)
class AxisOverlap:
    """Overlap of two grids of latitude and longitude.

    Attributes:
        rows, columns: shares of the run's rows and columns, ``(run, map)``.
    """

    rows: csr_array
    columns: csr_array

    def window(self) -> tuple["AxisOverlap", NDArray, NDArray]:
        """The overlap with the map's rows and columns that have any, and these."""
        rows, columns = np.unique(self.rows.indices), np.unique(self.columns.indices)
        return AxisOverlap(self.rows[:, rows], self.columns[:, columns]), rows, columns

    def weighted(self, values: NDArray, of: Callable[[NDArray], NDArray]) -> NDArray:
        """Sum of a function of the map's values, weighted by shares of the run's cells.

        Args:
            values: of the map, ``(row, column)``.
            of: of some rows of ``values``; zero where it does not count.

        Returns:
            ``(row, column)`` of the run.
        """
        total = np.zeros((self.rows.shape[0], self.columns.shape[0]))
        step = max(1, int(_BLOCK * total.shape[0] / max(values.size, 1)))
        for first in range(0, total.shape[0], step):
            rows = self.rows[first : first + step]
            if rows.nnz:
                span = slice(rows.indices.min(), rows.indices.max() + 1)
                part = rows[:, span] @ np.asarray(of(values[span]), dtype=float)
                total[first : first + step] = (self.columns @ part.T).T
        return total


@dataclass(frozen=True)
class PointOverlap:
    """Overlap told by points in the run's cells.

    Attributes:
        cells: shares of the run's cells, ``(run, map)``, both flat.
        shape: of the run's grid.
        points: number on the width of a run's cell.
    """

    cells: csr_array
    shape: tuple[int, int]
    points: int

    def weighted(self, values: NDArray, of: Callable[[NDArray], NDArray]) -> NDArray:
        """See ``AxisOverlap.weighted``."""
        return (self.cells @ np.asarray(of(values), dtype=float).ravel()).reshape(self.shape)


Overlap = AxisOverlap | PointOverlap


def overlap(source: Grid, target: Grid) -> Overlap:
    """Overlap of the cells of a map's grid with those of the run's grid."""
    if source.rectilinear and target.rectilinear:
        return axis_overlap(source, target)
    return _point_overlap(source, target)


def axis_overlap(source: Grid, target: Grid) -> AxisOverlap:
    """Exact overlap of two grids of latitude and longitude whose edges are known."""
    rows = _shares(_sines(source), _sines(target))
    own, run = _around(source), _around(target)
    turns = [_shares(own + turn, run) for turn in (-360.0, 0.0, 360.0)]
    return AxisOverlap(rows, csr_array(turns[0] + turns[1] + turns[2]))


def _sines(grid: Grid) -> NDArray:
    """Sine of latitude at the edges of rows, lower first."""
    return np.sort(np.sin(np.radians(np.clip(grid.edges(0), -90, 90))), axis=1)


def _around(grid: Grid) -> NDArray:
    """Longitudes at the edges of columns, western first, from 0 to below 360."""
    edges = grid.edges(1)
    width = edges[:, 1] - edges[:, 0]
    width = np.where(np.abs(width) < 360, wrapped(width), width)
    west = np.where(width < 0, edges[:, 0] + width, edges[:, 0])
    west = west % 360
    return np.stack([west, west + np.abs(width)], axis=1)


def _shares(source: NDArray, target: NDArray) -> csr_array:
    """Share of each target interval in each source interval; source intervals do not overlap.

    Args:
        source, target: lower and upper ends, ``(index, 2)``.
    """
    order = np.argsort(source[:, 0])
    low, high = source[order].T
    first = np.searchsorted(high, target[:, 0], side="right")
    last = np.searchsorted(low, target[:, 1], side="left")
    count = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(target)), count)
    index = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    index = index + np.repeat(first, count)
    length = np.minimum(high[index], target[row, 1]) - np.maximum(low[index], target[row, 0])
    share = length / (target[row, 1] - target[row, 0])
    counts = share > _SLIVER
    place = row[counts], order[index[counts]]
    return csr_array((share[counts], place), shape=(len(target), len(source)))


def _point_overlap(source: Grid, target: Grid) -> PointOverlap:
    """Overlap from a lattice of points in every cell of the run's grid."""
    latitude, longitude = (part.ravel() for part in target.fields())
    down, right = (step.reshape(2, -1) for step in target.basis())
    known = np.flatnonzero(np.isfinite(latitude + longitude + down.sum(axis=0) + right.sum(axis=0)))
    ratio = target.spacing() / source.spacing()
    ratio = ratio if np.isfinite(ratio) else 1.0
    points = int(np.clip(np.ceil(_POINTS_A_WIDTH * ratio), _FEWEST, _MOST))
    offset = (np.arange(points) + 0.5) / points - 0.5
    a, b = (part.ravel() for part in np.meshgrid(offset, offset, indexing="ij"))
    shape = latitude.size, int(np.prod(source.shape))
    total = csr_array(shape)
    for first in range(0, known.size, max(1, _BLOCK // points**2)):
        cell = known[first : first + max(1, _BLOCK // points**2)]
        north, east = (
            down[part, cell][:, None] * a + right[part, cell][:, None] * b for part in (0, 1)
        )
        across = np.cos(np.radians(latitude[cell]))[:, None]
        at = latitude[cell][:, None] + north, longitude[cell][:, None] + east / across
        row, column, distance = source.locate(at[0].ravel(), at[1].ravel())
        inside = within_half_a_cell(distance)
        flat = np.ravel_multi_index((row[inside], column[inside]), source.shape)
        share = np.full(flat.size, 1 / points**2)
        place = np.repeat(cell, points**2)[inside], flat
        total = total + csr_array((share, place), shape=shape)
    return PointOverlap(csr_array(total), target.shape, points)
