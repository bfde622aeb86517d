"""Projection of a region: one call that runs it and writes its files, and an object to read them.

::

    projection = temjax.regional.project("region.toml", "runs/region")
    projection.table()
    projection.dataset(run="S_T")["thawdepth"]
"""

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console

from temjax.files.atomic import exclusive_folder
from temjax.files.findings import DataError, Finding, nearest
from temjax.parameters.files import write_parameters
from temjax.parameters.registry import Parameters
from temjax.regional.datasets import experiment_from_datasets, name_datasets
from temjax.regional.diagnostics.members import mean_sd, of_scenario, scenarios
from temjax.regional.diagnostics.totals import MemberTotals, member_totals
from temjax.regional.experiment.experiment import Experiment, read_experiment
from temjax.regional.member import MASKED
from temjax.regional.report.page import write_report
from temjax.regional.report.pipeline import run_projection
from temjax.regional.results.effect import STILL_ROW
from temjax.regional.results.formats import open_dataset
from temjax.regional.results.member_files import DIFFERENCE, FILE_NAMES
from temjax.regional.results.read_back import StoredMember, annual_file, read_run
from temjax.regional.run.provenance import DATA, INPUTS, PARAMETERS

_SHOWN = ("SOC_PF {period}, total", "ΣΔNEP {period}, total")  # in the text of a projection


class Projection:
    """Results of a region in the folder of its run.

    Files are read when a result is accessed.

    Attributes:
        folder: of the run.
        members: every climate model and scenario, with products by year and cell.
        totals: annual series of the region and of each vegetation type, by (member, scenario).
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    @cached_property
    def experiment(self) -> Experiment:
        """Settings of the run."""
        return read_experiment(self.folder / INPUTS / "experiment.toml")

    @cached_property
    def members(self) -> tuple[StoredMember, ...]:
        """Every climate model and scenario, ordered by scenario and member."""
        return tuple(read_run(self.folder))

    @cached_property
    def totals(self) -> dict[tuple[str, str], MemberTotals]:
        """Annual series of the region and of each vegetation type, by (member, scenario)."""
        return {(member.member, member.scenario): member_totals(member) for member in self.members}

    def member(self, member: str | None = None, scenario: str | None = None) -> StoredMember:
        """The only member of a name and scenario; either may be left out if that suffices.

        Raises:
            ValueError: there is none, or several.
        """
        matching = [
            candidate
            for candidate in self.members
            if member in (None, candidate.member) and scenario in (None, candidate.scenario)
        ]
        if len(matching) == 1:
            return matching[0]
        labels = [candidate.label for candidate in self.members]
        hint = nearest(" ".join(name for name in (member, scenario) if name), labels)
        raise ValueError(f"{len(matching)} members match; name member and scenario. {hint}")

    def table(self) -> pd.DataFrame:
        """Regional numbers: a row for each quantity and unit, a column for each member."""
        columns = {
            (member.member, member.scenario): {
                (row.name, row.unit): row.value for row in member.summary
            }
            for member in self.members
        }
        table = pd.DataFrame(columns).reindex([*next(iter(columns.values()))])
        table.index.names, table.columns.names = ("quantity", "unit"), ("member", "scenario")
        return table

    def dataset(
        self,
        member: str | None = None,
        scenario: str | None = None,
        *,
        run: str = "S_T",
        monthly: bool = False,
    ) -> xr.Dataset:
        """Open the result file of a run; values are read on access.

        Args:
            member, scenario: may be left out where there is one only.
            run: ``historical``, ``S_R``, ``S_T`` or ``difference`` (S_T − S_R).
            monthly: products by month, where the experiment writes them.

        Raises:
            ValueError: no such member or run.
            DataError: a file that is missing or damaged.
        """
        names = FILE_NAMES | {DIFFERENCE: DIFFERENCE}
        if run not in names:
            raise ValueError(f"run = {run!r} does not exist. {nearest(run, names)}")
        stored = self.member(member, scenario)
        path = annual_file(self.folder, stored.attributes, names[run], stored.suffix)
        if monthly:
            path = path.with_name(path.name.replace("_annual_", "_monthly_"))
            if not path.exists():
                mend = 'Name products in the setting output = {"monthly": [...]}.'
                raise DataError([Finding(str(path), "", "", "was not written", mend)])
        return open_dataset(path, decode=True)

    def report(
        self, *, thaw_points: Path | None = None, compare: Sequence[Path] | None = None
    ) -> Path:
        """Write the HTML report, see ``report.page.write_report``; returns its path."""
        return write_report(self.folder, thaw_points=thaw_points, compare=compare)

    def __repr__(self) -> str:
        first = self.members[0]
        masked = int(np.isin(first.status, MASKED).sum())
        area = float(first.domain.area[~np.isin(first.status, MASKED)].sum())
        spans = {name: f"{years[0]}-{years[-1]}" for name, years in first.years.items()}
        lines = [
            f"Projection: {first.attributes['title']}",
            f"  folder: {self.folder}",
            f"  cells: {first.domain.size} ({masked} masked), {area:,.0f} km²",
            f"  years: history {spans['historical']}, S_R and S_T {spans['future']}",
            f"  members: {', '.join(member.label for member in self.members)}",
        ]
        for scenario in scenarios(self.members):
            shown = [text.format(period=spans["future"]) for text in _SHOWN]
            for name in _shown_rows(first, shown):
                rows = [
                    row
                    for member in of_scenario(self.members, scenario)
                    for row in member.summary
                    if row.name == name
                ]
                value = mean_sd(row.value for row in rows).text()
                lines.append(f"  {scenario}: {name} {value} {rows[0].unit}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        text = repr(self).replace("&", "&amp;").replace("<", "&lt;")
        return f"<pre>{text}</pre>{self.table().to_html(float_format='{:,.4g}'.format)}"


def _shown_rows(member: StoredMember, totals: list[str]) -> list[str]:
    """Names of the summary's rows in the text of a projection: totals, and what stands still."""
    names = [row.name for row in member.summary]
    return [name for name in names if name in totals or name.startswith(STILL_ROW)]


