"""Tables of the experiment file that say where domain and climate come from."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from temjax.parameter_files import parameter_set_names
from temjax.validation import nearest


class Section(BaseModel):
    """A table of the experiment file: frozen, unknown keys rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(Section):
    """A variable of a NetCDF file in the section's folder."""

    file: str
    variable: str


class SyntheticDomain(Section):
    """The synthetic plateau (plateau.md B); every product is labelled SYNTHETIC.

    ``stride`` keeps every n-th row and column, starting at ``offset`` (row, column).
    """

    kind: Literal["synthetic-plateau"]
    resolution: float = 0.5
    stride: int = Field(1, ge=1)
    offset: tuple[int, int] = (0, 0)
    forest: bool = True

    @model_validator(mode="after")
    def _grid_fits(self) -> "SyntheticDomain":
        cells = 7 / self.resolution if self.resolution > 0 else 0.5
        if abs(cells - round(cells)) > 1e-9:
            raise ValueError(f"resolution = {self.resolution}: 7 degrees must hold whole cells")
        return self


class GriddedDomain(Section):
    """Vegetation classes, texture (percent) and elevation (m) on one grid of NetCDF files.

    Attributes:
        classes: class number of the vegetation map to parameter set.
        permafrost: map whose ``permafrost_classes`` are the region; without it every cell with a
            vegetation class is.
        cell_area_km2: needed on projected grids.
        synthetic: the files hold invented numbers; products are labelled SYNTHETIC.
    """

    kind: Literal["gridded"]
    folder: Path
    vegetation: Variable
    classes: dict[int, str]
    sand: Variable
    silt: Variable
    clay: Variable
    elevation: Variable
    permafrost: Variable | None = None
    permafrost_classes: tuple[int, ...] = (1,)
    synthetic: bool = False
    cell_area_km2: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _sets_exist(self) -> "GriddedDomain":
        for number, name in self.classes.items():
            if name not in parameter_set_names():
                raise ValueError(
                    f"classes.{number} = {name!r} is no parameter set. "
                    f"{nearest(name, parameter_set_names())}"
                )
        return self


class SyntheticClimate(Section):
    """Pseudo-GCMs A-D and scenarios rcp45, rcp85; CO2 is the global series."""

    kind: Literal["synthetic-plateau"]
    members: tuple[Literal["A", "B", "C", "D"], ...] = ("A",)
    scenarios: tuple[Literal["rcp45", "rcp85"], ...] = ("rcp85",)


class ClimateFile(Section):
    """One file of monthly climate; files follow each other in time without gap or overlap."""

    file: str
    label: str


class GriddedClimate(Section):
    """Monthly NetCDF files on the domain's grid, joined in time, and annual CO2 files."""

    kind: Literal["monthly-netcdf"]
    folder: Path
    member: str
    scenario: str
    files: tuple[ClimateFile, ...] = Field(min_length=1)
    air_temperature: str
    precipitation: str
    shortwave: str
    co2: tuple[Variable, ...] = Field(min_length=1)


class IsimipClimate(Section):
    """ISIMIP2b files, daily or monthly, found by their names anywhere under ``folder``.

    Attributes:
        members: climate models as the file names write them, for example GFDL-ESM2M.
        scenarios: pathways after 2005, for example rcp45.
        history: scenario name of the files up to 2005.
        lapse_rate: K km⁻¹; 0 shares one climate cell among the domain cells in it (the paper).
            Otherwise temperature is moved by the cell's elevation above the mean elevation of the
            domain cells that share the climate cell.
        cache: folder of the monthly means; by default ``monthly`` inside ``folder``.
    """

    kind: Literal["isimip2b"]
    folder: Path
    members: tuple[str, ...] = Field(min_length=1)
    scenarios: tuple[str, ...] = Field(min_length=1)
    history: str = "historical"
    lapse_rate: float = Field(0.0, ge=0, le=10)
    cache: Path | None = None
