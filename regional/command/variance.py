"""``temjax variance``: whose uncertainty the spread of a region's totals is."""

import time
from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import before_jax, console, few_cells_command, resumable
from temjax.regional.command.options import (
    CellsInBox,
    Data,
    Members,
    Resume,
    Scenarios,
    Scheduler,
    UnfittedTypes,
    Workers,
)
from temjax.regional.run.forkserver import start_early


@before_jax(start_early)
@few_cells_command
def variance_command(
    experiment: Annotated[Path, typer.Argument(help="Experiment TOML.", show_default=False)],
    out: Annotated[
        Path, typer.Option(help="Folder for files and restart points.", show_default=False)
    ],
    draws: Annotated[int, typer.Option(min=2, help="Draws of the parameters, and walks.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 1,
    unfitted: UnfittedTypes = "prior",
    rules: Annotated[
        str | None,
        typer.Option(help="Active-layer rules; the file's, hold and stefan if not given."),
    ] = None,
    nitrogen: Annotated[
        str | None,
        typer.Option(help="Root-zone options; the file's, pulse_only and p_ratio if not given."),
    ] = None,
    b: Annotated[
        str, typer.Option(help="prior (minus and plus one SD), own (no factor), or values in m.")
    ] = "prior",
    linear: Annotated[bool, typer.Option(help="Linear propagation beside.")] = True,
    resume: Resume = False,
    members: Members = None,
    scenarios: Scenarios = None,
    cells: CellsInBox = None,
    data: Data = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Split of the variance of regional totals over parameters, climates, rules and b.

    Examples: temjax variance region.toml --out runs/a --draws 32; temjax variance region.toml
    --out runs/a --rules hold,literal --b 1.3,8 --nitrogen pulse_only
    """
    from temjax.regional.command.choices import names, select_experiment
    from temjax.regional.command.studies import show_table
    from temjax.regional.inputs.domain import load_domain
    from temjax.regional.report.variance import tables
    from temjax.regional.report.variance_run import run_variance
    from temjax.regional.studies.variance.design import choices
    from temjax.regional.studies.variance.run import plan

    start = time.perf_counter()
    settings = select_experiment(experiment, members, scenarios, cells, data)
    settings = settings.with_run(workers=workers)
    types = sorted(set(load_domain(settings).vegetation) - {""})
    chosen = choices(settings, types, names(rules), names(nitrogen), names(b))
    console.print(settings.title, style="bold", markup=False)
    with resumable(out):
        stored = run_variance(
            plan(settings, chosen, draws, seed, unfitted), out, console, linear=linear,
            resume=resume, scheduler=scheduler,
        )  # fmt: skip
    for content in tables(stored):
        show_table(console, content)
    console.print(f"variance: {time.perf_counter() - start:.0f} s")
