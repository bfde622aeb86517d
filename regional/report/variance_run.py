"""``temjax variance``: runs, shares, files and figure of a study."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from temjax.files.atomic import exclusive_folder
from temjax.regional.run.workers import start_workers
from temjax.regional.studies.draw_statistics import MISSING
from temjax.regional.studies.variance.figure import write_figure
from temjax.regional.studies.variance.files import Result, Stored, read_variance, write_variance
from temjax.regional.studies.variance.linear import linear_split, why_not
from temjax.regional.studies.variance.run import Study, run_table, run_walks


def run_variance(
    study: Study,
    out: Path,
    console: Console,
    *,
    linear: bool = True,
    resume: bool = False,
    scheduler: str | None = None,
) -> Stored:
    """Run a study and write its files; returns what they hold.

    Args:
        study: what is varied.
        out: folder.
        console: for progress, notes and the names of the files.
        linear: with linear propagation beside, where there are derivatives.
        resume: go on from restart points.
        scheduler: address of a Dask scheduler.

    Raises:
        DataError: input that cannot be run, or restart points of another study.
    """
    if linear and (reason := why_not(study)):
        study.notes.append(f"no linear propagation: {reason}")
        linear = False
    for note in study.notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    options = {"resume": resume, "console": console, "scheduler": scheduler}
    with exclusive_folder(out), start_workers(study.experiment) as workers:
        table = run_table(study, out, workers, **options)
        split = run_walks(study, out, workers, **options) if study.sources else None
        first_order = linear_split(study, console) if linear else {}
        paths = write_variance(Result(study, table, table.terms(), split, first_order), out)
        stored = read_variance(out)
        paths += write_figure(stored.rows, stored.attributes["title"], out)
    for path in paths:
        console.print(str(path), soft_wrap=True, markup=False)
    _tell(console, "draws", table.failed, table.flagged)
    if split is not None:
        _tell(console, "walks", split.failed, split.flagged)
    return stored


def _tell(console: Console, what: str, failed: list[int], flagged: Mapping[str, int]) -> None:
    """Print what failed and was left out, and what is kept but not ok."""
    text = f"{what} that failed (more than {MISSING:.0%} of the area missing), left out: "
    text += ", ".join(map(str, failed)) or "none"
    counts = ", ".join(f"{number} {status}" for status, number in flagged.items() if number)
    console.print(f"{text}; cells times runs not ok: {counts or 'none'}", markup=False)
