"""Cells of a region, the box that cuts them, and the faults of single cells."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from temjax.files.findings import Finding
from temjax.forcing import Location
from temjax.regional.experiment.domain_maps import MapsDomain
from temjax.regional.experiment.settings import GriddedDomain, Variable
from temjax.regional.inputs.grids.files import FileReader
from temjax.regional.inputs.grids.grid import Grid, wrapped
from temjax.runs.validation import check_location, check_texture

TEXTURE = ("sand", "silt", "clay")
_CLASS_ROUNDING = 1e-6  # packed class maps


@dataclass(frozen=True)
class Change:
    """What one entry of a map was on its own grid and is on the run's.

    Attributes:
        variable: of the domain, for example vegetation.
        entry: a vegetation type, or mean, least, largest.
        unit: of the numbers.
        on_map: on the map's own grid, where the run's grid lies.
        in_region: on the map's own grid, in the cells of the region.
        in_run: on the run's grid; each NaN where it does not apply.
    """

    variable: str
    entry: str
    unit: str
    on_map: float
    in_region: float
    in_run: float


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
        texture: sand, silt and clay, percent, ``(cell, 3)``; None where they are not kept.
        majority_share: share of ``vegetation`` in the class map, ``(cell,)``; None without one on
            a grid of its own.
        permafrost_share: share of the area with permafrost, ``(cell,)``; None where not known.
        changes: what maps on their own grids were and are.
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
    texture: NDArray | None = None
    majority_share: NDArray | None = None
    permafrost_share: NDArray | None = None
    changes: tuple[Change, ...] = ()

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


def nearest_cell(domain: Domain, latitude: float, longitude: float) -> tuple[int, float]:
    """Cell of a domain that is nearest to a point, and its distance in degrees of latitude."""
    distance = np.hypot(
        domain.latitude - latitude,
        wrapped(domain.longitude - longitude) * np.cos(np.radians(latitude)),
    )
    nearest = int(np.argmin(distance))
    return nearest, float(distance[nearest])


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


def check_classes(
    reader: FileReader, variable: Variable, classes: NDArray, rows: NDArray, columns: NDArray
) -> None:
    """Add the fault of classes of a map that are no whole numbers."""
    broken = np.flatnonzero(np.abs(classes - np.rint(classes)) > _CLASS_ROUNDING)
    if broken.size:
        first = broken[0]
        reader.add_finding(
            str(reader.folder / variable.file), variable.variable,
            f"{classes[first]:g} is no class ({broken.size} such cells)",
            "Class maps must not be interpolated: take the nearest cell or the majority.",
            f"cell ({rows[first]}, {columns[first]})",
        )  # fmt: skip


def cell_findings(
    domain: Domain,
    settings: GriddedDomain | MapsDomain,
    classes: NDArray,
    numbers: dict[str, NDArray],
) -> dict[int, list[Finding]]:
    """Findings of single cells: class, texture, latitude, elevation."""
    findings: dict[int, list[Finding]] = {}

    def add(cell: int, *faults: Finding) -> None:
        place = domain.label(cell)
        findings.setdefault(cell, []).extend(replace(fault, index=place) for fault in faults)

    texture, kind = np.unique(
        np.stack([numbers[name] for name in TEXTURE]), axis=1, return_inverse=True
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
