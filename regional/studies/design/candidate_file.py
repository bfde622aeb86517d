"""The file of candidates: measurements that could be made, with place, length, errors and cost."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from temjax.conventions.units import UnitError
from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.regional.experiment.settings import Settings
from temjax.regional.studies.design.kinds import KINDS, SERIES, Kind
from temjax.sites.schema_findings import schema_findings

PAGE = "docs/design.md"
VERSION = 1
SOIL_MATTER_SD = 0.15  # of the logarithm: that of the disequilibrium factor in fits
CLIMATES = ("mean", "cold", "warm")
DEPTHS = ((0.0, 0.3), (0.3, 1.0), (1.0, 2.0))  # m
YEARS = 3
LEAST_DEPTH, LARGEST_DEPTH = 0.1, 40.0  # m, of the profile of soil carbon


class Place(Settings):
    """Coordinates of a measurement, degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=360)


class ErrorEntry(Settings):
    """Error of one value of a series.

    Attributes:
        value: standard deviation.
        unit: of the value: that of the series, or percent of it.
        common: standard deviation of an offset that all values share, in the same unit; left
            out: the series' own.
    """

    value: float = Field(gt=0)
    unit: str
    common: float | None = Field(None, ge=0)


def _known_series(errors: dict) -> dict:
    for name in errors:
        if name not in SERIES:
            raise ValueError(f"{name!r} is no series. {nearest(name, SERIES)}")
    return errors


def _climate(value: object) -> object:
    if isinstance(value, str) and value not in CLIMATES:
        raise ValueError(f"{value!r} is no climate; choose {', '.join(CLIMATES)}, or give a table")
    if not isinstance(value, str | dict | Place):
        raise ValueError(f"{value!r} is no climate; choose {', '.join(CLIMATES)}, or give a table")
    return Place.model_validate(value) if isinstance(value, dict) else value


def _layers(depths: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    for top, bottom in depths:
        if not (0 <= top < bottom <= LARGEST_DEPTH) or 0 < top < LEAST_DEPTH:
            raise ValueError(
                f"[{top:g}, {bottom:g}] is no layer; its top is 0 or at least {LEAST_DEPTH} m, its "
                f"bottom deeper and at most {LARGEST_DEPTH:g} m"
            )
    if not depths:
        raise ValueError("is empty; give layers as [[0.0, 0.3], [0.3, 1.0]]")
    return depths


class Candidate(Settings):
    """A measurement that could be made.

    Attributes:
        name: in tables and figures.
        kind: of ``kinds.KINDS``.
        type: vegetation type.
        climate: the cell of the type whose climate it has: ``mean``, ``cold`` or ``warm``, or the
            one nearest to coordinates.
        years: measured, from the branch of the region on.
        points: whose mean is the value; left out: the kind's own.
        depths: layers of a core, m.
        series: those of the kind that are measured; left out: all.
        errors: by series; left out: ``kinds.SERIES``.
        cost: in any unit, the same for all.
    """

    name: str = Field(min_length=1, max_length=60)
    kind: Kind
    type: str
    climate: Annotated[Literal["mean", "cold", "warm"] | Place, BeforeValidator(_climate)] = "mean"
    years: int = Field(YEARS, ge=1, le=100)
    points: int | None = Field(None, ge=1, le=1_000_000)
    depths: Annotated[tuple[tuple[float, float], ...], AfterValidator(_layers)] = DEPTHS
    series: tuple[str, ...] = ()
    errors: Annotated[dict[str, ErrorEntry], AfterValidator(_known_series)] = Field(
        default_factory=dict
    )
    cost: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Candidate":
        info = KINDS[self.kind]
        for key in ("years", "points", "depths"):
            if key in self.model_fields_set and key not in info.takes:
                raise ValueError(f"{key} has no meaning for kind {self.kind!r}")
        for name in (*self.series, *self.errors):
            if name not in info.series:
                raise ValueError(
                    f"{name!r} is no series of kind {self.kind!r}: {', '.join(info.series)}"
                )
        for name, entry in self.errors.items():
            try:
                SERIES[name].errors(entry.value, entry.unit)
            except UnitError as error:
                raise ValueError(f"errors.{name}: {error}") from error
        return self

    @property
    def measured(self) -> tuple[str, ...]:
        """Series that are measured."""
        return tuple(n for n in KINDS[self.kind].series if n in (self.series or (n,)))

    @property
    def number_of_points(self) -> int:
        """Points whose mean is the value."""
        return self.points or KINDS[self.kind].points


class Candidates(Settings):
    """The file of candidates.

    Attributes:
        version: of the form of the file.
        soil_matter_sd: standard deviation of the logarithm of a place's factor on soil organic
            matter; candidates of one place share the factor. 0: none.
        cost_unit: of all costs, for tables.
        candidates: at least one.
    """

    version: Literal[1]
    soil_matter_sd: float = Field(SOIL_MATTER_SD, ge=0, le=2)
    cost_unit: str = Field("", max_length=20)
    candidates: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> "Candidates":
        names = [one.name for one in self.candidates]
        if not names:
            raise ValueError("it names no candidate; add a table [[candidates]]")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two candidates are called {twice!r}; give each its own name")
        return self

    @property
    def has_costs(self) -> bool:
        """Whether every candidate has a cost."""
        return all(one.cost is not None for one in self.candidates)


def read_candidates(path: Path) -> Candidates:
    """Read and validate a file of candidates.

    Raises:
        DataError: one finding per fault, naming the key.
    """
    try:
        document = read_toml(path)
    except TomlError as error:
        mend = "temjax design RUN --write-candidates FILE writes one to start from."
        raise DataError([Finding(str(path), "", "", str(error), mend)]) from error
    try:
        return Candidates.model_validate(document)
    except ValidationError as error:
        raise DataError(schema_findings(str(path), error.errors(), PAGE)) from error


def require_region(path: Path, content: Candidates, types: tuple[str, ...], years: int) -> None:
    """Require that candidates can be measured in a region.

    Args:
        path: of the file, for findings.
        content: of the file.
        types: vegetation types with valid cells.
        years: of the future of the run.

    Raises:
        DataError: a finding for each candidate that cannot.
    """
    findings = []
    for number, one in enumerate(content.candidates, 1):
        key = f"candidates[{number}]"
        if one.type not in types:
            message = f"{one.type!r} has no valid cell in the region"
            findings.append(
                Finding(str(path), f"{key}.type", "", message, nearest(one.type, types))
            )
        if one.years > years and "years" in KINDS[one.kind].takes:
            message = f"{one.years} years, the run has {years} after its branch"
            mend = "Give fewer years."
            findings.append(Finding(str(path), f"{key}.years", "", message, mend))
    raise_findings(findings)
