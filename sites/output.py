"""Runs as CF-1.8 NetCDF: names and units from ``temjax.outputs``, time axes, provenance."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from temjax.files.atomic import atomic_write
from temjax.files.findings import DataError, Finding
from temjax.forcing import MONTH_DAYS, Forcing, Location
from temjax.outputs import ANNUAL_OUTPUTS, FLUX_OUTPUTS, MONTHLY_OUTPUTS, OutputInfo
from temjax.runs.simulate import Run

# CF standard name table; a name is given only where meaning and dimension of the unit agree
STANDARD_NAMES = {
    "gross_primary_production": "gross_primary_productivity_of_biomass_expressed_as_carbon",
    "net_primary_production": "net_primary_productivity_of_biomass_expressed_as_carbon",
    "autotrophic_respiration": (
        "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_plant_respiration"
    ),
    "heterotrophic_respiration": (
        "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_"
        "heterotrophic_respiration"
    ),
    "vegetation_carbon": "vegetation_mass_content_of_carbon",
    "soil_organic_carbon": "soil_mass_content_of_carbon",
    "snowpack": "lwe_thickness_of_surface_snow_amount",
    "rainfall": "rainfall_rate",
    "snowfall": "lwe_snowfall_rate",
    "evapotranspiration": "lwe_water_evaporation_rate",
    "soil_temperature": "soil_temperature",
    "air_temperature": "air_temperature",
    "precipitation": "lwe_precipitation_rate",
    "shortwave": "surface_downwelling_shortwave_flux_in_air",
    "co2": "mole_fraction_of_carbon_dioxide_in_air",
}
FORCING_OUTPUTS = (
    OutputInfo("air_temperature", "degC", "air temperature", cell_methods="time: mean"),
    OutputInfo("precipitation", "mm month-1", "precipitation", cell_methods="time: sum"),
    OutputInfo("shortwave", "W m-2", "incident shortwave radiation", cell_methods="time: mean"),
    OutputInfo("co2", "1e-6", "mole fraction of CO2 in air", cell_methods="time: mean"),
)
RESPIRATION = OutputInfo(
    "ecosystem_respiration", "g m-2 month-1", "ecosystem respiration (mass of carbon)", "RECO"
)
# annual sums of the monthly fluxes carry "annual_" so that a name means one thing in a file
ANNUAL_PREFIX = "annual_"


def time_axes(years: np.ndarray) -> dict[str, xr.DataArray]:
    """Monthly and annual CF time coordinates with bounds, 365-day calendar.

    ``time`` is the middle of each month; ``year`` the calendar year with its CF time beside it.
    """
    years = np.asarray(years)
    start = 365 * np.arange(years.size)[:, None]
    ends = np.cumsum(MONTH_DAYS)
    low = (start + ends - np.array(MONTH_DAYS)).reshape(-1).astype(float)
    high = (start + ends).reshape(-1).astype(float)
    yearly = np.stack([start[:, 0], start[:, 0] + 365], axis=1).astype(float)
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
    if info.name in STANDARD_NAMES:
        attributes["standard_name"] = STANDARD_NAMES[info.name]
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
        monthly, annual: outputs to keep, by default all.
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
    depths = np.asarray(run.soil.depths, dtype=float)
    coordinates = {name: axes[name] for name in ("time", "year", "annual_time")}
    coordinates["depth"] = xr.DataArray(
        depths,
        dims="depth",
        attrs={
            "standard_name": "depth",
            "long_name": "depth below the surface",
            "units": "m",
            "positive": "down",
            "axis": "Z",
        },
    )
    coordinates |= _places(location, longitude, cell_dims)
    variables = {name: axes[name] for name in ("time_bnds", "annual_time_bnds")}

    def months(values) -> np.ndarray:
        values = np.asarray(values)
        return values.reshape(-1, *values.shape[2:])

    every_month = [*MONTHLY_OUTPUTS.values(), RESPIRATION]
    for info in _chosen(every_month, monthly):
        dims = ("time", "depth") if info.name == "soil_temperature" else ("time",)
        values = months(getattr(run.monthly, info.name))
        variables[info.name] = (*_shaped(dims, cell_dims, values), variable_attributes(info))
    if forcing is not None:
        rows = np.isin(np.asarray(forcing.years), years)
        for info in FORCING_OUTPUTS:
            values = months(np.asarray(getattr(forcing, info.name))[rows])
            dims = cell_dims if values.ndim > 1 else ()
            variables[info.name] = (*_shaped(("time",), dims, values), variable_attributes(info))
    for name, values, attrs in _annual(run, annual):
        variables[name] = (*_shaped(("year",), cell_dims, values), attrs)
    return xr.Dataset(
        variables,
        coords=coordinates,
        attrs={"Conventions": "CF-1.8", **_plain(attributes or {})},
    )


def _annual(run: Run, names: Iterable[str] | None):
    """Annual outputs: sums of fluxes, year-end pools and the rest of the registry."""
    sums = [
        OutputInfo(
            ANNUAL_PREFIX + info.name,
            info.unit.replace("month-1", "year-1"),
            "annual " + info.long_name,
            info.symbol,
            cell_methods=info.cell_methods,
        )
        for info in FLUX_OUTPUTS
        if info.cell_methods == "time: sum"
    ]
    ends = [
        OutputInfo(
            ("year_end_" if info.name in MONTHLY_OUTPUTS else "") + info.name,
            info.unit,
            info.long_name,
            info.symbol,
            cell_methods=info.cell_methods,
        )
        for info in ANNUAL_OUTPUTS.values()
    ]
    for info in _chosen([*sums, *ends], names):
        source = info.name.removeprefix(ANNUAL_PREFIX).removeprefix("year_end_")
        values = np.asarray(getattr(run.annual, source))
        if values.dtype == bool:
            values = values.astype("i1")
        attributes = variable_attributes(info)
        if source in STANDARD_NAMES:
            attributes["standard_name"] = STANDARD_NAMES[source]
        yield info.name, values, attributes


def _chosen(infos: Iterable[OutputInfo], names: Iterable[str] | None) -> list[OutputInfo]:
    known = {info.name: info for info in infos}
    if names is None:
        return list(known.values())
    wanted = list(names)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"unknown output {unknown[0]!r}; known: {', '.join(known)}")
    return [known[name] for name in wanted]


def _shaped(
    dims: tuple[str, ...], cell_dims: tuple[str, ...], values: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    return (*dims, *cell_dims), values


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
