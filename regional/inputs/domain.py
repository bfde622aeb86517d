"""Domain of a region: coordinates, vegetation, soil and area of its cells."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.forcing import Location
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.settings import (
    GriddedClimate,
    GriddedDomain,
    SyntheticDomain,
    Variable,
)
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.gridded import Field, Grid, Reader
from temjax.regional.inputs.units import conversion
from temjax.runs.validation import check_location, check_texture

_TEXTURE = ("sand", "silt", "clay")
_CLASS_ROUNDING = 1e-6  # packed class maps


@dataclass(frozen=True)
class Domain:
    """Cells of a region and their grid.

    Attributes:
        latitude, longitude: degrees, ``(cell,)``.
        elevation: m, ``(cell,)``.
        silt_plus_clay: mass fraction, ``(cell,)``.
        vegetation: parameter-set names, ``(cell,)``; empty where the class is unknown.
        area: km², ``(cell,)``.
        row, column: position on ``grid``, ``(cell,)``.
        grid: the horizontal grid.
        synthetic: whether products are labelled SYNTHETIC.
        findings: faults by cell; such cells are masked.
        notes: what was chosen where the files do not say.
    """

    latitude: NDArray
    longitude: NDArray
    elevation: NDArray
    silt_plus_clay: NDArray
    vegetation: NDArray
    area: NDArray
    row: NDArray
    column: NDArray
    grid: Grid
    synthetic: bool
    findings: dict[int, list[Finding]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.latitude.size

    def label(self, cell: int) -> str:
        """Row, column and coordinates of a cell, for messages."""
        return (
            f"cell ({self.row[cell]}, {self.column[cell]}) at "
            f"{self.latitude[cell]:.3f} N {self.longitude[cell]:.3f} E"
        )

    def to_grid(self, values: NDArray) -> NDArray:
        """Scatter ``(..., cell)`` to ``(..., row, column)``, NaN where there is no cell."""
        gridded = np.full((*values.shape[:-1], *self.grid.shape), np.nan)
        gridded[..., self.row, self.column] = values
        return gridded

    def select(self, cells: NDArray) -> "Domain":
        """Select cells by index; the grid stays."""
        cells = np.asarray(cells)
        number = {int(old): new for new, old in enumerate(cells)}
        per_cell = {
            name: value[cells]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        findings = {number[c]: f for c, f in self.findings.items() if c in number}
        return replace(self, **per_cell, findings=findings)


def load_domain(experiment: Experiment) -> Domain:
    """Load the domain of an experiment.

    Raises:
        DataError: files, variables or grids that cannot be used at all. A fault of single cells is
            kept in ``findings`` instead.
    """
    if isinstance(experiment.domain, SyntheticDomain):
        domain = _synthetic_domain(experiment.domain)
    else:
        domain = _gridded_domain(experiment.domain, experiment.climate)
    if experiment.cells is None:
        return domain
    inside = np.flatnonzero(in_box(experiment.cells, domain.latitude, domain.longitude))
    if inside.size == 0:
        message = f"no cell of the domain lies in {list(experiment.cells)}"
        raise_findings([Finding(experiment.name, "cells", "", message, "Choose a larger box.")])
    return domain.select(inside)


def in_box(
    box: tuple[float, float, float, float] | None, latitude: NDArray, longitude: NDArray
) -> NDArray:
    """Whether cell centres lie in a box (west, south, east, north); without a box all do.

    Longitudes of the box and of the cells may be of either convention, -180 to 180 or 0 to 360;
    west beyond east goes across the meridian where the convention begins.
    """
    if box is None:
        return np.ones(latitude.shape, dtype=bool)
    west, south, east, north = box
    east = east if east > west else east + 360
    within = np.zeros(latitude.shape, dtype=bool)
    for turn in (-360, 0, 360):
        within |= (longitude + turn >= west) & (longitude + turn <= east)
    return within & (latitude >= south) & (latitude <= north)


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
    )


def _gridded_domain(settings: GriddedDomain, climate: object) -> Domain:
    reader = Reader(settings.folder)
    names = ("vegetation", *_TEXTURE, "elevation")
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
    _check_classes(reader, settings, numbers["vegetation"], rows, columns)
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
    )
    return replace(domain, findings=_cell_findings(domain, settings, classes, numbers))


def _read_maps(
    reader: Reader, variables: dict[str, Variable], climate: object
) -> dict[str, Field | None]:
    """Read the maps of a domain; latitude and longitude come from whichever file has them."""
    fields = {name: reader.read(variable) for name, variable in variables.items()}
    grids = [gridded.grid for gridded in fields.values() if gridded is not None]
    region = next((grid for grid in grids if grid is not None), None)
    if region is None and not reader.findings and isinstance(climate, GriddedClimate):
        source = Variable(file=climate.files[0].file, variable=climate.air_temperature)
        region = Reader(climate.folder).grid_of(source)
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


def _check_classes(
    reader: Reader, settings: GriddedDomain, classes: NDArray, rows: NDArray, columns: NDArray
) -> None:
    """Add the fault of vegetation classes that are no whole numbers."""
    broken = np.flatnonzero(np.abs(classes - np.rint(classes)) > _CLASS_ROUNDING)
    if broken.size:
        first = broken[0]
        reader.add_finding(
            str(settings.folder / settings.vegetation.file), settings.vegetation.variable,
            f"{classes[first]:g} is no class ({broken.size} such cells)",
            "Class maps must not be interpolated: take the nearest cell or the majority.",
            f"cell ({rows[first]}, {columns[first]})",
        )  # fmt: skip


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


def _cell_findings(
    domain: Domain, settings: GriddedDomain, classes: NDArray, numbers: dict[str, NDArray]
) -> dict[int, list[Finding]]:
    """Findings of single cells: class, texture, latitude, elevation."""
    findings: dict[int, list[Finding]] = {}

    def add(cell: int, *faults: Finding) -> None:
        place = domain.label(cell)
        findings.setdefault(cell, []).extend(replace(fault, index=place) for fault in faults)

    texture, kind = np.unique(
        np.stack([numbers[name] for name in _TEXTURE]), axis=1, return_inverse=True
    )
    sands = str(settings.folder / settings.sand.file)
    faults = [check_texture(*map(float, parts), file=sands) for parts in texture.T]
    for cell in np.flatnonzero(np.array([bool(found) for found in faults])[kind.ravel()]):
        add(int(cell), *faults[kind.ravel()[cell]])
    for cell in range(domain.size) if _location_faults(domain, slice(None), findings) else ():
        add(cell, *_location_faults(domain, cell, findings, str(settings.folder)))
    unknown = np.flatnonzero(domain.vegetation == "")
    numbers_of_classes = np.unique(classes[unknown])
    if unknown.size:
        known = ", ".join(f"{number} = {name}" for number, name in settings.classes.items())
        listed = ", ".join(f"{number:g}" for number in numbers_of_classes[:6])
        more = f" and {numbers_of_classes.size - 6} more" if numbers_of_classes.size > 6 else ""
        what = "class {}{} is" if numbers_of_classes.size == 1 else "classes {}{} are"
        fault = Finding(
            str(settings.folder / settings.vegetation.file),
            settings.vegetation.variable,
            "",
            f"{what.format(listed, more)} in no entry of domain.classes",
            f"Add it; known: {known}.",
        )
        for cell in unknown:
            add(int(cell), fault)
    return {cell: findings[cell] for cell in sorted(findings) if findings[cell]}


def _location_faults(
    domain: Domain, cells: slice | int, findings: dict[int, list[Finding]], file: str = ""
) -> list[Finding]:
    """Faults of latitude, longitude, elevation and the sum of silt and clay of one or all cells;
    the sum counts only where the texture has no faults of its own."""
    sound = np.ones(domain.size, dtype=bool)
    sound[list(findings)] = False
    location = Location(
        latitude=domain.latitude[cells],
        elevation=domain.elevation[cells],
        silt_plus_clay=np.where(sound, domain.silt_plus_clay, 0.5)[cells],
    )
    found = check_location(location, file=file)
    if not np.isfinite(domain.longitude[cells]).all():
        found.append(Finding(file, "longitude", "", "is missing", "Give degrees east."))
    return found
