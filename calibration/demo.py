"""Second stage of ``temjax demo``: a first fit of a tower, through its equilibrium."""

from pathlib import Path

from rich.console import Console

from temjax.calibration.cli import fit_with_progress
from temjax.calibration.objective import Objective
from temjax.calibration.report import FitReport
from temjax.calibration.tables import misfit_rows, parameter_table
from temjax.calibration.targets import DEFAULT_TARGETS
from temjax.runtime.machine import command_line
from temjax.sites import load
from temjax.sites.compare import compare, comparison_table

SITE = "haibei-meadow"
NAMES = ("cmax_scale", "respiration_rate_log", "kdc_scale", "nmax_scale", "disequilibrium_factor")
STEPS = 8


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Fit five numbers, write the set and the report, and leave its path in the context."""
    site = load(SITE)
    objective = Objective.of(site, NAMES, DEFAULT_TARGETS)
    result = fit_with_progress(
        objective, console, title=site.name, steps=STEPS, starts=4, tolerance=1e-3
    )
    report = FitReport.of((site,), result, command=command_line())
    paths = report.write(out)
    console.print(parameter_table(report.posterior))
    rows = compare(site, report.runs[0])
    console.print(comparison_table(f"{site.title}: after the fit", rows))
    context["fitted"] = paths["parameters"]
    summary = [("fitted", f"{site.title}: {', '.join(result.names)}"), *misfit_rows(result)]
    for row in rows:
        name = row.series.variable.replace("_", " ")
        summary.append(
            (
                f"{name} (fitted)",
                f"r² {row.skill.squared_correlation:.2f}, NSE {row.skill.nash_sutcliffe:.2f}, "
                f"bias {row.skill.bias:+.2f} {row.series.unit}",
            )
        )
    return summary


stage.order = 20
