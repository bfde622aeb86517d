"""Domain of a region: coordinates, vegetation, soil and area of its cells."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.regional.experiment.domain_maps import MapsDomain
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.settings import (
    GriddedClimate,
    GriddedDomain,
    SyntheticDomain,
    Variable,
)
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.grids.cells import TEXTURE, Domain, cell_findings, check_classes, in_box
from temjax.regional.inputs.grids.gridded import Field, Grid, Reader
from temjax.regional.inputs.maps.run_grid import climate_grid
from temjax.regional.inputs.maps_domain import maps_domain
from temjax.regional.inputs.units import conversion


def load_domain(experiment: Experiment) -> Domain:
    """Load the domain of an experiment.

    Raises:
        DataError: files, variables or grids that cannot be used at all. A fault of single cells is
            kept in ``findings`` instead.
    """
    if isinstance(experiment.domain, SyntheticDomain):
        domain = _synthetic_domain(experiment.domain)
    elif isinstance(experiment.domain, MapsDomain):
        domain = maps_domain(experiment)
    else:
        domain = _gridded_domain(experiment.domain, experiment.climate)
    if experiment.cells is None:
        return domain
    inside = np.flatnonzero(in_box(experiment.cells, domain.latitude, domain.longitude))
    if inside.size == 0:
        north, east = domain.latitude, domain.longitude
        message = (
            f"no cell of the domain lies in {list(experiment.cells)}: it has {north.size} cells in "
            f"{east.min():g} to {east.max():g} E, {north.min():g} to {north.max():g} N"
        )
        raise_findings([Finding(experiment.name, "cells", "", message, "Choose a larger box.")])
    return domain.select(inside)


def synthetic_cells(settings: SyntheticDomain) -> synthetic.Plateau:
    """Cells of the synthetic plateau in every ``stride``-th row and column."""
    cells = synthetic.plateau(settings.resolution, forest=settings.forest)
    row, column = settings.offset
    chosen = (cells.row % settings.stride == row) & (cells.column % settings.stride == column)
    return cells.select(chosen)


def _synthetic_domain(settings: SyntheticDomain) -> Domain:
    cells = synthetic_cells(settings)
    latitudes, longitudes = synthetic.grid_axes(settings.resolution)
    (row0, column0), stride = settings.offset, settings.stride
    grid = Grid(("lat", "lon"), latitudes[row0::stride], longitudes[column0::stride])
    return Domain(
        latitude=cells.latitude,
        longitude=cells.longitude,
        elevation=cells.elevation,
        silt_plus_clay=(cells.silt + cells.clay) / 100,
        vegetation=cells.vegetation,
        # a thinned cell stands for its whole stride x stride neighbourhood
        area=cells.area * stride**2,
        row=(cells.row - row0) // stride,
        column=(cells.column - column0) // stride,
        grid=grid,
        synthetic=True,
        texture=np.stack([cells.sand, cells.silt, cells.clay], axis=1),
    )


def _gridded_domain(settings: GriddedDomain, climate: object) -> Domain:
    reader = Reader(settings.folder)
    names = ("vegetation", *TEXTURE, "elevation")
    variables: dict[str, Variable] = {name: getattr(settings, name) for name in names}
    if settings.permafrost is not None:
        variables["permafrost"] = settings.permafrost
    fields = _read_maps(reader, variables, climate)
    raise_findings(reader.findings)

    grid = fields["vegetation"].grid
    classes = np.asarray(fields["vegetation"].values, dtype=float)
    rows, columns = np.nonzero(np.isfinite(classes))  # without a class outside of the region
    if settings.permafrost is not None:
        mask = _values_of(
            reader, variables["permafrost"], fields["permafrost"], grid, rows, columns
        )
        raise_findings(reader.findings)
        inside = np.isin(mask, settings.permafrost_classes)
        rows, columns = rows[inside], columns[inside]
    if not rows.size:
        place = settings.permafrost or settings.vegetation
        reader.add_finding(
            str(settings.folder / place.file), place.variable, "no cell belongs to the region",
            "Check the classes of the vegetation map and of the permafrost mask.",
        )  # fmt: skip
        raise_findings(reader.findings)
    numbers = {
        name: _values_of(reader, variables[name], fields[name], grid, rows, columns)
        for name in names
    }
    check_classes(reader, settings.vegetation, numbers["vegetation"], rows, columns)
    area = _area(reader, settings, grid)
    raise_findings(reader.findings)
    for name in names[1:]:
        kind = "elevation" if name == "elevation" else "texture"
        numbers[name] = _converted(reader, variables[name], fields[name].units, numbers[name], kind)
    classes = np.rint(numbers["vegetation"])
    latitude, longitude = (values[rows, columns] for values in grid.fields())
    domain = Domain(
        latitude=latitude,
        longitude=longitude,
        elevation=numbers["elevation"],
        silt_plus_clay=(numbers["silt"] + numbers["clay"]) / 100,
        vegetation=np.array([settings.classes.get(int(c), "") for c in classes]),
        area=area[rows, columns],
        row=rows,
        column=columns,
        grid=grid,
        synthetic=settings.synthetic,
        notes=tuple(reader.notes),
        texture=np.stack([numbers[name] for name in TEXTURE], axis=1),
    )
    return replace(domain, findings=cell_findings(domain, settings, classes, numbers))


def _read_maps(
    reader: Reader, variables: dict[str, Variable], climate: object
) -> dict[str, Field | None]:
    """Read the maps of a domain; latitude and longitude come from whichever file has them."""
    fields = {name: reader.read(variable) for name, variable in variables.items()}
    grids = [gridded.grid for gridded in fields.values() if gridded is not None]
    region = next((grid for grid in grids if grid is not None), None)
    if region is None and not reader.findings and isinstance(climate, GriddedClimate):
        found = climate_grid(Reader(climate.folder), climate)
        region = None if found is None else found[0]
    vegetation = variables["vegetation"]
    if region is None and fields["vegetation"] is not None:
        reader.add_finding(
            str(reader.folder / vegetation.file), "lat, lon", "the file has no lat and lon",
            "Add latitude and longitude of the cells, 1-D or 2-D.",
        )  # fmt: skip
        return fields
    for name, gridded in fields.items():
        if gridded is not None and gridded.grid is None:
            fields[name] = gridded = reader.read(variables[name], region)
        if gridded is None:
            continue
        if gridded.values.ndim == 3 and gridded.values.shape[0] == 1:  # a time of one record
            fields[name] = gridded = replace(gridded, values=gridded.values[0])
        if gridded.values.ndim != 2:
            reader.add_finding(
                str(reader.folder / variables[name].file), variables[name].variable,
                f"has shape {gridded.values.shape}", "Give (latitude, longitude), nothing else.",
            )  # fmt: skip
    return fields


def _values_of(
    reader: Reader, variable: Variable, gridded: Field, grid: Grid, rows: NDArray, columns: NDArray
) -> NDArray | None:
    """Values of a map in cells of the domain's grid; None with a finding where it lacks some."""
    cells = reader.cells_in(variable.file, gridded.grid, grid, rows, columns)
    return None if cells is None else np.asarray(gridded.values, dtype=float)[cells]


def _converted(
    reader: Reader, variable: Variable, units: str, values: NDArray, kind: str
) -> NDArray:
    """Elevation in m or texture in percent; values without units are in these."""
    if not units.strip():
        return values
    found = conversion(kind, units)
    if found is None:
        path, taken = str(reader.folder / variable.file), {"elevation": "m"}.get(kind, "percent")
        reader.add_note(
            path, variable.variable, f"unit {units!r} is not understood; taken as {taken}"
        )
        return values
    return values if found[0] == 1.0 else values * found[0]


def _area(reader: Reader, settings: GriddedDomain, grid: Grid) -> NDArray | None:
    """Area of the cells in km², ``(row, column)``; None with a finding where it is not known."""
    if settings.cell_area_km2 is not None:
        return np.full(grid.shape, settings.cell_area_km2)
    area = grid.area()
    if area is None:
        what, mend = "a projected grid", "Add domain.cell_area_km2."
        if grid.rectilinear:
            what = "a single row or column without bounds"
            mend = "Add domain.cell_area_km2, or bounds of lat and lon to the vegetation map."
        reader.add_finding(str(settings.folder), "cell_area_km2", f"unknown for {what}", mend)
    return area
