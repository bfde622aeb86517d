"""A member laid out for its run: climate read, parameter sets gathered, cells cut into tiles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.parameters.files import load_parameters, read_parameters, replace_parameters
from temjax.parameters.registry import Parameters
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.climate import Climate
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.load import load_climate, merge_findings
from temjax.regional.inputs.seams import Seam, find_seams
from temjax.regional.inputs.timeline import Timeline, make_timeline
from temjax.regional.run.cells import Cells
from temjax.regional.run.workers import TileWork

# the towers' own ground surface, which no other place shares
GROUND_SURFACE = ("surface_shortwave_coefficient", "surface_resistance")


@dataclass(frozen=True)
class Planned:
    """One scenario of a member, before it is run."""

    scenario: str
    climate: Climate
    timeline: Timeline
    seams: list[Seam]
    folder: Path


@dataclass(frozen=True)
class Group:
    """The scenarios of one climate model: they share cells, parameter sets and the past."""

    member: str
    domain: Domain
    runs: list[Planned]
    findings: dict[int, list[Finding]]
    names: list[str]
    sets: list[Parameters]
    tiles: dict[int, tuple[NDArray, NDArray]]
    shared_folder: Path

    def work(self, tile: int) -> TileWork:
        """Inputs of one tile, all scenarios; climate is read here and not kept."""
        index, source = self.tiles[tile]
        domain = self.domain
        cells = [
            Cells(
                number=tile,
                index=index,
                latitude=domain.latitude[source],
                elevation=domain.elevation[source],
                silt_plus_clay=domain.silt_plus_clay[source],
                parameter_index=np.searchsorted(self.names, domain.vegetation[source]),
                climate=run.climate.load(source),
            )
            for run in self.runs
        ]
        return TileWork(
            sets=self.sets,
            shared_folder=self.shared_folder,
            scenarios=[
                (f"{self.member} {run.scenario}", run.timeline, given, run.folder)
                for run, given in zip(self.runs, cells, strict=True)
            ],
        )


def prepare(
    experiment: Experiment,
    domain: Domain,
    member: str,
    scenarios: list[str],
    restart: Path,
    console: Console,
) -> Group:
    """Read a member's climates and lay out its tiles.

    A cell with faulty climate in one scenario is masked in all of them, so that their areas agree.
    """
    climates = [load_climate(experiment, domain, member, scenario) for scenario in scenarios]
    findings = merge_findings(domain.findings, *(climate.findings for climate in climates))
    good = np.array([cell for cell in range(domain.size) if cell not in findings], dtype=int)
    if good.size == 0:
        raise DataError(
            [fault for found in list(findings.values())[:1] for fault in found]
            + [Finding(experiment.name, "cells", "", "no cell is valid", "Mend the input.")]
        )
    if findings:
        console.print(
            f"[yellow]{len(findings)} of {domain.size} cells masked: invalid input[/] ({member})"
        )
    names = sorted(set(domain.vegetation[good]))
    sets = [parameter_set(experiment, name) for name in names]
    _check_stefan(experiment, names, sets)
    # the reference thickness of const2020 depends on the scenario and enters at the equilibrium
    share = experiment.options.root_zone_nitrogen != "const2020"
    runs = []
    for scenario, climate in zip(scenarios, climates, strict=True):
        seams = find_seams(climate, domain.area)
        for seam in seams:
            console.print(f"[yellow]Forcing seam[/] {seam}")
        timeline = make_timeline(
            experiment.protocol, climate, experiment.run.block_years, share=share
        )
        folder = restart / f"{member}_{scenario}".lower()
        runs.append(Planned(scenario, climate, timeline, seams, folder))
    shares = runs[0].timeline.past[0] < runs[0].timeline.past[1]
    shared_folder = restart / member.lower() if shares else runs[0].folder
    tiles = _tiles(experiment, domain, good)
    return Group(member, domain, runs, findings, names, sets, tiles, shared_folder)


def parameter_set(experiment: Experiment, vegetation: str) -> Parameters:
    """The set of a vegetation type, bundled or from the experiment's file."""
    bundled = load_parameters(vegetation)
    if vegetation not in experiment.parameters:
        return bundled
    given = read_parameters(experiment.parameters[vegetation])
    if not experiment.keep_ground_surface:
        return given
    return replace_parameters(given, **{name: getattr(bundled, name) for name in GROUND_SURFACE})


def _check_stefan(experiment: Experiment, names: list[str], sets: list[Parameters]) -> None:
    """The Stefan rule needs a coefficient in every parameter set."""
    if experiment.options.active_layer_rule != "stefan":
        return
    lacking = [n for n, s in zip(names, sets, strict=True) if np.isnan(s.stefan_coefficient)]
    if lacking:
        message = f"no Stefan coefficient for {', '.join(lacking)}"
        mend = "Choose active_layer_rule = 'hold', or give sets with stefan_coefficient."
        raise DataError([Finding(experiment.name, "model.active_layer_rule", "", message, mend)])


def _tiles(
    experiment: Experiment, domain: Domain, good: NDArray
) -> dict[int, tuple[NDArray, NDArray]]:
    """Tiles of one common size: the domain cells of each and the cells whose input they carry.

    Cells keep their position; faulty ones and the padding carry a good cell's input. A tile
    without a good cell is left out.
    """
    number = -(-domain.size // experiment.run.tile_cells)
    size = -(-domain.size // number)
    valid = np.zeros(domain.size, dtype=bool)
    valid[good] = True
    tiles = {}
    for tile in range(number):
        index = np.arange(tile * size, min((tile + 1) * size, domain.size))
        usable = index[valid[index]]
        if usable.size == 0:
            continue
        source = np.full(size, usable[0])
        source[: index.size] = np.where(valid[index], index, usable[0])
        tiles[tile] = (index, source)
    return tiles
