"""Memory and speed of reading a large climate: made files, checked, then loaded tile by tile.

``python -m tests.benchmarks.climate_streaming --out DIR [--cells 1000000] [--years 20 40]``. For
each number of years a process of its own writes NetCDF files of every driver (float32, a month a
chunk), another reads them as a run does: months kept in cell order, checks, suspicions, seams,
and every cell loaded in tiles. Printed are seconds, read rate and peak memory (``ru_maxrss``); the
files of one number of years are deleted before the next. A million cells of 40 years are 5.8 GB,
twice: as files and as kept months.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import jax
import netCDF4
import numpy as np

from temjax.processes.radiation import SHORTWAVE_TO_CALORIES, gross_irradiance
from temjax.regional.climate.netcdf_climate import netcdf_climate
from temjax.regional.experiment.settings import GriddedClimate
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.seams import find_seams
from temjax.units import SECONDS_PER_DAY

FIRST = 1981
TILE = 1000  # cells loaded at a time
DRIVERS = {"tas": "degC", "pr": "kg m-2 s-1", "rsds": "W m-2"}


def shape(cells: int) -> tuple[int, int]:
    """Rows and columns of a grid of about so many cells, twice as wide as high."""
    rows = max(int(np.sqrt(cells / 2)), 1)
    return rows, -(-cells // rows)


def axes(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of the grid."""
    rows, columns = shape(cells)
    return np.linspace(40, 70, rows), np.linspace(60, 120, columns)


def write(folder: Path, cells: int, years: int) -> None:
    """Two files for every driver, past and future, and CO2."""
    folder.mkdir(parents=True)
    latitude, longitude = axes(cells)
    top = np.asarray(gross_irradiance(latitude))[..., None] / SHORTWAVE_TO_CALORIES
    rng = np.random.default_rng(3)
    season = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)
    half = years // 2
    spans = {"past": range(half), "future": range(half, years)}
    for (name, unit), (part, span) in product(DRIVERS.items(), spans.items()):
        with netCDF4.Dataset(folder / f"{name}_{part}.nc", "w") as file:
            for dim, values in (("lat", latitude), ("lon", longitude), ("time", np.zeros(0))):
                file.createDimension(dim, values.size or 12 * len(span))
                file.createVariable(dim, "f8", (dim,))
            file["lat"][:], file["lon"][:] = latitude, longitude
            file["lat"].units, file["lon"].units = "degrees_north", "degrees_east"
            file["time"][:] = 360 * span[0] + 30 * np.arange(12 * len(span)) + 15
            file["time"].setncatts({"units": f"days since {FIRST}-01-01", "calendar": "360_day"})
            grid = (latitude.size, longitude.size)
            data = file.createVariable(name, "f4", ("time", "lat", "lon"), chunksizes=(1, *grid))
            data.units = unit
            for month in range(12 * len(span)):
                noise = rng.standard_normal(grid, dtype=np.float32)
                wave = season[month % 12]
                if name == "tas":
                    data[month] = -5 + 15 * wave + noise
                elif name == "pr":
                    data[month] = (1.2 + wave + 0.1 * np.abs(noise)) / SECONDS_PER_DAY
                else:
                    data[month] = top[month % 12] * (0.5 + 0.03 * noise)
    with netCDF4.Dataset(folder / "co2.nc", "w") as file:
        file.createDimension("year", years)
        file.createVariable("year", "i4", ("year",))[:] = FIRST + np.arange(years)
        co2 = file.createVariable("co2", "f8", ("year",))
        co2[:], co2.units = 340 + np.arange(years), "ppm"


def domain_of(cells: int) -> Domain:
    """Every cell of the grid."""
    latitude, longitude = axes(cells)
    grid = Grid(("lat", "lon"), latitude, longitude)
    row, column = (index.ravel() for index in np.indices(grid.shape))
    number = row.size
    return Domain(
        latitude=latitude[row],
        longitude=longitude[column],
        elevation=np.full(number, 500.0),
        silt_plus_clay=np.full(number, 0.5),
        vegetation=np.full(number, "moist-tundra"),
        area=np.ones(number),
        row=row,
        column=column,
        grid=grid,
        synthetic=True,
    )


def peak() -> float:
    """Most memory of this process so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def read(folder: Path, cells: int) -> dict[str, float]:
    """Read a climate as a run does: seconds of its parts and peak memory."""
    jax.config.update("jax_enable_x64", True)
    domain = domain_of(cells)
    settings = GriddedClimate(
        kind="netcdf", folder=folder, member="made", scenario="none",
        files=[
            {"file": f"{name}_{part}.nc", "label": part}
            for name in DRIVERS for part in ("past", "future")
        ], co2=[{"file": "co2.nc", "variable": "co2"}],
    )  # fmt: skip
    found: dict[str, float] = {"cells": domain.size, "before GB": peak()}

    def timed(name: str, start: tuple[float, float]) -> None:
        wall, cpu = start
        found[f"{name} s"] = time.perf_counter() - wall
        found[f"{name} CPU s"] = time.process_time() - cpu
        found[f"{name} peak GB"] = peak()

    def now() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    start = now()
    climate = netcdf_climate(settings, domain)
    timed("keep and check", start)
    assert not climate.findings and not climate.notes, (climate.notes, len(climate.findings))
    found["years"] = climate.years.size
    start = now()
    (_,) = find_seams(climate, domain.area)
    timed("seams", start)
    start = now()
    for first in range(0, domain.size, TILE):
        loaded = climate.load(np.arange(first, min(first + TILE, domain.size)))
    timed("tiles", start)
    found["kept GB"] = sum(path.stat().st_size for path in folder.rglob("*.f4")) / 1e9
    found["tiles MB/s"] = 1e3 * found["kept GB"] / found["tiles s"]
    assert all(np.isfinite(values).all() for values in loaded.values())
    return found


def main() -> int:
    """Print one line of JSON for every number of years."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--years", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--step", choices=("write", "read"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "write":
        write(given.out, given.cells, given.years[0])
    elif given.step == "read":
        print(json.dumps({name: round(n, 3) for name, n in read(given.out, given.cells).items()}))
    else:
        for years in given.years:
            folder = given.out / f"years{years}"
            for step in ("write", "read"):
                command = ["--out", str(folder), "--cells", str(given.cells), "--years", str(years)]
                module = ["-m", "tests.benchmarks.climate_streaming"]
                subprocess.run([sys.executable, *module, *command, "--step", step], check=True)
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
