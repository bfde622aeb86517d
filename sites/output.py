"""Runs as CF-1.8 NetCDF: names and units from ``temjax.outputs``, time axes, provenance."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.files.atomic import atomic_write
from temjax.files.findings import DataError, Finding
from temjax.forcing import MONTH_DAYS, Forcing, Location
from temjax.outputs import (
    ANNUAL_VARIABLES,
    DEPTH_ATTRIBUTES,
    FORCING_VARIABLES,
    MONTHLY_OUTPUTS,
    OutputInfo,
)
from temjax.runs.result import Run
from temjax.units import DAYS_PER_YEAR

# without a standard name in the files of sites, though the registry has one
_WITHOUT_STANDARD_NAME = ("active_layer_thickness", "soil_organic_nitrogen")


def time_axes(years: np.ndarray) -> dict[str, xr.DataArray]:
    """Monthly and annual CF time coordinates with bounds, 365-day calendar.

    ``time`` is the middle of each month; ``year`` the calendar year with its CF time beside it.
    """
    years = np.asarray(years)
    start = DAYS_PER_YEAR * np.arange(years.size)[:, None]
    ends = np.cumsum(MONTH_DAYS)
    low = (start + ends - np.array(MONTH_DAYS)).reshape(-1).astype(float)
    high = (start + ends).reshape(-1).astype(float)
    yearly = np.stack([start[:, 0], start[:, 0] + DAYS_PER_YEAR], axis=1).astype(float)
    units = {"units": f"days since {years[0]:04d}-01-01", "calendar": "365_day"}
    time = {"standard_name": "time", "long_name": "time", "axis": "T", **units}
    return {
        "time": xr.DataArray((low + high) / 2, dims="time", attrs=time | {"bounds": "time_bnds"}),
        "time_bnds": xr.DataArray(np.stack([low, high], axis=1), dims=("time", "nv")),
        "year": xr.DataArray(
            years.astype("i4"), dims="year", attrs={"long_name": "calendar year", "units": "1"}
        ),
        "annual_time": xr.DataArray(
            yearly.mean(axis=1),
            dims="year",
            attrs={
                "standard_name": "time",
                "long_name": "middle of the year",
                "bounds": "annual_time_bnds",
                **units,
            },
        ),
        "annual_time_bnds": xr.DataArray(yearly, dims=("year", "nv")),
    }


def variable_attributes(info: OutputInfo) -> dict[str, str]:
    """CF attributes of one output."""
    attributes = {
        "long_name": info.long_name,
        "units": info.unit,
        "cell_methods": info.cell_methods,
    }
    if info.standard_name and not info.name.endswith(_WITHOUT_STANDARD_NAME):
        attributes["standard_name"] = info.standard_name
    if info.symbol:
        attributes["tem_symbol"] = info.symbol
    return attributes


def run_dataset(
    run: Run,
    location: Location,
    *,
    forcing: Forcing | None = None,
    longitude: np.ndarray | float | None = None,
    cell_dims: tuple[str, ...] = (),
    monthly: Iterable[str] | None = None,
    annual: Iterable[str] | None = None,
    attributes: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """A run as a CF dataset.

    Args:
        run: of one cell or many.
        location: the run's.
        forcing: also write the climate of the run's years.
        longitude: degrees east, of the shape of the cells.
        cell_dims: names of the trailing cell axes, none for a single cell.
        monthly, annual: names of the variables to keep, by default all.
        attributes: global attributes (``temjax.sites.provenance``).

    Raises:
        ValueError: unknown output name, or cell_dims that do not fit the cells.
    """
    if np.ndim(location.latitude) != len(cell_dims):
        raise ValueError(
            f"cells of shape {np.shape(location.latitude)} need as many cell_dims, got {cell_dims}"
        )
    years = np.asarray(run.years)
    axes = time_axes(years)
    coordinates = {name: axes[name] for name in ("time", "year", "annual_time")}
    depths = np.asarray(run.soil.depths, dtype=float)
    coordinates["depth"] = xr.DataArray(depths, dims="depth", attrs=DEPTH_ATTRIBUTES)
    coordinates |= _places(location, longitude, cell_dims)
    variables = {name: axes[name] for name in ("time_bnds", "annual_time_bnds")}

    def months(values) -> np.ndarray:
        values = np.asarray(values)
        return values.reshape(-1, *values.shape[2:])

    for name, info in _selected(MONTHLY_OUTPUTS, monthly).items():
        dims = ("time", "depth") if info.by_depth else ("time",)
        values = months(getattr(run.monthly, name))
        variables[name] = ((*dims, *cell_dims), values, variable_attributes(info))
    if forcing is not None:
        rows = np.isin(np.asarray(forcing.years), years)
        for name, info in FORCING_VARIABLES.items():
            values = months(np.asarray(getattr(forcing, name))[rows])
            dims = ("time", *(cell_dims if values.ndim > 1 else ()))
            variables[name] = (dims, values, variable_attributes(info))
    for name, info in _selected(ANNUAL_VARIABLES, annual).items():
        values = np.asarray(getattr(run.annual, name))
        values = values.astype("i1") if values.dtype == bool else values
        variables[info.name] = (("year", *cell_dims), values, variable_attributes(info))
    return xr.Dataset(
        variables,
        coords=coordinates,
        attrs={"Conventions": "CF-1.8", **_plain(attributes or {})},
    )


def _selected(
    variables: Mapping[str, OutputInfo], names: Iterable[str] | None
) -> dict[str, OutputInfo]:
    """Attribute of the output to metadata of its variable, for the named variables in their order.

    Raises:
        ValueError: an unknown name.
    """
    if names is None:
        return dict(variables)
    attributes = {info.name: attribute for attribute, info in variables.items()}
    wanted = list(names)
    unknown = [name for name in wanted if name not in attributes]
    if unknown:
        raise ValueError(f"unknown output {unknown[0]!r}; known: {', '.join(attributes)}")
    return {attributes[name]: variables[attributes[name]] for name in wanted}


def _places(
    location: Location, longitude: np.ndarray | float | None, cell_dims: tuple[str, ...]
) -> dict[str, xr.DataArray]:
    rows = {
        "latitude": (location.latitude, "latitude", "degrees_north"),
        "elevation": (location.elevation, "surface_altitude", "m"),
    }
    if longitude is not None:
        rows["longitude"] = (longitude, "longitude", "degrees_east")
    return {
        name: xr.DataArray(
            np.asarray(values, dtype=float),
            dims=cell_dims,
            attrs={"standard_name": standard, "long_name": name, "units": unit},
        )
        for name, (values, standard, unit) in rows.items()
    }


def _plain(attributes: Mapping[str, object]) -> dict[str, str | int | float]:
    """Attributes NetCDF can hold: numbers and text, anything else as JSON."""
    plain = {}
    for name, value in attributes.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool):
            value = "true" if value else "false"
        plain[name] = value if isinstance(value, str | int | float) else json.dumps(value)
    return plain


def write_netcdf(dataset: xr.Dataset, path: str | Path, *, float32: bool = True) -> Path:
    """Write a dataset, compressed, coordinates in float64; the folder must exist.

    Raises:
        DataError: the file cannot be written.
    """
    path = Path(path)
    encoding = {}
    for name, variable in dataset.variables.items():
        code: dict[str, object] = {"_FillValue": None}
        if variable.dtype.kind == "f" and name in dataset.data_vars and not name.endswith("bnds"):
            code = {"_FillValue": 1e20, "zlib": variable.ndim > 0, "complevel": 5}
            if float32:
                code["dtype"] = "float32"
                code["_FillValue"] = np.float32(1e20)
        encoding[name] = code
    try:
        with atomic_write(path) as partial:
            dataset.to_netcdf(
                partial, format="NETCDF4_CLASSIC", engine="netcdf4", encoding=encoding
            )
    except OSError as error:
        mend = "Give a path in an existing folder you may write to."
        raise DataError([Finding(str(path), "file", "", f"cannot write: {error}", mend)]) from error
    return path
