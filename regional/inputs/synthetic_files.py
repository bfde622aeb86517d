"""Writer of the synthetic plateau as input files: ISIMIP2b climate, maps and experiment.

Every file is labelled SYNTHETIC. ISIMIP has one history for all scenarios, so 1996–2005 take the
precipitation trend of RCP8.5 in both, unlike the pseudo-GCMs in memory (at most 0.4 %).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.atomic import atomic_write, write_text
from temjax.parameters.files import parameter_set_names
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.inputs.units import MONTH_LENGTHS
from temjax.sites.history import global_co2
from temjax.units import SECONDS_PER_DAY, ZERO_CELSIUS

_UNITS = {"tas": "K", "pr": "kg m-2 s-1", "rsds": "W m-2"}
_DECADES = ((1861, 1870), *((year, year + 9) for year in range(1871, 2001, 10)), (2001, 2005),
            (2006, 2010), *((year, year + 9) for year in range(2011, 2091, 10)),
            (2091, 2099))  # fmt: skip
_NOTE = f"{LABEL} plateau: invented numbers, not a climate model and not an observation"


def model_name(gcm: str) -> str:
    """Name of a pseudo-GCM in file names."""
    return f"{LABEL}-{gcm}"


def write_climate(
    folder: Path, cells: synthetic.Plateau, gcm: str, scenario: str, *, daily: bool = False
) -> None:
    """Write the history (if absent) and scenario of one member, north to south.

    Args:
        folder: created if needed.
        cells: of the 0.5° grid.
        gcm, scenario: pseudo-GCM and pathway.
        daily: days of equal value within a month instead of months.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("historical", scenario):
        source = "rcp85" if part == "historical" else scenario
        monthly = synthetic.climate(cells, gcm, source)
        values = {
            "tas": monthly.air_temperature + ZERO_CELSIUS,
            "pr": monthly.precipitation / (SECONDS_PER_DAY * MONTH_LENGTHS[:, None]),
            "rsds": monthly.shortwave,
        }
        for first, last in _DECADES:
            if (last <= synthetic.LAST_HISTORICAL_YEAR) != (part == "historical"):
                continue
            rows = slice(first - synthetic.FIRST_YEAR, last - synthetic.FIRST_YEAR + 1)
            for name, field in values.items():
                step = "day" if daily else "month"
                path = folder / (
                    f"{name}_{step}_{model_name(gcm)}_{part}_r1i1p1_EWEMBI_landonly_"
                    f"{first}0101-{last}1231.nc4"
                )
                if not path.is_file():
                    _write_chunk(path, name, cells, field[rows], first, daily)
    co2 = global_co2(synthetic.FIRST_YEAR, synthetic.LAST_YEAR, scenario)[:, 6]
    years = np.arange(synthetic.FIRST_YEAR, synthetic.LAST_YEAR + 1)
    past = years <= synthetic.LAST_HISTORICAL_YEAR
    for part, chosen in (("historical", past), (scenario, ~past)):
        lines = [f"{year} {ppm:.4f}" for year, ppm in zip(years[chosen], co2[chosen], strict=True)]
        first, last = years[chosen][[0, -1]]
        path = folder / f"co2_{part}_{first}-{last}.txt"
        write_text(path, "\n".join(lines) + "\n")


def _write_chunk(
    path: Path, name: str, cells: synthetic.Plateau, values: NDArray, first: int, daily: bool
) -> None:
    months = values.reshape(-1, values.shape[-1])
    days = np.array(list(_stamps(first, len(values), daily)))
    if daily:
        lengths = [(_next_month(d) - d).days for d in _month_starts(first, len(values))]
        months = np.repeat(months, lengths, axis=0)
    field = np.full((len(days), *cells.shape), np.nan, dtype=np.float32)
    field[:, cells.row, cells.column] = months
    latitude, longitude = synthetic.grid_axes(cells.resolution)
    start = date(first, 1, 1)
    time = xr.Variable(
        "time", [(day - start).days for day in days],
        {"units": f"days since {first}-01-01 00:00:00", "calendar": "proleptic_gregorian"},
    )  # fmt: skip
    dataset = xr.Dataset(
        {name: (("time", "lat", "lon"), field[:, ::-1], {"units": _UNITS[name]})},
        {"time": time, "lat": latitude[::-1], "lon": longitude},
        {"title": _NOTE, "comment": LABEL},
    )
    dataset["lat"].attrs["units"], dataset["lon"].attrs["units"] = "degrees_north", "degrees_east"
    encoding = {name: {"zlib": True, "complevel": 4, "_FillValue": np.float32(1e20)}}
    with atomic_write(path) as partial:
        dataset.to_netcdf(partial, format="NETCDF4_CLASSIC", encoding=encoding)


