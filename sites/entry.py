"""Site files (TOML): location, soil, vegetation and observations of a site, checked key by key.

Catalog entries (``sites/catalog/*.toml``) and a user's SITE.toml have this form, which
``docs/sites.md`` describes.
"""

from pathlib import Path
from typing import Annotated, Literal

import jax.numpy as jnp
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.forcing import Location
from temjax.outputs import FORCING_VARIABLES
from temjax.parameters.registry import REGISTRY
from temjax.runs.validation import check_climate, check_location, check_texture, check_vegetation
from temjax.sites.history import FIRST_YEAR, Warming, co2_years
from temjax.sites.observations import OBSERVED, Stock

MonthlyValues = Annotated[list[float], Field(min_length=12, max_length=12)]
CLIMATE = ("air_temperature", "precipitation", "shortwave")
UNITS = {
    **{name: FORCING_VARIABLES[name].unit for name in CLIMATE},
    **{name: unit for name, (unit, _) in OBSERVED.items()},
}


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


class DataFault(_Table):
    """``[[traps]]``: known fault of the data; months marked ``suspect`` are left out of fits."""

    variable: str
    text: str
    years: list[int] = []
    months: list[Annotated[int, Field(ge=1, le=12)]] = []
    partition: Literal["DT", "NT"] | None = None
    suspect: bool = False
    source: str


class SiteEntry(_Table):
    """Contents of a site file."""

    name: str
    title: str
    description: str = ""
    fluxnet_id: str | None = None
    period: tuple[int, int] | None = None
    location: SiteLocation
    soil: Soil
    vegetation: Vegetation
    history: History | None = None
    climatology: dict[str, Climatology] = {}
    stocks: dict[Literal["soil_organic_carbon", "soil_organic_nitrogen"], Stock] = {}
    annual: list[SingleValue] = []
    published: list[SingleValue] = []
    traps: list[DataFault] = []

    @model_validator(mode="after")
    def _consistent(self) -> "SiteEntry":
        if self.climatology and self.period is None:
            raise ValueError("a climatology needs 'period', its first and last year")
        if self.period is not None and self.period[0] > self.period[1]:
            raise ValueError(f"period {self.period[0]}-{self.period[1]} runs backwards")
        missing = set(CLIMATE) - set(self.climatology)
        if missing and missing != set(CLIMATE):
            raise ValueError(f"the climatology lacks {', '.join(sorted(missing))}")
        for name, table in self.climatology.items():
            if name not in UNITS:
                raise ValueError(f"unknown climatology {name!r}. {nearest(name, UNITS)}")
            if table.unit != UNITS[name]:
                raise ValueError(f"{name} is given in {table.unit!r}; convert it to {UNITS[name]}")
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
    """Findings in the values of a parsed site file: location, texture, names, climatology."""
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
    climate = {
        name: np.asarray([table.mean])
        for name, table in entry.climatology.items()
        if name in CLIMATE or name == "soil_temperature"
    }
    if climate:
        findings += check_climate(
            climate,
            latitude=entry.location.latitude,
            file=file,
            index_text=lambda at: f"month {at[1] + 1}",
        )
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
        return None, [_schema_finding(path, fault) for fault in error.errors()]
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


def _schema_finding(path: Path, fault: dict) -> Finding:
    """Finding of a pydantic error."""
    key = ".".join(str(part) for part in fault["loc"]) or "file"
    mends = {
        "extra_forbidden": "Remove or rename this key (docs/sites.md lists the keys).",
        "missing": "Add this key (docs/sites.md lists the keys).",
    }
    message = fault["msg"].removeprefix("Value error, ")
    mend = mends.get(fault["type"], "See docs/sites.md for the form of a site file.")
    return Finding(str(path), key, "", message, mend)
