"""The experiment of a region: its TOML file, validated, with its paths resolved.

Unknown keys, wrong types and periods that contradict each other are findings that name the key.
"""

import hashlib
import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from temjax.files.findings import DataError, Finding, nearest, raise_findings
from temjax.files.toml import TomlError, read_toml
from temjax.options import ModelOptions
from temjax.parameters.files import parameter_set_names
from temjax.regional.experiment.domain_maps import DomainGrid, MapsDomain, is_box
from temjax.regional.experiment.one_percent import (
    ONE_PERCENT,
    RUNS,
    OnePercent,
    fault_of_one_percent,
)
from temjax.regional.experiment.run_settings import ModelChoices, OutputSettings, RunSettings
from temjax.regional.experiment.settings import (
    ClimateFile,
    DriverFiles,
    GriddedClimate,
    GriddedDomain,
    ProjectClimate,
    ProjectKind,
    Protocol,
    RepairSettings,
    Settings,
    SyntheticClimate,
    SyntheticDomain,
    Variable,
    leaves_folder,
)

FITTED = "fitted:"  # before the name of a fitted set that comes with the package
_EXPOSURE = "exposure"  # protocol without a kind
_PROJECTS = get_args(ProjectKind)


def _protocol_kind(protocol: object) -> object:
    if isinstance(protocol, dict):
        return protocol.get("kind", _EXPOSURE)
    return getattr(protocol, "kind", _EXPOSURE)


class Experiment(Settings):
    """A whole experiment file.

    Attributes:
        cells: (west, south, east, north) in degrees cuts the domain, see ``is_box``.
        parameters: vegetation type to parameter file, or ``fitted:NAME`` of a set in the package.
        keep_ground_surface: files of ``parameters`` leave the air-to-ground offset of the bundled
            type alone: that of a seasonally frozen tower thaws any permafrost
            (docs/specification/plateau.md A1).
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    region: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    institution: str = "temjax user"
    contact: str = "not given"
    cells: tuple[float, float, float, float] | None = None
    domain: Annotated[SyntheticDomain | GriddedDomain | MapsDomain, Field(discriminator="kind")]
    climate: Annotated[
        SyntheticClimate | GriddedClimate | ProjectClimate, Field(discriminator="kind")
    ]
    protocol: Annotated[
        Annotated[Protocol, Tag(_EXPOSURE)] | Annotated[OnePercent, Tag(ONE_PERCENT)],
        Discriminator(
            _protocol_kind,
            custom_error_type="protocol_kind",
            custom_error_message=f"kind is {ONE_PERCENT!r} or {_EXPOSURE!r}, the default",
        ),
    ]
    parameters: dict[str, Path] = Field(default_factory=dict)
    keep_ground_surface: bool = False
    model: ModelChoices = ModelChoices()
    run: RunSettings = RunSettings()
    output: OutputSettings = OutputSettings()

    @model_validator(mode="before")
    @classmethod
    def _runs_are_scenarios(cls, document: object) -> object:
        """The scenarios of ``one_percent`` are its runs, all of them by default."""
        if not isinstance(document, dict):
            return document
        protocol, climate = document.get("protocol"), document.get("climate")
        if not isinstance(climate, dict) or climate.get("kind") not in _PROJECTS:
            return document
        if not isinstance(protocol, dict) or _protocol_kind(protocol) == _EXPOSURE:
            return document
        return document | {"climate": {"scenarios": RUNS} | climate}

    @model_validator(mode="after")
    def _parts_agree(self) -> "Experiment":
        if isinstance(self.protocol, OnePercent):
            chosen = getattr(self.climate, "members", ()), getattr(self.climate, "scenarios", ())
            fault = fault_of_one_percent(self.protocol, self.climate.kind, *chosen)
            if fault:
                raise ValueError(fault)
        if self.cells and not is_box(self.cells):
            raise ValueError(f"cells = {list(self.cells)}: give west, south, east, north")
        if isinstance(self.domain, SyntheticDomain) != isinstance(self.climate, SyntheticClimate):
            raise ValueError(
                f"domain.kind = {self.domain.kind!r} does not go with "
                f"climate.kind = {self.climate.kind!r}"
            )
        _ = self.options  # raises what the model refuses
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
        findings, selected = [], {}
        for key, names in (("members", members), ("scenarios", scenarios)):
            if names is None:
                continue
            known = tuple(dict.fromkeys(pair[key == "scenarios"] for pair in self.members))
            lower_case = {name.casefold() for name in known}
            findings += [
                Finding(self.name, key, "", f"{name!r} is not in the file", nearest(name, known))
                for name in names
                if name.casefold() not in lower_case
            ]
            wanted = {name.casefold() for name in names}
            selected[key] = tuple(name for name in known if name.casefold() in wanted)
        raise_findings(findings)
        if isinstance(self.climate, GriddedClimate):
            selected = {}  # one member, one scenario
        experiment = self.model_copy(update={"climate": self.climate.model_copy(update=selected)})
        if cells is None:
            return experiment
        if not is_box(cells):
            mend = "Give bbox:west,south,east,north in degrees."
            raise DataError([Finding(self.name, "cells", "", f"{cells} is no box", mend)])
        return experiment.model_copy(update={"cells": cells})

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

    def with_parameters(self, files: Mapping[str, Path | str]) -> "Experiment":
        """The experiment with parameter files, or ``fitted:NAME``, of some vegetation types.

        Raises:
            DataError: a name that is no vegetation type, or no fitted set.
        """
        document = self.model_dump(mode="json", exclude_none=True)
        document["parameters"] |= {
            name: file if str(file).startswith(FITTED) else str(Path(file).absolute())
            for name, file in files.items()
        }
        return parse_experiment(document, Path(), self.name)

    def with_run(self, **choices: object) -> "Experiment":
        """The experiment with other settings of ``[run]``; those that are None stay as they are.

        Raises:
            DataError: a value that the setting does not take.
        """
        chosen = {name: value for name, value in choices.items() if value is not None}
        try:
            run = RunSettings.model_validate(self.run.model_dump() | chosen)
        except ValidationError as error:
            raise DataError(_finding(self.name, fault) for fault in error.errors()) from error
        return self.model_copy(update={"run": run})

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
                "climate": {"folder", "members", "scenarios", "cache", "cache_gb"},
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
    return parse_experiment(document, path.parent, str(path))


def parse_experiment(document: dict, folder: Path, source: str) -> Experiment:
    """Validate the tables of an experiment; relative paths are resolved in place.

    Args:
        document: tables and keys as in an experiment file.
        folder: that relative paths are taken from.
        source: the file, or what else the tables come from, for findings.

    Raises:
        DataError: one finding per fault, naming the key.
    """
    findings = []
    parameters = document.get("parameters")
    for table, keys in (
        ("domain", ("folder",)),
        ("climate", ("folder", "cache")),
        ("parameters", tuple(parameters) if isinstance(parameters, dict) else ()),
    ):
        for key in keys:
            findings += _resolve(document.get(table), table, key, folder, source)
    raise_findings(findings)
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        raise DataError(_finding(source, fault) for fault in error.errors()) from error


def _resolve(section: object, table: str, key: str, folder: Path, source: str) -> list[Finding]:
    """Make a path absolute from the experiment's folder; a relative one may not leave it."""
    if not isinstance(section, dict) or not isinstance(section.get(key), str):
        return []
    value = section[key]
    if table == "parameters" and value.startswith(FITTED):
        try:
            section[key] = str(_fitted_set(value.removeprefix(FITTED)))
        except ValueError as error:
            mend = "Name one of these; the name of a file stands without fitted:."
            return [Finding(source, f"{table}.{key}", "", str(error), mend)]
        return []
    if leaves_folder(value):
        message = f"{value!r} leaves the folder of the experiment"
        mend = "Give an absolute path, or put the data below the experiment's folder."
        return [Finding(source, f"{table}.{key}", "", message, mend)]
    section[key] = os.path.normpath(folder.absolute() / value)
    return []