def _month_starts(first: int, years: int) -> Iterator[date]:
    return (date(year, month, 1) for year in range(first, first + years) for month in range(1, 13))


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def _stamps(first: int, years: int, daily: bool) -> Iterator[date]:
    for month in _month_starts(first, years):
        if not daily:
            yield month
            continue
        for day in range((_next_month(month) - month).days):
            yield month + timedelta(days=day)


def write_domain(folder: Path, cells: synthetic.Plateau) -> dict[int, str]:
    """Write maps of vegetation classes, texture, elevation and permafrost; returns the classes."""
    folder.mkdir(parents=True, exist_ok=True)
    latitude, longitude = synthetic.grid_axes(cells.resolution)
    classes = {i: name for i, name in enumerate(parameter_set_names(), start=1)
               if name in set(cells.vegetation)}  # fmt: skip
    numbers = {name: number for number, name in classes.items()}
    maps = {
        "vegetation": np.array([numbers[name] for name in cells.vegetation], dtype=float),
        "sand": cells.sand, "silt": cells.silt, "clay": cells.clay, "elevation": cells.elevation,
        "permafrost": np.ones(cells.row.size),
    }  # fmt: skip
    for name, values in maps.items():
        field = np.full(cells.shape, np.nan)
        field[cells.row, cells.column] = values
        dataset = xr.Dataset(
            {name: (("lat", "lon"), field)},
            {"lat": latitude, "lon": longitude},
            {"title": _NOTE, "comment": LABEL},
        )
        dataset.to_netcdf(folder / f"{name}.nc")
    return classes


_EXPERIMENT = """# {label} plateau read from files in the layout of ISIMIP2b.
name = "qtp-files"
title = "{label} Qinghai-Tibetan Plateau from ISIMIP2b files"
region = "qtp-files"

[domain]
kind = "gridded"
folder = "domain"
vegetation = {{ file = "vegetation.nc", variable = "vegetation" }}
sand = {{ file = "sand.nc", variable = "sand" }}
silt = {{ file = "silt.nc", variable = "silt" }}
clay = {{ file = "clay.nc", variable = "clay" }}
elevation = {{ file = "elevation.nc", variable = "elevation" }}
permafrost = {{ file = "permafrost.nc", variable = "permafrost" }}
synthetic = true

[domain.classes]
{classes}

[climate]
kind = "isimip2b"
folder = "climate"
members = [{members}]
scenarios = [{scenarios}]

[protocol]
equilibrium_years = [1861, 1900]
spin_up_years = [1861, 1900]
spin_up_length = 200
historical = [1901, 2020]
future = [2021, 2099]
exposure_from = 1901

[run]
tile_cells = 53
workers = 2
"""


def write_plateau(
    folder: Path,
    gcms: tuple[str, ...] = ("A",),
    scenarios: tuple[str, ...] = ("rcp85",),
    *,
    resolution: float = 0.5,
    daily: bool = False,
) -> Path:
    """Write climate (0.5°), domain maps (``resolution``) and an experiment; returns its path."""
    domain = synthetic.plateau(resolution)
    coarse = synthetic.plateau(0.5, everywhere=True)
    for gcm in gcms:
        for scenario in scenarios:
            write_climate(folder / "climate", coarse, gcm, scenario, daily=daily)
    classes = write_domain(folder / "domain", domain)
    path = folder / "experiment.toml"
    write_text(
        path,
        _EXPERIMENT.format(
            label=LABEL,
            classes="\n".join(f'{number} = "{name}"' for number, name in classes.items()),
            members=", ".join(f'"{model_name(gcm)}"' for gcm in gcms),
            scenarios=", ".join(f'"{scenario}"' for scenario in scenarios),
        ),
    )
    return path
