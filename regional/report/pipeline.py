"""Pipeline of a run: members are simulated, and written by workers while others are simulated."""

import json
import time
from collections import Counter, deque
from concurrent.futures import Future
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from temjax.files.atomic import write_text
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.report.member import PendingMember, submit_member
from temjax.regional.report.page import RUN_RECORD
from temjax.regional.results.effect import SummaryRow
from temjax.regional.results.ensemble_files import submit_ensemble
from temjax.regional.results.formats import require_format
from temjax.regional.results.read_back import read_run
from temjax.regional.run.members import run_members
from temjax.regional.run.workers import Workers, start_workers
from temjax.runtime.machine import peak_bytes
from temjax.runtime.terminal import print_table


def run_projection(
    experiment: Experiment,
    out: Path,
    console: Console,
    *,
    resume: bool = False,
    scheduler: str | None = None,
) -> None:
    """Run an experiment and write each member and ensemble when it is complete, then the record.

    Raises:
        DataError: input that cannot be run, or a folder that another run writes to.
        OSError: a file cannot be written.
    """
    require_format(experiment.output.format)
    start, cell_years, labels = time.perf_counter(), 0, []
    with start_workers(experiment) as workers:
        output = _OutputQueue(experiment, out, console, workers)
        for result in run_members(
            experiment, out, workers, resume=resume, console=console, scheduler=scheduler
        ):
            labels.append(output.add(submit_member(experiment, result, out, workers)))
            cell_years += result.cell_years
        output.finish()
    seconds = time.perf_counter() - start
    record = {
        "title": experiment.title,
        "members": labels,
        "device": jax.devices()[0].platform,
        "workers": "dask" if scheduler else experiment.run.workers,
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


class _OutputQueue:
    """Output of members that workers are writing, finished and printed in order."""

    def __init__(self, experiment: Experiment, out: Path, console: Console, workers: Workers):
        self._out, self._console, self._workers = out, console, workers
        self._pending: deque[PendingMember] = deque()
        self._remaining = Counter(scenario for _, scenario in experiment.members)
        self._ensembles: dict[Path, Future] = {}

    def add(self, member: PendingMember) -> str:
        """Add a member and finish those whose files are written; returns its label."""
        self._pending.append(member)
        while self._pending and self._pending[0].done():
            self._finish_first()
        return member.label

    def finish(self) -> None:
        """Wait for all files."""
        while self._pending:
            self._finish_first()
        for path, future in self._ensembles.items():
            future.result()
            self._console.print(str(path), soft_wrap=True)

    def _finish_first(self) -> None:
        member = self._pending.popleft()
        files = member.wait()
        self._remaining[member.scenario] -= 1
        if not self._remaining[member.scenario]:
            stored = read_run(self._out, member.scenario)  # with those of earlier runs
            self._ensembles.update(submit_ensemble(stored, self._out, self._workers))
        print_table(self._console, summary_table(member.label, member.rows))
        for path in files:
            self._console.print(str(path), soft_wrap=True)


def _gigabytes(size: int) -> float:
    return round(size / 1e9, 2)


def summary_table(title: str, rows: list[SummaryRow]) -> Table:
    """Summary of a member as a table for the console."""
    table = Table(title=title)
    table.add_column("quantity", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.name, str(row))
    return table
