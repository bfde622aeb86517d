"""Run of a region: its members, their tiles in parallel, the status of their cells."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.atomic import exclusive_folder
from temjax.files.findings import Finding
from temjax.heat.equilibrium import tolerance
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import Domain, load_domain
from temjax.regional.member import (
    HEAT_NOT_SOLVED,
    INVALID_INPUT,
    MASKED,
    NEGATIVE_POOL,
    NO_VEGETATION,
    NOT_CONVERGED,
    NOT_FINITE,
    OK,
    STATUS,
    MemberResult,
)
from temjax.regional.run.area_means import RegionalClimate
from temjax.regional.run.dask import run_on_cluster
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.run.progress import Meter
from temjax.regional.run.provenance import write_record
from temjax.regional.run.restart import Products, remove_restart_points
from temjax.regional.run.restart_products import RestartProducts
from temjax.regional.run.workers import Key, TileResult, TileWork, Workers, run_tasks, start_workers
from temjax.runs.equilibrium import METHODS
from temjax.runs.quality import RunQuality
from temjax.sites.provenance import parameter_hash


def run_experiment(
    experiment: Experiment,
    out: Path,
    *,
    resume: bool = False,
    console: Console | None = None,
) -> list[MemberResult]:
    """Run every member of an experiment with all products in memory; see ``run_members``."""
    with start_workers(experiment) as workers:
        return [
            replace(member, products=dict(member.products))
            for member in run_members(experiment, out, workers, resume=resume, console=console)
        ]


def run_members(
    experiment: Experiment,
    out: Path,
    workers: Workers,
    *,
    resume: bool = False,
    console: Console | None = None,
    scheduler: str | None = None,
) -> Iterator[MemberResult]:
    """Run the members of an experiment; yields each in order when it is complete.

    float64 is enabled for the process: equilibrium and spin-up need it (false convergence in
    float32, docs/specification/model.md 15.2).

    Args:
        experiment: validated settings.
        out: folder of the run, locked for it. Restart points go to ``out/restart``: ``<member>``
            for the phases that a member's scenarios share, ``<member>_<scenario>`` for the others.
            The provenance record goes to ``out/inputs`` (``run.provenance``).
        workers: that run the tiles (``run.workers``).
        resume: continue from restart points of the same configuration; otherwise they are removed.
        console: for progress and log; quiet by default.
        scheduler: address of a Dask scheduler whose workers run the tiles instead (``run.dask``).

    Raises:
        DataError: input that cannot be run, restart points of another configuration, a folder that
            another run writes to.
        OSError: the folder cannot be written to, or its disk is full.
    """
    jax.config.update("jax_enable_x64", True)
    console = console or Console(quiet=True)
    domain = load_domain(experiment)
    for note in domain.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    groups = []
    for member in dict.fromkeys(member for member, _ in experiment.members):
        scenarios = [scenario for name, scenario in experiment.members if name == member]
        groups.append(
            prepare_group(experiment, domain, member, scenarios, out / "restart", console)
        )
    for note in dict.fromkeys(note for group in groups for note in group.notes):
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    with exclusive_folder(out):
        write_record(experiment, out)
        if not resume:
            for group in groups:
                remove_restart_points(group.shared_folder, *(run.folder for run in group.runs))
        yield from _run_groups(experiment, domain, groups, console, workers, scheduler)


def _run_groups(
    experiment: Experiment,
    domain: Domain,
    groups: list[MemberGroup],
    console: Console,
    workers: Workers,
    scheduler: str | None,
) -> Iterator[MemberResult]:
    """Run the tiles of all groups in parallel; yields a member when its last tile is complete."""
    runs = [run for group in groups for run in group.runs]
    total = sum(run.timeline.simulated_years for run in runs) * domain.size
    climates = [[RegionalClimate(domain, run.climate) for run in group.runs] for group in groups]

    def tasks() -> Iterator[tuple[Key, TileWork]]:
        for number, group in enumerate(groups):
            for tile in group.tiles:
                work = group.tile_work(tile)
                for climate, (_, _, cells, _) in zip(climates[number], work.scenarios, strict=True):
                    climate.add(cells)
                yield (number, tile), work

    pending: dict[int, dict[int, list[TileResult]]] = {number: {} for number in range(len(groups))}
    with Meter(console, experiment.name, total) as meter:
        completed = (
            run_on_cluster(scheduler, experiment, tasks(), meter)
            if scheduler
            else run_tasks(experiment, tasks(), meter, workers)
        )
        for (number, tile), results in completed:
            pending[number][tile] = results
            # the last group is left to the end, when the progress bar is gone
            while len(pending) > 1 and _first_is_complete(groups, pending):
                first = min(pending)
                tiles = pending.pop(first)
                yield from _member_results(domain, groups[first], climates[first], tiles)
    for number in sorted(pending):
        yield from _member_results(domain, groups[number], climates[number], pending[number])


def _first_is_complete(groups: list[MemberGroup], pending: dict[int, dict]) -> bool:
    first = min(pending)
    return len(pending[first]) == len(groups[first].tiles)


def _member_results(
    domain: Domain,
    group: MemberGroup,
    climates: list[RegionalClimate],
    results: dict[int, list[TileResult]],
) -> Iterator[MemberResult]:
    """Assemble the members of a group from the results of its tiles."""
    for number, (run, climate) in enumerate(zip(group.runs, climates, strict=True)):
        tiles = [
            (group.tiles[tile][0], of_tile[number]) for tile, of_tile in sorted(results.items())
        ]
        findings = {cell: list(cell_findings) for cell, cell_findings in group.findings.items()}
        diagnostics = [(index, tile.by_cell) for index, tile in tiles]
        by_cell, status = classify_cells(domain, diagnostics, findings)
        files = [(index, tile.restart_files) for index, tile in tiles]
        yield MemberResult(
            member=group.member,
            scenario=run.scenario,
            domain=domain,
            timeline=run.timeline,
            products=RestartProducts(files, np.isin(status, MASKED), by_cell),
            status=status,
            findings=dict(sorted(findings.items())),
            segments=run.climate.segments,
            seams=run.seams,
            notes=(*domain.notes, *run.climate.notes, *group.notes),
            parameter_hashes={
                name: parameter_hash(parameters)
                for name, parameters in zip(group.names, group.sets, strict=True)
            },
            climate=climate.means(),
            cell_years=sum(tile.cell_years for _, tile in tiles),
            seconds=sum(tile.seconds for _, tile in tiles),
            repairs=run.climate.repairs,
        )


def classify_cells(
    domain: Domain, tiles: list[tuple[NDArray, Products]], findings: dict[int, list[Finding]]
) -> tuple[Products, NDArray]:
    """Status of all cells from the convergence diagnostics and quality of their tiles.

    Args:
        domain: cells.
        tiles: domain cells and diagnostics of each tile.
        findings: of the input by cell; the reasons of other states than ok are added.

    Returns:
        Diagnostics by name ``(cell,)``, NaN in masked cells, and the status ``(cell,)``.
    """
    status = np.full(domain.size, OK)
    status[list(findings)] = INVALID_INPUT
    by_cell = {name: np.full(domain.size, np.nan) for _, tile in tiles for name in tile}
    for index, tile in tiles:
        for name, values in tile.items():
            by_cell[name][index] = values[: index.size]
    quality = RunQuality(*(by_cell[name] for name in RunQuality._fields))
    criteria = {
        HEAT_NOT_SOLVED: (quality.unsolved,
                          "a step of soil heat was left without a solution; results are kept",
                          "Read soil temperature and thaw depth of the cell with care."),
        NEGATIVE_POOL: (quality.negative,
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
        NOT_FINITE: (quality.finite == 0,
                     "a result is not finite",
                     "Report the cell with its input: the model should not do this."),
    }  # fmt: skip
    for code, (applies, message, mend) in criteria.items():
        for cell in np.flatnonzero(applies & (status != INVALID_INPUT)):
            status[cell] = code
            finding = Finding("model", STATUS[code], domain.label(cell), message, mend)
            findings.setdefault(int(cell), []).append(finding)
    for values in by_cell.values():
        values[np.isin(status, MASKED)] = np.nan
    return by_cell, status
