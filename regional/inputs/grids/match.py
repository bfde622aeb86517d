"""Cells of a file's grid that hold the cells of a region's grid."""

import numpy as np
from numpy.typing import NDArray

from temjax.regional.inputs.grids.files import FileReader
from temjax.regional.inputs.grids.grid import (
    HALF_CELL_OF_ONE_GRID,
    KM_PER_DEGREE,
    Grid,
    within_half_a_cell,
)

_BESIDE = 0.1  # of a cell's width: from here on centres that lie elsewhere are told
_UNEQUAL = 0.1  # share by which the cells of one grid may differ from those of another


def cells_in(
    reader: FileReader, file: str, grid: Grid | None, reference: Grid, row: NDArray, column: NDArray
) -> tuple[NDArray, NDArray] | None:
    """Rows and columns of a file's grid that hold cells of the reference grid.

    Rows and columns may run the other way, longitudes be of the other convention, and the file
    cover more than the region; a centre more than half a cell away along rows or along columns
    is another cell.

    Args:
        file: in the folder.
        grid: of the file; None is the reference grid.
        reference: the domain's grid.
        row, column: cells of the reference grid.

    Returns:
        Row and column per cell; None with a finding where the file lacks a cell.
    """
    if grid is None or grid is reference:
        return row, column
    path = str(reader.folder / file)
    if grid.shape == reference.shape:
        beside = reference.offset(grid)[row, column]
        furthest = float(np.nanmax(beside, initial=0.0))
        if within_half_a_cell(np.asarray(furthest), HALF_CELL_OF_ONE_GRID):
            _tell_beside(reader, path, furthest)
            return row, column
    latitude, longitude = (field[row, column] for field in reference.fields())
    known = np.isfinite(latitude + longitude)
    found_row, found_column = row.copy(), column.copy()
    distance = np.zeros(row.shape)
    found_row[known], found_column[known], distance[known] = grid.locate(
        latitude[known], longitude[known]
    )
    sizes = [
        np.sort(np.median(part.widths(*(index[known] for index in cells)), axis=1))
        for part, cells in ((grid, (found_row, found_column)), (reference, (row, column)))
    ]  # sorted: rows of one may be columns of the other
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = sizes[0] / sizes[1]
    if (np.isfinite(ratio) & (np.abs(ratio - 1) > _UNEQUAL)).any():
        texts = [" x ".join(f"{KM_PER_DEGREE * width:.3g}" for width in part) for part in sizes]
        reader.add_finding(
            path, "lat, lon", f"grid {grid.shape} of cells of {texts[0]} km differs from "
            f"the domain's {reference.shape} of {texts[1]}", "Give all files on one grid.",
        )  # fmt: skip
        return None
    absent = ~within_half_a_cell(distance)
    if absent.any():
        _add_absent_cells(reader, path, grid, reference, (row, column), absent)
        return None
    _tell_beside(reader, path, float(np.nanmax(distance, initial=0.0)))
    return found_row, found_column


def _tell_beside(reader: FileReader, path: str, furthest: float) -> None:
    """Tell centres that lie beside the domain's by more than rounding."""
    if furthest > _BESIDE:
        text = f"centres lie up to {furthest:.2f} cells beside the domain's"
        reader.add_note(path, "lat, lon", text)


def _add_absent_cells(
    reader: FileReader,
    path: str,
    grid: Grid,
    reference: Grid,
    cells: tuple[NDArray, NDArray],
    absent: NDArray,
) -> None:
    """Add the fault of a grid that lacks cells of the domain."""
    row, column = (int(index[absent][0]) for index in cells)
    latitude, longitude = (field[row, column] for field in reference.fields())
    count = f"({int(absent.sum())} such cells)"
    if grid.shape == reference.shape:
        own = [field[row, column] for field in grid.fields()]
        message = (
            f"cell centre {own[0]:.3f} N {own[1]:.3f} E, but the domain has "
            f"{latitude:.3f} N {longitude:.3f} E {count}"
        )
    else:
        message = (
            f"grid {grid.shape} differs from the domain's {reference.shape}: no cell holds "
            f"{latitude:.3f} N {longitude:.3f} E {count}"
        )
    mend = "Give all files on one grid: a centre may be half a cell away, not more."
    reader.add_finding(path, "lat, lon", message, mend, f"cell ({row}, {column})")
