"""Preparation of a climate model's runs: climate, parameter sets and tiles of its scenarios."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from temjax.files.findings import DataError, Finding
from temjax.parameters.files import (
    load_parameters,
    read_fit_options,
    read_parameters,
    replace_parameters,
)
from temjax.parameters.registry import Parameters
from temjax.regional.climate.load import load_climate
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.climate import Climate, merge_findings
from temjax.regional.inputs.domain import Domain
from temjax.regional.inputs.grids.faults import one_a_fault
from temjax.regional.inputs.seams import Seam, find_seams
from temjax.regional.inputs.timeline import Timeline, build_timeline
from temjax.regional.run.cells import Cells
from temjax.regional.run.workers import TileWork
from temjax.sites.place_state import read_place_state

# ground surface of the flux towers, specific to each of them
GROUND_SURFACE = ("surface_shortwave_coefficient", "surface_resistance")


@dataclass(frozen=True)
class ScenarioRun:
    """Climate, timeline and restart folder of one scenario."""

    scenario: str
    climate: Climate
    timeline: Timeline
    seams: list[Seam]
    folder: Path


@dataclass(frozen=True)
class MemberGroup:
    """Scenarios of one climate model, which share cells, parameter sets and the past."""

    member: str
    domain: Domain
    runs: list[ScenarioRun]
    findings: dict[int, list[Finding]]
    names: list[str]
    sets: list[Parameters]
    tiles: dict[int, tuple[NDArray, NDArray]]
    shared_folder: Path
    notes: list[str]

    def tile_work(self, tile: int) -> TileWork:
        """Inputs of one tile for all scenarios; its climate is loaded here."""
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
                (f"{self.member} {run.scenario}", run.timeline, run_cells, run.folder)
                for run, run_cells in zip(self.runs, cells, strict=True)
            ],
        )


def prepare_group(
    experiment: Experiment,
    domain: Domain,
    member: str,
    scenarios: list[str],
    restart: Path,
    console: Console,
) -> MemberGroup:
    """Read the climates of a member and divide its cells into tiles.

    A cell with faulty climate in one scenario is masked in all of them, so that their areas agree.

    Raises:
        DataError: no valid cell, or the errors of ``load_climate``.
    """
    climates = [load_climate(experiment, domain, member, scenario) for scenario in scenarios]
    findings = merge_findings(domain.findings, *(climate.findings for climate in climates))
    valid = np.array([cell for cell in range(domain.size) if cell not in findings], dtype=int)
    if valid.size == 0:
        no_cell = Finding(experiment.name, "cells", "", "no cell is valid", "Mend the input.")
        raise DataError([*one_a_fault(findings), no_cell])
    if findings:
        console.print(
            f"[yellow]{len(findings)} of {domain.size} cells masked: invalid input[/] ({member})"
        )
        for fault in one_a_fault(findings):
            console.print(str(fault), markup=False, soft_wrap=True)
    kept = [climate.kept for climate in climates if climate.kept]
    notes = [note for climate in climates for note in climate.notes]
    for note in dict.fromkeys([*notes, *kept]):
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    names = sorted(set(domain.vegetation[valid]))
    sets = [parameter_set(experiment, name) for name in names]
    _require_stefan(experiment, names, sets)
    # the reference thickness of const2020 depends on the scenario and enters at the equilibrium
    shares_past = experiment.options.root_zone_nitrogen != "const2020"
    runs = []
    for scenario, climate in zip(scenarios, climates, strict=True):
        seams = find_seams(climate, domain.area)
        for seam in seams:
            console.print(f"[yellow]Forcing seam[/] {seam}")
        timeline = build_timeline(
            experiment.protocol, climate, experiment.run.block_years, share=shares_past
        )
        folder = restart / f"{member}_{scenario}".lower()
        runs.append(ScenarioRun(scenario, climate, timeline, seams, folder))
    past = runs[0].timeline.past
    shared_folder = restart / member.lower() if past[0] < past[1] else runs[0].folder
    tiles = _divide_into_tiles(experiment, domain, valid)
    notes = fitted_set_notes(experiment, names)
    return MemberGroup(member, domain, runs, findings, names, sets, tiles, shared_folder, notes)


def fitted_set_notes(experiment: Experiment, names: list[str]) -> list[str]:
    """What a run leaves out of its fitted sets: states of places, and other options of the model.

    Args:
        experiment: whose parameter files are read.
        names: vegetation types of the region.

    Returns:
        A sentence for each.
    """
    notes = []
    for vegetation in names:
        if (path := experiment.parameters.get(vegetation)) is None:
            continue
        if (state := read_place_state(path)) is not None:
            notes.append(
                f"{vegetation}: {path.name} was fitted at {state.place} with {state}: a state of "
                "that place, not applied in a region"
            )
        for option, value in read_fit_options(path).items():
            if getattr(experiment.options, option) != value:
                notes.append(
                    f"{vegetation}: {path.name} was fitted with model.{option} = "
                    f"{str(value).lower()}, which this run does not have"
                )
    return notes


def parameter_set(experiment: Experiment, vegetation: str) -> Parameters:
    """Parameter set of a vegetation type, bundled or from the experiment's file."""
    bundled = load_parameters(vegetation)
    if vegetation not in experiment.parameters:
        return bundled
    parameters = read_parameters(experiment.parameters[vegetation])
    if not experiment.keep_ground_surface:
        return parameters
    return replace_parameters(
        parameters, **{name: getattr(bundled, name) for name in GROUND_SURFACE}
    )


def _require_stefan(experiment: Experiment, names: list[str], sets: list[Parameters]) -> None:
    """Require a Stefan coefficient in every parameter set where the Stefan rule is used."""
    if experiment.options.active_layer_rule != "stefan":
        return
    missing = [n for n, s in zip(names, sets, strict=True) if np.isnan(s.stefan_coefficient)]
    if missing:
        message = f"no Stefan coefficient for {', '.join(missing)}"
        mend = "Choose active_layer_rule = 'hold', or give sets with stefan_coefficient."
        raise DataError([Finding(experiment.name, "model.active_layer_rule", "", message, mend)])


def _divide_into_tiles(
    experiment: Experiment, domain: Domain, valid_cells: NDArray
) -> dict[int, tuple[NDArray, NDArray]]:
    """Divide the domain into tiles of equal size.

    Returns:
        By tile: its domain cells, and the cells whose input its positions carry. Masked cells and
        the padding carry the input of a valid cell; a tile without a valid cell is left out.
    """
    number = -(-domain.size // experiment.run.tile_cells)
    size = -(-domain.size // number)
    valid = np.zeros(domain.size, dtype=bool)
    valid[valid_cells] = True
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
