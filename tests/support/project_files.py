"""One small synthetic climate written in the exact form of each climate project."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cftime
import numpy as np
import xarray as xr

from temjax.forcing import MONTH_DAYS
from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance

LATITUDE, LONGITUDE = np.array([67.25, 67.75]), np.array([-150.25, -149.75, -149.25])
FIRST, SPLIT, LAST = 2013, 2015, 2016  # history ends before SPLIT
CO2 = {year: 396.0 + 2.5 * (year - FIRST) for year in range(FIRST, LAST + 1)}
DAYS = np.array(MONTH_DAYS)
ZERO = 273.15


@dataclass(frozen=True)
class SmallClimate:
    """Months ``(year, 12, row, column)``: °C, mm month⁻¹, percent of clouds, W m⁻²."""

    temperature: np.ndarray
    precipitation: np.ndarray
    cloud: np.ndarray
    shortwave: np.ndarray


def small_climate() -> SmallClimate:
    """Seasons, a trend, and a difference between cells in every driver."""
    years, month = LAST - FIRST + 1, np.arange(12)
    shape = (years, 12, LATITUDE.size, LONGITUDE.size)
    rng = np.random.default_rng(7)
    cell = 0.3 * np.arange(LATITUDE.size * LONGITUDE.size).reshape(shape[2:])
    wave = np.cos(2 * np.pi * (month - 6.5) / 12)[:, None, None]
    temperature = -8 + 17 * wave + cell + rng.normal(0, 1, shape)
    precipitation = (22 + 14 * wave + cell) * rng.uniform(0.6, 1.4, shape)
    cloud = 60 + 12 * wave + 3 * cell + rng.uniform(-8, 8, shape)
    top = np.asarray(gross_irradiance(LATITUDE)) / SHORTWAVE_TO_CALORIES
    shortwave = top[:, :, None] * (0.251 + 0.509 * (1 - cloud / 100))
    return SmallClimate(temperature, precipitation, cloud, shortwave)


def _dates(calendar: str, first: int, last: int, hours: int | None) -> tuple[list, list]:
    """Stamps, and the month of each from January of the first year: days, hours or mid-months."""
    stamps, months = [], []
    for year in range(first, last + 1):
        for month in range(1, 13):
            start = cftime.datetime(year, month, 1, calendar=calendar)
            number = start.daysinmonth * 24 // hours if hours else 1
            for record in range(number):
                if hours:
                    stamps.append(start + np.timedelta64(record * hours, "h").astype(object))
                else:
                    stamps.append(start.replace(day=16))
                months.append(12 * (year - first) + month - 1)
    return stamps, months


def dataset(
    variables: dict[str, tuple[np.ndarray, str]],
    years: tuple[int, int],
    *,
    calendar: str = "proleptic_gregorian",
    since: str = "days since 1850-01-01",
    hours: int | None = None,
    names: tuple[str, str, str] = ("time", "lat", "lon"),
    south_first: bool = False,
    east_360: bool = False,
) -> xr.Dataset:
    """Months of all years, cut to some and spread over days or hours, with a CF time axis."""
    stamps, months = _dates(calendar, *years, hours)
    rows = slice(years[0] - FIRST, years[1] - FIRST + 1)
    order = slice(None) if south_first else slice(None, None, -1)
    time, lat, lon = names
    numbers = cftime.date2num(stamps, since, calendar).astype(float)
    coordinates = {
        time: ((time,), numbers, {"units": since, "calendar": calendar, "standard_name": "time"}),
        lat: ((lat,), LATITUDE[order], {"units": "degrees_north", "standard_name": "latitude"}),
        lon: ((lon,), LONGITUDE % 360 if east_360 else LONGITUDE, {"units": "degrees_east"}),
    }
    fields = {}
    for name, (values, units) in variables.items():
        flat = values[rows].reshape(-1, *values.shape[2:])[months][:, order]
        fields[name] = ((time, lat, lon), flat.astype("f4"), {"units": units})
    return xr.Dataset(fields, coordinates)


def rates(climate: SmallClimate) -> dict[str, tuple[np.ndarray, str]]:
    """Drivers as ISIMIP and CMIP have them."""
    flux = climate.precipitation / (86400 * DAYS[:, None, None])
    return {
        "tas": (climate.temperature + ZERO, "K"),
        "pr": (flux, "kg m-2 s-1"),
        "rsds": (climate.shortwave, "W m-2"),
    }


def write_co2(folder: Path, scenario: str, first: int, last: int) -> None:
    """Text file of annual CO2."""
    lines = "".join(f"{year} {CO2[year]}\n" for year in range(first, last + 1))
    (folder / f"co2_{scenario}_annual_{first}_{last}.txt").write_text(lines, encoding="utf-8")


def write_isimip2b(folder: Path, climate: SmallClimate) -> dict:
    for scenario, years in (("historical", (FIRST, SPLIT - 1)), ("rcp85", (SPLIT, LAST))):
        write_co2(folder, scenario, *years)
        for name, driver in rates(climate).items():
            dataset(
                {name: driver}, years, since="days since 1860-1-1 00:00:00", hours=24
            ).to_netcdf(
                folder / f"{name}_day_GFDL-ESM2M_{scenario}_r1i1p1_EWEMBI_"
                f"{years[0]}0101-{years[1]}1231.nc4"
            )
    return {"kind": "isimip2b", "members": ["GFDL-ESM2M"], "scenarios": ["rcp85"]}


def write_isimip3b(folder: Path, climate: SmallClimate) -> dict:
    for scenario, years in (("historical", (FIRST, SPLIT - 1)), ("ssp370", (SPLIT, LAST))):
        write_co2(folder, scenario, *years)
        for name, driver in rates(climate).items():
            dataset({name: driver}, years, hours=24).to_netcdf(
                folder / f"gfdl-esm4_r1i1p1f1_w5e5_{scenario}_{name}_global_daily_"
                f"{years[0]}_{years[1]}.nc"
            )
    return {"kind": "isimip3b", "members": ["gfdl-esm4"], "scenarios": ["ssp370"]}


def write_isimip3a(folder: Path, climate: SmallClimate) -> dict:
    write_co2(folder, "obsclim", FIRST, LAST)
    for name, driver in rates(climate).items():
        for years in ((FIRST, FIRST), (FIRST + 1, LAST)):
            dataset({name: driver}, years, hours=24).to_netcdf(
                folder / f"gswp3-w5e5_obsclim_{name}_global_daily_{years[0]}_{years[1]}.nc"
            )
    return {"kind": "isimip3a", "members": ["gswp3-w5e5"], "scenarios": ["obsclim"]}


def write_cmip(folder: Path, climate: SmallClimate) -> dict:
    """Noleap, bounds, 0-360, a scalar height, history to November and scenario from December."""
    for name, driver in rates(climate).items():
        whole = dataset(
            {name: driver}, (FIRST, LAST), calendar="noleap", south_first=True, east_360=True
        )  # fmt: skip
        starts = np.concatenate([[0], np.cumsum(np.tile(DAYS, LAST - FIRST + 1))]).astype(float)
        starts += cftime.date2num(
            cftime.datetime(FIRST, 1, 1, calendar="noleap"), "days since 1850-01-01", "noleap"
        )
        whole["time_bnds"] = (("time", "bnds"), np.stack([starts[:-1], starts[1:]], axis=1))
        whole["time"].attrs["bounds"] = "time_bnds"
        whole["height"] = ((), 2.0, {"units": "m", "axis": "Z"})
        cut = 12 * (SPLIT - FIRST) - 1
        for scenario, months, span in (
            ("historical", slice(0, cut), f"{FIRST}01-{SPLIT - 1}11"),
            ("ssp370", slice(cut, None), f"{SPLIT - 1}12-{LAST}12"),
        ):
            whole.isel(time=months).to_netcdf(
                folder / f"{name}_Amon_MYESM_{scenario}_r1i1p1f1_gn_{span}.nc"
            )
    write_co2(folder, "historical", FIRST, SPLIT - 1)
    write_co2(folder, "ssp370", SPLIT, LAST)
    return {"kind": "cmip", "members": ["MYESM"], "scenarios": ["ssp370"]}


def write_cru(folder: Path, climate: SmallClimate) -> dict:
    write_co2(folder, "historical", FIRST, LAST)
    for name, values, units in (
        ("tmp", climate.temperature, "degrees Celsius"),
        ("pre", climate.precipitation, "mm/month"),
        ("cld", climate.cloud, "percentage"),
    ):
        data = dataset(
            {name: (values, units)}, (FIRST, LAST), calendar="gregorian",
            since="days since 1900-1-1", south_first=True,
        )  # fmt: skip
        encoding = {name: {"_FillValue": np.float32(9.96921e36)}}
        data.to_netcdf(folder / f"cru_ts4.09.{FIRST}.{LAST}.{name}.dat.nc", encoding=encoding)
    return {"kind": "cru-ts"}


def write_era5(folder: Path, climate: SmallClimate) -> dict:
    """Packed int16, valid_time, accumulations a day; two versions of the last months."""
    write_co2(folder, "historical", FIRST, LAST)
    day = DAYS[:, None, None]
    data = dataset(
        {
            "t2m": (climate.temperature + ZERO, "K"),
            "tp": (climate.precipitation / 1000 / day, "m"),
            "ssrd": (climate.shortwave * 86400, "J m**-2"),
        },
        (FIRST, LAST), since="seconds since 1970-01-01",
        names=("valid_time", "latitude", "longitude"),
    )  # fmt: skip
    data = data.expand_dims(expver=np.array([1, 5], dtype="i4")).transpose("valid_time", ...)
    last = (np.arange(data.sizes["valid_time"]) >= data.sizes["valid_time"] - 3)[:, None]
    preliminary = np.array([False, True])
    encoding = {}
    for name in ("t2m", "tp", "ssrd"):
        values = data[name].values
        low, high = values.min(), values.max()
        own = np.where((last == preliminary)[:, :, None, None], values, np.nan)
        data[name] = data[name].copy(data=own)
        encoding[name] = {
            "dtype": "i2", "scale_factor": (high - low) / 65000, "add_offset": (high + low) / 2,
            "_FillValue": -32767,
        }  # fmt: skip
    data.to_netcdf(folder / "data_stream-moda.nc", encoding=encoding)
    return {"kind": "era5-land"}


def write_wiemip(folder: Path, climate: SmallClimate) -> dict:
    write_co2(folder, "historical", FIRST, LAST)
    for name, values, units in (
        ("tmp", climate.temperature + ZERO, "K"),
        ("pre", climate.precipitation / (4 * DAYS[:, None, None]), "mm/6h"),
        ("dswrf", climate.shortwave, "W m-2"),
    ):
        for year in range(FIRST, LAST + 1):
            data = dataset(
                {name: (values, units)}, (year, year), calendar="noleap", hours=6,
                since=f"hours since {FIRST}-01-01", south_first=True,
            )  # fmt: skip
            data.to_netcdf(folder / f"crujra.{name}.{year}_6hr.noleap.nc")
    return {"kind": "wie-mip"}


def write_netcdf(folder: Path, climate: SmallClimate) -> dict:
    """A file for every driver, and CO2 by year."""
    files = []
    for name, driver in rates(climate).items():
        files.append(f"{name}.nc")
        dataset({name: driver}, (FIRST, LAST), calendar="360_day").to_netcdf(folder / files[-1])
    co2 = xr.Dataset({"co2": ("year", list(CO2.values()), {"units": "ppm"})}, {"year": list(CO2)})
    co2.to_netcdf(folder / "co2.nc")
    return {
        "kind": "netcdf", "member": "toy", "scenario": "ssp370", "files": files,
        "co2": [{"file": "co2.nc", "variable": "co2"}],
    }  # fmt: skip


WRITERS: dict[str, Callable[[Path, SmallClimate], dict]] = {
    "isimip2b": write_isimip2b, "isimip3b": write_isimip3b, "isimip3a": write_isimip3a,
    "cmip": write_cmip, "cru-ts": write_cru, "era5-land": write_era5, "wie-mip": write_wiemip,
    "netcdf": write_netcdf,
}  # fmt: skip


def write_domain(folder: Path) -> dict:
    """Maps of the six cells."""

    def save(name: str, values: np.ndarray | float) -> dict:
        field = np.broadcast_to(values, (LATITUDE.size, LONGITUDE.size)).astype(float)
        place = {
            "lat": ("lat", LATITUDE[::-1], {"units": "degrees_north"}),
            "lon": ("lon", LONGITUDE, {"units": "degrees_east"}),
        }
        xr.Dataset({name: (("lat", "lon"), field)}, place).to_netcdf(folder / f"{name}.nc")
        return {"file": f"{name}.nc", "variable": name}

    maps = {
        "vegetation": save("vegetation", np.array([[4, 7, 4], [7, 4, 4]])),
        "sand": save("sand", 48.0), "silt": save("silt", 44.0), "clay": save("clay", 8.0),
        "elevation": save("elevation", 760.0),
    }  # fmt: skip
    classes = {"4": "moist-tundra", "7": "alpine-tundra"}
    return {"kind": "gridded", "folder": str(folder), "classes": classes, **maps}


def write_project(folder: Path, kind: str, climate: SmallClimate | None = None) -> dict:
    """Files of a project and of the domain; returns the document of an experiment over them."""
    for part in ("climate", "domain"):
        (folder / part).mkdir(parents=True)
    table = WRITERS[kind](folder / "climate", climate or small_climate())
    return {
        "name": "small", "title": "Small region", "region": "small",
        "domain": write_domain(folder / "domain"),
        "climate": {"folder": str(folder / "climate")} | table,
        "protocol": {
            "equilibrium_years": [FIRST, SPLIT], "spin_up_years": [FIRST, SPLIT],
            "spin_up_length": 4, "historical": [FIRST, SPLIT], "future": [LAST, LAST],
        },
        "run": {"tile_cells": 6, "block_years": 2},
    }  # fmt: skip
