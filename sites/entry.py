"""Site files (TOML): location, soil, vegetation and observations of a site, checked key by key.

Catalog entries (``sites/catalog/*.toml``) and a user's SITE.toml have this form, which
``docs/sites.md`` describes.
"""

import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.names import LONGEST_NAME, NAME_PATTERN
from temjax.files.toml import TomlError, read_toml
from temjax.forcing import Location
from temjax.parameters.registry import REGISTRY
from temjax.runs.validation import check_location, check_texture, check_vegetation
from temjax.sites.entry_values import (
    CLIMATE,
    UNITS,
    check_climatology,
    check_single_values,
    check_stocks,
    monthly_in_model_unit,
    single_in_model_unit,
    stock_in_model_unit,
)
from temjax.sites.history import FIRST_YEAR, Warming, co2_years
from temjax.sites.observations import Stock
from temjax.sites.schema_findings import schema_findings
from temjax.sites.table_mapping import Table


def _without_controls(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("holds a line break or another control character; write one line of text")
    return text


MonthlyValues = Annotated[list[float], Field(min_length=12, max_length=12)]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=LONGEST_NAME)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_without_controls)]


class _Table(BaseModel):
    """TOML table that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SiteLocation(_Table):
    """``[location]``: degrees north and east, m above sea level."""

    latitude: float
    elevation: float
    longitude: float | None = None
    permafrost: bool | None = None
    source: str


class Soil(_Table):
    """``[soil]``: percent by mass of the fine earth."""

    sand: float
    silt: float
    clay: float
    source: str
    assumed: bool = False


class Override(_Table):
    """Parameter value that replaces the one of the parameter set."""

    value: float
    source: str
    assumed: bool = False


class Vegetation(_Table):
    """``[vegetation]``: parameter set and the site's own parameter values."""

    parameter_set: str
    description: str = ""
    source: str
    overrides: dict[str, Override] = {}


class History(_Table):
    """``[history]``: the climate back to ``first_year``.

    ``climate`` is ``auto``, ``mean-year`` or a file as in ``Reading.history``; a path is relative
    to the site file's folder.
    """

    first_year: int = FIRST_YEAR
    warming: Warming = "none"
    climate: str | None = None
    source: str


class Climatology(_Table):
    """``[climatology.<variable>]``: a mean year and the standard deviation between years."""

    unit: str
    mean: MonthlyValues
    sd: MonthlyValues | None = None
    depth: float | None = None
    source: str


class SingleValue(_Table):
    """``[[annual]]`` and ``[[published]]``: single values beside the monthly ones."""

    variable: str
    value: float
    unit: str
    year: int | None = None
    note: str = ""
    source: str


class Coordinates(_Table):
    """``[[coordinates]]``: where a data product places the tower, degrees north and east."""

    product: str
    latitude: float
    longitude: float
    source: str


class DataFault(_Table):
    """``[[traps]]``: known fault of the data; months marked ``suspect`` are left out of fits.

    Attributes:
        variable: of the observations or the climate.
        text: the fault.
        product: data products that have it; empty: every product.
        years: that have it; empty: every year.
        months: 1-12; empty: every month.
        partition: of GPP and RECO; None: both.
        suspect: leave the months out of fits.
        structural_sd: standard deviation of a doubt that the data's own error does not hold, in
            the monthly unit of the variable; added in quadrature.
    """

    variable: str
    text: str
    product: Annotated[
        list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
    ] = []
    years: list[int] = []
    months: list[Annotated[int, Field(ge=1, le=12)]] = []
    partition: Literal["DT", "NT"] | None = None
    suspect: bool = False
    structural_sd: Annotated[float, Field(gt=0)] | None = None
    source: str

    def concerns(self, product: str, partition: str | None) -> bool:
        """Whether data of a product (empty: unknown) and partition can have the fault."""
        of_product = not product or not self.product or product in self.product
        return of_product and self.partition in (None, partition)


class SoilSensor(_Table):
    """``[sensors] soil_temperature``: which sensor of the tower's file is used, and its depth.

    Attributes:
        column: of the file; None: chosen by the reader.
        depth: m; it comes before the one that the file states. None: as the file states.
    """

    column: str | None = None
    depth: Annotated[float, Field(gt=0, le=10)] | None = None


class Sensors(_Table):
    """``[sensors]``: what the tower's file does not say of its sensors."""

    soil_temperature: SoilSensor = SoilSensor()


