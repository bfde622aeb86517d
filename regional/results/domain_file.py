"""Domain of a run as CF NetCDF, which ``[domain]`` of kind ``netcdf`` reads back, and as tables."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from temjax.files.atomic import write_text
from temjax.files.findings import DataError, Finding
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.grids.cells import TEXTURE, Change, Domain
from temjax.regional.inputs.synthetic import LABEL
from temjax.regional.results.cf_variables import grid_variables
from temjax.regional.results.formats import FILL, write_dataset

NO_CLASS, UNMAPPED = np.int16(-1), 0  # outside of the region; a class that is mapped to nothing
_FILL = np.float64(FILL)
COLUMNS = ("variable", "entry", "unit", "on the map", "in the region", "in the run")


def write_domain_file(path: Path, experiment: Experiment, domain: Domain) -> None:
    """Write vegetation, texture, elevation and area of a domain on its grid.

    Raises:
        DataError: a domain without texture.
        OSError: the file cannot be written.
    """
    if domain.texture is None:
        message = "sand, silt and clay of the domain are not known"
        raise DataError([Finding(experiment.name, "domain", "", message, "Give an experiment.")])
    attributes = {
        "Conventions": "CF-1.8",
        "title": f"Domain of {experiment.title}",
        "institution": experiment.institution,
    }
    if domain.notes:
        attributes["input_notes"] = "; ".join(domain.notes)
    if domain.synthetic:
        attributes["synthetic"] = LABEL
    write_dataset(path, attributes, _variables(domain))


def types_of(domain: Domain) -> list[str]:
    """Vegetation types of a domain in the order of their class numbers in its file, from 1."""
    return sorted(set(domain.vegetation.tolist()) - {""})


def domain_table(path: Path, domain: Domain, cell_area_km2: float | None = None) -> str:
    """Table ``[domain]`` of an experiment that reads a domain's file."""
    lines = ["[domain]", 'kind = "netcdf"', f"folder = {json.dumps(str(path.parent.absolute()))}"]
    for name in ("vegetation", *TEXTURE, "elevation"):
        lines.append(f'{name} = {{ file = {json.dumps(path.name)}, variable = "{name}" }}')
    if cell_area_km2 is not None:
        lines.append(f"cell_area_km2 = {cell_area_km2}")
    if domain.synthetic:
        lines.append("synthetic = true")
    lines += ["", "[domain.classes]"]
    return "\n".join(lines + [f'{i} = "{n}"' for i, n in enumerate(types_of(domain), start=1)])


def write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write the table of what maps were and are as CSV; numbers that do not apply are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(name.replace(" ", "_") for name in COLUMNS)
    for change in changes:
        writer.writerow(change_row(change, "{:.10g}"))
    write_text(path, stream.getvalue())


def change_row(change: Change, form: str) -> list[str]:
    """Cells of the table of changes, numbers in a form."""
    numbers = (change.on_map, change.in_region, change.in_run)
    texts = [form.format(number) if np.isfinite(number) else "" for number in numbers]
    return [change.variable, change.entry, change.unit, *texts]


def _variables(domain: Domain) -> Iterator[tuple[str, xr.Variable]]:
    """Coordinates with bounds, and maps of the domain."""
    horizontal, attached = grid_variables(domain)
    for name, edges in zip(("lat", "lon"), domain.grid.bounds, strict=True):
        if edges is not None:
            horizontal[name].attrs["bounds"] = f"{name}_bnds"
            horizontal[f"{name}_bnds"] = xr.Variable((name, "bnds"), edges)
    yield from horizontal.items()
    dims = domain.grid.dims
    types = types_of(domain)
    numbers = [types.index(name) + 1 if name else UNMAPPED for name in domain.vegetation]
    codes = np.full(domain.grid.shape, NO_CLASS)
    codes[domain.row, domain.column] = np.array(numbers, dtype=np.int16)
    flags = {
        "long_name": "vegetation type (parameter set)",
        "flag_values": np.arange(len(types) + 1, dtype=np.int16),
        "flag_meanings": " ".join(["unmapped", *types]),
    }
    yield "vegetation", xr.Variable(dims, codes, flags | attached, {"_FillValue": NO_CLASS})
    for name, units, long_name, values in _numbers(domain):
        attributes = {"units": units, "long_name": long_name} | attached
        if name == "elevation":
            attributes["standard_name"] = "surface_altitude"
        if name == "cell_area":
            attributes["standard_name"] = "cell_area"
        else:
            attributes["cell_measures"] = "area: cell_area"
        yield name, xr.Variable(dims, domain.to_grid(values), attributes, {"_FillValue": _FILL})


def _numbers(domain: Domain) -> Iterator[tuple[str, str, str, NDArray]]:
    """Name, units, long name and values of the maps of numbers."""
    yield "cell_area", "km2", "area of the cell", domain.area
    for index, name in enumerate(TEXTURE):
        yield name, "percent", f"{name}, by mass of the fine earth", domain.texture[:, index]
    yield "elevation", "m", "elevation", domain.elevation
    if domain.majority_share is not None:
        text = "share of the vegetation type in the class map"
        yield "vegetation_share", "1", text, domain.majority_share
    if domain.permafrost_share is not None:
        text = "share of the area with permafrost"
        yield "permafrost_share", "1", text, domain.permafrost_share
