"""Results as CF-1.8 NetCDF: one file each for the history, S_R, S_T and their difference.

NETCDF4_CLASSIC, float32, deflate 5, fill 1e20 (ISIMIP, protocol.md 6). Attributes carry what made
the file: configuration, parameters, options, sources of the climate and their seams. Attributes of
input files are never copied, but for the parameters of their projection.
"""

import csv
import json
from dataclasses import asdict
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

from regional.domain import Domain
from regional.experiment import Experiment
from regional.products import MONTHLY_PREFIX, PRODUCTS, Product
from regional.restart import Products
from regional.run import MASKED, STATUS, MemberResult
from regional.synthetic import LABEL
from temjax import __version__
from temjax.forcing import MONTH_DAYS
from temjax.heat_year import DEPTHS
from temjax.run_files import written_whole

FILL = 1e20
DIFFERENCE = "difference"
FILE_NAMES = {"historical": "historical", "S_R": "reference", "S_T": "transient"}
_DAYS = 365  # the model's calendar has no leap days
_PROJECTION_TEXT = ("grid_mapping_name",)
_PROJECTION_NUMBERS = (
    "false_easting", "false_northing", "latitude_of_projection_origin",
    "longitude_of_central_meridian", "longitude_of_prime_meridian", "semi_major_axis",
    "inverse_flattening", "standard_parallel",
)  # fmt: skip


def member_files(experiment: Experiment, result: MemberResult, out: Path) -> dict[str, Path]:
    """Paths of a member's files, named after the ISIMIP pattern (all variables in one file)."""
    protocol = experiment.protocol
    periods = {"historical": protocol.historical} | dict.fromkeys(
        ("S_R", "S_T", DIFFERENCE), protocol.future
    )
    start = f"temjax_{result.member}_{result.scenario}".lower()
    names = FILE_NAMES | {DIFFERENCE: DIFFERENCE}
    return {
        key: out / f"{start}_{names[key]}_{experiment.region}_annual_{a}_{b}.nc"
        for key, (a, b) in periods.items()
    }


def difference(products: Products) -> Products:
    """Δ = S_T − S_R of every product."""
    return {name: products[f"S_T/{name}"] - products[f"S_R/{name}"] for name in PRODUCTS}


def write_member(experiment: Experiment, result: MemberResult, out: Path) -> dict[str, Path]:
    """Write a member's NetCDF files and the table of cells that are not ok; returns the paths."""
    out.mkdir(parents=True, exist_ok=True)
    files = member_files(experiment, result, out)
    for key, path in files.items():
        period = experiment.protocol.historical if key == "historical" else None
        years = np.arange(*_span(period or experiment.protocol.future))
        if key == DIFFERENCE:
            products = difference(result.products)
        else:
            products = {name: result.products[f"{key}/{name}"] for name in PRODUCTS}
        _write(experiment, result, path, key, years, products)
    files |= _write_months(experiment, result, out)
    files["cells"] = out / f"temjax_{result.member}_{result.scenario}_cells.csv".lower()
    write_findings(result, files["cells"])
    return files


def _write_months(experiment: Experiment, result: MemberResult, out: Path) -> dict[str, Path]:
    """Files of the products kept by month, where any were asked for."""
    names = experiment.output.monthly
    files = {}
    for key, path in member_files(experiment, result, out).items() if names else ():
        if key == DIFFERENCE:
            continue
        period = experiment.protocol.historical if key == "historical" else None
        years = np.arange(*_span(period or experiment.protocol.future))
        products = {
            name: _flat_months(result.products[f"{key}/{MONTHLY_PREFIX}{name}"]) for name in names
        }
        monthly = path.with_name(path.name.replace("_annual_", "_monthly_"))
        _write(experiment, result, monthly, key, years, products, monthly=True)
        files[f"{key} monthly"] = monthly
    return files


def _flat_months(values: NDArray) -> NDArray:
    return values.reshape(-1, *values.shape[2:])


def _span(period: tuple[int, int]) -> tuple[int, int]:
    return period[0], period[1] + 1


