"""One variable a file, written atomically in blocks of time."""

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

from temjax.files.atomic import atomic_write
from temjax.regional.exports.filling import Filling
from temjax.regional.exports.forcing import ForcingSeries
from temjax.regional.exports.placement import Placement, depth_axis
from temjax.regional.exports.projects import Project
from temjax.regional.exports.series import Series
from temjax.units import DAYS_PER_YEAR

_BLOCK_BYTES = 2**26  # values on the export's grid in memory
_RUN_ORIGIN = 1601  # of the run's files
_MODEL = "NETCDF4_CLASSIC"


@dataclass(frozen=True)
class Job:
    """File to write.

    Attributes:
        path: of the file.
        project: its conventions.
        filling: variable and its products.
        series: they are read from.
        first, stop: time steps of the series.
        place: grid.
        origin: year since whose beginning days are counted.
        attributes: global ones.
    """

    path: Path
    project: Project
    filling: Filling
    series: Series | ForcingSeries
    first: int
    stop: int
    place: Placement
    origin: int
    attributes: dict

    def renamed(self, name: str) -> str:
        """Name of a dimension in the project."""
        return self.project.dims.get(name, name)


def write_job(job: Job) -> None:
    """Write a file; an existing one is replaced when the new one is complete.

    Raises:
        DataError: a file of the run that cannot be read.
        OSError: the file cannot be written.
    """
    with atomic_write(job.path) as partial:
        coordinates = _coordinates(job)
        plain = {str(name): {"_FillValue": None} for name in coordinates.variables}
        coordinates.to_netcdf(partial, format=_MODEL, engine="netcdf4", encoding=plain)
        with netCDF4.Dataset(partial, "a") as file:
            _write_values(job, file)


def _coordinates(job: Job) -> xr.Dataset:
    """Axes of a file and its global attributes."""
    axis = job.series.axis.isel(time=slice(job.first, job.stop))
    shift = DAYS_PER_YEAR * (job.origin - _RUN_ORIGIN)
    attributes = dict(axis["time"].attrs) | {
        "units": f"days since {job.origin}-01-01 00:00:00",
        "calendar": job.project.calendar,
    }
    variables = {
        "time": xr.Variable("time", axis["time"].values - shift, attributes),
        "time_bnds": xr.Variable(("time", "bnds"), axis["time_bnds"].values - shift),
    }
    if job.filling.by_depth:
        depth, bounds = depth_axis(job.project.depth)
        name = job.renamed("depth")
        depth.attrs["bounds"] = f"{name}_bnds"
        variables |= {"depth": depth, f"{name}_bnds": xr.Variable(("depth", "bnds"), bounds)}
    variables |= dict(job.place.coordinates.variables)
    dataset = xr.Dataset(variables, attrs=job.attributes)
    names = {k: v for k, v in job.project.dims.items() if k in dataset.variables}
    if not set(job.place.dims) <= set(names):  # two-dimensional coordinates keep their names
        names = {k: v for k, v in names.items() if k == "depth"}
    return dataset.rename(names)


def _variable_attributes(job: Job) -> dict:
    variable, curvilinear = job.filling.variable, job.place.dims != ("lat", "lon")
    attributes = {
        "long_name": variable.long_name,
        "standard_name": variable.standard_name,
        "units": variable.unit,
        "comment": variable.comment,
        "cell_methods": job.filling.cell_methods,
        "coordinates": "lat lon" if curvilinear else "",
        "grid_mapping": "crs" if "crs" in job.place.coordinates.variables else "",
        "missing_value": job.project.fill,
    }
    wanted = job.project.attributes
    return {k: v for k, v in attributes.items() if v != "" and (wanted is None or k in wanted)}


def _write_values(job: Job, file: netCDF4.Dataset) -> None:
    """Create the variable and write it block by block; a chunk is a map of one time step."""
    rows, columns = job.place.dims
    if (rows, columns) == ("lat", "lon"):
        rows, columns = job.renamed(rows), job.renamed(columns)
    dims = ("time", *([job.renamed("depth")] if job.filling.by_depth else []), rows, columns)
    sizes = [file.dimensions[name].size for name in dims]
    variable = file.createVariable(
        job.filling.name, "f4", dims, fill_value=job.project.fill, zlib=True, complevel=5,
        shuffle=True, chunksizes=[1, *[1] * (len(dims) - 3), *sizes[-2:]],
    )  # fmt: skip
    variable.setncatts(_variable_attributes(job))
    steps = max(1, _BLOCK_BYTES // (4 * int(np.prod(sizes[1:]))))
    for begin, parts in job.series.blocks(job.filling.names, job.first, job.stop, steps):
        at = begin - job.first
        values = job.place.place(job.filling.values(parts), job.project.fill)
        variable[at : at + len(values)] = values