def read_projection(folder: Path | str) -> Projection:
    """Read the projection in the folder of a finished run.

    Raises:
        DataError: the folder holds no results, or incomplete ones.
    """
    projection = Projection(folder)
    _ = projection.members
    return projection


def project(
    experiment: Experiment | Path | str | None = None,
    out: Path | str | None = None,
    *,
    climate: xr.Dataset | Mapping[str, xr.Dataset] | None = None,
    domain: xr.Dataset | None = None,
    parameters: Mapping[str, Parameters | Path | str] | None = None,
    members: Sequence[str] | None = None,
    scenarios: Sequence[str] | None = None,
    cells: tuple[float, float, float, float] | None = None,
    workers: int | None = None,
    resume: bool = False,
    scheduler: str | None = None,
    quiet: bool = False,
    **settings: object,
) -> Projection:
    """Run a region with and without thaw exposure and write its files, as ``temjax project`` does.

    Either an experiment, or datasets in memory::

        project("region.toml", "runs/region", workers=4)
        project(
            out="runs/region", climate=climate, domain=domain, equilibrium_years=(1901, 1930),
            historical=(1901, 2020), future=(2021, 2099),
        )

    Args:
        experiment: file or settings.
        out: folder of the run; without one, a temporary folder that is removed with the result.
        climate: monthly air temperature, precipitation and shortwave ``(time, lat, lon)`` and CO2
            ``(year)`` or ``(time)``, or several such datasets in time order by label.
        domain: vegetation (names of parameter sets, or numbers of ``classes``), sand, silt, clay
            (percent), elevation (m) and, optionally, mask, ``(lat, lon)``.
        parameters: by vegetation type: parameters, a parameter file or ``fitted:NAME``.
        members, scenarios: to run; all by default.
        cells: (west, south, east, north) in degrees.
        workers: processes, instead of those of the experiment; 0 takes one per core. A script needs
            the ``if __name__ == "__main__"`` guard for more than one.
        resume: continue from the restart points of an interrupted run.
        scheduler: address of a Dask scheduler whose workers run the tiles.
        quiet: no progress bar and no messages.
        settings: of a region in memory: keys of an experiment file (``docs/regional.md``) without
            their tables, for example ``spin_up_length``, ``exposure_from``, ``classes``, ``model``.

    Raises:
        DataError: input that cannot be run, with every fault: dataset or file, variable and place.
        TypeError: neither an experiment nor datasets, or both.
    """
    _check_types(climate, domain)
    in_memory = climate is not None and domain is not None
    if in_memory == (experiment is not None) or (climate is None) != (domain is None):
        raise TypeError("give an experiment, or climate and domain")
    if experiment is not None and settings:
        raise TypeError(f"an experiment has its own settings: {', '.join(settings)}")
    folder = Path(out if out is not None else tempfile.mkdtemp(prefix="temjax-"))
    projection = Projection(folder)
    if out is None:
        weakref.finalize(projection, shutil.rmtree, folder, ignore_errors=True)
    if experiment is None:
        with exclusive_folder(folder):
            chosen = experiment_from_datasets(climate, domain, folder / INPUTS / DATA, settings)
    elif isinstance(experiment, Experiment):
        chosen = experiment
    else:
        chosen = read_experiment(experiment)
    if parameters:
        chosen = chosen.with_parameters(_parameter_files(parameters, folder))
    chosen = chosen.select(members, scenarios, cells).with_run(workers=workers)
    try:
        run_projection(chosen, folder, Console(quiet=quiet), resume=resume, scheduler=scheduler)
    except DataError as error:
        if experiment is not None:
            raise
        raise DataError(name_datasets(error.findings, chosen)) from error
    return projection


def _check_types(climate: object, domain: object) -> None:
    """Check that climate and domain are datasets.

    Raises:
        TypeError: naming the argument and what it takes.
    """
    several = isinstance(climate, Mapping) and not isinstance(climate, xr.Dataset)
    parts = climate.values() if several else (climate,)
    if climate is not None and not all(isinstance(part, xr.Dataset) for part in parts):
        raise TypeError("climate: give an xarray Dataset, or several by label in a dict")
    if domain is not None and not isinstance(domain, xr.Dataset):
        raise TypeError(f"domain: give an xarray Dataset, not {type(domain).__name__}")


def _parameter_files(
    parameters: Mapping[str, Parameters | Path | str], folder: Path
) -> dict[str, Path | str]:
    """Files of parameter sets; those in memory are written where a run keeps its copies."""
    files = {}
    for name, value in parameters.items():
        if isinstance(value, Parameters):
            path = folder / INPUTS / PARAMETERS / f"{name}.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_parameters(value, path, name=name, title="parameters in memory")
            value = path
        files[name] = value
    return files