def attributes(experiment: Experiment, result: MemberResult, key: str) -> dict[str, str | int]:
    """Global attributes: what the file holds and what made it."""
    options = experiment.options
    says = {
        "historical": "historical run, exposure as in S_T",
        "S_R": "S_R: climate change without thaw exposure after the branch year",
        "S_T": "S_T: climate change with thaw exposure",
        DIFFERENCE: "S_T minus S_R",
    }[key]
    masked = [int(np.sum(result.status == code)) for code in range(len(STATUS))]
    made = {
        "Conventions": "CF-1.8",
        "title": experiment.title,
        "institution": experiment.institution,
        "contact": experiment.contact,
        "source": f"temjax {__version__}",
        "references": "Liu et al. 2022, doi:10.1029/2021GB007068",
        "experiment": says,
        "region": experiment.region,
        "climate_model": result.member,
        "climate_scenario": result.scenario,
        "climate_sources": "; ".join(
            f"{part.label} {part.first}-{part.last}" for part in result.segments
        ),
        "forcing_seam": "; ".join(map(str, result.seams)) or "none",
        "branch_year": experiment.protocol.historical[1],
        "first_exposure_year": experiment.protocol.first_exposure_year,
        "spin_up": "{} years of {}-{}".format(
            experiment.protocol.spin_up_length, *experiment.protocol.spin_up_years
        ),
        "equilibrium": "{} year of {}-{}".format(
            experiment.protocol.equilibrium_climate, *experiment.protocol.equilibrium_years
        ),
        "active_layer_rule": options.active_layer_rule,
        "root_zone_nitrogen": options.root_zone_nitrogen,
        "model_options": json.dumps(asdict(options)),
        "configuration_hash": experiment.hash,
        "parameter_hashes": ", ".join(f"{k} {v}" for k, v in result.parameter_hashes.items()),
        "cells": result.domain.size,
        "cells_by_status": ", ".join(
            f"{name} {count}" for name, count in zip(STATUS, masked, strict=True)
        ),
    }
    if result.domain.synthetic:
        made["comment"] = (
            f"{LABEL} domain and climate: invented numbers that meet published aggregates; "
            "not an observation and not a projection"
        )
        made["title"] = made["title"] if LABEL in made["title"] else f"{LABEL} {made['title']}"
    return made


def _write(
    experiment: Experiment,
    result: MemberResult,
    path: Path,
    key: str,
    years: NDArray,
    products: Products,
    monthly: bool = False,
) -> None:
    with (
        written_whole(path) as partial,
        netCDF4.Dataset(partial, "w", format="NETCDF4_CLASSIC") as file,
    ):
        file.setncatts(attributes(experiment, result, key))
        _write_time(file, years, monthly)
        _write_depth(file)
        horizontal = _write_grid(file, result.domain)
        _write_cells(file, result, horizontal)
        for name, values in products.items():
            _write_product(file, PRODUCTS[name], values, result.domain, horizontal, key)


def _write_time(file: netCDF4.Dataset, years: NDArray, monthly: bool) -> None:
    """Years or months with bounds; the stamp is the last day, where pools and ledgers are given."""
    lengths = np.asarray(MONTH_DAYS if monthly else [_DAYS])
    file.createDimension("time", years.size * lengths.size)
    file.createDimension("bnds", 2)
    ends = (_DAYS * (years - years[0])[:, None] + np.cumsum(lengths)).ravel()
    starts = ends - np.tile(lengths, years.size)
    time = file.createVariable("time", "f8", ("time",))
    time.setncatts(
        {
            "standard_name": "time",
            "long_name": f"end of the {'month' if monthly else 'year'}",
            "units": f"days since {years[0]}-01-01 00:00:00",
            "calendar": "365_day",
            "axis": "T",
            "bounds": "time_bnds",
        }
    )
    time[:] = ends - 1
    bounds = file.createVariable("time_bnds", "f8", ("time", "bnds"))
    bounds[:] = np.stack([starts, ends], axis=1)


def _write_depth(file: netCDF4.Dataset) -> None:
    file.createDimension("depth", len(DEPTHS))
    depth = file.createVariable("depth", "f8", ("depth",))
    depth.setncatts(
        {
            "standard_name": "depth",
            "long_name": "depth below the surface",
            "units": "m",
            "positive": "down",
            "axis": "Z",
        }
    )
    depth[:] = DEPTHS


