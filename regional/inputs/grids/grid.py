"""Horizontal grid of a region: its cells, their spacing and area, and the cell that holds a point.

Longitudes are compared as meridians: -150.5 and 209.5 are one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

KM_PER_DEGREE = 111.19
HALF_CELL = 0.5
# Files of one data set and shape, cut out by GDAL from different origins, are one grid beyond half
# a cell, which is told: Toolik's soil texture lies 582 m of 1000 m beside its vegetation.
HALF_CELL_OF_ONE_GRID = 0.6
UNKNOWN_WIDTH = 1.0  # degrees; of a single cell without bounds
_EVEN = 0.01  # steps of an evenly spaced axis differ by less than this share
_ROUNDING = 1e-6  # cells; coordinates are often float32


def wrapped(difference: NDArray) -> NDArray:
    """Difference of longitudes the short way round, degrees."""
    return np.where(
        np.abs(difference) > 180, difference - 360 * np.round(difference / 360), difference
    )


@dataclass(frozen=True)
class Grid:
    """Horizontal grid: dimensions, coordinates and projection.

    Attributes:
        dims: names of the two horizontal dimensions.
        latitude, longitude: degrees; ``(row,)`` and ``(column,)``, or both ``(row, column)``.
        projected: y and x of the rows and columns in metres, or None.
        mapping: CF grid-mapping attributes of the projection.
        bounds: edges of rows and columns in degrees, ``(row, 2)`` and ``(column, 2)``; None for an
            axis of which the file has none.
        file_dims: names of the two dimensions in the file it comes from.
    """

    dims: tuple[str, str]
    latitude: NDArray
    longitude: NDArray
    projected: tuple[NDArray, NDArray] | None = None
    mapping: dict | None = None
    bounds: tuple[NDArray | None, NDArray | None] = (None, None)
    file_dims: tuple[str, str] | None = None

    @property
    def rectilinear(self) -> bool:
        """Whether latitude and longitude are one-dimensional."""
        return self.latitude.ndim == 1

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.rectilinear:
            return self.latitude.size, self.longitude.size
        return self.latitude.shape

    def fields(self) -> tuple[NDArray, NDArray]:
        """Latitude and longitude of every cell, each ``(row, column)``."""
        if not self.rectilinear:
            return self.latitude, self.longitude
        latitude, longitude = np.meshgrid(self.latitude, self.longitude, indexing="ij")
        return latitude, longitude

    def spacing(self) -> float:
        """Median distance between neighbouring cell centres, degrees of latitude."""
        latitude, longitude = self.fields()
        steps = []
        for axis in (0, 1):
            if latitude.shape[axis] > 1:
                north = np.diff(latitude, axis=axis)
                across = np.nanmean(np.cos(np.radians(latitude)))
                east = wrapped(np.diff(longitude, axis=axis)) * across
                steps.append(float(np.nanmedian(np.hypot(north, east))))
        return max(steps) if steps else np.inf

    def widths(self, row: NDArray, column: NDArray) -> NDArray:
        """Width of cells from row to row and from column to column, degrees of latitude,
        ``(2, cell)``; NaN for a single row or column of a rectilinear grid without bounds."""
        if self.rectilinear:
            across = np.cos(np.radians(self.latitude[row]))
            return np.stack([self._axis_widths(0)[row], self._axis_widths(1)[column] * across])
        return np.stack([np.hypot(*step[:, row, column]) for step in self.basis()])

    def area(self) -> NDArray | None:
        """Area of every cell in km², ``(row, column)``; None where the widths are not known.

        Between its edges on the sphere where the file has bounds or the rows are unequal; else of
        the median steps of the two axes.
        """
        if not self.rectilinear:
            return None
        if any(np.isnan(self._axis_widths(axis)).any() for axis in (0, 1)):
            return None
        if all(given is None for given in self.bounds) and self._even():
            north = abs(float(np.median(np.diff(self.latitude))))
            east = abs(float(np.median(wrapped(np.diff(self.longitude)))))
            area = KM_PER_DEGREE**2 * north * east * np.cos(np.radians(self.latitude))
            return np.repeat(area[:, None], self.longitude.size, axis=1)
        south_north = np.radians(np.clip(self.edges(0), -90, 90))
        band = np.degrees(np.abs(np.diff(np.sin(south_north), axis=1)))
        return KM_PER_DEGREE**2 * band * self._axis_widths(1)

    def _even(self) -> bool:
        """Whether rows and columns are evenly spaced and no row reaches beyond a pole."""
        for steps in (np.diff(self.latitude), wrapped(np.diff(self.longitude))):
            step = np.median(steps)
            if np.abs(steps - step).max() > _EVEN * abs(step):
                return False
        half = abs(np.median(np.diff(self.latitude))) / 2
        return bool((np.abs(self.latitude) + half <= 90 * (1 + _ROUNDING)).all())

    def edges(self, axis: int) -> NDArray:
        """Edges of rows or columns, ``(index, 2)`` degrees: bounds, or halfway between centres.

        NaN for one row or column without bounds.
        """
        given = self.bounds[axis]
        if given is not None:
            return given
        centre = self.latitude if axis == 0 else self.longitude
        if centre.size == 1:
            return np.full((1, 2), np.nan)
        steps = np.diff(centre) if axis == 0 else wrapped(np.diff(centre))
        before, after = np.r_[steps[:1], steps], np.r_[steps, steps[-1:]]
        return np.stack([centre - before / 2, centre + after / 2], axis=1)

    def basis(self) -> tuple[NDArray, NDArray]:
        """Step from row to row and from column to column at every cell: (north, east), degrees of
        latitude, ``(2, row, column)``."""
        latitude, longitude = self.fields()
        across = np.cos(np.radians(latitude))
        steps = []
        for axis, size in enumerate(latitude.shape):
            if size == 1:
                steps.append(None)
                continue
            north = _central(np.diff(latitude, axis=axis), axis)
            east = _central(wrapped(np.diff(longitude, axis=axis)), axis) * across
            steps.append(np.stack([north, east]))
        rows, columns = steps
        if rows is None and columns is None:
            one = np.ones(latitude.shape)
            return np.stack([one, 0 * one]), np.stack([0 * one, one])
        if rows is None:  # a single row is taken to be as wide as its columns
            rows = np.stack([columns[1], -columns[0]])
        if columns is None:
            columns = np.stack([-rows[1], rows[0]])
        return rows, columns

    def locate(self, latitude: NDArray, longitude: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Locate the cells whose centres are nearest to points.

        Args:
            latitude, longitude: of the points, degrees, ``(point,)``.

        Returns:
            Row and column of the nearest cell and the distance from its centre in cells, the larger
            of those along rows and along columns, each ``(point,)``.
        """
        if not self.rectilinear:
            return self._locate_curvilinear(latitude, longitude)
        row, north = self._locate_on_axis(0, latitude)
        column, east = self._locate_on_axis(1, longitude)
        return row, column, np.maximum(north, east)

    def _locate_on_axis(self, axis: int, values: NDArray) -> tuple[NDArray, NDArray]:
        """Nearest index of an axis and the distance in cells."""
        centre = self.latitude if axis == 0 else self.longitude
        number = np.arange(centre.size)
        if axis == 1:  # the meridian once more on both sides of the circle
            centre, values = centre % 360, values % 360
            centre = np.concatenate([centre - 360, centre, centre + 360])
            number = np.tile(number, 3)
        order = np.argsort(centre)
        above = np.clip(np.searchsorted(centre[order], values), 1, max(order.size - 1, 1))
        below = above - 1
        above = np.minimum(above, order.size - 1)
        left, right = centre[order][below], centre[order][above]
        nearest = np.where(values - left <= right - values, below, above)
        index = number[order][nearest]
        distance = np.abs(values - centre[order][nearest])
        return index, distance / self._assumed_widths(axis)[index]

    def _axis_widths(self, axis: int) -> NDArray:
        """Widths of the rows or columns in degrees; NaN for a single one without bounds."""
        edges = self.edges(axis)
        width = edges[:, 1] - edges[:, 0]
        return np.abs(width if axis == 0 else wrapped(width))

    def _assumed_widths(self, axis: int) -> NDArray:
        """Widths of rows or columns; that of the other axis, or 1 degree, where not known."""
        own, other = self._axis_widths(axis), float(np.median(self._axis_widths(1 - axis)))
        return np.where(np.isfinite(own), own, other if np.isfinite(other) else UNKNOWN_WIDTH)

    def _locate_curvilinear(
        self, latitude: NDArray, longitude: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        """See ``locate``: the nearest centre on the sphere, the distance along rows and columns."""
        known = np.flatnonzero(np.isfinite(self.latitude + self.longitude).ravel())
        tree = cKDTree(_on_sphere(self.latitude.ravel()[known], self.longitude.ravel()[known]))
        _, nearest = tree.query(_on_sphere(latitude, longitude))
        row, column = np.unravel_index(known[nearest], self.shape)
        distance = self._cells_away(row, column, latitude, longitude)
        return row, column, distance

    def _cells_away(
        self, row: NDArray, column: NDArray, latitude: NDArray, longitude: NDArray
    ) -> NDArray:
        """Distance of points from the centres of cells, the larger of those along rows and along
        columns, in cells."""
        own_latitude, own_longitude = (field[row, column] for field in self.fields())
        north = latitude - own_latitude
        east = wrapped(longitude - own_longitude) * np.cos(np.radians(own_latitude))
        down, right = (step[:, row, column] for step in self.basis())
        determinant = down[0] * right[1] - down[1] * right[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            along_rows = (north * right[1] - east * right[0]) / determinant
            along_columns = (down[0] * east - down[1] * north) / determinant
        distance = np.maximum(np.abs(along_rows), np.abs(along_columns))
        return np.where(np.isfinite(distance), distance, np.inf)

    def offset(self, other: "Grid") -> NDArray:
        """Distance of the centres of a grid of the same shape from those of this one, in cells.

        The larger of the distances along rows and along columns, ``(row, column)``; NaN where one
        of the two grids has no coordinates.
        """
        latitude, longitude = other.fields()
        if self.rectilinear:
            distance = np.maximum(
                np.abs(latitude - self.latitude[:, None]) / self._assumed_widths(0)[:, None],
                np.abs(wrapped(longitude - self.longitude)) / self._assumed_widths(1),
            )
        else:
            distance = self._cells_away(*np.indices(self.shape), latitude, longitude)
        known = np.isfinite(latitude + longitude) & np.isfinite(sum(self.fields()))
        return np.where(known, distance, np.nan)


def within_half_a_cell(distance: NDArray, half: float = HALF_CELL) -> NDArray:
    """Whether distances in cells are at most half a cell; NaN is not."""
    return distance <= half * (1 + _ROUNDING) + _ROUNDING


def _central(steps: NDArray, axis: int) -> NDArray:
    """Mean of the steps on both sides of every point along an axis; one-sided at the ends."""
    first, last = (np.take(steps, [end], axis=axis) for end in (0, -1))
    before = np.concatenate([first, steps], axis=axis)
    after = np.concatenate([steps, last], axis=axis)
    before, after = (
        np.where(np.isnan(before), after, before),
        np.where(np.isnan(after), before, after),
    )
    return (before + after) / 2


def _on_sphere(latitude: NDArray, longitude: NDArray) -> NDArray:
    """Unit vectors of points, ``(point, 3)``."""
    phi, theta = np.radians(latitude), np.radians(longitude)
    return np.stack(
        [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1
    )
