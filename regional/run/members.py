"""A regional run: cells in tiles, tiles side by side, bad cells masked and named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.atomic import exclusive_folder
from temjax.files.findings import Finding
from temjax.heat.equilibrium import tolerance
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.climate import Segment
from temjax.regional.inputs.domain import Domain, load_domain
from temjax.regional.inputs.seams import Seam
from temjax.regional.inputs.timeline import Timeline
from temjax.regional.run.area_means import RegionalClimate
from temjax.regional.run.dask import run_on_cluster
from temjax.regional.run.member_group import Group, prepare
from temjax.regional.run.progress import Meter
from temjax.regional.run.provenance import write_record
from temjax.regional.run.restart import Products, remove_points
from temjax.regional.run.restart_products import KeptProducts
from temjax.regional.run.workers import TileDone, TileWork, Workers, run_tasks, workers_of
from temjax.runs.equilibrium import METHODS
from temjax.runs.quality import RunQuality
from temjax.sites.provenance import parameter_hash

STATUS = (
    "ok", "equilibrium_not_converged", "invalid_input", "no_vegetation", "not_finite",
    "negative_pool", "heat_not_solved",
)  # fmt: skip
(OK, NOT_CONVERGED, INVALID_INPUT, NO_VEGETATION, NOT_FINITE, NEGATIVE_POOL,
 HEAT_NOT_SOLVED) = range(len(STATUS))  # fmt: skip
MASKED = (INVALID_INPUT, NO_VEGETATION, NOT_FINITE)


@dataclass
class MemberResult:
    """One member's run.

    Attributes:
        member, scenario: climate model and pathway.
        domain: cells.
        timeline: years.
        products: ``historical/npp``, ``S_R/npp``, ``S_T/npp`` ... ``(year, [depth,] cell)``; NaN in
            masked cells. Certificates as ``equilibrium/residual`` ... ``(cell,)``. Of a member that
            has just been run they lie in its restart points.
        status: index into ``STATUS``, ``(cell,)``.
        findings: reasons by cell, for every cell that is not ok.
        segments: climate sources in order.
        seams: steps where climate sources meet.
        parameter_hashes: by vegetation type in use.
        climate: area-weighted annual means of the climate (sum of precipitation) and CO2 by name,
            ``(year,)`` from the first year of the climate on.
        cell_years: simulated now, without those taken from restart points; a past that scenarios
            share counts for the first of them.
        seconds: time of its tiles, added up over workers.
    """

    member: str
    scenario: str
    domain: Domain
    timeline: Timeline
    products: Mapping[str, NDArray]
    status: NDArray
    findings: dict[int, list[Finding]]
    segments: tuple[Segment, ...]
    seams: list[Seam]
    parameter_hashes: dict[str, str]
    climate: dict[str, NDArray]
    cell_years: int
    seconds: float


def project(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> list[MemberResult]:
    """Run every member of an experiment and hold all results; see ``project_members``."""
    with workers_of(experiment) as workers:
        return [
            replace(member, products=dict(member.products))
            for member in project_members(experiment, out, workers, resume=resume, console=console)
        ]


def project_members(
    experiment: Experiment,
    out: Path,
    workers: Workers,
    *,
    resume: bool = False,
    console: Console | None = None,
    scheduler: str | None = None,
) -> Iterator[MemberResult]:
    """Run the members of an experiment; each is handed over when it is done, in order.

    float64 is switched on for the process: equilibrium and spin-up need it (false convergence in
    float32, numerics.md).

    Args:
        experiment: validated choices.
        out: no other run may write to it meanwhile. Restart points go to ``out/restart``:
            ``<member>`` for the phases that a member's scenarios share, ``<member>_<scenario>`` for
            the others. What repeats the run goes to ``out/inputs`` (``run.provenance``).
        workers: take the tiles (``temjax.regional.run.workers``).
        resume: go on from restart points of the same configuration; otherwise they are removed.
        console: for progress and log; a quiet one by default.
        scheduler: address of a Dask scheduler whose workers take the tiles in their stead
            (``temjax.regional.run.dask``).

    Raises:
        DataError: input that cannot be run, restart points of another configuration, a folder that
            another run writes to.
        OSError: the folder cannot be written to, or its disk is full.
    """
    jax.config.update("jax_enable_x64", True)
    console = console or Console(quiet=True)
    domain = load_domain(experiment)
    groups = []
    for member in dict.fromkeys(member for member, _ in experiment.members):
        scenarios = [scenario for name, scenario in experiment.members if name == member]
        groups.append(prepare(experiment, domain, member, scenarios, out / "restart", console))
    with exclusive_folder(out):
        write_record(experiment, out)
        if not resume:
            for group in groups:
                remove_points(group.shared_folder, *(run.folder for run in group.runs))
        yield from _run_groups(experiment, domain, groups, console, workers, scheduler)


def _run_groups(
    experiment: Experiment,
    domain: Domain,
    groups: list[Group],
    console: Console,
    workers: Workers,
    scheduler: str | None,
) -> Iterator[MemberResult]:
    """Tiles of all groups side by side; a member is handed over when its last tile is done."""
    runs = [run for group in groups for run in group.runs]
    total = sum(run.timeline.simulated_years for run in runs) * domain.size
    tasks = ((position, tile) for position, group in enumerate(groups) for tile in group.tiles)
    with Meter(console, experiment.name, total) as meter:
        waiting = {position: {} for position in range(len(groups))}
        climates = [
            [RegionalClimate(domain, run.climate) for run in group.runs] for group in groups
        ]

        def work(position: int, tile: int) -> TileWork:
            made = groups[position].work(tile)
            for climate, (_, _, cells, _) in zip(climates[position], made.scenarios, strict=True):
                climate.add(cells)
            return made

        works = ((key, work(*key)) for key in tasks)
        done = (
            run_on_cluster(scheduler, experiment, works, meter)
            if scheduler
            else run_tasks(experiment, works, meter, workers)
        )
        for (position, tile), made in done:
            waiting[position][tile] = made
            while len(waiting) > 1 and _complete(groups, waiting):
                position = min(waiting)
                made = waiting.pop(position)
                yield from _results(domain, groups[position], climates[position], made)
    for position in sorted(waiting):
        yield from _results(domain, groups[position], climates[position], waiting[position])


def _complete(groups: list[Group], waiting: dict[int, dict]) -> bool:
    first = min(waiting)
    return len(waiting[first]) == len(groups[first].tiles)


def _results(
    domain: Domain,
    group: Group,
    climates: list[RegionalClimate],
    made: dict[int, list[TileDone]],
) -> Iterator[MemberResult]:
    for number, (run, climate) in enumerate(zip(group.runs, climates, strict=True)):
        tiles = [(group.tiles[tile][0], done[number]) for tile, done in sorted(made.items())]
        findings = {cell: list(found) for cell, found in group.findings.items()}
        by_cell, status = collect(domain, [(i, done.by_cell) for i, done in tiles], findings)
        points = [(index, done.points) for index, done in tiles]
        yield MemberResult(
            member=group.member,
            scenario=run.scenario,
            domain=domain,
            timeline=run.timeline,
            products=KeptProducts(points, np.isin(status, MASKED), by_cell),
            status=status,
            findings=dict(sorted(findings.items())),
            segments=run.climate.segments,
            seams=run.seams,
            parameter_hashes={
                name: parameter_hash(parameters)
                for name, parameters in zip(group.names, group.sets, strict=True)
            },
            climate=climate.means(),
            cell_years=sum(done.cell_years for _, done in tiles),
            seconds=sum(done.seconds for _, done in tiles),
        )


def collect(
    domain: Domain, tiles: list[tuple[NDArray, Products]], findings: dict[int, list[Finding]]
) -> tuple[Products, NDArray]:
    """Certificates and quality of all tiles' cells, and the status they amount to.

    Masked cells become NaN, reasons go to ``findings``.
    """
    status = np.full(domain.size, OK)
    status[list(findings)] = INVALID_INPUT
    by_cell = {name: np.full(domain.size, np.nan) for _, tile in tiles for name in tile}
    for index, tile in tiles:
        for name, values in tile.items():
            by_cell[name][index] = values[: index.size]
    sound = RunQuality(*(by_cell[name] for name in RunQuality._fields))
    certificate = {
        HEAT_NOT_SOLVED: (sound.unsolved,
                          "a step of soil heat was left without a solution; results are kept",
                          "Read soil temperature and thaw depth of the cell with care."),
        NEGATIVE_POOL: (sound.negative,
                        "a pool fell below zero within a month; results are kept",
                        "Check decomposition parameters against the climate: rates above about "
                        "1 per month are not resolved."),
        NO_VEGETATION: (by_cell["equilibrium/method"] == METHODS.index("no vegetation"),
                        "too cold or too dry for vegetation: warmest month of the equilibrium "
                        "climate below -1 degC, or no precipitation",
                        "Leave the cell out of the vegetation map, or check its climate."),
        NOT_CONVERGED: (np.isin(by_cell["equilibrium/method"],
                                [METHODS.index("not converged"), METHODS.index("not isolated")])
                        | (by_cell["equilibrium/heat_residual"] > tolerance(float)),
                        "equilibrium not converged; results are kept",
                        "Read its later years with care, or lengthen the spin-up."),
        NOT_FINITE: (sound.finite == 0,
                     "a result is not finite",
                     "Report the cell with its input: the model should not do this."),
    }  # fmt: skip
    for code, (applies, message, mend) in certificate.items():
        for cell in np.flatnonzero(applies & (status != INVALID_INPUT)):
            status[cell] = code
            found = Finding("model", STATUS[code], domain.name(cell), message, mend)
            findings.setdefault(int(cell), []).append(found)
    for values in by_cell.values():
        values[np.isin(status, MASKED)] = np.nan
    return by_cell, status
