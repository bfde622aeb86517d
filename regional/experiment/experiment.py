"""A regional run is a file: the experiment TOML, validated, with its paths resolved.

Unknown keys, wrong types and periods that contradict each other are findings that name the key.
"""

import hashlib
import os
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

from pydantic import BaseModel, Field, ValidationError, create_model, model_validator

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.options import ModelOptions
from temjax.parameters.files import parameter_set_names
from temjax.regional.experiment.products import MONTHLY_PRODUCTS
from temjax.regional.experiment.settings import (
    ClimateFile,
    GriddedClimate,
    GriddedDomain,
    IsimipClimate,
    Section,
    SyntheticClimate,
    SyntheticDomain,
    Variable,
    leaves,
)

FITTED = "fitted:"  # before the name of a fitted set that comes with the package
Year = Annotated[int, Field(ge=-10_000, le=10_000)]
YearRange = tuple[Year, Year]


class Protocol(Section):
    """Runs and periods (protocol.md 1); every range is (first year, last year), both included.

    Attributes:
        equilibrium_years: whose mean year (or first year) the equilibrium sees.
        equilibrium_climate: ``mean`` or ``first``.
        spin_up_years: repeated until ``spin_up_length`` years are full; the last repetition is
            whole, a remainder is cut from the beginning.
        historical: from the end of the spin-up to the year the experiments branch from.
        future: run twice, as S_R (no exposure) and S_T (exposure).
        exposure_from: first year thaw exposure acts in the historical run.
    """

    equilibrium_years: YearRange
    equilibrium_climate: Literal["mean", "first"] = "mean"
    spin_up_years: YearRange
    spin_up_length: int = Field(200, ge=1, le=100_000)
    historical: YearRange
    future: YearRange
    exposure_from: Year | None = None

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
        return self

    @property
    def first_exposure_year(self) -> int:
        """First year in which thaw exposure acts."""
        return self.historical[0] if self.exposure_from is None else self.exposure_from


_OPTION_TYPES = get_type_hints(ModelOptions)
ModelChoices = create_model(
    "ModelChoices",
    __base__=Section,
    __doc__="Choices of the model, as in ``temjax.ModelOptions``.",
    **{field.name: (_OPTION_TYPES[field.name], field.default) for field in fields(ModelOptions)},
)


class RunSettings(Section):
    """How the run is cut up; ``workers`` does not change any result.

    Attributes:
        tile_cells: most cells in one tile.
        block_years: years compiled and kept in memory at a time.
        precision: of the runs after the spin-up; equilibrium and spin-up are always float64.
        workers: processes that run tiles side by side on a CPU; 0 takes one per core. A script that
            sets it needs the usual ``if __name__ == "__main__"`` guard.
    """

    tile_cells: int = Field(50, ge=1, le=10_000_000)
    block_years: int = Field(40, ge=1, le=10_000)
    precision: Literal["float64", "float32"] = "float64"
    workers: int = Field(1, ge=0, le=10_000)


class OutputSettings(Section):
    """What is written: ``monthly`` names products to keep by month beside the annual ones."""

    monthly: tuple[str, ...] = ()
    format: Literal["netcdf", "zarr"] = "netcdf"

    @model_validator(mode="after")
    def _products_exist(self) -> "OutputSettings":
        for name in self.monthly:
            if name not in MONTHLY_PRODUCTS:
                raise ValueError(
                    f"monthly: {name!r} is not kept by month. {nearest(name, MONTHLY_PRODUCTS)}"
                )
        return self


