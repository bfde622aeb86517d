"""Made maps of a region of two rows and three columns of a degree, and an experiment over them."""

from pathlib import Path

import numpy as np
import xarray as xr

CLASSES = {"0": "none", "4": "moist-tundra", "5": "moist-tundra", "7": "alpine-tundra"}
# a quarter of a degree: four by four cells in each of the run's
VEGETATION = np.zeros((8, 12), dtype=int)
VEGETATION[:4, :] = 4
VEGETATION[:4, :4] = [[7, 7, 7, 7], [7, 7, 7, 4], [5, 5, 5, 5], [4, 4, 4, 4]]
VEGETATION[4:, :8] = 7  # and 0, which is left out, in the last cell


def save(
    folder: Path, name: str, field: np.ndarray, south: float, west: float, width: float,
    units: str, *, north_first: bool = False, east_360: bool = False,
) -> dict:  # fmt: skip
    """A map with rows northwards from the edge ``south`` and columns eastwards from ``west``."""
    folder = folder / "maps"
    folder.mkdir(parents=True, exist_ok=True)
    latitude = south + width * (np.arange(field.shape[0]) + 0.5)
    longitude = west + width * (np.arange(field.shape[1]) + 0.5)
    order = slice(None, None, -1) if north_first else slice(None)
    place = {
        "lat": ("lat", latitude[order], {"units": "degrees_north"}),
        "lon": ("lon", longitude % 360 if east_360 else longitude, {"units": "degrees_east"}),
    }
    attributes = {"units": units} if units else {}
    dataset = xr.Dataset({name: (("lat", "lon"), field[order], attributes)}, place)
    dataset.to_netcdf(folder / f"{name}.nc")
    return {"file": f"{name}.nc", "variable": name}


def document(path: Path, *, vegetation: np.ndarray = VEGETATION, **changes: object) -> dict:
    """Tables of an experiment whose maps lie in ``path/maps``; None removes a key."""
    domain = {
        "kind": "maps", "folder": "maps", "classes": CLASSES,
        "vegetation": save(path, "vegetation", vegetation, 60, 90, 0.25, ""),
        "grid": {"resolution": 1.0, "box": [90, 60, 93, 62]},
    }  # fmt: skip
    if "elevation" not in changes:
        field = np.full((4, 5), 760.0)
        domain["elevation"] = save(path, "elevation", field, 58, 88, 2.0, "m")
    for name, value in (("sand", 48.0), ("silt", 44.0), ("clay", 8.0)):
        if name not in changes:
            field = np.full((10, 10), value)
            domain[name] = save(path, name, field, 59.5, 89.5, 0.5, "percent", north_first=True)
    domain |= changes
    years = {"equilibrium_years": [2013, 2015], "spin_up_years": [2013, 2015]}
    return {
        "name": "small", "title": "Small region", "region": "small",
        "domain": {key: value for key, value in domain.items() if value is not None},
        "climate": {
            "kind": "netcdf", "folder": "climate", "member": "toy", "scenario": "ssp370",
            "files": ["tas.nc"], "co2": [{"file": "co2.nc", "variable": "co2"}],
        },
        "protocol": years | {
            "spin_up_length": 4, "historical": [2013, 2015], "future": [2016, 2016],
        },
        "run": {"tile_cells": 6, "block_years": 2},
    }  # fmt: skip
