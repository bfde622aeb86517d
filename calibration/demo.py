"""Second stage of ``temjax demo``: a first fit of a tower, through its equilibrium."""

from pathlib import Path

from rich.console import Console

from calibration.cli import DEFAULT_FREE, DEFAULT_TARGETS, fit_with_progress
from calibration.fit import DESCENT
from calibration.objective import Objective
from calibration.report import fitted_run, misfit_rows, parameter_table, write_fit
from sites import load
from sites.compare import comparison_table
from sites.provenance import command_line

SITE = "haibei-meadow"
STEPS = 10


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Fit five parameters, write the set and figures, and leave its path in the context."""
    site = load(SITE)
    objective = Objective.of(site, DEFAULT_FREE, DEFAULT_TARGETS, options=DESCENT)
    result = fit_with_progress(site, objective, console, steps=STEPS, method="gauss_newton")
    _, rows = fitted_run(site, result)
    paths = write_fit(site, result, rows, out, command=command_line())
    console.print(parameter_table(result))
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
