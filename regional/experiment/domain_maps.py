"""Table ``[domain]`` of maps on their own grids."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from temjax.files.findings import nearest
from temjax.parameters.files import parameter_set_names
from temjax.regional.experiment.settings import Settings, Variable

NO_VEGETATION = "none"  # of classes that are left out
_MOST_CELLS = 100_000_000
_ROUNDING = 1e-6  # cells


def is_box(cells: tuple[float, float, float, float]) -> bool:
    """Whether west, south, east and north are a box.

    West lies beyond east only across the meridian where a convention of longitudes begins: 178 to
    -178 across the date line, 350 to 10 across Greenwich.
    """
    west, south, east, north = cells
    across = (west > 0 > east) or (west > 180 > east >= 0)
    return south < north and (west < east <= west + 360 or (across and west > east))


class DomainGrid(Settings):
    """Grid of a run in degrees: cells of one width that fill a box.

    Attributes:
        resolution: width of the cells from south to north and from west to east.
        box: west, south, east, north of the edges, see ``is_box``.
    """

    resolution: float = Field(gt=0, le=30)
    box: tuple[float, float, float, float]

    @model_validator(mode="after")
    def _cells_fill_the_box(self) -> "DomainGrid":
        _, south, _, north = self.box
        if not is_box(self.box) or south < -90 or north > 90:
            raise ValueError(f"box = {list(self.box)}: give west, south, east, north")
        for size in self._sizes():
            if abs(size - round(size)) > _ROUNDING:
                raise ValueError(
                    f"box = {list(self.box)} holds {size:g} cells of {self.resolution:g} degrees "
                    "in one direction; let it hold whole cells"
                )
        rows, columns = self.shape
        if rows * columns > _MOST_CELLS:
            raise ValueError(f"{rows} x {columns} cells are too many; give a larger resolution")
        return self

    def _sizes(self) -> tuple[float, float]:
        west, south, east, north = self.box
        east = east if east > west else east + 360
        return (north - south) / self.resolution, (east - west) / self.resolution

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self._sizes()
        return round(rows), round(columns)


class MapsDomain(Settings):
    """Maps, each on its own grid, that are brought to the run's grid.

    Classes by the majority of the area, numbers by their area-weighted mean.

    Attributes:
        vegetation: map of vegetation or land-cover classes.
        classes: class number to parameter set, or ``none`` for what is left out.
        sand, silt, clay: percent, fraction or g kg⁻¹ by their units.
        elevation: m or km by its unit.
        permafrost: map of permafrost classes, where ``permafrost_classes`` names some, or of the
            share of the area with permafrost.
        permafrost_threshold: least share of a cell with permafrost that makes it part of the
            region.
        coverage: least share of a cell that a map must cover.
        grid: of the run; by default that of the climate.
        cell_area_km2: needed where the run's grid is not one of latitude and longitude.
        synthetic: the files hold invented numbers; products are labelled SYNTHETIC.
    """

    kind: Literal["maps"]
    folder: Path
    vegetation: Variable
    classes: dict[int, str] = Field(min_length=1)
    sand: Variable
    silt: Variable
    clay: Variable
    elevation: Variable
    permafrost: Variable | None = None
    permafrost_classes: tuple[int, ...] = ()
    permafrost_threshold: float = Field(0.5, gt=0, le=1)
    coverage: float = Field(0.5, gt=0, le=1)
    grid: DomainGrid | None = None
    synthetic: bool = False
    cell_area_km2: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _sets_exist(self) -> "MapsDomain":
        known = (*parameter_set_names(), NO_VEGETATION)
        for number, name in self.classes.items():
            if name not in known:
                raise ValueError(
                    f"classes.{number} = {name!r} is no parameter set. {nearest(name, known)}"
                )
        return self
