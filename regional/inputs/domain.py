"""Domain of a region: coordinates, vegetation, soil and area of its cells."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding, raise_findings
from temjax.forcing import Location
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.experiment.settings import GriddedDomain, SyntheticDomain, Variable
from temjax.regional.inputs import synthetic
from temjax.regional.inputs.gridded import Grid, Reader
from temjax.runs.validation import check_location, check_texture

KM_PER_DEGREE = 111.19


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
        domain = _gridded_domain(experiment.domain)
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
    """Whether cell centres lie in a box (west, south, east, north); without a box all do."""
    if box is None:
        return np.ones(latitude.shape, dtype=bool)
    west, south, east, north = box
    return (longitude >= west) & (longitude <= east) & (latitude >= south) & (latitude <= north)


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


def _gridded_domain(settings: GriddedDomain) -> Domain:
    reader = Reader(settings.folder)
    names = ("vegetation", "sand", "silt", "clay", "elevation")
    variables: dict[str, Variable] = {name: getattr(settings, name) for name in names}
    if settings.permafrost is not None:
        variables["permafrost"] = settings.permafrost
    fields = {name: reader.read(variable) for name, variable in variables.items()}
    reference = fields["vegetation"]
    if reference is not None and reference.grid is None:
        reader.add_finding(
            str(settings.folder / settings.vegetation.file),
            "lat, lon",
            "the file has no lat and lon",
            "Add latitude and longitude of the cells, 1-D or 2-D.",
        )
    for name, gridded in fields.items():
        if gridded is not None and gridded.values.ndim != 2:
            reader.add_finding(
                str(settings.folder / variables[name].file), variables[name].variable,
                f"has shape {gridded.values.shape}", "Give (latitude, longitude), nothing else.",
            )  # fmt: skip
        elif gridded is not None and reference is not None:
            reader.same_grid(variables[name].file, gridded.grid, reference.grid)
    raise_findings(reader.findings)

    grid = reference.grid
    classes = np.asarray(reference.values, dtype=float).ravel()
    rows, columns = (index.ravel() for index in np.indices(grid.shape))
    latitude, longitude = (values.ravel() for values in grid.fields())
    inside = np.isfinite(classes)  # cells without a class are outside of the region
    if settings.permafrost is not None:
        mask = np.asarray(fields["permafrost"].values, dtype=float).ravel()
        inside &= np.isin(mask, settings.permafrost_classes)
    if not inside.any():
        place = settings.permafrost or settings.vegetation
        reader.add_finding(
            str(settings.folder / place.file), place.variable, "no cell belongs to the region",
            "Check the classes of the vegetation map and of the permafrost mask.",
        )  # fmt: skip
        raise_findings(reader.findings)
    texture = {n: np.asarray(fields[n].values, float).ravel()[inside] for n in names[1:4]}
    if settings.cell_area_km2 is None and not grid.rectilinear:
        reader.add_finding(
            str(settings.folder), "cell_area_km2", "unknown for a projected grid",
            "Add domain.cell_area_km2.",
        )  # fmt: skip
        raise_findings(reader.findings)
    domain = Domain(
        latitude=latitude[inside],
        longitude=longitude[inside],
        elevation=np.asarray(fields["elevation"].values, float).ravel()[inside],
        silt_plus_clay=(texture["silt"] + texture["clay"]) / 100,
        vegetation=np.array([settings.classes.get(int(c), "") for c in classes[inside]]),
        area=_area(settings, grid, latitude[inside]),
        row=rows[inside],
        column=columns[inside],
        grid=grid,
        synthetic=settings.synthetic,
    )
    return replace(domain, findings=_cell_findings(domain, settings, classes[inside], texture))


def _area(settings: GriddedDomain, grid: Grid, latitude: NDArray) -> NDArray:
    if settings.cell_area_km2 is not None:
        return np.full(latitude.shape, settings.cell_area_km2)
    north = abs(float(np.median(np.diff(grid.latitude))))
    east = abs(float(np.median(np.diff(grid.longitude))))
    return KM_PER_DEGREE**2 * north * east * np.cos(np.radians(latitude))


def _cell_findings(
    domain: Domain, settings: GriddedDomain, classes: NDArray, texture: dict[str, NDArray]
) -> dict[int, list[Finding]]:
    """Findings of single cells: class, texture, latitude, elevation."""
    file = str(settings.folder / settings.vegetation.file)
    findings: dict[int, list[Finding]] = {}
    known = ", ".join(f"{number} = {name}" for number, name in settings.classes.items())
    for cell in range(domain.size):
        place = domain.label(cell)
        cell_findings = [
            replace(fault, index=place)
            for fault in check_texture(
                *(float(texture[name][cell]) for name in ("sand", "silt", "clay")),
                file=str(settings.folder / settings.sand.file),
            )
        ]
        location = Location(
            latitude=domain.latitude[cell],
            elevation=domain.elevation[cell],
            silt_plus_clay=0.5 if cell_findings else domain.silt_plus_clay[cell],
        )
        cell_findings += [
            replace(fault, index=place)
            for fault in check_location(location, file=str(settings.folder))
        ]
        if not domain.vegetation[cell]:
            cell_findings.append(
                Finding(
                    file,
                    settings.vegetation.variable,
                    place,
                    f"class {classes[cell]:g} is in no entry of domain.classes",
                    f"Add it; known: {known}.",
                )
            )
        if cell_findings:
            findings[cell] = cell_findings
    return findings
