"""A small gridded region written to disk: input for the readers and for whole runs."""

from pathlib import Path

import numpy as np
import xarray as xr

from temjax.forcing import MONTH_DAYS
from temjax.regional.experiment.experiment import Experiment, read_experiment

ROWS, COLUMNS = 1, 5
FIRST_YEAR, SPLIT, LAST_YEAR = 1990, 1995, 1999
CLASSES = np.array([[4, 7, 4, 7, 4]])
SOURCE = "a machine's private path"  # must never reach an output


def write_region(folder: Path) -> None:
    """Files as a user would have them: classes, texture, elevation, two climates, CO2."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    lat, lon = np.meshgrid([68.6], 210.4 + 0.02 * np.arange(COLUMNS), indexing="ij")
    place = {
        "lat": (("Y", "X"), lat, {"units": "degree_north"}),
        "lon": (("Y", "X"), lon, {"units": "degree_east"}),
    }

    def save(name: str, variables: dict) -> None:
        dataset = xr.Dataset(variables | place, attrs={"source": SOURCE, "history": SOURCE})
        dataset.to_netcdf(folder / name)

    def field(value: float) -> tuple:
        return (("Y", "X"), np.full((ROWS, COLUMNS), value))

    save("vegetation.nc", {"veg": (("Y", "X"), CLASSES)})
    save("texture.nc", {"sand": field(48.0), "silt": field(44.0), "clay": field(8.0)})
    save("elevation.nc", {"elevation": field(760.0)})

    month = np.arange(12)
    temperature = -7 + 18 * np.cos(2 * np.pi * (month - 6.2) / 12)
    precipitation = 20 + 15 * np.cos(2 * np.pi * (month - 7) / 12)
    shortwave = np.maximum(0, 95 + 105 * np.cos(2 * np.pi * (month - 5.4) / 12)) * 0.9
    shortwave[[0, 10, 11]] = 0.0
    for name, first, last in (
        ("past.nc", FIRST_YEAR, SPLIT - 1),
        ("future.nc", SPLIT, LAST_YEAR),
    ):
        years = last - first + 1
        shape = (years, 12, ROWS, COLUMNS)
        warm = 0.3 * np.arange(years)[:, None, None, None] + 0.2 * np.arange(COLUMNS)
        noise = rng.standard_normal((years, 12, 1, 1))
        starts = np.concatenate([[0], np.cumsum(np.tile(MONTH_DAYS, years))[:-1]])

        def series(values: np.ndarray, units: str, years: int = years) -> tuple:
            flat = np.broadcast_to(values, (years, 12, ROWS, COLUMNS)).reshape(-1, ROWS, COLUMNS)
            return (("time", "Y", "X"), flat.astype("f4"), {"units": units})

        save(
            name,
            {
                "tair": series(temperature[:, None, None] + warm + noise, "celsius"),
                "precip": series(
                    np.broadcast_to(precipitation[:, None, None], shape), "mm month-1"
                ),
                "nirr": series(np.broadcast_to(shortwave[:, None, None], shape), "W m-2"),
                "time": (
                    ("time",),
                    starts.astype(float),
                    {"units": f"days since {first}-1-1 0:0:0", "calendar": "365_day"},
                ),
            },
        )
    years = np.arange(FIRST_YEAR, LAST_YEAR + 1)
    xr.Dataset({"co2": (("year",), 355.0 + 2 * np.arange(years.size))}, {"year": years}).to_netcdf(
        folder / "co2.nc"
    )


TOML = """
name = "small"
title = "Small region"
region = "small"
[domain]
kind = "gridded"
folder = "data"
vegetation = {{ file = "vegetation.nc", variable = "veg" }}
sand = {{ file = "texture.nc", variable = "sand" }}
silt = {{ file = "texture.nc", variable = "silt" }}
clay = {{ file = "texture.nc", variable = "clay" }}
elevation = {{ file = "elevation.nc", variable = "elevation" }}
cell_area_km2 = 1.0
[domain.classes]
4 = "moist-tundra"
7 = "alpine-tundra"
[climate]
kind = "monthly-netcdf"
folder = "data"
member = "toy"
scenario = "rcp85"
files = [{{ file = "past.nc", label = "past" }}, {{ file = "future.nc", label = "model" }}]
air_temperature = "tair"
precipitation = "precip"
shortwave = "nirr"
co2 = [{{ file = "co2.nc", variable = "co2" }}]
[protocol]
equilibrium_years = [1990, 1993]
spin_up_years = [1990, 1993]
spin_up_length = 6
historical = [1990, 1995]
future = [1996, 1999]
exposure_from = 1992
[run]
tile_cells = 2
block_years = 3
{extra}
"""


def write_experiment(folder: Path, extra: str = "") -> Path:
    """The region and an experiment file beside it."""
    write_region(folder / "data")
    path = folder / "small.toml"
    path.write_text(TOML.format(extra=extra), encoding="utf-8")
    return path


def small_experiment(folder: Path, extra: str = "") -> Experiment:
    """The validated experiment of a freshly written region."""
    return read_experiment(write_experiment(folder, extra))


def change(path: Path, variable: str, edit) -> None:
    """Edit a variable of a NetCDF file in place: ``edit(values) -> values``."""
    with xr.open_dataset(path, decode_times=False) as opened:
        dataset = opened.load()
    dataset[variable].values[...] = edit(dataset[variable].values)
    dataset.to_netcdf(path)
