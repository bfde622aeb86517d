"""``temjax project``, ``temjax report`` and ``temjax synthetic-plateau``.

The modules of a command are imported when it runs, concurrently with the imports of its workers.
"""

from pathlib import Path
from typing import Annotated

import typer

from temjax.command.main import before_jax, console, few_cells_command, resumable
from temjax.regional.command.options import (
    CellsInBox,
    Data,
    DrawnUnfittedTypes,
    Draws,
    Members,
    Resume,
    Scenarios,
    Scheduler,
    Seed,
    Workers,
)
from temjax.regional.run.forkserver import start_early


@before_jax(start_early)
@few_cells_command
def project_command(
    experiment: Annotated[
        Path | None, typer.Argument(help="Experiment TOML.", show_default=False)
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for results and restart points.", show_default=False)
    ] = ...,
    repeat: Annotated[
        Path | None,
        typer.Option("--from", help="Repeat the run of this folder, in place of a file."),
    ] = None,
    data: Data = None,
    resume: Resume = False,
    members: Members = None,
    scenarios: Scenarios = None,
    cells: CellsInBox = None,
    workers: Workers = None,
    tile_cells: Annotated[
        int | None,
        typer.Option(min=1, help="Cells run together, instead of the file's; 50 suit a CPU."),
    ] = None,
    scheduler: Scheduler = None,
    draws: Draws = None,
    seed: Seed = None,
    unfitted: DrawnUnfittedTypes = None,
) -> None:
    """Run a region with and without thaw exposure and write NetCDF, figures and a summary.

    Examples: temjax project region.toml --out runs/a; temjax project region.toml --out runs/a
    --resume --workers 0; temjax project --from runs/a --out runs/again; temjax project
    region.toml --out runs/b --draws 64
    """
    from temjax.regional.command.choices import choose_draws, repeated_experiment, select_experiment
    from temjax.regional.report.draws import run_parameter_draws
    from temjax.regional.report.pipeline import run_projection

    if (experiment is None) == (repeat is None):
        raise typer.BadParameter("give an experiment file, or --from RUN_DIR")
    if repeat is None:
        settings = select_experiment(experiment, members, scenarios, cells, data)
    else:
        choices = members, scenarios, cells, tile_cells
        settings = repeated_experiment(repeat, out, choices, data, console)
    console.print(settings.title, style="bold", markup=False)
    settings = settings.with_run(workers=workers, tile_cells=tile_cells)
    number, arguments = choose_draws((draws, seed, unfitted), repeat, settings, console)
    with resumable(out):
        run_projection(settings, out, console, resume=resume, scheduler=scheduler)
        if number:
            run_parameter_draws(
                settings, out, console, draws=number, **arguments, resume=resume,
                scheduler=scheduler,
            )  # fmt: skip


def synthetic_command(
    out: Annotated[Path, typer.Option(help="Folder for climate, maps and experiment.toml.")],
    members: Annotated[str, typer.Option(help="Pseudo-GCMs, comma-separated.")] = "A",
    scenarios: Annotated[str, typer.Option(help="Scenarios, comma-separated.")] = "rcp85",
    resolution: Annotated[float, typer.Option(help="Of the maps, degrees.")] = 0.5,
    daily: Annotated[bool, typer.Option(help="Daily files instead of monthly ones.")] = False,
) -> None:
    """Write the SYNTHETIC plateau as files in the layout of ISIMIP2b, to try the readers.

    Examples: temjax synthetic-plateau --out plateau --members A,B --resolution 1
    """
    from temjax.regional.command.choices import names
    from temjax.regional.inputs.synthetic_files import write_plateau

    with console.status("climate and maps"):
        path = write_plateau(
            out, tuple(names(members)), tuple(names(scenarios)), resolution=resolution,
            daily=daily,
        )  # fmt: skip
    console.print(str(path), soft_wrap=True, markup=False)


def report_command(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a finished project.")],
    thaw_points: Annotated[
        Path | None, typer.Option(help="Table (CSV) of observed active layers.")
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a run with other rules to set beside; may be repeated."),
    ] = None,
) -> None:
    """Write one HTML page with tables, figures and checks of a region's results.

    After temjax project --draws, with medians and 5-95 % over the draws.

    Examples: temjax report runs/a; temjax report runs/a --thaw-points alt.csv --compare runs/b
    """
    from temjax.regional.report.page import write_report

    with console.status("tables and figures"):
        path = write_report(folder, thaw_points=thaw_points, compare=compare)
    console.print(str(path), soft_wrap=True, markup=False)
