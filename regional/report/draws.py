"""``temjax project --draws``: runs with drawn parameters after the ordinary run."""

import time
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from temjax.files.atomic import exclusive_folder
from temjax.regional.diagnostics.totals import REGION, MemberTotals, member_totals
from temjax.regional.experiment.experiment import Experiment
from temjax.regional.inputs.domain import load_domain
from temjax.regional.results.read_back import read_run
from temjax.regional.run.provenance import DrawRecord, write_draw_record
from temjax.regional.run.workers import start_workers
from temjax.regional.studies.draw_files import SHOWN, write_draws, write_parameters_of_draws
from temjax.regional.studies.draw_run import run_draws
from temjax.regional.studies.draw_statistics import (
    MISSING,
    Statistics,
    group_numbers,
    statistics,
    summary,
)
from temjax.regional.studies.parameter_sources import (
    Unfitted,
    parameter_sources,
    source_records,
)
from temjax.runtime.machine import peak_bytes
from temjax.runtime.terminal import print_table


def run_parameter_draws(
    experiment: Experiment,
    out: Path,
    console: Console,
    *,
    draws: int,
    seed: int = 1,
    unfitted: Unfitted = "prior",
    repeated: DrawRecord | None = None,
    resume: bool = False,
    scheduler: str | None = None,
) -> None:
    """Run an experiment with parameters drawn from what is known of them, and write statistics.

    Args:
        experiment: choices.
        out: folder, with the results of the ordinary run.
        console: for progress, notes and the table of results.
        draws: number of draws.
        seed: of the draws.
        unfitted: types without a fit vary by the priors, or not at all.
        repeated: record of the run that is repeated, whose sources are compared.
        resume: go on from restart points.
        scheduler: address of a Dask scheduler.

    Raises:
        DataError: input that cannot be run, a parameter file without a posterior, restart points
            of other draws.
    """
    jax.config.update("jax_enable_x64", True)
    types = sorted(set(load_domain(experiment).vegetation) - {""})
    sources, notes = parameter_sources(experiment, types, unfitted)
    for note in notes:
        console.print(f"note: {note}", markup=False, soft_wrap=True)
    records = source_records(sources, types)
    if repeated is not None and repeated.sources != records:
        message = "differs: what parameters are drawn from is not what the repeated run drew from"
        console.print(message, style="yellow")
    central = {
        (m.member.lower(), m.scenario.lower()): _central(member_totals(m)) for m in read_run(out)
    }
    start = time.perf_counter()
    with exclusive_folder(out), start_workers(experiment) as workers:
        console.print(str(write_parameters_of_draws(sources, draws, seed, out)), soft_wrap=True)
        write_draw_record(DrawRecord(draws, seed, unfitted, records, experiment.hash), out)
        for member in run_draws(
            experiment, out, workers, sources, draws=draws, seed=seed, resume=resume,
            console=console, scheduler=scheduler,
        ):  # fmt: skip
            result = statistics(member)
            record = {
                "draws": draws,
                "seed": seed,
                "unfitted": unfitted,
                "sources": records,
                "notes": notes,
                "cell_years": member.cell_years,
                "seconds": round(member.seconds, 1),
                "peak_memory_gb": round(max(peak_bytes(), workers.peak_bytes()) / 1e9, 2),
            }
            key = member.member.lower(), member.scenario.lower()
            numbers = central.get(key, {})
            for path in write_draws(experiment, member, result, numbers, record, out):
                console.print(str(path), soft_wrap=True)
            label = f"{member.member} {member.scenario}, {draws} draws"
            print_table(console, draws_table(label, result, numbers))
            if member.seconds and member.cell_years:
                rate = member.cell_years / member.seconds
                console.print(
                    f"{member.cell_years:,} cell-years, {rate:,.0f} per second and worker"
                )
    console.print(f"draws: {time.perf_counter() - start:.0f} s")


def _central(totals: MemberTotals) -> dict[str, dict[str, float]]:
    """Numbers of an ordinary run by group and name."""
    return {
        name: {n: float(value) for n, value in group_numbers(group).items()}
        for name, group in totals.groups.items()
    }


def draws_table(title: str, result: Statistics, central: dict[str, dict[str, float]]) -> Table:
    """Regional numbers over draws for the console."""
    failed = int(np.sum(result.failed))
    flagged = ", ".join(f"{n} {name}" for name, n in result.flagged.items() if n) or "none"
    lacking = int(np.sum(result.missing > 0))
    caption = (
        f"{failed} of {result.failed.size} draws failed (more than {MISSING:.0%} of the area "
        f"missing), {lacking} lack a cell; cells times draws not ok: {flagged}"
    )
    table = Table(title=title, caption=caption)
    for name in ("Tg C or m", "ordinary run", "5 %", "median", "95 %", "mean", "SD", "> 0"):
        table.add_column(name, no_wrap=True, justify="right")
    for name in SHOWN:
        row = summary(result.numbers[REGION][name])
        ordinary = central.get(REGION, {}).get(name)
        cells = (ordinary, row["q05"], row["q50"], row["q95"], row["mean"], row["sd"])
        share = row["above_zero"]
        table.add_row(
            name,
            *("–" if value is None else f"{value:,.4g}" for value in cells),
            "–" if share is None else f"{100 * share:.0f} %",
        )
    return table
