"""Site files (TOML): location, soil, vegetation and observations of a site, checked key by key.

Catalog entries (``sites/catalog/*.toml``) and a user's SITE.toml have this form, which
``docs/sites.md`` describes.
"""

from pathlib import Path
from typing import Literal

import jax.numpy as jnp
from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.forcing import Location
from temjax.parameters.registry import REGISTRY
from temjax.runs.validation import check_location, check_texture, check_vegetation
from temjax.sites.entry_tables import (
    Climatology,
    Coordinates,
    DataFault,
    History,
    Name,
    ReadingTable,
    Sensors,
    SingleValue,
    SiteLocation,
    SiteTable,
    Soil,
    ThawDepth,
    Title,
    Vegetation,
)
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
from temjax.sites.history import co2_years
from temjax.sites.observations import Stock
from temjax.sites.schema_findings import schema_findings
from temjax.sites.soil_profiles import ProfileTable, check_profile_years, check_profiles
from temjax.sites.table_mapping import Table

StockName = Literal["soil_organic_carbon", "soil_organic_nitrogen"]


class SiteEntry(SiteTable):
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
    climatology: dict[str, Climatology] = Field(default_factory=dict)
    stocks: dict[StockName, Stock] = Field(default_factory=dict)
    type_stocks: dict[StockName, Stock] = Field(default_factory=dict)
    thaw_depth: ThawDepth | None = None
    annual: list[SingleValue] = Field(default_factory=list)
    published: list[SingleValue] = Field(default_factory=list)
    profiles: list[ProfileTable] = Field(default_factory=list)
    traps: list[DataFault] = Field(default_factory=list)
    table: Table | None = None
    sensors: Sensors = Sensors()
    reading: ReadingTable = ReadingTable()
    coordinates: list[Coordinates] = Field(default_factory=list)

    @field_validator("stocks", "type_stocks")
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
    findings += check_stocks("stocks", entry.stocks, file=file)
    findings += check_stocks("type_stocks", entry.type_stocks, file=file)
    findings += check_single_values("annual", entry.annual, file=file)
    findings += check_single_values("published", entry.published, file=file)
    return findings + check_profiles(entry.profiles, file=file)


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
    else:
        first = entry.period[0] if entry.history is None else entry.history.first_year
        findings += check_profile_years(entry.profiles, (first, entry.period[1]), file=file)
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
