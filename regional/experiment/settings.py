"""Tables of an experiment file: domain, climate and protocol."""

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from temjax.files.findings import nearest
from temjax.files.names import NAME_PATTERN
from temjax.parameters.files import parameter_set_names


class Settings(BaseModel):
    """A table of the experiment file: frozen, unknown keys rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def leaves_folder(path: str) -> bool:
    """Whether a relative path leads out of the folder it is relative to."""
    return not os.path.isabs(path) and os.path.normpath(path).split(os.sep)[0] == os.pardir


def _within_folder(path: str) -> str:
    if leaves_folder(path):
        raise ValueError("leaves its folder; give an absolute path, or a file below `folder`")
    return path


def _not_empty(values: tuple) -> tuple:
    """Values, of which there is one at least; asked once each of them is right."""
    if not values:
        raise ValueError("is empty")
    return values


FileName = Annotated[str, AfterValidator(_within_folder)]
# parts of the names of output files
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]


class Variable(Settings):
    """A variable of a NetCDF file in the section's folder."""

    file: FileName
    variable: str


class SyntheticDomain(Settings):
    """The synthetic plateau; every product is labelled SYNTHETIC.

    Source: docs/specification/plateau.md B.

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


class GriddedDomain(Settings):
    """Vegetation classes, texture (percent) and elevation (m) on one grid of NetCDF files.

    Attributes:
        classes: class number of the vegetation map to parameter set.
        permafrost: map whose ``permafrost_classes`` are the region; without it every cell with a
            vegetation class is.
        cell_area_km2: needed on projected grids.
        synthetic: the files hold invented numbers; products are labelled SYNTHETIC.
    """

    kind: Literal["gridded", "netcdf"]
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


class SyntheticClimate(Settings):
    """Pseudo-GCMs A-D and scenarios rcp45, rcp85; CO2 is the global series."""

    kind: Literal["synthetic-plateau"]
    members: tuple[Literal["A", "B", "C", "D"], ...] = ("A",)
    scenarios: tuple[Literal["rcp45", "rcp85"], ...] = ("rcp85",)
    months_folder: ClassVar[None] = None  # it is computed


class RepairSettings(Settings):
    """Repair of small faults in monthly climate; what is repaired is counted and told.

    Attributes:
        missing_months: most missing months of a cell that are filled from its climatology.
        radiation_above_extraterrestrial: largest share of the extraterrestrial radiation by which
            shortwave may pass it and is clipped to it.
        strict: nothing is repaired: what would be is refused.
    """

    missing_months: int = Field(12, ge=0, le=1200)
    radiation_above_extraterrestrial: float = Field(0.15, ge=0, le=1)
    strict: bool = False


class ClimateFile(Settings):
    """One file of climate and the name of its source; by default that of the member."""

    file: FileName
    label: str = ""


class DriverFiles(Settings):
    """Files of one driver, where it has its own, and its name in them."""

    file: FileName | tuple[FileName, ...]
    variable: str | None = None


def _named_files(files: object) -> object:
    if not isinstance(files, list | tuple):
        return files
    return [{"file": file} if isinstance(file, str) else file for file in files]


MONTHLY = "monthly"  # folder of monthly means beside the files of a climate
CACHE_GB = 50.0


class GriddedClimate(Settings):
    """NetCDF files on the domain's grid in any cut and order, and annual CO2 files.

    Attributes:
        files: each with one or several drivers; files of the same months complement each other.
        air_temperature, precipitation, shortwave: names in the files, or files of the driver; by
            default recognised by CF standard name or usual name.
        cache: folder of the monthly means. By default they stay in memory where they are small, and
            are kept in ``monthly`` inside ``folder`` otherwise.
        cache_gb: months of other climates that may stay in that folder, GB.
    """

    kind: Literal["monthly-netcdf", "netcdf"]
    folder: Path
    member: Name
    scenario: Name
    files: Annotated[tuple[ClimateFile, ...], BeforeValidator(_named_files)] = ()
    air_temperature: str | DriverFiles | None = None
    precipitation: str | DriverFiles | None = None
    shortwave: str | DriverFiles | None = None
    co2: Annotated[tuple[Variable, ...], AfterValidator(_not_empty)]
    cache: Path | None = None
    cache_gb: float = Field(CACHE_GB, ge=0)
    repair: RepairSettings = RepairSettings()

    @model_validator(mode="after")
    def _every_driver_has_files(self) -> "GriddedClimate":
        drivers = (self.air_temperature, self.precipitation, self.shortwave)
        if not self.files and not all(isinstance(driver, DriverFiles) for driver in drivers):
            raise ValueError("files: give the files of the climate, or a file of every driver")
        return self

    def driver(self, name: str) -> tuple[list[ClimateFile], str | None]:
        """Files of a driver and its name in them."""
        source = getattr(self, name)
        if not isinstance(source, DriverFiles):
            return list(self.files), source
        files = (source.file,) if isinstance(source.file, str) else source.file
        labels = {file.file: file.label for file in self.files}
        return [ClimateFile(file=f, label=labels.get(f, "")) for f in files], source.variable

    @property
    def months_folder(self) -> Path:
        """Folder of its months on disk."""
        return self.cache or self.folder / MONTHLY

    @property
    def file_names(self) -> list[str]:
        """Every file of climate and CO2, once."""
        drivers = ("air_temperature", "precipitation", "shortwave")
        files = [file.file for name in drivers for file in self.driver(name)[0]]
        return list(dict.fromkeys([*files, *(source.file for source in self.co2)]))


ProjectKind = Literal[
    "isimip2b", "isimip3b", "isimip3a", "isimip4b", "isimip4a", "cmip", "cru-ts", "era5-land",
    "wie-mip",
]  # fmt: skip
OBSERVATIONS = ("cru-ts", "era5-land", "wie-mip")  # projects with one member


class ProjectClimate(Settings):
    """Files in the form of a project, found by their names anywhere under ``folder``.

    Source of the forms: ``regional.climate.projects``.

    Attributes:
        members: climate models as the file names write them, for example GFDL-ESM2M; with
            ``_r1i1p1f1`` behind the name where there are several realisations. Projects of
            observations have one member, which may be left out.
        scenarios: pathways, for example rcp45 or ssp370.
        history: scenario of the files before, by default that of the project (``esm-hist`` before
            emission-driven scenarios of ISIMIP4b); controls have none.
        lapse_rate: K km⁻¹; 0 shares one climate cell among the domain cells in it (the paper).
            Otherwise temperature is moved by the cell's elevation above the mean elevation of the
            domain cells that share the climate cell.
        co2: NetCDF files of the mole fraction by year; by default text files found by name.
        cache: folder of the monthly means; by default ``monthly`` inside ``folder``.
        cache_gb: months of other climates that may stay in that folder, GB.
    """

    kind: ProjectKind
    folder: Path
    members: tuple[Name, ...] = ()
    scenarios: tuple[Name, ...] = ()
    history: Name | None = None
    lapse_rate: float = Field(0.0, ge=0, le=10)
    co2: tuple[Variable, ...] = ()
    cache: Path | None = None
    cache_gb: float = Field(CACHE_GB, ge=0)
    repair: RepairSettings = RepairSettings()

    @model_validator(mode="before")
    @classmethod
    def _default_names(cls, table: object) -> object:
        if not isinstance(table, dict) or table.get("kind") not in OBSERVATIONS:
            return table
        return {"members": [table["kind"]], "scenarios": ["historical"]} | table

    @property
    def months_folder(self) -> Path:
        """Folder of its months on disk."""
        return self.cache or self.folder / MONTHLY

    @model_validator(mode="after")
    def _members_are_named(self) -> "ProjectClimate":
        for key in ("members", "scenarios"):
            if not getattr(self, key):
                raise ValueError(f"{key}: name at least one")
        return self


Year = Annotated[int, Field(ge=-10_000, le=10_000)]
YearRange = tuple[Year, Year]


class Protocol(Settings):
    """Periods of the runs; every range is (first year, last year), both included.

    Source: docs/specification/protocol.md 1.

    Attributes:
        kind: may be left out; the other one is ``one_percent.OnePercent``.
        equilibrium_years: whose mean year (or first year) the equilibrium sees.
        equilibrium_climate: ``mean`` or ``first``.
        spin_up_years: repeated until ``spin_up_length`` years are full; the last repetition is
            whole, a remainder is cut from the beginning.
        historical: from the end of the spin-up to the year the experiments branch from.
        future: run twice, as S_R (no exposure) and S_T (exposure).
        exposure_from: first year thaw exposure acts in the historical run.
        branch_baseline_years: last years of the history whose mean active layer S_R is held at;
            1 is the layer of the branch year alone.
    """

    kind: Literal["exposure"] = Field("exposure", exclude=True)
    equilibrium_years: YearRange
    equilibrium_climate: Literal["mean", "first"] = "mean"
    spin_up_years: YearRange
    spin_up_length: int = Field(200, ge=1, le=100_000)
    historical: YearRange
    future: YearRange
    exposure_from: Year | None = None
    branch_baseline_years: int = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _periods_agree(self) -> "Protocol":
        for name in ("equilibrium_years", "spin_up_years", "historical", "future"):
            first, last = getattr(self, name)
            if last < first:
                raise ValueError(f"{name} = [{first}, {last}] ends before it begins")
        if self.future[0] != self.historical[1] + 1:
            raise ValueError(
                f"future begins {self.future[0]}, but historical ends {self.historical[1]}; "
                f"let future begin {self.historical[1] + 1}"
            )
        length = self.historical[1] - self.historical[0] + 1
        if self.branch_baseline_years > length:
            raise ValueError(
                f"branch_baseline_years = {self.branch_baseline_years}, but historical has "
                f"{length} years; take at most these"
            )
        return self

    @property
    def first_exposure_year(self) -> int:
        """First year in which thaw exposure acts."""
        return self.historical[0] if self.exposure_from is None else self.exposure_from

    @property
    def branch_baseline(self) -> tuple[int, int]:
        """First and last of the years whose mean active layer S_R is held at."""
        return self.historical[1] - self.branch_baseline_years + 1, self.historical[1]
