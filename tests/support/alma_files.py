"""PLUMBER2 and CalLMIP files of a synthetic tower, written as FluxnetLSM writes them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

FLAGS = (
    "Measured: 0, Good-quality gapfilling: 1, ERA-Interim gapfilling: 2, Statistical gapfilling: 3"
)
PLACE = {"latitude": 55.5, "longitude": 11.6, "elevation": 40.0}
HALF_HOUR, HOUR, DAY = 30, 60, 1440


def times(first: str, last: str, minutes: int) -> np.ndarray:
    """Even time stamps, datetime64[ns]; the last is not included."""
    even = np.arange(np.datetime64(first, "m"), np.datetime64(last, "m"), minutes)
    return even.astype("datetime64[ns]")


def season(stamps: np.ndarray) -> np.ndarray:
    """Annual cycle of ±1 with its peak in July, and a small daily one."""
    day = (stamps - stamps.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    return np.cos(2 * np.pi * (day - 196) / 365.25) + 0.1 * np.sin(2 * np.pi * day)


def write(
    path: Path,
    stamps: np.ndarray,
    variables: Mapping[str, tuple[np.ndarray, str]],
    *,
    place: Mapping[str, float] = PLACE,
    time_units: str = "seconds since 2003-01-01 00:00:00",
    calendar: str = "standard",
    attributes: Mapping[str, object] | None = None,
    of_variables: Mapping[str, Mapping[str, object]] | None = None,
    of_time: Mapping[str, str] | None = None,
    encoding: Mapping[str, Mapping] | None = None,
) -> Path:
    """Write a file of one point; a unit that is empty is left out."""
    held = {}
    for name, (values, unit) in variables.items():
        attrs = ({"units": unit} if unit else {}) | dict((of_variables or {}).get(name, {}))
        held[name] = (("time", "y", "x"), np.asarray(values, float).reshape(-1, 1, 1), attrs)
    for name, value in place.items():
        held[name] = (("y", "x"), [[value]])
    file = xr.Dataset(
        held,
        coords={"time": ("time", stamps, dict(of_time or {})), "y": [1.0], "x": [1.0]},
        attrs={"site_code": "XX-Abc", "QC_flag_descriptions": FLAGS}
        if attributes is None
        else dict(attributes),
    )
    time_encoding = {"units": time_units, "dtype": "float64"}
    if np.issubdtype(stamps.dtype, np.datetime64):
        time_encoding["calendar"] = calendar
    path.parent.mkdir(parents=True, exist_ok=True)
    file.to_netcdf(path, encoding={"time": time_encoding, **(encoding or {})})
    return path


def met(stamps: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """Variables of a sound Met file."""
    cycle = season(stamps)
    return {
        "Tair": (275.15 + 10 * cycle, "K"),
        "Tair_qc": (np.zeros(stamps.size), "-"),
        "SWdown": (160 + 100 * cycle, "W/m2"),
        "Precip": ((2 + cycle) / 86400, "kg/m2/s"),
        "CO2air": (np.full(stamps.size, 380.0), "ppm"),
    }


def flux(stamps: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """Variables of a sound Flux file."""
    cycle = season(stamps)
    return {
        "NEE": (-2 * cycle, "umol/m2/s"),
        "NEE_qc": (np.zeros(stamps.size), "-"),
        "GPP": (3 + 3 * cycle, "umol/m2/s"),
        "GPP_DT": (3.5 + 3 * cycle, "umol/m2/s"),
        "Resp": (3 + cycle, "umol/m2/s"),
    }


def monthly(stamps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Plain mean of the values of each calendar month, ``(year, 12)``; whole years."""
    month = stamps.astype("datetime64[M]")
    return np.array([values[month == m].mean() for m in np.unique(month)]).reshape(-1, 12)