def _write_grid(file: netCDF4.Dataset, domain: Domain) -> dict[str, str]:
    """Horizontal coordinates; returns the attributes every gridded variable needs."""
    grid = domain.grid
    latitude = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
    longitude = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
    for name, size in zip(grid.dims, grid.shape, strict=True):
        file.createDimension(name, size)
    if grid.rectilinear:
        for name, values, given, axis in (
            ("lat", grid.latitude, latitude, "Y"),
            ("lon", grid.longitude, longitude, "X"),
        ):
            variable = file.createVariable(name, "f8", (name,))
            variable.setncatts(given | {"axis": axis})
            variable[:] = values
        return {}
    for name, values, given in (
        ("lat", grid.latitude, latitude),
        ("lon", grid.longitude, longitude),
    ):
        variable = file.createVariable(name, "f8", grid.dims)
        variable.setncatts(given)
        variable[:] = values
    attached = {"coordinates": "lat lon"}
    if grid.projected is not None and grid.mapping is not None:
        for name, values, axis in zip(grid.dims, grid.projected, ("Y", "X"), strict=True):
            variable = file.createVariable(name, "f8", (name,))
            variable.setncatts(
                {
                    "standard_name": f"projection_{name}_coordinate",
                    "long_name": f"{name} coordinate of the projection",
                    "units": "m",
                    "axis": axis,
                }
            )
            variable[:] = values
        crs = file.createVariable("crs", "i4", ())
        known = {k: grid.mapping[k] for k in _PROJECTION_TEXT if k in grid.mapping}
        known |= {
            k: np.asarray(grid.mapping[k], dtype=float)
            for k in _PROJECTION_NUMBERS
            if k in grid.mapping
        }
        crs.setncatts(known)
        attached["grid_mapping"] = "crs"
    return attached


def _write_cells(file: netCDF4.Dataset, result: MemberResult, attached: dict[str, str]) -> None:
    """Area, vegetation and status of the cells."""
    domain = result.domain
    area = file.createVariable("cell_area", "f4", domain.grid.dims, fill_value=FILL)
    area.setncatts(
        {"standard_name": "cell_area", "long_name": "area of the cell", "units": "m2"} | attached
    )
    area[:] = _filled(domain.to_grid(domain.area * 1e6))
    types = sorted(set(domain.vegetation) - {""})
    vegetation = np.array([types.index(name) if name else -1 for name in domain.vegetation])
    for name, values, meanings, long_name in (
        ("vegetation", vegetation, types, "vegetation type (parameter set)"),
        ("cell_status", result.status, STATUS, "whether the cell could be run"),
    ):
        variable = file.createVariable(name, "i1", domain.grid.dims, fill_value=np.int8(-1))
        variable.setncatts(
            {
                "long_name": long_name,
                "flag_values": np.arange(len(meanings), dtype=np.int8),
                "flag_meanings": " ".join(meanings),
            }
            | attached
        )
        gridded = domain.to_grid(values.astype(float))
        variable[:] = np.where(np.isnan(gridded), -1, gridded).astype(np.int8)


def _write_product(
    file: netCDF4.Dataset,
    product: Product,
    values: NDArray,
    domain: Domain,
    attached: dict[str, str],
    key: str,
) -> None:
    dims = ("time", *(("depth",) if product.by_depth else ()), *domain.grid.dims)
    variable = file.createVariable(
        product.name,
        "f4",
        dims,
        zlib=True,
        complevel=5,
        shuffle=True,
        fill_value=np.float32(FILL),
        chunksizes=_chunks(file, dims),
    )
    given = {
        "long_name": product.long_name,
        "units": product.units,
        "cell_methods": product.cell_methods,
        "cell_measures": "area: cell_area",
        "missing_value": np.float32(FILL),
    } | attached
    if product.standard_name and key != DIFFERENCE:
        given["standard_name"] = product.standard_name
    if key == DIFFERENCE:
        given["long_name"] = f"S_T minus S_R: {product.long_name}"
    variable.setncatts(given)
    variable[:] = _filled(domain.to_grid(values))


def _chunks(file: netCDF4.Dataset, dims: tuple[str, ...]) -> list[int]:
    """Chunks of up to 40 years and 50 x 50 cells: fair to maps and to time series."""
    most = {"time": 40, "depth": 1}
    return [min(len(file.dimensions[name]), most.get(name, 50)) for name in dims]


def _filled(values: NDArray) -> NDArray:
    return np.where(np.isfinite(values), values, FILL)


def write_findings(result: MemberResult, path: Path) -> None:
    """Every cell that is not ok, with the reasons, as CSV."""
    domain = result.domain
    with written_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ("cell", "row", "column", "latitude", "longitude", "status", "masked", "file",
             "variable", "place", "message", "mend")
        )  # fmt: skip
        for cell, found in result.findings.items():
            code = int(result.status[cell])
            for fault in found:
                table.writerow(
                    (cell, domain.row[cell], domain.column[cell],
                     f"{domain.latitude[cell]:.5f}", f"{domain.longitude[cell]:.5f}",
                     STATUS[code], code in MASKED, fault.file, fault.variable, fault.index,
                     fault.message, fault.mend)
                )  # fmt: skip
