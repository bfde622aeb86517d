"""The site file: what a place is, in TOML, checked key by key.

Catalog entries (``sites/catalog/*.toml``) and a user's SITE.toml share this form; ``docs/sites.md``
describes it for people who write one.
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
from temjax.sites.observations import OBSERVED, Stock
from temjax.validation import check_climate, check_location, check_texture, check_vegetation

Twelve = Annotated[list[float], Field(min_length=12, max_length=12)]
CLIMATE = ("air_temperature", "precipitation", "shortwave")
UNITS = {
    **{name: FORCING_VARIABLES[name].unit for name in CLIMATE},
    **{name: unit for name, (unit, _) in OBSERVED.items()},
}


class _Table(BaseModel):
    """A TOML table: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Place(_Table):
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
    """A value that replaces the one of the parameter set."""

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
    """``[history]``: how the climatology is carried back to ``first_year``."""

    first_year: int = 1901
    warming: Literal["plateau", "none"] = "none"
    source: str


class Climatology(_Table):
    """``[climatology.<variable>]``: a mean year and the standard deviation between years."""

    unit: str
    mean: Twelve
    sd: Twelve | None = None
    depth: float | None = None
    source: str


class Figure(_Table):
    """``[[annual]]`` and ``[[published]]``: single figures kept beside the monthly ones."""

    variable: str
    value: float
    unit: str
    year: int | None = None
    note: str = ""
    source: str


class Trap(_Table):
    """``[[traps]]``: a known fault of the data; ``suspect`` marks the months as unfit to fit."""

    variable: str
    text: str
    years: list[int] = []
    months: list[Annotated[int, Field(ge=1, le=12)]] = []
    partition: Literal["DT", "NT"] | None = None
    suspect: bool = False
    source: str


class SiteEntry(_Table):
    """A whole site file."""

    name: str
    title: str
    description: str = ""
    fluxnet_id: str | None = None
    period: tuple[int, int] | None = None
    location: Place
    soil: Soil
    vegetation: Vegetation
    history: History | None = None
    climatology: dict[str, Climatology] = {}
    stocks: dict[Literal["soil_organic_carbon", "soil_organic_nitrogen"], Stock] = {}
    annual: list[Figure] = []
    published: list[Figure] = []
    traps: list[Trap] = []

    @model_validator(mode="after")
    def _consistent(self) -> "SiteEntry":
        if self.climatology and self.period is None:
            raise ValueError("a climatology needs 'period', its first and last year")
        if self.period is not None and self.period[0] > self.period[1]:
            raise ValueError(f"period {self.period[0]}-{self.period[1]} runs backwards")
        given = set(CLIMATE) & set(self.climatology)
        if given and given != set(CLIMATE):
            absent = ", ".join(sorted(set(CLIMATE) - given))
            raise ValueError(f"the climatology lacks {absent}")
        for name, table in self.climatology.items():
            if name not in UNITS:
                raise ValueError(f"unknown climatology {name!r}. {nearest(name, UNITS)}")
            if table.unit != UNITS[name]:
                raise ValueError(f"{name} is given in {table.unit!r}; convert it to {UNITS[name]}")
        return self

    @property
    def model_location(self) -> Location:
        """Location as the model takes it."""
        return Location(
            latitude=jnp.asarray(self.location.latitude, dtype=float),
            elevation=jnp.asarray(self.location.elevation, dtype=float),
            silt_plus_clay=jnp.asarray((self.soil.silt + self.soil.clay) / 100),
            vegetation=self.vegetation.parameter_set,
        )


def check_entry(entry: SiteEntry, *, file: str) -> list[Finding]:
    """Values of a site file that parsed: place, texture, names, units of the climatology."""
    findings = check_texture(entry.soil.sand, entry.soil.silt, entry.soil.clay, file=file)
    place = [f for f in check_location(entry.model_location, file=file)]
    # texture faults are named once, by their own keys
    findings += [f for f in place if f.variable not in ("silt_plus_clay", "vegetation")]
    findings += check_vegetation(entry.vegetation.parameter_set, file=file)
    for name in entry.vegetation.overrides:
        if name not in REGISTRY:
            message = f"unknown parameter {name!r}"
            place_text = "vegetation.overrides"
            findings.append(Finding(file, name, place_text, message, nearest(name, REGISTRY)))
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


def parse_entry(path: str | Path) -> tuple[SiteEntry | None, list[Finding]]:
    """Read a site file; the entry is None when it does not have the documented form."""
    path = Path(path)
    try:
        entry = SiteEntry.model_validate(read_toml(path))
    except TomlError as error:
        return None, [_file_finding(path, str(error), "Give a site file.")]
    except ValidationError as error:
        return None, [_schema_finding(path, fault) for fault in error.errors()]
    return entry, check_entry(entry, file=str(path))


def read_entry(path: str | Path) -> SiteEntry:
    """A checked site file.

    Raises:
        DataError: naming the file, every wrong key and the mend.
    """
    entry, findings = parse_entry(path)
    raise_findings(findings)
    if entry is None:
        raise DataError(findings)
    return entry


def _file_finding(path: Path, message: str, mend: str) -> Finding:
    return Finding(str(path), "file", "", message, mend)


def _schema_finding(path: Path, fault: dict) -> Finding:
    """A pydantic error as a finding."""
    key = ".".join(str(part) for part in fault["loc"]) or "file"
    mends = {
        "extra_forbidden": "Remove or rename this key (docs/sites.md lists the keys).",
        "missing": "Add this key (docs/sites.md lists the keys).",
    }
    message = fault["msg"].removeprefix("Value error, ")
    mend = mends.get(fault["type"], "See docs/sites.md for the form of a site file.")
    return Finding(str(path), key, "", message, mend)