def _fitted_set(name: str) -> Path:
    """File of a fitted set that comes with the package, through the entry point of its package.

    Raises:
        ValueError: no such set.
    """
    (point,) = entry_points(group="temjax.parameter_sets", name="fitted")
    return point.load()(name)


_KINDS = {
    "synthetic-plateau", "gridded", "maps", "monthly-netcdf", "netcdf", _EXPOSURE, ONE_PERCENT,
    *_PROJECTS,
}  # fmt: skip


def _finding(source: str, fault: dict) -> Finding:
    """The finding of a pydantic error."""
    location = [str(part) for part in fault["loc"] if part not in _KINDS]
    key = ".".join(location)
    if fault["type"] == "extra_forbidden":
        known = sorted(_known_keys(fault["loc"][:-1]))
        return Finding(source, key, "", "unknown key", f"Remove it. {nearest(location[-1], known)}")
    if fault["type"] == "missing":
        return Finding(source, key, "", "missing", f"Add {key} to the file.")
    message = fault["msg"].removeprefix("Value error, ")
    value = "" if isinstance(fault["input"], dict) else f" (given: {fault['input']!r})"
    return Finding(source, key, "", message + value, "Correct this entry.")


def _known_keys(location: tuple) -> set[str]:
    """Keys allowed in the table at a pydantic location."""
    tables: dict[tuple, type[BaseModel]] = {
        ("domain", "synthetic-plateau"): SyntheticDomain,
        **{("domain", kind): GriddedDomain for kind in ("gridded", "netcdf")},
        ("domain", "maps"): MapsDomain,
        ("domain", "maps", "grid"): DomainGrid,
        ("climate", "synthetic-plateau"): SyntheticClimate,
        **{("climate", kind): GriddedClimate for kind in ("monthly-netcdf", "netcdf")},
        **{("climate", kind): ProjectClimate for kind in _PROJECTS},
        ("protocol", _EXPOSURE): Protocol,
        ("protocol", ONE_PERCENT): OnePercent,
        ("model",): ModelChoices,
        ("run",): RunSettings,
        ("output",): OutputSettings,
        (): Experiment,
    }
    if location in tables:
        return set(tables[location].model_fields)
    if location[-1] == "repair":
        return set(RepairSettings.model_fields)
    if "DriverFiles" in location:
        return set(DriverFiles.model_fields)
    return set(ClimateFile.model_fields if "files" in location else Variable.model_fields)
