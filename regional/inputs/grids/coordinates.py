"""Grid of a NetCDF variable from the latitude and longitude of its file, or the region's."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.regional.inputs.grids.axes import Layout, direction
from temjax.regional.inputs.grids.files import FileReader
from temjax.regional.inputs.grids.grid import Grid


def read_grid(
    reader: FileReader, path: str, dataset: xr.Dataset, array: xr.DataArray, axes: Layout
) -> Grid | None:
    """Grid of an array, from the latitude and longitude of its file."""
    coordinates = [dataset[name] for name in (axes.latitude, axes.longitude)]
    spanned = {dim for coordinate in coordinates for dim in coordinate.dims}
    names = f"{axes.latitude}, {axes.longitude}"
    if not spanned <= set(array.dims):
        reader.add_finding(
            path, str(array.name), f"has dimensions {array.dims}, but {names} span "
            f"{tuple(coordinates[0].dims + coordinates[1].dims)}",
            "Name the dimensions of the variable as those of its latitude and longitude.",
        )  # fmt: skip
        return None
    if axes.rows == axes.columns and axes.rows:
        reader.add_finding(
            path, names, f"list the cells along one dimension, {axes.rows}",
            "Give a grid of rows and columns.",
        )  # fmt: skip
        return None
    values = [_degrees(reader, path, coordinate, axes) for coordinate in coordinates]
    if values[0] is None or values[1] is None:
        return None
    latitude, longitude = values
    if latitude.ndim != longitude.ndim:
        reader.add_finding(
            path, names, f"have {latitude.ndim} and {longitude.ndim} dimensions",
            "Give both by axis, or both by cell.",
        )  # fmt: skip
        return None
    file_dims = axes.rows, axes.columns
    if latitude.ndim == 1:
        bounds = tuple(_bounds(reader, path, dataset, part) for part in coordinates)
        dims = ("lat", "lon")
        return Grid(dims, latitude, longitude, bounds=bounds, file_dims=file_dims)
    mapping = next(
        (v.attrs for v in dataset.variables.values() if "grid_mapping_name" in v.attrs), None
    )
    projected = _projected(reader, path, dataset, latitude.shape)
    return Grid(("y", "x"), latitude, longitude, projected, mapping, file_dims=file_dims)


def _degrees(
    reader: FileReader, path: str, coordinate: xr.DataArray, axes: Layout
) -> NDArray | None:
    """Latitude or longitude as float, ``(index,)`` or ``(row, column)``."""
    values = reader.load_values(path, coordinate)
    if values is None:
        return None
    values = np.atleast_1d(np.asarray(values, dtype=float))
    if coordinate.ndim == 2 and coordinate.dims != (axes.rows, axes.columns):
        values = values.T
    unknown = ~(np.abs(values) <= 720)  # also fill values
    if unknown.all() or (unknown.any() and values.ndim == 1):
        reader.add_finding(
            path, str(coordinate.name), f"holds {int(unknown.sum())} values that are no degrees",
            "Give the degrees of every row and column.", f"index {np.argmax(unknown)}",
        )  # fmt: skip
        return None
    return np.where(unknown, np.nan, values) if unknown.any() else values


def _bounds(
    reader: FileReader, path: str, dataset: xr.Dataset, coordinate: xr.DataArray
) -> NDArray | None:
    """Edges ``(index, 2)`` from the CF bounds of an axis; None without usable ones."""
    name = str(coordinate.attrs.get("bounds", coordinate.encoding.get("bounds", "")))
    if name not in dataset.variables:
        return None
    values = reader.load_values(path, dataset[name])
    if values is None:
        return None
    edges = np.asarray(values, dtype=float).reshape(-1, 2) if values.size % 2 == 0 else values
    centre = np.atleast_1d(coordinate.values)
    if edges.shape != (centre.size, 2) or not _enclose(edges, centre):
        reader.add_note(path, name, f"does not enclose {coordinate.name} and is not used")
        return None
    return edges


def _projected(
    reader: FileReader, path: str, dataset: xr.Dataset, shape: tuple[int, ...]
) -> tuple[NDArray, NDArray] | None:
    """y and x of the rows and columns in metres; None where the file has none."""
    values = []
    for name, size in zip(("y", "x"), shape, strict=True):
        standard = f"projection_{name}_coordinate"
        named = (
            n
            for n, v in dataset.variables.items()
            if str(v.attrs.get("standard_name", "")) == standard and v.shape == (size,)
        )
        found = name if name in dataset.variables else next(named, None)
        loaded = None if found is None else reader.load_values(path, dataset[found])
        if loaded is None:
            return None
        values.append(np.asarray(loaded, dtype=float))
    return values[0], values[1]


def place_on_region(
    reader: FileReader,
    path: str,
    dataset: xr.Dataset,
    array: xr.DataArray,
    axes: Layout,
    region: Grid | None,
) -> Layout | None:
    """Layout of a variable of a file without latitude and longitude on the region's grid.

    Its dimensions are those of the region's file by name, else told by what they count, else
    of unequal and matching sizes; None with a finding otherwise.
    """
    if region is None:
        return axes
    name = str(array.name)
    dims = _horizontal_of(dataset, array, axes, region)
    if dims is None or tuple(array.sizes[dim] for dim in dims) != region.shape:
        reader.add_finding(
            path, name, f"has shape {array.shape} with {array.dims} and no latitude and "
            f"longitude, but the region has {region.shape} cells",
            "Add latitude and longitude of the cells.",
        )  # fmt: skip
        return None
    reader.add_note(path, name, "without latitude and longitude, placed on the region's grid")
    others = tuple(dim for dim in axes.others if dim not in dims)
    return Layout(None, None, *dims, axes.time, others)


def _enclose(edges: NDArray, centre: NDArray) -> bool:
    """Whether edges are numbers and hold their centres."""
    low, high = edges.min(axis=1), edges.max(axis=1)
    slack = 1e-6 * np.maximum(high - low, 1e-6)
    return bool(((centre >= low - slack) & (centre <= high + slack) & (high > low)).all())


def _horizontal_of(
    dataset: xr.Dataset, array: xr.DataArray, axes: Layout, region: Grid
) -> tuple[str, str] | None:
    """Row and column dimension of a variable whose file has no latitude and longitude."""
    dims = tuple(str(dim) for dim in array.dims if dim != axes.time)
    if region.file_dims is not None and set(region.file_dims) <= set(dims):
        return region.file_dims
    told = {direction(dataset, dim): dim for dim in reversed(dims)}
    if "Y" in told and "X" in told:
        return told["Y"], told["X"]
    large = dims[-2:]
    sizes = tuple(array.sizes[dim] for dim in large)
    return large if len(large) == 2 and sizes[0] != sizes[1] and sizes == region.shape else None
