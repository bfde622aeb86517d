"""``temjax project``, ``temjax report`` and ``temjax synthetic-plateau``."""

import json
import resource
import time
from collections import deque
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console
from rich.table import Table

from regional.analysis import Row
from regional.choices import Data, Members, Scenarios, names, selected
from regional.ensemble import write_ensemble
from regional.experiment import Experiment
from regional.isimip_files import write_plateau
from regional.page import RUN_RECORD, write_report
from regional.record import read_record
from regional.report import Unfinished, begin_member
from regional.run import project_members
from regional.store import require_format
from regional.stored import read_run
from regional.workers import workers_of
from temjax.cli import console, of_few_cells, resumable
from temjax.machine import peak_bytes
from temjax.run_files import write_text

AT_ONCE = 1  # members in the hands of the workers that write files: each holds its numbers


@of_few_cells
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
    resume: Annotated[
        bool, typer.Option(help="Go on from the restart points of an interrupted run.")
    ] = False,
    members: Members = None,
    scenarios: Scenarios = None,
    cells: Annotated[
        str | None, typer.Option(help="Only cells in bbox:west,south,east,north (degrees).")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes, instead of the file's; 0: one per core."),
    ] = None,
    tile_cells: Annotated[
        int | None,
        typer.Option(min=1, help="Cells run together, instead of the file's; 50 suit a CPU."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="tcp://host:port of a Dask cluster that takes the tiles."),
    ] = None,
) -> None:
    """Run a region with and without thaw exposure and write NetCDF, figures and a summary.

    Examples: temjax project region.toml --out runs/a; temjax project region.toml --out runs/a
    --resume --workers 0; temjax project --from runs/a --out runs/again
    """
    if (experiment is None) == (repeat is None):
        raise typer.BadParameter("give an experiment file, or --from RUN_DIR")
    if repeat is None:
        settings = selected(experiment, members, scenarios, cells, data)
    else:
        settings = repeated(repeat, out, (members, scenarios, cells, tile_cells), data, console)
    console.print(settings.title, style="bold", markup=False)
    given = {"workers": workers, "tile_cells": tile_cells}
    run = settings.run.model_copy(update={k: v for k, v in given.items() if v is not None})
    settings = settings.model_copy(update={"run": run})
    with resumable(out):
        run_and_write(settings, out, console, resume=resume, scheduler=scheduler)


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

    Examples: temjax report runs/a; temjax report runs/a --thaw-points alt.csv --compare runs/b
    """
    with console.status("tables and figures"):
        path = write_report(folder, thaw_points=thaw_points, compare=compare)
    console.print(str(path), soft_wrap=True, markup=False)


def repeated(
    folder: Path, out: Path, choices: tuple, data: Path | None, console: Console
) -> Experiment:
    """The experiment of a run folder, and on the console what differs here from then."""
    if any(choice is not None for choice in choices):
        message = (
            "--from repeats the run as it was, without --members, --scenarios, --cells or "
            "--tile-cells"
        )
        raise typer.BadParameter(message)
    if out.resolve() == folder.resolve():
        raise typer.BadParameter("give a folder that is not the repeated run's", param_hint="--out")
    settings, notes = read_record(folder, data)
    for note in notes:
        console.print(f"differs, last bits may too: {note}", style="yellow", markup=False)
    return settings


def run_and_write(
    settings: Experiment, out: Path, console: Console, *, resume: bool = False,
    scheduler: str | None = None,
) -> None:  # fmt: skip
    """Run an experiment and write each member as it is done, then how the run went."""
    require_format(settings.output.format)
    started, cell_years, members = time.perf_counter(), 0, []
    waiting: deque[Unfinished] = deque()

    def tell() -> None:
        member = waiting.popleft()
        files = member.ended()
        console.print(summary_table(member.label, member.rows))
        for path in files:
            console.print(str(path), soft_wrap=True)

    with workers_of(settings) as workers:
        for result in project_members(
            settings, out, workers, resume=resume, console=console, scheduler=scheduler
        ):
            waiting.append(begin_member(settings, result, out, workers))
            members.append(waiting[-1].label)
            cell_years += result.cell_years
            result.products.clear()
            while len(waiting) > AT_ONCE or (waiting and waiting[0].done()):
                tell()
        while waiting:
            tell()
        for path in write_ensemble(read_run(out), out, workers):
            console.print(str(path), soft_wrap=True)
    seconds = time.perf_counter() - started
    record = {
        "title": settings.title,
        "members": members,
        "device": jax.devices()[0].platform,
        "workers": "dask" if scheduler else settings.run.workers,
        "seconds": round(seconds, 1),
        "cell_years": cell_years,
        "cell_years_per_second": round(cell_years / seconds, 1),
        "peak_memory_gb": {
            "main": _gigabytes(resource.RUSAGE_SELF),
            "largest_worker": _gigabytes(resource.RUSAGE_CHILDREN),
        },
    }
    write_text(out / RUN_RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    console.print(str(out / RUN_RECORD), soft_wrap=True)
    rate = cell_years / seconds
    console.print(f"{cell_years:,} cell-years in {seconds:.0f} s: {rate:,.0f} cell-years/s")


def _gigabytes(who: int) -> float:
    return round(peak_bytes(who) / 1e9, 2)


def summary_table(title: str, rows: list[Row]) -> Table:
    """The summary as a table for the console."""
    table = Table(title=title)
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for row in rows:
        table.add_row(row.name, str(row))
    return table
