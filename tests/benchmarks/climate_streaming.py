"""Memory and speed of reading a large climate: made files, checked, then loaded tile by tile.

``python -m tests.benchmarks.climate_streaming --out DIR [--cells 1000000] [--years 20 40]``. For
each number of years a process of its own writes NetCDF files of every driver (a month a chunk; two
files of float32, or with ``--compact`` compressed int16, whose noise is one for 16 by 16 cells and
comes again every 20 years), another reads them as a run does: months kept in cell order, checks,
suspicions, seams, and every cell loaded in tiles. Printed are seconds, read rate and peak memory
(``ru_maxrss``); the files of one number of years are deleted before the next. A million cells of 40
years are 5.8 GB, twice: as files and, less what compression saves, as kept months.
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
from temjax.regional.experiment.settings import MONTHLY, GriddedClimate
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.grids.grid import Grid
from temjax.regional.inputs.seams import find_seams
from temjax.units import SECONDS_PER_DAY

FIRST = 1981
TILE = 1000  # cells loaded at a time
DRIVERS = {"tas": "degC", "pr": "kg m-2 s-1", "rsds": "W m-2"}
SCALES = {"tas": 0.01, "pr": 1e-8, "rsds": 0.05}  # of packed files,
COMPACT_YEARS, SQUARE = 20, 16  # their years, and the cells along a side that share their noise


def shape(cells: int) -> tuple[int, int]:
    """Rows and columns of a grid of about so many cells, twice as wide as high."""
    rows = max(int(np.sqrt(cells / 2)), 1)
    return rows, -(-cells // rows)


def axes(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of the grid."""
    rows, columns = shape(cells)
    return np.linspace(40, 70, rows), np.linspace(60, 120, columns)


def spans(years: int, compact: bool) -> dict[str, range]:
    """Years of each file of a driver, counted from the first of the climate."""
    length = min(COMPACT_YEARS, years // 2) if compact else years // 2
    return {
        f"part{first}": range(first, min(first + length, years))
        for first in range(0, years, length)
    }


def write(folder: Path, cells: int, years: int, compact: bool) -> None:
    """Files for every driver, and CO2; compact ones of a driver repeat the first."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for name, (part, span) in product(DRIVERS, spans(years, compact).items()):
        path, first = folder / f"{name}_{part}.nc", folder / f"{name}_part0.nc"
        if compact and span[0] and len(span) == len(spans(years, compact)["part0"]):
            shutil.copyfile(first, path)
            with netCDF4.Dataset(path, "a") as file:
                file["time"][:] = file["time"][:] + 360 * span[0]
        else:
            write_file(path, name, cells, span, rng, compact)
    with netCDF4.Dataset(folder / "co2.nc", "w") as file:
        file.createDimension("year", years)
        file.createVariable("year", "i4", ("year",))[:] = FIRST + np.arange(years)
        co2 = file.createVariable("co2", "f8", ("year",))
        co2[:], co2.units = 340 + np.arange(years), "ppm"


def write_file(
    path: Path, name: str, cells: int, span: range, rng: np.random.Generator, compact: bool
) -> None:
    """Some years of a driver."""
    latitude, longitude = axes(cells)
    grid = (latitude.size, longitude.size)
    top = np.asarray(gross_irradiance(latitude))[..., None] / SHORTWAVE_TO_CALORIES
    season = np.cos(2 * np.pi * (np.arange(12) - 6.5) / 12)
    with netCDF4.Dataset(path, "w") as file:
        for dim, values in (("lat", latitude), ("lon", longitude), ("time", np.zeros(0))):
            file.createDimension(dim, values.size or 12 * len(span))
            file.createVariable(dim, "f8", (dim,))
        file["lat"][:], file["lon"][:] = latitude, longitude
        file["lat"].units, file["lon"].units = "degrees_north", "degrees_east"
        file["time"][:] = 360 * span[0] + 30 * np.arange(12 * len(span)) + 15
        file["time"].setncatts({"units": f"days since {FIRST}-01-01", "calendar": "360_day"})
        data = file.createVariable(
            name, "i2" if compact else "f4", ("time", "lat", "lon"), chunksizes=(1, *grid),
            compression="zlib" if compact else None, complevel=1,
        )  # fmt: skip
        data.units = DRIVERS[name]
        if compact:
            data.scale_factor = SCALES[name]
        for month in range(12 * len(span)):
            noise = noise_field(rng, grid, SQUARE if compact else 1)
            wave = season[month % 12]
            if name == "tas":
                data[month] = -5 + 15 * wave + noise
            elif name == "pr":
                data[month] = (1.2 + wave + 0.1 * np.abs(noise)) / SECONDS_PER_DAY
            else:
                data[month] = top[month % 12] * (0.5 + 0.03 * noise)


def noise_field(rng: np.random.Generator, grid: tuple[int, int], same: int) -> np.ndarray:
    """Normal noise that squares of ``same`` by ``same`` cells share."""
    coarse = rng.standard_normal([-(-size // same) for size in grid], dtype=np.float32)
    return coarse.repeat(same, axis=0).repeat(same, axis=1)[: grid[0], : grid[1]]


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


def read(folder: Path, cells: int, years: int, compact: bool) -> dict[str, float]:
    """Read a climate as a run does: seconds of its parts and peak memory."""
    jax.config.update("jax_enable_x64", True)
    domain = domain_of(cells)
    settings = GriddedClimate(
        kind="netcdf", folder=folder, member="made", scenario="none",
        files=[
            {"file": f"{name}_{part}.nc", "label": "past" if span[0] < years // 2 else "future"}
            for name in DRIVERS for part, span in spans(years, compact).items()
        ], cache=folder / MONTHLY, co2=[{"file": "co2.nc", "variable": "co2"}],
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
    kept = folder / MONTHLY
    found["months GB"] = 144e-9 * domain.size * climate.years.size
    found["kept GB"] = sum(path.stat().st_size for path in kept.iterdir()) / 1e9
    for clock in ("s", "CPU s"):
        found[f"tiles MB/{clock}"] = 1e3 * found["months GB"] / found[f"tiles {clock}"]
    assert all(np.isfinite(values).all() for values in loaded.values())
    return found


def main() -> int:
    """Print one line of JSON for every number of years."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--years", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--compact", action="store_true", help="Small files.")
    parser.add_argument("--step", choices=("write", "read"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step == "write":
        write(given.out, given.cells, given.years[0], given.compact)
    elif given.step == "read":
        found = read(given.out, given.cells, given.years[0], given.compact)
        print(json.dumps({name: round(n, 3) for name, n in found.items()}))
    else:
        for years in given.years:
            folder = given.out / f"years{years}"
            for step in ("write", "read"):
                command = ["--out", str(folder), "--cells", str(given.cells), "--years", str(years)]
                command += ["--compact"] if given.compact else []
                module = ["-m", "tests.benchmarks.climate_streaming"]
                subprocess.run([sys.executable, *module, *command, "--step", step], check=True)
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
