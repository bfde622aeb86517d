"""Case ``regional-tile`` of ``temjax benchmark``: all phases of one tile."""

import dataclasses
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from temjax.command.benchmark.cases import Case
from temjax.regional.command.demo import EXPERIMENT
from temjax.regional.experiment.experiment import read_experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.run.member_group import prepare_group
from temjax.regional.run.restart import NoRestartPoints, Products
from temjax.regional.run.tile import TileRun


def tile_case(cells: int, years: int) -> Case:
    """Synthetic plateau cells from equilibrium to the two futures, ``years`` of spin-up.

    History and future are those of the demonstration. The runs after the spin-up have the
    benchmark's precision, equilibrium and spin-up are float64 as always.
    """
    precision = jnp.result_type(float).name
    jax.config.update("jax_enable_x64", True)
    with as_file(files("temjax.regional") / "experiments" / EXPERIMENT) as path:
        experiment = read_experiment(path)
    protocol = experiment.protocol.model_copy(update={"spin_up_length": years})
    experiment = experiment.with_run(precision=precision)
    experiment = experiment.model_copy(update={"protocol": protocol})
    domain = load_domain(experiment)
    member, scenario = experiment.members[0]
    with tempfile.TemporaryDirectory() as unused:
        group = prepare_group(
            experiment, domain, member, [scenario], Path(unused), Console(quiet=True)
        )
    valid = np.concatenate([index for index, _ in group.tiles.values()])
    source = np.resize(valid, cells)
    group = dataclasses.replace(group, tiles={0: (np.arange(cells), source)})
    work = group.tile_work(0)
    _, timeline, tile_cells, _ = work.scenarios[0]

    def run() -> Products:
        return TileRun(
            experiment, timeline, tile_cells, work.sets, NoRestartPoints(), NoRestartPoints(),
            lambda phase, cell_years, computed: None,
        ).run()  # fmt: skip

    cell_years = timeline.simulated_years * cells
    return Case("regional-tile", run, (), cell_years, traceable=False)
