"""Plan of an export: its files, and what has to be said of them."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from temjax.files.findings import DataError, Finding
from temjax.outputs.intercomparison import Frequency
from temjax.regional.experiment.one_percent import CHANGING_CLIMATE, CONTROLS, ONE_PERCENT
from temjax.regional.exports.filling import (
    Filling,
    climate_fillings,
    fill_variables,
    project_names,
)
from temjax.regional.exports.forcing import FORCING_PRODUCTS, ForcingSeries
from temjax.regional.exports.placement import Placement, placement
from temjax.regional.exports.projects import NO_PERMAFROST, Label, Project, time_origin
from temjax.regional.exports.series import BRANCHES, Series, member_series
from temjax.regional.exports.writing import Job
from temjax.regional.results.read_back import StoredMember
from temjax.regional.run.provenance import EXPERIMENT, INPUTS

_FREQUENCIES: tuple[Frequency, ...] = ("annual", "monthly")
_SOURCE = re.compile(r"^(?P<label>.+) (?P<first>\d{4})-(?P<last>\d{4})$")
_PERSON = re.compile(r"^[^<>,\s][^<>,]*\s<[^<>\s@]+@[^<>\s@]+\.[A-Za-z]{2,}>")
_WIDTHS = (0.5, 1.0)  # of WIE-MIP, degrees
STABLE = CONTROLS["wie-mip"]
# as the archive of WIE-MIP names the patterns of its climate models
WIEMIP_MODELS = {"ukesm1-0-ll": "ukesm", "gfdl-esm4": "gfdl", "ipsl-cm6a-lr": "ipsl"}


@dataclass(frozen=True)
class Naming:
    """Names in the files in place of those of the run.

    Attributes:
        model: the land model.
        gcm: climate model; None for the run's member.
        experiment: scenario; None for the run's.
    """

    model: str = "temjax"
    gcm: str | None = None
    experiment: str | None = None


@dataclass
class Plan:
    """Files of an export, and what has to be said of it.

    Attributes:
        jobs: files to write.
        labels: what their names say.
        notes: sentences, each once.
    """

    jobs: list[Job] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """One branch of a member with its history, on the grid of the export.

    Attributes:
        member: of the run.
        name: ``S_T`` or ``S_R``.
        series: by frequency, None where the run has none.
        place: grid.
    """

    member: StoredMember
    name: str
    series: dict[Frequency, Series | None]
    place: Placement


class Planner:
    """Planner of the files of one export.

    Args:
        folder: of the run.
        out: of the export.
        project: its conventions.
        naming: names in the files.
        climate: whether the forcing is read again for the project's climate variables.
        data: folder of the forcing, if that was moved.
    """

    def __init__(
        self,
        folder: Path,
        out: Path,
        project: Project,
        naming: Naming,
        *,
        climate: bool = False,
        data: Path | None = None,
    ):
        self._folder, self._out, self._project, self._naming = folder, out, project, naming
        self._kind, self._climate, self._data = climate_kind(folder), climate, data

    def plan(self, members: list[StoredMember]) -> Plan:
        """Files of all members and both branches.

        Raises:
            DataError: a file that cannot be read, or a run that fills no variable.
        """
        plan, names = Plan(), project_names(self._project.field)
        of_climate = climate_fillings(names, FORCING_PRODUCTS) if self._climate else []
        planned: set[tuple[str, str]] = set()
        for member in members:
            if self._is_stable(member) and (STABLE, member.scenario) in planned:
                plan.notes[
                    f"{member.label} is left out: of all climate models it has one climate and CO2"
                ] = None
                continue
            planned.add((self._gcm(member), member.scenario))
            forcing = None
            for name in BRANCHES:
                branch = self._branch(member, name)
                fillings, absences = fill_variables(
                    names, branch.series, allow_annual=self._project.allow_annual
                )
                if of_climate:
                    absences.climate.clear()
                    forcing = forcing or self._forcing(branch)
                for filling in fillings:
                    self._add_jobs(plan, branch, filling, branch.series[filling.frequency])
                for filling in of_climate:
                    self._add_jobs(plan, branch, filling, forcing)
                notes = [*absences.notes(), *self._notes(branch)]
                plan.notes |= dict.fromkeys(notes)
        if self._climate and not of_climate:
            plan.notes[f"{self._project.title} asks for no climate: --climate has no effect"] = None
        if not plan.jobs:
            message = f"holds no variable that {self._project.title} asks for"
            mend = "Give the --out folder of a finished temjax project."
            raise DataError([Finding(str(self._folder), "", "", message, mend)])
        return plan

    def _forcing(self, branch: Branch) -> ForcingSeries:
        annual = branch.series["annual"]
        return ForcingSeries(self._folder, branch.member, annual, self._data)

    def _branch(self, member: StoredMember, name: str) -> Branch:
        series = {f: member_series(self._folder, member, name, f) for f in _FREQUENCIES}
        place = placement(
            series["annual"].place,
            north_first=self._project.north_first,
            global_width=self._project.global_width,
        )
        return Branch(member, name, series, place)

    def _add_jobs(
        self, plan: Plan, branch: Branch, filling: Filling, series: Series | ForcingSeries
    ) -> None:
        """Add the file of a variable, or those of its periods."""
        attributes = self._attributes(branch.series["annual"].attributes, branch)
        for experiment, first, last in self._periods(branch.member, series):
            if experiment == branch.member.scenario:  # not the history, which has a name of its own
                experiment = self._naming.experiment or experiment
            steps = [i for i, year in enumerate(series.years) if first <= year <= last]
            label = Label(
                self._naming.model, self._gcm(branch.member),
                experiment, branch.name, filling.name,
                filling.frequency, first, last,
                "global" if branch.place.is_global else series.attributes["region"],
                branch.place.width, self._kind,
            )  # fmt: skip
            path = self._out / self._project.file_name(label)
            origin = time_origin(self._project, self._kind)
            plan.labels.append(label)
            plan.jobs.append(
                Job(path, self._project, filling, series, steps[0], steps[-1] + 1, branch.place,
                    origin, attributes)
            )  # fmt: skip

    def _is_stable(self, member: StoredMember) -> bool:
        """Whether WIE-MIP names the climate of a run ``stable``: that which all GCMs have."""
        of_project = self._project.field == "wiemip" and self._kind == "wie-mip"
        changing = member.scenario in CHANGING_CLIMATE
        return of_project and _is_one_percent(member.attributes) and not changing

    def _gcm(self, member: StoredMember) -> str:
        """Name of the climate model in the files."""
        if self._is_stable(member):
            return STABLE
        of_project = self._project.field == "wiemip" and self._kind == "wie-mip"
        known = WIEMIP_MODELS.get(member.member.casefold()) if of_project else None
        return self._naming.gcm or known or member.member

    def _periods(
        self, member: StoredMember, series: Series | ForcingSeries
    ) -> list[tuple[str, int, int]]:
        """Scenario, first and last year of the files of a variable.

        Where the project has files by scenario and the climate is ISIMIP's, these are the years of
        its history and scenario; of ``one_percent`` those of the rise; else all years.
        """
        first, last = int(series.years[0]), int(series.years[-1])
        if _is_one_percent(member.attributes):
            return [(member.scenario, int(member.years["future"][0]), last)]
        if not (self._project.by_scenario and self._kind.startswith("isimip")):
            return [(member.scenario, first, last)]
        periods = []
        for source in member.attributes["climate_sources"].split("; "):
            match = _SOURCE.match(source)
            start, end = max(first, int(match["first"])), min(last, int(match["last"]))
            if start <= end:
                periods.append((match["label"], start, end))
        return periods

    def _attributes(self, attributes: dict, branch: Branch) -> dict:
        """Global attributes: those of the run, of the branch and its history."""
        history, experiment = branch.member.years["historical"], attributes["experiment"]
        if not _is_one_percent(attributes):
            experiment += (
                f"; {history[0]}-{history[-1]} is the history of both runs, with thaw exposure "
                f"from {attributes['first_exposure_year']} on"
            )
        export = f"{self._project.title}, by temjax export"
        return attributes | {"experiment": experiment, "export": export}

    def _notes(self, branch: Branch) -> list[str]:
        """What has to be said of a branch, its grid and its authors."""
        notes, attributes = [], branch.member.attributes
        year, exposed = int(attributes["branch_year"]), int(attributes["first_exposure_year"])
        if exposed <= year:
            notes.append(
                f"{NO_PERMAFROST} is S_R: without thaw exposure after {year}, with it from "
                f"{exposed} to {year}. For a run without any, exposure_from = {year + 1}"
            )
        width = branch.place.width
        if branch.place.dims != ("lat", "lon"):
            notes.append(
                f"the files keep the run's grid with two-dimensional coordinates; "
                f"{self._project.title} asks for latitude and longitude axes: regrid them"
            )
        elif self._project.global_width and not branch.place.is_global:
            notes.append(
                f"the run's grid is not part of the global one of {self._project.global_width:g} "
                "degrees, so the files keep it, and the region's name stands for global"
            )
        elif self._project.field == "wiemip" and width not in _WIDTHS:
            notes.append(f"cells are {width:g} degrees wide, WIE-MIP has 0.5 and 1")
        if self._project.by_scenario:
            notes += self._isimip_notes(attributes)
        return notes

    def _isimip_notes(self, attributes: dict) -> list[str]:
        notes = [
            f"{NO_PERMAFROST.lower()} (S_R) is no sensitivity of ISIMIP's protocol",
            "csoil-total is the whole soil's; isimip-qc asks for a depth axis, which the model has "
            "not",
        ]
        if not _PERSON.match(attributes["contact"]):
            notes.append(
                f"contact is {attributes['contact']!r}, ISIMIP asks for NAME <ADDRESS>: set it in "
                "the experiment file and run temjax project with --resume"
            )
        if self._kind.startswith("isimip4"):
            notes.append(
                "names, time axis and fill are those of ISIMIP3: assumed for ISIMIP4, whose "
                "checker has not read these files"
            )
        if not self._kind.startswith("isimip"):
            notes.append("the climate is none of ISIMIP's: its bias adjustment is named nobasd")
        return notes


def _is_one_percent(attributes: dict) -> bool:
    return attributes.get("protocol") == ONE_PERCENT


def climate_kind(folder: Path) -> str:
    """Kind of the climate of a run from its record; empty without one."""
    path = folder / INPUTS / EXPERIMENT
    if not path.is_file():
        return ""
    return str(tomllib.loads(path.read_text(encoding="utf-8"))["climate"]["kind"])
