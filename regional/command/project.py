"""How ``temjax project`` goes: tiles, each member's files as it is done, the record of the run."""

import json
import time
from collections import Counter, deque
from concurrent.futures import Future
from pathlib import Path

import jax
import typer
from rich.console import Console
from rich.table import Table

from temjax.files.atomic import write_text
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.report.member import Unfinished, begin_member
from temjax.regional.report.page import RUN_RECORD
from temjax.regional.results.effect import Row
from temjax.regional.results.ensemble_files import begin_ensemble
from temjax.regional.results.formats import require_format
from temjax.regional.results.read_back import read_run
from temjax.regional.run.members import project_members
from temjax.regional.run.provenance import read_record
from temjax.regional.run.workers import workers_of
from temjax.runtime.machine import peak_bytes


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
    """Run an experiment, write each member and ensemble as it is done, then how the run went."""
    require_format(settings.output.format)
    started, cell_years, members = time.perf_counter(), 0, []
    waiting: deque[Unfinished] = deque()
    lacking = Counter(scenario for _, scenario in settings.members)
    ensembles: dict[Path, Future] = {}

    def tell() -> None:
        member = waiting.popleft()
        files = member.ended()
        lacking[member.scenario] -= 1
        if not lacking[member.scenario]:
            found = read_run(out, member.scenario)  # earlier runs' too
            ensembles.update(begin_ensemble(found, out, workers))
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
            while waiting and waiting[0].done():
                tell()
        while waiting:
            tell()
        for path, file in ensembles.items():
            file.result()
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
            "main": _gigabytes(peak_bytes()),
            "largest_worker": _gigabytes(workers.peak_bytes()),
        },
    }
    write_text(out / RUN_RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    console.print(str(out / RUN_RECORD), soft_wrap=True)
    rate = cell_years / seconds
    console.print(f"{cell_years:,} cell-years in {seconds:.0f} s: {rate:,.0f} cell-years/s")


def _gigabytes(size: int) -> float:
    return round(size / 1e9, 2)


def summary_table(title: str, rows: list[Row]) -> Table:
    """The summary as a table for the console."""
    table = Table(title=title)
    table.add_column("quantity")
    table.add_column("value", justify="right")
    for row in rows:
        table.add_row(row.name, str(row))
    return table
