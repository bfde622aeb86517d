"""Runs of a region with drawn parameters: every draw through all phases, batched with the cells.

A tile holds some cells, each once per draw, one draw after the other: as many positions as a tile
of the ordinary run has cells, or those of ``LEAST_CELLS`` cells, which soil heat needs to fill the
lanes of a processor. Where no thermal parameter of its vegetation types is drawn, its cells
compute the soil climate of the years once for all draws. Restart points are those of ordinary tiles
and lie in ``restart/draws``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import Domain, load_domain
from temjax.regional.member import MASKED
from temjax.regional.run.dask import run_on_cluster
from temjax.regional.run.member_group import MemberGroup, prepare_group
from temjax.regional.run.members import classify_cells
from temjax.regional.run.progress import Meter
from temjax.regional.run.restart import Products, remove_restart_points
from temjax.regional.run.restart_products import RestartFiles, RestartProducts
from temjax.regional.run.workers import Key, TileResult, TileWork, Workers, run_tasks
from temjax.regional.studies.parameter_sources import Source, draw_sets, heat_is_shared
from temjax.regional.studies.uncertainty import repeated_cells

FOLDER = Path("restart") / "draws"
LEAST_CELLS = 8  # of a tile


@dataclass(frozen=True)
class DrawnTile:
    """Results of a tile with draws; positions are draw by draw, padding included.

    Attributes:
        index: domain cells, ``(cell,)``.
        domain: cells of the positions, ``(position,)``; padding repeats a cell.
        by_cell: convergence diagnostics and quality, ``(position,)``.
        files: restart files with the annual products.
    """

    index: NDArray
    domain: Domain
    by_cell: Products
    files: RestartFiles

    @cached_property
    def status(self) -> NDArray:
        """Index into ``member.STATUS``, ``(position,)``."""
        positions = np.arange(self.domain.size)
        return classify_cells(self.domain, [(positions, dict(self.by_cell))], {})[1]

    @cached_property
    def products(self) -> RestartProducts:
        """Products ``S_T/npp`` … ``(year, [depth,] position)``, read on access."""
        tiles = [(np.arange(self.domain.size), self.files)]
        return RestartProducts(tiles, np.isin(self.status, MASKED), {})


@dataclass(frozen=True)
class DrawnMember:
    """A member run with drawn parameters.

    Attributes:
        member, scenario: climate model and pathway.
        domain: cells.
        years: of ``historical`` and ``future``.
        draws: number of draws.
        tiles: in order.
        shared_heat: share of the tiles whose draws share the soil climate.
        cell_years: simulated in this run, with draws and padding, without those of restart points.
        seconds: computing time of its tiles, summed over workers.
    """

    member: str
    scenario: str
    domain: Domain
    years: dict[str, NDArray]
    draws: int
    tiles: list[DrawnTile]
    shared_heat: float
    cell_years: int
    seconds: float


def run_draws(
    experiment: Experiment,
    out: Path,
    workers: Workers,
    sources: Sequence[Source],
    *,
    draws: int,
    seed: int,
    resume: bool,
    console: Console,
    scheduler: str | None = None,
) -> Iterator[DrawnMember]:
    """Run all members with drawn parameters; yields them climate model by climate model.

    The draws are the same for every climate model and scenario.

    Raises:
        DataError: input that cannot be run, or restart points of other draws.
    """

    def shared(types: Sequence[str]) -> int:
        return draws if heat_is_shared(sources, types) else 1

    samples = Samples(draws, lambda sets: draw_sets(sources, sets, draws, seed), shared)
    yield from run_samples(
        experiment, out / FOLDER, workers, samples, f"{draws} draws", resume=resume,
        console=console, scheduler=scheduler,
    )  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """Parameter sets that every cell runs with, one sample after the other.

    Attributes:
        number: of samples.
        sets: sets of all vegetation types by sample, from those of the ordinary run.
        copies: how often the samples of some types repeat each other in all that the soil climate
            depends on, one copy of the samples after the other.
    """

    number: int
    sets: Callable[[Mapping[str, Parameters]], list[dict[str, Parameters]]]
    copies: Callable[[Sequence[str]], int]


def run_samples(
    experiment: Experiment,
    folder: Path,
    workers: Workers,
    samples: Samples,
    label: str,
    *,
    resume: bool,
    console: Console,
    scheduler: str | None = None,
) -> Iterator[DrawnMember]:
    """Run all members with samples of parameter sets, climate model by climate model.

    Args:
        experiment: choices.
        folder: of the restart points.
        workers: that run the tiles.
        samples: parameter sets.
        label: of the samples, for progress.
        resume: go on from restart points.
        console: for progress.
        scheduler: address of a Dask scheduler.

    Raises:
        DataError: input that cannot be run, or restart points of other samples.
    """
    domain = load_domain(experiment)
    tile_cells = max(LEAST_CELLS, experiment.run.tile_cells // samples.number)
    small = experiment.with_run(tile_cells=tile_cells)
    members = dict.fromkeys(member for member, _ in experiment.members)
    for member in members:
        scenarios = [scenario for name, scenario in experiment.members if name == member]
        group = prepare_group(small, domain, member, scenarios, folder, Console(quiet=True))
        if not resume:
            remove_restart_points(group.shared_folder, *(run.folder for run in group.runs))
        drawn = samples.sets(dict(zip(group.names, group.sets, strict=True)))
        copies = {tile: samples.copies(_types(group, tile)) for tile in group.tiles}

        def tasks(group: MemberGroup = group, drawn: list = drawn, copies: dict = copies):
            for tile in group.tiles:
                yield (0, tile), _drawn_work(group, tile, drawn, copies[tile])

        positions = samples.number * len(group.tiles) * next(iter(group.tiles.values()))[1].size
        total = sum(run.timeline.simulated_years for run in group.runs) * positions
        with Meter(console, f"{experiment.name}, {member}, {label}", total) as meter:
            completed = (
                run_on_cluster(scheduler, small, tasks(), meter)
                if scheduler
                else run_tasks(small, tasks(), meter, workers)
            )
            results: dict[Key, list[TileResult]] = dict(completed)
        shared = np.mean([number == samples.number for number in copies.values()])
        yield from _members(group, results, samples.number, float(shared))


def _types(group: MemberGroup, tile: int) -> list[str]:
    return sorted(set(group.domain.vegetation[group.tiles[tile][1]]))


def _drawn_work(
    group: MemberGroup, tile: int, drawn: Sequence[dict[str, Parameters]], copies: int
) -> TileWork:
    """Inputs of a tile with its cells once per draw."""
    work = group.tile_work(tile)
    scenarios, sets = [], work.sets
    for label, timeline, cells, folder in work.scenarios:
        repeated, sets = repeated_cells(cells, group.names, drawn)
        repeated = replace(repeated, copies=copies)
        scenarios.append((f"{label} draws", timeline, repeated, folder))
    return replace(work, sets=sets, scenarios=scenarios)


def _members(
    group: MemberGroup, results: dict[Key, list[TileResult]], draws: int, shared_heat: float
) -> Iterator[DrawnMember]:
    for number, run in enumerate(group.runs):
        tiles = []
        for (_, tile), of_scenarios in sorted(results.items()):
            index, source = group.tiles[tile]
            positions = replace(group.domain, findings={}).select(np.tile(source, draws))
            result = of_scenarios[number]
            tiles.append(DrawnTile(index, positions, result.by_cell, result.restart_files))
        timeline = run.timeline
        yield DrawnMember(
            member=group.member,
            scenario=run.scenario,
            domain=group.domain,
            years={
                name: timeline.years[slice(*span)]
                for name, span in (
                    ("historical", timeline.historical),
                    ("future", timeline.future),
                )
            },
            draws=draws,
            tiles=tiles,
            shared_heat=shared_heat,
            cell_years=sum(of[number].cell_years for of in results.values()),
            seconds=sum(of[number].seconds for of in results.values()),
        )