class Experiment(Section):
    """A whole experiment file.

    Attributes:
        cells: (west, south, east, north) in degrees cuts the domain.
        parameters: vegetation type to parameter file, or ``fitted:NAME`` of a set in the package.
        keep_ground_surface: files of ``parameters`` leave the air-to-ground offset of the bundled
            type alone: that of a seasonally frozen tower thaws any permafrost (plateau.md A1).
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    region: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    institution: str = "temjax user"
    contact: str = "not given"
    cells: tuple[float, float, float, float] | None = None
    domain: Annotated[SyntheticDomain | GriddedDomain, Field(discriminator="kind")]
    climate: Annotated[
        SyntheticClimate | GriddedClimate | IsimipClimate, Field(discriminator="kind")
    ]
    protocol: Protocol
    parameters: dict[str, Path] = Field(default_factory=dict)
    keep_ground_surface: bool = False
    model: ModelChoices = ModelChoices()
    run: RunSettings = RunSettings()
    output: OutputSettings = OutputSettings()

    @model_validator(mode="after")
    def _parts_agree(self) -> "Experiment":
        if self.cells and not (self.cells[0] < self.cells[2] and self.cells[1] < self.cells[3]):
            raise ValueError(f"cells = {list(self.cells)}: give west, south, east, north")
        if (self.domain.kind == "gridded") == isinstance(self.climate, SyntheticClimate):
            raise ValueError(
                f"domain.kind = {self.domain.kind!r} does not go with "
                f"climate.kind = {self.climate.kind!r}"
            )
        _ = self.options  # refuses what the model does
        for name in self.parameters:
            if name not in parameter_set_names():
                raise ValueError(
                    f"parameters.{name} is no vegetation type. "
                    f"{nearest(name, parameter_set_names())}"
                )
        return self

    @property
    def synthetic(self) -> bool:
        """Whether products must say SYNTHETIC."""
        return self.domain.kind == "synthetic-plateau" or self.domain.synthetic

    @property
    def options(self) -> ModelOptions:
        """The model's choices."""
        return ModelOptions(**self.model.model_dump())

    @property
    def members(self) -> tuple[tuple[str, str], ...]:
        """(climate model, scenario) pairs to run."""
        if isinstance(self.climate, GriddedClimate):
            return ((self.climate.member, self.climate.scenario),)
        return tuple((m, s) for m in self.climate.members for s in self.climate.scenarios)

    def select(
        self,
        members: list[str] | None = None,
        scenarios: list[str] | None = None,
        cells: tuple[float, float, float, float] | None = None,
    ) -> "Experiment":
        """The experiment with some of its members and scenarios (case does not matter) and cells.

        Raises:
            DataError: a name the experiment does not have, or a box that is none.
        """
        findings, chosen = [], {}
        for key, wanted in (("members", members), ("scenarios", scenarios)):
            if wanted is None:
                continue
            known = tuple(dict.fromkeys(pair[key == "scenarios"] for pair in self.members))
            by_name = {name.casefold(): name for name in known}
            findings += [
                Finding(self.name, key, "", f"{name!r} is not in the file", nearest(name, known))
                for name in wanted
                if name.casefold() not in by_name
            ]
            names = [name.casefold() for name in wanted]
            chosen[key] = tuple(name for name in known if name.casefold() in names)
        raise_findings(findings)
        if isinstance(self.climate, GriddedClimate):
            chosen = {}  # one member, one scenario
        made = self.model_copy(update={"climate": self.climate.model_copy(update=chosen)})
        if cells is None:
            return made
        if not (cells[0] < cells[2] and cells[1] < cells[3]):
            mend = "Give bbox:west,south,east,north in degrees."
            raise DataError([Finding(self.name, "cells", "", f"{cells} is no box", mend)])
        return made.model_copy(update={"cells": cells})

    def with_data(self, folder: Path | None) -> "Experiment":
        """The experiment with its input in another folder; nothing changes without one."""
        if folder is None:
            return self
        sections = {
            name: section.model_copy(update={"folder": folder.absolute()})
            for name in ("domain", "climate")
            if hasattr(section := getattr(self, name), "folder")
        }
        return self.model_copy(update=sections)

    @property
    def hash(self) -> str:
        """Hash of every choice that can change a result (not where files lie, nor workers)."""
        text = self.model_dump_json(
            exclude={
                "title": True,
                "institution": True,
                "contact": True,
                "parameters": True,  # their values are hashed, not their places
                "domain": {"folder"},
                "climate": {"folder", "members", "scenarios", "cache"},
                "run": {"workers"},
                "output": {"format"},
            }
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_experiment(path: Path | str) -> Experiment:
    """Read and validate an experiment file; relative paths are taken from its folder.

    Raises:
        DataError: one finding per fault, naming the key.
    """
    path = Path(path)
    try:
        document = read_toml(path)
    except TomlError as error:
        raise DataError([Finding(str(path), "", "", str(error), "Give an experiment.")]) from error
    findings = []
    parameters = document.get("parameters")
    for table, keys in (
        ("domain", ("folder",)),
        ("climate", ("folder", "cache")),
        ("parameters", tuple(parameters) if isinstance(parameters, dict) else ()),
    ):
        for key in keys:
            findings += _resolve(document.get(table), table, key, path)
    raise_findings(findings)
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise DataError(_finding(path, fault) for fault in error.errors()) from error


def _resolve(section: object, table: str, key: str, path: Path) -> list[Finding]:
    """A path made absolute from the experiment's folder; a relative one may not leave it."""
    if not isinstance(section, dict) or not isinstance(section.get(key), str):
        return []
    given = section[key]
    if table == "parameters" and given.startswith(FITTED):
        try:
            section[key] = str(_fitted_set(given.removeprefix(FITTED)))
        except ValueError as error:
            return [Finding(str(path), f"{table}.{key}", "", str(error), "Name one of these.")]
        return []
    if leaves(given):
        message = f"{given!r} leaves the folder of the experiment"
        mend = "Give an absolute path, or put the data below the experiment's folder."
        return [Finding(str(path), f"{table}.{key}", "", message, mend)]
    section[key] = os.path.normpath(path.parent.absolute() / given)
    return []


def _fitted_set(name: str) -> Path:
    """File of a fitted set that comes with the package, from whoever declares them.

    Raises:
        ValueError: no such set.
    """
    (point,) = entry_points(group="temjax.parameter_sets", name="fitted")
    return point.load()(name)


_KINDS = {"synthetic-plateau", "gridded", "monthly-netcdf", "isimip2b"}


def _finding(path: Path, fault: dict) -> Finding:
    """A pydantic fault in our words."""
    location = [str(part) for part in fault["loc"] if part not in _KINDS]
    key = ".".join(location)
    if fault["type"] == "extra_forbidden":
        known = sorted(_known_keys(fault["loc"][:-1]))
        return Finding(
            str(path), key, "", "unknown key", f"Remove it. {nearest(location[-1], known)}"
        )
    if fault["type"] == "missing":
        return Finding(str(path), key, "", "missing", f"Add {key} to the file.")
    message = fault["msg"].removeprefix("Value error, ")
    given = "" if isinstance(fault["input"], dict) else f" (given: {fault['input']!r})"
    return Finding(str(path), key, "", message + given, "Correct this entry.")


def _known_keys(location: tuple) -> set[str]:
    """Keys allowed in the table at a pydantic location."""
    tables: dict[tuple, type[BaseModel]] = {
        ("domain", "synthetic-plateau"): SyntheticDomain,
        ("domain", "gridded"): GriddedDomain,
        ("climate", "synthetic-plateau"): SyntheticClimate,
        ("climate", "monthly-netcdf"): GriddedClimate,
        ("climate", "isimip2b"): IsimipClimate,
        ("protocol",): Protocol,
        ("model",): ModelChoices,
        ("run",): RunSettings,
        ("output",): OutputSettings,
        (): Experiment,
    }
    if location in tables:
        return set(tables[location].model_fields)
    return set(ClimateFile.model_fields if "files" in location else Variable.model_fields)
