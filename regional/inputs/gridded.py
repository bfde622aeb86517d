"""Reader of gridded NetCDF input that collects every fault as a finding in one pass."""

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.findings import Finding, nearest
from temjax.regional.experiment.settings import Variable
from temjax.runtime.machine import available_bytes

# what the NetCDF libraries raise for damaged files and other formats
_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Grid:
    """Horizontal grid: dimensions, coordinates and projection.

    Attributes:
        dims: names of the two horizontal dimensions.
        latitude, longitude: degrees; ``(row,)`` and ``(column,)``, or both ``(row, column)``.
        projected: y and x of the rows and columns in metres, or None.
        mapping: CF grid-mapping attributes of the projection.
    """

    dims: tuple[str, str]
    latitude: NDArray
    longitude: NDArray
    projected: tuple[NDArray, NDArray] | None = None
    mapping: dict | None = None

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
                east = np.diff(longitude, axis=axis) * np.cos(np.radians(latitude)).mean()
                steps.append(float(np.median(np.hypot(north, east))))
        return max(steps) if steps else np.inf


@dataclass(frozen=True)
class Field:
    """Values, units and grid of a variable; the two horizontal dimensions are last."""

    values: NDArray
    units: str
    grid: Grid | None


class Reader:
    """Reader of the variables of one folder; faults are collected in ``findings``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.findings: list[Finding] = []
        if not folder.is_dir():
            self.add_finding(
                str(folder), "", "folder does not exist", "Put the data there or mend `folder`."
            )

    def add_finding(
        self, file: str, variable: str, message: str, mend: str, index: str = ""
    ) -> None:
        """Add a fault."""
        self.findings.append(Finding(file, variable, index, message, mend))

    def open(self, file: str) -> xr.Dataset | None:
        """Open a file of the folder, times not decoded; None with a finding if it is unreadable."""
        path = self.folder / file
        if not self.folder.is_dir():
            return None
        if not path.is_file():
            files = [p.name for p in self.folder.glob("*.nc*")]
            hint = nearest(file, files) if files else "The folder holds no NetCDF file."
            self.add_finding(str(path), "", "file does not exist", hint)
            return None
        return self.open_path(path)

    def open_path(self, path: Path) -> xr.Dataset | None:
        """Open an existing file, see ``open``."""
        try:
            with netCDF4.Dataset(path) as file:
                axes = {n: v for n, v in file.variables.items() if n in v.dimensions}
                for name, axis in axes.items():  # xarray reads axes when it opens
                    if not self._fits_memory(str(path), name, axis.size, axis.dtype):
                        return None
            return xr.open_dataset(path, decode_times=False, engine="netcdf4")
        except _UNREADABLE as error:
            self.add_unreadable(str(path), "", error)
            return None

    def add_unreadable(self, file: str, variable: str, error: Exception) -> None:
        """Add the fault of a file or variable that the NetCDF library cannot read."""
        self.add_finding(
            file, variable, f"not readable as NetCDF ({error})",
            "Give a whole NetCDF file: this one is truncated, damaged or of another kind.",
        )  # fmt: skip

    def load_values(self, file: str, array: xr.DataArray) -> NDArray | None:
        """Values of a variable; None with a finding where they are not numeric, too many for memory
        or unreadable."""
        if not self._fits_memory(file, str(array.name), array.size, array.dtype):
            return None
        try:
            return array.values
        except _UNREADABLE as error:
            self.add_unreadable(file, str(array.name), error)
            return None

    def _fits_memory(self, file: str, name: str, size: int, kind: object) -> bool:
        """Whether values are numeric and fit into the available memory."""
        if getattr(kind, "kind", "O") not in "iuf":
            self.add_finding(file, name, f"holds {kind}, not numbers", "Give a numeric variable.")
            return False
        needed, available = size * kind.itemsize, available_bytes()
        if available is not None and needed > available:
            self.add_finding(
                file, name, f"declares {size:,} values ({needed / 1e9:,.0f} GB), "
                f"{available / 1e9:,.1f} GB of memory are available", "Cut the file to the region.",
            )  # fmt: skip
            return False
        return True

    def read(self, variable: Variable) -> Field | None:
        """Read one variable of one file."""
        dataset = self.open(variable.file)
        if dataset is None:
            return None
        with dataset:
            return self.read_variable(dataset, variable)

    def read_variable(self, dataset: xr.Dataset, variable: Variable) -> Field | None:
        """Read one variable of an open dataset."""
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
        findings_before = len(self.findings)
        grid = self._grid(path, dataset, array) if array.ndim >= 2 else None
        if len(self.findings) > findings_before:
            return None
        return Field(values, str(array.attrs.get("units", "")), grid)

    def _grid(self, path: str, dataset: xr.Dataset, array: xr.DataArray) -> Grid | None:
        """Grid of an array's last two dimensions, from lat and lon of the file."""

        def coordinate(*names: str) -> NDArray | None:
            name = next((name for name in names if name in dataset.variables), None)
            values = None if name is None else self.load_values(path, dataset[name])
            return None if values is None else np.asarray(values, dtype=float)

        latitude, longitude = coordinate("lat", "latitude"), coordinate("lon", "longitude")
        if latitude is None or longitude is None:
            return None
        axes = latitude.ndim == 1 and longitude.ndim == 1
        shape = (latitude.size, longitude.size) if axes else latitude.shape
        if shape != array.shape[-2:] or not (axes or longitude.shape == shape):
            self.add_finding(
                path, str(array.name),
                f"has shape {array.shape} with {array.dims}, but lat and lon span {shape}",
                "Let latitude and longitude be the last two dimensions.",
            )  # fmt: skip
            return None
        if axes:
            return Grid(("lat", "lon"), latitude, longitude)
        mapping = next(
            (v.attrs for v in dataset.variables.values() if "grid_mapping_name" in v.attrs), None
        )
        y, x = coordinate("y"), coordinate("x")
        projected = None if y is None or x is None else (y, x)
        return Grid(("y", "x"), latitude, longitude, projected, mapping)

    def same_grid(self, file: str, grid: Grid | None, reference: Grid | None) -> bool:
        """Whether a file's grid is the reference grid to within one cell (files of one data set
        can be offset by a fraction of a cell)."""
        if grid is None or reference is None:
            return True
        path = str(self.folder / file)
        if grid.shape != reference.shape:
            self.add_finding(
                path,
                "lat, lon",
                f"grid {grid.shape} differs from the domain's {reference.shape}",
                "Give all files on one grid.",
            )
            return False
        (lat, lon), (lat0, lon0) = grid.fields(), reference.fields()
        distance = np.hypot(lat - lat0, (lon - lon0) * np.cos(np.radians(lat0)))
        worst = np.unravel_index(np.argmax(distance), distance.shape)
        if distance[worst] < reference.spacing():
            return True
        self.add_finding(
            path,
            "lat, lon",
            f"cell centre {lat[worst]:.3f} N {lon[worst]:.3f} E, but the domain has "
            f"{lat0[worst]:.3f} N {lon0[worst]:.3f} E",
            "Give all files on one grid, in one orientation.",
            f"cell ({worst[0]}, {worst[1]})",
        )
        return False
