"""Control and 1 % climates of one model in the forms of CMIP and WIE-MIP, and their experiment."""

from pathlib import Path

import numpy as np

from tests.support.project_files import (
    DAYS,
    FIRST,
    LAST,
    ZERO,
    dataset,
    rates,
    small_climate,
    write_domain,
)

CYCLE = 2  # years of the control
WARMER = 3.0  # K


def warmer():
    """The small climate in ``WARMER`` degrees."""
    climate = small_climate()
    climate.temperature[...] += WARMER
    return climate


def _document(folder: Path, climate: dict, years: tuple[int, int], cycle: int) -> dict:
    (folder / "domain").mkdir()
    return {
        "name": "small", "title": "SYNTHETIC small region", "region": "small",
        "domain": write_domain(folder / "domain"),
        "climate": {"folder": str(folder / "climate")} | climate,
        "protocol": {
            "kind": "one_percent", "years": list(years),
            "control_years": [FIRST, FIRST + cycle - 1], "control_length": 3, "spin_up_length": 4,
        },
        "run": {"tile_cells": 6, "block_years": 2},
    }  # fmt: skip


def write_cmip(folder: Path) -> dict:
    """piControl of two years and 1pctCO2 of four; returns the document of the experiment."""
    (folder / "climate").mkdir(parents=True)
    for scenario, climate, last in (
        ("piControl", small_climate(), FIRST + CYCLE - 1),
        ("1pctCO2", warmer(), LAST),
    ):
        for name, driver in rates(climate).items():
            stem = f"{name}_Amon_MYESM_{scenario}_r1i1p1f1_gn_{FIRST}01-{last}12.nc"
            dataset({name: driver}, (FIRST, last), calendar="noleap").to_netcdf(
                folder / "climate" / stem
            )
    return _document(folder, {"kind": "cmip", "members": ["MYESM"]}, (FIRST, LAST), CYCLE)


def write_wiemip(folder: Path) -> dict:
    """One year of ``stable`` and of the pattern of a climate model, and CO2 in whole ppm."""
    (folder / "climate").mkdir(parents=True)
    for prefix, climate in (
        ("stable", small_climate()),
        ("UKESM1-0-LL_clim3_50perc_1pctCO2", warmer()),
    ):
        for name, values, units in (
            ("tmp", climate.temperature + ZERO, "K"),
            ("pre", climate.precipitation / (4 * DAYS[:, None, None]), "mm/6h"),
            ("dswrf", climate.shortwave, "W m-2"),
        ):
            data = dataset(
                {name: (values, units)}, (FIRST, FIRST), calendar="noleap", hours=6,
                since=f"hours since {FIRST}-01-01",
            )  # fmt: skip
            data.to_netcdf(folder / "climate" / f"{prefix}.{name}.{FIRST}_6hr.noleap.nc")
    write_co2(folder, np.round(280 * 1.01 ** np.arange(3)))
    climate = {"kind": "wie-mip", "members": ["UKESM1-0-LL"]}
    return _document(folder, climate, (FIRST, FIRST), 1)


def write_co2(folder: Path, values: np.ndarray, name: str = "WIEMIP_1pctco2.txt") -> None:
    """Text file of annual CO2 from the first year on."""
    lines = "".join(f"{FIRST + year} {value:g}\n" for year, value in enumerate(values))
    (folder / "climate" / name).write_text(lines, encoding="utf-8")
