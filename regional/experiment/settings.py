"""Tables of the experiment file that say where domain and climate come from."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from temjax.files.findings import nearest
from temjax.parameters.files import parameter_set_names


class Section(BaseModel):
    """A table of the experiment file: frozen, unknown keys rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def leaves(path: str) -> bool:
    """Whether a relative path leads out of the folder it is relative to."""
    return not os.path.isabs(path) and os.path.normpath(path).split(os.sep)[0] == os.pardir


def _within(path: str) -> str:
    if leaves(path):
        raise ValueError("leaves its folder; give an absolute path, or a file below `folder`")
    return path


FileName = Annotated[str, AfterValidator(_within)]
# parts of the names of files that are written
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class Variable(Section):
    """A variable of a NetCDF file in the section's folder."""

    file: FileName
    variable: str


class SyntheticDomain(Section):
    """The synthetic plateau (plateau.md B); every product is labelled SYNTHETIC.

    ``stride`` keeps every n-th row and column, starting at ``offset`` (row, column).
    """

    kind: Literal["synthetic-plateau"]
    resolution: float = Field(0.5, ge=0.01, le=7)
    stride: int = Field(1, ge=1, le=10_000)
    offset: tuple[int, int] = (0, 0)
    forest: bool = True

    @model_validator(mode="after")
    def _grid_fits(self) -> "SyntheticDomain":
        if not all(0 <= part < self.stride for part in self.offset):
            raise ValueError(f"offset = {list(self.offset)}: give two numbers below stride")
        cells = 7 / self.resolution
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

    file: FileName
    label: str


class GriddedClimate(Section):
    """Monthly NetCDF files on the domain's grid, joined in time, and annual CO2 files."""

    kind: Literal["monthly-netcdf"]
    folder: Path
    member: Name
    scenario: Name
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
    members: tuple[Name, ...] = Field(min_length=1)
    scenarios: tuple[Name, ...] = Field(min_length=1)
    history: Name = "historical"
    lapse_rate: float = Field(0.0, ge=0, le=10)
    cache: Path | None = None
