"""Second stage of ``temjax demo``: calibration of a tower, through its equilibrium."""

from pathlib import Path

from rich.console import Console

from temjax.calibration.progress import progress_display
from temjax.calibration.run import make_objective, run_calibration
from temjax.calibration.tables import misfit_rows, parameter_table
from temjax.runtime.machine import command_line
from temjax.runtime.terminal import print_table
from temjax.sites import load
from temjax.sites.compare import compare, comparison_table

SITE = "haibei-meadow"
NAMES = ("cmax_scale", "respiration_rate_log", "kdc_scale", "nmax_scale", "disequilibrium_factor")
STEPS = 8


def stage(out: Path, console: Console, context: dict) -> list[tuple[str, str]]:
    """Calibrate five parameters, write set and report; the context gets the path of the set."""
    site = load(SITE)
    objective = make_objective([site], free=NAMES)
    with progress_display(console) as show:
        calibration = run_calibration(
            [site], objective, steps=STEPS, starts=4, tolerance=1e-3, command=command_line(),
            show=show,
        )  # fmt: skip
    paths = calibration.save(out)
    result = calibration.result
    print_table(console, parameter_table(calibration.posterior))
    rows = compare(site, calibration.runs[0])
    print_table(console, comparison_table(f"{site.title}: after the fit", rows))
    context["fitted"] = paths["parameters"]
    summary = [("fitted", f"{site.title}: {', '.join(result.names)}"), *misfit_rows(calibration)]
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