class SiteEntry(_Table):
    """Contents of a site file; values are in the model's units, whatever unit the file states."""

    name: Name
    title: Title
    description: str = ""
    fluxnet_id: Name | None = None
    period: tuple[int, int] | None = None
    product: str = ""  # of the climatology and the annual values
    location: SiteLocation
    soil: Soil
    vegetation: Vegetation
    history: History | None = None
    climatology: dict[str, Climatology] = {}
    stocks: dict[Literal["soil_organic_carbon", "soil_organic_nitrogen"], Stock] = {}
    annual: list[SingleValue] = []
    published: list[SingleValue] = []
    traps: list[DataFault] = []
    table: Table | None = None
    sensors: Sensors = Sensors()
    coordinates: list[Coordinates] = []

    @field_validator("stocks")
    @classmethod
    def _stocks(cls, stocks: dict[str, Stock]) -> dict[str, Stock]:
        return {name: stock_in_model_unit(name, stock) for name, stock in stocks.items()}

    @field_validator("climatology")
    @classmethod
    def _climatology(cls, tables: dict[str, Climatology]) -> dict[str, Climatology]:
        return {
            name: table.model_copy(update=monthly_in_model_unit(name, table))
            for name, table in tables.items()
        }

    @field_validator("annual", "published")
    @classmethod
    def _single_values(cls, rows: list[SingleValue]) -> list[SingleValue]:
        return [row.model_copy(update=single_in_model_unit(row)) for row in rows]

    @model_validator(mode="after")
    def _consistent(self) -> "SiteEntry":
        if self.period is not None and self.period[0] > self.period[1]:
            raise ValueError(f"period {self.period[0]}-{self.period[1]} runs backwards")
        for name in self.climatology:
            if name not in UNITS:
                raise ValueError(f"unknown climatology {name!r}. {nearest(name, UNITS)}")
        return self

    @property
    def model_location(self) -> Location:
        """Location of the model."""
        return Location(
            latitude=jnp.asarray(self.location.latitude, dtype=float),
            elevation=jnp.asarray(self.location.elevation, dtype=float),
            silt_plus_clay=jnp.asarray((self.soil.silt + self.soil.clay) / 100),
            vegetation=self.vegetation.parameter_set,
        )


def check_entry(entry: SiteEntry, *, file: str) -> list[Finding]:
    """Findings in the values of a parsed site file: location, texture, names, observations."""
    findings = check_texture(entry.soil.sand, entry.soil.silt, entry.soil.clay, file=file)
    # Faults of texture and vegetation are reported once, by their own keys.
    findings += [
        finding
        for finding in check_location(entry.model_location, file=file)
        if finding.variable not in ("silt_plus_clay", "vegetation")
    ]
    findings += check_vegetation(entry.vegetation.parameter_set, file=file)
    for name in entry.vegetation.overrides:
        if name not in REGISTRY:
            message = f"unknown parameter {name!r}"
            mend = nearest(name, REGISTRY)
            findings.append(Finding(file, name, "vegetation.overrides", message, mend))
    findings += _check_years(entry, file)
    latitude = entry.location.latitude
    findings += check_climatology(entry.climatology, latitude, file=file)
    findings += check_stocks(entry.stocks, file=file)
    findings += check_single_values("annual", entry.annual, file=file)
    findings += check_single_values("published", entry.published, file=file)
    return findings


def check_whole_climatology(entry: SiteEntry, *, file: str) -> list[Finding]:
    """Findings of a site file that is used without a tower's file, by its climatology alone."""
    if not entry.climatology:
        mend = "Add [climatology.*] tables, or give a tower's file with --site."
        return [Finding(file, "climatology", "", "no climate given", mend)]
    findings = []
    missing = [name for name in CLIMATE if name not in entry.climatology]
    if missing:
        message = f"no {', '.join(missing)}: without a tower's file the climate needs all three"
        mend = "Add these tables, or give a tower's file with --site."
        findings.append(Finding(file, "climatology", "", message, mend))
    if entry.period is None:
        message = "the years of the climatology are missing"
        mend = "Add period = [first year, last year] above the first table."
        findings.append(Finding(file, "period", "", message, mend))
    return findings


def _check_years(entry: SiteEntry, file: str) -> list[Finding]:
    """Findings of years without CO2, and of a first year after the climatology's period."""
    known = co2_years()
    years = {}
    if entry.history is not None:
        years["history.first_year"] = (entry.history.first_year,)
    if entry.period is not None:
        years["period"] = entry.period
    findings = []
    for key, values in years.items():
        outside = [year for year in values if not known[0] <= year <= known[1]]
        if outside:
            message = f"CO2 is known for {known[0]}-{known[1]}, not for {outside[0]}"
            findings.append(Finding(file, key, "", message, "Give years between these."))
    if entry.history is not None and entry.period is not None and not findings:
        first, last = entry.history.first_year, entry.period[1]
        if first > last:
            message = f"{first} lies after the end of the period {entry.period[0]}-{last}"
            mend = f"Give {entry.period[0]} or an earlier year."
            findings.append(Finding(file, "history.first_year", "", message, mend))
    return findings


def _with_history_path(entry: SiteEntry, folder: Path) -> SiteEntry:
    """Entry whose ``[history] climate``, if a path, counts from a folder."""
    history = entry.history
    if history is None or history.climate in (None, "auto", "mean-year"):
        return entry
    path = str(folder / history.climate)
    return entry.model_copy(update={"history": history.model_copy(update={"climate": path})})


def parse_entry(path: str | Path) -> tuple[SiteEntry | None, list[Finding]]:
    """Contents and findings of a site file; None for contents without the documented form."""
    path = Path(path)
    try:
        entry = SiteEntry.model_validate(read_toml(path))
    except TomlError as error:
        return None, [_file_finding(path, str(error), "Give a site file.")]
    except ValidationError as error:
        return None, schema_findings(str(path), error.errors())
    return _with_history_path(entry, path.parent), check_entry(entry, file=str(path))


def read_entry(path: str | Path) -> SiteEntry:
    """Contents of a site file, checked.

    Raises:
        DataError: every fault, with file, key and mend.
    """
    entry, findings = parse_entry(path)
    raise_findings(findings)
    if entry is None:
        raise DataError(findings)
    return entry


def _file_finding(path: Path, message: str, mend: str) -> Finding:
    return Finding(str(path), "file", "", message, mend)
