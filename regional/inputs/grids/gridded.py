"""Reader of gridded NetCDF input that collects every fault as a finding in one pass."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import nearest
from temjax.regional.experiment.settings import Variable
from temjax.regional.inputs.grids.axes import Layout, layout
from temjax.regional.inputs.grids.coordinates import place_on_region, read_grid
from temjax.regional.inputs.grids.files import FileReader
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.grids.match import cells_in


@dataclass(frozen=True)
class Field:
    """Values, units and grid of a variable.

    With a grid, time is first where there is any and rows and columns are last, whatever the order
    in the file; levels and members of size one are dropped. Without, the values are as in the file.
    """

    values: NDArray
    units: str
    grid: Grid | None


class Reader(FileReader):
    """Reader of the gridded variables of one folder."""

    def read(self, variable: Variable, region: Grid | None = None) -> Field | None:
        """Read one variable of one file, see ``read_variable``."""
        dataset = self.open(variable.file)
        if dataset is None:
            return None
        with dataset:
            return self.read_variable(dataset, variable, region)

    def read_variable(
        self, dataset: xr.Dataset, variable: Variable, region: Grid | None = None
    ) -> Field | None:
        """Read one variable of an open dataset.

        Args:
            dataset: from ``open``.
            variable: its file and name.
            region: grid for a file without latitude and longitude whose dimensions are those of it.
        """
        path = str(self.folder / variable.file)
        if variable.variable not in dataset:
            known = [str(name) for name in dataset.data_vars]
            self.add_finding(
                path,
                variable.variable,
                "variable is not in the file",
                nearest(variable.variable, known),
            )
            return None
        array = dataset[variable.variable]
        values = self.load_values(path, array)
        if values is None:
            return None
        units = str(array.attrs.get("units", ""))
        axes = layout(dataset, array)
        findings_before = len(self.findings)
        if axes.latitude is not None and axes.longitude is not None:
            grid = read_grid(self, path, dataset, array, axes) if _has_cells(array, axes) else None
        else:
            grid = region
            axes = place_on_region(self, path, dataset, array, axes, region)
        if len(self.findings) > findings_before or axes is None:
            return None
        if grid is not None:
            values = self._arranged(path, array, values, axes)
        return None if values is None else Field(values, units, grid)

    def _arranged(
        self, path: str, array: xr.DataArray, values: NDArray, axes: Layout
    ) -> NDArray | None:
        """Values with time first, rows and columns last, without other axes; None with a finding
        where another axis has several values."""
        several = [dim for dim in axes.others if array.sizes[dim] > 1]
        if several:
            self.add_finding(
                path, str(array.name), f"has shape {array.shape} with {array.dims}: "
                f"{array.sizes[several[0]]} values along {several[0]}", "Give one of them.",
            )  # fmt: skip
            return None
        wanted = [dim for dim in (axes.time, axes.rows, axes.columns) if dim]
        order = [array.dims.index(dim) for dim in (*axes.others, *wanted)]
        values = values.transpose(order).reshape([array.sizes[dim] for dim in wanted])
        if not axes.rows:
            values = np.expand_dims(values, -2 if axes.columns else -1)
        return values if axes.columns else np.expand_dims(values, -1)

    def grid_of(self, variable: Variable) -> Grid | None:
        """Grid of a variable, without its values; None where its file has none."""
        dataset = self.open(variable.file)
        if dataset is None:
            return None
        with dataset:
            if variable.variable not in dataset:
                return None
            array = dataset[variable.variable]
            axes = layout(dataset, array)
            if axes.latitude is None or axes.longitude is None:
                return None
            return read_grid(self, str(self.folder / variable.file), dataset, array, axes)

    def cells_in(
        self, file: str, grid: Grid | None, reference: Grid, row: NDArray, column: NDArray
    ) -> tuple[NDArray, NDArray] | None:
        """Rows and columns of a file's grid that hold cells of a reference grid, see ``match``."""
        return cells_in(self, file, grid, reference, row, column)

    def same_grid(self, file: str, grid: Grid | None, reference: Grid | None) -> bool:
        """Whether a file's grid is the reference grid cell by cell, see ``cells_in``."""
        if grid is None or reference is None:
            return True
        rows, columns = np.indices(reference.shape)
        found = self.cells_in(file, grid, reference, rows, columns)
        if found is None:
            return False
        if (found[0] == rows).all() and (found[1] == columns).all():
            return True
        self.add_finding(
            str(self.folder / file), "lat, lon", "rows or columns run otherwise than the domain's",
            "Give all files on one grid, in one orientation.",
        )  # fmt: skip
        return False


def _has_cells(array: xr.DataArray, axes: Layout) -> bool:
    """Whether a variable is a field on its file's latitude and longitude, not a mere series."""
    on_axes = {axes.rows, axes.columns} & set(array.dims)
    return array.ndim >= 2 or bool(on_axes) or not (axes.rows or axes.columns)
